package apply_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// Dangerous behaviour of Keycloak that users of the bridge must not notice. Other tests cover more
// of it: parallel changes of one user (TestFiftyParallelPatchesOfOneUser), a deactivation that the
// profile refuses (TestDeactivationThatTheProfileRefusesStillEndsAccess), and that manage-users can
// take over the realm (TestSecurity_15, 16 and 17, TestWhoBecameAnAdministratorMeanwhile).

// TestParallelDeletionsOfOneUser end with one 204 and otherwise 404, although Keycloak answers 500.
func TestParallelDeletionsOfOneUser(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			for tenant, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				id := b.Create(t, "/Users", `{"userName":"`+tenant+`"}`)
				statuses := b.AtOnce(t, 8, http.MethodDelete, "/Users/"+id, "")
				if statuses[http.StatusNoContent] != 1 || statuses[http.StatusNotFound] != 7 {
					t.Errorf("%s: eight deletions at once are %v", tenant, statuses)
				}
			}
		})
	}
}

// TestADeletionThatAnotherOvertook outside the bridge succeeds: Keycloak answers 500 for a user who
// is gone.
func TestADeletionThatAnotherOvertook(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.NewBridgeOn(t, fake.Server(), nil)
	id := b.Create(t, "/Users", `{"userName":"jane"}`)
	fake.Inject(keycloaktest.Fault{Op: "DELETE /users/{id}", Nth: 1, Status: http.StatusInternalServerError, Stage: keycloaktest.After})
	b.Must(t, http.MethodDelete, "/Users/"+id, "")
}

// TestAnEmptyPassword is refused where passwords are accepted, and nothing else of the request is
// done: Keycloak would accept it and fail at the next login. Where passwords are ignored, it is
// ignored too.
func TestAnEmptyPassword(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewBridgeWith(t, server, "version: 1\nusers: { password: accept }\n")
			user := func(name, password string) string {
				return fmt.Sprintf(`{"userName":%q,"password":%q,"name":{"givenName":"J","familyName":"D"},"emails":[{"value":"%s@acme.test","primary":true}]}`, name, password, name)
			}
			id := b.Create(t, "/Users", user("jane", "S3cret-of-jane"))
			changed := strings.Replace(user("jane", ""), "{", `{"title":"changed",`, 1)
			for _, w := range []apptest.Request{
				{Method: http.MethodPost, Path: "/Users", Body: user("joe", "")},
				{Method: http.MethodPut, Path: "/Users/" + id, Body: changed},
				{Method: http.MethodPatch, Path: "/Users/" + id, Body: apptest.PatchBody(`{"op":"add","path":"title","value":"changed"},{"op":"remove","path":"password"}`)},
				{Method: http.MethodPatch, Path: "/Users/" + id, Body: apptest.PatchBody(`{"op":"replace","path":"password","value":""}`)},
				{Method: http.MethodPatch, Path: "/Users/" + id, Body: apptest.PatchBody(`{"op":"add","value":{"password":""}}`)},
			} {
				if detail := b.Refused(t, http.StatusBadRequest, w.Method, w.Path, w.Body); !strings.Contains(detail, "password cannot be empty") {
					t.Errorf("%s: the detail does not name the password: %s", w.Method, detail)
				}
			}
			if !b.CanLogIn(t, server, "jane", "S3cret-of-jane") || b.CanLogIn(t, server, "jane", "") {
				t.Error("an empty password was set")
			}
			if jane := b.Must(t, http.MethodGet, "/Users/"+id, ""); jane["title"] != nil {
				t.Errorf("a refused request changed the title to %v", jane["title"])
			}
			apptest.WantNames(t, "the users", b.Names(t, "/Users"), "jane")
			b.Must(t, http.MethodPut, "/Users/"+id, strings.Replace(user("jane", "S3cret-of-jane"), `"S3cret-of-jane"`, "null", 1))
			apptest.NewBridgeOn(t, server, nil).Create(t, "/Users", user("jim", ""))
		})
	}
}

// TestParallelAdditionsOfOneMember all succeed, although Keycloak answers a conflict to some. Of
// parallel creations of a member of an organization, one succeeds.
func TestParallelAdditionsOfOneMember(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			for tenant, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				id := b.Create(t, "/Users", `{"userName":"`+tenant+`"}`)
				group := b.Create(t, "/Groups", `{"displayName":"`+tenant+`"}`)
				statuses := b.AtOnce(t, 8, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`))
				if statuses[http.StatusNoContent] != 8 {
					t.Errorf("%s: eight additions at once are %v", tenant, statuses)
				}
				if members := b.Must(t, http.MethodGet, "/Groups/"+group, "")["members"].([]any); len(members) != 1 {
					t.Errorf("%s: the members are %v", tenant, members)
				}
				statuses = b.AtOnce(t, 8, http.MethodPost, "/Users", `{"userName":"one-of-`+tenant+`"}`)
				if statuses[http.StatusNoContent] != 1 || statuses[http.StatusConflict] != 7 {
					t.Errorf("%s: eight creations at once are %v", tenant, statuses)
				}
				if found, err := b.Find(t.Context(), "/Users", `userName eq "one-of-`+tenant+`"`, ""); err != nil || len(found) != 1 {
					t.Errorf("%s: the created user is found as %v, %v", tenant, found, err)
				}
			}
		})
	}
}
