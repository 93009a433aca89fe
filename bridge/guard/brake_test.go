package guard_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// braked is a tenant whose brake allows the removal of 20 % of its users in an hour, and of two in
// any case.
func braked(path string) *tenant.Tenant {
	t := &tenant.Tenant{Path: path, Owner: mapping.Owner{Key: path}}
	t.Policy.RemovalBrake = config.RemovalBrake{Max: 20, Window: config.Duration(time.Hour), Floor: 2}
	return t
}

// clock is a time that a test sets.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// removing removes users of a tenant by a brake.
type removing struct {
	*guard.Brake

	t       *testing.T
	of      *tenant.Tenant
	users   int // users of the tenant
	counted int // how often they were counted
}

// stateOf is the state of a brake. It fails the test unless both results of the brake say whether it holds removals.
func stateOf(ctx context.Context, t *testing.T, b *guard.Brake, of *tenant.Tenant) string {
	t.Helper()
	text, holding := b.State(ctx, of)
	if holding != strings.HasPrefix(text, "holding") {
		t.Errorf("a brake is %q and holds: %t", text, holding)
	}
	return text
}

func (r *removing) one(id string) error {
	return r.Remove(r.t.Context(), r.of, keycloak.User{ID: id}, func(context.Context) (int, error) {
		r.counted++
		return r.users, nil
	})
}

// lets removes users until the brake holds, at most a hundred, and returns how many were removed.
func (r *removing) lets(prefix string) int {
	for n := range 100 {
		if r.one(fmt.Sprint(prefix, n)) != nil {
			return n
		}
	}
	return 100
}

func TestTheBrakeLetsSoManyGoAsThePolicySays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		brake config.RemovalBrake
		users int
		want  int
	}{
		"a fifth":            {config.RemovalBrake{Max: 20, Window: config.Duration(time.Hour), Floor: 2}, 50, 10},
		"a few in any case":  {config.RemovalBrake{Max: 20, Window: config.Duration(time.Hour), Floor: 2}, 5, 2},
		"of nobody":          {config.RemovalBrake{Max: 20, Window: config.Duration(time.Hour), Floor: 2}, 0, 2},
		"all, as it is off":  {config.RemovalBrake{Window: config.Duration(time.Hour), Floor: 2}, 5, 100},
		"all, as all may go": {config.RemovalBrake{Max: config.All, Window: config.Duration(time.Hour), Floor: 2}, 5, 100},
		"one, be it all":     {config.RemovalBrake{Max: 1, Window: config.Duration(time.Hour)}, 10, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of := braked("acme")
			of.Policy.RemovalBrake = c.brake
			r := &removing{Brake: guard.NewBrake(time.Now, &guard.MemoryLedger{}), t: t, of: of, users: c.users}
			if n := r.lets("u"); n != c.want {
				t.Errorf("it lets %d of %d go, want %d", n, c.users, c.want)
			}
		})
	}
}

// TestTheBrakeHoldsForItsWindow, or until an operator lifts it, and names the remedy.
func TestTheBrakeHoldsForItsWindow(t *testing.T) {
	t.Parallel()
	at := &clock{time.Unix(1_800_000_000, 0)}
	r := &removing{Brake: guard.NewBrake(at.Now, &guard.MemoryLedger{}), t: t, of: braked("acme"), users: 10}
	state := func(want string) {
		t.Helper()
		if got := stateOf(t.Context(), t, r.Brake, r.of); !strings.HasPrefix(got, want) {
			t.Errorf("the brake is %q, want %q", got, want)
		}
	}
	state("clear")
	noError(t, r.one("a"))
	at.now = at.now.Add(20 * time.Minute)
	noError(t, r.one("b"))
	state("clear") // full, and no removal was held
	err := r.one("c")
	held, is := errors.AsType[guard.HeldError](err)
	if !is || held.RetryAfter != 40*time.Minute+time.Second || held.Tenant != "acme" || held.Most != 2 || held.Users != 10 || held.Removed != 2 || held.Window != "1h0m0s" {
		t.Errorf("held: %#v", held)
	}
	state("holding: 2 users were removed within 1h0m0s")
	noError(t, r.one("a")) // this user was removed already
	if r.counted != 1 {
		t.Errorf("the users were counted %d times", r.counted)
	}
	at.now = at.now.Add(41 * time.Minute) // the first removal is old enough
	state("clear")
	noError(t, r.one("c"))
	if err := r.one("d"); err == nil {
		t.Error("a third goes within an hour")
	}
	noError(t, r.Lift(t.Context(), r.of))
	state("lifted until " + at.now.Add(time.Hour).UTC().Format(time.RFC3339))
	if n := r.lets("lifted"); n != 100 {
		t.Errorf("%d go while it is lifted", n)
	}
	at.now = at.now.Add(time.Hour)
	state("clear")
	if n := r.lets("later"); n != 2 {
		t.Errorf("%d go after it was lifted, want 2", n)
	}
}

