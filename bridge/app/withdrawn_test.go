package app_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// TestARefusedCreationIsARequestAndNoChange: its checks ran while it was recorded, also when the store does not answer.
func TestARefusedCreationIsARequestAndNoChange(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]bool{"with the store": false, "without the store": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newStoredBridgeThat(t, config.OnFailureContinue, apptest.EachTenant(func(t *config.Tenant) { t.ExternalID = config.ExternalIDUnique }))
			b.wantMade(t, apptest.BadRequest{Method: http.MethodPost, Path: "/Users", Body: `{"userName":"eve","externalId":"e-1"}`})
			b.created = len(b.entries(t))
			if away {
				b.memory.Fail(errDisk)
			}
			if status, _, body := b.send(t, apptest.BadRequest{Method: http.MethodPost, Path: "/Users", Body: `{"userName":"eva","externalId":"e-1"}`}); status != http.StatusConflict {
				t.Fatalf("the answer is %d %s", status, body)
			}
			b.memory.Fail(nil)
			b.App.KeepStore(t.Context(), time.Now())
			if entries, open := b.since(t), b.open(t); len(entries) != 0 || open != 0 || len(b.read.asked()) != 0 {
				t.Errorf("entries %v, %d open changes, recovered %v", entries, open, b.read.asked())
			}
			rows := 0
			for _, a := range rowsOf(t, b.memory, store.ActivityQuery{}) {
				if a.Status == http.StatusConflict {
					if rows++; a.Change != "" {
						t.Errorf("the request names the change %s", a.Change)
					}
				}
			}
			if rows != 1 && !away {
				t.Errorf("%d requests with a conflict are known", rows)
			}
		})
	}
}
