package storetest

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Owners of tokens. The first two have the same key in two realms, the third another key.
func owners() []store.Owner {
	return []store.Owner{{Realm: "one", Key: "realm"}, {Realm: "two", Key: "realm"}, {Realm: "one", Key: "5f6f"}}
}

// token is a token of a tenant. With the zero end it has no end.
func (w *world) token(of store.Owner, text string, expires time.Time) store.Token {
	return store.Token{
		Of: of, Path: of.Realm + "/path", Made: w.clock.now(),
		Token: tenant.Token{Name: "name of " + text, KeyID: "id" + text, SHA256: sha256.Sum256([]byte(text)), Scopes: tenant.UsersRead | tenant.Bulk, Expires: expires},
	}
}

// credentials is what the store has, in an order that a test can compare.
func (w *world) credentials() store.TokenState {
	w.Helper()
	w.flush()
	out, err := w.store.Tokens(w.Context())
	w.must(err)
	if len(out.Tokens) == 0 {
		out.Tokens = nil
	}
	byHash := func(of store.Owner, sum store.Sum) string { return fmt.Sprintf("%v %x", of, sum) }
	slices.SortFunc(out.Tokens, func(a, b store.Token) int { return cmp.Compare(byHash(a.Of, a.SHA256), byHash(b.Of, b.SHA256)) })
	slices.SortFunc(out.Revoked, func(a, b store.Revocation) int {
		return cmp.Compare(byHash(a.Of, a.SHA256), byHash(b.Of, b.SHA256))
	})
	slices.SortFunc(out.Uses, func(a, b store.Use) int {
		return cmp.Compare(fmt.Sprint(a.Credential), fmt.Sprint(b.Credential))
	})
	return out
}

// hostile are texts that mean something in SQL, in paths or in logs, or that are no valid UTF-8.
func hostile() []string {
	return []string{"'; DROP TABLE token; --", "a|b", "\"", "a\x00b", "a\nb", "%", "_", "ä", "a\u0308", "\xff", "realm ", " realm", "REALM", "../..", "${x}", "?1"}
}