// TestTheBrakeCountsTheUsersOnceForEachWindow: a tenant that grew may remove more users.
func TestTheBrakeCountsTheUsersOnceForEachWindow(t *testing.T) {
	t.Parallel()
	at := &clock{time.Unix(1_800_000_000, 0)}
	r := &removing{Brake: guard.NewBrake(at.Now, &guard.MemoryLedger{}), t: t, of: braked("acme"), users: 10}
	for users, want := range map[int]int{10: 2, 100: 20} {
		r.users = users
		if n := r.lets(fmt.Sprint(users, "-")); n != want {
			t.Errorf("%d of %d users go, want %d", n, users, want)
		}
		at.now = at.now.Add(time.Hour + time.Second)
	}
	if r.counted != 2 {
		t.Errorf("the users were counted %d times in two windows", r.counted)
	}
}

// TestUsersThatTheBrakeDoesNotCount: a user who was created within the window does not count, because a
// client that creates a user and deletes the user again removes nobody. A user who was adopted
// counts.
func TestUsersThatTheBrakeDoesNotCount(t *testing.T) {
	t.Parallel()
	at := &clock{time.Unix(1_800_000_000, 0)}
	of := braked("acme")
	of.Policy.RemovalBrake.Floor = 0
	for name, c := range map[string]struct {
		owner   []string
		created time.Time
		held    bool
	}{
		"made now":                  {[]string{"acme"}, at.now, false},
		"made within the window":    {[]string{"acme"}, at.now.Add(-59 * time.Minute), false},
		"made before":               {[]string{"acme"}, at.now.Add(-time.Hour), true},
		"taken over":                {[]string{"acme", "adopted|acme"}, at.now, true},
		"made by another":           {[]string{"beta"}, at.now, true},
		"made by nobody":            {nil, at.now, true},
		"nobody knows when":         {[]string{"acme"}, time.Time{}, true},
		"in an account of Keycloak": {[]string{}, at.now.Add(-time.Hour), true},
	} {
		one := func(context.Context) (int, error) { return 1, nil }
		brake := guard.NewBrake(at.Now, &guard.MemoryLedger{})
		noError(t, brake.Remove(t.Context(), of, keycloak.User{ID: "the one that may go"}, one))
		u := keycloak.User{ID: name, Created: c.created, Attributes: map[string][]string{mapping.AttrOwner: c.owner}}
		err := brake.Remove(t.Context(), of, u, one)
		if (err != nil) != c.held {
			t.Errorf("%s: %v, want it held: %t", name, err, c.held)
		}
	}
}

// TestEachTenantHasItsOwnBrake, and a brake that cannot count the users allows no removal.
func TestEachTenantHasItsOwnBrake(t *testing.T) {
	t.Parallel()
	ledger := &guard.MemoryLedger{}
	one := &removing{Brake: guard.NewBrake(time.Now, ledger), t: t, of: braked("one"), users: 10}
	two := &removing{Brake: guard.NewBrake(time.Now, ledger), t: t, of: braked("two"), users: 10}
	if a, b := one.lets("a"), two.lets("b"); a != 2 || b != 2 {
		t.Errorf("they let %d and %d go, want 2 each", a, b)
	}
	third := braked("three")
	outage := errors.New("Keycloak is away")
	err := one.Remove(t.Context(), third, keycloak.User{ID: "x"}, func(context.Context) (int, error) { return 0, outage })
	if !errors.Is(err, outage) {
		t.Errorf("nobody was counted, and a removal is %v", err)
	}
	one.of = third
	if n := one.lets("c"); n != 2 {
		t.Errorf("after the outage it lets %d go, want 2", n)
	}
}

