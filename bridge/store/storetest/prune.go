package storetest

import (
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// prunes checks how many entries are removed.
func (w *world) prunes(r store.Retention, want int64) {
	w.Helper()
	got, err := w.store.Prune(w.Context(), r)
	w.must(err)
	w.same("the removed entries", want, got)
}

func pruning() []behaviour {
	day := 24 * time.Hour
	return []behaviour{
		{"without a retention nothing is removed", func(w *world) {
			w.filled()
			w.clock.passes(1000 * day)
			w.prunes(store.Retention{}, 0)
			w.gapless(12)
		}},
		{"entries are removed when they are older than their retention", func(w *world) {
			w.filled() // the last one a minute ago
			w.clock.passes(day)
			w.prunes(store.Retention{Changes: day + 12*time.Minute}, 0) // as old as the first entry
			w.prunes(store.Retention{Changes: day + 12*time.Minute - time.Microsecond}, 1)
			w.prunes(store.Retention{Changes: day + 5*time.Minute}, 7-1)
			w.same("the entries", []int64{8, 9, 10, 11, 12}, w.numbers(store.Query{}))
			w.same("the proof", int64(7), w.verified().Pruned)
			w.same("the stats", int64(5), w.stats().Entries)
		}},
		{"an entry that was removed is not found", func(w *world) {
			c := w.user(change.Created, anna, nil, person("anna", "e-1"))
			w.made(c, w.user(change.Created, bert, nil, person("bert", "")))
			w.clock.passes(day)
			w.made(w.user(change.Updated, anna, nil, person("anna.b", "")))
			w.prunes(store.Retention{Changes: time.Hour}, 2)
			_, err := w.store.Entry(w.Context(), c.ID)
			w.fails("the entry", err, store.ErrNotFound)
			w.finds(store.Person{UserName: "anna"})
			w.finds(store.Person{UserName: "bert"})
			w.finds(store.Person{ID: anna}, 3)
			w.same("after a removed entry", []int64{3}, w.numbers(store.Query{After: 1}))
			w.same("newest first", []int64{3}, w.numbers(store.Query{Newest: true}))
		}},
		{"numbers continue after all entries were removed", func(w *world) {
			w.filled()
			head := w.head()
			w.clock.passes(day)
			w.prunes(store.Retention{Changes: time.Hour}, 12)
			w.same("the head", head, w.head())
			w.same("the pruned entries", int64(12), w.verified(head).Pruned)
			w.made(w.full())
			w.same("the numbers", []int64{13}, w.numbers(store.Query{}))
			w.verified(head, w.head())
			w.prunes(store.Retention{Changes: time.Hour}, 0)
		}},
		{"kept heads fit after entries were removed", func(w *world) {
			heads := []store.Head{w.head()}
			for range 6 {
				w.made(w.full())
				heads = append(heads, w.head())
				w.clock.passes(time.Hour)
			}
			w.prunes(store.Retention{Changes: 3*time.Hour + time.Minute}, 3)
			w.verified(heads...)
			for _, head := range heads[3:] { // the link of the last removed entry is kept
				head.Link[0] ^= 1
				w.broken("another link at "+head.Position.String(), head)
			}
			heads[6].Position.Number++
			w.broken("behind the end", heads[6])
		}},
		{"open changes are not removed", func(w *world) {
			c := w.full()
			w.intend(c)
			w.made(w.full())
			w.clock.passes(day)
			w.prunes(store.Retention{Changes: time.Hour, MaxBytes: 1}, 1)
			w.same("the open changes", []change.Change{c}, w.open())
			w.settle(c)
			w.same("the numbers", []int64{2}, w.numbers(store.Query{}))
			w.same("settled", start().Add(day), w.entry(2).Settled)
			w.verified()
		}},
		{"entries are removed in their order, although the clock jumped back", func(w *world) {
			w.made(w.full())
			w.clock.passes(-10 * day)
			w.made(w.full())
			w.clock.passes(10 * day)
			w.made(w.full())
			w.prunes(store.Retention{Changes: day}, 0)
			w.clock.passes(2 * day)
			w.prunes(store.Retention{Changes: day}, 3)
			w.verified()
		}},
		{"a removed entry takes its overlap along", func(w *world) {
			a, b := w.group(team, []string{anna}, nil), w.group(team, []string{anna}, nil)
			w.intend(a, b)
			w.settle(a, b)
			w.clock.passes(day)
			w.prunes(store.Retention{Changes: time.Hour}, 2)
			w.overlap()
		}},
		{"a person is forgotten after entries were removed, and the other way round", func(w *world) {
			w.lived()
			head := w.head()
			w.clock.passes(day)
			w.made(w.user(change.Joined, anna, nil, person("anna", "")))
			w.prunes(store.Retention{Changes: time.Hour}, 8)
			w.forgets(store.Person{UserName: "anna"}, 1)
			w.same("the erased entries", int64(1), w.verified(head).Erased)
			w.clock.passes(day)
			w.prunes(store.Retention{Changes: time.Hour}, 2)
			w.same("the erased entries", int64(0), w.verified(head).Erased)
		}},
		{"the oldest entries are removed from a store that is too large", func(w *world) {
			const entries = 200
			for i := range entries {
				w.made(w.user(change.Updated, anna, nil, scim.Document{"note": noise(i, 8_000)}))
			}
			head, large := w.head(), w.stats().Bytes
			w.prunes(store.Retention{MaxBytes: large * 2}, 0)
			limit := large * 3 / 4
			removed, err := w.store.Prune(w.Context(), store.Retention{MaxBytes: limit})
			w.must(err)
			if removed < entries/10 || removed > entries/2 {
				w.Errorf("%d of %d entries were removed for three quarters of the size", removed, entries)
			}
			if bytes := w.stats().Bytes; bytes > limit {
				w.Errorf("the store has %d bytes, at most %d are allowed", bytes, limit)
			}
			numbers := w.numbers(store.Query{})
			w.same("the number of entries", entries-int(removed), len(numbers))
			w.same("the first entry", removed+1, numbers[0])
			w.verified(head)
		}},
		{"no size is too small", func(w *world) {
			w.filled()
			w.prunes(store.Retention{MaxBytes: 1}, 12)
			w.made(w.full())
			w.verified()
		}},
	}
}

// noise is text that does not compress well.
func noise(seed, size int) string {
	out := make([]byte, size)
	state := uint64(seed)*2862933555777941757 + 3037000493
	for i := range out {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		out[i] = 'A' + byte(state%58)
	}
	return string(out)
}
