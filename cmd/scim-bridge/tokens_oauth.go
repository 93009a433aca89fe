package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// oauthFlags are the flags of tokens new --oauth.
type oauthFlags struct {
	on, rotate, yes bool
	clientID        string
	admin           adminFlags

	clientKeys                      string // the URL of the client's own keys
	issuer, keys, audience, subject string // for assertions of another issuer
}

func (f *oauthFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.on, "oauth", false, "create a client of the realm instead of a token: with the client's id and secret, the identity provider gets its tokens from Keycloak")
	flags.StringVar(&f.clientID, "client-id", "", "with --oauth: the client `id`; default: scim, the organization and --name")
	flags.BoolVar(&f.rotate, "rotate", false, "with --oauth: give an existing client a new secret; the old secret then stops working")
	flags.StringVar(&f.clientKeys, "client-keys", "", "with --oauth: the `URL` of the keys with which the client signs its assertions, instead of a secret (private_key_jwt; IPSIE)")
	flags.StringVar(&f.issuer, "federated-issuer", "", "with --oauth: accept assertions of this `issuer` instead of a secret (workload identity federation; Keycloak 26.6 and newer)")
	flags.StringVar(&f.keys, "federated-keys", "", "with --federated-issuer: the `URL` of the issuer's keys")
	flags.StringVar(&f.audience, "federated-audience", "", "with --federated-issuer: the claim `aud` of the assertions; for Entra api:// and the application's id")
	flags.StringVar(&f.subject, "federated-subject", "", "with --federated-issuer: the claim `sub` of the assertions; for Entra the object id of the service principal")
	addAccount(cmd, &f.admin, &f.yes)
}

// oauthOnly lists the flags that need --oauth.
func oauthOnly() []string {
	return []string{"client-id", "rotate", "client-keys", "federated-issuer", "federated-keys", "federated-audience", "federated-subject", "admin-realm", "admin-user", "admin-password", "yes"}
}

// check refuses flags that do not go together.
func (f oauthFlags) check(cmd *cobra.Command) error {
	wrong := func(format string, args ...any) error { return codedError{exitUsage, fmt.Errorf(format, args...)} }
	given := cmd.Flags().Changed
	if !f.on {
		if i := slices.IndexFunc(oauthOnly(), given); i >= 0 {
			return wrong("--%s needs --oauth", oauthOnly()[i])
		}
		return nil
	}
	for _, name := range []string{"sha256", "months", "place"} {
		if given(name) {
			return wrong("--%s cannot be used with --oauth: Keycloak makes these tokens", name)
		}
	}
	if strings.HasPrefix(strings.ToLower(f.clientID), keycloak.ServiceAccountPrefix) {
		return wrong("--client-id must not begin with %s, because tokens of another client could be made to look like tokens of this client", keycloak.ServiceAccountPrefix)
	}
	federated := []string{f.issuer, f.keys, f.audience, f.subject}
	if some := slices.ContainsFunc(federated, func(s string) bool { return s != "" }); some && slices.Contains(federated, "") {
		return wrong("give --federated-issuer, --federated-keys, --federated-audience and --federated-subject together")
	}
	if f.issuer != "" && f.clientKeys != "" {
		return wrong("give --client-keys or --federated-issuer, not both")
	}
	if f.issuer+f.clientKeys != "" && f.rotate {
		return wrong("--rotate cannot be used with assertions: a client that sends assertions has no secret")
	}
	for flag, text := range map[string]string{"client-keys": f.clientKeys, "federated-issuer": f.issuer, "federated-keys": f.keys} {
		var u config.KeysURL
		if text == "" {
			continue
		}
		if err := u.UnmarshalText([]byte(text)); err != nil {
			return wrong("--%s: %q %w. %s", flag, text, err, config.Hint(err))
		}
	}
	return nil
}

func makeOAuth(cmd *cobra.Command, f tokensFlags, o oauthFlags, name string, scopes []string) error {
	options := app.GrantOptions{
		Name: name, ClientID: o.clientID, Rotate: o.rotate, KeysURL: o.clientKeys, Issuer: o.issuer, IssuerKeys: o.keys, Audience: o.audience, Subject: o.subject,
	}
	var err error
	if options.Scopes, err = scopesOf(scopes); err != nil {
		return codedError{exitUsage, err}
	}
	c, err := f.load(cmd)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	grant, err := app.NewGrant(ctx, c, f.choice(), options)
	if err != nil {
		return err
	}
	in := &asker{in: bufio.NewReader(cmd.InOrStdin()), out: cmd.ErrOrStderr()}
	admin, err := o.admin.configured(in, c, grant.Realm)
	if err != nil {
		return err
	}
	changes, err := grant.Plan(ctx, admin)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		fmt.Fprintf(in.out, "realm %s: nothing to change\n", grant.Realm)
	} else if err := in.confirm(o.yes, "realm "+grant.Realm, changes); err != nil {
		return err
	}
	made, err := grant.Make(ctx)
	if err != nil {
		return err
	}
	return printGrant(cmd.OutOrStdout(), made, f.output, o)
}

func printGrant(out io.Writer, g app.Grant, o output, f oauthFlags) error {
	if o == asJSON {
		return json.NewEncoder(out).Encode(g) //nolint:gosec // the secret is shown once, like a token
	}
	fmt.Fprintf(out, "SCIM URL        %s\nToken endpoint  %s\nClient id       %s\n", g.BaseURL, g.TokenEndpoint, g.ClientID)
	switch {
	case g.ClientSecret != "":
		fmt.Fprintf(out, "Client secret   %s   (shown once)\n", g.ClientSecret)
	case f.issuer != "":
		fmt.Fprintf(out, "Assertions      of %s, for %s, by %s\n", f.issuer, f.audience, f.subject)
	case f.clientKeys != "":
		fmt.Fprintf(out, "Assertions      of the client, with the keys at %s\n", f.clientKeys)
	default:
		fmt.Fprintln(out, "Client secret   unchanged, and not shown again: --rotate makes a new secret")
	}
	fmt.Fprintf(out, "Scope           %s, or none\nClient          %s\n", g.Scope, g.Name)
	todo := cmp.Or(g.Todo, app.WithinASecond)
	if g.Warning != "" {
		todo += "\nWarning         " + g.Warning
	}
	_, err := fmt.Fprintln(out, todo)
	return err
}
