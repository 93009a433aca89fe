package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

func changeIDs(list []change.Change) []change.ID {
	out := make([]change.ID, len(list))
	for i, c := range list {
		out[i] = c.ID
	}
	return out
}

func intents() []behaviour {
	return []behaviour{
		{"an intended change is open as it was given", func(w *world) {
			c := w.full()
			c.Outcome, c.Reason, c.Recovered, c.Done = "", "", false, 0
			w.intend(c)
			w.same("the open changes", []change.Change{c}, w.open())
		}},
		{"readers see no open change", func(w *world) {
			c := w.full()
			empty := w.head()
			w.intend(c)
			w.flush()
			w.same("the entries", []store.Entry(nil), w.all(store.Query{}))
			w.finds(store.Person{ID: anna})
			_, err := w.store.Entry(w.Context(), c.ID)
			w.fails("the entry of an open change", err, store.ErrNotFound)
			w.same("the head", empty, w.head())
		}},
		{"nothing is kept of a change that is withdrawn", func(w *world) {
			c, other := w.full(), w.user(change.Deleted, bert, nil, nil)
			empty := w.head()
			w.intend(c, other)
			w.must(w.store.Withdraw(w.Context(), c.ID))
			w.fails("the second withdrawal", w.store.Withdraw(w.Context(), c.ID), store.ErrNotOpen)
			w.fails("the settlement", w.store.Settle(w.Context(), c), store.ErrNotOpen)
			w.same("the open changes", []change.ID{other.ID}, changeIDs(w.open()))
			w.flush()
			w.same("the open changes", []change.ID{other.ID}, changeIDs(w.open()))
			w.same("the size", int64(1), w.stats().Open)
			w.same("the head", empty, w.head())
			_, err := w.store.Entry(w.Context(), c.ID)
			w.fails("the entry", err, store.ErrNotFound)
			w.applied("/acme", anna, nil)
			w.intend(c) // the id is free again
			w.settle(c)
			w.gapless(1)
		}},
		{"a change that is withdrawn overlaps with nothing", func(w *world) {
			a, b := w.group(crew, []string{carla}, nil), w.group(crew, nil, []string{carla})
			w.intend(a, b)
			w.must(w.store.Withdraw(w.Context(), a.ID))
			w.settle(b)
			w.same("the overlaps", []store.Overlap{}, w.overlaps())
		}},
		{"a change without an id is refused", func(w *world) {
			c := w.full()
			c.ID = ""
			if err := w.store.Intend(w.Context(), c); err == nil || errors.Is(err, store.ErrAway) {
				w.Errorf("the error is %v", err)
			}
			w.same("the open changes", []change.Change{}, w.open())
		}},
		{"an id is given to one change", func(w *world) {
			first := w.full()
			again := w.user(change.Deleted, bert, nil, nil)
			again.ID = first.ID
			twice := func() {
				w.Helper()
				if err := w.store.Intend(w.Context(), again); err == nil || errors.Is(err, store.ErrAway) {
					w.Errorf("the error is %v", err)
				}
			}
			w.intend(first)
			twice()
			w.same("the open changes", []change.Change{first}, w.open())
			w.settle(first)
			twice()
			w.same("the open changes", []change.Change{}, w.open())
			w.gapless(1)
			w.same("the entry", first, w.entry(1).Change)
		}},
		{"open changes are in the order in which they began", func(w *world) {
			var want []change.Change
			for i := range 30 {
				w.clock.passes(time.Millisecond)
				want = append(want, w.user(change.Updated, fmt.Sprint(anna, i), nil, person(fmt.Sprint("anna", i), "")))
			}
			w.intend(want...)
			w.settle(want[0], want[7], want[29])
			for _, at := range []int{29, 7, 0} {
				want = slices.Delete(want, at, at+1)
			}
			w.same("the open changes", want, w.open())
		}},
		{"documents of open changes are as they were intended", func(w *world) {
			for name, doc := range odd() {
				c := w.user(change.Updated, anna, doc, doc)
				w.intend(c)
				w.same(name, []change.Change{c}, w.open())
				w.settle(c)
			}
		}},
	}
}

