package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// oauthFlags are the flags of tokens new --oauth.
type oauthFlags struct {
	on, rotate, yes bool
	clientID        string
	admin           adminFlags

	clientKeys                      string // the URL of the client's own keys
	issuer, keys, audience, subject string // of the assertions of another issuer
}

func (f *oauthFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.on, "oauth", false, "make a client of the realm instead, by whose id and secret the identity provider gets its tokens from Keycloak")
	flags.StringVar(&f.clientID, "client-id", "", "with --oauth: the client `id`; default: scim, the organization and --name")
	flags.BoolVar(&f.rotate, "rotate", false, "with --oauth: give a client that is there another secret, which ends the one before")
	flags.StringVar(&f.clientKeys, "client-keys", "", "with --oauth: the `URL` of the keys with which the client signs who it is, in place of a secret (private_key_jwt; IPSIE)")
	flags.StringVar(&f.issuer, "federated-issuer", "", "with --oauth: take assertions of this `issuer` in place of a secret (workload identity federation; Keycloak 26.6 and newer)")
	flags.StringVar(&f.keys, "federated-keys", "", "with --federated-issuer: the `URL` of its keys")
	flags.StringVar(&f.audience, "federated-audience", "", "with --federated-issuer: the claim `aud` of the assertions; of Entra api:// and the application's id")
	flags.StringVar(&f.subject, "federated-subject", "", "with --federated-issuer: the claim `sub` of the assertions; of Entra the object id of the service principal")
	addAccount(cmd, &f.admin, &f.yes)
}

// addAccount adds the flags of the administrator of a command that reads a configuration.
func addAccount(cmd *cobra.Command, admin *adminFlags, yes *bool) {
	flags := cmd.Flags()
	flags.StringVar(&admin.adminRealm, "admin-realm", "master", "with --oauth: the `realm` of the administrator's account")
	flags.StringVar(&admin.user, "admin-user", "", "with --oauth: the administrator's `name`; default: KEYCLOAK_ADMIN, or asks")
	flags.StringVar(&admin.password, "admin-password", "", "with --oauth: the administrator's `password`; default: KEYCLOAK_ADMIN_PASSWORD, or asks")
	flags.BoolVar(yes, "yes", false, "with --oauth: change without asking")
}

// ofOAuth are the flags that mean something with --oauth alone.
func ofOAuth() []string {
	return []string{"client-id", "rotate", "client-keys", "federated-issuer", "federated-keys", "federated-audience", "federated-subject", "admin-realm", "admin-user", "admin-password", "yes"}
}

