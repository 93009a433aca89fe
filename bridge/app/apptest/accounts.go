package apptest

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// Controlled lets commands reach a bridge of the test, and returns the configuration file for these commands.
func (b Bridge) Controlled(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "scim") //nolint:usetesting // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	listener, err := control.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	server := app.NewServer(b.App.Control(), app.AdminTimeout)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	text, err := os.ReadFile(b.File)
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^  socket: .*\n`).ReplaceAll(text, nil)
	text = []byte(strings.Replace(string(text), "\nadmin:", "\nadmin: # for a test\n  socket: "+socket+"\n#", 1))
	file := filepath.Join(filepath.Dir(b.File), "controlled.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Adoptions runs an adoption for the tenant at a path, as the command adopt does with --dry-run, --undo or no flag.
// It returns the result for each account, by user name. file is the result of Controlled.
func (b Bridge) Adoptions(t *testing.T, file, path string, flags ...string) map[string]bridge.Adoption {
	t.Helper()
	o := bridge.AdoptOptions{DryRun: slices.Contains(flags, "--dry-run"), Undo: slices.Contains(flags, "--undo")}
	all := map[string]bridge.Adoption{}
	err := Control(t, file).Adopt(t.Context(), path, o, func(a bridge.Adoption) error {
		all[a.Name] = a
		return nil
	})
	if err != nil {
		t.Fatalf("the adoption ended with %v", err)
	}
	return all
}

// Control is a client for the control socket of the bridge that runs with a configuration.
func Control(t *testing.T, file string) control.Client {
	t.Helper()
	c, problems := config.Load(file)
	if len(problems) > 0 {
		t.Fatalf("the configuration has problems: %v", problems)
	}
	return control.Client{Socket: c.Admin.Socket}
}

// AdoptUnowned lets every tenant adopt accounts and groups that have no owner.
func AdoptUnowned(c *config.Config) {
	EachTenant(func(t *config.Tenant) { t.Adopt = config.AdoptUnowned })(c)
}

// PasswordBefore is the password of the accounts that MakeAccount makes.
const PasswordBefore = "was-There-before-1"

// CanLogIn reports whether a login with a password succeeds.
func (b Bridge) CanLogIn(t *testing.T, server keycloaktest.Server, name, password string) bool {
	t.Helper()
	status, _ := AskToken(t, server, b.Realm, url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {name}, "password": {password}})
	return status == http.StatusOK
}

// Former makes an account as another SCIM server would have left it: without a look-up key, and with a value that the
// tenant shows as externalId.
func (b Bridge) Former(t *testing.T, name, value string) string {
	t.Helper()
	id, err := b.Admin.CreateUser(t.Context(), keycloak.NewUser{
		Username: name, Email: name + "@acme.test", EmailVerified: true, FirstName: "F", LastName: "L", Enabled: true, Attributes: map[string][]string{"externalId": {value}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// Rewrite sets attributes of an account, as an administrator does in the console. It removes attributes without
// values.
func (b Bridge) Rewrite(t *testing.T, id string, attributes map[string][]string) {
	t.Helper()
	user := b.InKeycloak(t, id)
	for name, values := range attributes {
		if user.Attributes[name] = values; len(values) == 0 {
			delete(user.Attributes, name)
		}
	}
	if err := b.Admin.UpdateUser(t.Context(), UserID(t, id), keycloak.UserUpdate{
		Username: &user.Username, Email: &user.Email, FirstName: &user.FirstName, LastName: &user.LastName, Attributes: user.Attributes,
	}); err != nil {
		t.Fatal(err)
	}
}

// Finds returns the ids of the users that match a filter, sorted.
func (b Bridge) Finds(t *testing.T, filter string) []string {
	t.Helper()
	list, err := b.Find(t.Context(), "/Users", filter, "")
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	out := make([]string, len(list))
	for i, found := range list {
		out[i], _ = found["id"].(string)
	}
	slices.Sort(out)
	return out
}

// WantFound fails the test unless a filter finds exactly the users with these ids.
func (b Bridge) WantFound(t *testing.T, filter string, ids ...string) {
	t.Helper()
	slices.Sort(ids)
	if got := b.Finds(t, filter); !slices.Equal(got, ids) {
		t.Errorf("%s finds %v, want %v", filter, got, ids)
	}
}

// Vault is a bridge whose configuration protects the group /ops/admins, which has a member, and the user break-glass.
type Vault struct {
	Bridge

	Ops, Admins keycloak.GroupID
	Admin1      keycloak.UserID // a member of Admins
	Glass       keycloak.UserID
}

// NewVault makes a Vault. The configuration protects the accounts and groups by their names.
func NewVault(t *testing.T, server keycloaktest.Server) Vault {
	t.Helper()
	realm, admin := NewEmptyRealm(t, server)
	out := Vault{Bridge: Bridge{Server: server, Admin: admin, Realm: realm}}
	out.Ops = out.MakeGroup(t, "ops", keycloak.GroupID{})
	out.Admins = out.MakeGroup(t, "admins", out.Ops)
	out.Admin1, out.Glass = out.MakeAccount(t, "admin1", true), out.MakeAccount(t, "break-glass", true)
	if err := admin.AddMember(t.Context(), out.Admin1, out.Admins); err != nil {
		t.Fatal(err)
	}
	out.Bridge = NewBridgeIn(t, server, realm, admin, func(c *config.Config) { out.Protect(c, realm, []string{"break-glass"}, "/ops/admins") })
	return out
}

// Protect sets the protected users and groups of a realm.
func (Vault) Protect(c *config.Config, realm string, users []string, groups ...config.GroupPath) {
	r := c.Realms[realm]
	r.Protected = config.Protected{Users: users, Groups: groups}
	c.Realms[realm] = r
}

// Reviving edits a tenant so that it rehires: a user who is created again gets the old account (rehire: revive).
func Reviving(t *config.Tenant) {
	t.ExternalID, t.Rehire = config.ExternalIDUnique, config.RehireRevive
}
