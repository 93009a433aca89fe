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
		Use: "inspect", Short: "Say what a token is and which tenants of the configuration accept it, without any call", Args: cobra.NoArgs,
		Long: `Read a token from standard input, so that no shell history keeps it, and say what the token
is. For a token of scim-bridge, the command says whether the token was copied in full, and its
key id. For an access token, the command prints the claims and does not check the signature. For
every token, it prints the hash: "tokens new --sha256" takes over a token of another server by
this hash. With --config it also says which tenants accept the token. The command calls no
server, so it does not see the tokens of a store: compare the key id with "tokens list".`,
		RunE: func(cmd *cobra.Command, _ []string) error { return inspectToken(cmd, file, o) },
	}
	cmd.Flags().StringVar(&file, "config", "", "the configuration `file`; default: no file")
	outputFlag(cmd, &o, asCSV)
	return cmd
}

func inspectToken(cmd *cobra.Command, file string, o output) error {
	var of *config.Config
	if file != "" {
		c, err := loadUnkeyed(cmd, file)
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
