package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestAnAdoptionIsUndone: what was taken over by the command, by a POST or by a change is nobody's again,
// and as it was otherwise. What the tenant made stays its own.
func TestAnAdoptionIsUndone(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			for _, of := range []string{"realm", "organization"} { // what one gives back is the other's to take
				c := newCustomers(t, server, adoptUnowned)
				b := c.bothTenants()[of]
				made, madeGroup := b.create(t, "/Users", `{"userName":"made-`+of+`"}`), b.create(t, "/Groups", `{"displayName":"made-`+of+`"}`)
				posted, changed := b.account(t, "posted-"+of, true).String(), b.account(t, "changed-"+of, true).String()
				group := c.consoleGroup(t, of, "crew-"+of)
				c.member(t, of, changed)
				b.must(t, http.MethodPost, "/Users", `{"userName":"posted-`+of+`","externalId":"P"}`)
				file := b.controlled(t)
				b.adoptions(t, file, b.path(t))
				b.must(t, http.MethodPatch, "/Groups/"+group, patchBody(`{"op":"replace","path":"displayName","value":"renamed-`+of+`"}`))
				before := map[string]keycloak.User{posted: b.user(t, posted), changed: b.user(t, changed)}
				if len(before[changed].Attributes["scim.owner"]) == 0 {
					t.Errorf("%s: the account was not taken over", of)
				}
				got := b.adoptions(t, file, b.path(t), "--undo", "--dry-run")
				for _, what := range []string{"posted-" + of, "changed-" + of, "renamed-" + of} {
					if got[what].Outcome != bridge.Released {
						t.Errorf("%s: the dry run of the undoing says %+v of %s", of, got[what], what)
					}
				}
				if diff := cmp.Diff(before[posted], b.user(t, posted)); diff != "" {
					t.Errorf("%s: the dry run wrote:\n%s", of, diff)
				}
				if got := b.adoptions(t, file, b.path(t), "--undo"); len(got) != 3 {
					t.Errorf("%s: given back are %v", of, got)
				}
				for id, user := range before {
					delete(user.Attributes, "scim.owner")
					if diff := cmp.Diff(user, b.user(t, id)); diff != "" {
						t.Errorf("%s: the undoing changed more than the owner:\n%s", of, diff)
					}
				}
				b.refused(t, http.StatusForbidden, http.MethodDelete, "/Groups/"+group, "")
				if held, err := c.heldGroup(t, of, group); err != nil || len(held.Attributes["scim.owner"]) != 0 || held.Name != "renamed-"+of {
					t.Errorf("%s: the group given back = %+v, %v", of, held, err)
				}
				b.must(t, http.MethodDelete, "/Users/"+made, "")
				b.must(t, http.MethodDelete, "/Groups/"+madeGroup, "")
				if again := b.adoptions(t, file, b.path(t), "--undo"); len(again) != 0 {
					t.Errorf("%s: a second undoing gives back %v", of, again)
				}
			}
		})
	}
}

// TestAdoptAsksFirst and says what it opens; nothing is done without an answer.
func TestAdoptAsksFirst(t *testing.T) {
	t.Parallel()
	for _, policy := range []config.OnDelete{config.OnDeleteDelete, config.OnDeleteLeave} {
		b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), leaving(policy))
		id := b.account(t, "jane", true).String()
		file := b.controlled(t)
		for _, answer := range []string{"", "n\n"} {
			out, told, code := command(t, answer, "adopt", "--config", file)
			if code != exitFailure || !strings.Contains(told, "onDelete: "+string(policy)) || !strings.Contains(told, "--undo") || !strings.Contains(told, "nothing was changed") || out != "" {
				t.Errorf("adopt ended with %d, printed %q and said:\n%s", code, out, told)
			}
			if owner := b.user(t, id).Attributes["scim.owner"]; owner != nil {
				t.Errorf("after the answer %q the owner is %v", answer, owner)
			}
		}
		out, _, code := command(t, "y\n", "adopt", "--config", file)
		if want := fmt.Sprintf("%s  user jane: adopted\n1 adopted (0 linked), 0 refused, 0 the tenant's already\n", id); code != 0 || out != want {
			t.Errorf("adopt ended with %d:\n%s, want\n%s", code, out, want)
		}
		out, told, code := command(t, "y\n", "adopt", "--config", file, "--undo")
		if want := fmt.Sprintf("%s  user jane: released\n1 given back, 0 refused\n", id); code != 0 || out != want || !strings.Contains(told, "gives back") {
			t.Errorf("adopt --undo ended with %d:\n%s%s, want\n%s", code, told, out, want)
		}
	}
}

// TestAdoptTellsWhatElseChanges: the roles that the account gets, and what the mapping
// makes of its attributes.
func TestAdoptTellsWhatElseChanges(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newRoleBridge(t, start(t), mappingFile(t, "version: 1\ngrantableRoles: [employee]\nusers:\n  roles: [{ grant: [employee] }]\n  attributes:\n    displayName: { value: 'resource.name.givenName + \" \" + resource.name.familyName' }\n"))
			id := b.account(t, "jane", true)
			file := b.controlled(t)
			got := b.adoptions(t, file, b.realm, "--dry-run")["jane"]
			if text := strings.Join(got.Changes, "; "); !strings.Contains(text, "displayName") || !strings.Contains(text, "gets the role employee") || len(got.Changes) != 2 {
				t.Errorf("the dry run tells of %q", got.Changes)
			}
			if diff := cmp.Diff(got, b.adoptions(t, file, b.realm)["jane"]); diff != "" {
				t.Errorf("the adoption is not what the dry run told:\n%s", diff)
			}
			if user := b.user(t, id.String()); len(user.Attributes["displayName"]) != 1 {
				t.Errorf("the account = %+v", user)
			}
		})
	}
}