func settlements() []behaviour {
	return []behaviour{
		{"every field of a settled change is in its entry", everyField},
		{"an entry is the change as it was settled", func(w *world) {
			c := w.user(change.Created, "", nil, person("anna", "", "anna@example.org"))
			c.Steps = []string{"create user"}
			w.intend(c)
			c.Resource.ID, c.After, c.Steps, c.Done = bert, person("bert", "e-2"), []string{"create user", "set password"}, 1
			c.Outcome, c.Reason, c.Recovered, c.Unseen = change.Unknown, "interrupted", true, []change.Part{change.Password}
			w.settle(c)
			w.same("the entry", c, w.entry(1).Change)
			w.finds(store.Person{UserName: "anna"})
			w.finds(store.Person{Address: "anna@example.org"})
			w.finds(store.Person{UserName: "bert"}, 1)
			w.finds(store.Person{ID: bert}, 1)
		}},
		{"any document is kept as it was", func(w *world) {
			var number int64
			for name, doc := range odd() {
				c := w.user(change.Updated, anna, doc, doc.Clone())
				c.Outcome = change.Done
				w.made(c)
				number++
				w.same(name, c, w.entry(number).Change)
			}
			w.verified()
		}},
		{"any text is kept as it was", func(w *world) {
			c := w.full()
			hostile := "Ä'\"\\\x00\n; DROP TABLE entries; -- 東京 \u202e %s %d"
			for _, field := range []*string{
				&c.Actor.Kind, &c.Actor.Name, &c.Actor.KeyID, &c.Tenant, &c.Realm, &c.Organization.ID, &c.Organization.Alias, &c.Resource.ID, &c.Reason, &c.MembersAdded[0], &c.MembersRemoved[0], &c.Steps[0],
			} {
				*field = hostile
			}
			w.made(c)
			w.same("the entry", c, w.entry(1).Change)
			w.same("by tenant", []int64{1}, w.numbers(store.Query{Tenant: hostile}))
			w.same("by resource", []int64{1}, w.numbers(store.Query{Resource: hostile}))
		}},
		{"ten thousand members are one change", func(w *world) {
			c := w.group(team, nil, nil)
			for i := range 10_000 {
				c.MembersAdded = append(c.MembersAdded, fmt.Sprintf("5a6c6e9f-0000-4000-8000-%012d", i))
				c.MembersRemoved = append(c.MembersRemoved, fmt.Sprintf("5b6c6e9f-0000-4000-8000-%012d", i))
			}
			c.Outcome = change.Done
			w.made(c)
			w.same("the entry", c, w.entry(1).Change)
			w.finds(store.Person{ID: "5a6c6e9f-0000-4000-8000-000000009999"}, 1)
			w.finds(store.Person{ID: "5b6c6e9f-0000-4000-8000-000000000000"}, 1)
			w.finds(store.Person{ID: "5b6c6e9f-0000-4000-8000-000000010000"})
			w.verified()
		}},
		{"a change is settled once", func(w *world) {
			c := w.full()
			w.made(c)
			c.Outcome = change.Unknown
			w.fails("settled again", w.store.Settle(w.Context(), c), store.ErrNotOpen)
			w.flush()
			w.gapless(1)
			w.same("the outcome", change.Failed, w.entry(1).Outcome)
		}},
		{"a change is settled once although it waits for its commit", func(w *world) {
			c := w.full()
			w.intend(c)
			w.must(w.store.Settle(w.Context(), c))
			w.fails("settled again", w.store.Settle(w.Context(), c), store.ErrNotOpen)
			w.same("the open changes", []change.Change{}, w.open())
			w.flush()
			w.gapless(1)
		}},
		{"a change that was not begun is not settled", func(w *world) {
			w.intend(w.full())
			w.fails("another id", w.store.Settle(w.Context(), w.full()), store.ErrNotOpen)
			w.fails("no id", w.store.Settle(w.Context(), change.Change{}), store.ErrNotOpen)
			w.flush()
			w.gapless(0)
			w.same("the number of open changes", 1, len(w.open()))
		}},
		{"entries are in the order of the settlements", func(w *world) {
			var changes []change.Change
			for range 20 {
				changes = append(changes, w.full())
			}
			w.intend(changes...)
			slices.Reverse(changes)
			var want, got []change.ID
			for _, c := range changes {
				w.must(w.store.Settle(w.Context(), c))
				want = append(want, c.ID)
			}
			w.flush()
			for _, e := range w.all(store.Query{}) {
				got = append(got, e.ID)
			}
			w.same("the ids", want, got)
			w.gapless(20)
			w.same("the first position", store.Position{Epoch: 1, Number: 1}, w.entry(1).Position)
		}},
		{"an entry has the time of its settlement", func(w *world) {
			c := w.full()
			w.intend(c)
			w.clock.passes(time.Hour)
			w.settle(c)
			w.clock.passes(time.Hour)
			w.same("settled", start().Add(time.Hour), w.entry(1).Settled)
			w.same("begun", start(), w.entry(1).Begun)
		}},
		{"a clock that jumps back loses nothing and doubles nothing", func(w *world) {
			var want []time.Time
			for i := range 10 {
				w.clock.passes(time.Duration(1-2*(i%2)) * time.Duration(i) * time.Hour)
				c := w.full()
				w.intend(c)
				w.clock.passes(-time.Minute)
				w.settle(c)
				want = append(want, w.clock.now())
			}
			w.gapless(10)
			for i, at := range want {
				w.same("settled", at, w.entry(int64(i)+1).Settled)
			}
			w.verified()
		}},
		{"the journal shares no memory with a caller", func(w *world) {
			c := w.full()
			want, ruin := cloned(c), func(c change.Change) {
				c.Before[scim.AttrUserName], c.After[scim.AttrUserName] = "x", "x"
				c.After[scim.AttrEmails].([]any)[0].(map[string]any)["value"] = "x"
				c.MembersAdded[0], c.MembersRemoved[0], c.Steps[0], c.Unseen[0] = "x", "x", "x", "x"
			}
			given := cloned(c)
			w.intend(given)
			ruin(given)
			ruin(w.open()[0])
			w.same("the open changes", []change.Change{want}, w.open())
			given = cloned(want)
			w.must(w.store.Settle(w.Context(), given))
			ruin(given)
			w.flush()
			ruin(w.entry(1).Change)
			w.same("the entry", want, w.entry(1).Change)
			w.verified()
		}},
		{"concurrent changes get numbers without gaps", concurrentChanges},
		{"a flush waits for every change that was settled before", func(w *world) {
			together(w, 16, func(i int) error {
				c := w.full()
				c.Resource.ID = fmt.Sprint("user-", i)
				for _, err := range []error{w.store.Intend(w.Context(), c), w.store.Settle(w.Context(), c), w.store.Flush(w.Context())} {
					if err != nil {
						return err
					}
				}
				if _, err := w.store.Entry(w.Context(), c.ID); err != nil {
					return fmt.Errorf("after the flush: %w", err)
				}
				for e, err := range w.store.Entries(w.Context(), store.Query{Resource: c.Resource.ID}) {
					if err == nil && e.ID == c.ID {
						return nil
					}
				}
				return errors.New("the query does not find the entry")
			})
		}},
		{"an entry is found by the id of its change", func(w *world) {
			c := w.full()
			w.made(w.full(), c, w.full())
			e, err := w.store.Entry(w.Context(), c.ID)
			w.must(err)
			w.same("the entry", w.entry(2), e)
			for _, id := range []change.ID{"", change.NewID(), "' OR 1=1"} {
				_, err = w.store.Entry(w.Context(), id)
				w.fails("an unknown id", err, store.ErrNotFound)
			}
		}},
	}
}

