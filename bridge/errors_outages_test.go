package bridge_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// bulkErrors are the errors of bulk requests and of their operations.
func bulkErrors() map[string][]provocation {
	operations := func(members string, list ...string) provocation {
		return func(t *testing.T, s sharedBridges) answer {
			t.Helper()
			return bulkAnswer(t, s.tolerant, members, list...)
		}
	}
	failing := apptest.BulkPost("/Users", "a", `{"title":"t"}`)
	return map[string][]provocation{
		"bulk-operation-malformed": {
			operations("", `{"method":"POST","path":"/Users","data":{"userName":"a"}}`),
			tolerant(http.MethodPost, "/Bulk", apptest.BulkOf(`"failOnErrors":0,`, failing)),
			operations("", apptest.BulkPost("/x/y/z", "a", `{"userName":"a"}`)),
		},
		"bulk-id":                 {operations("", failing, failing), operations("", apptest.BulkPost("/Groups", "g", `{"displayName":"g","members":[{"value":"bulkId:nobody"}]}`))},
		"bulk-too-large":          {tolerant(http.MethodPost, "/Bulk", apptest.BulkOf("", slices.Repeat([]string{failing}, 1001)...))},
		"bulk-reference-not-made": {operations("", failing, apptest.BulkPost("/Groups", "g", `{"displayName":"g","members":[{"value":"bulkId:a"}]}`))},
		"bulk-out-of-time": {func(t *testing.T, _ sharedBridges) answer {
			t.Helper()
			b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) { c.Server.RequestTimeout = 1 })
			return bulkAnswer(t, b, "", apptest.BulkPost("/Users", "a", `{"userName":"jane"}`))
		}},
	}
}

// outageErrors are the errors of Keycloak and of the bridge.
func outageErrors() map[string][]provocation {
	answers := func(op string, status int) provocation {
		return func(t *testing.T, _ sharedBridges) answer {
			t.Helper()
			fake := keycloaktest.NewFake(t)
			b := apptest.NewBridgeOn(t, fake.Server(), nil)
			fake.Inject(keycloaktest.Fault{Op: op, Status: status})
			return answerOf(t, b, http.MethodPost, "/Users", `{"userName":"jane"}`)
		}
	}
	return map[string][]provocation{
		"keycloak-unavailable": {answers("POST /users", http.StatusServiceUnavailable)},
		"keycloak-busy":        {answers("POST /users", http.StatusTooManyRequests)},
		"keycloak-denies":      {answers("POST /users", http.StatusForbidden)},
		"keycloak-failed":      {answers("POST /users", http.StatusInternalServerError)},
		"realm-unfit": {func(t *testing.T, _ sharedBridges) answer {
			t.Helper()
			server := keycloaktest.NewFake(t).Server()
			p := apptest.Patient{Bridge: apptest.NewBridgeOn(t, server, nil), Server: server}
			apptest.Undeclared("scim.owner")(t, p)
			p.App.Watcher.Check(t.Context())
			return answerOf(t, p.Bridge, http.MethodGet, "/Users", "")
		}},
		"store-away": {func(t *testing.T, _ sharedBridges) answer {
			t.Helper()
			b, memory := storedBridge(t)
			memory.Fail(errFullDisk)
			return answerOf(t, b, http.MethodPost, "/Users", `{"userName":"jane"}`)
		}},
		"second-writer": {func(t *testing.T, _ sharedBridges) answer {
			t.Helper()
			b, _ := secondWriter(t)
			return answerOf(t, b, http.MethodPost, "/Users", `{"userName":"jane"}`)
		}},
		"stored-value-damaged": {func(t *testing.T, _ sharedBridges) answer {
			t.Helper()
			server := keycloaktest.NewFake(t).Server()
			p := apptest.Patient{Bridge: apptest.NewBridgeOn(t, server, nil), Server: server}
			id := p.Create(t, "/Users", `{"userName":"jane","nickName":"J"}`)
			p.Attribute(t, "/admin/realms/"+p.Realm+"/users/"+id, "scim.remainder", func(s string) string { return s[:len(s)-3] })
			return answerOf(t, p.Bridge, http.MethodGet, "/Users/"+id, "")
		}},
		"internal": {func(t *testing.T, s sharedBridges) answer {
			t.Helper()
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, s.tolerant.Base+"/Users", brokenBody{})
			req.ContentLength = 2
			req.Header.Set("Authorization", "Bearer "+s.tolerant.Token)
			w := httptest.NewRecorder()
			s.tolerant.App.Handler.ServeHTTP(w, req)
			return answerFrom(t, w.Code, w.Body.String())
		}},
	}
}

// secondWriter is a bridge whose realm another program changes with the bridge's account.
func secondWriter(t *testing.T) (apptest.Bridge, *storetest.Memory) {
	t.Helper()
	memory := storetest.NewMemory(nil)
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), memory, nil, "--change-feed")
	b.App.ReadOthers(t.Context(), time.Now().Add(-time.Minute))
	if _, err := b.App.Watcher.Realms.Client(b.Realm).CreateUser(t.Context(), keycloak.NewUser{Username: "second", Enabled: true}); err != nil {
		t.Fatal(err)
	}
	b.App.ReadOthers(t.Context(), time.Now())
	return b, memory
}

// errFullDisk is why a store fails.
var errFullDisk = errors.New("the disk is full")

// storedBridge is a bridge with a store that can fail.
func storedBridge(t *testing.T) (apptest.Bridge, *storetest.Memory) {
	t.Helper()
	memory := storetest.NewMemory(nil)
	return apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), memory, nil), memory
}

// brokenBody is a body that panics when it is read.
type brokenBody struct{}

func (brokenBody) Read(p []byte) (int, error) { return len(p[len(p)+1:]), nil }
