package storetest

import (
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// overlap is what Overlaps returns, in short.
type overlap struct {
	Change  change.ID
	Members []string
}

func (w *world) overlaps() []store.Overlap {
	w.Helper()
	all, err := w.store.Overlaps(w.Context())
	w.must(err)
	return append([]store.Overlap{}, all...) // an empty list may be nil
}

// overlap checks the overlaps, in their order.
func (w *world) overlap(want ...overlap) {
	w.Helper()
	var got []overlap
	for _, o := range w.overlaps() {
		got = append(got, overlap{o.Change.ID, o.Members})
	}
	w.same("the overlaps", want, got)
}

func overlaps() []behaviour {
	return []behaviour{
		{"memberships that two changes changed at the same time overlap", func(w *world) {
			first, second := w.group(team, []string{bert, anna, carla}, nil), w.group(team, []string{"other"}, []string{carla, anna})
			first.After, second.After = person("x", ""), person("x", "")
			w.intend(first, second)
			w.settle(second)
			w.overlap()
			w.settle(first)
			first.Outcome, first.After = change.Done, nil
			w.same("the overlaps", []store.Overlap{{Change: first, Members: []string{anna, carla}}}, w.overlaps())
		}},
		{"a change overlaps with each change that ended after it began", func(w *world) {
			long, early, late := w.group(team, []string{anna, bert, carla}, nil), w.group(team, []string{anna}, nil), w.group(team, nil, []string{anna, carla})
			w.intend(long)
			w.made(early, late)
			w.overlap()
			w.settle(long)
			w.overlap(overlap{long.ID, []string{anna, carla}})
		}},
		{"each change that ends later has an overlap of its own", func(w *world) {
			a, b, c := w.group(team, []string{anna}, nil), w.group(team, []string{anna, bert}, nil), w.group(team, []string{anna, bert}, nil)
			w.intend(a, b, c)
			w.settle(a, b, c)
			w.overlap(overlap{b.ID, []string{anna}}, overlap{c.ID, []string{anna, bert}})
		}},
		{"changes after each other do not overlap", func(w *world) {
			for range 3 {
				w.made(w.group(team, []string{anna}, nil), w.group(team, nil, []string{anna}))
				w.clock.passes(-time.Hour)
			}
			w.overlap()
		}},
		{"other groups, other members and users do not overlap", func(w *world) {
			changes := []change.Change{
				w.group(team, []string{anna}, nil), w.group(crew, []string{anna}, nil), w.group(team, nil, []string{bert}), w.group(team, nil, nil),
				w.full(), w.full(),
			}
			w.intend(changes...)
			w.settle(changes...)
			w.overlap()
		}},
		{"a change that failed overlaps too", func(w *world) {
			a, b := w.group(team, []string{anna}, nil), w.group(team, nil, []string{anna})
			a.Outcome, b.Outcome = change.Failed, change.Unknown
			w.intend(a, b)
			w.settle(a, b)
			w.overlap(overlap{b.ID, []string{anna}})
		}},
		{"the clock does not decide what overlaps", func(w *world) {
			a, b := w.group(team, []string{anna}, nil), w.group(team, nil, []string{anna})
			a.Begun = a.Begun.Add(time.Hour)
			w.intend(a)
			w.clock.passes(-2 * time.Hour)
			w.intend(b)
			w.settle(b)
			w.clock.passes(-2 * time.Hour)
			w.settle(a)
			w.overlap(overlap{a.ID, []string{anna}})
		}},
		{"an observation is an entry, and ends its overlap", func(w *world) {
			a, b, c := w.group(team, []string{anna}, nil), w.group(team, []string{anna}, nil), w.group(team, []string{anna}, nil)
			w.intend(a, b, c)
			w.settle(a, b, c)
			seen := w.observation(anna)
			w.must(w.store.Observed(w.Context(), w.overlaps()[0], seen))
			w.flush()
			w.same("the observation", store.Entry{Change: seen, Position: store.Position{Epoch: 1, Number: 4}, Settled: start()}, w.entry(4))
			w.finds(store.Person{ID: anna}, 1, 2, 3, 4)
			w.overlap(overlap{c.ID, []string{anna}})
			w.must(w.store.Observed(w.Context(), w.overlaps()[0], w.observation(anna)))
			w.flush()
			w.overlap()
			w.gapless(5)
			w.same("the open changes", []change.Change{}, w.open())
			w.verified()
		}},
		{"an overlap is observed once", func(w *world) {
			a, b := w.group(team, []string{anna}, nil), w.group(team, []string{anna}, nil)
			w.intend(a, b)
			w.settle(a, b)
			one := w.overlaps()[0]
			w.must(w.store.Observed(w.Context(), one, w.observation(anna)))
			w.flush()
			w.fails("again", w.store.Observed(w.Context(), one, w.observation(anna)), store.ErrNotFound)
			w.fails("of nothing", w.store.Observed(w.Context(), store.Overlap{}, w.observation(anna)), store.ErrNotFound)
			w.flush()
			w.gapless(3)
		}},
		{"an observation has an id of its own", func(w *world) {
			a, b := w.group(team, []string{anna}, nil), w.group(team, []string{anna}, nil)
			w.intend(a, b)
			w.settle(a, b)
			for _, id := range []change.ID{"", a.ID, b.ID} {
				c := w.observation(anna)
				c.ID = id
				if err := w.store.Observed(w.Context(), w.overlaps()[0], c); err == nil {
					w.Errorf("an observation with the id %q was recorded", id)
				}
			}
			w.flush()
			w.gapless(2)
			w.overlap(overlap{b.ID, []string{anna}})
		}},
		{"an observation does not overlap", func(w *world) {
			a, b, open := w.group(team, []string{anna}, nil), w.group(team, []string{anna}, nil), w.group(team, nil, []string{bert})
			w.intend(a, b, open)
			w.settle(a, b)
			w.must(w.store.Observed(w.Context(), w.overlaps()[0], w.observation(anna, bert)))
			w.flush()
			w.overlap()
			w.settle(open)
			w.overlap()
		}},
	}
}

// observation is what Keycloak has of memberships of the team.
func (w *world) observation(members ...string) change.Change {
	c := w.group(team, members, nil)
	c.Op, c.Outcome, c.Origin, c.Actor = change.Observed, change.Done, change.Observation, change.Actor{Kind: "system"}
	return c
}
