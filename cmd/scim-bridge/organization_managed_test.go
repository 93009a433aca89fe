package main

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// provider makes the identity provider "idp" with a user, and returns the user's id there. It is an
// organization's unless alias is "".
func (c customers) provider(t *testing.T, alias, name string) (sub string) {
	t.Helper()
	return c.providerThat(t, alias, name, true)
}

// providerThat is provider that says whether the realm takes its addresses for verified ones.
func (c customers) providerThat(t *testing.T, alias, name string, trusted bool) (sub string) {
	t.Helper()
	there := c.identityProvider(t, "idp", alias, trusted)
	adminSend(t, c.server, http.MethodPost, "/admin/realms/"+c.realm.realm+"/clients", `{"clientId":"app","publicClient":true,"standardFlowEnabled":true,"redirectUris":["http://app.test/*"]}`)
	c.personAt(t, there, name)
	list, err := there.Users(t.Context(), keycloak.UserQuery{Username: name})
	if err != nil || len(list) != 1 {
		t.Fatalf("the users of the identity provider are %v, %v", list, err)
	}
	return list[0].ID
}

// personAt makes a user of an identity provider.
func (c customers) personAt(t *testing.T, there *keycloak.Client, name string) {
	t.Helper()
	adminSend(t, c.server, http.MethodPost, "/admin/realms/"+there.Realm().String()+"/users", fmt.Sprintf(
		`{"username":%q,"email":%q,"emailVerified":true,"firstName":"F","lastName":"L","enabled":true,"credentials":[{"type":"password","value":"pw"}]}`, name, name))
}

// identityProvider makes an identity provider of the realm, which is another realm of the server. It is
// an organization's unless of is "".
func (c customers) identityProvider(t *testing.T, alias, of string, trusted bool) *keycloak.Client {
	t.Helper()
	provider, there := newEmptyRealm(t, c.server)
	adminSend(t, c.server, http.MethodPost, "/admin/realms/"+provider+"/clients",
		`{"clientId":"app-of-idp","secret":"s","publicClient":false,"standardFlowEnabled":true,"redirectUris":["`+c.server.URL+`/*"]}`)
	oidc := c.server.URL + "/realms/" + provider + "/protocol/openid-connect"
	realm := "/admin/realms/" + c.realm.realm
	adminSend(t, c.server, http.MethodPost, realm+"/identity-provider/instances",
		`{"alias":"`+alias+`","providerId":"oidc","enabled":true,"trustEmail":`+strconv.FormatBool(trusted)+`,"config":{"clientId":"app-of-idp","clientSecret":"s","authorizationUrl":"`+oidc+`/auth","tokenUrl":"`+oidc+`/token","userInfoUrl":"`+oidc+`/userinfo","clientAuthMethod":"client_secret_post","kc.org.domain":"`+of+`.test"}}`)
	if of != "" {
		adminSend(t, c.server, http.MethodPost, realm+"/organizations/"+c.ids[of].String()+"/identity-providers", `"`+alias+`"`)
	}
	return there
}

// logIn is a login through the identity provider that ends in the application: no other form
// than the one of the identity provider is shown.
func (c customers) logIn(t *testing.T, name string) {
	t.Helper()
	if last := c.tryLogIn(t, name); last != "" {
		t.Fatalf("the login of %s ends at:\n%s", name, last)
	}
}

// tryLogIn is logIn that may end elsewhere.
func (c customers) tryLogIn(t *testing.T, name string) (last string) {
	t.Helper()
	return login(t, c.authURL("auth", "idp"), url.Values{"username": {name}, "password": {"pw"}})
}

// authURL begins a login by an identity provider, or a registration.
func (c customers) authURL(endpoint, hint string) string {
	return c.server.URL + "/realms/" + c.realm.realm + "/protocol/openid-connect/" + endpoint + "?" + url.Values{
		"client_id": {"app"}, "redirect_uri": {"http://app.test/done"}, "response_type": {"code"}, "scope": {"openid"}, "kc_idp_hint": {hint},
	}.Encode()
}

// brokered makes a member whose account belongs to an organization, by a first login.
func (c customers) brokered(t *testing.T, alias, name string) keycloak.UserID {
	t.Helper()
	c.provider(t, alias, name)
	return c.firstLogin(t, name)
}

// brokeredUnverified is brokered with an address that Keycloak does not take for a verified one, as
// is usual.
func (c customers) brokeredUnverified(t *testing.T, alias, name string) keycloak.UserID {
	t.Helper()
	c.providerThat(t, alias, name, false)
	return c.firstLogin(t, name)
}

