package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// GrantOptions say which client of a realm gets access tokens for a tenant.
type GrantOptions struct {
	Name     string // the name in the log; "" for a default name
	ClientID string // "" to make an id from the tenant and the name
	Scopes   []config.TokenScope
	Rotate   bool   // give an existing client a new secret
	KeysURL  string // the URL of the keys with which the client signs its assertions instead of a secret; "" to use a secret
	// Issuer is the issuer of assertions that replace the secret; "" to use a secret. The other fields are the URL of
	// its keys and the claims aud and sub.
	Issuer, IssuerKeys, Audience, Subject string
}

// Grant is a client with which a tenant's identity provider gets access tokens. The command tokens new --oauth prints
// it.
type Grant struct {
	BaseURL       string `json:"baseURL"`
	TokenEndpoint string `json:"tokenEndpoint"`
	ClientID      string `json:"clientID"`
	ClientSecret  string `json:"clientSecret,omitempty"` // only shown once
	Scope         string `json:"scope"`
	Name          string `json:"name"`
	Config        string `json:"config"`
	Todo          string `json:"todo,omitempty"`    // what the operator has to do
	Warning       string `json:"warning,omitempty"` // why the tenant would refuse the tokens
}

// GrantPlan is what has to change so that a tenant accepts the tokens of a client of its realm.
type GrantPlan struct {
	Realm string

	config  config.Config
	place   tokenPlace
	options GrantOptions
	entry   config.AccessToken
	known   bool // the tenant accepts the tokens of the client already
	admin   *keycloak.Client
	about   keycloak.OpenID
	client  *realm.OAuth
	changes []realm.Change
}

// NewGrant finds the chosen tenant, and the name and the id of the client.
func NewGrant(ctx context.Context, c config.Config, of TokenChoice, o GrantOptions) (*GrantPlan, error) {
	p, err := of.place(ctx, c)
	if err != nil {
		return nil, err
	}
	entry, known, err := o.entry(p)
	if err != nil {
		return nil, UsageError{err}
	}
	return &GrantPlan{Realm: p.entry(c).Realm, config: c, place: p, options: o, entry: entry, known: known}, nil
}

// oauthName is the default name of an OAuth client.
const oauthName = "oauth"

// entry is the tenant's entry for the client: the existing one, or a new one.
func (o GrantOptions) entry(p tokenPlace) (entry config.AccessToken, known bool, err error) {
	name := cmp.Or(o.Name, oauthName)
	for _, a := range p.accessTokens() {
		switch {
		case a.Name != name && (o.ClientID == "" || a.ClientID != o.ClientID):
		case a.Issuer != "":
			return a, false, fmt.Errorf("%q is a client of another issuer: choose another --name", name)
		case o.ClientID != "" && a.ClientID != o.ClientID || o.Name != "" && a.Name != o.Name:
			return a, false, fmt.Errorf("the tenant already accepts the tokens of the client %q under the name %q: use both, or choose another client id and name", a.ClientID, a.Name)
		case len(o.Scopes) > 0:
			return a, false, fmt.Errorf("the tenant already accepts the tokens of %q: change its scopes in the configuration", a.Name)
		default:
			return a, true, nil
		}
	}
	if slices.ContainsFunc(p.tokens(), func(t config.Token) bool { return t.Name == name }) {
		return entry, false, fmt.Errorf("a token with the name %s exists already: choose another --name", name)
	}
	return config.AccessToken{Name: name, ClientID: cmp.Or(o.ClientID, clientIDOf(p, name)), Audience: "scim-bridge-" + strings.ToLower(rand.Text()), Scopes: o.Scopes}, false, nil
}

// clientIDOf is the default id of a tenant's client.
func clientIDOf(p tokenPlace, name string) string {
	path := p.path()
	return "scim-" + path[strings.LastIndexByte(path, '/')+1:] + "-" + name
}

