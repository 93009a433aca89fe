package main

import (
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestARefusalNamesWhomItIsAbout by the name that the client knows, beside the id where there are several. A token that
// may not read users, or groups, is told no name that it did not send.
func TestARefusalNamesWhomItIsAbout(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), func(c *config.Config) {
				for _, r := range c.Realms {
					all := &r.Tenants[2]
					all.Tokens = append(all.Tokens, config.Token{Name: "writer", SHA256: sha256.Sum256([]byte("writes-alone")), Scopes: []config.TokenScope{"users:write", "groups:write"}})
				}
			})
			b := c.realm
			admin := c.administrator(t)
			jane := b.create(t, "/Users", `{"userName":"Jane"}`)
			team := b.create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+jane+`"}]}`)
			chiefs := b.create(t, "/Groups", `{"displayName":"Chiefs"}`)
			b.grant(t, c.groupID(t, "realm", chiefs), b.known(t, right("view-users")))
			with := b.create(t, "/Groups", `{"displayName":"With admin"}`)
			if err := b.admin.AddMember(t.Context(), userID(t, admin), c.groupID(t, "realm", with)); err != nil {
				t.Fatal(err)
			}
			found := b.account(t, "found", true).String()
			crew := c.consoleGroup(t, "realm", "crew")
			b.look(t)
			adminNamed := strconv.Quote("admin") + " (" + admin + ")"
			refusals := []struct {
				method, path, body, says, name string
			}{
				{http.MethodPatch, "/Users/" + admin, patchBody(deactivation), adminNamed, "admin"},
				{http.MethodPut, "/Users/" + admin, `{"userName":"Admin"}`, adminNamed, "admin"},
				{http.MethodDelete, "/Users/" + admin, "", adminNamed, "admin"},
				{http.MethodPatch, "/Groups/" + team, addMembers(admin), adminNamed, "admin"},
				{http.MethodPatch, "/Groups/" + with, removeMember(admin), adminNamed, "admin"},
				{http.MethodPost, "/Groups", `{"displayName":"New","members":[{"value":"` + admin + `"}]}`, adminNamed, "admin"},
				{http.MethodDelete, "/Groups/" + with, "", adminNamed, "admin"},
				{http.MethodPatch, "/Groups/" + chiefs, addMembers(jane), `"Chiefs" (` + chiefs + ")", "Chiefs"},
				{http.MethodDelete, "/Groups/" + chiefs, "", `"Chiefs" (` + chiefs + ")", "Chiefs"},
				{http.MethodDelete, "/Users/" + found, "", `user "found": `, "found"},
				{http.MethodDelete, "/Groups/" + crew, "", `group "crew": `, "crew"},
				{http.MethodPatch, "/Groups/" + crew, replaceBody("displayName", `"team2"`), `group "crew": `, "crew"},
			}
			for _, r := range refusals {
				if got := b.refused(t, http.StatusForbidden, r.method, r.path, r.body); !strings.Contains(got, r.says) {
					t.Errorf("%s %s is refused with %q, want %q", r.method, r.path, got, r.says)
				}
				if got := b.with("writes-alone").refused(t, http.StatusForbidden, r.method, r.path, r.body); strings.Contains(got, strconv.Quote(r.name)) {
					t.Errorf("%s %s tells a token that may read nothing %q", r.method, r.path, got)
				}
			}
		})
	}
}

// TestARefusalNamesNobodyOfAnotherTenant: a foreign administrator is answered as an absent user.
func TestARefusalNamesNobodyOfAnotherTenant(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			acme := c.of["acme"]
			admin := c.administrator(t)
			team := acme.create(t, "/Groups", `{"displayName":"Team"}`)
			for _, r := range []struct {
				method, endpoint, id, body string
				status                     int
			}{
				{http.MethodPatch, "/Users/", admin, patchBody(deactivation), http.StatusNotFound},
				{http.MethodDelete, "/Users/", admin, "", http.StatusNotFound},
				{http.MethodPatch, "/Groups/" + team, "", addMembers(admin), http.StatusBadRequest},
			} {
				foreign := acme.refused(t, r.status, r.method, r.endpoint+r.id, r.body)
				absent := acme.refused(t, r.status, r.method, r.endpoint+strings.ReplaceAll(r.id, admin, absentID), strings.ReplaceAll(r.body, admin, absentID))
				if strings.ReplaceAll(foreign, admin, absentID) != absent || strings.Contains(foreign, `"admin"`) {
					t.Errorf("%s %s: a foreign administrator is answered %q, an absent user %q", r.method, r.endpoint, foreign, absent)
				}
			}
		})
	}
}

// TestARefusalNamesTheAttributeThatTheClientKnows, and not the one of Keycloak that holds it: of a value that the realm
// refuses, and of one that is damaged.
func TestARefusalNamesTheAttributeThatTheClientKnows(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			p := patient{newMappedBridge(t, server), server}
			p.profile(t, func(u *keycloak.UserProfile) {
				u.Attribute("cost_center").Validations = map[string]jsontext.Value{"length": jsontext.Value(`{"max":3}`)}
			})
			id := p.create(t, "/Users", `{"userName":"jane","nickName":"J","`+hrURN+`":{"costCenter":"abc"}}`)
			got := p.refused(t, http.StatusBadRequest, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"replace","path":"`+hrURN+`:costCenter","value":"abcd"}`))
			if !strings.HasPrefix(got, hrURN+":costCenter is shorter or longer") || strings.Contains(got, "cost_center") {
				t.Errorf("the value is refused with %q", got)
			}
			p.attribute(t, "/admin/realms/"+p.realm+"/users/"+id, "scim.remainder", func(s string) string { return s[:len(s)-3] })
			if got := p.refused(t, http.StatusInternalServerError, http.MethodGet, "/Users/"+id, ""); strings.Contains(got, "scim.remainder") || !strings.Contains(got, "ask the operator") {
				t.Errorf("what is damaged is told as %q", got)
			}
		})
	}
}
