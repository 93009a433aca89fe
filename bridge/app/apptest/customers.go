package apptest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// Member makes a user a member of acme when the tenant is an organization's.
func (c Customers) Member(t *testing.T, of, id string) {
	t.Helper()
	if of == "organization" {
		c.Admit(t, id, "acme")
	}
}

// BothTenants returns a bridge for the realm's tenant, and a bridge for an organization's tenant.
func (c Customers) BothTenants() map[string]Bridge {
	return map[string]Bridge{"realm": c.Realm, "organization": c.Of["acme"]}
}

// ConsoleGroup makes a group at the place where a tenant has its groups, as an administrator does. In the realm the
// group gets a role; roles of an organization's groups have no effect in Keycloak.
func (c Customers) ConsoleGroup(t *testing.T, of, name string) string {
	t.Helper()
	b := c.BothTenants()[of]
	found := b.App.Watcher.Tenants.ByPath(b.Path(t))
	parent := found.Fitness().Resolved.Groups[found.Mapping.GroupParent]
	if found.Mapping.GroupParent == "" && of == "organization" {
		parent = c.IDs["acme"].TopLevel()
	}
	id := b.MakeGroup(t, name, parent)
	if of == "realm" {
		b.Grant(t, id, b.MakeRole(t, c.Server, "", "role-of-"+name))
	}
	return id.String()
}

// HeldGroup reads a group directly from Keycloak.
func (c Customers) HeldGroup(t *testing.T, of, id string) (keycloak.Group, error) {
	t.Helper()
	return c.Realm.Admin.Group(t.Context(), c.GroupID(t, of, id))
}

