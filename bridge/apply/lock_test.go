package apply_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// losing is a Locker whose leases the test can take away.
type losing struct {
	asked    [][]apply.Key
	lost     chan struct{}
	released int
	err      error
}

func newLosing() *losing { return &losing{lost: make(chan struct{})} }

func (l *losing) Lock(_ context.Context, keys ...apply.Key) (apply.Lease, error) {
	l.asked = append(l.asked, keys)
	return l, l.err
}

func (l *losing) Lost() <-chan struct{} { return l.lost }

func (l *losing) Release() { l.released++ }

// TestTheKeysOfARequestAreAskedForAtOnce, in the order of their names and without duplicates, so
// that no two requests wait for each other.
func TestTheKeysOfARequestAreAskedForAtOnce(t *testing.T) {
	t.Parallel()
	l := newLosing()
	a := &apply.Applier{Locker: l}
	var held apply.Held
	for _, keys := range [][]apply.Key{
		{{Name: "one"}},
		{{Name: "b"}, {Name: "a", Shared: true}, {Name: "c"}, {Name: "b"}},
		{{Name: "x", Shared: true}, {Name: "x"}, {Name: "y", Shared: true}, {Name: "y", Shared: true}},
	} {
		if err := a.Lock(t.Context(), &held, keys...); err != nil {
			t.Fatal(err)
		}
	}
	want := [][]apply.Key{
		{{Name: "one"}},
		{{Name: "a", Shared: true}, {Name: "b"}, {Name: "c"}},
		{{Name: "x"}, {Name: "y", Shared: true}},
	}
	if diff := cmp.Diff(want, l.asked); diff != "" {
		t.Errorf("the Locker was asked for other keys (-want +got)\n%s", diff)
	}
	held.Release()
	held.Release() // a request that ended holds nothing
	if l.released != 3 {
		t.Errorf("%d leases were released, want 3", l.released)
	}
}

// TestAKeyThatCannotBeHadIsNotHeld.
func TestAKeyThatCannotBeHadIsNotHeld(t *testing.T) {
	t.Parallel()
	l := newLosing()
	l.err = context.DeadlineExceeded
	a := &apply.Applier{Locker: l}
	var held apply.Held
	if err := a.Lock(t.Context(), &held, apply.Key{Name: "a"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Lock = %v", err)
	}
	if err := a.Await(t.Context(), "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Await = %v", err)
	}
	if held.Release(); l.released != 0 {
		t.Errorf("%d leases were released that nobody got", l.released)
	}
	l.err = nil
	if err := a.Await(t.Context(), "a"); err != nil || l.released != 1 {
		t.Errorf("Await = %v, and %d leases were released, want 1", err, l.released)
	}
}

// TestALeaseThatIsLostEndsAPlanBeforeItsNextStep. The lease is lost during a step, which is
// completed. What the step created stays for the new holder of the keys.
func TestALeaseThatIsLostEndsAPlanBeforeItsNextStep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		steps    func(w *world) plan.Plan
		lostAt   int // the step during which the lease is lost, from 1; 0 for before the first step
		want     []string
		done     int
		left, ok bool
	}{
		"before the first step": {func(w *world) plan.Plan {
			return plan.Plan{plan.UpdateUser{User: w.jane, Update: &keycloak.UserUpdate{Enabled: new(false)}}, plan.EndSessions{User: w.jane, Always: true}}
		}, 0, nil, 0, false, false},
		"within the last step": {func(w *world) plan.Plan {
			return plan.Plan{plan.AddMember{User: w.jane, Group: w.team}}
		}, 1, []string{"PUT /users/{id}/groups/{group}"}, 1, false, true},
		"between two steps": {func(w *world) plan.Plan {
			return plan.Plan{plan.UpdateUser{User: w.jane, Update: &keycloak.UserUpdate{FirstName: new("J")}}, plan.AddMember{User: w.jane, Group: w.team}}
		}, 1, []string{"PUT /users/{id}"}, 1, false, false},
		"after a creation": {func(w *world) plan.Plan {
			return plan.Plan{plan.CreateUser{User: &keycloak.NewUser{Username: "new"}}, plan.AddMember{Group: w.team}}
		}, 1, []string{"POST /users"}, 1, true, false},
		"after access was taken": {func(w *world) plan.Plan {
			return plan.Plan{
				plan.UpdateUser{User: w.jane, Update: &keycloak.UserUpdate{Enabled: new(false)}},
				plan.RemoveMember{User: w.jane, Group: w.team},
				plan.EndSessions{User: w.jane, Always: true},
			}
		}, 1, []string{"PUT /users/{id}", "GET /users/{id}/consents", "POST /users/{id}/logout"}, 2, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			l, steps := newLosing(), 0
			w.applier.Locker = l
			w.applier.Observe = func(plan.Kind, error) {
				if steps++; steps == c.lostAt {
					close(l.lost)
				}
			}
			var held apply.Held
			if err := w.applier.Lock(t.Context(), &held, apply.Key{Name: "a"}); err != nil {
				t.Fatal(err)
			}
			if c.lostAt == 0 {
				close(l.lost)
			}
			p := c.steps(w)
			w.fake.ResetCalls()
			_, err := w.applier.Apply(t.Context(), w.Client, &held, p)
			got := w.fake.Calls()
			slices.Sort(got)
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("other calls (-want +got)\n%s", diff)
			}
			if c.ok {
				if err != nil {
					t.Errorf("Apply = %v, though all was done", err)
				}
				return
			}
			failed, is := errors.AsType[*apply.Error](err)
			if !is || !errors.Is(err, apply.ErrLost) || failed.Done != c.done || failed.Remains != c.left || failed.All != len(p) || failed.Unbegun != (c.lostAt == 0) {
				t.Errorf("Apply = %#v, want ErrLost with %d done, left: %t", err, c.done, c.left)
			}
		})
	}
}

// TestNoStepOfManyBeginsOnceTheLeaseIsLost: parallel changes of memberships that have begun are
// completed.
func TestNoStepOfManyBeginsOnceTheLeaseIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := newLosing()
	w.applier.Locker = l
	var held apply.Held
	if err := w.applier.Lock(t.Context(), &held, apply.Key{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	var p plan.Plan
	for range 40 {
		p = append(p, plan.AddMember{User: w.jane, Group: w.team})
	}
	const most = 8 // steps at once
	var once sync.Once
	w.applier.Observe = func(plan.Kind, error) { once.Do(func() { close(l.lost) }) } // the others wait for it
	w.fake.ResetCalls()
	_, err := w.applier.Apply(t.Context(), w.Client, &held, p)
	failed, is := errors.AsType[*apply.Error](err)
	if calls := len(w.fake.Calls()); !is || !errors.Is(err, apply.ErrLost) || failed.Done != calls || calls > most {
		t.Errorf("Apply = %v after %d calls, want ErrLost after a few, each counted", err, calls)
	}
}
