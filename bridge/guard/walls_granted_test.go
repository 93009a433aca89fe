package guard_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestSecurity_47_WhoWasGrantedARightKeepsItsAccess: a new administrator is not disabled, enabled
// or expelled from its organization before the bridge has read the realm again.
func TestSecurity_47_WhoWasGrantedARightKeepsItsAccess(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			for tenant, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				id := b.Create(t, "/Users", `{"userName":"new-`+tenant+`@acme.test"}`)
				off := b.Create(t, "/Users", `{"userName":"off-`+tenant+`@acme.test","active":false}`)
				guest := b.Create(t, "/Users", `{"userName":"guest-`+tenant+`@acme.test"}`)
				c.Realm.Grant(t, apptest.UserID(t, id), c.Realm.KnownRole(t, apptest.ManagementRole("realm-admin")))
				c.Realm.Grant(t, apptest.UserID(t, off), c.Realm.KnownRole(t, apptest.ManagementRole("manage-users")))
				admins := c.Realm.MakeGroup(t, "admins-"+tenant, keycloak.GroupID{})
				c.Realm.Grant(t, admins, c.Realm.KnownRole(t, apptest.ManagementRole("manage-users")))
				if err := c.Realm.Admin.AddMember(t.Context(), apptest.UserID(t, guest), admins); err != nil {
					t.Fatal(err)
				}
				for _, w := range []apptest.Request{
					{Method: http.MethodPatch, Path: "/Users/" + id, Body: apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)},
					{Method: http.MethodPatch, Path: "/Users/" + id, Body: apptest.PatchBody(`{"op":"replace","value":{"active":"False","title":"x"}}`)},
					{Method: http.MethodPut, Path: "/Users/" + id, Body: `{"userName":"new-` + tenant + `@acme.test","active":false}`},
					{Method: http.MethodPatch, Path: "/Users/" + off, Body: apptest.PatchBody(`{"op":"replace","path":"active","value":true}`)},
					{Method: http.MethodPatch, Path: "/Users/" + guest, Body: apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)},
					{Method: http.MethodDelete, Path: "/Users/" + id, Body: ""},
				} {
					b.Refused(t, http.StatusForbidden, w.Method, w.Path, w.Body)
				}
				for user, enabled := range map[string]bool{id: true, off: false, guest: true} {
					u, err := c.Realm.Admin.User(t.Context(), apptest.UserID(t, user))
					if err != nil || u.Enabled != enabled {
						t.Errorf("%s: %v, %v, want enabled to be %t", tenant, u, err, enabled)
					}
				}
			}
			// A member that another tenant created: acme does not own the account, and acme has the
			// membership.
			foreign := c.Realm.Create(t, "/Users", `{"userName":"foreign@acme.test"}`)
			c.Admit(t, foreign, "acme")
			c.Realm.Grant(t, apptest.UserID(t, foreign), c.Realm.KnownRole(t, apptest.ManagementRole("realm-admin")))
			c.Of["acme"].Refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+foreign, "")
		})
	}
}

// TestSecurity_47_AGroupThatWasGrantedARightGetsNoMembers once the change feed reported the grant:
// the read that the feed starts comes about a second after the grant, not a minute later.
func TestSecurity_47_AGroupThatWasGrantedARightGetsNoMembers(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewBridgeOn(t, server, nil, "--change-feed")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go b.App.Watcher.Run(ctx)
			go b.App.Watcher.Follow(ctx)
			jane := b.Create(t, "/Users", `{"userName":"jane"}`)
			role := b.MakeRole(t, server, "", "boss")
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for i, grant := range []func(group keycloak.GroupID){
				func(group keycloak.GroupID) { b.Grant(t, group, b.KnownRole(t, apptest.ManagementRole("realm-admin"))) },
				func(group keycloak.GroupID) {
					b.Grant(t, group, role)
					b.Compose(t, server, role, apptest.ManagementRole("manage-users"))
				},
			} {
				team := b.Create(t, "/Groups", `{"displayName":"team`+strings.Repeat("x", i)+`"}`)
				group, err := keycloak.ParseGroupID(team)
				if err != nil {
					t.Fatal(err)
				}
				grant(group)
				deadline := time.After(45 * time.Second) // the next read without the feed would be a minute after the first
				for !b.App.Watcher.Tenants.All()[0].Fitness().Protected.Group(team) {
					select {
					case <-tick.C:
					case <-deadline:
						t.Fatal("the group takes members still")
					}
				}
				b.Refused(t, http.StatusForbidden, http.MethodPatch, "/Groups/"+team, apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"`+jane+`"}]}`))
			}
		})
	}
}

// TestSecurity_47_OwnChangesWakeNobody: a grant of the bridge by a mapping makes no administrator,
// so it starts no read of the realm. Changes by other programs start a read, once in ten seconds.
func TestSecurity_47_OwnChangesWakeNobody(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewBridgeOn(t, server, nil, "--change-feed")
			w, now := b.App.Watcher, time.Now()
			w.FollowOnce(t.Context(), now) // setup granted rights
			step := func(what string, after time.Duration, want bool) {
				t.Helper()
				now = now.Add(after)
				if got := w.FollowOnce(t.Context(), now); got != want {
					t.Errorf("%s: a look begins is %t, want %t", what, got, want)
				}
			}
			step("nothing", time.Minute, false)
			team := b.Create(t, "/Groups", `{"displayName":"team"}`)
			step("the bridge's own group", time.Minute, false)
			group, err := keycloak.ParseGroupID(team)
			if err != nil {
				t.Fatal(err)
			}
			b.Grant(t, group, b.KnownRole(t, apptest.ManagementRole("view-events")))
			step("a grant", time.Minute, true)
			step("nothing", time.Second, false)
			b.Grant(t, group, b.KnownRole(t, apptest.ManagementRole("view-realm")))
			step("a grant right after", time.Second, false)
			step("later", 7*time.Second, false)
			step("after ten seconds", time.Second, true)
			step("nothing", time.Minute, false)
			robot(t, b, "robot")
			step("a client, which has a service account", time.Minute, true)
			step("nothing", time.Minute, false)
		})
	}
}
