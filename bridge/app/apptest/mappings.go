package apptest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

const (
	// HRURN is the URN of an extension of testdata/mapping.yaml.
	HRURN = "urn:acme:params:scim:schemas:extension:hr:2.0:User"
	// ITURN is the URN of another extension of testdata/mapping.yaml.
	ITURN = "urn:acme:params:scim:schemas:extension:it:2.0:User"
	// GroupURN is the URN of the extension of groups.
	GroupURN = "urn:acme:params:scim:schemas:extension:group:2.0:Group"
)

// NewMappedBridge makes a tenant with testdata/mapping.yaml. Setup has prepared the realm for it. The realm has the
// roles and the identity provider that the mapping names.
func NewMappedBridge(t *testing.T, server keycloaktest.Server, edits ...func(*config.Config)) Bridge {
	t.Helper()
	return NewRoleBridge(t, server, atRoot(t, "bridge/mapping/testdata/mapping.yaml"), edits...)
}

// DecodeJSON decodes a JSON object.
func DecodeJSON(t *testing.T, text string) map[string]any {
	t.Helper()
	out, err := scim.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// NewBridgeWith makes a tenant with a mapping file that contains a text.
func NewBridgeWith(t *testing.T, server keycloaktest.Server, text string) Bridge {
	t.Helper()
	return NewBridgeOn(t, server, nil, "--mapping", MappingFile(t, text))
}

// MappingFile writes a mapping file and returns its path.
func MappingFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// NewUnfitBridge makes a bridge with a mapping for which setup did not prepare the realm.
func NewUnfitBridge(t *testing.T, server keycloaktest.Server, text string) Bridge {
	t.Helper()
	file := MappingFile(t, text)
	return NewBridgeOn(t, server, func(c *config.Config) {
		for _, realm := range c.Realms {
			realm.Tenants[0].Mapping = file
		}
	})
}

// ByHand gives a user or a group a role directly in Keycloak, as an administrator does in the console.
func (b Bridge) ByHand(t *testing.T, endpoint, id, role string) {
	t.Helper()
	client, name, ofClient := strings.Cut(role, "/")
	if !ofClient {
		client, name = "", role
	}
	found, err := b.Admin.FindRole(t.Context(), keycloak.RoleName{Client: client, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	var holder keycloak.RoleHolder
	if endpoint == "/Users" {
		holder, err = keycloak.ParseUserID(id)
	} else {
		holder, err = keycloak.ParseGroupID(id)
	}
	if err == nil {
		err = b.Admin.GrantRoles(t.Context(), holder, []keycloak.Role{found})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ListedRoles is a mapping that may grant roles but has no rule that grants a role.
const ListedRoles = `version: 1
grantableRoles: [employee, boss, { client: shop, role: editor }, { client: shop, role: seller }]
`

// AddRole makes a role of the realm.
func (b Bridge) AddRole(t *testing.T, server keycloaktest.Server, name string) {
	t.Helper()
	AdminSend(t, server, http.MethodPost, "/admin/realms/"+b.Realm+"/roles", `{"name":"`+name+`"}`)
}

// NewRoleBridge makes a tenant with a mapping file. The realm has the roles employee, boss, shop/editor and
// shop/seller, and the identity provider corp.
func NewRoleBridge(t *testing.T, server keycloaktest.Server, file string, edits ...func(*config.Config)) Bridge {
	t.Helper()
	realm, admin := NewEmptyRealm(t, server)
	shop, err := admin.CreateClient(t.Context(), "shop", "")
	if err != nil {
		t.Fatal(err)
	}
	at := "/admin/realms/" + realm
	for path, names := range map[string][]string{"/roles": {"employee", "boss"}, "/clients/" + shop.String() + "/roles": {"editor", "seller"}} {
		for _, name := range names {
			AdminSend(t, server, http.MethodPost, at+path, `{"name":"`+name+`"}`)
		}
	}
	AddProvider(t, server, realm, "corp")
	edit := func(c *config.Config) {
		for _, edit := range edits {
			edit(c)
		}
	}
	return NewBridgeIn(t, server, realm, admin, edit, "--mapping", file)
}

// AddProvider makes an identity provider; no login with it is possible.
func AddProvider(t *testing.T, server keycloaktest.Server, realm, alias string) {
	t.Helper()
	AdminSend(t, server, http.MethodPost, "/admin/realms/"+realm+"/identity-provider/instances", `{"alias":"`+alias+`","providerId":"oidc","enabled":true,
		"config":{"clientId":"a","clientSecret":"b","tokenUrl":"http://127.0.0.1:1/t","authorizationUrl":"http://127.0.0.1:1/a"}}`)
}

// RolesOf returns the roles of a user, without the roles that every user has.
func (b Bridge) RolesOf(t *testing.T, id string) string {
	t.Helper()
	parsed, err := keycloak.ParseUserID(id)
	if err != nil {
		t.Fatal(err)
	}
	roles, err := b.Admin.UserRoles(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range roles {
		if !strings.HasPrefix(r.Name, "default-roles-") {
			out = append(out, r.String())
		}
	}
	return strings.Join(out, " ")
}

// RolesOfGroup returns the roles of a group, without inherited roles.
func (b Bridge) RolesOfGroup(t *testing.T, id string) string {
	t.Helper()
	parsed, err := keycloak.ParseGroupID(id)
	if err != nil {
		t.Fatal(err)
	}
	g, err := b.Admin.Group(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(fmt.Sprint(g.Roles), "[]")
}

// LinkMapping is a mapping that links users to the identity provider corp.
const LinkMapping = "version: 1\nusers: { link: { identityProvider: corp, userId: externalId } }\n"

// GroupRoleMapping is a mapping that grants users roles by their groups.
const GroupRoleMapping = `version: 1
grantableRoles: [employee, boss, { client: shop, role: editor }]
users:
  roles:
    - when: '"Admins" in groups'
      grant: [boss]
    - when: '"Press" in groups && resource.title == "Editor"'
      grant: [{ client: shop, role: editor }]
`

// AddRoles makes the roles that GroupRoleMapping names, in the realm of a bridge.
func AddRoles(t *testing.T, server keycloaktest.Server, realm string, admin *keycloak.Client) {
	t.Helper()
	shop, err := admin.CreateClient(t.Context(), "shop", "")
	if err != nil {
		t.Fatal(err)
	}
	at := "/admin/realms/" + realm
	for _, name := range []string{"employee", "boss"} {
		AdminSend(t, server, http.MethodPost, at+"/roles", `{"name":"`+name+`"}`)
	}
	AdminSend(t, server, http.MethodPost, at+"/clients/"+shop.String()+"/roles", `{"name":"editor"}`)
}

// UseMapping gives the tenant at a path another mapping. It keeps the parent of the groups, which servers without
// groups of organizations need.
func (b Bridge) UseMapping(t *testing.T, path, text string) {
	t.Helper()
	if why := b.Propose(t, path, text); why != "" {
		t.Fatalf("the mapping is not applied: %s", why)
	}
}

// Propose is UseMapping that may fail, and returns why.
func (b Bridge) Propose(t *testing.T, path, text string) string {
	t.Helper()
	if parent := b.App.Watcher.Tenants.ByPath(path).Mapping.GroupParent; parent != "" {
		before, more, _ := strings.Cut(text, "groups:\n")
		text = before + "groups:\n  parent: " + parent + "\n" + more
	}
	m, problems := app.LoadMapping(config.Tenant{Mapping: MappingFile(t, text), Profile: config.ProfileTolerant})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	ProposeMapping(b.App.Watcher, path, m)
	b.App.Watcher.Check(t.Context())
	return b.App.Watcher.Tenants.ByPath(path).Unapplied()
}

// ProposeMapping gives a tenant another mapping, as a change of the mapping file does.
func ProposeMapping(w *realm.Watcher, path string, m *mapping.Mapping) {
	var list []*tenant.Tenant
	for _, t := range w.Tenants.All() {
		switch {
		case t.Found:
		case t.Path == path:
			list = append(list, t.WithMapping(m, t.Fitness()))
		default:
			list = append(list, t)
		}
	}
	w.Replace(list, w.Organizations)
}
