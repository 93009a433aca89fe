package main

import (
	"net/http"
	"slices"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestWhatTheGuideToUndoingSays: what docs/guides/undo.md says about changes that a client made, and
// about a mapping, is true.
func TestWhatTheGuideToUndoingSays(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := apptest.MappingFile(t, "version: 1\nusers: { attributes: { title: { keycloak: job_title } } }\n")
			b := apptest.NewBridgeOn(t, start(t), nil, "--mapping", file)
			const jane = `{"userName":"jane","title":"Engineer"}`
			id := b.Create(t, "/Users", jane)
			active := func(value string) string {
				return apptest.PatchBody(`{"op":"replace","path":"active","value":` + value + `}`)
			}
			enabled := func(when string, want bool) {
				t.Helper()
				if shown := b.Must(t, http.MethodGet, "/Users/"+id, ""); shown["active"] != want || b.InKeycloak(t, id).Enabled != want {
					t.Errorf("%s active is %v, and enabled in Keycloak %t", when, shown["active"], b.InKeycloak(t, id).Enabled)
				}
			}

			b.Must(t, http.MethodPatch, "/Users/"+id, active("false"))
			enabled("after a deactivation", false)
			b.Must(t, http.MethodPatch, "/Users/"+id, active("true"))
			enabled("after the provider's activation", true)
			b.Must(t, http.MethodPatch, "/Users/"+id, active("false"))
			parsed, err := keycloak.ParseUserID(id)
			if err == nil {
				on := true
				err = b.Admin.UpdateUser(t.Context(), parsed, keycloak.UserUpdate{Enabled: &on})
			}
			if err != nil {
				t.Fatal(err)
			}
			enabled("after an administrator enabled the account", true)
			b.Must(t, http.MethodPatch, "/Users/"+id, active("false"))
			enabled("when the provider says so again", false)

			mapped := func(to string) func(*config.Config) {
				return func(c *config.Config) {
					r := c.Realms[b.Realm]
					r.Tenants = slices.Clone(r.Tenants)
					r.Tenants[0].Mapping = to
					c.Realms[b.Realm] = r
				}
			}
			b.Reconfigure(t, mapped(""))
			if shown := b.Must(t, http.MethodGet, "/Users/"+id, ""); shown["title"] != nil || !slices.Equal(b.InKeycloak(t, id).Attributes["job_title"], []string{"Engineer"}) {
				t.Errorf("without the mapping the title is %v, in Keycloak %v", shown["title"], b.InKeycloak(t, id).Attributes["job_title"])
			}
			b.Reconfigure(t, mapped(file))
			if shown := b.Must(t, http.MethodGet, "/Users/"+id, ""); shown["title"] != "Engineer" {
				t.Errorf("with the mapping again the title is %v", shown["title"])
			}

			b.Must(t, http.MethodDelete, "/Users/"+id, "")
			if again := b.Create(t, "/Users", jane); again == id {
				t.Error("a user who was deleted came back under the old id")
			}
		})
	}
}
