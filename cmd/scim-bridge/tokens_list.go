package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

func newTokensList() *cobra.Command {
	var f tokensFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List the tokens of a tenant, or of all, without their secrets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listTokens(cmd, f) },
	}
	f.add(cmd)
	return cmd
}

// listed is a token as tokens list shows it.
type listed struct {
	Tenant  string     `json:"tenant"`
	Name    string     `json:"name"`
	KeyID   string     `json:"keyID,omitempty"`
	Scopes  []string   `json:"scopes"`
	Expires *time.Time `json:"expires,omitempty"`
	State   string     `json:"state"` // good, expires soon or expired
	// ClientID and Issuer say whose access tokens are taken; of a token they are absent. Without an issuer it is a
	// client of the realm.
	ClientID string `json:"clientID,omitempty"`
	Issuer   string `json:"issuer,omitempty"`
}

func listTokens(cmd *cobra.Command, f tokensFlags) error {
	c, err := f.load(cmd)
	if err != nil {
		return err
	}
	places, err := f.places(cmd, c)
	if err != nil {
		return err
	}
	out, now := []listed{}, time.Now()
	for _, p := range places {
		for _, t := range p.tokens() {
			out = append(out, show(p.path(), t, now))
		}
		for _, a := range p.accessTokens() {
			out = append(out, listed{Tenant: p.path(), Name: a.Name, ClientID: a.ClientID, Issuer: string(a.Issuer), State: "good", Scopes: strings.Fields(tenant.ScopesOf(a.Scopes).String())})
		}
	}
	if f.output == "json" {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(out)
	}
	return printTokens(cmd.OutOrStdout(), out)
}

// places are those of all tenants, or of the one that is meant.
func (f tokensFlags) places(cmd *cobra.Command, c config.Config) ([]place, error) {
	if f.tenant != "" || f.organization != "" {
		p, err := f.place(cmd, c)
		return []place{p}, err
	}
	var out []place
	for _, realm := range slices.Sorted(maps.Keys(c.Realms)) {
		for _, t := range c.Realms[realm].Tenants {
			out = append(out, filePlace{t, ""})
		}
		if c.Realms[realm].Organizations.All {
			more, err := organizationPlaces(cmd.Context(), c, realm)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		}
	}
	return out, nil
}

// organizationPlaces are those of all organizations of a realm.
func organizationPlaces(ctx context.Context, c config.Config, name string) ([]place, error) {
	client, err := realmClient(c, name)
	if err != nil {
		return nil, err
	}
	list, err := keycloak.Everything(func(first int) ([]keycloak.Organization, error) {
		return client.Organizations(ctx, first, keycloak.MaxPage)
	})
	var revoked realm.Revoked
	if err == nil {
		revoked, err = realm.ReadRevoked(ctx, client)
	}
	if err != nil {
		return nil, app.RefusedAccount(c, name, err)
	}
	out := make([]place, len(list))
	for i, o := range list {
		if out[i], err = newOrganizationPlace(c, name, client, o, revoked); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func show(path string, t config.Token, now time.Time) listed {
	out := listed{Tenant: path, Name: t.Name, KeyID: string(t.KeyID), State: "good", Scopes: strings.Fields(tenant.ScopesOf(t.Scopes).String())}
	if t.Expires.IsZero() {
		return out
	}
	out.Expires = &t.Expires.Time
	switch left := t.Expires.Sub(now); {
	case left <= 0:
		out.State = "expired"
	case left <= tenant.SoonExpires:
		out.State = "expires soon"
	}
	return out
}

func printTokens(out io.Writer, all []listed) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TENANT\tCLIENT\tKEY ID\tEXPIRES\tSTATE\tSCOPES")
	for _, t := range all {
		expires, id := "never", "-"
		if t.Expires != nil {
			expires = t.Expires.Format(time.DateOnly)
		}
		if t.KeyID != "" {
			id = t.KeyID
		}
		if t.ClientID+t.Issuer != "" {
			expires, t.State = "-", "OAuth, client "+cmp.Or(t.ClientID, "of "+t.Issuer)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.Tenant, t.Name, id, expires, t.State, strings.Join(t.Scopes, " "))
	}
	return w.Flush()
}

func newTokensRevoke() *cobra.Command {
	var f tokensFlags
	var oauth revokeFlags
	cmd := &cobra.Command{
		Use: "revoke CLIENT|KEYID", Short: "Take a token back, by the name of its client or its key id", Args: exactly("the name or the key id of the token"),
		Long: `Take a token back. Of a tenant of the configuration it is removed from its tokensFile. Of an
organization that is served by organizations: "*" it is also remembered, by its hash, in
scim.revoked of the bridge's own service account until the token would have ended: who may
edit organizations cannot bring it back.

With --oauth take back the client that "tokens new --oauth" made: its entry goes from accessTokens
of the configuration, so that the tokens that it has are refused, and then Keycloak deletes it. It
shows its plan and asks. --keep-client leaves the client; one that the command did not make stays
in any case.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := oauth.check(cmd)
			if err == nil && oauth.on {
				return revokeOAuth(cmd, f, oauth, args[0])
			}
			if err == nil {
				err = revokeToken(cmd, f, args[0])
			}
			return err
		},
	}
	f.add(cmd)
	oauth.add(cmd)
	return cmd
}

// revokeToken takes the one token back that a name or a key id stands for. An organization may have
// several entries of one token.
func revokeToken(cmd *cobra.Command, f tokensFlags, which string) error {
	p, err := f.one(cmd)
	if err != nil {
		return err
	}
	var found []config.Token
	for _, t := range p.tokens() {
		same := func(other config.Token) bool { return other.SHA256 == t.SHA256 }
		if (t.Name == which || string(t.KeyID) == which) && !slices.ContainsFunc(found, same) {
			found = append(found, t)
		}
	}
	switch {
	case len(found) == 0 && slices.ContainsFunc(p.accessTokens(), func(a config.AccessToken) bool { return a.Name == which }):
		return codedError{exitUsage, fmt.Errorf("%q is an entry of accessTokens: say --oauth", which)}
	case len(found) == 0:
		return codedError{exitUsage, fmt.Errorf("the tenant %s has no token %q; this shows them: %s", p.path(), which, tenant.CommandLine("scim-bridge", "tokens", "list", "--config", f.file, "--tenant", p.path()))}
	case len(found) > 1:
		return codedError{exitUsage, fmt.Errorf("%d tokens are called %q: give the key id", len(found), which)}
	}
	taken, err := p.remove(cmd.Context(), found[0])
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Revoked   %s\n%s\n", found[0].Name, taken)
	return err
}
