package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
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
				return makeOAuth(cmd, f)
			}
			if err == nil {
				err = makeToken(cmd, f)
			}
			return err
		},
	}
	f.add(cmd)
	f.oauth.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", "", "what the log calls the client; default: idp and the month, with --oauth oauth")
	flags.IntVar(&f.months, "months", tokenMonths, "how long it is good, in `months`; 0 for ever")
	flags.StringSliceVar(&f.scopes, "scope", nil, "what it is good for: users:read, users:write, groups:read, groups:write, bulk; default: all")
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

// issued is what tokens new prints.
type issued struct {
	result

	Name  string `json:"name"`
	KeyID string `json:"keyID,omitempty"`
	Todo  string `json:"todo,omitempty"` // what the operator has to do

	// Warning says why the endpoint refuses users nevertheless, and Fix what to do.
	Warning string `json:"warning,omitempty"`
	Fix     string `json:"fix,omitempty"`
}

func makeToken(cmd *cobra.Command, f newTokenFlags) error {
	token, text, err := f.token(time.Now())
	if err != nil {
		return codedError{exitUsage, err}
	}
	p, err := f.one(cmd)
	if err != nil {
		return err
	}
	if token.Name, err = ownName(p.tokens(), token, f.name); err != nil {
		return codedError{exitUsage, err}
	}
	taken, todo, err := p.add(cmd.Context(), token)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	warning, fix := p.warn()
	if f.output == "json" {
		return json.NewEncoder(out).Encode(issued{result{BaseURL: p.url(), Token: text, Config: f.file}, token.Name, string(token.KeyID), todo, warning, fix})
	}
	fmt.Fprintf(out, "SCIM URL  %s\n", p.url())
	if text != "" {
		fmt.Fprintf(out, "Token     %s   (shown once)\n", text)
	}
	if fmt.Fprintf(out, "Client    %s\n", token.Name); todo == "" {
		todo = taken + "\n"
	}
	if warning != "" {
		todo += fmt.Sprintf("Warning   %s\n          %s\n", warning, strings.ReplaceAll(fix, "\n", "\n          "))
	}
	_, err = fmt.Fprint(out, todo)
	return err
}

// token is what the flags ask for, and its text, "" for one of another server.
func (f newTokenFlags) token(now time.Time) (t config.Token, text string, err error) {
	if f.months < 0 {
		return t, "", errors.New("--months is 0 or more")
	}
	if f.months > 0 {
		t.Expires.Time = now.UTC().AddDate(0, f.months, 0).Truncate(time.Second)
	}
	if t.Scopes, err = f.tokenScopes(); err != nil {
		return t, "", err
	}
	if f.sha256 != "" {
		if err := t.SHA256.UnmarshalText([]byte(f.sha256)); err != nil {
			return t, "", fmt.Errorf("--sha256 %w", err)
		}
		return t, "", nil
	}
	text, id, sum := auth.NewToken()
	t.KeyID, t.SHA256 = config.KeyID(id), sum
	return t, text, nil
}

// tokenScopes are what the credential shall be good for, none for all.
func (f newTokenFlags) tokenScopes() (out []config.TokenScope, err error) {
	for _, name := range f.scopes {
		var scope config.TokenScope
		if err := scope.UnmarshalText([]byte(name)); err != nil {
			return nil, fmt.Errorf("--scope: %q %w", name, err)
		}
		out = append(out, scope)
	}
	return out, nil
}

// ownName is a name that no other token of the tenant has.
func ownName(tokens []config.Token, token config.Token, asked string) (string, error) {
	taken := func(name string) bool {
		return slices.ContainsFunc(tokens, func(t config.Token) bool { return t.Name == name })
	}
	if slices.ContainsFunc(tokens, func(t config.Token) bool { return t.SHA256 == token.SHA256 }) {
		return "", errors.New("the tenant has that token already")
	}
	if asked != "" {
		if taken(asked) {
			return "", fmt.Errorf("a token is called %s already: give another --name", asked)
		}
		return asked, nil
	}
	name := tokenName + "-" + time.Now().UTC().Format("2006-01")
	for n := 2; taken(name); n++ {
		name = fmt.Sprintf("%s-%s-%d", tokenName, time.Now().UTC().Format("2006-01"), n)
	}
	return name, nil
}
