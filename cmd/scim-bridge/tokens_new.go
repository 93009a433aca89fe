package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// newTokenFlags are the flags of tokens new.
type newTokenFlags struct {
	tokensFlags

	name, sha256, place string
	months              int
	scopes              []string
	oauth               oauthFlags
}

func newTokensNew() *cobra.Command {
	var f newTokenFlags
	cmd := &cobra.Command{
		Use: "new", Short: "Make a token for a tenant, keep its hash, and print it once", Args: cobra.NoArgs,
		Long: `Make a token and print it once. The bridge keeps only the hash of the token. When a bridge
with a store runs, it keeps the hash in its store. Otherwise, or with --place tenant, the hash is
in the tenant's tokensFile or, for an organization that is served by organizations: "*", in the
organization's attribute scim.credentials. The attribute is signed, so that nobody else can make a
token. When the command cannot write the hash, it prints the hash for you to add. Older tokens
stay valid, wherever they are.

With --oauth the command makes no token. It creates a client of the realm: with this client, an
identity provider gets tokens from Keycloak's token endpoint (client credentials, with or without
scope=scim). It also writes accessTokens into the configuration, so that this tenant accepts the
tokens, and no other tenant does. The command shows its plan, asks, and prints the token endpoint,
the client id and the secret once. The client can do nothing else in Keycloak.

Run the command again to restore what somebody removed from the client, and with --rotate for a
new secret. "tokens revoke --oauth" revokes the client. The administrator's name and password come
from the flags, else from KEYCLOAK_ADMIN and KEYCLOAK_ADMIN_PASSWORD, else from a prompt.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := f.oauth.check(cmd)
			if err == nil {
				err = f.checkNames()
			}
			if err == nil && f.oauth.on {
				return makeOAuth(cmd, f.tokensFlags, f.oauth, f.name, f.scopes)
			}
			if err == nil {
				err = makeToken(cmd, f)
			}
			return err
		},
	}
	f.add(cmd)
	outputFlag(cmd, &f.output)
	f.oauth.add(cmd)
	flags := cmd.Flags()
	choiceFlag(cmd, &f.place, "place", "", "where the hash is kept: in the store of the bridge that runs, or where the tenant keeps its tokens without a store; default: the store when such a bridge answers on admin.socket", admin.InStore, app.PlaceTenant)
	flags.StringVar(&f.name, "name", "", "the `name` of the client in the log; default: idp and the month, or oauth with --oauth")
	flags.IntVar(&f.months, "months", app.TokenMonths, "the `number` of months that the token is valid; 0 for ever")
	flags.StringSliceVar(&f.scopes, "scope", nil, "the `scopes` of the token: users:read, users:write, groups:read, groups:write, bulk; default: all")
	flags.StringVar(&f.sha256, "sha256", "", "take over a token of another server by its `hash`, instead of making a token; the token must have at least 128 random bits")
	return cmd
}

// checkNames refuses a name that cannot be written into the file of tokens, before anything is
// made.
func (f newTokenFlags) checkNames() error {
	for flag, text := range map[string]string{"name": f.name, "client-id": f.oauth.clientID} {
		err := config.CheckText(text)
		switch {
		case text == "":
			continue
		case err == nil && strings.TrimSpace(text) != text:
			err = errors.New("begins or ends with a blank")
		case err == nil && utf8.RuneCountInString(text) > maxName:
			err = fmt.Errorf("is longer than %d characters", maxName)
		}
		if err != nil {
			return codedError{exitUsage, fmt.Errorf("--%s %w", flag, err)}
		}
	}
	return nil
}

// maxName leaves room for a prefix in the 255 characters of a client id.
const maxName = 100

func makeToken(cmd *cobra.Command, f newTokenFlags) error {
	wanted, err := f.token()
	if err != nil {
		return codedError{exitUsage, err}
	}
	c, err := f.load(cmd)
	if err != nil {
		return err
	}
	made, err := app.IssueToken(cmd.Context(), c, f.choice(), wanted)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if f.output == asJSON {
		return json.NewEncoder(out).Encode(made)
	}
	fmt.Fprintf(out, "SCIM URL  %s\n", made.BaseURL)
	if made.Token != "" {
		fmt.Fprintf(out, "Token     %s   (shown once; %s)\n", made.Token, validity(made.Expires))
	}
	fmt.Fprintf(out, "Client    %s\n", made.Name)
	todo := made.Todo
	if todo == "" {
		todo = made.Taken + "\n"
	}
	if made.Warning != "" {
		todo += fmt.Sprintf("Warning   %s\n          %s\n", made.Warning, strings.ReplaceAll(made.Fix, "\n", "\n          "))
	}
	_, err = fmt.Fprint(out, todo)
	return err
}

// validity says how long a token is valid.
func validity(expires *time.Time) string {
	if expires == nil {
		return "does not expire"
	}
	return "valid until " + expires.Format(time.DateOnly)
}

// token returns the token that the flags ask for.
func (f newTokenFlags) token() (out app.NewToken, err error) {
	if f.months < 0 {
		return out, errors.New("--months must be 0 or more")
	}
	out.Name, out.Months, out.Place = f.name, f.months, f.place
	if out.Scopes, err = scopesOf(f.scopes); err != nil || f.sha256 == "" {
		return out, err
	}
	out.SHA256 = new(config.Digest)
	if err := out.SHA256.UnmarshalText([]byte(f.sha256)); err != nil {
		return out, fmt.Errorf("--sha256 %w", err)
	}
	return out, nil
}
