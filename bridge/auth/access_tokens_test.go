package auth_test

import (
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth/authtest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// audience is the mapper that docs/guides/credentials.md asks for.
const audience = `"protocolMappers":[{"name":"scim-bridge","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.custom.audience":"scim-bridge","access.token.claim":"true"}}]`

// newTokenBridge returns a bridge whose tenant accepts the tokens of a client of its realm.
func newTokenBridge(t *testing.T, server keycloaktest.Server) apptest.Bridge {
	t.Helper()
	return apptest.NewBridgeOn(t, server, func(c *config.Config) {
		for name, r := range c.Realms {
			r.Tenants[0].AccessTokens = []config.AccessToken{{Name: "entra", ClientID: "entra", Audience: "scim-bridge"}}
			c.Realms[name] = r
		}
	})
}

// TestEntraClientCredentials: the bridge accepts the token that Entra gets from Keycloak's token
// endpoint with the secret in the body.
func TestEntraClientCredentials(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := newTokenBridge(t, server)
	apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+b.Realm+"/clients", `{"clientId":"entra","secret":"secret-of-entra","serviceAccountsEnabled":true,"standardFlowEnabled":false,"attributes":{"access.token.lifespan":"7200"},`+audience+`}`)
	status, answer := apptest.AskToken(t, server, b.Realm, url.Values{"grant_type": {"client_credentials"}, "client_id": {"entra"}, "client_secret": {"secret-of-entra"}})
	if status != http.StatusOK {
		t.Fatalf("the token endpoint answers %d %v", status, answer)
	}
	if seconds, ok := answer["expires_in"].(float64); !ok || seconds < 3600 {
		t.Errorf("the token is good for %v s, and Entra asks for an hour or more", answer["expires_in"])
	}
	b.With(answer["access_token"].(string)).Create(t, "/Users", `{"userName":"jane"}`)
}

// TestEntraWorkloadIdentityFederation: Keycloak checks Entra's assertion, and the bridge accepts
// the token that Keycloak returns. Nobody keeps a secret.
func TestEntraWorkloadIdentityFederation(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b, entra := newTokenBridge(t, server), authtest.NewIssuer(t)
	apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+b.Realm+"/identity-provider/instances", `{
		"alias":"entra","providerId":"oidc","enabled":true,"hideOnLogin":true,"config":{
			"issuer":"`+apptest.EntraIssuer+`","useJwksUrl":"true","jwksUrl":"`+entra.URL+`","validateSignature":"true",
			"authorizationUrl":"https://login.microsoftonline.com/x","tokenUrl":"https://login.microsoftonline.com/x",
			"clientId":"`+apptest.EntraApp+`","clientSecret":"unused",
			"supportsClientAssertions":"true","supportsClientAssertionReuse":"true","allowClientIdAsAudience":"true","federatedClientAssertionMaxExpiration":"4200"}}`)
	apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+b.Realm+"/clients", `{
		"clientId":"entra","serviceAccountsEnabled":true,"standardFlowEnabled":false,"clientAuthenticatorType":"federated-jwt",
		"attributes":{"jwt.credential.issuer":"entra","jwt.credential.sub":"`+apptest.EntraSubject+`"},`+audience+`}`)
	ask := func(change map[string]any) (int, map[string]any) {
		now := time.Now()
		claims := map[string]any{"iss": apptest.EntraIssuer, "sub": apptest.EntraSubject, "aud": apptest.EntraApp, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(65 * time.Minute).Unix(), "jti": "1"}
		maps.Copy(claims, change)
		return apptest.AskToken(t, server, b.Realm, url.Values{
			"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			"client_assertion": {entra.Sign(t, authtest.FirstKey, claims)},
		})
	}
	if keycloaktest.OlderThan("26.6") { // a preview there, which accepts only the realm's issuer as audience
		if status, answer := ask(nil); status != http.StatusUnauthorized {
			t.Errorf("the token endpoint answers %d %v: the guide says that this needs 26.6", status, answer)
		}
		return
	}
	for range 2 {
		status, answer := ask(nil)
		if status != http.StatusOK {
			t.Fatalf("the token endpoint answers %d %v", status, answer)
		}
		if _, err := b.With(answer["access_token"].(string)).Send(t, http.MethodGet, "/Users", ""); err != nil {
			t.Error(err)
		}
	}
	for name, change := range map[string]map[string]any{
		"another subject":      {"sub": "5f6f6a3e-0000-4000-8000-000000000004"},
		"another Entra tenant": {"iss": "https://login.microsoftonline.com/5f6f6a3e-0000-4000-8000-000000000009/v2.0"},
		"another application":  {"aud": "api://other"},
		"an old one":           {"exp": time.Now().Add(-time.Hour).Unix()},
	} {
		if status, answer := ask(change); status == http.StatusOK {
			t.Errorf("for %s the token endpoint answers %d %v", name, status, answer)
		}
	}
}
