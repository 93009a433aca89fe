package apptest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// Patient is a tenant that doctor checks.
type Patient struct {
	Bridge
	Server keycloaktest.Server
}

// Diagnose returns the warnings and failures that doctor finds, and the exit code of the command.
func (p Patient) Diagnose(t *testing.T) (ill []realm.Finding, code int) {
	t.Helper()
	for _, f := range p.FindingsAt(t, "") {
		if f.Severity == realm.Fail {
			code = 1
		}
		if !f.OK() && !AboutAccounts(f) {
			ill = append(ill, f)
		}
	}
	return ill, code
}

// Set changes settings of the realm.
func (p Patient) Set(t *testing.T, settings string) {
	t.Helper()
	AdminPut(t, p.Server, "/admin/realms/"+p.Realm, settings)
}

// Right gives the service account a role of realm-management, or revokes it.
func (p Patient) Right(t *testing.T, name string, given bool) {
	t.Helper()
	role, err := p.Admin.FindRole(t.Context(), keycloak.RoleName{Client: "realm-management", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	id, _, err := p.Admin.FindClient(t.Context(), "scim-bridge")
	if err != nil {
		t.Fatal(err)
	}
	account, err := p.Admin.ServiceAccount(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	admin := adminOf(t, p.Server.WithAllRealms(), p.Realm)
	change := admin.RevokeRoles
	if given {
		change = admin.GrantRoles
	}
	if err := change(t.Context(), account, []keycloak.Role{role}); err != nil {
		t.Fatal(err)
	}
}

// Profile changes the declarations of the realm's user profile.
func (p Patient) Profile(t *testing.T, change func(*keycloak.UserProfile)) {
	t.Helper()
	profile, err := p.Admin.UserProfile(t.Context())
	if err == nil {
		change(&profile)
		err = p.Admin.UpdateUserProfile(t.Context(), profile)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Action makes an action a default action for new users, or not.
func (p Patient) Action(t *testing.T, byDefault string) {
	t.Helper()
	AdminPut(t, p.Server, "/admin/realms/"+p.Realm+"/authentication/required-actions/UPDATE_PROFILE",
		`{"alias":"UPDATE_PROFILE","name":"Update Profile","enabled":true,"defaultAction":`+byDefault+`}`)
}

// Attribute changes an attribute of a user with the Admin API. With nil it removes the attribute.
func (p Patient) Attribute(t *testing.T, path, name string, change func(string) string) {
	t.Helper()
	var user map[string]any
	if err := json.Unmarshal([]byte(AdminCall(t, p.Server, http.MethodGet, path, "")), &user); err != nil {
		t.Fatal(err)
	}
	attributes, _ := user["attributes"].(map[string]any)
	values, _ := attributes[name].([]any)
	if len(values) != 1 {
		t.Fatalf("the user has %v", attributes)
	}
	if delete(attributes, name); change != nil {
		attributes[name] = []string{change(fmt.Sprint(values[0]))}
	}
	body, err := json.Marshal(user)
	if err != nil {
		t.Fatal(err)
	}
	AdminSend(t, p.Server, http.MethodPut, path, string(body))
}

// Undeclared removes an attribute from the user profile.
func Undeclared(name string) func(*testing.T, Patient) {
	return func(t *testing.T, p Patient) {
		t.Helper()
		p.Profile(t, func(u *keycloak.UserProfile) {
			u.Attributes = slices.DeleteFunc(u.Attributes, func(a keycloak.ProfileAttribute) bool { return a.Name == name })
		})
	}
}

// CommandsOf returns the lines of a fix that are commands.
func CommandsOf(fix string) []string {
	var out []string
	for line := range strings.Lines(fix) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "scim-bridge ") || strings.HasPrefix(line, "kcadm.sh ") {
			out = append(out, line)
		}
	}
	return out
}

// FindingsAt returns the findings of doctor about a tenant, or about all tenants for "".
func (p Patient) FindingsAt(t *testing.T, path string) []realm.Finding {
	t.Helper()
	c, problems := config.Load(p.File)
	if len(problems) > 0 {
		t.Fatalf("the configuration has problems: %v", problems)
	}
	found, err := app.Diagnose(t.Context(), c, path)
	if err != nil {
		t.Fatal(err)
	}
	var all []realm.Finding
	for _, d := range found {
		all = append(all, d.Findings...)
	}
	return all
}

// AboutAccounts reports whether a finding is about accounts that a test made directly in Keycloak.
func AboutAccounts(f realm.Finding) bool { return f.Check == "existing" || f.Check == "externalId" }