func credentials() []behaviour {
	return []behaviour{
		{"a token is kept as it was added, with its tenant", func(w *world) {
			end := w.clock.now().Add(time.Hour)
			var want []store.Token
			for i, of := range owners() {
				t := w.token(of, fmt.Sprint(i), end)
				want = append(want, t)
				w.must(w.store.AddToken(w.Context(), t))
			}
			want[2].Expires = time.Time{}
			want[2] = w.token(owners()[2], "without an end", time.Time{})
			w.must(w.store.AddToken(w.Context(), want[2]))
			got := w.credentials()
			for _, t := range want {
				i := slices.IndexFunc(got.Tokens, func(one store.Token) bool { return one.Of == t.Of && one.SHA256 == t.SHA256 })
				if i < 0 {
					w.Fatalf("the store has no token %+v", t)
				}
				w.same("the token", t, got.Tokens[i])
			}
			if len(got.Tokens) != 4 || got.Forged > 0 {
				w.Errorf("the store has %d tokens, %d of them forged", len(got.Tokens), got.Forged)
			}
		}},
		{"a tenant has a token once, and two tenants may have the same token", func(w *world) {
			first := w.token(owners()[0], "x", time.Time{})
			w.must(w.store.AddToken(w.Context(), first))
			again := first
			again.Name, again.Suspended = "another", true
			w.fails("the same token again", w.store.AddToken(w.Context(), again), store.ErrTokenExists)
			first.Of = owners()[1]
			w.must(w.store.AddToken(w.Context(), first))
			if n := len(w.credentials().Tokens); n != 2 {
				w.Errorf("the store has %d tokens", n)
			}
			if err := w.store.AddToken(w.Context(), w.token(store.Owner{}, "y", time.Time{})); err == nil {
				w.Errorf("a token without a tenant is kept")
			}
		}},
		{"a revoked token is gone and stays so, for its tenant", func(w *world) {
			end := w.clock.now().Add(time.Hour)
			one, other := w.token(owners()[0], "x", end), w.token(owners()[1], "x", end)
			w.must(w.store.AddToken(w.Context(), one))
			w.must(w.store.AddToken(w.Context(), other))
			w.must(w.store.RevokeToken(w.Context(), one.Of, one.SHA256))
			w.same("what is left", []store.Token{other}, w.credentials().Tokens)
			w.same("the revocations", []store.Revocation{{Of: one.Of, SHA256: one.SHA256, KeyID: one.KeyID, Expires: end}}, w.credentials().Revoked)
			w.fails("the token again", w.store.AddToken(w.Context(), one), store.ErrTokenRevoked)
			w.fails("to revoke it again", w.store.RevokeToken(w.Context(), one.Of, one.SHA256), store.ErrNoToken)
			w.fails("to revoke a token of another tenant", w.store.RevokeToken(w.Context(), owners()[2], one.SHA256), store.ErrNoToken)
		}},
		{"a revocation lasts as long as the longest end of its token", func(w *world) {
			of, sum := owners()[0], sha256.Sum256([]byte("x"))
			at := func(d time.Duration) store.Revocation {
				return store.Revocation{Of: of, SHA256: sum, KeyID: "idx", Expires: w.clock.now().Add(d)}
			}
			early, late := at(time.Hour), at(2*time.Hour)
			for _, list := range [][]store.Revocation{{early}, {late}, {early}, {early, late}} {
				w.must(w.store.Revoke(w.Context(), list...))
			}
			w.same("the revocation", []store.Revocation{late}, w.credentials().Revoked)
			w.clock.passes(2*time.Hour + store.RevocationSkew)
			w.must(w.store.Revoke(w.Context()))
			w.same("at its end", []store.Revocation{late}, w.credentials().Revoked)
			w.clock.passes(time.Second)
			w.must(w.store.Revoke(w.Context()))
			if got := w.credentials().Revoked; len(got) > 0 {
				w.Errorf("after the end there is %+v", got)
			}
			endless := store.Revocation{Of: of, SHA256: sum}
			w.must(w.store.Revoke(w.Context(), endless))
			w.must(w.store.Revoke(w.Context(), at(time.Hour)))
			w.clock.passes(10_000 * time.Hour)
			w.must(w.store.Revoke(w.Context()))
			if got := w.credentials().Revoked; len(got) != 1 || !got[0].Expires.IsZero() {
				w.Errorf("a revocation without an end is %+v", got)
			}
		}},
		{"of several uses of a credential the last is kept", func(w *world) {
			c := store.Credential{Of: owners()[0], KeyID: "idx"}
			named := store.Credential{Of: owners()[0], Name: "idx"}
			now := w.clock.now()
			w.must(w.store.Used(w.Context(), store.Use{Credential: c, At: now}, store.Use{Credential: named, At: now.Add(time.Minute)}))
			w.must(w.store.Used(w.Context(), store.Use{Credential: c, At: now.Add(-time.Minute)}))
			w.must(w.store.Used(w.Context()))
			got := w.credentials()
			w.same("the uses", map[store.Credential]time.Time{c: now, named: now.Add(time.Minute)}, map[store.Credential]time.Time{got.Uses[0].Credential: got.Uses[0].At, got.Uses[1].Credential: got.Uses[1].At})
			w.same("since when uses are known", start(), got.UsesSince)
		}},
		{"no token is suspended, so none can be accepted", func(w *world) {
			w.must(w.store.AddToken(w.Context(), w.token(owners()[0], "x", time.Time{})))
			for _, of := range append(owners(), store.Owner{}) {
				if n, err := w.store.AcceptTokens(w.Context(), of); n != 0 || err != nil {
					w.Errorf("accepted %d tokens, %v", n, err)
				}
			}
		}},
		{"names and keys are texts and nothing else", func(w *world) {
			for i, text := range hostile() {
				t := w.token(store.Owner{Realm: text, Key: text}, fmt.Sprint(i), time.Time{})
				t.Name, t.Path, t.KeyID = text, text, text
				w.must(w.store.AddToken(w.Context(), t))
				w.must(w.store.Used(w.Context(), store.Use{Credential: store.Credential{Of: t.Of, Name: text}, At: w.clock.now()}))
				w.must(w.store.ChangeRemovals(w.Context(), text, func(r *store.Removals) error {
					r.At = map[string]time.Time{text: w.clock.now()}
					return nil
				}))
			}
			got := w.credentials()
			if len(got.Tokens) != len(hostile()) || len(got.Uses) != len(hostile()) || got.Forged > 0 {
				w.Errorf("the store has %d tokens and %d uses, want %d", len(got.Tokens), len(got.Uses), len(hostile()))
			}
			for _, t := range got.Tokens {
				if t.Name != t.Path || t.Of != (store.Owner{Realm: t.Name, Key: t.Name}) || t.KeyID != t.Name {
					w.Errorf("the token is %+v", t)
				}
				w.must(w.store.RevokeToken(w.Context(), t.Of, t.SHA256))
			}
			if left := w.credentials().Tokens; len(left) > 0 {
				w.Errorf("after all were revoked there are %+v", left)
			}
			if all := w.removals(); len(all) != len(hostile()) {
				w.Errorf("%d tenants have removals", len(all))
			}
		}},
		{"what is known of credentials outlives a new key and the journal", func(w *world) {
			t := w.token(owners()[0], "x", time.Time{})
			w.must(w.store.AddToken(w.Context(), t))
			w.made(w.user("created", anna, nil, person("anna", "")))
			w.must(w.store.Rekey(w.Context()))
			_, err := w.store.Prune(w.Context(), store.Retention{Changes: time.Nanosecond})
			w.must(err)
			w.same("the tokens", []store.Token{t}, w.credentials().Tokens)
		}},
	}
}