// firstLogin is that of a user of the identity provider, and makes the account.
func (c customers) firstLogin(t *testing.T, name string) keycloak.UserID {
	t.Helper()
	c.logIn(t, name)
	list, err := c.realm.admin.Users(t.Context(), keycloak.UserQuery{Username: name})
	if err != nil || len(list) != 1 {
		t.Fatalf("after the login the users %s are %v, %v", name, list, err)
	}
	id, err := keycloak.ParseUserID(list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

var formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)

// login opens a page and sends its form as a browser does. last is the page at which it ends when it is
// not led to the application.
func login(t *testing.T, target string, form url.Values) (last string) {
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
	action := formAction.FindStringSubmatch(page)
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

// TestAManagedMember is an account of the organization that nobody provisioned: the tenant changes
// it, but for who it is, and never deletes it by taking it out.
func TestAManagedMember(t *testing.T) {
	t.Parallel()
	c := newCustomers(t, keycloaktest.Real(t), nil)
	acme := c.of["acme"]
	const name = "mia@acme.test"
	id := c.brokered(t, "acme", name)
	member, err := acme.admin.OrganizationMember(t.Context(), c.ids["acme"], id)
	if err != nil || !member.Managed {
		t.Fatalf("the member = %+v, %v, want a managed one", member, err)
	}
	path := "/Users/" + id.String()
	if got := acme.must(t, http.MethodGet, path, ""); got["userName"] != name || got["active"] != true {
		t.Errorf("the member = %v", got)
	}
	wantNames(t, "globex's users", c.of["globex"].names(t, "/Users"))
	acme.must(t, http.MethodPatch, path, patchBody(`{"op":"add","value":{"externalId":"M","title":"Own"}}`))
	if found, err := acme.Find(t.Context(), "/Users", `externalId eq "M" and title eq "Own"`, ""); err != nil || len(found) != 1 {
		t.Errorf("the member by what the tenant said = %v, %v", found, err)
	}
	acme.must(t, http.MethodPatch, path, patchBody(`{"op":"replace","path":"name.familyName","value":"Wed"}`))
	if detail := acme.refused(t, http.StatusForbidden, http.MethodDelete, path, ""); !strings.Contains(detail, "belongs to the organization") {
		t.Errorf("DELETE says %q", detail)
	}
	organization := "/admin/realms/" + acme.realm + "/organizations/" + c.ids["acme"].String()
	adminSend(t, c.server, http.MethodPut, organization, `{"name":"acme","alias":"acme","enabled":false,"domains":[{"name":"acme.test","verified":true}]}`)
	acme.app.Watcher.Look(t.Context())
	acme.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(`{"op":"replace","path":"title","value":"x"}`))
	adminSend(t, c.server, http.MethodPut, organization, `{"name":"acme","alias":"acme","enabled":true,"domains":[{"name":"acme.test","verified":true}]}`)
	acme.app.Watcher.Look(t.Context())
	acme.must(t, http.MethodPatch, path, patchBody(`{"op":"replace","path":"active","value":false}`))
	if user, err := acme.admin.User(t.Context(), id); err != nil || user.Enabled || user.Username != name || user.LastName != "Wed" {
		t.Errorf("the account = %+v, %v", user, err)
	}
}

// TestAFirstLoginLandsOnTheProvisionedAccount, without a password form: the mapping links the
// user when it is created, or taken over.
func TestAFirstLoginLandsOnTheProvisionedAccount(t *testing.T) {
	t.Parallel()
	const name = "mia@acme.test"
	for _, tenantOf := range []string{"organization", "realm"} {
		for _, way := range []string{"created", "adopted", "adopted by the command"} {
			t.Run(tenantOf+" "+way, func(t *testing.T) {
				t.Parallel()
				c := newCustomers(t, keycloaktest.Real(t), adoptUnowned)
				b, path, alias := c.of["acme"], tenant.OrganizationPath(c.realm.realm, "acme"), "acme"
				if tenantOf == "realm" {
					b, path, alias = c.realm, c.realm.realm, ""
				}
				sub := c.provider(t, alias, name)
				patient{b, c.server}.right(t, "view-identity-providers", true)
				b.useMapping(t, path, linkTo("idp"))
				id := ""
				if way != "created" {
					made, err := b.admin.CreateUser(t.Context(), keycloak.NewUser{
						Username: name, Email: name, EmailVerified: true, FirstName: "F", LastName: "L", Enabled: true, Attributes: map[string][]string{"externalId": {sub}},
					})
					if err != nil {
						t.Fatal(err)
					}
					id = made.String()
				}
				switch {
				case way == "adopted by the command" && tenantOf == "realm":
					if a := b.adoptions(t, b.controlled(t), path)[name]; !a.Linked {
						t.Fatalf("the adoption = %+v", a)
					}
				case way == "adopted by the command": // the externalId of an organization's tenant is its own
					c.admit(t, id, "acme")
					b.must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"add","path":"externalId","value":"`+sub+`"}`))
				default:
					got := b.create(t, "/Users", `{"userName":"`+name+`","externalId":"`+sub+`","name":{"givenName":"F","familyName":"L"},"emails":[{"value":"`+name+`","primary":true}]}`)
					if id != "" && got != id {
						t.Fatalf("the user is %s, want %s", got, id)
					}
					id = got
				}
				c.logIn(t, name)
				sessions, err := b.admin.Users(t.Context(), keycloak.UserQuery{Email: name})
				if err != nil || len(sessions) != 1 || sessions[0].ID != id {
					t.Errorf("after the login the users with the address are %v, %v", sessions, err)
				}
				if tenantOf == "organization" {
					if member, err := b.admin.OrganizationMember(t.Context(), c.ids["acme"], userID(t, id)); err != nil || member.Managed {
						t.Errorf("the member = %+v, %v, want one that Keycloak does not manage", member, err)
					}
				}
			})
		}
	}
}

// TestAFirstLoginWithoutALink ends at a form: what the link is for.
func TestAFirstLoginWithoutALink(t *testing.T) {
	t.Parallel()
	c := newCustomers(t, keycloaktest.Real(t), nil)
	const name = "mia@acme.test"
	c.provider(t, "acme", name)
	c.of["acme"].create(t, "/Users", `{"userName":"`+name+`","emails":[{"value":"`+name+`"}]}`)
	if last := c.tryLogIn(t, name); !formAction.MatchString(last) {
		t.Errorf("the login ends at %q, want a form", last)
	}
}

// TestSecurity_12_OnlyTheOrganizationsIdentityProvider is linked to: another one makes the
// tenant unfit, and so does one for all organizations.
func TestSecurity_12_OnlyTheOrganizationsIdentityProvider(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := newCustomers(t, server, nil)
			at := "/admin/realms/" + c.realm.realm
			for _, alias := range []string{"of-acme", "of-globex"} {
				addProvider(t, server, c.realm.realm, alias)
				adminSend(t, server, http.MethodPost, at+"/organizations/"+c.ids[alias[3:]].String()+"/identity-providers", `"`+alias+`"`)
			}
			patient{c.realm, server}.right(t, "view-identity-providers", true)
			b, path := c.of["acme"], tenant.OrganizationPath(c.realm.realm, "acme")
			b.useMapping(t, path, linkTo("of-acme"))
			id := b.create(t, "/Users", `{"userName":"jane","externalId":"J"}`)
			if links, err := b.admin.Links(t.Context(), userID(t, id)); err != nil || len(links) != 1 || links[0].IdentityProvider != "of-acme" {
				t.Errorf("the links are %v, %v", links, err)
			}
			if why := b.propose(t, path, linkTo("of-globex")); !strings.Contains(why, `the identity provider "of-globex" of the mapping is not that of the organization`) {
				t.Errorf("the mapping of another's provider is not applied because of %q", why)
			}
			every := newEvery(t, server)
			patient{every.realm, server}.right(t, "view-identity-providers", true)
			addProvider(t, server, every.realm.realm, "of-acme")
			path = tenant.OrganizationPath(every.realm.realm, tenant.EveryOrganization)
			if why := every.realm.propose(t, path, linkTo("of-acme")); !strings.Contains(why, "can be that of one organization alone") {
				t.Errorf("the mapping for all organizations is not applied because of %q", why)
			}
		})
	}
}

func linkTo(alias string) string {
	return "version: 1\nusers: { link: { identityProvider: " + alias + ", userId: externalId } }\n"
}

// TestSecurity_7_AnAccountOfAnotherOrganization is not taken over by the one that has the
// domain of its address now.
func TestSecurity_7_AnAccountOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	c := newCustomers(t, keycloaktest.Real(t), adoptUnowned)
	id := c.brokered(t, "globex", "gus@globex.test")
	at := "/admin/realms/" + c.realm.realm + "/organizations/"
	adminSend(t, c.server, http.MethodPut, at+c.ids["globex"].String(), `{"name":"globex","alias":"globex","enabled":true,"domains":[{"name":"other.test","verified":true}]}`)
	adminSend(t, c.server, http.MethodPut, at+c.ids["acme"].String(), `{"name":"acme","alias":"acme","enabled":true,"domains":[{"name":"globex.test","verified":true}]}`)
	c.realm.look(t)
	c.of["acme"].refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"mine","emails":[{"value":"gus@globex.test"}]}`)
	if _, err := c.realm.admin.OrganizationMember(t.Context(), c.ids["acme"], id); keycloak.KindOf(err) != keycloak.NotFound {
		t.Errorf("the account became a member: %v", err)
	}
	if owner := c.realm.user(t, id.String()).Attributes["scim.owner"]; owner != nil {
		t.Errorf("the owner is %v", owner)
	}
}
