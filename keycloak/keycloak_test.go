package keycloak_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// stub is a server that answers the token endpoint and hands the rest to a handler.
type stub struct {
	*httptest.Server
	tokens      atomic.Int64
	connections atomic.Int64
}

func newStub(tb testing.TB, handle http.HandlerFunc) *stub {
	tb.Helper()
	s := &stub{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			n := s.tokens.Add(1)
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":300}`, n)
			return
		}
		handle(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	s.Start()
	tb.Cleanup(s.Close)
	return s
}

func newClient(tb testing.TB, s *stub, edits ...func(*keycloak.Config)) *keycloak.Client {
	tb.Helper()
	realm, err := keycloak.ParseRealm("acme")
	if err != nil {
		tb.Fatal(err)
	}
	transport, err := keycloak.NewTransport(keycloak.TransportConfig{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(transport.CloseIdleConnections)
	config := keycloak.Config{
		BaseURL: s.URL + "/", Realm: realm, Transport: transport, Credentials: keycloak.ClientSecret("bridge", "s%+cret:é"),
	}
	for _, edit := range edits {
		edit(&config)
	}
	c, err := keycloak.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func userID(tb testing.TB, text string) keycloak.UserID {
	tb.Helper()
	id, err := keycloak.ParseUserID(text)
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func TestAHostileTextIsNotAnID(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", ".", "..", "a/b", `a\b`, "../x", "a b", "a\x00b", "a\nb", "a%2fb", "a;b", "a?b", "a#b", "\xff", strings.Repeat("x", 256), "a\u2028b",
		"f:", "f:a", "f:a b", "f:a:b/c", "f:a:b c/../d", "f:a:b%2fc", "f:a:b\tc", "f:a:b?c",
	} {
		if id, err := keycloak.ParseUserID(text); !errors.Is(err, keycloak.ErrInvalidID) {
			t.Errorf("ParseUserID(%q) = %v, %v, want ErrInvalidID", text, id, err)
		}
	}
	for _, text := range []string{"5e0b3b3a-0000-4000-8000-000000000000", "f:component:jane@acme", "f:component:jane doe", "日本"} {
		if id, err := keycloak.ParseGroupID(text); err != nil || id.String() != text {
			t.Errorf("ParseGroupID(%q) = %v, %v", text, id, err)
		}
	}
}

// TestAnIDNeverChangesThePath: an unusual but valid id arrives as one segment.
func TestAnIDNeverChangesThePath(t *testing.T) {
	t.Parallel()
	var paths []string
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.EscapedPath())
		answer(w, http.StatusNoContent, "")
	})
	c := newClient(t, s)
	id := userID(t, "f:a+b:j@x&y=z,é o")
	for _, call := range []func() error{
		func() error { return c.DeleteUser(t.Context(), id) },
		func() error { return c.LogoutUser(t.Context(), id) },
		func() error { return c.UpdateUser(t.Context(), id, keycloak.UserUpdate{}) },
		func() error { return c.RevokeConsent(t.Context(), id, "a/../b") },
	} {
		if err := call(); err != nil {
			t.Error(err)
		}
	}
	escaped := "/admin/realms/acme/users/f:a+b:j@x&y=z%2C%C3%A9%20o"
	want := []string{escaped, escaped + "/logout", escaped, escaped + "/consents/a%2F..%2Fb"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("paths differ (-want +got):\n%s", diff)
	}
}

// TestAnAnswerWithAnotherIDIsAnError: a database that compares loosely finds a resource by its id in other letters. No
// other part knows the resource by that text.
func TestAnAnswerWithAnotherIDIsAnError(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, `{"id":"5f3c0d0e-4f2b-4c5e-9d3a-000000000001"}`)
	})
	c := newClient(t, s)
	for id, want := range map[string]keycloak.Kind{
		"5f3c0d0e-4f2b-4c5e-9d3a-000000000001": "", "5F3C0D0E-4F2B-4C5E-9D3A-000000000001": keycloak.NotFound, "５f3c0d0e-4f2b-4c5e-9d3a-000000000001": keycloak.NotFound,
		"5f3c0d0e-4f2b-4c5e-9d3a-000000000002": keycloak.Unavailable,
	} {
		organization, err := keycloak.ParseOrganizationID(id)
		if err != nil {
			t.Fatal(err)
		}
		_, user := c.User(t.Context(), userID(t, id))
		_, group := c.Group(t.Context(), groupID(t, id))
		_, member := c.OrganizationMember(t.Context(), organization, userID(t, id))
		_, none := c.Organization(t.Context(), organization)
		for what, err := range map[string]error{"user": user, "group": group, "member": member, "organization": none} {
			if got := keycloak.KindOf(err); got != want {
				t.Errorf("%s %s: %q (%v), want %q", what, id, got, err, want)
			}
		}
	}
}