// compareCredentials makes the same random calls about credentials of a store and of a store in memory.
func compareCredentials(t *testing.T, open func(t *testing.T, now func() time.Time) store.Store, checks int64) {
	t.Helper()
	var done atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		if done.Add(1) > checks && checks > 0 {
			return
		}
		clock := newClock()
		p := &pair{T: rt, clock: clock}
		for i, s := range []store.Store{NewMemory(clock.now), open(t, clock.now)} {
			p.both[i] = &world{tester: rt, store: s, clock: clock}
			defer func() { _ = s.Close() }()
		}
		of := func(rt *rapid.T) store.Owner { return rapid.SampledFrom(owners()).Draw(rt, "owner") }
		text := func(rt *rapid.T) string { return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "token") }
		end := func(rt *rapid.T) time.Time {
			hours := rapid.IntRange(-40, 40).Draw(rt, "hours")
			if hours == 0 {
				return time.Time{}
			}
			return clock.now().Add(time.Duration(hours) * time.Hour)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) {
				p.call("Tokens", func(w *world) (any, error) { return w.credentials(), nil })
				p.call("Removals", func(w *world) (any, error) { return w.removals(), nil })
			},
			"add": func(rt *rapid.T) {
				one := p.both[0].token(of(rt), text(rt), end(rt))
				p.call("AddToken", func(w *world) (any, error) { return nil, w.store.AddToken(w.Context(), one) })
			},
			"revoke": func(rt *rapid.T) {
				owner, sum := of(rt), sha256.Sum256([]byte(text(rt)))
				p.call("RevokeToken", func(w *world) (any, error) { return nil, w.store.RevokeToken(w.Context(), owner, sum) })
			},
			"revoke elsewhere": func(rt *rapid.T) {
				one := store.Revocation{Of: of(rt), SHA256: sha256.Sum256([]byte(text(rt))), Expires: end(rt)}
				p.call("Revoke", func(w *world) (any, error) { return nil, w.store.Revoke(w.Context(), one) })
			},
			"use": func(rt *rapid.T) {
				use := store.Use{Credential: store.Credential{Of: of(rt), KeyID: text(rt)}, At: clock.now().Add(time.Duration(rapid.IntRange(-9, 9).Draw(rt, "seconds")) * time.Second)}
				p.call("Used", func(w *world) (any, error) { return nil, w.store.Used(w.Context(), use) })
			},
			"rekey": func(*rapid.T) {
				p.call("Rekey", func(w *world) (any, error) { return nil, w.store.Rekey(w.Context()) })
			},
			"remove": func(rt *rapid.T) { p.removes(rt) },
			"wait":   func(rt *rapid.T) { clock.passes(time.Duration(rapid.IntRange(0, 50).Draw(rt, "hours")) * time.Hour) },
		})
	})
}
