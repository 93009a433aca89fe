package directory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory/index"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// keptSnapshots are directory.Snapshots in memory.
type keptSnapshots struct {
	mu    sync.Mutex
	of    map[string][]byte
	saved int
	err   error // of Save
}

func (k *keptSnapshots) Save(_ context.Context, realm string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	if k.of == nil {
		k.of = map[string][]byte{}
	}
	k.of[realm] = b.Bytes()
	k.saved++
	return nil
}

func (k *keptSnapshots) Load(_ context.Context, realm string, read func(io.Reader) error) error {
	k.mu.Lock()
	text, is := k.of[realm]
	k.mu.Unlock()
	if !is {
		return directory.ErrNoSnapshot
	}
	return read(bytes.NewReader(text))
}

// restart is a directory that saved a snapshot, and what its successor finds.
type restart struct {
	*naive

	t       *testing.T
	kept    *keptSnapshots
	of      *tenant.Tenant
	fitness tenant.Fitness
	d       *directory.Directory
	program string
	told    []string // what ObserveRestore got
}

// everybody is a filter that only the index answers.
const everybody = `not (userName eq "nobody")`

// newRestart saves a snapshot of an index of some users.
func newRestart(t *testing.T) *restart {
	t.Helper()
	r := &restart{naive: newNaive(), t: t, kept: &keptSnapshots{}, of: newTenant("one"), fitness: tenant.Fitness{Feed: true, FeedKeeps: 24 * time.Hour}, program: "1.0"}
	for i := range 400 { // an index of this size may be ten seconds old without a feed, and a minute with one
		r.put(titled(fmt.Sprint("u", i), "Clerk"))
	}
	r.tell("CREATE", "USER", "users/u0", "")
	r.start()
	r.finds(400)
	if err := r.d.Save(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	return r
}

// start makes a directory, as a program that starts does.
func (r *restart) start() {
	r.told = nil
	r.d = directory.New(directory.Options{MaxMemory: 1 << 24, Snapshots: r.kept, Program: r.program, ObserveRestore: func(of string, n int, _ time.Duration, err error) {
		r.told = append(r.told, fmt.Sprint(of, " ", n, " ", err))
	}})
	r.took()
}

// finds expects a number of users.
func (r *restart) finds(want int) {
	r.t.Helper()
	later(time.Millisecond)
	list, err := r.d.Users(r.t.Context(), r.view(r.of, r.fitness), query(r.t, r.of.Mapping.User, everybody, "userName"))
	if err != nil {
		r.t.Fatal(err)
	}
	if list.Total != want {
		r.t.Errorf("%d users are found, want %d", list.Total, want)
	}
}

// scanned reports whether the whole realm was read since start.
func (r *restart) scanned() bool { return r.took()["ListUsers"] > 0 }

// inBubble runs a test with a clock of its own.
func inBubble(t *testing.T, play func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		play(t)
		later(3 * time.Hour) // until scans end
	})
}

func TestAfterARestartAListNeedsNoScan(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) { //nolint:thelper // the test itself
		r := newRestart(t)
		r.put(titled("late", "Clerk"))
		r.tell("CREATE", "USER", "users/late", "")
		r.remove("u7")
		r.tell("DELETE", "USER", "users/u7", "")
		r.remove("u8")
		r.tell("DELETE", "USER", "users/u8", "")
		r.start()
		r.finds(399)
		if r.scanned() {
			t.Error("the realm is read again")
		}
		if want := []string{"acme 1 <nil>"}; !slices.Equal(r.told, want) {
			t.Errorf("told %q, want %q", r.told, want)
		}
		status := r.d.Status()
		if len(status) != 1 || status[0].Age <= 0 || status[0].Age > time.Minute || status[0].Resources != 399 {
			t.Errorf("the status is %+v", status)
		}
	})
}

