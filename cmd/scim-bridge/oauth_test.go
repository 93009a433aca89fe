package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth/authtest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// tokensCommand runs tokens new or revoke with --oauth and --yes, as an administrator of the
// server.
func tokensCommand(t *testing.T, kc keycloaktest.Server, verb, file string, more ...string) (out, told string, code int) {
	t.Helper()
	return command(t, "y\n", append([]string{"tokens", verb, "--oauth", "--config", file, "--admin-user", kc.Admin, "--admin-password", kc.Password}, more...)...)
}

// grant is what tokens new --oauth printed.
type grant struct{ app.Grant }

// newOAuth runs tokensCommand for a client that does not exist yet.
func newOAuth(t *testing.T, kc keycloaktest.Server, file string, more ...string) (made grant, told string) {
	t.Helper()
	out, told, code := tokensCommand(t, kc, "new", file, append(more, "--output", "json")...)
	if err := json.Unmarshal([]byte(out), &made); err != nil || code != 0 {
		t.Fatalf("tokens new --oauth %v ends with %d, %v:\n%s%s", more, code, err, out, told)
	}
	apptest.Wrote.Secret(made.ClientSecret)
	if made.Warning+made.Todo != "" {
		t.Errorf("tokens new --oauth %v says %q, %q", more, made.Warning, made.Todo)
	}
	return made, told
}

// ask gets an access token as an identity provider does, at the printed token endpoint. With basic,
// the secret comes by HTTP Basic and not in the body.
func (g grant) ask(t *testing.T, basic bool, more url.Values) (int, map[string]any) {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"scim"}}
	maps.Copy(form, more)
	if form.Get("scope") == "" {
		form.Del("scope")
	}
	if g.ClientSecret != "" && !basic {
		form.Set("client_id", g.ClientID)
		form.Set("client_secret", g.ClientSecret)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		req.SetBasicAuth(url.QueryEscape(g.ClientID), url.QueryEscape(g.ClientSecret)) // RFC 6749 section 2.3.1
	}
	status, _, body := apptest.Exchange(t, req)
	answer := map[string]any{}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	return status, answer
}

// token returns the access token of a client, and fails the test when Keycloak refuses.
func (g grant) token(t *testing.T) string {
	t.Helper()
	status, answer := g.ask(t, false, nil)
	if status != http.StatusOK {
		t.Fatalf("the token endpoint answers %d %v", status, answer)
	}
	return answer["access_token"].(string)
}