// TestTwoBridgesShareALedger: together they allow as many removals as one bridge.
func TestTwoBridgesShareALedger(t *testing.T) {
	t.Parallel()
	ledger := &guard.MemoryLedger{}
	var mu sync.Mutex
	var let int
	var wg sync.WaitGroup
	of := braked("acme")
	for i := range 2 {
		brake := guard.NewBrake(time.Now, ledger)
		for n := range 20 {
			wg.Go(func() {
				err := brake.Remove(t.Context(), of, keycloak.User{ID: fmt.Sprint(i, "-", n)}, func(context.Context) (int, error) { return 30, nil })
				if err == nil {
					mu.Lock()
					let++
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	if let != 6 {
		t.Errorf("both together let %d of 30 go, want 6", let)
	}
}

// emptyLedger gives change a zero value, as a store does that has no row for the tenant.
type emptyLedger struct{}

func (emptyLedger) Change(_ context.Context, _ string, change func(*guard.Removals) error) error {
	return change(&guard.Removals{})
}

// TestALedgerMayBeginWithNothing: the first removal of a tenant fills the ledger.
func TestALedgerMayBeginWithNothing(t *testing.T) {
	t.Parallel()
	of, brake := braked("acme"), guard.NewBrake(time.Now, emptyLedger{})
	err := brake.Remove(t.Context(), of, keycloak.User{ID: "x"}, func(context.Context) (int, error) { return 10, nil })
	if err == nil {
		err = brake.Lift(t.Context(), of)
	}
	if state := stateOf(t.Context(), t, brake, of); err != nil || state != "clear" {
		t.Errorf("the first removal is %v, and the brake is then %q", err, state)
	}
}

// lostLedger cannot be read.
type lostLedger struct{}

var errLedger = errors.New("no connection to the store")

func (lostLedger) Change(context.Context, string, func(*guard.Removals) error) error {
	return errLedger
}

// TestABrakeWithoutItsLedgerAllowsNoRemoval, and reports the reason.
func TestABrakeWithoutItsLedgerAllowsNoRemoval(t *testing.T) {
	t.Parallel()
	r := &removing{Brake: guard.NewBrake(time.Now, lostLedger{}), t: t, of: braked("acme"), users: 10}
	if err := r.one("a"); !errors.Is(err, errLedger) || r.counted > 0 {
		t.Errorf("a removal is %v after %d counts", err, r.counted)
	}
	if err := r.Lift(t.Context(), r.of); !errors.Is(err, errLedger) {
		t.Errorf("to lift it is %v", err)
	}
	if got := stateOf(t.Context(), t, r.Brake, r.of); got != "not known: no connection to the store" {
		t.Errorf("the brake is %q", got)
	}
	r.of.Policy.RemovalBrake.Max = 0
	if err := r.one("a"); err != nil || stateOf(t.Context(), t, r.Brake, r.of) != "off" {
		t.Errorf("a brake that is off is %q and holds: %v", stateOf(t.Context(), t, r.Brake, r.of), err)
	}
}

// TestWhoWaitsForALedgerGivesUpWithItsContext: counting the users of a tenant may take as long as a
// call to Keycloak may take, and the status page asks meanwhile.
func TestWhoWaitsForALedgerGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	ledger, of := &guard.MemoryLedger{}, braked("acme")
	brake := guard.NewBrake(time.Now, ledger)
	counting, release, counted := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		counted <- brake.Remove(context.Background(), of, keycloak.User{ID: "a"}, func(context.Context) (int, error) {
			close(counting)
			<-release
			return 10, nil
		})
	}()
	<-counting
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := brake.Remove(ctx, of, keycloak.User{ID: "b"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a removal that was given up = %v", err)
	}
	if state := stateOf(ctx, t, brake, of); !strings.HasPrefix(state, "not known") {
		t.Errorf("the brake is %q for who gave up", state)
	}
	if state := stateOf(t.Context(), t, brake, braked("other")); state != "clear" {
		t.Errorf("the brake of another tenant is %q", state)
	}
	close(release)
	if err := <-counted; err != nil {
		t.Errorf("the removal that waited for its count = %v", err)
	}
}

// TestABrakeOutlivesThePathOfItsTenant: another alias of an organization begins with the removals so far, and a tenant of
// another realm with the same key has its own.
func TestABrakeOutlivesThePathOfItsTenant(t *testing.T) {
	t.Parallel()
	of := func(realm, path string) *tenant.Tenant {
		out := braked("id-1")
		out.Realm, out.Path = realm, path
		return out
	}
	r := &removing{Brake: guard.NewBrake(time.Now, &guard.MemoryLedger{}), t: t, of: of("corp", "corp/organizations/acme"), users: 10}
	if n := r.lets("u"); n != 2 {
		t.Fatalf("it lets %d go, want 2", n)
	}
	renamed := of("corp", "corp/organizations/umbrella")
	if state := stateOf(t.Context(), t, r.Brake, renamed); !strings.HasPrefix(state, "holding") {
		t.Errorf("after a rename the brake is %q", state)
	}
	former := r.of
	r.of = renamed
	held, is := errors.AsType[guard.HeldError](r.one("v"))
	if !is || held.Tenant != renamed.Path {
		t.Errorf("after a rename a removal is %#v", held)
	}
	noError(t, r.Lift(t.Context(), renamed))
	if state := stateOf(t.Context(), t, r.Brake, former); !strings.HasPrefix(state, "lifted") {
		t.Errorf("the brake of the former path is %q", state)
	}
	r.of = of("lab", "corp/organizations/umbrella")
	if n := r.lets("w"); n != 2 {
		t.Errorf("in another realm it lets %d go, want 2", n)
	}
}

// TestABrakeForgetsWhatLiesTooFarInTheFuture: a clock that was years ahead neither holds removals for years nor lifts the
// brake for years. What is at most a window ahead counts.
func TestABrakeForgetsWhatLiesTooFarInTheFuture(t *testing.T) {
	t.Parallel()
	at := &clock{time.Unix(1_800_000_000, 0)}
	const years = 3 * 365 * 24 * time.Hour
	begin := func(ahead time.Duration, do func(*removing)) *removing {
		r := &removing{Brake: guard.NewBrake(at.Now, &guard.MemoryLedger{}), t: t, of: braked("acme"), users: 10}
		at.now = at.now.Add(ahead)
		do(r)
		at.now = at.now.Add(-ahead)
		return r
	}
	fill := func(r *removing) { r.lets("before") }
	lift := func(r *removing) { noError(t, r.Lift(t.Context(), r.of)) }
	for name, c := range map[string]struct {
		ahead time.Duration
		do    func(*removing)
		state string
		lets  int
	}{
		"removals of a clock that was ahead":    {years, fill, "clear", 2},
		"removals within a window":              {time.Hour, fill, "holding", 0},
		"a lift of a clock that was ahead":      {years, lift, "clear", 2},
		"a lift of a clock that was just ahead": {time.Minute, lift, "lifted", 100},
		"a lift before the clock went back":     {0, lift, "lifted", 100},
		"a lift, and removals during the lift":  {years, func(r *removing) { lift(r); fill(r) }, "clear", 2},
	} {
		r := begin(c.ahead, c.do)
		if state := stateOf(t.Context(), t, r.Brake, r.of); !strings.HasPrefix(state, c.state) {
			t.Errorf("%s: the brake is %q, want %q", name, state, c.state)
		}
		r = begin(c.ahead, c.do)
		if n := r.lets("after"); n != c.lets {
			t.Errorf("%s: it lets %d go, want %d", name, n, c.lets)
		}
	}
	r := begin(years, func(r *removing) { noError(t, r.one("before")) })
	r.users = 100
	if n := r.lets("after"); n != 20 {
		t.Errorf("it lets %d of 100 go, want 20: the count of the clock that was ahead counts", n)
	}
}