// everyField also checks that the change of the test has a value in every field: a new field is not forgotten.
func everyField(w *world) {
	c := w.full()
	for field, value := range reflect.ValueOf(c).Fields() {
		if value.IsZero() {
			w.Errorf("the test has no value for %s", field.Name)
		}
	}
	w.made(c)
	want := store.Entry{Change: c, Position: store.Position{Epoch: 1, Number: 1}, Settled: start()}
	w.same("the entries", []store.Entry{want}, w.all(store.Query{}))
	w.verified()
}

// together runs do at the same time for 0 to n-1.
func together(w *world, n int, do func(i int) error) {
	w.Helper()
	var group sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		group.Go(func() { errs[i] = do(i) })
	}
	group.Wait()
	w.must(errors.Join(errs...))
}

func concurrentChanges(w *world) {
	const writers, each = 16, 25
	together(w, writers, func(i int) error {
		for range each {
			c := w.full()
			c.Resource.ID = fmt.Sprint("user-", i)
			if err := w.store.Intend(w.Context(), c); err != nil {
				return err
			}
			if err := w.store.Settle(w.Context(), c); err != nil {
				return err
			}
		}
		return nil
	})
	w.flush()
	w.gapless(writers * each)
	ids := map[change.ID]bool{}
	for _, e := range w.all(store.Query{}) {
		ids[e.ID] = true
	}
	w.same("the number of different changes", writers*each, len(ids))
	for i := range writers { // the changes of one writer are in the writer's order
		var began []change.ID
		for _, e := range w.all(store.Query{Resource: fmt.Sprint("user-", i)}) {
			began = append(began, e.ID)
		}
		w.same("the order", slices.Sorted(slices.Values(began)), began)
	}
	w.same("the open changes", []change.Change{}, w.open())
	w.verified()
}
