package storetest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// broken checks that the journal does not fit a head.
func (w *world) broken(what string, heads ...store.Head) {
	w.Helper()
	_, err := w.store.Verify(w.Context(), heads...)
	if _, is := errors.AsType[*store.BrokenError](err); !is {
		w.Errorf("%s: the error is %v", what, err)
	}
}

func proofs() []behaviour {
	return []behaviour{
		{"an empty journal verifies", func(w *world) {
			head := w.head()
			w.same("the position", store.Position{Epoch: 1}, head.Position)
			w.verified()
			w.verified(head, head)
		}},
		{"each entry has a link of its own", func(w *world) {
			links := map[[store.LinkSize]byte]bool{}
			for number := range int64(20) {
				head := w.head()
				w.same("the number", number, head.Position.Number)
				links[head.Link] = true
				c := w.user(change.Updated, anna, nil, nil)
				w.made(c)
			}
			w.same("the number of links", 20, len(links))
		}},
		{"the text of a head is a head", func(w *world) {
			w.filled()
			head := w.head()
			read, err := store.ParseHead(head.String())
			w.must(err)
			w.same("the head", head, read)
			w.verified(read)
		}},
		{"every head that was kept fits", func(w *world) {
			var heads []store.Head
			for range 10 {
				heads = append(heads, w.head())
				c := w.full()
				w.intend(c)
				w.verified(heads...)
				w.settle(c)
			}
			w.verified(heads...)
		}},
		{"a head of another store does not fit", func(w *world) {
			w.filled()
			other := &world{tester: w.tester, store: w.other(), clock: w.clock}
			other.filled()
			if other.head().Store == w.head().Store {
				w.Errorf("two stores have the id %s", w.head().Store)
			}
			w.broken("of another store", other.head())
			w.broken("the second of two", w.head(), other.head())
			head := w.head()
			head.Store = "other"
			w.broken("another id", head)
		}},
		{"a head behind the end of the journal does not fit", func(w *world) {
			w.filled()
			head := w.head()
			head.Position.Number++
			w.broken("the next entry", head)
			head.Position.Number = 1 << 62
			w.broken("a far entry", head)
		}},
		{"a head with another link does not fit", func(w *world) {
			heads := []store.Head{w.head()}
			for range 3 {
				w.made(w.full())
				heads = append(heads, w.head())
			}
			for _, head := range heads {
				head.Link[31] ^= 1
				w.broken("another link at "+head.Position.String(), head)
			}
			heads[1].Link = heads[2].Link
			w.broken("the link of another entry", heads[1])
			heads[2].Position.Epoch++
			w.broken("another epoch", heads[2])
		}},
	}
}

func keeping() []behaviour {
	return []behaviour{
		{"a new key changes nothing that a reader sees", func(w *world) {
			w.filled()
			c := w.full()
			w.intend(c)
			before := w.all(store.Query{})
			w.must(w.store.Rekey(w.Context()))
			w.same("the entries", before, w.all(store.Query{}))
			w.same("the open changes", []change.Change{c}, w.open())
			w.finds(store.Person{ID: anna}, 1, 3, 5, 7, 9, 11)
			w.verified()
			w.settle(c)
			w.gapless(13)
			w.verified()
		}},
		{"a backup is a new file, and changes nothing", func(w *world) {
			w.filled()
			file := filepath.Join(w.dir(), "backup")
			err := w.store.Backup(w.Context(), file)
			if errors.Is(err, errors.ErrUnsupported) {
				return // the store has no file
			}
			w.must(err)
			written, err := os.ReadFile(file)
			w.must(err)
			if len(written) == 0 {
				w.Errorf("the backup is empty")
			}
			w.made(w.full())
			if err := w.store.Backup(w.Context(), file); err == nil || !strings.Contains(err.Error(), "name another file") {
				w.Errorf("a second backup to the same file ended with %v, want an error that says what to do", err)
			}
			again, err := os.ReadFile(file)
			w.must(err)
			w.same("the backup is as it was", true, string(written) == string(again))
			w.gapless(13)
			w.verified()
		}},
		{"the stats count entries and open changes", func(w *world) {
			empty := w.stats()
			w.same("the size of an empty store", store.Stats{Bytes: empty.Bytes}, empty)
			w.filled()
			first, second := w.full(), w.full()
			w.intend(first)
			w.clock.passes(time.Hour)
			second.Begun = w.clock.now()
			w.intend(second)
			w.clock.passes(time.Minute)
			stats := w.stats()
			w.same("the size", store.Stats{Entries: 12, Open: 2, Oldest: 61 * time.Minute, Bytes: stats.Bytes}, stats)
			if stats.Bytes <= 0 {
				w.Errorf("a store with entries has %d bytes", stats.Bytes)
			}
			w.settle(first)
			stats = w.stats()
			w.same("the size", store.Stats{Entries: 13, Open: 1, Oldest: time.Minute, Bytes: stats.Bytes}, stats)
		}},
		{"the age of an open change is never negative", func(w *world) {
			w.intend(w.full())
			w.clock.passes(-time.Hour)
			w.same("the age", time.Duration(0), w.stats().Oldest)
		}},
	}
}
