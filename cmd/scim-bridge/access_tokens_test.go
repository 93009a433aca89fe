package main

import (
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth/authtest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// entraTenant and entraApp are what an assertion of Entra says of its issuer and audience.
const (
	entraIssuer  = "https://login.microsoftonline.com/5f6f6a3e-0000-4000-8000-000000000001/v2.0"
	entraApp     = "api://5f6f6a3e-0000-4000-8000-000000000002"
	entraSubject = "5f6f6a3e-0000-4000-8000-000000000003" // object id of the service principal that provisions
)

// audience is the mapper that docs/guides/credentials.md asks for.
const audience = `"protocolMappers":[{"name":"scim-bridge","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.custom.audience":"scim-bridge","access.token.claim":"true"}}]`

// newTokenBridge is a bridge whose tenant takes the tokens of a client of its realm.
func newTokenBridge(t *testing.T, server keycloaktest.Server) testBridge {
	t.Helper()
	return newBridgeOn(t, server, func(c *config.Config) {
		for name, r := range c.Realms {
			r.Tenants[0].AccessTokens = []config.AccessToken{{Name: "entra", ClientID: "entra", Audience: "scim-bridge"}}
			c.Realms[name] = r
		}
	})
}

// with is the bridge asked with another token.
func (b testBridge) with(token string) testBridge {
	b.Client = &client.Client{Base: b.Base, Token: token, HTTP: http.DefaultClient}
	return b
}

// TestEntraClientCredentials: what Entra gets from Keycloak's token endpoint with the secret in
// the body is taken.
func TestEntraClientCredentials(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := newTokenBridge(t, server)
	adminSend(t, server, http.MethodPost, "/admin/realms/"+b.realm+"/clients", `{"clientId":"entra","secret":"secret-of-entra","serviceAccountsEnabled":true,"standardFlowEnabled":false,"attributes":{"access.token.lifespan":"7200"},`+audience+`}`)
	status, answer := token(t, server, b.realm, url.Values{"grant_type": {"client_credentials"}, "client_id": {"entra"}, "client_secret": {"secret-of-entra"}})
	if status != http.StatusOK {
		t.Fatalf("the token endpoint answers %d %v", status, answer)
	}
	if seconds, ok := answer["expires_in"].(float64); !ok || seconds < 3600 {
		t.Errorf("the token is good for %v s, and Entra asks for an hour or more", answer["expires_in"])
	}
	b.with(answer["access_token"].(string)).create(t, "/Users", `{"userName":"jane"}`)
}

// TestEntraWorkloadIdentityFederation: Keycloak checks Entra's assertion, and what it gives for
// it is taken. Nothing of it is a secret that somebody keeps.
func TestEntraWorkloadIdentityFederation(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b, entra := newTokenBridge(t, server), authtest.NewIssuer(t)
	adminSend(t, server, http.MethodPost, "/admin/realms/"+b.realm+"/identity-provider/instances", `{
		"alias":"entra","providerId":"oidc","enabled":true,"hideOnLogin":true,"config":{
			"issuer":"`+entraIssuer+`","useJwksUrl":"true","jwksUrl":"`+entra.URL+`","validateSignature":"true",
			"authorizationUrl":"https://login.microsoftonline.com/x","tokenUrl":"https://login.microsoftonline.com/x",
			"clientId":"`+entraApp+`","clientSecret":"unused",
			"supportsClientAssertions":"true","supportsClientAssertionReuse":"true","allowClientIdAsAudience":"true","federatedClientAssertionMaxExpiration":"4200"}}`)
	adminSend(t, server, http.MethodPost, "/admin/realms/"+b.realm+"/clients", `{
		"clientId":"entra","serviceAccountsEnabled":true,"standardFlowEnabled":false,"clientAuthenticatorType":"federated-jwt",
		"attributes":{"jwt.credential.issuer":"entra","jwt.credential.sub":"`+entraSubject+`"},`+audience+`}`)
	ask := func(change map[string]any) (int, map[string]any) {
		now := time.Now()
		claims := map[string]any{"iss": entraIssuer, "sub": entraSubject, "aud": entraApp, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(65 * time.Minute).Unix(), "jti": "1"}
		maps.Copy(claims, change)
		return token(t, server, b.realm, url.Values{
			"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			"client_assertion": {entra.Sign(t, authtest.FirstKey, claims)},
		})
	}
	if keycloaktest.OlderThan("26.6") { // a preview there, which takes no audience but the realm's issuer
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
		if _, err := b.with(answer["access_token"].(string)).send(t, http.MethodGet, "/Users", ""); err != nil {
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