// TestTheFourShapesOfErrors: each keeps its field names.
func TestTheFourShapesOfErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		want   keycloak.Error
	}{
		"errorMessage":      {409, `{"errorMessage":"User exists with same email"}`, keycloak.Error{Kind: keycloak.Conflict, Message: "User exists with same email"}},
		"error":             {404, `{"error":"User not found"}`, keycloak.Error{Kind: keycloak.NotFound, Message: "User not found", Missing: keycloak.MissingUser}},
		"a missing group":   {404, `{"error":"Could not find group by id"}`, keycloak.Error{Kind: keycloak.NotFound, Message: "Could not find group by id", Missing: keycloak.MissingGroup}},
		"error_description": {400, `{"error":"unknown_error","error_description":"Cannot parse the JSON"}`, keycloak.Error{Kind: keycloak.Invalid, Message: "unknown_error: Cannot parse the JSON"}},
		"a conflict in a group of an organization": {400, `{"errorMessage":"Duplicate resource error"}`, keycloak.Error{Kind: keycloak.Conflict, Message: "Duplicate resource error"}},
		"one field": {400, `{"field":"email","errorMessage":"error-invalid-email","params":["email","nope"]}`, keycloak.Error{
			Kind: keycloak.Invalid, Message: "error-invalid-email", Fields: []keycloak.FieldError{{Field: "email", Code: "error-invalid-email", Params: []string{"email", "nope"}}},
		}},
		"several fields": {400, `{"errors":[{"field":"a","errorMessage":"x","params":["a",0,1]},{"field":"b","errorMessage":"y"}]}`, keycloak.Error{
			Kind: keycloak.Invalid, Fields: []keycloak.FieldError{{Field: "a", Code: "x", Params: []string{"a", "0", "1"}}, {Field: "b", Code: "y", Params: []string{}}},
		}},
		"403":   {403, `{"error":"HTTP 403 Forbidden"}`, keycloak.Error{Kind: keycloak.Denied, Message: "HTTP 403 Forbidden"}},
		"500":   {500, `{"error":"unknown_error"}`, keycloak.Error{Kind: keycloak.Unknown, Message: "unknown_error"}},
		"empty": {500, ``, keycloak.Error{Kind: keycloak.Unknown}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, c.status, c.body) })
			client := newClient(t, s)
			c.want.Status = c.status
			for op, call := range map[string]func() error{
				"update user": func() error { return client.UpdateUser(t.Context(), userID(t, "1"), keycloak.UserUpdate{}) },
				"delete user": func() error { return client.DeleteUser(t.Context(), userID(t, "1")) }, // through gocloak
			} {
				var got *keycloak.Error
				if err := call(); !errors.As(err, &got) {
					t.Fatalf("%s = %v, want an *Error", op, err)
				}
				c.want.Op = op
				if diff := cmp.Diff(c.want, *got); diff != "" {
					t.Errorf("%s differs (-want +got):\n%s", op, diff)
				}
			}
		})
	}
}

// TestASuccessWithAWrongBodyIsAnError: gocloak accepts each of these answers as a success.
func TestASuccessWithAWrongBodyIsAnError(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]http.HandlerFunc{
		"HTML": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>"))
		},
		"201 without Location": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/login", http.StatusFound)
		},
		"an endless body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			chunk := []byte(strings.Repeat(" ", 1<<20))
			for range 20 {
				_, _ = w.Write(chunk)
			}
		},
		"half a body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"id":`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, newStub(t, handle))
			if id, err := c.CreateUser(t.Context(), keycloak.NewUser{Username: "jane"}); keycloak.KindOf(err) != keycloak.Unavailable {
				t.Errorf("CreateUser = %v, %v, want Unavailable", id, err)
			}
		})
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "17")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	_, err := newClient(t, s).CreateUser(t.Context(), keycloak.NewUser{Username: "jane"})
	var e *keycloak.Error
	if !errors.As(err, &e) || e.Kind != keycloak.RateLimited || e.RetryAfter != 17*time.Second {
		t.Errorf("error = %+v, want RateLimited with 17 s", err)
	}
}