// check refuses flags that do not go together.
func (f oauthFlags) check(cmd *cobra.Command) error {
	wrong := func(format string, args ...any) error { return codedError{exitUsage, fmt.Errorf(format, args...)} }
	given := cmd.Flags().Changed
	if !f.on {
		if i := slices.IndexFunc(ofOAuth(), given); i >= 0 {
			return wrong("--%s is for --oauth", ofOAuth()[i])
		}
		return nil
	}
	for _, name := range []string{"sha256", "months"} {
		if given(name) {
			return wrong("--%s is for a token, and Keycloak makes those of --oauth", name)
		}
	}
	if strings.HasPrefix(strings.ToLower(f.clientID), keycloak.ServiceAccountPrefix) {
		return wrong("--client-id must not begin with %s, as tokens of another client could be made to look like its own", keycloak.ServiceAccountPrefix)
	}
	federated := []string{f.issuer, f.keys, f.audience, f.subject}
	if some := slices.ContainsFunc(federated, func(s string) bool { return s != "" }); some && slices.Contains(federated, "") {
		return wrong("give --federated-issuer, --federated-keys, --federated-audience and --federated-subject together")
	}
	if f.issuer != "" && f.clientKeys != "" {
		return wrong("give --client-keys or --federated-issuer, not both")
	}
	if f.issuer+f.clientKeys != "" && f.rotate {
		return wrong("--rotate is for a secret, and a client of assertions has none")
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

// grant is a client by which a tenant's identity provider gets access tokens: what tokens new --oauth prints.
type grant struct {
	BaseURL       string `json:"baseURL"`
	TokenEndpoint string `json:"tokenEndpoint"`
	ClientID      string `json:"clientID"`
	ClientSecret  string `json:"clientSecret,omitempty"` // once
	Scope         string `json:"scope"`
	Name          string `json:"name"`
	Config        string `json:"config"`
	Todo          string `json:"todo,omitempty"`    // what the operator has to do
	Warning       string `json:"warning,omitempty"` // why the tenant would refuse it
}

func makeOAuth(cmd *cobra.Command, f newTokenFlags) error {
	c, err := f.load(cmd)
	if err != nil {
		return err
	}
	p, err := f.place(cmd, c)
	if err != nil {
		return err
	}
	entry, known, err := f.entry(p)
	if err != nil {
		return codedError{exitUsage, err}
	}
	at := p.entry(c)
	in := &asker{in: bufio.NewReader(cmd.InOrStdin()), out: cmd.ErrOrStderr()}
	admin, err := f.oauth.admin.configured(in, c, at.Realm)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	about, err := openID(ctx, admin, c, at.Realm)
	if err != nil {
		return err
	}
	plan, changes, err := realm.PlanOAuth(ctx, admin, f.options(p.tenantKey(), entry, known))
	if err != nil {
		return err
	}
	if err := f.oauth.confirm(in, at.Realm, changes, c.File, known); err != nil {
		return err
	}
	if err := realm.Apply(ctx, changes); err != nil {
		return plan.BrokeOff(ctx, err)
	}
	out := grant{BaseURL: p.url(), TokenEndpoint: about.TokenEndpoint, ClientID: entry.ClientID, Scope: realm.ScopeSCIM, Name: entry.Name, Config: f.file}
	if out.ClientSecret, err = plan.Secret(ctx); err != nil {
		return plan.BrokeOff(ctx, fmt.Errorf("read the client's secret: %w", err))
	}
	if !known {
		out.Todo = keepEntry(c, at, entry)
	}
	out.Warning = tried(ctx, admin, c, at.Realm, entry, out.ClientSecret)
	return out.print(cmd.OutOrStdout(), f)
}

// options are what the realm shall have.
func (f newTokenFlags) options(key string, entry config.AccessToken, known bool) realm.OAuthOptions {
	out := realm.OAuthOptions{ClientID: entry.ClientID, Tenant: key, Audience: entry.Audience, Known: known, Rotate: f.oauth.rotate, KeysURL: f.oauth.clientKeys}
	if f.oauth.issuer != "" {
		out.Federated = &realm.Federated{Issuer: f.oauth.issuer, KeysURL: f.oauth.keys, Audience: f.oauth.audience, Subject: f.oauth.subject}
	}
	return out
}

// oauthName is the name of a client of OAuth that nobody named.
const oauthName = "oauth"

// entry is that of the tenant for the client: the one that is there, or a new one.
func (f newTokenFlags) entry(p place) (entry config.AccessToken, known bool, err error) {
	name := cmp.Or(f.name, oauthName)
	for _, a := range p.accessTokens() {
		switch {
		case a.Name != name && (f.oauth.clientID == "" || a.ClientID != f.oauth.clientID):
		case a.Issuer != "":
			return a, false, fmt.Errorf("%q is a client of another issuer: give another --name", name)
		case f.oauth.clientID != "" && a.ClientID != f.oauth.clientID || f.name != "" && a.Name != f.name:
			return a, false, fmt.Errorf("the tenant takes the tokens of the client %q as %q: give these, or others", a.ClientID, a.Name)
		case len(f.scopes) > 0:
			return a, false, fmt.Errorf("the tenant takes the tokens of %q already: change its scopes in the configuration", a.Name)
		default:
			return a, true, nil
		}
	}
	if slices.ContainsFunc(p.tokens(), func(t config.Token) bool { return t.Name == name }) {
		return entry, false, fmt.Errorf("a token is called %s already: give another --name", name)
	}
	entry = config.AccessToken{Name: name, ClientID: cmp.Or(f.oauth.clientID, clientIDOf(p, name)), Audience: "scim-bridge-" + strings.ToLower(rand.Text())}
	entry.Scopes, err = f.tokenScopes()
	return entry, false, err
}

// clientIDOf is the id of the client of a tenant that nobody named.
func clientIDOf(p place, name string) string {
	path := p.path()
	return "scim-" + path[strings.LastIndexByte(path, '/')+1:] + "-" + name
}

// configured is a client of a realm of a configuration with the administrator's account.
func (f adminFlags) configured(in *asker, c config.Config, realmName string) (*keycloak.Client, error) {
	user, password, err := f.account(in)
	if err != nil {
		return nil, err
	}
	parsed, err := keycloak.ParseRealm(realmName)
	if err != nil {
		return nil, err
	}
	home, err := keycloak.ParseRealm(f.adminRealm)
	if err != nil {
		return nil, err
	}
	c.Keycloak.ResponseTimeout = max(c.Keycloak.ResponseTimeout, config.Duration(adminTimeout))
	transport, err := app.NewTransport(c.Keycloak)
	if err != nil {
		return nil, err
	}
	return keycloak.New(keycloak.Config{BaseURL: string(c.Keycloak.URL), Realm: parsed, TokenRealm: home, Transport: transport, Credentials: keycloak.Password(user, password)})
}

// openID is what the realm says of itself, which has to be what the bridge compares tokens with.
func openID(ctx context.Context, admin *keycloak.Client, c config.Config, realmName string) (keycloak.OpenID, error) {
	about, err := admin.OpenID(ctx)
	if err != nil {
		return about, err
	}
	if want := app.AccessTokens(c, realmName, []config.AccessToken{{}})[0].Issuer; about.Issuer != want {
		return about, fmt.Errorf("the tokens of the realm %s say that their issuer is %s, and the bridge expects %s: write issuer: %q at the realm in %s first", realmName, about.Issuer, want, about.Issuer, c.File)
	}
	return about, nil
}

// confirm shows the plan, with what is written into the configuration, and asks.
func (f oauthFlags) confirm(in *asker, realmName string, changes []realm.Change, file string, known bool) error {
	if len(changes) == 0 && known {
		fmt.Fprintf(in.out, "realm %s: nothing to change\n", realmName)
		return nil
	}
	fmt.Fprintf(in.out, "realm %s, to change:\n", realmName)
	for _, c := range changes {
		fmt.Fprintln(in.out, "  -", c.Text)
	}
	if !known {
		fmt.Fprintf(in.out, "  - %s: take the tokens of that client at this tenant (accessTokens)\n", file)
	}
	if !f.yes && !in.yes("Change this?") {
		return errors.New("nothing was changed")
	}
	return nil
}

// keepEntry writes an entry into the configuration. When this cannot be done from here, it says what the operator
// has to do.
func keepEntry(c config.Config, at config.TenantEntry, entry config.AccessToken) string {
	err := changeConfig(c.File, at.Realm, func(data []byte) ([]byte, error) { return config.WithAccessToken(data, at, entry) }, func(before, after *config.Realm) {
		if list := accessTokensAt(before, at); list != nil {
			if i := indexOf(*accessTokensAt(after, at), entry); i >= 0 && i <= len(*list) {
				*list = slices.Insert(slices.Clone(*list), i, entry)
			}
			return
		}
		after.Organizations.Overrides = slices.DeleteFunc(slices.Clone(after.Organizations.Overrides), func(o config.Override) bool {
			return o.OrganizationID == at.OrganizationID && o.Organization == at.Organization && len(o.AccessTokens) == 1 && indexOf(o.AccessTokens, entry) == 0
		})
	})
	if err == nil {
		return ""
	}
	where := "accessTokens of the tenant in " + c.File
	if at.Override && at.Index < 0 {
		where = fmt.Sprintf("organizations.overrides of the realm in %s, as accessTokens of an entry with organization: %q and organizationID: %q", c.File, at.Organization, at.OrganizationID)
	}
	return fmt.Sprintf("The file was not changed (%v). Add this to %s:\n  - %s", err, where, entry.Render())
}

// indexOf is where an entry stands in a list, -1 for nowhere.
func indexOf(list []config.AccessToken, entry config.AccessToken) int {
	return slices.IndexFunc(list, func(a config.AccessToken) bool { return a.Render() == entry.Render() })
}

// accessTokensAt is the list of a tenant, nil for one that has no entry in the configuration.
func accessTokensAt(r *config.Realm, at config.TenantEntry) *[]config.AccessToken {
	switch {
	case at.Index < 0:
		return nil
	case at.Override:
		return &r.Organizations.Overrides[at.Index].AccessTokens
	}
	return &r.Tenants[at.Index].AccessTokens
}

// tried gets a token with a secret and says why the tenant would not take it, "" when it would.
func tried(ctx context.Context, admin *keycloak.Client, c config.Config, realmName string, entry config.AccessToken, secret string) string {
	if secret == "" {
		return ""
	}
	token, err := admin.TokenOf(ctx, entry.ClientID, secret, realm.ScopeSCIM)
	if err != nil {
		return fmt.Sprintf("Keycloak gave no token for the new secret: %v", err)
	}
	_, claims, err := auth.ParseClaims(token)
	if err == nil {
		err = auth.Fits(&app.AccessTokens(c, realmName, []config.AccessToken{entry})[0], claims, time.Now())
	}
	if err != nil {
		return fmt.Sprintf("the tenant does not take the token that Keycloak gave: %v", auth.Cause(err))
	}
	return ""
}

func (g grant) print(out io.Writer, f newTokenFlags) error {
	if f.output == "json" {
		return json.NewEncoder(out).Encode(g) //nolint:gosec // the secret is shown once, as is a token
	}
	fmt.Fprintf(out, "SCIM URL        %s\nToken endpoint  %s\nClient id       %s\n", g.BaseURL, g.TokenEndpoint, g.ClientID)
	switch {
	case g.ClientSecret != "":
		fmt.Fprintf(out, "Client secret   %s   (shown once)\n", g.ClientSecret)
	case f.oauth.issuer != "":
		fmt.Fprintf(out, "Assertions      of %s, for %s, by %s\n", f.oauth.issuer, f.oauth.audience, f.oauth.subject)
	case f.oauth.clientKeys != "":
		fmt.Fprintf(out, "Assertions      of the client, with the keys at %s\n", f.oauth.clientKeys)
	default:
		fmt.Fprintln(out, "Client secret   as before, and not shown again: --rotate makes another one")
	}
	fmt.Fprintf(out, "Scope           %s, or none\nClient          %s\n", g.Scope, g.Name)
	todo := cmp.Or(g.Todo, withinASecond)
	if g.Warning != "" {
		todo += "\nWarning         " + g.Warning
	}
	_, err := fmt.Fprintln(out, todo)
	return err
}
