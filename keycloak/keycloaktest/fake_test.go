package keycloaktest_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	kct "github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// newFake is a fake with a realm that stores every attribute.
func newFake(t *testing.T) (*kct.Fake, *keycloak.Client) {
	t.Helper()
	fake := kct.NewFake(t)
	r := kct.NewRealm(t, fake.Server(), kct.RealmOptions{UnmanagedPolicy: "ADMIN_EDIT"})
	fake.ResetCalls()
	return fake, r.Client
}

func newUser(t *testing.T, c *keycloak.Client, attributes map[string][]string) keycloak.UserID {
	t.Helper()
	id, err := c.CreateUser(t.Context(), keycloak.NewUser{Username: "jdoe", Enabled: true, Attributes: attributes})
	if err != nil {
		t.Fatalf("CreateUser() = %v", err)
	}
	return id
}

// attributesOf makes an update that replaces all attributes.
func attributesOf(attributes map[string][]string) keycloak.UserUpdate {
	name, empty := "jdoe", ""
	return keycloak.UserUpdate{Username: &name, Email: &empty, FirstName: &empty, LastName: &empty, Attributes: attributes}
}

func TestCallsNamesEachCallOnce(t *testing.T) {
	t.Parallel()
	fake, c := newFake(t)
	id := newUser(t, c, nil)
	if _, err := c.User(t.Context(), id); err != nil {
		t.Fatalf("User() = %v", err)
	}
	if _, err := c.RealmSettings(t.Context()); err != nil {
		t.Fatalf("RealmSettings() = %v", err)
	}
	want := []string{"POST /token", "POST /users", "GET /users/{id}", "GET /"}
	if diff := cmp.Diff(want, fake.Calls()); diff != "" {
		t.Errorf("Calls() (-want +got):\n%s", diff)
	}
}

func TestFaultsAnswerInPlaceOfKeycloak(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		fault   kct.Fault
		want    keycloak.Kind
		status  int
		created bool
	}{
		{"a status", kct.Fault{Status: http.StatusServiceUnavailable}, keycloak.Unavailable, http.StatusServiceUnavailable, false},
		{"a page of HTML", kct.HTML("", http.StatusOK), keycloak.Unavailable, http.StatusOK, false},
		{"a dropped connection", kct.Fault{Drop: true}, keycloak.Unavailable, 0, false},
		{"a connection dropped after the effect", kct.Fault{Drop: true, Stage: kct.After}, keycloak.Unavailable, 0, true},
		{"a torn answer", kct.Fault{Torn: true, Stage: kct.After}, keycloak.Unavailable, http.StatusCreated, true},
		{"a status after the effect", kct.Fault{Status: http.StatusBadGateway, Stage: kct.After}, keycloak.Unavailable, http.StatusBadGateway, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			fake, c := newFake(t)
			test.fault.Op = "POST /users"
			reached := fake.Inject(test.fault)
			_, err := c.CreateUser(t.Context(), keycloak.NewUser{Username: "jdoe"})
			<-reached
			var e *keycloak.Error
			if !asKeycloak(err, &e) || e.Kind != test.want || e.Status != test.status {
				t.Errorf("CreateUser() = %v, want %s with status %d", err, test.want, test.status)
			}
			fake.ClearFaults()
			n, err := c.CountUsers(t.Context())
			if err != nil || (n == 1) != test.created {
				t.Errorf("CountUsers() = %d, %v, want a user: %v", n, err, test.created)
			}
		})
	}
}

func TestAFaultStrikesTheNthCallOnly(t *testing.T) {
	t.Parallel()
	fake, c := newFake(t)
	fake.Inject(kct.Fault{Op: "GET /users/count", Nth: 2, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"7"}}})
	var kinds []keycloak.Kind
	for range 3 {
		_, err := c.CountUsers(t.Context())
		kinds = append(kinds, keycloak.KindOf(err))
	}
	if diff := cmp.Diff([]keycloak.Kind{"", keycloak.RateLimited, ""}, kinds); diff != "" {
		t.Errorf("three calls (-want +got):\n%s", diff)
	}
}

func TestAHeldCallWaitsAndEndsWithItsRequest(t *testing.T) {
	t.Parallel()
	fake, c := newFake(t)
	reached := fake.Inject(kct.Fault{Op: "GET /users/count", Hold: make(chan struct{})})
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error, 1)
	go func() {
		_, err := c.CountUsers(ctx)
		answer <- err
	}()
	<-reached
	cancel()
	if err := <-answer; keycloak.KindOf(err) != keycloak.Unavailable {
		t.Errorf("CountUsers() = %v, want %s", err, keycloak.Unavailable)
	}
}

// overlap runs two calls so that both have read before either has written.
func overlap(t *testing.T, fake *kct.Fake, op string, first, second func() error) (ofFirst, ofSecond error) {
	t.Helper()
	release := make(chan struct{})
	reached := fake.Inject(kct.Fault{Op: op, Nth: 1, Stage: kct.Between, Hold: release})
	answer := make(chan error, 1)
	go func() { answer <- first() }()
	<-reached
	ofSecond = second()
	close(release)
	return <-answer, ofSecond
}