func TestASnapshotThatMayBeWrongIsNotUsedAndTheReasonIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(r *restart)
		told   string
	}{
		"the realm deleted its events":            {func(r *restart) { r.events = nil }, "no longer has the admin events"},
		"the realm keeps events for an hour only": {func(r *restart) { r.fitness.FeedKeeps = time.Hour; later(time.Hour) }, "keeps admin events for 1h0m0s only"},
		"another program made it":                 {func(r *restart) { r.program = "2.0" }, "version 1.0 of the program made it"},
		"it is of another realm":                  {func(r *restart) { r.kept.of["acme"] = otherRealm(r.kept.of["acme"]) }, "another realm"},
		"it is torn":                              {func(r *restart) { r.kept.of["acme"] = r.kept.of["acme"][:len(r.kept.of["acme"])-9] }, index.ErrSnapshot.Error()},
		"it is empty":                             {func(r *restart) { r.kept.of["acme"] = nil }, index.ErrSnapshot.Error()},
		"it is no snapshot":                       {func(r *restart) { r.kept.of["acme"] = []byte("no snapshot") }, index.ErrSnapshot.Error()},
		"the tenant has another configuration":    {func(r *restart) { r.of.Policy.OwnedOnly = true }, ""},
		"it is older than an index may be":        {func(*restart) { later(2 * time.Minute) }, ""},
		"the realm has no feed now":               {func(r *restart) { r.fitness.Feed = false }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T) { //nolint:thelper // the test itself
				r := newRestart(t)
				r.put(titled("silent", "Clerk")) // without an event
				c.change(r)
				r.start()
				r.finds(401)
				if !r.scanned() {
					t.Error("the realm is not read again")
				}
				if told := strings.Join(r.told, "\n"); !strings.Contains(told, c.told) {
					t.Errorf("told %q, want %q", told, c.told)
				}
			})
		})
	}
}

// otherRealm is a snapshot that says that it is of another realm with a name of the same length.
func otherRealm(text []byte) []byte {
	return bytes.Replace(text, []byte(`"realm":"acme"`), []byte(`"realm":"evil"`), 1)
}

// TestAnOutageOfKeycloakDoesNotWasteTheSnapshot: the next request takes it.
func TestAnOutageOfKeycloakDoesNotWasteTheSnapshot(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) { //nolint:thelper // the test itself
		r := newRestart(t)
		r.start()
		r.failing = func(string) error { return &keycloak.Error{Kind: keycloak.Unavailable} }
		if _, err := r.d.Users(t.Context(), r.view(r.of, r.fitness), query(t, r.of.Mapping.User, everybody, "")); keycloak.KindOf(err) != keycloak.Unavailable {
			t.Errorf("during the outage: %v", err)
		}
		r.failing = nil
		r.finds(400)
		if r.scanned() {
			t.Error("the realm is read again")
		}
	})
}

func TestASnapshotIsSavedWhenItIsDue(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) { //nolint:thelper // the test itself
		const every = 10 * time.Minute
		r := newRestart(t)
		saves := func(when string, want int) {
			t.Helper()
			before := r.kept.saved
			if err := r.d.Save(t.Context(), every); err != nil {
				t.Fatal(err)
			}
			if got := r.kept.saved - before; got != want {
				t.Errorf("%s: %d snapshots are saved, want %d", when, got, want)
			}
		}
		saves("at once", 0)
		later(every)
		saves("without a change", 0)
		r.put(titled("late", "Clerk"))
		r.tell("CREATE", "USER", "users/late", "")
		r.finds(401)
		saves("after a change", 1)
		r.tell("UPDATE", "USER", "users/late", "")
		r.finds(401)
		saves("soon after the last one", 0)
		later(time.Hour)
		saves("after an hour without a change", 1)
		r.kept.err = errors.New("the store is away")
		later(time.Hour)
		if err := r.d.Save(t.Context(), every); !errors.Is(err, r.kept.err) {
			t.Errorf("the error is %v", err)
		}
		r.kept.err = nil
		saves("after a failure", 1)
	})
}

// TestTheIndexesOfAllTenantsOfARealmComeBack also when another tenant asks first, and an event is about one that has not
// asked yet.
func TestTheIndexesOfAllTenantsOfARealmComeBack(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) { //nolint:thelper // the test itself
		r := newRestart(t)
		one, two := r.of, newTenant("two")
		r.of = two
		r.finds(400)
		if err := r.d.Save(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		r.start()
		r.of = one
		r.finds(400)
		r.remove("u9")
		r.tell("DELETE", "USER", "users/u9", "")
		r.finds(399)
		if err := r.d.Save(t.Context(), 0); err != nil { // the index of the other tenant is still packed
			t.Fatal(err)
		}
		r.start()
		r.of = two
		r.finds(399)
		if r.scanned() {
			t.Error("the realm is read again")
		}
	})
}

func TestUsersWhoBecameProtectedMeanwhileAreReadAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) { //nolint:thelper // the test itself
		r := newRestart(t)
		r.fitness.Protected = &tenant.Protected{Users: map[string]bool{"u1": true}}
		r.finds(400)
		if err := r.d.Save(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		r.fitness.Protected = &tenant.Protected{Users: map[string]bool{"u2": true}}
		r.start()
		r.finds(400)
		if took := r.took(); took["UsersByID"] == 0 || took["ListUsers"] > 0 {
			t.Errorf("the calls are %v", maps.Collect(maps.All(took)))
		}
	})
}
