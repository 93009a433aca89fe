package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestSecurity_47_WhoWasGrantedARightKeepsItsAccess: a new administrator is neither disabled nor
// enabled nor put out of its organization before the bridge has looked at the realm again.
func TestSecurity_47_WhoWasGrantedARightKeepsItsAccess(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			for tenant, b := range map[string]testBridge{"realm": c.realm, "organization": c.of["acme"]} {
				id := b.create(t, "/Users", `{"userName":"new-`+tenant+`@acme.test"}`)
				off := b.create(t, "/Users", `{"userName":"off-`+tenant+`@acme.test","active":false}`)
				guest := b.create(t, "/Users", `{"userName":"guest-`+tenant+`@acme.test"}`)
				c.realm.grant(t, userID(t, id), c.realm.known(t, right("realm-admin")))
				c.realm.grant(t, userID(t, off), c.realm.known(t, right("manage-users")))
				admins := c.realm.group(t, "admins-"+tenant, keycloak.GroupID{})
				c.realm.grant(t, admins, c.realm.known(t, right("manage-users")))
				if err := c.realm.admin.AddMember(t.Context(), userID(t, guest), admins); err != nil {
					t.Fatal(err)
				}
				for _, w := range []attack{
					{http.MethodPatch, "/Users/" + id, patchBody(`{"op":"replace","path":"active","value":false}`)},
					{http.MethodPatch, "/Users/" + id, patchBody(`{"op":"replace","value":{"active":"False","title":"x"}}`)},
					{http.MethodPut, "/Users/" + id, `{"userName":"new-` + tenant + `@acme.test","active":false}`},
					{http.MethodPatch, "/Users/" + off, patchBody(`{"op":"replace","path":"active","value":true}`)},
					{http.MethodPatch, "/Users/" + guest, patchBody(`{"op":"replace","path":"active","value":false}`)},
					{http.MethodDelete, "/Users/" + id, ""},
				} {
					b.refused(t, http.StatusForbidden, w.method, w.path, w.body)
				}
				for user, enabled := range map[string]bool{id: true, off: false, guest: true} {
					u, err := c.realm.admin.User(t.Context(), userID(t, user))
					if err != nil || u.Enabled != enabled {
						t.Errorf("%s: %v, %v, want enabled to be %t", tenant, u, err, enabled)
					}
				}
			}
			// A member that another one's tenant made: its account is not acme's, its membership is.
			foreign := c.realm.create(t, "/Users", `{"userName":"foreign@acme.test"}`)
			c.admit(t, foreign, "acme")
			c.realm.grant(t, userID(t, foreign), c.realm.known(t, right("realm-admin")))
			c.of["acme"].refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+foreign, "")
		})
	}
}

// TestSecurity_47_AGroupThatWasGrantedARightTakesNobody once the change feed told of it: the look
// that it wakes comes about a second after the grant, not with the next minute.
func TestSecurity_47_AGroupThatWasGrantedARightTakesNobody(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newBridgeOn(t, server, nil, "--change-feed")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go b.app.Watcher.Run(ctx)
			go b.app.Watcher.Follow(ctx)
			jane := b.create(t, "/Users", `{"userName":"jane"}`)
			role := b.role(t, server, "", "boss")
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for i, grant := range []func(group keycloak.GroupID){
				func(group keycloak.GroupID) { b.grant(t, group, b.known(t, right("realm-admin"))) },
				func(group keycloak.GroupID) {
					b.grant(t, group, role)
					b.compose(t, server, role, right("manage-users"))
				},
			} {
				team := b.create(t, "/Groups", `{"displayName":"team`+strings.Repeat("x", i)+`"}`)
				group, err := keycloak.ParseGroupID(team)
				if err != nil {
					t.Fatal(err)
				}
				grant(group)
				deadline := time.After(45 * time.Second) // the next look would be a minute after the first
				for !b.app.Watcher.Tenants.All()[0].Fitness().Protected.Group(team) {
					select {
					case <-tick.C:
					case <-deadline:
						t.Fatal("the group takes members still")
					}
				}
				b.refused(t, http.StatusForbidden, http.MethodPatch, "/Groups/"+team, patchBody(`{"op":"add","path":"members","value":[{"value":"`+jane+`"}]}`))
			}
		})
	}
}

// TestSecurity_47_OwnChangesWakeNobody: what the bridge grants by a mapping makes no administrator,
// and so is no reason to look; others' changes are, once in ten seconds.
func TestSecurity_47_OwnChangesWakeNobody(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newBridgeOn(t, server, nil, "--change-feed")
			w, now := b.app.Watcher, time.Now()
			w.FollowOnce(t.Context(), now) // setup granted rights
			step := func(what string, after time.Duration, want bool) {
				t.Helper()
				now = now.Add(after)
				if got := w.FollowOnce(t.Context(), now); got != want {
					t.Errorf("%s: a look begins is %t, want %t", what, got, want)
				}
			}
			step("nothing", time.Minute, false)
			team := b.create(t, "/Groups", `{"displayName":"team"}`)
			step("the bridge's own group", time.Minute, false)
			group, err := keycloak.ParseGroupID(team)
			if err != nil {
				t.Fatal(err)
			}
			b.grant(t, group, b.known(t, right("view-events")))
			step("a grant", time.Minute, true)
			step("nothing", time.Second, false)
			b.grant(t, group, b.known(t, right("view-realm")))
			step("a grant right after", time.Second, false)
			step("later", 7*time.Second, false)
			step("after ten seconds", time.Second, true)
			step("nothing", time.Minute, false)
			b.robot(t, "robot")
			step("a client, which has a service account", time.Minute, true)
			step("nothing", time.Minute, false)
		})
	}
}
