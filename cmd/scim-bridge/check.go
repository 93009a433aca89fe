package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

func newCheck() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "check", Short: "Check a configuration file and print every problem", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := load(cmd, file); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), file+": no problem")
			return nil
		},
	}
	configFlag(cmd, &file)
	return cmd
}

func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "config.yaml", "the configuration `file`")
}

// printProblems prints each problem, with the line of the file where it may be shown.
func printProblems(out io.Writer, problems []config.Problem) {
	for _, p := range problems {
		fmt.Fprintln(out, p)
		if p.Excerpt != "" {
			line := strconv.Itoa(p.Line)
			fmt.Fprintf(out, "  %s | %s\n  %s | %s^\n", line, p.Excerpt, strings.Repeat(" ", len(line)), strings.Repeat(" ", max(0, p.Column-1)))
		}
	}
}

// load reads the configuration and prints its problems.
func load(cmd *cobra.Command, file string) (config.Config, error) {
	c, problems := config.Load(file)
	if len(problems) == 0 {
		problems = app.MappingProblems(c)
	}
	printProblems(cmd.ErrOrStderr(), problems)
	if len(problems) > 0 {
		return c, codedError{code: exitProblems}
	}
	return c, nil
}
