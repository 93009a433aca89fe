package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

func newValidate() *cobra.Command {
	var file string
	var o output
	cmd := &cobra.Command{
		Use: "validate", Short: "Check a mapping file and print every problem", Args: cobra.NoArgs,
		Long: `Check a mapping file and print every problem with its line, column and remedy. The exit code
is 3 when the file has problems. The command also prints the roles (managedRoles) that the
mapping revokes from users and groups because no rule grants them. It needs no Keycloak.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return validate(cmd, file, o) },
	}
	cmd.Flags().StringVarP(&file, "file", "f", "mapping.yaml", "the mapping `file`")
	outputFlag(cmd, &o)
	return cmd
}

func validate(cmd *cobra.Command, file string, o output) error {
	m, problems := app.LoadMapping(config.Tenant{Mapping: file, Profile: config.ProfileTolerant})
	takes := []string{}
	if m != nil {
		takes = append(takes, m.Takes()...)
	}
	switch {
	case o == asJSON:
		if err := json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"file": file, "problems": append([]config.Problem{}, problems...), "warnings": takes}); err != nil {
			return err
		}
	case len(problems) == 0:
		for _, text := range takes {
			fmt.Fprintln(cmd.OutOrStdout(), file+": "+text)
		}
		fmt.Fprintln(cmd.OutOrStdout(), file+": no problem")
	default:
		printProblems(cmd.OutOrStdout(), problems)
	}
	if len(problems) > 0 {
		return codedError{code: exitProblems}
	}
	return nil
}
