package main

import (
	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
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
			log, err := observe.NewLog(string(c.Log.Level))
			if err != nil {
				return err
			}
			bridge, err := app.New(c, app.Options{Log: log, Version: buildVersion()})
			if err != nil {
				return err
			}
			return bridge.Serve(cmd.Context())
		},
	}
	configFlag(cmd, &file)
	return cmd
}