func TestOverlappingUpdatesOfOneUserMix(t *testing.T) {
	t.Parallel()
	fake, c := newFake(t)
	id := newUser(t, c, map[string][]string{"k": {"old"}})
	update := func(value string) func() error {
		return func() error {
			return c.UpdateUser(t.Context(), id, attributesOf(map[string][]string{"k": {value}}))
		}
	}
	ofFirst, ofSecond := overlap(t, fake, "PUT /users/{id}", update("one"), update("two"))
	u, err := c.User(t.Context(), id)
	if ofFirst != nil || ofSecond != nil || err != nil {
		t.Fatalf("errors: %v, %v, %v", ofFirst, ofSecond, err)
	}
	if diff := cmp.Diff([]string{"one", "two"}, slices.Sorted(slices.Values(u.Attributes["k"]))); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestUpdatesOneAfterTheOtherDoNotMix(t *testing.T) {
	t.Parallel()
	_, c := newFake(t)
	id := newUser(t, c, map[string][]string{"k": {"old"}})
	for _, value := range []string{"one", "two"} {
		if err := c.UpdateUser(t.Context(), id, attributesOf(map[string][]string{"k": {value}})); err != nil {
			t.Fatalf("UpdateUser() = %v", err)
		}
	}
	u, err := c.User(t.Context(), id)
	if diff := cmp.Diff(map[string][]string{"k": {"two"}}, u.Attributes); err != nil || diff != "" {
		t.Errorf("attributes (-want +got):\n%s (%v)", diff, err)
	}
}

func TestOverlappingCallsAnswerAsKeycloaksTransactions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		op   string
		run  func(ctx context.Context, c *keycloak.Client, user keycloak.UserID, group keycloak.GroupID) error
		want keycloak.Kind // of the call that comes second
	}{
		{"DELETE /users/{id}", func(ctx context.Context, c *keycloak.Client, u keycloak.UserID, _ keycloak.GroupID) error {
			return c.DeleteUser(ctx, u)
		}, keycloak.Unknown},
		{"PUT /users/{id}/groups/{group}", func(ctx context.Context, c *keycloak.Client, u keycloak.UserID, g keycloak.GroupID) error {
			return c.AddMember(ctx, u, g)
		}, keycloak.Conflict},
		{"POST /users", func(ctx context.Context, c *keycloak.Client, _ keycloak.UserID, _ keycloak.GroupID) error {
			_, err := c.CreateUser(ctx, keycloak.NewUser{Username: "twice"})
			return err
		}, keycloak.Conflict},
	} {
		t.Run(test.op, func(t *testing.T) {
			t.Parallel()
			fake, c := newFake(t)
			user := newUser(t, c, nil)
			group, err := c.CreateGroup(t.Context(), keycloak.NewGroup{Name: "group"})
			if err != nil {
				t.Fatalf("CreateGroup() = %v", err)
			}
			call := func() error { return test.run(t.Context(), c, user, group) }
			ofFirst, ofSecond := overlap(t, fake, test.op, call, call)
			if keycloak.KindOf(ofFirst) != test.want || ofSecond != nil {
				t.Errorf("overlapping calls = %v, %v, want %s and none", ofFirst, ofSecond, test.want)
			}
		})
	}
}

func TestRevokedTokensAreReplacedOnce(t *testing.T) {
	t.Parallel()
	fake, c := newFake(t)
	newUser(t, c, nil)
	fake.RevokeTokens()
	fake.ResetCalls()
	if n, err := c.CountUsers(t.Context()); n != 1 || err != nil {
		t.Errorf("CountUsers() = %d, %v, want 1", n, err)
	}
	want := []string{"GET /users/count", "POST /token", "GET /users/count"}
	if diff := cmp.Diff(want, fake.Calls()); diff != "" {
		t.Errorf("Calls() (-want +got):\n%s", diff)
	}
}

func TestWhatTheFakeDoesNotKnowIsNotImplemented(t *testing.T) {
	t.Parallel()
	fake := kct.NewFake(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, path := range []string{"/admin/serverinfo", "/admin/realms/master/keys"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fake.Server().URL+path, http.NoBody)
		if err != nil {
			t.Fatalf("NewRequest() = %v", err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("GET %s = %v", path, err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusNotImplemented {
			t.Errorf("GET %s = %d, want %d", path, res.StatusCode, http.StatusNotImplemented)
		}
	}
}

func TestManyUsersAtOnce(t *testing.T) {
	t.Parallel()
	_, c := newFake(t)
	names := map[string]bool{}
	errs := make(chan error)
	for i := range 40 {
		name := "user" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		names[name] = true
		go func() {
			_, err := c.CreateUser(t.Context(), keycloak.NewUser{Username: name})
			errs <- err
		}()
	}
	for range names {
		if err := <-errs; err != nil {
			t.Errorf("CreateUser() = %v", err)
		}
	}
	list, err := c.Users(t.Context(), keycloak.UserQuery{})
	if diff := cmp.Diff(slices.Sorted(maps.Keys(names)), userNames(list)); err != nil || diff != "" {
		t.Errorf("Users() (-want +got):\n%s (%v)", diff, err)
	}
}
