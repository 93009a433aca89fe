package storetest

import (
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// place checks the place of a reader.
func (w *world) place(reader string, want time.Time) {
	w.Helper()
	got, err := w.store.Place(w.Context(), reader)
	w.must(err)
	w.same("the place of "+reader, want, got)
}

func places() []behaviour {
	return []behaviour{
		{"a reader without a place is at the zero time", func(w *world) {
			w.place("events acme", time.Time{})
			w.place("", time.Time{})
		}},
		{"each reader has the place that was set last", func(w *world) {
			for i, reader := range []string{"events acme", "events other", "events acme", "'; DROP TABLE place; --", "events acme"} {
				at := start().Add(time.Duration(-i) * time.Hour) // also backwards
				w.must(w.store.SetPlace(w.Context(), reader, at))
				w.place(reader, at)
			}
			w.flush()
			w.place("events other", start().Add(-time.Hour))
			w.place("events acme", start().Add(-4*time.Hour))
			w.place("'; DROP TABLE place; --", start().Add(-3*time.Hour))
		}},
		{"a place is kept to the microsecond, in UTC", func(w *world) {
			at := time.Date(2030, time.January, 31, 8, 30, 0, 123456789, time.FixedZone("east", 3600))
			w.must(w.store.SetPlace(w.Context(), "events", at))
			w.place("events", at.UTC().Truncate(time.Microsecond))
		}},
		{"the zero time removes a place", func(w *world) {
			w.must(w.store.SetPlace(w.Context(), "events", start()))
			w.must(w.store.SetPlace(w.Context(), "events", time.Time{}))
			w.place("events", time.Time{})
		}},
		{"places are no part of the journal", func(w *world) {
			w.must(w.store.SetPlace(w.Context(), "events", start()))
			w.flush()
			w.gapless(0)
			w.verified()
		}},
	}
}

// others makes a change that somebody else made of a user.
func (w *world) others(op change.Op, id string) change.Change {
	c := w.user(op, id, person("anna", "e-1"), person("anna.b", "e-1"))
	c.Actor, c.Origin, c.Outcome = change.Actor{Kind: "administrator", Name: bert}, change.Observation, change.Done
	return c
}

func records() []behaviour {
	return []behaviour{
		{"what others changed is an entry that was never open", func(w *world) {
			c := w.others(change.Updated, anna)
			w.must(w.store.Record(w.Context(), c))
			w.same("the open changes", []change.Change{}, w.open())
			w.flush()
			w.same("the entries", []store.Entry{{Change: c, Position: store.Position{Epoch: 1, Number: 1}, Settled: start()}}, w.all(store.Query{}))
			w.finds(store.Person{UserName: "anna.b"}, 1)
			w.fails("settled", w.store.Settle(w.Context(), c), store.ErrNotOpen)
			w.flush()
			w.gapless(1)
			w.verified()
		}},
		{"an event that is read twice is one entry", func(w *world) {
			c := w.others(change.Updated, anna)
			c.ID = change.IDOf(start(), "acme", "event")
			w.must(w.store.Record(w.Context(), c))
			again := w.others(change.Deleted, bert)
			again.ID = c.ID
			w.fails("again", w.store.Record(w.Context(), again), store.ErrKnown)
			w.fails("as an intent", w.store.Intend(w.Context(), again), store.ErrKnown)
			w.flush()
			w.gapless(1)
			w.same("the entry", c, w.entry(1).Change)
		}},
		{"an open change and a settled change are not recorded again", func(w *world) {
			c := w.full()
			w.intend(c)
			w.fails("an open change", w.store.Record(w.Context(), c), store.ErrKnown)
			w.must(w.store.Settle(w.Context(), c))
			w.fails("a settled change", w.store.Record(w.Context(), c), store.ErrKnown)
			w.flush()
			w.fails("an entry", w.store.Record(w.Context(), c), store.ErrKnown)
			w.flush()
			w.gapless(1)
		}},
		{"a change without an id is not recorded", func(w *world) {
			c := w.others(change.Updated, anna)
			c.ID = ""
			if err := w.store.Record(w.Context(), c); err == nil {
				w.Errorf("the change was recorded")
			}
			w.flush()
			w.gapless(0)
		}},
		{"what others change is no document of a client", func(w *world) {
			first := person("anna", "e-1", "anna@example.org")
			w.made(w.user(change.Created, anna, nil, first))
			w.must(w.store.Record(w.Context(), w.others(change.Updated, anna)))
			w.flush()
			w.applied("/acme", anna, first)
			gone := w.others(change.Deleted, anna)
			gone.After = nil
			w.must(w.store.Record(w.Context(), gone))
			w.flush()
			w.applied("/acme", anna, nil)
		}},
		{"a person is erased from what others changed", func(w *world) {
			c := w.others(change.Updated, anna)
			c.Steps = []string{"UPDATE USER users/" + anna}
			w.must(w.store.Record(w.Context(), c))
			w.flush()
			n, err := w.store.Forget(w.Context(), store.Person{UserName: "anna"})
			w.must(err)
			w.same("the number of erased entries", 1, n)
			e := w.entry(1)
			w.same("what is left", []any{true, 0, 0, 0}, []any{e.Erased, len(e.Before), len(e.After), len(e.Steps)})
			w.fails("again", w.store.Record(w.Context(), c), store.ErrKnown)
			w.flush()
			w.verified()
		}},
		{"a change that began before an event of the same membership overlaps with it", func(w *world) {
			mine, others := w.group(team, nil, []string{anna}), w.group(team, []string{anna}, nil)
			others.Origin, others.Outcome = change.Observation, change.Done
			w.intend(mine)
			w.must(w.store.Record(w.Context(), others))
			w.settle(mine)
			w.overlap(overlap{mine.ID, []string{anna}})
		}},
	}
}
