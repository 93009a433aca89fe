package storetest

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// held is what a Memory has of credentials and of the brake.
type held struct {
	tokens  []store.Token
	revoked map[owned]store.Revocation
	uses    map[store.Credential]time.Time
	since   time.Time
	brakes  map[string]*brake
}

// owned names a token of a tenant.
type owned struct {
	of  store.Owner
	sum store.Sum
}

// brake has the removals of a tenant. Who changes them holds free.
type brake struct {
	free *semaphore.Weighted

	store.Removals
}

func newHeld(now time.Time) held {
	return held{revoked: map[owned]store.Revocation{}, uses: map[store.Credential]time.Time{}, since: kept(now), brakes: map[string]*brake{}}
}

// Suspend suspends all tokens, as a restore does.
func (m *Memory) Suspend() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for i := range m.held.tokens {
		m.held.tokens[i].Suspended = true
	}
	m.held.since = kept(m.now())
}

// Tokens implements store.Tokens.
func (m *Memory) Tokens(ctx context.Context) (store.TokenState, error) {
	if err := m.enter(ctx); err != nil {
		return store.TokenState{}, err
	}
	defer m.mutex.Unlock()
	out := store.TokenState{Tokens: slices.Clone(m.held.tokens), Revoked: slices.Collect(maps.Values(m.held.revoked)), UsesSince: m.held.since}
	slices.SortStableFunc(out.Tokens, func(a, b store.Token) int {
		return cmp.Or(cmp.Compare(a.Of.Realm, b.Of.Realm), cmp.Compare(a.Of.Key, b.Of.Key), a.Made.Compare(b.Made))
	})
	out.DropRevoked()
	for of, at := range m.held.uses {
		out.Uses = append(out.Uses, store.Use{Credential: of, At: at})
	}
	return out, nil
}

func (m *Memory) tokenAt(of store.Owner, sum store.Sum) int {
	return slices.IndexFunc(m.held.tokens, func(t store.Token) bool { return t.Of == of && t.SHA256 == sum })
}

// AddToken implements store.Tokens.
func (m *Memory) AddToken(ctx context.Context, t store.Token) error {
	if t.Of.Realm == "" || t.Of.Key == "" {
		return errors.New("a token without a tenant cannot be kept")
	}
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mutex.Unlock()
	if _, revoked := m.held.revoked[owned{t.Of, t.SHA256}]; revoked {
		return store.ErrTokenRevoked
	}
	if m.tokenAt(t.Of, t.SHA256) >= 0 {
		return store.ErrTokenExists
	}
	t.Made, t.Expires, t.Suspended = kept(t.Made), kept(t.Expires), false
	m.held.tokens = append(m.held.tokens, t)
	return nil
}

// RevokeToken implements store.Tokens.
func (m *Memory) RevokeToken(ctx context.Context, of store.Owner, sum store.Sum) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mutex.Unlock()
	at := m.tokenAt(of, sum)
	if at < 0 {
		return store.ErrNoToken
	}
	t := m.held.tokens[at]
	m.held.tokens = slices.Delete(m.held.tokens, at, at+1)
	m.revoke(store.Revocation{Of: of, SHA256: sum, KeyID: t.KeyID, Expires: t.Expires})
	return nil
}

// Revoke implements store.Tokens.
func (m *Memory) Revoke(ctx context.Context, list ...store.Revocation) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mutex.Unlock()
	m.revoke(list...)
	return nil
}

func (m *Memory) revoke(list ...store.Revocation) {
	maps.DeleteFunc(m.held.revoked, func(_ owned, r store.Revocation) bool { return r.Ended(m.now()) })
	for _, r := range list {
		r.Expires = kept(r.Expires)
		at := owned{r.Of, r.SHA256}
		if before, again := m.held.revoked[at]; again {
			before.Expires = later(before.Expires, r.Expires)
			r = before
		}
		m.held.revoked[at] = r
	}
}

// later is the later of two ends; the zero time is no end.
func later(a, b time.Time) time.Time {
	if a.IsZero() || b.IsZero() {
		return time.Time{}
	}
	if a.After(b) {
		return a
	}
	return b
}

// AcceptTokens implements store.Tokens.
func (m *Memory) AcceptTokens(ctx context.Context, of store.Owner) (int, error) {
	if err := m.enter(ctx); err != nil {
		return 0, err
	}
	defer m.mutex.Unlock()
	n := 0
	for i := range m.held.tokens {
		if t := &m.held.tokens[i]; t.Suspended && (of == store.Owner{} || t.Of == of) {
			t.Suspended = false
			n++
		}
	}
	return n, nil
}

// Used implements store.Tokens.
func (m *Memory) Used(ctx context.Context, list ...store.Use) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mutex.Unlock()
	for _, u := range list {
		if at := kept(u.At); at.After(m.held.uses[u.Credential]) {
			m.held.uses[u.Credential] = at
		}
	}
	return nil
}

// Removals implements store.Ledger.
func (m *Memory) Removals(ctx context.Context) (map[string]store.Removals, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mutex.Unlock()
	out := map[string]store.Removals{}
	for key, b := range m.held.brakes {
		out[key] = b.Clone()
	}
	return out, nil
}

// ChangeRemovals implements store.Ledger. A store that fails meanwhile keeps nothing.
func (m *Memory) ChangeRemovals(ctx context.Context, key string, change func(*store.Removals) error) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	b := m.held.brakes[key]
	if b == nil {
		b = &brake{free: semaphore.NewWeighted(1)}
		m.held.brakes[key] = b
	}
	m.mutex.Unlock()
	if err := b.free.Acquire(ctx, 1); err != nil {
		return err
	}
	defer b.free.Release(1)
	r := b.Clone()
	if err := change(&r); err != nil {
		return err
	}
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mutex.Unlock()
	b.Removals = r
	return nil
}
