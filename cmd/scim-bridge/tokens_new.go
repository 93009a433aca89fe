package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// newTokenFlags are the flags of tokens new.
type newTokenFlags struct {
	tokensFlags

	name, sha256 string
	months       int
	scopes       []string
	oauth        oauthFlags
}

func newTokensNew() *cobra.Command {
	var f newTokenFlags
	cmd := &cobra.Command{
		Use: "new", Short: "Make a token for a tenant, keep its hash, and print it once", Args: cobra.NoArgs,
		Long: `Make a token and print it once. Its hash is kept in the tenant's tokensFile, of an
organization that is served by organizations: "*" in the organization's attribute
scim.credentials, signed so that nobody else can make one. Where the hash cannot be
written, it is printed for you to add. Tokens made before stay good.

With --oauth it makes no token. It makes a client of the realm, by which an identity provider
gets its tokens from Keycloak's token endpoint (client credentials, with scope=scim or without),
and has this tenant take them, and no other tenant: it writes accessTokens into the configuration.
It shows its plan, asks, and prints the token endpoint, the client id and the secret once. The
client can do nothing else in Keycloak. Run it again to give the client back what somebody took
from it, with --rotate for another secret; "tokens revoke --oauth" takes it back. The
administrator's name and password are asked for as by setup.`,
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
	flags.StringVar(&f.name, "name", "", "the `name` of the client in the log; default: idp and the month, with --oauth oauth")
	flags.IntVar(&f.months, "months", app.TokenMonths, "the `number` of months that it is good; 0 for ever")
	flags.StringSliceVar(&f.scopes, "scope", nil, "the `scopes` that it is good for: users:read, users:write, groups:read, groups:write, bulk; default: all")
	flags.StringVar(&f.sha256, "sha256", "", "keep this `hash` of a token of another server, of 128 random bits or more, in place of making one")
	return cmd
}

// checkNames refuses a name that the file which it is written into cannot have, before anything is made.
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

// maxName leaves room in the 255 characters of a client id for what stands before the name.
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

// validity says how long a token is good.
func validity(expires *time.Time) string {
	if expires == nil {
		return "it does not expire"
	}
	return "good until " + expires.Format(time.DateOnly)
}

// token is what the flags ask for.
func (f newTokenFlags) token() (out app.NewToken, err error) {
	if f.months < 0 {
		return out, errors.New("--months is 0 or more")
	}
	out.Name, out.Months = f.name, f.months
	if out.Scopes, err = scopesOf(f.scopes); err != nil || f.sha256 == "" {
		return out, err
	}
	out.SHA256 = new(config.Digest)
	if err := out.SHA256.UnmarshalText([]byte(f.sha256)); err != nil {
		return out, fmt.Errorf("--sha256 %w", err)
	}
	return out, nil
}
