package apptest

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// Neighbours are two tenants of one realm. Their groups are below /scim/one and /scim/two.
type Neighbours struct {
	Bridge // of the first tenant

	Other   Bridge
	server  keycloaktest.Server
	Parents map[string]keycloak.GroupID // "scim", "one" and "two"
}

// NewNeighbours makes two tenants as an operator does. edit may change the first tenant.
func NewNeighbours(t *testing.T, server keycloaktest.Server, edit func(*config.Tenant)) Neighbours {
	t.Helper()
	realm, admin := NewEmptyRealm(t, server)
	out := Neighbours{server: server, Parents: map[string]keycloak.GroupID{}}
	out.Bridge = Bridge{Server: server, Admin: admin, Realm: realm}
	out.Parents["scim"] = out.MakeGroup(t, "scim", keycloak.GroupID{})
	files := map[string]string{}
	for _, key := range []string{"one", "two"} {
		out.Parents[key] = out.MakeGroup(t, key, out.Parents["scim"])
		files[key] = MappingFile(t, NeighbourMapping(key, "parent: /scim/"+key))
		RunSetup(t, server, realm, "--mapping", files[key])
	}
	out.Bridge = NewBridgeIn(t, server, realm, admin, func(c *config.Config) {
		r := c.Realms[realm]
		two := r.Tenants[0]
		r.Tenants[0].Key, r.Tenants[0].Path, r.Tenants[0].Mapping = "one", "one", files["one"]
		two.Key, two.Path, two.Mapping = "two", "two", files["two"]
		two.Tokens = []config.Token{{Name: "two", SHA256: sha256.Sum256([]byte("token-of-two"))}}
		if edit != nil {
			edit(&r.Tenants[0])
		}
		r.Tenants = append(r.Tenants, two)
		c.Realms[realm] = r
	})
	if problems := app.MappingProblems(out.Config); len(problems) > 0 {
		t.Fatalf("the configuration has problems: %v", problems)
	}
	out.Other = out.At("two")
	out.Other.Token = "token-of-two"
	out.Bridge = out.At("one")
	return out
}

// NeighbourMapping is the mapping of one of several tenants of a realm. The tenant's users join the groups joined.
func NeighbourMapping(key, groups string, joined ...string) string {
	return "version: 1\nusers: { defaultGroups: [" + strings.Join(joined, ", ") + "], attributes: { externalId: { keycloak: ext_" + key + " } } }\ngroups: { " + groups + " }\n"
}

// Remap gives the first tenant another mapping without the check of the configuration, and then checks the realms.
// While a changed configuration is applied, a tenant can have such a mapping for a moment.
func (n Neighbours) Remap(t *testing.T, groups string, joined ...string) {
	t.Helper()
	file := config.Tenant{Mapping: MappingFile(t, NeighbourMapping("one", groups, joined...)), Profile: config.ProfileTolerant}
	m, problems := app.LoadMapping(file)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	old := n.App.Watcher.Tenants.ByPath("one")
	if !n.App.Watcher.Tenants.Swap(old, old.WithMapping(m, old.Fitness())) {
		t.Fatal("the tenant was replaced meanwhile")
	}
	n.App.Watcher.Check(t.Context())
}

// Rename renames a group in Keycloak.
func (b Bridge) Rename(t *testing.T, id keycloak.GroupID, name string) {
	t.Helper()
	g, err := b.Admin.Group(t.Context(), id)
	if err == nil {
		err = b.Admin.UpdateGroup(t.Context(), g, keycloak.GroupUpdate{Name: &name})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Warnings returns the warnings of the last log line about a tenant that has warnings.
func (b Bridge) Warnings(t *testing.T, path string) string {
	t.Helper()
	out := ""
	for _, e := range b.Lines.FilterMessage("the realm is fit").All() {
		if e.ContextMap()["tenant"] == path && e.Level.String() == "warn" {
			out = fmt.Sprint(e.ContextMap()["warnings"])
		}
	}
	return out
}
