package bridge_test

import (
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestARefusalNamesTheUserOrGroup by the name that the client knows, and also by the id when there are several. A token
// that may not read users or groups sees no name that it did not send.
func TestARefusalNamesTheUserOrGroup(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), func(c *config.Config) {
				for _, r := range c.Realms {
					all := &r.Tenants[2]
					all.Tokens = append(all.Tokens, config.Token{Name: "writer", SHA256: sha256.Sum256([]byte("writes-alone")), Scopes: []config.TokenScope{"users:write", "groups:write"}})
				}
			})
			b := c.Realm
			admin := administrator(t, c)
			jane := b.Create(t, "/Users", `{"userName":"Jane"}`)
			team := b.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+jane+`"}]}`)
			chiefs := b.Create(t, "/Groups", `{"displayName":"Chiefs"}`)
			b.Grant(t, c.GroupID(t, "realm", chiefs), b.KnownRole(t, apptest.ManagementRole("view-users")))
			with := b.Create(t, "/Groups", `{"displayName":"With admin"}`)
			if err := b.Admin.AddMember(t.Context(), apptest.UserID(t, admin), c.GroupID(t, "realm", with)); err != nil {
				t.Fatal(err)
			}
			found := b.MakeAccount(t, "found", true).String()
			crew := c.ConsoleGroup(t, "realm", "crew")
			b.Check(t)
			adminNamed := strconv.Quote("admin") + " (" + admin + ")"
			refusals := []struct {
				method, path, body, says, name string
			}{
				{http.MethodPatch, "/Users/" + admin, apptest.PatchBody(deactivation), adminNamed, "admin"},
				{http.MethodPut, "/Users/" + admin, `{"userName":"Admin"}`, adminNamed, "admin"},
				{http.MethodDelete, "/Users/" + admin, "", adminNamed, "admin"},
				{http.MethodPatch, "/Groups/" + team, apptest.AddMembers(admin), adminNamed, "admin"},
				{http.MethodPatch, "/Groups/" + with, apptest.RemoveMember(admin), adminNamed, "admin"},
				{http.MethodPost, "/Groups", `{"displayName":"New","members":[{"value":"` + admin + `"}]}`, adminNamed, "admin"},
				{http.MethodDelete, "/Groups/" + with, "", adminNamed, "admin"},
				{http.MethodPatch, "/Groups/" + chiefs, apptest.AddMembers(jane), `"Chiefs" (` + chiefs + ")", "Chiefs"},
				{http.MethodDelete, "/Groups/" + chiefs, "", `"Chiefs" (` + chiefs + ")", "Chiefs"},
				{http.MethodDelete, "/Users/" + found, "", `user "found": `, "found"},
				{http.MethodDelete, "/Groups/" + crew, "", `group "crew": `, "crew"},
				{http.MethodPatch, "/Groups/" + crew, apptest.ReplaceBody("displayName", `"team2"`), `group "crew": `, "crew"},
			}
			for _, r := range refusals {
				if got := b.Refused(t, http.StatusForbidden, r.method, r.path, r.body); !strings.Contains(got, r.says) {
					t.Errorf("%s %s is refused with %q, want %q", r.method, r.path, got, r.says)
				}
				if got := b.With("writes-alone").Refused(t, http.StatusForbidden, r.method, r.path, r.body); strings.Contains(got, strconv.Quote(r.name)) {
					t.Errorf("%s %s tells a token that may read nothing %q", r.method, r.path, got)
				}
			}
		})
	}
}

// TestARefusalNamesNobodyOfAnotherTenant: a foreign administrator is answered like an absent user.
func TestARefusalNamesNobodyOfAnotherTenant(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			acme := c.Of["acme"]
			admin := administrator(t, c)
			team := acme.Create(t, "/Groups", `{"displayName":"Team"}`)
			for _, r := range []struct {
				method, endpoint, id, body string
				status                     int
			}{
				{http.MethodPatch, "/Users/", admin, apptest.PatchBody(deactivation), http.StatusNotFound},
				{http.MethodDelete, "/Users/", admin, "", http.StatusNotFound},
				{http.MethodPatch, "/Groups/" + team, "", apptest.AddMembers(admin), http.StatusBadRequest},
			} {
				foreign := acme.Refused(t, r.status, r.method, r.endpoint+r.id, r.body)
				absent := acme.Refused(t, r.status, r.method, r.endpoint+strings.ReplaceAll(r.id, admin, apptest.AbsentID), strings.ReplaceAll(r.body, admin, apptest.AbsentID))
				if strings.ReplaceAll(foreign, admin, apptest.AbsentID) != absent || strings.Contains(foreign, `"admin"`) {
					t.Errorf("%s %s: a foreign administrator is answered %q, an absent user %q", r.method, r.endpoint, foreign, absent)
				}
			}
		})
	}
}

// TestARefusalNamesTheAttributeThatTheClientKnows, and not Keycloak's attribute: for a value that the realm refuses,
// and for a damaged value.
func TestARefusalNamesTheAttributeThatTheClientKnows(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			p := apptest.Patient{Bridge: apptest.NewMappedBridge(t, server), Server: server}
			p.Profile(t, func(u *keycloak.UserProfile) {
				u.Attribute("cost_center").Validations = map[string]jsontext.Value{"length": jsontext.Value(`{"max":3}`)}
			})
			id := p.Create(t, "/Users", `{"userName":"jane","nickName":"J","`+apptest.HRURN+`":{"costCenter":"abc"}}`)
			got := p.Refused(t, http.StatusBadRequest, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"`+apptest.HRURN+`:costCenter","value":"abcd"}`))
			if !strings.HasPrefix(got, apptest.HRURN+":costCenter is shorter or longer") || strings.Contains(got, "cost_center") {
				t.Errorf("the value is refused with %q", got)
			}
			p.Attribute(t, "/admin/realms/"+p.Realm+"/users/"+id, "scim.remainder", func(s string) string { return s[:len(s)-3] })
			if got := p.Refused(t, http.StatusInternalServerError, http.MethodGet, "/Users/"+id, ""); strings.Contains(got, "scim.remainder") || !strings.Contains(got, "ask the operator") {
				t.Errorf("what is damaged is told as %q", got)
			}
		})
	}
}