func fileText(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestOAuthInOneCommand on the real Keycloak: one command creates everything that Entra's gallery
// and IPSIE clients need. A running bridge accepts their tokens, with the secret in the body and by
// Basic, with and without scope=scim.
func TestOAuthInOneCommand(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	b := apptest.NewBridgeOn(t, kc, nil)
	before := fileText(t, b.File)
	out, told, code := command(t, "n\n", "tokens", "new", "--oauth", "--config", b.File, "--admin-user", kc.Admin, "--admin-password", kc.Password)
	if code == 0 || out != "" || fileText(t, b.File) != before || !strings.Contains(told, `create the client scope "scim"`) || !strings.Contains(told, `"scim-`+b.Realm+`-oauth"`) || !strings.Contains(told, "nothing was changed") {
		t.Errorf("who does not agree gets %d, %q:\n%s", code, out, told)
	}
	if _, found, err := b.Admin.FindClient(t.Context(), "scim-"+b.Realm+"-oauth"); found || err != nil {
		t.Errorf("the client is there nevertheless (%v)", err)
	}
	made, told := newOAuth(t, kc, b.File, "--name", "entra", "--scope", "users:read,users:write")
	if made.ClientID != "scim-"+b.Realm+"-entra" || made.ClientSecret == "" || made.TokenEndpoint != kc.URL+"/realms/"+b.Realm+"/protocol/openid-connect/token" || strings.Contains(told, made.ClientSecret) {
		t.Errorf("the command prints %+v", made)
	}
	after := fileText(t, b.File)
	for line := range strings.Lines(before) {
		if !strings.Contains(after, line) {
			t.Errorf("the line %q is gone from\n%s", line, after)
		}
	}
	if strings.Contains(after, made.ClientSecret) {
		t.Error("the configuration holds the secret")
	}
	b.App.Reload()
	for name, one := range map[string]struct {
		basic bool
		scope string
	}{"in the body": {false, "scim"}, "by Basic": {true, "scim"}, "without a scope": {false, ""}, "by Basic without a scope": {true, ""}} {
		status, answer := made.ask(t, one.basic, url.Values{"scope": {one.scope}})
		if status != http.StatusOK || answer["scope"] != "scim" {
			t.Errorf("%s the token endpoint answers %d %v", name, status, answer)
			continue
		}
		if seconds, _ := answer["expires_in"].(float64); seconds < 3600 {
			t.Errorf("the token is good for %v s, and Entra asks for an hour or more", seconds)
		}
		entra := b.With(answer["access_token"].(string))
		id := entra.Create(t, "/Users", `{"userName":"`+strings.ReplaceAll(name, " ", "-")+`"}`)
		entra.Must(t, http.MethodPatch, "/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}`)
		entra.Refused(t, http.StatusForbidden, http.MethodPost, "/Groups", `{"displayName":"staff"}`) // the scopes of the client do not allow this
	}
	if status, answer := made.ask(t, false, url.Values{"scope": {"scim roles"}}); status == http.StatusOK {
		t.Errorf("more than scim is given: %v", answer)
	}
	list, _, _ := command(t, "", "tokens", "list", "--config", b.File)
	if !strings.Contains(list, "OAuth, client "+made.ClientID) {
		t.Errorf("tokens list says\n%s", list)
	}
}

// TestAClientOfOAuthMayNothingElse: the client's token opens neither the Admin API nor a person's
// account. Only the client-credentials grant gives the client a token.
func TestAClientOfOAuthMayNothingElse(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	b := apptest.NewBridgeOn(t, kc, nil)
	// The default roles of a new user may contain many rights.
	apptest.AdminSend(t, kc, http.MethodPost, "/admin/realms/"+b.Realm+"/roles", `{"name":"helpers"}`)
	role, err := b.Admin.FindRole(t.Context(), keycloak.RoleName{Client: keycloak.RealmManagement, Name: "manage-users"})
	if err != nil {
		t.Fatal(err)
	}
	grantByDefault := `[{"id":"` + role.ID + `","name":"` + role.Name + `"}]`
	apptest.AdminSend(t, kc, http.MethodPost, "/admin/realms/"+b.Realm+"/roles/default-roles-"+strings.ToLower(b.Realm)+"/composites", grantByDefault)
	made, _ := newOAuth(t, kc, b.File)
	client, _, err := b.Admin.FindOAuthClient(t.Context(), made.ClientID)
	if err != nil || !client.Plain {
		t.Errorf("the client is %+v, %v", client, err)
	}
	account, err := b.Admin.ServiceAccount(t.Context(), client.UUID)
	if err != nil {
		t.Fatal(err)
	}
	if roles, err := b.Admin.DirectRoles(t.Context(), account); err != nil || len(roles) > 0 {
		t.Errorf("the service account has %v, %v", roles, err)
	}
	bearer := made.token(t)
	for _, path := range []string{"/admin/realms/" + b.Realm, "/admin/realms/" + b.Realm + "/users", "/admin/realms/" + b.Realm + "/clients", "/admin/realms/" + b.Realm + "/users/" + account.String(), "/realms/" + b.Realm + "/account", "/realms/" + b.Realm + "/protocol/openid-connect/userinfo"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, kc.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+bearer)
		req.Header.Set("Accept", "application/json")
		if status, _, body := apptest.Exchange(t, req); status != http.StatusForbidden && status != http.StatusUnauthorized {
			t.Errorf("GET %s with the client's token = %d %.200s", path, status, body)
		}
	}
	for _, form := range []url.Values{{"grant_type": {"password"}, "username": {"x"}, "password": {"y"}}, {"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {"http://127.0.0.1/"}}} {
		if status, answer := made.ask(t, false, form); status == http.StatusOK {
			t.Errorf("the grant %v gives %v", form, answer)
		}
	}
}

// TestAnOAuthClientWorksOnlyAtItsTenant: two organizations have their own tokens, and another bridge
// serves the realm. The client's token opens no other endpoint, whatever audience another client of
// the realm gives itself.
func TestAnOAuthClientWorksOnlyAtItsTenant(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	c := apptest.NewEvery(t, kc)
	tenants, made := map[string]apptest.Bridge{}, map[string]grant{}
	for _, alias := range []string{"acme", "globex"} {
		made[alias], _ = newOAuth(t, kc, c.Realm.File, "--organization", alias, "--name", "entra")
		tenants[alias] = c.Realm.At(c.Realm.Realm + "/organizations/" + alias)
		if made[alias].ClientID != "scim-"+alias+"-entra" || !strings.HasSuffix(made[alias].BaseURL, "/organizations/"+alias+"/scim/v2") {
			t.Errorf("the client of %s is %+v", alias, made[alias])
		}
	}
	c.Realm.App.Reload()
	c.Check(t)
	for alias, b := range tenants {
		for owner, g := range made {
			_, err := b.With(g.token(t)).Send(t, http.MethodGet, "/Users", "")
			if own := owner == alias; own != (err == nil) {
				t.Errorf("the client of %s at %s: %v", owner, alias, err)
			}
		}
	}
	tenants["acme"].With(made["acme"].token(t)).Create(t, "/Users", `{"userName":"jane@acme.test"}`)
	// Somebody may change one other client, and makes it look like acme's client in every claim that
	// can be known from outside.
	forged := `"protocolMappers":[{"name":"a","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.custom.audience":"scim-bridge","access.token.claim":"true"}}`
	for _, claim := range []string{"azp", "client_id"} {
		forged += `,{"name":"` + claim + `","protocol":"openid-connect","protocolMapper":"oidc-hardcoded-claim-mapper","config":{"claim.name":"` + claim + `","claim.value":"` + made["acme"].ClientID + `","jsonType.label":"String","access.token.claim":"true"}}`
	}
	apptest.AdminSend(t, kc, http.MethodPost, "/admin/realms/"+c.Realm.Realm+"/clients", `{"clientId":"evil","secret":"secret-of-evil","serviceAccountsEnabled":true,`+forged+`]}`)
	status, answer := apptest.AskToken(t, kc, c.Realm.Realm, url.Values{"grant_type": {"client_credentials"}, "client_id": {"evil"}, "client_secret": {"secret-of-evil"}})
	if status != http.StatusOK {
		t.Fatalf("the token endpoint answers %d %v", status, answer)
	}
	tenants["acme"].With(answer["access_token"].(string)).Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	// A token of the organization stays valid beside the client.
	c.NewToken(t, "acme")
	c.Check(t)
	tenants["acme"].With(made["acme"].token(t)).Must(t, http.MethodGet, "/Users", "")
}

// TestOAuthAgain: the second run changes nothing that is right, restores what somebody removed from
// the client, and makes a new secret with --rotate.
func TestOAuthAgain(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	b := apptest.NewBridgeOn(t, kc, nil)
	made, _ := newOAuth(t, kc, b.File)
	b.App.Reload()
	file := fileText(t, b.File)
	again, told := newOAuth(t, kc, b.File)
	if again.ClientSecret != "" || again.ClientID != made.ClientID || !strings.Contains(told, "nothing to change") || fileText(t, b.File) != file {
		t.Errorf("again it prints %+v and says %s", again, told)
	}
	client, _, err := b.Admin.FindOAuthClient(t.Context(), made.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	path := "/admin/realms/" + b.Realm + "/clients/" + client.UUID.String()
	apptest.AdminSend(t, kc, http.MethodPut, path, `{"clientId":"`+made.ClientID+`","fullScopeAllowed":true,"directAccessGrantsEnabled":true,"standardFlowEnabled":true,"redirectUris":["https://evil.test/*"]}`)
	scope, _, err := b.Admin.FindClientScope(t.Context(), "scim")
	if err != nil {
		t.Fatal(err)
	}
	apptest.AdminSend(t, kc, http.MethodDelete, path+"/default-client-scopes/"+scope, "")
	for _, mapper := range mappersOf(t, kc, path) {
		apptest.AdminSend(t, kc, http.MethodPut, path+"/protocol-mappers/models/"+mapper, `{"id":"`+mapper+`","name":"scim-bridge","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.custom.audience":"other","access.token.claim":"true"}}`)
		if _, told = newOAuth(t, kc, b.File); !strings.Contains(told, "add to its tokens the audience") {
			t.Errorf("another audience is planned with %s", told)
		}
		b.With(made.token(t)).Must(t, http.MethodGet, "/Users", "")
	}
	apptest.AdminSend(t, kc, http.MethodPut, path, `{"clientId":"`+made.ClientID+`","fullScopeAllowed":true}`)
	for _, mapper := range mappersOf(t, kc, path) {
		apptest.AdminSend(t, kc, http.MethodDelete, path+"/protocol-mappers/models/"+mapper, "")
	}
	account, err := b.Admin.ServiceAccount(t.Context(), client.UUID)
	if err != nil {
		t.Fatal(err)
	}
	apptest.GrantManagement(t, b.Admin, account.String(), "manage-users")
	if _, told = newOAuth(t, kc, b.File); !strings.Contains(told, "remove all roles") {
		t.Errorf("the plan is %s", told)
	}
	b.With(made.token(t)).Must(t, http.MethodGet, "/Users", "")
	restored, _, err := b.Admin.FindOAuthClient(t.Context(), made.ClientID)
	roles, rolesErr := b.Admin.DirectRoles(t.Context(), account)
	if err != nil || rolesErr != nil || !restored.Plain || restored.Audience != client.Audience || !slices.Contains(restored.Scopes, "scim") || len(roles) > 0 {
		t.Errorf("the client is %+v, %v, with the roles %v, %v", restored, err, roles, rolesErr)
	}
	rotated, told := newOAuth(t, kc, b.File, "--rotate")
	if rotated.ClientSecret == "" || rotated.ClientSecret == made.ClientSecret || !strings.Contains(told, "a new secret") {
		t.Errorf("--rotate prints %+v and says %s", rotated, told)
	}
	if status, _ := made.ask(t, false, nil); status == http.StatusOK {
		t.Error("the secret before is still good")
	}
	b.With(rotated.token(t)).Must(t, http.MethodGet, "/Users", "")
}

// mappersOf returns the ids of a client's mappers.
func mappersOf(t *testing.T, kc keycloaktest.Server, client string) (out []string) {
	t.Helper()
	var list []struct{ ID string }
	if err := json.Unmarshal([]byte(apptest.AdminGet(t, kc, client+"/protocol-mappers/models")), &list); err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		out = append(out, m.ID)
	}
	return out
}

// TestOAuthUsesNoForeignClient: the command does not use an existing client that it did not make,
// because the person who made it may know its secret.
func TestOAuthUsesNoForeignClient(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	b := apptest.NewBridgeOn(t, kc, nil)
	apptest.AdminSend(t, kc, http.MethodPost, "/admin/realms/"+b.Realm+"/clients", `{"clientId":"scim-`+b.Realm+`-oauth","secret":"known-to-mallory","serviceAccountsEnabled":true,"attributes":{"scim.tenant":"realm"}}`)
	before := fileText(t, b.File)
	if out, told, code := tokensCommand(t, kc, "new", b.File); code == 0 || out != "" || !strings.Contains(told, `the client "scim-`+b.Realm+`-oauth" exists`) || !strings.Contains(told, "did not make it for this tenant") || !strings.Contains(told, "another --name or --client-id") || fileText(t, b.File) != before {
		t.Errorf("a client that somebody made ends with %d %q %s", code, out, told)
	}
	// The same holds for a client that an operator added to accessTokens by hand.
	b.EditFile(t, "config.yaml", apptest.Replaced(t, "- tokensFile", "- accessTokens:\n          - { name: byhand, clientID: byhand, audience: scim-bridge }\n        tokensFile"))
	apptest.AdminSend(t, kc, http.MethodPost, "/admin/realms/"+b.Realm+"/clients", `{"clientId":"byhand","secret":"known-to-mallory","serviceAccountsEnabled":true}`)
	if _, told, code := tokensCommand(t, kc, "new", b.File, "--name", "byhand", "--rotate"); code == 0 || !strings.Contains(told, "did not make it for this tenant") {
		t.Errorf("a client that was made by hand ends with %d %s", code, told)
	}
	if out, told, code := tokensCommand(t, kc, "revoke", b.File, "byhand"); code != 0 || !strings.Contains(out, "Left      the client \"byhand\"") {
		t.Errorf("to revoke it ends with %d %s%s", code, out, told)
	}
}

// TestOAuthUsesNoForeignClientInPlaceOfItsOwn: after the command's client is deleted, a person
// who may create clients creates a client of the same name, and knows its secret. It gets no token
// that the tenant accepts, also after the command runs again.
func TestOAuthUsesNoForeignClientInPlaceOfItsOwn(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	b := apptest.NewBridgeOn(t, kc, nil)
	made, _ := newOAuth(t, kc, b.File)
	b.App.Reload()
	client, _, err := b.Admin.FindOAuthClient(t.Context(), made.ClientID)
	if err == nil {
		err = b.Admin.DeleteClient(t.Context(), client.UUID)
	}
	if err != nil {
		t.Fatal(err)
	}
	made.ClientSecret = "known-to-mallory"
	apptest.AdminSend(t, kc, http.MethodPost, "/admin/realms/"+b.Realm+"/clients", `{"clientId":"`+made.ClientID+`","secret":"`+made.ClientSecret+`","serviceAccountsEnabled":true,"attributes":{"scim.tenant":"`+client.Tenant+`","scim.audience":"scim-bridge"}}`)
	for _, more := range [][]string{nil, {"--rotate"}} {
		if out, told, code := tokensCommand(t, kc, "new", b.File, more...); code == 0 || out != "" || !strings.Contains(told, "did not make it for this tenant") {
			t.Errorf("with %v the command ends with %d %q %s", more, code, out, told)
		}
	}
	if status, answer := made.ask(t, false, url.Values{"scope": {""}}); status == http.StatusOK {
		b.With(answer["access_token"].(string)).Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	} else {
		t.Errorf("the token endpoint answers %d %v", status, answer)
	}
}

// TestOAuthThatBreaksOff: no client is left that has a secret nobody knows and the default roles of
// new users. The next run of the command does everything.
func TestOAuthThatBreaksOff(t *testing.T) {
	t.Parallel()
	proxy := keycloaktest.NewProxy(t, keycloaktest.Real(t))
	kc := proxy.Server()
	b := apptest.NewBridgeOn(t, kc, nil)
	before := fileText(t, b.File)
	for _, fails := range []string{"GET /users/{id}/role-mappings", "GET /clients/{client}/client-secret"} {
		reached := proxy.Inject(keycloaktest.Fault{Op: fails, Status: http.StatusInternalServerError})
		out, told, code := tokensCommand(t, kc, "new", b.File)
		select {
		case <-reached:
		default:
			t.Fatalf("nothing calls %s: %v", fails, proxy.Calls())
		}
		if _, found, err := b.Admin.FindClient(t.Context(), "scim-"+b.Realm+"-oauth"); code == 0 || out != "" || !strings.Contains(told, "was deleted again") || found || err != nil || fileText(t, b.File) != before {
			t.Errorf("when %s fails the command ends with %d %q, the client is there: %t, %v\n%s", fails, code, out, found, err, told)
		}
		proxy.ClearFaults()
	}
	made, _ := newOAuth(t, kc, b.File)
	b.App.Reload()
	b.With(made.token(t)).Must(t, http.MethodGet, "/Users", "")
}

// TestOAuthRevoked: the bridge refuses the client's tokens as soon as it reads the file, and the
// client is deleted.
func TestOAuthRevoked(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	b := apptest.NewBridgeOn(t, kc, nil)
	before := fileText(t, b.File)
	made, _ := newOAuth(t, kc, b.File)
	b.App.Reload()
	bearer := made.token(t)
	b.With(bearer).Must(t, http.MethodGet, "/Users", "")
	if _, told, code := command(t, "", "tokens", "revoke", "--config", b.File, "oauth"); code != exitUsage || !strings.Contains(told, "--oauth") {
		t.Errorf("without --oauth it ends with %d %s", code, told)
	}
	if out, told, code := tokensCommand(t, kc, "revoke", b.File, "oauth"); code != 0 || !strings.Contains(told, `delete the client "`+made.ClientID+`"`) {
		t.Errorf("it ends with %d %s%s", code, out, told)
	}
	if got := fileText(t, b.File); got != before {
		t.Errorf("the configuration is\n%s\nand was\n%s", got, before)
	}
	b.App.Reload()
	b.With(bearer).Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	b.Must(t, http.MethodGet, "/Users", "")
	if status, answer := made.ask(t, false, nil); status == http.StatusOK {
		t.Errorf("the client still gets %v", answer)
	}
}

// TestOAuthByAssertions on the real Keycloak: an issuer's assertion replaces the secret, as in
// Entra's workload identity federation. The command does not change a Keycloak that does not
// support this.
func TestOAuthByAssertions(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	b, entra := apptest.NewBridgeOn(t, kc, nil), authtest.NewIssuer(t)
	before := fileText(t, b.File)
	federated := []string{"--name", "entra", "--federated-issuer", apptest.EntraIssuer, "--federated-keys", entra.URL, "--federated-audience", apptest.EntraApp, "--federated-subject", apptest.EntraSubject}
	if keycloaktest.OlderThan("26.6") {
		if out, told, code := tokensCommand(t, kc, "new", b.File, federated...); code == 0 || out != "" || !strings.Contains(told, "needs 26.6 or newer") || fileText(t, b.File) != before {
			t.Errorf("a Keycloak without assertions ends with %d %s%s", code, out, told)
		}
		return
	}
	made, told := newOAuth(t, kc, b.File, federated...)
	if made.ClientSecret != "" || !strings.Contains(told, entra.URL) || !strings.Contains(told, apptest.EntraSubject) {
		t.Errorf("it prints %+v and says %s", made, told)
	}
	b.App.Reload()
	assert := func(change map[string]any) (int, map[string]any) {
		now := time.Now()
		claims := map[string]any{"iss": apptest.EntraIssuer, "sub": apptest.EntraSubject, "aud": apptest.EntraApp, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(65 * time.Minute).Unix(), "jti": "1"}
		maps.Copy(claims, change)
		return made.ask(t, false, url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {entra.Sign(t, authtest.FirstKey, claims)}})
	}
	for n := range 2 {
		status, answer := assert(nil)
		if status != http.StatusOK {
			t.Fatalf("the token endpoint answers %d %v", status, answer)
		}
		b.With(answer["access_token"].(string)).Create(t, "/Users", `{"userName":"jane`+strings.Repeat("x", n)+`"}`)
	}
	for name, change := range map[string]map[string]any{"another subject": {"sub": "x"}, "another issuer": {"iss": "https://login.microsoftonline.com/x/v2.0"}, "another application": {"aud": "api://x"}} {
		if status, answer := assert(change); status == http.StatusOK {
			t.Errorf("%s gets %v", name, answer)
		}
	}
	if again, told := newOAuth(t, kc, b.File, federated...); again.ClientSecret != "" || !strings.Contains(told, "nothing to change") {
		t.Errorf("again it prints %+v and says %s", again, told)
	}
	if _, told, code := tokensCommand(t, kc, "new", b.File, "--name", "entra"); code == 0 || !strings.Contains(told, "in another way") {
		t.Errorf("a secret for it ends with %d %s", code, told)
	}
	// A second client of the issuer uses the same identity provider, which stays when one of the
	// clients is deleted.
	second := slices.Clone(federated)
	second[1], second[len(second)-1] = "second", "another-subject"
	if _, told := newOAuth(t, kc, b.File, second...); strings.Contains(told, "identity provider") {
		t.Errorf("the second client is planned with %s", told)
	}
	out, told, code := tokensCommand(t, kc, "revoke", b.File, "entra")
	if code != 0 || !strings.Contains(out, `Left      the identity provider "`+made.ClientID+`" in Keycloak`) || strings.Contains(told, "secret") {
		t.Errorf("to revoke it ends with %d and says\n%s%s", code, out, told)
	}
}

// TestOAuthByTheClientsOwnKeys on the real Keycloak: a JWT that the client signs replaces the
// secret, as IPSIE requires.
func TestOAuthByTheClientsOwnKeys(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	b, idp, mallory := apptest.NewBridgeOn(t, kc, nil), authtest.NewIssuer(t), authtest.NewIssuer(t)
	flags := []string{"--client-id", "idp-of-acme", "--client-keys", idp.URL}
	made, told := newOAuth(t, kc, b.File, flags...)
	if made.ClientSecret != "" || made.ClientID != "idp-of-acme" || !strings.Contains(told, idp.URL) {
		t.Errorf("it prints %+v and says %s", made, told)
	}
	b.App.Reload()
	assert := func(by *authtest.Issuer, jti string) (int, map[string]any) {
		now := time.Now()
		return made.ask(t, false, url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {by.Sign(t, authtest.FirstKey, map[string]any{
			"iss": made.ClientID, "sub": made.ClientID, "aud": kc.URL + "/realms/" + b.Realm, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": jti,
		})}})
	}
	status, answer := assert(idp, "first")
	if status != http.StatusOK {
		t.Fatalf("the token endpoint answers %d %v", status, answer)
	}
	b.With(answer["access_token"].(string)).Create(t, "/Users", `{"userName":"jane"}`)
	if status, answer := assert(idp, "first"); status == http.StatusOK {
		t.Errorf("the same assertion again gets %v", answer)
	}
	if status, answer := assert(mallory, "second"); status == http.StatusOK {
		t.Errorf("other keys get %v", answer)
	}
	if again, told := newOAuth(t, kc, b.File, flags...); again.ClientSecret != "" || !strings.Contains(told, "nothing to change") {
		t.Errorf("again it prints %+v and says %s", again, told)
	}
	if _, told := newOAuth(t, kc, b.File, "--client-id", "idp-of-acme", "--client-keys", mallory.URL); !strings.Contains(told, "set how it proves") {
		t.Errorf("other keys are planned with %s", told)
	}
	if status, answer := assert(idp, "third"); status == http.StatusOK {
		t.Errorf("the keys before still get %v", answer)
	}
}

