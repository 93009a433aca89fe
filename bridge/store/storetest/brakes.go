package storetest

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// removals are those of every tenant. A time is in UTC, as a store keeps it.
func (w *world) removals() map[string]store.Removals {
	w.Helper()
	out, err := w.store.Removals(w.Context())
	w.must(err)
	for key, r := range out {
		if len(r.At) == 0 {
			r.At = nil
		}
		out[key] = r
		if reflect.ValueOf(r).IsZero() { // a store may keep the key
			delete(out, key)
		}
	}
	return out
}

// changes changes the removals of a tenant.
func (w *world) changes(key string, change func(r *store.Removals)) {
	w.Helper()
	w.must(w.store.ChangeRemovals(w.Context(), key, func(r *store.Removals) error {
		change(r)
		return nil
	}))
}

// removes changes the removals of a tenant of both stores in a random way.
func (p *pair) removes(rt *rapid.T) {
	key := rapid.SampledFrom([]string{"one", "two", "one/organizations/acme"}).Draw(rt, "tenant")
	user, now := rapid.SampledFrom([]string{anna, bert, carla, "d", "e"}).Draw(rt, "user"), p.clock.now()
	fails := errors.New("no")
	do := map[string]func(*store.Removals) error{
		"remove": func(r *store.Removals) error {
			if r.At == nil {
				r.At = map[string]time.Time{}
			}
			r.At[user] = now
			return nil
		},
		"forget": func(r *store.Removals) error { delete(r.At, user); return nil },
		"clear":  func(r *store.Removals) error { clear(r.At); return nil },
		"lose":   func(r *store.Removals) error { r.At = nil; return nil },
		"count":  func(r *store.Removals) error { r.Users, r.Counted = r.Users+1, now; return nil },
		"hold":   func(r *store.Removals) error { r.Holding = !r.Holding; return nil },
		"lift":   func(r *store.Removals) error { clear(r.At); r.Lifted = now.Add(time.Hour); return nil },
		"fail": func(r *store.Removals) error {
			clear(r.At)
			r.Users, r.Lifted = 7, now.Add(time.Hour)
			return fails
		},
		"nothing": func(*store.Removals) error { return nil },
	}
	names := []string{"remove", "remove", "remove", "forget", "clear", "lose", "count", "hold", "lift", "fail", "nothing"}
	name := rapid.SampledFrom(names).Draw(rt, "do")
	p.call("ChangeRemovals "+name, func(w *world) (any, error) {
		var before store.Removals
		err := w.store.ChangeRemovals(w.Context(), key, func(r *store.Removals) error {
			before = *r
			if before.At = maps.Clone(r.At); len(before.At) == 0 {
				before.At = nil
			}
			return do[name](r)
		})
		if name == "fail" && !errors.Is(err, fails) {
			w.Errorf("the error is %v", err)
		}
		return before, err
	})
}

func brakes() []behaviour {
	return []behaviour{
		{"the removals of a tenant begin with nothing", func(w *world) {
			w.changes("acme", func(r *store.Removals) { w.same("the removals", store.Removals{}, *r) })
		}},
		{"the removals of a tenant are kept, and those of another tenant are its own", func(w *world) {
			now := w.clock.now()
			want := store.Removals{At: map[string]time.Time{anna: now, bert: now.Add(-time.Minute)}, Users: 7, Counted: now, Lifted: now.Add(-time.Hour), Holding: true}
			w.changes("acme", func(r *store.Removals) {
				*r = want
				r.At = maps.Clone(want.At)
			})
			w.changes("globex", func(r *store.Removals) { w.same("of another tenant", store.Removals{}, *r) })
			w.changes("acme", func(r *store.Removals) { w.same("the removals", want, *r) })
			w.changes("acme", func(r *store.Removals) { delete(r.At, bert) })
			delete(want.At, bert)
			w.same("at last", want, w.removals()["acme"])
		}},
		{"what fails stores nothing", func(w *world) {
			w.changes("acme", func(r *store.Removals) { r.At = map[string]time.Time{anna: w.clock.now()} })
			fault := errors.New("no answer of Keycloak")
			err := w.store.ChangeRemovals(w.Context(), "acme", func(r *store.Removals) error {
				clear(r.At)
				r.Users = 3
				return fault
			})
			w.fails("the change", err, fault)
			w.changes("acme", func(r *store.Removals) {
				w.same("the removals", store.Removals{At: map[string]time.Time{anna: w.clock.now()}}, *r)
			})
		}},
		{"one call at a time changes the removals of a tenant", func(w *world) {
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if err := w.store.ChangeRemovals(w.Context(), "acme", func(r *store.Removals) error { r.Users++; return nil }); err != nil {
						w.Errorf("%v", err)
					}
				})
			}
			all.Wait()
			if got := w.removals()["acme"].Users; got != 50 {
				w.Errorf("50 calls counted to %d", got)
			}
		}},
		{"who waits gives up with its context, and other tenants need not wait", func(w *world) {
			ctx, cancel := context.WithCancel(w.Context())
			w.changes("acme", func(*store.Removals) {
				w.changes("globex", func(r *store.Removals) { r.Users = 1 })
				cancel()
				w.fails("the second call", w.store.ChangeRemovals(ctx, "acme", func(*store.Removals) error {
					w.Errorf("it was called")
					return nil
				}), context.Canceled)
			})
		}},
		{"a removal needs no flush before its change", func(w *world) {
			w.changes("acme", func(r *store.Removals) { r.At = map[string]time.Time{anna: w.clock.now()} })
			w.intend(w.user(change.Deleted, anna, nil, nil))
			w.same("the removals", map[string]store.Removals{"acme": {At: map[string]time.Time{anna: w.clock.now()}}}, w.removals())
		}},
	}
}