// TestReadsAreRepeatedAndWritesNever during an outage.
func TestReadsAreRepeatedAndWritesNever(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	s := newStub(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.Method]++
		mu.Unlock()
		panic(http.ErrAbortHandler) //nolint:forbidigo // how a handler drops its connection
	})
	c := newClient(t, s)
	_, get := c.User(t.Context(), userID(t, "1"))
	_, post := c.CreateUser(t.Context(), keycloak.NewUser{Username: "jane"})
	put := c.UpdateUser(t.Context(), userID(t, "1"), keycloak.UserUpdate{})
	for name, err := range map[string]error{"GET": get, "POST": post, "PUT": put} {
		if keycloak.KindOf(err) != keycloak.Unavailable {
			t.Errorf("%s = %v, want Unavailable", name, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if seen["GET"] < 3 || seen["POST"] != 1 || seen["PUT"] != 1 { // net/http may repeat a GET itself
		t.Errorf("requests = %v, want 3 GETs at least, one POST and one PUT", seen)
	}
}

// TestOneTokenForAll: fifty callers at the same time fetch one token.
func TestOneTokenForAll(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "5") })
	c := newClient(t, s)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if n, err := c.CountUsers(t.Context()); err != nil || n != 5 {
				t.Errorf("CountUsers = %d, %v", n, err)
			}
		})
	}
	wg.Wait()
	if n := s.tokens.Load(); n != 1 {
		t.Errorf("%d tokens were fetched, want 1", n)
	}
}

// TestA401IsReplayedOnceWithANewToken and at most once.
func TestA401IsReplayedOnceWithANewToken(t *testing.T) {
	t.Parallel()
	var seen []string
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		answer(w, http.StatusUnauthorized, `{"error":"HTTP 401 Unauthorized"}`)
	})
	c := newClient(t, s)
	if err := c.DeleteUser(t.Context(), userID(t, "1")); keycloak.KindOf(err) != keycloak.Denied {
		t.Errorf("DeleteUser = %v, want Denied", err)
	}
	if want := []string{"Bearer token-1", "Bearer token-2"}; !slices.Equal(seen, want) {
		t.Errorf("tokens = %v, want %v", seen, want)
	}
}

