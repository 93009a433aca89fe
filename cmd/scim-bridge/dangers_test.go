package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// What Keycloak does that could hurt, and that users of the bridge do not feel. Others are
// tests of their own: parallel changes of one user (TestFiftyParallelPatchesOfOneUser), a
// deactivation that the profile refuses (TestDeactivationThatTheProfileRefusesStillEndsAccess),
// and that manage-users can take the realm over (TestSecurity_15, 16 and 17,
// TestWhoBecameAnAdministratorMeanwhile).

// TestParallelDeletionsOfOneUser end as one 204 and as 404, though Keycloak answers 500.
func TestParallelDeletionsOfOneUser(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			for tenant, b := range map[string]testBridge{"realm": c.realm, "organization": c.of["acme"]} {
				id := b.create(t, "/Users", `{"userName":"`+tenant+`"}`)
				statuses := b.atOnce(t, 8, http.MethodDelete, "/Users/"+id, "")
				if statuses[http.StatusNoContent] != 1 || statuses[http.StatusNotFound] != 7 {
					t.Errorf("%s: eight deletions at once are %v", tenant, statuses)
				}
			}
		})
	}
}

// atOnce sends a request several times at once and counts the answers by their status; 204
// stands for every success.
func (b testBridge) atOnce(t *testing.T, n int, method, path, body string) map[int]int {
	t.Helper()
	answers := make(chan int, n)
	var g errgroup.Group
	for range n {
		g.Go(func() error {
			var sent any
			if body != "" {
				sent = json.RawMessage(body)
			}
			_, err := b.Do(t.Context(), method, path, sent)
			status := http.StatusNoContent
			if err != nil {
				status = client.StatusOf(err)
			}
			answers <- status
			return nil
		})
	}
	_ = g.Wait() // it is always nil
	close(answers)
	out := map[int]int{}
	for status := range answers {
		out[status]++
	}
	return out
}

// TestADeletionThatAnotherOvertook past the bridge succeeds: Keycloak answers 500 for a user
// who is gone.
func TestADeletionThatAnotherOvertook(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := newBridgeOn(t, fake.Server(), nil)
	id := b.create(t, "/Users", `{"userName":"jane"}`)
	fake.Inject(keycloaktest.Fault{Op: "DELETE /users/{id}", Nth: 1, Status: http.StatusInternalServerError, Stage: keycloaktest.After})
	b.must(t, http.MethodDelete, "/Users/"+id, "")
}

// TestAnEmptyPassword is refused where passwords are taken, and nothing else of the request is
// done: Keycloak would take it and fail at the next login. Where passwords are ignored it is too.
func TestAnEmptyPassword(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newBridgeWith(t, server, "version: 1\nusers: { password: accept }\n")
			user := func(name, password string) string {
				return fmt.Sprintf(`{"userName":%q,"password":%q,"name":{"givenName":"J","familyName":"D"},"emails":[{"value":"%s@acme.test","primary":true}]}`, name, password, name)
			}
			id := b.create(t, "/Users", user("jane", "S3cret-of-jane"))
			changed := strings.Replace(user("jane", ""), "{", `{"title":"changed",`, 1)
			for _, w := range []attack{
				{http.MethodPost, "/Users", user("joe", "")},
				{http.MethodPut, "/Users/" + id, changed},
				{http.MethodPatch, "/Users/" + id, patchBody(`{"op":"add","path":"title","value":"changed"},{"op":"remove","path":"password"}`)},
				{http.MethodPatch, "/Users/" + id, patchBody(`{"op":"replace","path":"password","value":""}`)},
				{http.MethodPatch, "/Users/" + id, patchBody(`{"op":"add","value":{"password":""}}`)},
			} {
				if detail := b.refused(t, http.StatusBadRequest, w.method, w.path, w.body); !strings.Contains(detail, "password cannot be empty") {
					t.Errorf("%s: the detail does not name the password: %s", w.method, detail)
				}
			}
			if !b.canLogIn(t, server, "jane", "S3cret-of-jane") || b.canLogIn(t, server, "jane", "") {
				t.Error("an empty password was set")
			}
			if jane := b.must(t, http.MethodGet, "/Users/"+id, ""); jane["title"] != nil {
				t.Errorf("a refused request changed the title to %v", jane["title"])
			}
			wantNames(t, "the users", b.names(t, "/Users"), "jane")
			b.must(t, http.MethodPut, "/Users/"+id, strings.Replace(user("jane", "S3cret-of-jane"), `"S3cret-of-jane"`, "null", 1))
			newBridgeOn(t, server, nil).create(t, "/Users", user("jim", ""))
		})
	}
}

// TestParallelAdditionsOfOneMember all succeed, though Keycloak calls some a conflict, and so
// do parallel creations of a member of an organization: one of them.
func TestParallelAdditionsOfOneMember(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			for tenant, b := range map[string]testBridge{"realm": c.realm, "organization": c.of["acme"]} {
				id := b.create(t, "/Users", `{"userName":"`+tenant+`"}`)
				group := b.create(t, "/Groups", `{"displayName":"`+tenant+`"}`)
				statuses := b.atOnce(t, 8, http.MethodPatch, "/Groups/"+group, patchBody(`{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`))
				if statuses[http.StatusNoContent] != 8 {
					t.Errorf("%s: eight additions at once are %v", tenant, statuses)
				}
				if members := b.must(t, http.MethodGet, "/Groups/"+group, "")["members"].([]any); len(members) != 1 {
					t.Errorf("%s: the members are %v", tenant, members)
				}
				statuses = b.atOnce(t, 8, http.MethodPost, "/Users", `{"userName":"one-of-`+tenant+`"}`)
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