// GroupID is the id of a tenant's group, which can be a group of an organization.
func (c Customers) GroupID(t *testing.T, of, text string) keycloak.GroupID {
	t.Helper()
	found := c.Realm.App.Watcher.Tenants.ByPath(c.BothTenants()[of].Path(t))
	parse := keycloak.ParseGroupID
	if of == "organization" && found.Fitness().OrganizationGroups {
		parse = c.IDs["acme"].ParseGroupID
	}
	id, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// LeavingOnDelete sets onDelete of every tenant, and limits every tenant to its own users.
func LeavingOnDelete(policy config.OnDelete) func(*config.Config) {
	return EachTenant(func(t *config.Tenant) { t.OnDelete, t.Scope = policy, config.ScopeOwned })
}

// OrganizationGroups reports whether organizations have groups on this server.
func (b Bridge) OrganizationGroups(t *testing.T) bool {
	t.Helper()
	return b.App.Watcher.Tenants.ByPath(b.Path(t)).Fitness().OrganizationGroups
}

// Sessions counts the login sessions of an account.
func (c Customers) Sessions(t *testing.T, id string) int {
	t.Helper()
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(AdminGet(t, c.Server, "/admin/realms/"+c.Realm.Realm+"/users/"+id+"/sessions")), &list); err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// Provider makes the identity provider "idp" with a user, and returns the user's id there. The identity provider
// belongs to the organization alias, or to the realm when alias is "".
func (c Customers) Provider(t *testing.T, alias, name string) (sub string) {
	t.Helper()
	return c.ProviderThat(t, alias, name, true)
}

// ProviderThat is Provider; trusted says whether the realm accepts the provider's e-mail addresses as verified.
func (c Customers) ProviderThat(t *testing.T, alias, name string, trusted bool) (sub string) {
	t.Helper()
	there := c.IdentityProvider(t, "idp", alias, trusted)
	AdminSend(t, c.Server, http.MethodPost, "/admin/realms/"+c.Realm.Realm+"/clients", `{"clientId":"app","publicClient":true,"standardFlowEnabled":true,"redirectUris":["http://app.test/*"]}`)
	c.PersonAt(t, there, name)
	list, err := there.Users(t.Context(), keycloak.UserQuery{Username: name})
	if err != nil || len(list) != 1 {
		t.Fatalf("the users of the identity provider are %v, %v", list, err)
	}
	return list[0].ID
}

// PersonAt makes a user of an identity provider.
func (c Customers) PersonAt(t *testing.T, there *keycloak.Client, name string) {
	t.Helper()
	AdminSend(t, c.Server, http.MethodPost, "/admin/realms/"+there.Realm().String()+"/users", fmt.Sprintf(
		`{"username":%q,"email":%q,"emailVerified":true,"firstName":"F","lastName":"L","enabled":true,"credentials":[{"type":"password","value":"pw"}]}`, name, name))
}

// IdentityProvider makes an identity provider of the realm, which is another realm of the server. It belongs to the
// organization of, or to the realm when of is "".
func (c Customers) IdentityProvider(t *testing.T, alias, of string, trusted bool) *keycloak.Client {
	t.Helper()
	provider, there := NewEmptyRealm(t, c.Server)
	AdminSend(t, c.Server, http.MethodPost, "/admin/realms/"+provider+"/clients",
		`{"clientId":"app-of-idp","secret":"s","publicClient":false,"standardFlowEnabled":true,"redirectUris":["`+c.Server.URL+`/*"]}`)
	oidc := c.Server.URL + "/realms/" + provider + "/protocol/openid-connect"
	realm := "/admin/realms/" + c.Realm.Realm
	AdminSend(t, c.Server, http.MethodPost, realm+"/identity-provider/instances",
		`{"alias":"`+alias+`","providerId":"oidc","enabled":true,"trustEmail":`+strconv.FormatBool(trusted)+`,"config":{"clientId":"app-of-idp","clientSecret":"s","authorizationUrl":"`+oidc+`/auth","tokenUrl":"`+oidc+`/token","userInfoUrl":"`+oidc+`/userinfo","clientAuthMethod":"client_secret_post","kc.org.domain":"`+of+`.test"}}`)
	if of != "" {
		AdminSend(t, c.Server, http.MethodPost, realm+"/organizations/"+c.IDs[of].String()+"/identity-providers", `"`+alias+`"`)
	}
	return there
}

// LogIn logs a user in through the identity provider and must end at the application. Keycloak must not show another
// form than the identity provider's.
func (c Customers) LogIn(t *testing.T, name string) {
	t.Helper()
	if last := c.TryLogIn(t, name); last != "" {
		t.Fatalf("the login of %s ends at:\n%s", name, last)
	}
}

// TryLogIn is LogIn that may fail. last is the page where the login ends, or "".
func (c Customers) TryLogIn(t *testing.T, name string) (last string) {
	t.Helper()
	return Login(t, c.AuthURL("auth", "idp"), url.Values{"username": {name}, "password": {"pw"}})
}

// AuthURL is the URL that begins a login through an identity provider, or a registration.
func (c Customers) AuthURL(endpoint, hint string) string {
	return c.Server.URL + "/realms/" + c.Realm.Realm + "/protocol/openid-connect/" + endpoint + "?" + url.Values{
		"client_id": {"app"}, "redirect_uri": {"http://app.test/done"}, "response_type": {"code"}, "scope": {"openid"}, "kc_idp_hint": {hint},
	}.Encode()
}

// Brokered makes a member by a first login. The account belongs to the organization.
func (c Customers) Brokered(t *testing.T, alias, name string) keycloak.UserID {
	t.Helper()
	c.Provider(t, alias, name)
	return c.FirstLogin(t, name)
}

// FirstLogin is the first login of a user of the identity provider, which makes the account.
func (c Customers) FirstLogin(t *testing.T, name string) keycloak.UserID {
	t.Helper()
	c.LogIn(t, name)
	list, err := c.Realm.Admin.Users(t.Context(), keycloak.UserQuery{Username: name})
	if err != nil || len(list) != 1 {
		t.Fatalf("after the login the users %s are %v, %v", name, list, err)
	}
	id, err := keycloak.ParseUserID(list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// FormAction finds the URL to which a page of Keycloak sends its form.
var FormAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)

// Login opens a page and sends its form as a browser does. last is the page where the login ends; "" when it ends at
// the application.
func Login(t *testing.T, target string, form url.Values) (last string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	done := false
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "app.test" {
			done = true
			return http.ErrUseLastResponse
		}
		return nil
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	page := open(t, browser, req)
	action := FormAction.FindStringSubmatch(page)
	if action == nil {
		t.Fatalf("no form to log in:\n%s", page)
	}
	req, err = http.NewRequestWithContext(t.Context(), http.MethodPost, html.UnescapeString(action[1]), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if page = open(t, browser, req); done {
		return ""
	}
	return page
}

func open(t *testing.T, browser *http.Client, req *http.Request) string {
	t.Helper()
	res, err := browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// ScopeOwned limits the tenant of the realm to the users that it made.
func ScopeOwned(c *config.Config) {
	EachTenant(func(t *config.Tenant) {
		if t.Organization == "" {
			t.Scope = config.ScopeOwned
		}
	})(c)
}

// GoneOwner is a key that no tenant has.
const GoneOwner = "5a8c2c3e-0000-4000-8000-000000000000"

// NewEvery makes a bridge that serves every organization that has a credential. The realm has the organizations acme
// and globex.
func NewEvery(t *testing.T, server keycloaktest.Server) Customers {
	t.Helper()
	return NewStoredEvery(t, server, nil)
}

// NewStoredEvery is NewEvery for a bridge with a store; nil for no store.
func NewStoredEvery(t *testing.T, server keycloaktest.Server, s store.Store) Customers {
	t.Helper()
	realm, admin := NewEmptyRealm(t, server)
	AdminSend(t, server, http.MethodPut, "/admin/realms/"+realm, `{"organizationsEnabled":true}`)
	out := Customers{Server: server, Of: map[string]Bridge{}, IDs: map[string]keycloak.OrganizationID{}}
	for _, alias := range []string{"acme", "globex"} {
		out.AddOrganization(t, admin, alias)
	}
	made := RunSetup(t, server, realm, "--all-organizations", "--allow-manage-realm")
	c, problems := config.Load(made.Config)
	if len(problems) > 0 {
		t.Fatalf("the configuration that setup wrote has problems: %v", problems)
	}
	listener, file := NewListener(), c
	c.Server.PublicURL = config.URL("http://" + listener.Listener.Addr().String())
	a := newTestAppOf(t, c, appOptions{Options: app.Options{File: &file, Store: s}})
	out.Realm = Bridge{Server: server, Admin: admin, Realm: realm, Config: c, File: made.Config, App: a, Client: &client.Client{Base: string(c.Server.PublicURL) + "/realms/x", HTTP: http.DefaultClient}}
	ServeHandler(t, listener, a.Handler, out.Realm)
	return out
}

// AddOrganization makes an organization.
func (c Customers) AddOrganization(t *testing.T, admin *keycloak.Client, alias string) {
	t.Helper()
	id, err := admin.CreateOrganization(t.Context(), keycloak.NewOrganization{
		Name: alias, Alias: alias, Domains: []keycloak.Domain{{Name: alias + ".test", Verified: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.IDs[alias] = id
}

// NewToken adds a token to an organization, as the command tokens new does.
func (c Customers) NewToken(t *testing.T, alias string) Bridge {
	t.Helper()
	o, err := c.Realm.Admin.Organization(t.Context(), c.IDs[alias])
	if err != nil {
		t.Fatal(err)
	}
	entries := o.Attributes[auth.AttrCredentials]
	text, keyID, sum := auth.NewToken()
	token := tenant.Token{Name: fmt.Sprintf("%s-%d", app.TokenName, len(entries)+1), KeyID: keyID, SHA256: sum, Scopes: tenant.AllScopes, Expires: time.Now().UTC().AddDate(1, 0, 0).Truncate(time.Second)}
	entry, err := auth.Entry([]byte(c.Realm.Config.Realms[c.Realm.Realm].CredentialKey.Reveal()), o.ID, token)
	if err == nil {
		err = c.Realm.Admin.SetOrganizationAttribute(t.Context(), c.IDs[alias], auth.AttrCredentials, append(slices.Clone(entries), entry))
	}
	if err != nil {
		t.Fatal(err)
	}
	b := c.Realm.At(c.Realm.Realm + "/organizations/" + alias)
	b.Token = text
	return b
}

// Check runs a check of the realms, which must succeed.
func (c Customers) Check(t *testing.T) {
	t.Helper()
	if !c.Realm.App.Watcher.Check(t.Context()) {
		t.Errorf("the realm is not fit: %v", c.Realm.App.Watcher.Tenants.All()[0].Fitness())
	}
}

// Override is the text of the configuration that replaces organizations: "*", with an override for one organization.
func (c Customers) Override(alias, keys string) string {
	return fmt.Sprintf("organizations: { overrides: [{ organization: %s, organizationID: %q%s }] }", alias, c.IDs[alias], keys)
}

// Customers is a bridge for organizations of one realm, and for the realm itself.
type Customers struct {
	Server keycloaktest.Server
	Realm  Bridge
	Of     map[string]Bridge // by alias
	IDs    map[string]keycloak.OrganizationID
}

// NewCustomers makes a realm with the organizations acme and globex. It runs setup for acme, and adds tenants for
// globex and the realm to the configuration.
func NewCustomers(t *testing.T, server keycloaktest.Server, edit func(*config.Config), setup ...string) Customers {
	t.Helper()
	return newCustomers(t, server, edit, appOptions{}, setup...)
}

// NewCustomersWith is NewCustomers for a bridge that keeps its changes in a store.
func NewCustomersWith(t *testing.T, server keycloaktest.Server, s store.Store, setup ...string) Customers {
	t.Helper()
	return newCustomers(t, server, nil, appOptions{Options: app.Options{Store: s}}, setup...)
}

// NewStoredCustomers is NewCustomers for a bridge with the SQLite store that setup describes. See NewStoredBridge.
func NewStoredCustomers(t *testing.T, server keycloaktest.Server, edit func(*config.Config), setup ...string) Customers {
	t.Helper()
	return newCustomers(t, server, edit, appOptions{sqlite: true}, setup...)
}

func newCustomers(t *testing.T, server keycloaktest.Server, edit func(*config.Config), o appOptions, setup ...string) Customers {
	t.Helper()
	realm, admin := NewEmptyRealm(t, server)
	AdminSend(t, server, http.MethodPut, "/admin/realms/"+realm, `{"organizationsEnabled":true}`)
	out := Customers{Server: server, Of: map[string]Bridge{}, IDs: map[string]keycloak.OrganizationID{}}
	for _, alias := range []string{"acme", "globex"} {
		id, err := admin.CreateOrganization(t.Context(), keycloak.NewOrganization{
			Name: alias, Alias: alias, Domains: []keycloak.Domain{{Name: alias + ".test", Verified: true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		out.IDs[alias] = id
	}
	parents := parentsWithout(t, admin, slices.Sorted(maps.Keys(out.IDs)), out.IDs["acme"])
	flags := append([]string{"--organization", "acme", "--allow-manage-realm"}, setup...)
	if parents["acme"] != "" {
		flags = append(flags, "--mapping", parents["acme"])
	}
	out.Realm = newBridgeOf(t, server, RunSetup(t, server, realm, flags...), realm, admin, func(c *config.Config) {
		r := c.Realms[realm]
		globex := r.Tenants[0]
		globex.Organization, globex.OrganizationID, globex.Key = "globex", out.IDs["globex"].String(), out.IDs["globex"].String()
		globex.Path, globex.Mapping = realm+"/organizations/globex", parents["globex"]
		globex.Tokens = []config.Token{{Name: "globex", SHA256: sha256.Sum256([]byte("token-of-globex"))}}
		all := config.Tenant{Path: realm, Key: "realm", Mapping: parents["realm"], Profile: config.ProfileTolerant, Tokens: []config.Token{{Name: "all", SHA256: sha256.Sum256([]byte("token-of-realm"))}}}
		r.Tenants = append(r.Tenants, globex, all)
		c.Realms[realm] = r
		if edit != nil {
			edit(c)
		}
	}, o)
	root := strings.TrimSuffix(out.Realm.Base, "/scim/v2")
	for alias, token := range map[string]string{"acme": out.Realm.Token, "globex": "token-of-globex"} {
		b := out.Realm
		b.Client = &client.Client{Base: root + "/organizations/" + alias + "/scim/v2", Token: token, HTTP: http.DefaultClient}
		out.Of[alias] = b
	}
	out.Realm.Client = &client.Client{Base: out.Realm.Base, Token: "token-of-realm", HTTP: http.DefaultClient}
	return out
}

// TakeAnyDomain allows organizations to give their users an e-mail address of any domain.
func TakeAnyDomain(c *config.Config) {
	for _, r := range c.Realms {
		for i := range r.Tenants {
			r.Tenants[i].Domains = config.DomainsAny
		}
	}
}

// parentsWithout returns a mapping file for each organization and for the realm when the server has no groups of
// organizations. Each file names a group of the realm. The id of any organization is enough to find out.
func parentsWithout(t *testing.T, admin *keycloak.Client, aliases []string, id keycloak.OrganizationID) map[string]string {
	t.Helper()
	out := map[string]string{}
	_, err := admin.OrganizationGroups(t.Context(), id, 0, 1)
	if err == nil {
		return nil
	}
	if keycloak.KindOf(err) != keycloak.NotFound {
		t.Fatal(err)
	}
	for _, alias := range append(aliases, "realm") {
		if _, err := admin.CreateGroup(t.Context(), keycloak.NewGroup{Name: "of-" + alias}); err != nil {
			t.Fatal(err)
		}
		out[alias] = filepath.Join(t.TempDir(), alias+".yaml")
		if err := os.WriteFile(out[alias], []byte("version: 1\ngroups: { parent: /of-"+alias+" }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Admit makes a user a member of an organization, as an administrator does.
func (c Customers) Admit(t *testing.T, user, alias string) keycloak.UserID {
	t.Helper()
	id, err := keycloak.ParseUserID(user)
	if err == nil {
		err = c.Realm.Admin.AddOrganizationMember(t.Context(), c.IDs[alias], id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Finding is the finding of one check of doctor about a tenant.
func (c Customers) Finding(t *testing.T, b Bridge, check string) realm.Finding {
	t.Helper()
	mine := b.App.Watcher.Tenants.ByPath(b.Path(t))
	others := slices.DeleteFunc(slices.Clone(b.App.Watcher.Tenants.All()), func(other *tenant.Tenant) bool { return other == mine })
	found := realm.Doctor(t.Context(), b.App.Watcher.Realms.Client(b.Realm), mine, others...)
	i := slices.IndexFunc(found, func(f realm.Finding) bool { return f.Check == check })
	if i < 0 {
		t.Fatalf("doctor finds %v", found)
	}
	return found[i]
}
