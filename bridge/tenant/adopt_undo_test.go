package tenant_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestAnAdoptionIsUndone: what the tenant took over by the command, a POST or a change has no owner
// again, and is otherwise unchanged. Resources that the tenant created stay its own.
func TestAnAdoptionIsUndone(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			for _, of := range []string{"realm", "organization"} { // what the first tenant releases, the other may take over
				c := apptest.NewCustomers(t, server, apptest.AdoptUnowned)
				b := c.BothTenants()[of]
				made, madeGroup := b.Create(t, "/Users", `{"userName":"made-`+of+`"}`), b.Create(t, "/Groups", `{"displayName":"made-`+of+`"}`)
				posted, changed := b.MakeAccount(t, "posted-"+of, true).String(), b.MakeAccount(t, "changed-"+of, true).String()
				group := c.ConsoleGroup(t, of, "crew-"+of)
				c.Member(t, of, changed)
				b.Must(t, http.MethodPost, "/Users", `{"userName":"posted-`+of+`","externalId":"P"}`)
				file := b.Controlled(t)
				b.Adoptions(t, file, b.Path(t))
				b.Must(t, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"replace","path":"displayName","value":"renamed-`+of+`"}`))
				before := map[string]keycloak.User{posted: b.InKeycloak(t, posted), changed: b.InKeycloak(t, changed)}
				if len(before[changed].Attributes["scim.owner"]) == 0 {
					t.Errorf("%s: the account was not taken over", of)
				}
				got := b.Adoptions(t, file, b.Path(t), "--undo", "--dry-run")
				for _, what := range []string{"posted-" + of, "changed-" + of, "renamed-" + of} {
					if got[what].Outcome != bridge.Released {
						t.Errorf("%s: the dry run of the undoing says %+v of %s", of, got[what], what)
					}
				}
				if diff := cmp.Diff(before[posted], b.InKeycloak(t, posted)); diff != "" {
					t.Errorf("%s: the dry run wrote:\n%s", of, diff)
				}
				if got := b.Adoptions(t, file, b.Path(t), "--undo"); len(got) != 3 {
					t.Errorf("%s: given back are %v", of, got)
				}
				for id, user := range before {
					delete(user.Attributes, "scim.owner")
					if diff := cmp.Diff(user, b.InKeycloak(t, id)); diff != "" {
						t.Errorf("%s: the undoing changed more than the owner:\n%s", of, diff)
					}
				}
				b.Refused(t, http.StatusForbidden, http.MethodDelete, "/Groups/"+group, "")
				if held, err := c.HeldGroup(t, of, group); err != nil || len(held.Attributes["scim.owner"]) != 0 || held.Name != "renamed-"+of {
					t.Errorf("%s: the group given back = %+v, %v", of, held, err)
				}
				b.Must(t, http.MethodDelete, "/Users/"+made, "")
				b.Must(t, http.MethodDelete, "/Groups/"+madeGroup, "")
				if again := b.Adoptions(t, file, b.Path(t), "--undo"); len(again) != 0 {
					t.Errorf("%s: a second undoing gives back %v", of, again)
				}
			}
		})
	}
}

// TestAdoptTellsWhatElseChanges: the roles that the account gets, and the attributes that the
// mapping changes.
func TestAdoptTellsWhatElseChanges(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewRoleBridge(t, start(t), apptest.MappingFile(t, "version: 1\ngrantableRoles: [employee]\nusers:\n  roles: [{ grant: [employee] }]\n  attributes:\n    displayName: { value: 'resource.name.givenName + \" \" + resource.name.familyName' }\n"))
			id := b.MakeAccount(t, "jane", true)
			file := b.Controlled(t)
			got := b.Adoptions(t, file, b.Realm, "--dry-run")["jane"]
			if text := strings.Join(got.Changes, "; "); !strings.Contains(text, "displayName") || !strings.Contains(text, "gets the role employee") || len(got.Changes) != 2 {
				t.Errorf("the dry run tells of %q", got.Changes)
			}
			if diff := cmp.Diff(got, b.Adoptions(t, file, b.Realm)["jane"]); diff != "" {
				t.Errorf("the adoption is not what the dry run told:\n%s", diff)
			}
			if user := b.InKeycloak(t, id.String()); len(user.Attributes["displayName"]) != 1 {
				t.Errorf("the account = %+v", user)
			}
		})
	}
}