// TestOAuthWithAMountedFile: the command prints the entry that it cannot write, and creates the
// client.
func TestOAuthWithAMountedFile(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	b := apptest.NewBridgeOn(t, kc, nil)
	link := filepath.Join(filepath.Dir(b.File), "mounted.yaml")
	if err := os.Symlink(b.File, link); err != nil {
		t.Fatal(err)
	}
	out, told, code := tokensCommand(t, kc, "new", link)
	if code != 0 || !strings.Contains(out, "Client secret   ") || !strings.Contains(out, `- { name: "oauth", clientID: "scim-`+b.Realm+`-oauth", audience: "scim-bridge-`) {
		t.Errorf("it ends with %d and prints\n%s%s", code, out, told)
	}
	_, entry, _ := strings.Cut(out, "\n  - ")
	entry, _, _ = strings.Cut(entry, "\n")
	b.ApplyFile(t, "config.yaml", apptest.Replaced(t, "- tokensFile", "- accessTokens: ["+entry+"]\n        tokensFile"))
	rotated, _ := newOAuth(t, kc, b.File, "--rotate")
	b.With(rotated.token(t)).Must(t, http.MethodGet, "/Users", "")
	if _, told, code := tokensCommand(t, kc, "revoke", link, "oauth"); code == 0 || !strings.Contains(told, "remove the entry") {
		t.Errorf("to revoke it ends with %d %s", code, told)
	}
}

