package auth_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// claimOfUser is a mapper that every client of the client registration may have: it puts a field of
// the user into a claim.
func claimOfUser(claim, field string) string {
	return `{"name":"` + claim + `","protocol":"openid-connect","protocolMapper":"oidc-usermodel-property-mapper","config":{"claim.name":"` + claim + `","user.attribute":"` + field + `","jsonType.label":"String","access.token.claim":"true"}}`
}

// TestSecurity_60_WhoMakesClientsMintsNoTokensForATenant on the real Keycloak: a person whose only
// right is create-client registers a client. By the fields of a user, its tokens claim to be tokens
// of the tenant's client. No mapper can change the claim that names the grant of a token.
func TestSecurity_60_WhoMakesClientsMintsNoTokensForATenant(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	b := newTokenBridge(t, kc)
	apptest.AdminSend(t, kc, http.MethodPost, "/admin/realms/"+b.Realm+"/clients", `{"clientId":"entra","secret":"secret-of-entra","serviceAccountsEnabled":true,"standardFlowEnabled":false,`+audience+`}`)
	half := b.Create(t, "/Users", `{"userName":"half","name":{"givenName":"H","familyName":"D"},"emails":[{"value":"half@acme.test","primary":true}]}`)
	entra := b.Create(t, "/Users", `{"userName":"entra","name":{"givenName":"scim-bridge","familyName":"D"},"emails":[{"value":"entra@acme.test","primary":true}]}`)
	for _, id := range []string{half, entra} {
		apptest.AdminPut(t, kc, "/admin/realms/"+b.Realm+"/users/"+id+"/reset-password", `{"type":"password","temporary":false,"value":"a-good-password"}`)
	}
	apptest.GrantManagement(t, b.Admin, half, "create-client")
	_, login := apptest.AskToken(t, kc, b.Realm, url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"half"}, "password": {"a-good-password"}})
	status, made := register(t, kc, b.Realm, login["access_token"].(string), `{"clientId":"evil","directAccessGrantsEnabled":true,"serviceAccountsEnabled":true,"protocolMappers":[`+
		strings.Join([]string{claimOfUser("azp", "username"), claimOfUser("client_id", "username"), claimOfUser("aud", "firstName"), claimOfUser("sub", "username")}, ",")+`]}`)
	if status != http.StatusCreated {
		t.Fatalf("the registration of a client ends with %d %v", status, made)
	}
	for name, form := range map[string]url.Values{
		"by a person's login":    {"grant_type": {"password"}, "username": {"entra"}, "password": {"a-good-password"}},
		"by its service account": {"grant_type": {"client_credentials"}},
	} {
		form.Set("client_id", "evil")
		form.Set("client_secret", made["secret"].(string))
		status, answer := apptest.AskToken(t, kc, b.Realm, form)
		if status != http.StatusOK {
			t.Fatalf("%s: the token endpoint answers %d %v", name, status, answer)
		}
		if _, err := b.With(answer["access_token"].(string)).Send(t, http.MethodGet, "/Users", ""); err == nil {
			t.Errorf("a token that was forged %s opens the tenant", name)
		}
	}
	_, good := apptest.AskToken(t, kc, b.Realm, url.Values{"grant_type": {"client_credentials"}, "client_id": {"entra"}, "client_secret": {"secret-of-entra"}})
	b.With(good["access_token"].(string)).Must(t, http.MethodGet, "/Users", "")
}

// register creates a client by the client registration, with somebody's access token.
func register(t *testing.T, kc keycloaktest.Server, realm, bearer, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, kc.URL+"/realms/"+realm+"/clients-registrations/default", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+bearer)
	status, _, text := apptest.Exchange(t, req)
	answer := map[string]any{}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	return status, answer
}
