package main

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
)

func newMapping() *cobra.Command {
	cmd := &cobra.Command{Use: "mapping", Short: "Work with mapping files", Args: cobra.NoArgs}
	cmd.AddCommand(newMappingImport())
	return cmd
}

func newMappingImport() *cobra.Command {
	var f adminFlags
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Print the mapping file that replaces the annotations of a realm's user profile",
		Long: `Print a mapping file that stores attributes where Keycloak's own SCIM API stores them. The
command reads the annotations kc.scim.schema.attribute of the realm's user profile. With this
file a realm can move to the bridge, or back. What the command could not convert is a comment in
the file. The command changes nothing.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return importMapping(cmd, f) },
	}
	f.add(cmd)
	return cmd
}

func importMapping(cmd *cobra.Command, f adminFlags) error {
	if f.realm == "" {
		return codedError{exitUsage, errors.New("--realm is required: it names the realm to read")}
	}
	admin, err := f.admin(&asker{in: bufio.NewReader(cmd.InOrStdin()), out: cmd.ErrOrStderr()})
	if err != nil {
		return err
	}
	text, err := app.MappingOfRealm(cmd.Context(), admin)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(cmd.OutOrStdout(), text)
	return err
}
