package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// methods are all methods that return an error. open is a change that is open, and o an overlap.
func methods(s store.Store, open change.Change, o store.Overlap, observed change.Change, file string) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Intend": func(ctx context.Context) error {
			another := cloned(open)
			another.ID = change.NewID()
			return s.Intend(ctx, another)
		},
		"Settle":   func(ctx context.Context) error { return s.Settle(ctx, open) },
		"Withdraw": func(ctx context.Context) error { return s.Withdraw(ctx, open.ID) },
		"Flush":    s.Flush,
		"Open":     func(ctx context.Context) error { return second(s.Open(ctx)) },
		"Entry":    func(ctx context.Context) error { return second(s.Entry(ctx, open.ID)) },
		"Applied":  func(ctx context.Context) error { return second(s.Applied(ctx, "/acme", anna)) },
		"Overlaps": func(ctx context.Context) error { return second(s.Overlaps(ctx)) },
		"Observed": func(ctx context.Context) error { return s.Observed(ctx, o, observed) },
		"Head":     func(ctx context.Context) error { return second(s.Head(ctx)) },
		"Verify":   func(ctx context.Context) error { return second(s.Verify(ctx)) },
		"Forget":   func(ctx context.Context) error { return second(s.Forget(ctx, store.Person{ID: anna})) },
		"Prune":    func(ctx context.Context) error { return second(s.Prune(ctx, store.Retention{MaxBytes: 1})) },
		"Rekey":    s.Rekey,
		"Activity": func(ctx context.Context) error { return second(s.Activity(ctx, string(open.ID))) },
		"Counts":   func(ctx context.Context) error { return second(s.Counts(ctx, store.CountQuery{})) },
		"Activities": func(ctx context.Context) error {
			var errs []error
			for a, err := range s.Activities(ctx, store.ActivityQuery{}) {
				if err == nil {
					return fmt.Errorf("request %s was read", a.ID)
				}
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		},
		"SaveSnapshot": func(ctx context.Context) error { return s.SaveSnapshot(ctx, "acme", writes("text")) },
		"ReadSnapshot": func(ctx context.Context) error {
			return s.ReadSnapshot(ctx, "acme", func(io.Reader) error { return nil })
		},
		"Tokens": func(ctx context.Context) error { _, err := s.Tokens(ctx); return err },
		"AddToken": func(ctx context.Context) error {
			return s.AddToken(ctx, store.Token{Of: store.Owner{Realm: "r", Key: "k"}})
		},
		"RevokeToken": func(ctx context.Context) error {
			return s.RevokeToken(ctx, store.Owner{Realm: "r", Key: "k"}, store.Sum{})
		},
		"Revoke":       func(ctx context.Context) error { return s.Revoke(ctx, store.Revocation{}) },
		"AcceptTokens": func(ctx context.Context) error { _, err := s.AcceptTokens(ctx, store.Owner{}); return err },
		"Used":         func(ctx context.Context) error { return s.Used(ctx, store.Use{At: start()}) },
		"Removals":     func(ctx context.Context) error { _, err := s.Removals(ctx); return err },
		"ChangeRemovals": func(ctx context.Context) error {
			return s.ChangeRemovals(ctx, "acme", func(r *store.Removals) error { r.Users++; return nil })
		},
		"Record": func(ctx context.Context) error {
			c := cloned(open)
			c.ID, c.Outcome = change.NewID(), change.Done
			return s.Record(ctx, c)
		},
		"Place":    func(ctx context.Context) error { _, err := s.Place(ctx, "events"); return err },
		"SetPlace": func(ctx context.Context) error { return s.SetPlace(ctx, "events", start()) },
		"Backup":   func(ctx context.Context) error { return s.Backup(ctx, file) },
		"Stats":    func(ctx context.Context) error { return second(s.Stats(ctx)) },
		"Entries": func(ctx context.Context) error {
			var errs []error
			for e, err := range s.Entries(ctx, store.Query{}) {
				if err == nil {
					return fmt.Errorf("entry %s was read", e.Position)
				}
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		},
	}
}

