package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// Items of the checklist that no client can check from outside.

// TestRFC_063_TooManyToIndexAreRefused: a filter that cannot be looked up is no partial list
// where the index would take more memory than it may, and one that can is answered there.
func TestRFC_063_TooManyToIndexAreRefused(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := newBridgeOn(t, fake.Server(), func(c *config.Config) { c.Index.MaxMemoryBytes = 50_000 })
	createUsers(t, b, 120)
	const scan = "/Users?filter=userName+co+%22user%22"
	if found := b.must(t, http.MethodGet, scan, ""); fmt.Sprint(found["totalResults"]) != "120" {
		t.Errorf("a filter over 120 users finds %v", found["totalResults"])
	}
	createUsers(t, b, 300)
	for _, query := range []string{scan, "/Users?sortBy=userName", "/Users?cursor="} {
		_, err := b.send(t, http.MethodGet, query, "")
		var e *client.Error
		if !errors.As(err, &e) || e.Status != http.StatusBadRequest || e.Type != "tooMany" || !strings.Contains(e.Detail, "userName") || !strings.Contains(e.Detail, "more memory") {
			t.Errorf("%s over 300 users = %v, want 400 tooMany that says what to do", query, err)
		}
	}
	for _, query := range []string{"/Users?count=7", "/Users?filter=userName+eq+%22user0000%22"} {
		list, _ := b.must(t, http.MethodGet, query, "")["Resources"].([]any)
		if len(list) == 0 {
			t.Errorf("%s finds nothing among 300 users", query)
		}
	}
}

// createUsers creates those of user0000 to user{n-1} that are not there yet.
func createUsers(t *testing.T, b testBridge, n int) {
	t.Helper()
	have := b.must(t, http.MethodGet, "/Users?count=0", "")
	first, err := strconv.Atoi(fmt.Sprint(have["totalResults"]))
	if err != nil {
		t.Fatal(err)
	}
	var g errgroup.Group
	g.SetLimit(16)
	for i := first; i < n; i++ {
		g.Go(func() error {
			_, err := b.send(t, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":"user%04d","title":"T%d"}`, i, i%7))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
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