// Plan lists what Make would change; the list is empty when nothing is left to do. Plan changes nothing. admin is an
// administrator's client of Realm.
func (g *GrantPlan) Plan(ctx context.Context, admin *keycloak.Client) (todo []string, err error) {
	g.admin = admin
	if g.about, err = openID(ctx, admin, g.config, g.Realm); err != nil {
		return nil, err
	}
	o := realm.OAuthOptions{ClientID: g.entry.ClientID, Tenant: g.place.tenantKey(), Audience: g.entry.Audience, Known: g.known, Rotate: g.options.Rotate, KeysURL: g.options.KeysURL}
	if g.options.Issuer != "" {
		o.Federated = &realm.Federated{Issuer: g.options.Issuer, KeysURL: g.options.IssuerKeys, Audience: g.options.Audience, Subject: g.options.Subject}
	}
	if g.client, g.changes, err = realm.PlanOAuth(ctx, admin, o); err != nil {
		return nil, err
	}
	todo = texts(g.changes)
	if !g.known {
		todo = append(todo, g.config.File+": accept the tokens of that client at this tenant (accessTokens)")
	}
	return todo, nil
}

// texts describe changes for the operator.
func texts(changes []realm.Change) []string {
	out := make([]string, len(changes))
	for i, c := range changes {
		out[i] = c.Text
	}
	return out
}

// Make carries out the plan, and tests the new secret.
func (g *GrantPlan) Make(ctx context.Context) (out Grant, err error) {
	if err := realm.Apply(ctx, g.changes); err != nil {
		return out, g.client.BrokeOff(ctx, err)
	}
	out = Grant{BaseURL: g.place.url(), TokenEndpoint: g.about.TokenEndpoint, ClientID: g.entry.ClientID, Scope: realm.ScopeSCIM, Name: g.entry.Name, Config: g.config.File}
	if out.ClientSecret, err = g.client.Secret(ctx); err != nil {
		return out, g.client.BrokeOff(ctx, fmt.Errorf("read the client's secret: %w", err))
	}
	if !g.known {
		out.Todo = g.keep()
	}
	out.Warning = tried(ctx, g.admin, g.config, g.Realm, g.entry, out.ClientSecret)
	return out, nil
}

// keep writes the entry into the configuration. When it cannot, it returns what the operator has to do.
func (g *GrantPlan) keep() string {
	at := g.place.entry(g.config)
	err := config.AddAccessToken(g.config.File, at, g.entry)
	if err == nil {
		return ""
	}
	where := "accessTokens of the tenant in " + g.config.File
	if at.Override && at.Index < 0 {
		where = fmt.Sprintf("organizations.overrides of the realm in %s, as accessTokens of an entry with organization: %q and organizationID: %q", g.config.File, at.Organization, at.OrganizationID)
	}
	return fmt.Sprintf("The file was not changed (%v). Add this to %s:\n  - %s", err, where, g.entry.Render())
}

// openID reads the realm's OpenID configuration. Its issuer must be the issuer that the bridge expects in tokens.
func openID(ctx context.Context, admin *keycloak.Client, c config.Config, realmName string) (keycloak.OpenID, error) {
	about, err := admin.OpenID(ctx)
	if err != nil {
		return about, err
	}
	if want := AccessTokens(c, realmName, []config.AccessToken{{}})[0].Issuer; about.Issuer != want {
		return about, fmt.Errorf("the tokens of the realm %s have the issuer %s, and the bridge expects %s: write issuer: %q at the realm in %s first", realmName, about.Issuer, want, about.Issuer, c.File)
	}
	return about, nil
}

// tried gets a token with the secret. It returns why the tenant would refuse the token, or "".
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
		err = auth.Fits(&AccessTokens(c, realmName, []config.AccessToken{entry})[0], claims, time.Now())
	}
	if err != nil {
		return fmt.Sprintf("the tenant refuses the token that Keycloak gave: %v", auth.Cause(err))
	}
	return ""
}