func second[T any](_ T, err error) error { return err }

// prepared are the methods of a store with entries, an open change and an overlap.
func (w *world) prepared() map[string]func(context.Context) error {
	w.Helper()
	w.lived()
	a, b := w.group(crew, []string{carla}, nil), w.group(crew, []string{carla}, nil)
	open := w.user(change.Updated, carla, nil, nil)
	w.intend(a, b, open)
	w.settle(a, b)
	return methods(w.store, open, w.overlaps()[0], w.observation(carla), filepath.Join(w.dir(), "backup"))
}

func ends() []behaviour {
	return []behaviour{
		{"a context that has ended ends every method, and nothing is done", func(w *world) {
			ctx, cancel := context.WithCancel(w.Context())
			cancel()
			all := w.prepared()
			head, open, entries, overlaps := w.head(), w.open(), w.all(store.Query{}), w.overlaps()
			for name, call := range all {
				w.fails(name, call(ctx), context.Canceled)
			}
			w.flush()
			w.same("the head", head, w.head())
			w.same("the open changes", open, w.open())
			w.same("the entries", entries, w.all(store.Query{}))
			w.same("the overlaps", overlaps, w.overlaps())
			w.verified(head)
			w.settle(open...)
		}},
		{"a closed store answers nothing", func(w *world) {
			all := w.prepared()
			w.must(w.store.Close())
			for name, call := range all {
				w.fails(name, call(w.Context()), store.ErrAway)
			}
			w.must(w.store.Close())
		}},
		{"a store can be closed in a loop over its entries", func(w *world) {
			w.filled()
			var seen int
			for _, err := range w.store.Entries(w.Context(), store.Query{}) {
				if seen == 0 {
					w.must(w.store.Close())
				}
				seen++
				if err != nil {
					w.fails("the loop", err, store.ErrAway)
					break
				}
			}
			w.fails("flush", w.store.Flush(w.Context()), store.ErrAway)
		}},
		{"every method may be called at any time", anyTime},
	}
}

// anyTime calls the methods from several goroutines, while others add entries.
func anyTime(w *world) {
	w.lived()
	var writing atomic.Int64
	const writers, readers = 4, 4
	writing.Store(writers)
	together(w, writers+readers, func(i int) error {
		if i < writers {
			defer writing.Add(-1)
			for range 40 {
				c := w.group([]string{team, crew}[i%2], []string{carla}, nil)
				if err := errors.Join(w.store.Intend(w.Context(), c), w.store.Settle(w.Context(), c)); err != nil {
					return err
				}
			}
			return nil
		}
		for writing.Load() > 0 {
			if err := readOnce(w, i); err != nil {
				return err
			}
		}
		return nil
	})
	w.flush()
	w.verified()
	w.same("the open changes", []change.Change{}, w.open())
}

func readOnce(w *world, i int) error {
	ctx := w.Context()
	head, err := w.store.Head(ctx)
	if err != nil {
		return err
	}
	proof, err := w.store.Verify(ctx, head)
	if err != nil {
		return err
	}
	if proof.Head.Position.Number < head.Position.Number {
		return fmt.Errorf("the proof ends at %s, the head was at %s", proof.Head.Position, head.Position)
	}
	last := int64(0)
	for e, err := range w.store.Entries(ctx, store.Query{Person: &store.Person{ID: carla}}) {
		if err != nil {
			return err
		}
		if e.Position.Number <= last {
			return fmt.Errorf("entry %d came after entry %d", e.Position.Number, last)
		}
		last = e.Position.Number
	}
	_, err1 := w.store.Forget(ctx, store.Person{ID: []string{anna, bert}[i%2]})
	_, err2 := w.store.Prune(ctx, store.Retention{Changes: 1})
	_, err3 := w.store.Stats(ctx)
	_, err4 := w.store.Open(ctx)
	waiting, err5 := w.store.Overlaps(ctx)
	if len(waiting) > 0 {
		if err := w.store.Observed(ctx, waiting[0], w.observation(carla)); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return errors.Join(err1, err2, err3, err4, err5, w.store.Rekey(ctx))
}
