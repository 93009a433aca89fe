package main

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

func newTokensInspect() *cobra.Command {
	var file string
	var o output
	cmd := &cobra.Command{
		Use: "inspect", Short: "Say what a token is and which tenants of the configuration take it, without any call", Args: cobra.NoArgs,
		Long: `Read a token from standard input, so that no history of a shell keeps it, and say what it
is. Of a token of scim-bridge: whether it was copied in full, and its key id. Of an access
token: its claims, without looking at its signature. Of any: its hash, by which tokens new
--sha256 takes a token of another server over. With --config also which tenants take it.
It calls nobody.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return inspectToken(cmd, file, o) },
	}
	cmd.Flags().StringVar(&file, "config", "", "the configuration `file`; default: none")
	outputFlag(cmd, &o, asCSV)
	return cmd
}

func inspectToken(cmd *cobra.Command, file string, o output) error {
	var of *config.Config
	if file != "" {
		c, err := load(cmd, file)
		if err != nil {
			return err
		}
		of = &c
	}
	in := asker{in: bufio.NewReader(cmd.InOrStdin()), out: cmd.ErrOrStderr()}
	token, err := in.first("token: ", true)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	lines, err := app.InspectToken(strings.TrimSpace(token), of, time.Now())
	if err != nil {
		return err
	}
	return printRecord(cmd.OutOrStdout(), o, lines, lines)
}