// TestNoNewConnectionPerRequest: the connections stay open for later calls. A burst of hundreds of calls opens at most a
// few connections for each caller, because net/http opens a connection for a call that waits, and may then use another
// connection for the call. A later burst opens at most one for each caller.
func TestNoNewConnectionPerRequest(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "5") })
	c := newClient(t, s)
	const inFlight = 16
	burst := func() {
		var wg sync.WaitGroup
		for range inFlight {
			wg.Go(func() {
				for range 50 {
					if _, err := c.CountUsers(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
	burst()
	opened := s.connections.Load()
	burst()
	if opened > 3*inFlight || s.connections.Load()-opened > inFlight {
		t.Errorf("%d connections for 800 requests and %d more for 800 more", opened, s.connections.Load()-opened)
	}
}

func groupID(tb testing.TB, text string) keycloak.GroupID {
	tb.Helper()
	id, err := keycloak.ParseGroupID(text)
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

// outages records the outages that a client reports.
type outages struct {
	mu   sync.Mutex
	seen []bool
}

func (o *outages) observe(outage bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, outage)
}

// TestDuringAnOutageNoCallIsMade: when most of the last calls were not answered, the next calls fail at once and say
// when to try again.
func TestDuringAnOutageNoCallIsMade(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	var told outages
	c := newClient(t, s, func(c *keycloak.Config) { c.BreakerDelay, c.ObserveOutage = time.Hour, told.observe })
	var last error
	for range 40 {
		last = c.AddMember(t.Context(), userID(t, "u"), groupID(t, "g"))
	}
	var e *keycloak.Error
	if !errors.As(last, &e) || e.Kind != keycloak.Unavailable || e.RetryAfter < time.Minute {
		t.Errorf("a call during an outage = %v, want one that is unavailable for an hour", last)
	}
	if n := calls.Load(); n < 20 || n > 25 || !slices.Equal(told.seen, []bool{true}) {
		t.Errorf("%d calls of 40 were made, and %v was told", n, told.seen)
	}
}

// TestCallersWithoutTimeDoNotCountAsAnOutage: Keycloak answers other callers.
func TestCallersWithoutTimeDoNotCountAsAnOutage(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	var told outages
	c := newClient(t, s, func(c *keycloak.Config) { c.BreakerDelay, c.ObserveOutage = time.Hour, told.observe })
	if err := c.AddMember(t.Context(), userID(t, "u"), groupID(t, "g")); err != nil { // fetches the token
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 40 {
		if err := c.AddMember(ctx, userID(t, "u"), groupID(t, "g")); keycloak.KindOf(err) != keycloak.Unavailable {
			t.Fatalf("a call without time = %v", err)
		}
	}
	if err := c.AddMember(t.Context(), userID(t, "u"), groupID(t, "g")); err != nil || len(told.seen) > 0 {
		t.Errorf("a call after it = %v, and %v was told", err, told.seen)
	}
}

// TestAnOutageEnds when a call is answered again. An answer that refuses a call is not an outage.
func TestAnOutageEnds(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.Header().Set("Content-Length", "2") // and no body follows
			return
		}
		answer(w, http.StatusNotFound, `{"error":"User not found"}`)
	})
	var told outages
	c := newClient(t, s, func(c *keycloak.Config) { c.BreakerDelay, c.ObserveOutage = time.Millisecond, told.observe })
	add := func() keycloak.Kind {
		return keycloak.KindOf(c.AddMember(t.Context(), userID(t, "u"), groupID(t, "g")))
	}
	for range 40 {
		if kind := add(); kind != keycloak.NotFound {
			t.Fatalf("an answer that refuses = %v", kind)
		}
	}
	down.Store(true)
	for range 40 {
		if kind := add(); kind != keycloak.Unavailable {
			t.Fatalf("no answer = %v", kind)
		}
	}
	down.Store(false)
	for tries := 0; add() != keycloak.NotFound; tries++ {
		if tries > 100_000 {
			t.Fatal("the outage does not end")
		}
	}
	if n := len(told.seen); n < 2 || !told.seen[0] || told.seen[n-1] {
		t.Errorf("told of outages: %v", told.seen)
	}
}

// TestCallsInFlightAreBounded: a caller that waits longer than its context gets Unavailable.
func TestCallsInFlightAreBounded(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		<-leave
		answer(w, 200, "5")
	})
	realm, _ := keycloak.ParseRealm("acme")
	transport, err := keycloak.NewTransport(keycloak.TransportConfig{MaxInFlight: 1})
	if err != nil {
		t.Fatal(err)
	}
	c, err := keycloak.New(keycloak.Config{
		BaseURL: s.URL, Realm: realm, Transport: transport, MaxInFlight: 1, Credentials: keycloak.ClientSecret("a", "b"),
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := c.CountUsers(t.Context())
		done <- err
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.CountUsers(ctx); keycloak.KindOf(err) != keycloak.Unavailable {
		t.Errorf("CountUsers = %v, want Unavailable", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestQueriesAreAskedAsMeasured: values are in quotes, \" is the only escape, and no query is empty.
func TestQueriesAreAskedAsMeasured(t *testing.T) {
	t.Parallel()
	var query string
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.Query().Get("q")
		answer(w, 200, "[]")
	})
	c := newClient(t, s)
	ask := func(name, value string) error {
		_, err := c.Users(t.Context(), keycloak.UserQuery{Attributes: []keycloak.AttributeQuery{{Name: name, Value: value}}})
		return err
	}
	for value, want := range map[string]string{`a b`: `x:"a b"`, `say "hi"`: `x:"say \"hi\""`, `a\b`: `x:"a\b"`, "a&b=c;": `x:"a&b=c;"`} {
		if err := ask("x", value); err != nil || query != want {
			t.Errorf("q of %q = %q, %v, want %q", value, query, err, want)
		}
	}
	for _, c := range [][2]string{{"x", `end\`}, {"x", `a\"b`}, {"a:b", "x"}, {"", "x"}, {"a b", "x"}} {
		if err := ask(c[0], c[1]); !errors.Is(err, keycloak.ErrNotSearchable) {
			t.Errorf("%q:%q = %v, want ErrNotSearchable", c[0], c[1], err)
		}
	}
}

// TestUpdateUserSendsNothingBeyondTheChange: Keycloak would store the other values too.
func TestUpdateUserSendsNothingBeyondTheChange(t *testing.T) {
	t.Parallel()
	var body string
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		var b strings.Builder
		_, _ = fmt.Fprint(&b, readAll(r))
		body = b.String()
		w.WriteHeader(http.StatusNoContent)
	})
	c := newClient(t, s)
	off, empty := false, ""
	for want, u := range map[string]keycloak.UserUpdate{
		`{}`:                {},
		`{"enabled":false}`: {Enabled: &off},
		`{"email":""}`:      {Email: &empty},
		`{"username":"","firstName":"","lastName":"","attributes":{}}`: {
			Username: &empty, Email: &empty, FirstName: &empty, LastName: &empty, Attributes: map[string][]string{},
		},
	} {
		if err := c.UpdateUser(t.Context(), userID(t, "1"), u); err != nil || body != want {
			t.Errorf("body = %s, %v, want %s", body, err, want)
		}
	}
	if err := c.UpdateUser(t.Context(), userID(t, "1"), keycloak.UserUpdate{Attributes: map[string][]string{}}); keycloak.KindOf(err) != keycloak.Invalid {
		t.Errorf("attributes without fields = %v, want Invalid: Keycloak would clear them", err)
	}
}

// TestUpdateGroupKeepsWhatItDoesNotKnow: Keycloak erases a description that a PUT
// lacks.
func TestUpdateGroupKeepsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	var body string
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			answer(w, 200, `{"id":"g","name":"old","description":"d","future":{"x":[1.50]},"attributes":{"a":["1"]},"access":{"view":true},"subGroups":[]}`)
			return
		}
		body = readAll(r)
		w.WriteHeader(http.StatusNoContent)
	})
	c := newClient(t, s)
	id, _ := keycloak.ParseGroupID("g")
	g, err := c.Group(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	name := "new"
	if err := c.UpdateGroup(t.Context(), g, keycloak.GroupUpdate{Name: &name}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"name":"new"`, `"description":"d"`, `"future":{"x":[1.50]}`, `"attributes":{"a":["1"]}`} {
		if !strings.Contains(body, part) {
			t.Errorf("the body %s lacks %s", body, part)
		}
	}
}

func readAll(r *http.Request) string {
	var b strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := r.Body.Read(buffer)
		b.Write(buffer[:n])
		if err != nil {
			return b.String()
		}
	}
}

func BenchmarkUser(b *testing.B) {
	s := newStub(b, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, `{"id":"1","username":"jane","firstName":"Jane","lastName":"Doe","email":"jane@acme.test","enabled":true,"createdTimestamp":1,"attributes":{"externalId":["x"],"scim.key":["y"]}}`)
	})
	c := newClient(b, s)
	id := userID(b, "1")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.User(b.Context(), id); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAListThatKeycloakCouldNotFinishIsReadAgain: when a user is deleted meanwhile, Keycloak ends a list of members
// with a 400 about JSON, although a GET has no body.
func TestAListThatKeycloakCouldNotFinishIsReadAgain(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 1 {
			answer(w, http.StatusBadRequest, `{"error":"unknown_error","error_description":"Cannot parse the JSON"}`)
			return
		}
		answer(w, http.StatusOK, `[{"id":"1","username":"jane"}]`)
	})
	o, err := keycloak.ParseOrganizationID("o")
	if err != nil {
		t.Fatal(err)
	}
	list, err := newClient(t, s).OrganizationMembers(t.Context(), o, 0, 50)
	if err != nil || len(list) != 1 || n.Load() != 2 {
		t.Errorf("members = %v, %v after %d calls, want one after two", list, err, n.Load())
	}
}

// TestBatches have all ids in their order, and each batch fits in a URL.
func TestBatches(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1, 36, 80} {
		for _, n := range []int{0, 1, 49, 50, 51, 150} {
			var ids, got []keycloak.UserID
			for i := range n {
				id, err := keycloak.ParseUserID(strings.Repeat("é", length) + fmt.Sprint(i))
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, id)
			}
			for _, batch := range keycloak.Batches(ids, 50) {
				size := 0
				for _, id := range batch {
					size += len(url.QueryEscape(id.String()))
				}
				if len(batch) == 0 || len(batch) > 50 || size > 4<<10 {
					t.Errorf("a batch of %d ids has %d bytes", len(batch), size)
				}
				got = append(got, batch...)
			}
			if !slices.Equal(ids, got) {
				t.Errorf("of %d ids of %d characters the batches hold %d", n, length, len(got))
			}
		}
	}
}
