package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// Items of the checklist that no client can check from outside.

// TestRFC_063_TooManyToReadAreRefused: a filter that cannot be looked up is no partial
// list in a large realm, and one that can is answered there.
func TestRFC_063_TooManyToReadAreRefused(t *testing.T) {
	t.Parallel()
	b := newCallBridge(t)
	var g errgroup.Group
	g.SetLimit(16)
	for i := range 1001 {
		g.Go(func() error {
			_, err := b.send(t, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":"user%04d"}`, i))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	const scan = "/Users?filter=userName+co+%22user%22"
	_, err := b.send(t, http.MethodGet, scan, "")
	var e *client.Error
	if !asClientError(err, &e) || e.Status != http.StatusBadRequest || e.Type != "tooMany" || !strings.Contains(e.Detail, "1001") {
		t.Errorf("a filter over 1,001 users = %v, want 400 tooMany that says how many", err)
	}
	first := b.must(t, http.MethodGet, "/Users?filter=userName+eq+%22user0000%22", "")
	list, _ := first["Resources"].([]any)
	if len(list) != 1 {
		t.Fatalf("a look-up among 1,001 users finds %v", first)
	}
	id, _ := list[0].(map[string]any)["id"].(string)
	if _, err := b.send(t, http.MethodDelete, "/Users/"+id, ""); err != nil {
		t.Fatal(err)
	}
	calls := b.calls(func() {
		if found := b.must(t, http.MethodGet, scan, ""); fmt.Sprint(found["totalResults"]) != "1000" {
			t.Errorf("a filter over 1,000 users finds %v", found["totalResults"])
		}
	})
	if len(calls) != 11 {
		t.Errorf("reading 1,000 users makes %d calls, want a count and ten pages: %v", len(calls), calls)
	}
}

// TestRFC_148_AnotherVersionIsNoEndpoint.
func TestRFC_148_AnotherVersionIsNoEndpoint(t *testing.T) {
	t.Parallel()
	b := newCallBridge(t)
	root := strings.TrimSuffix(b.Base, "/v2")
	for _, version := range []string{"/v1", "/v3", ""} {
		status, body := get(t, root+version+"/Users", b.Token)
		if status != http.StatusNotFound || !strings.Contains(body, "urn:ietf:params:scim:api:messages:2.0:Error") {
			t.Errorf("GET %s/Users = %d %s, want 404 with a SCIM error", version, status, body)
		}
	}
}

func get(t *testing.T, url, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	status, _, body := exchange(t, req)
	return status, body
}

// TestRFC_154_ATenantIsCheckedAgainstTheCredential: the token of one tenant answers at
// another exactly as at one that does not exist.
func TestRFC_154_ATenantIsCheckedAgainstTheCredential(t *testing.T) {
	t.Parallel()
	c := newCustomers(t, keycloaktest.NewFake(t).Server(), nil)
	acme, globex := c.of["acme"], c.of["globex"]
	foreign, foreignBody := get(t, acme.Base+"/Users", globex.Token)
	absent, absentBody := get(t, c.realm.at("absent").Base+"/Users", globex.Token)
	if foreign != http.StatusUnauthorized || absent != foreign || foreignBody != absentBody {
		t.Errorf("a foreign tenant = %d %s, an absent one = %d %s, want the same 401", foreign, foreignBody, absent, absentBody)
	}
	if status, body := get(t, acme.Base+"/Users", acme.Token); status != http.StatusOK {
		t.Errorf("the tenant's own token = %d %s", status, body)
	}
}

// TestRFC_155_TokensAreLongAndTLSIsRecent: setup's tokens hold 256 bits, no two are the
// same, and Keycloak is spoken to by TLS 1.2 at least. TLS towards clients ends in
// front of the bridge.
func TestRFC_155_TokensAreLongAndTLSIsRecent(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	realm, _ := newEmptyRealm(t, server)
	one, two := runSetup(t, server, realm).Token, runSetup(t, server, realm).Token
	const least = 43 // 256 bits in base64
	if len(one) < least || one == two {
		t.Errorf("tokens %q and %q, want two different ones of %d characters", one, two, least)
	}
	transport, err := keycloak.NewTransport(keycloak.TransportConfig{})
	if err != nil || transport.TLSClientConfig.MinVersion < tls.VersionTLS12 {
		t.Errorf("transport = %v, %v, want TLS 1.2 at least", transport, err)
	}
}
