package main

import (
	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
)

func newServe() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "serve", Short: "Answer SCIM requests until SIGTERM", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd, file)
			if err != nil {
				return err
			}
			return app.Run(cmd.Context(), c, buildVersion())
		},
	}
	configFlag(cmd, &file)
	return cmd
}
