package main

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// brokered makes a member whose account belongs to an organization: a first login through the
// identity provider of the organization, which is another realm of the server.
func (c customers) brokered(t *testing.T, alias, name string) keycloak.UserID {
	t.Helper()
	provider, _ := newEmptyRealm(t, c.server)
	adminSend(t, c.server, http.MethodPost, "/admin/realms/"+provider+"/users", fmt.Sprintf(
		`{"username":%q,"email":%q,"emailVerified":true,"firstName":"F","lastName":"L","enabled":true,"credentials":[{"type":"password","value":"pw"}]}`, name, name))
	adminSend(t, c.server, http.MethodPost, "/admin/realms/"+provider+"/clients",
		`{"clientId":"app-of-idp","secret":"s","publicClient":false,"standardFlowEnabled":true,"redirectUris":["`+c.server.URL+`/*"]}`)
	oidc := c.server.URL + "/realms/" + provider + "/protocol/openid-connect"
	realm := "/admin/realms/" + c.realm.realm
	adminSend(t, c.server, http.MethodPost, realm+"/identity-provider/instances",
		`{"alias":"idp","providerId":"oidc","enabled":true,"trustEmail":true,"config":{"clientId":"app-of-idp","clientSecret":"s","authorizationUrl":"`+oidc+`/auth","tokenUrl":"`+oidc+`/token","userInfoUrl":"`+oidc+`/userinfo","clientAuthMethod":"client_secret_post","kc.org.domain":"`+alias+`.test"}}`)
	adminSend(t, c.server, http.MethodPost, realm+"/organizations/"+c.ids[alias].String()+"/identity-providers", `"idp"`)
	adminSend(t, c.server, http.MethodPost, realm+"/clients", `{"clientId":"app","publicClient":true,"standardFlowEnabled":true,"redirectUris":["http://app.test/*"]}`)
	login(t, c.server.URL+"/realms/"+c.realm.realm+"/protocol/openid-connect/auth?"+url.Values{
		"client_id": {"app"}, "redirect_uri": {"http://app.test/done"}, "response_type": {"code"}, "scope": {"openid"}, "kc_idp_hint": {"idp"},
	}.Encode(), name, "pw")
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

// login walks through a login as a browser does, until it is led to the application.
func login(t *testing.T, target, name, password string) {
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
	form := url.Values{"username": {name}, "password": {password}}
	req, err = http.NewRequestWithContext(t.Context(), http.MethodPost, html.UnescapeString(action[1]), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if page = open(t, browser, req); !done {
		t.Fatalf("the login of %s ends at:\n%s", name, page)
	}
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

// TestAManagedMember is an account of the organization that nobody provisioned: a guest's to
// the tenant, which never deletes it by taking it out.
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
	acme.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(`{"op":"replace","path":"name.familyName","value":"Taken"}`))
	if detail := acme.refused(t, http.StatusForbidden, http.MethodDelete, path, ""); !strings.Contains(detail, "belongs to the organization") {
		t.Errorf("DELETE says %q", detail)
	}
	organization := "/admin/realms/" + acme.realm + "/organizations/" + c.ids["acme"].String()
	adminSend(t, c.server, http.MethodPut, organization, `{"name":"acme","alias":"acme","enabled":false,"domains":[{"name":"acme.test","verified":true}]}`)
	acme.app.watcher.Look(t.Context())
	acme.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(`{"op":"replace","path":"title","value":"x"}`))
	adminSend(t, c.server, http.MethodPut, organization, `{"name":"acme","alias":"acme","enabled":true,"domains":[{"name":"acme.test","verified":true}]}`)
	acme.app.watcher.Look(t.Context())
	acme.must(t, http.MethodPatch, path, patchBody(`{"op":"replace","path":"active","value":false}`))
	if user, err := acme.admin.User(t.Context(), id); err != nil || !user.Enabled || user.Username != name {
		t.Errorf("the account = %+v, %v, want it untouched", user, err)
	}
}
