package bridge_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestCallsOfRecover: the usual changes, done or not begun.
func TestCallsOfRecover(t *testing.T) {
	t.Parallel()
	const find, get, findGroup, getGroup = "GET /users", "GET /users/{id}", "GET /groups", "GET /groups/{id}"
	const ofUser, members = "GET /users/{id}/groups", "GET /groups/{id}/members"
	sessions := []string{get, "GET /users/{id}/sessions", "GET /users/{id}/consents"}
	for name, want := range map[string]struct{ done, failed []string }{
		"create":              {[]string{find, get}, []string{find}},
		"create a group":      {[]string{findGroup, getGroup, ofUser}, []string{findGroup}},
		"patch":               {[]string{get}, []string{get}},
		"patch with the same": {[]string{get}, []string{get}},
		"deactivate":          {sessions, []string{get}},
		"delete":              {[]string{get}, []string{get}},
		"add a member":        {[]string{ofUser}, []string{ofUser}},
		"replace members":     {[]string{getGroup, members}, []string{getGroup, members}},
		"rename a group":      {[]string{getGroup}, []string{getGroup}},
		"delete a group":      {[]string{getGroup}, []string{getGroup}},
		"adopt":               {[]string{get}, []string{get}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for outcome, want := range map[change.Outcome][]string{change.Done: want.done, change.Failed: want.failed} {
				o := newRecordedService(t)
				c := o.interrupt(o.changing()[name])
				if outcome == change.Done {
					o.forget()
					if err := o.changing()[name](t.Context()); err != nil {
						t.Fatal(err)
					}
					c = kept(t, o.intended[0])
				}
				got := o.recovered(c)
				calls := slices.DeleteFunc(o.fake.Calls(), func(call string) bool { return call == "POST /token" })
				if diff := cmp.Diff(want, calls, cmpopts.EquateEmpty()); diff != "" || got.Outcome != outcome && name != "patch with the same" {
					t.Errorf("%s, with other calls than for %s (-want +got):\n%s", got.Outcome, outcome, diff)
				}
			}
		})
	}
}

// TestCallsForMembers: a single user is looked up. Several users of a small group take one page, and few users of a
// large group are looked up. Many users take pages, at most one for each user.
func TestCallsForMembers(t *testing.T) {
	t.Parallel()
	o := newRecordedService(t)
	team, err := keycloak.ParseGroupID(o.team)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, 260)
	for i := range ids {
		id, err := o.admin.CreateUser(t.Context(), keycloak.NewUser{Username: fmt.Sprintf("m-%03d", i), Enabled: true})
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = id.String()
	}
	const ofUser, page = "GET /users/{id}/groups", "GET /groups/{id}/members"
	observes := func(what string, asked, members []string, want ...string) {
		t.Helper()
		o.fake.ResetCalls()
		got, err := o.service.Observe(t.Context(), "acme", o.team, asked)
		if err != nil || !slices.Equal(got.MembersAdded, members) || len(got.MembersAdded)+len(got.MembersRemoved) != len(asked) {
			t.Errorf("%s: joined %d of %d, %v", what, len(got.MembersAdded), len(asked), err)
		}
		if diff := cmp.Diff(want, o.fake.Calls(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s makes other calls (-want +got):\n%s", what, diff)
		}
	}
	observes("nobody", nil, nil)
	observes("a user", []string{o.jane}, []string{o.jane}, ofUser)
	observes("some users of a small group", []string{o.ann, o.jane, ids[0]}, []string{o.jane}, page)
	for _, id := range ids {
		user, err := keycloak.ParseUserID(id)
		if err == nil {
			err = o.admin.AddMember(t.Context(), user, team)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	observes("some users of a large group", []string{o.ann, ids[0], ids[259]}, []string{ids[0], ids[259]}, page, ofUser, ofUser)
	observes("users of the first page", []string{ids[0], ids[1]}, []string{ids[0], ids[1]}, page)
	observes("many users", append([]string{o.ann}, ids...), ids, page, page, page)
	nine := []string{o.ann, ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7], ids[8]}
	observes("nine users", nine, nine[1:], page, page, page)
}

// TestMembersThatAPermissionHidesAreRead from the list of the group's members.
func TestMembersThatAPermissionHidesAreRead(t *testing.T) {
	t.Parallel()
	o := newRecordedService(t)
	o.fake.Inject(keycloaktest.Fault{Op: "GET /users/{id}/groups", Status: http.StatusForbidden})
	for id, want := range map[string][]string{o.jane: {o.jane}, o.ann: nil} {
		got, err := o.service.Observe(t.Context(), "acme", o.team, []string{id})
		if err != nil || !slices.Equal(got.MembersAdded, want) {
			t.Errorf("joined %v, %v, want %v", got.MembersAdded, err, want)
		}
	}
}

// TestRecoverWaitsForAWriteOfTheResource: a request of a client that holds the lock ends first.
func TestRecoverWaitsForAWriteOfTheResource(t *testing.T) {
	t.Parallel()
	o := newRecordedService(t)
	c := o.interrupt(o.changing()["patch"])
	held := make(chan struct{})
	reached := o.fake.Inject(keycloaktest.Fault{Op: "PUT /users/{id}", Hold: held})
	wrote := make(chan error, 1)
	go func() { wrote <- o.changing()["replace"](context.WithoutCancel(t.Context())) }()
	<-reached
	ended := make(chan change.Change, 1)
	go func() {
		got, err := o.service.Recover(context.WithoutCancel(t.Context()), c)
		if err != nil {
			t.Error(err)
		}
		ended <- got
	}()
	for range 200_000 { // without the lock Recover would end meanwhile
		if len(ended) > 0 {
			t.Fatal("Recover read the user while a request wrote it")
		}
		runtime.Gosched()
	}
	close(held)
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if got := <-ended; got.Outcome != change.Done || got.After["title"] != "Clerk" {
		t.Errorf("it ended as %s: %v", got.Outcome, got.After)
	}
}