// TestWhatIsWrongWithOAuth: the command says what is wrong before it changes anything.
func TestWhatIsWrongWithOAuth(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	b := apptest.NewBridgeOn(t, kc, nil)
	for _, one := range []struct{ args, want string }{
		{"new --yes", "--yes needs --oauth"},
		{"revoke --keep-client idp", "--keep-client needs --oauth"},
		{"new --oauth --months 3", "--months cannot be used with --oauth"},
		{"new --oauth --sha256 00", "--sha256 cannot be used with --oauth"},
		{"new --oauth --federated-issuer https://x.test", "together"},
		{"new --oauth --federated-issuer http://x.test --federated-keys https://x.test --federated-audience a --federated-subject s", "--federated-issuer"},
		{"new --oauth --rotate --federated-issuer https://x.test --federated-keys https://x.test/k --federated-audience a --federated-subject s", "--rotate cannot be used with assertions"},
		{"new --oauth --client-keys https://x.test/k --federated-issuer https://x.test --federated-keys https://x.test/k --federated-audience a --federated-subject s", "not both"},
		{"new --oauth --client-keys http://x.test/k", "--client-keys: \"http://x.test/k\" is http. Use https"},
		{"new --oauth --client-id Service-account-x", "--client-id must not begin"},
		{"new --oauth --name idp", "a token with the name idp exists already"},
		{"new --oauth --scope nothing", "--scope"},
		{"new --oauth --name a\x01b", "--name has a control character"},
		{"new --name a\x01b", "--name has a control character"},
		{"new --name ${HOME}", "--name has ${...}"},
		{"new --oauth --client-id a\x7f", "--client-id has a control character"},
		{"new --oauth --name " + strings.Repeat("n", 101), "--name is longer than"},
		{"new --oauth --tenant nobody", "choose a tenant with --tenant"},
		{"revoke --oauth nobody", `has no entry "nobody"`},
	} {
		if _, told, code := command(t, "", append([]string{"tokens"}, append(strings.Fields(one.args), "--config", b.File)...)...); code != exitUsage || !strings.Contains(told, one.want) {
			t.Errorf("tokens %s ends with %d, want %q: %s", one.args, code, one.want, told)
		}
	}
	b.EditFile(t, "config.yaml", apptest.Replaced(t, "    tenants:\n", "    issuer: https://login.acme.test/realms/acme\n    tenants:\n"))
	if _, told, code := tokensCommand(t, kc, "new", b.File); code == 0 || !strings.Contains(told, `write issuer: "`+kc.URL+`/realms/`+b.Realm+`"`) {
		t.Errorf("another issuer ends with %d %s", code, told)
	}
}
