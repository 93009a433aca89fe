package app

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Times of the tokens in the store.
const (
	tokensFresh = 15 * time.Second // how old a read may be before the next read begins
	tokensHold  = time.Minute      // how long the last read counts while the store is away
	tokensFloor = time.Second      // the least time between two reads
	useEvery    = time.Minute      // between two records of the use of a credential
)

// storedTokens are the tokens of the configuration, of organizations and of the store (auth.Tokens). The tokens of the
// store, the revocations and the last uses are read into memory at once, so that a request reads nothing.
type storedTokens struct {
	store    store.Tokens
	log      *zap.Logger
	now      func() time.Time
	patience time.Duration

	known atomic.Pointer[knownTokens] // nil until the first read
	reads singleflight.Group

	mu     sync.Mutex
	tried  time.Time                      // of the last read, also of one that failed
	begun  int                            // reads
	told   int                            // the forged tokens that the log knows of
	waits  int                            // the suspended tokens that the log knows of
	uses   map[store.Credential]time.Time // of this process, as recorded
	unkept map[store.Credential]time.Time // of uses, what the store does not have
	here   map[revokedToken]revokedHere   // the revocations that the last read may not have
}

// revokedToken names a token that was revoked.
type revokedToken struct {
	of  store.Owner
	sum store.Sum
}

// revokedHere is a revocation that this process knows before it reads it in the store.
type revokedHere struct {
	store.Revocation

	kept  bool // the store has it
	begun int  // the reads that may have begun before the store had it
}

// knownTokens is what the last read found.
type knownTokens struct {
	store.TokenState

	read    time.Time
	number  int // of the read
	of      map[store.Owner][]store.Token
	revoked map[store.Owner]map[store.Sum]struct{}
	used    map[store.Credential]time.Time
}

func newStoredTokens(s store.Tokens, log *zap.Logger) *storedTokens {
	return &storedTokens{store: s, log: log, now: time.Now, patience: patience, uses: map[store.Credential]time.Time{}, unkept: map[store.Credential]time.Time{}, here: map[revokedToken]revokedHere{}}
}

// Token implements auth.Tokens. A token that is not in the store is found also while the store is away, unless the store
// has its revocation. It compares every token, so that the time does not show which token was similar.
func (s *storedTokens) Token(ctx context.Context, t *tenant.Tenant, sum store.Sum) (*tenant.Token, error) {
	found, err := auth.TenantTokens{}.Token(ctx, t, sum)
	of := store.OwnerOf(t)
	if s.Revoked(of, sum) {
		return nil, err
	}
	known, unknowable := s.current(ctx)
	var kept *store.Token
	if known != nil {
		list := known.of[of]
		for i := range list {
			if subtle.ConstantTimeCompare(sum[:], list[i].SHA256[:]) == 1 {
				kept = &list[i]
			}
		}
	}
	switch {
	case s.Revoked(of, sum): // current may have read the revocation
		return nil, err
	case found != nil:
		return found, err
	case unknowable != nil:
		return nil, unknowable
	case kept == nil:
		return nil, nil //nolint:nilnil // see auth.Tokens
	case kept.Suspended:
		return nil, fmt.Errorf("%w: the token %s (%s) was made before the store was restored; this command accepts the tokens of the tenant: %s", auth.ErrSuspended, kept.Name, kept.KeyID, t.Command("tokens", "accept"))
	}
	return &kept.Token, nil
}

// errTokensAway says that the last read of the tokens is too old.
var errTokensAway = errors.New("the store does not answer, and the tokens were last read more than a minute ago")

// current is what is known about the tokens. A read that is no longer fresh begins another one; a read that is too old
// does not count.
func (s *storedTokens) current(ctx context.Context) (*knownTokens, error) {
	known := s.known.Load()
	switch age := s.age(known); {
	case age < tokensFresh:
		return known, nil
	case age < tokensHold:
		if s.due() {
			go func() { _ = s.read(context.WithoutCancel(ctx)) }() // the next request sees what it finds
		}
		return known, nil
	}
	if s.due() {
		_ = s.read(ctx)
	}
	if known = s.known.Load(); s.age(known) < tokensHold {
		return known, nil
	}
	return nil, errTokensAway
}

func (s *storedTokens) age(known *knownTokens) time.Duration {
	if known == nil {
		return tokensHold
	}
	return s.now().Sub(known.read)
}

// due reports whether enough time has passed since the last read.
func (s *storedTokens) due() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now().Sub(s.tried) >= tokensFloor
}

// read reads what the store has, once for all that wait for it.
func (s *storedTokens) read(ctx context.Context) error {
	done := s.reads.DoChan("", func() (any, error) { return nil, s.readOnce(context.WithoutCancel(ctx)) })
	select {
	case result := <-done:
		return result.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *storedTokens) readOnce(ctx context.Context) error {
	began := s.now()
	s.mu.Lock()
	s.tried = began
	s.begun++
	number := s.begun
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	state, err := s.store.Tokens(ctx)
	if err != nil {
		return err
	}
	next := &knownTokens{
		TokenState: state, read: began, number: number, of: map[store.Owner][]store.Token{}, revoked: map[store.Owner]map[store.Sum]struct{}{}, used: map[store.Credential]time.Time{},
	}
	suspended := 0
	for _, t := range state.Tokens {
		next.of[t.Of] = append(next.of[t.Of], t)
		if t.Suspended {
			suspended++
		}
	}
	for _, r := range state.Revoked {
		if next.revoked[r.Of] == nil {
			next.revoked[r.Of] = map[store.Sum]struct{}{}
		}
		next.revoked[r.Of][r.SHA256] = struct{}{}
	}
	for _, u := range state.Uses {
		next.used[u.Credential] = u.At
	}
	s.mu.Lock()
	if before := s.known.Load(); before == nil || before.number < number { // else a read that began later is done
		s.known.Store(next)
	}
	maps.DeleteFunc(s.here, func(id revokedToken, r revokedHere) bool { // every read that begins from now on has it
		_, is := next.revoked[id.of][id.sum]
		return r.Ended(began) || number > r.begun && (is || r.kept)
	})
	s.mu.Unlock()
	s.tell(state.Forged, suspended)
	return nil
}

// tell logs what an operator has to do about the tokens, once.
func (s *storedTokens) tell(forged, suspended int) {
	s.mu.Lock()
	newForged, newSuspended := forged > s.told, suspended > s.waits
	s.told, s.waits = forged, suspended
	s.mu.Unlock()
	if newForged {
		s.log.Error("somebody wrote tokens into the database of the store without its key: they are refused; find out who can write the file, and revoke the tokens that you do not know", zap.Int("tokens", forged))
	}
	if newSuspended {
		s.log.Warn("the store was restored: its tokens are refused until an operator accepts them with scim-bridge tokens accept", zap.Int("tokens", suspended))
	}
}

// Of implements admin.Tokens.
func (s *storedTokens) Of(t *tenant.Tenant) []store.Token {
	if known := s.known.Load(); known != nil {
		return known.of[store.OwnerOf(t)]
	}
	return nil
}

// All implements admin.Tokens.
func (s *storedTokens) All() []store.Token {
	if known := s.known.Load(); known != nil {
		return known.Tokens
	}
	return nil
}

// Good are the tokens of a tenant that are or will be accepted: those outside the store, and those in the store that are
// not suspended.
func (s *storedTokens) Good(t *tenant.Tenant) []tenant.Token {
	out := slices.Clone(t.Tokens)
	for _, kept := range s.Of(t) {
		if !kept.Suspended {
			out = append(out, kept.Token)
		}
	}
	return out
}

// HasTokens reports whether the store has tokens of an organization of a realm.
func (s *storedTokens) HasTokens(of store.Owner) bool {
	known := s.known.Load()
	return known != nil && len(known.of[of]) > 0
}

// Revoked reports whether a token was revoked, whatever its place. A revocation counts as soon as this process knows it,
// and also while the store is away.
func (s *storedTokens) Revoked(of store.Owner, sum store.Sum) bool {
	s.mu.Lock()
	_, is := s.here[revokedToken{of, sum}]
	known := s.known.Load() // under the lock: a revocation moves from here to known
	s.mu.Unlock()
	if is || known == nil {
		return is
	}
	_, is = known.revoked[of][sum]
	return is
}

// refuse refuses tokens from now on. kept says that the store has the revocations.
func (s *storedTokens) refuse(kept bool, list ...store.Revocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range list {
		id := revokedToken{r.Of, r.SHA256}
		s.here[id] = revokedHere{r, kept || s.here[id].kept, s.begun}
	}
}

// LastUse implements admin.Tokens.
func (s *storedTokens) LastUse(c store.Credential) (last, since time.Time) {
	if known := s.known.Load(); known != nil {
		last, since = known.used[c], known.UsesSince
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if here := s.uses[c]; here.After(last) {
		last = here
	}
	return last, since
}

// credentialOf names a credential as the store does.
func credentialOf(t *tenant.Tenant, by tenant.Actor) store.Credential {
	out := store.Credential{Of: store.OwnerOf(t), KeyID: by.KeyID}
	if by.KeyID == "" {
		out.Name = by.Name
	}
	return out
}

// Use notes that a credential was used, at most once a minute.
func (s *storedTokens) Use(t *tenant.Tenant, by tenant.Actor) {
	c, now := credentialOf(t, by), s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, is := s.uses[c]; is && now.Sub(last) < useEvery {
		return
	}
	s.uses[c], s.unkept[c] = now, now
}

// keepUses gives the store the uses that it does not have.
func (s *storedTokens) keepUses(ctx context.Context) error {
	s.mu.Lock()
	list := make([]store.Use, 0, len(s.unkept))
	for c, at := range s.unkept {
		list = append(list, store.Use{Credential: c, At: at})
	}
	s.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	if err := s.store.Used(ctx, list...); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range list {
		if s.unkept[u.Credential].Equal(u.At) {
			delete(s.unkept, u.Credential)
		}
	}
	return nil
}

// AddToken implements admin.Tokens.
func (s *storedTokens) AddToken(ctx context.Context, t store.Token) error {
	t.Made = s.now()
	return s.change(ctx, func(ctx context.Context) error { return s.store.AddToken(ctx, t) })
}

// RevokeToken implements admin.Tokens.
func (s *storedTokens) RevokeToken(ctx context.Context, of store.Owner, sum store.Sum) error {
	return s.change(ctx, func(ctx context.Context) error {
		err := s.store.RevokeToken(ctx, of, sum)
		if err == nil {
			s.refuse(true, store.Revocation{Of: of, SHA256: sum})
		}
		return err
	})
}

// AcceptTokens implements admin.Tokens.
func (s *storedTokens) AcceptTokens(ctx context.Context, of store.Owner) (n int, err error) {
	err = s.change(ctx, func(ctx context.Context) error {
		n, err = s.store.AcceptTokens(ctx, of)
		return err
	})
	return n, err
}

// change changes what the store has, and reads it again, so that the next request sees the change.
func (s *storedTokens) change(ctx context.Context, do func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	if err := do(bounded); err != nil {
		if isAway(err) && ctx.Err() == nil {
			err = fmt.Errorf("nothing was changed, or it is not known whether it was: %w; try again", err)
		}
		return err
	}
	s.reads.Forget("") // a read that runs can have begun before the change
	if err := s.read(ctx); err != nil {
		return fmt.Errorf("it is done, and the bridge applies it when the store can be read: %w", err)
	}
	return nil
}

// mostRevocations bounds the revocations of a realm that are copied from Keycloak: who may edit the bridge's service
// account could write any number of them.
const mostRevocations = 10_000

// copyRevocations copies the revocations that Keycloak has into the store. Afterwards nobody undoes a revocation by an
// edit in Keycloak.
func (s *storedTokens) copyRevocations(ctx context.Context, name string, list realm.Revoked) {
	kept := s.revocationsOf(name)
	var added []store.Revocation
	for _, r := range list {
		one := revocationOf(name, r)
		id := revokedToken{one.Of, one.SHA256}
		if stored, is := kept[id]; !stored && !one.Ended(s.now()) && (is || len(kept) < mostRevocations) {
			added, kept[id] = append(added, one), true
		}
	}
	if len(added) > 0 {
		s.revoke(ctx, added...)
	}
}

// revocationsOf are the revocations of a realm that this process knows. The value says whether the store was read with
// the revocation.
func (s *storedTokens) revocationsOf(name string) map[revokedToken]bool {
	out := map[revokedToken]bool{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.here {
		if id.of.Realm == name {
			out[id] = false
		}
	}
	if known := s.known.Load(); known != nil {
		for _, r := range known.Revoked {
			if r.Of.Realm == name {
				out[revokedToken{r.Of, r.SHA256}] = true
			}
		}
	}
	return out
}

// revocationOf is a revocation of Keycloak in the form of the store.
func revocationOf(name string, r realm.RevokedToken) store.Revocation {
	return store.Revocation{Of: store.Owner{Realm: name, Key: r.Organization}, SHA256: r.SHA256, KeyID: r.KeyID, Expires: r.Expires}
}

// revoke records revocations that Keycloak has. They count at once. When the store does not answer, the next check of the
// realm tries again.
func (s *storedTokens) revoke(ctx context.Context, list ...store.Revocation) {
	s.refuse(false, list...)
	err := s.change(ctx, func(ctx context.Context) error {
		err := s.store.Revoke(ctx, list...)
		if err == nil {
			s.refuse(true, list...)
		}
		return err
	})
	if err != nil {
		s.log.Warn("a revocation in Keycloak is not yet in the store", zap.String("realm", list[0].Of.Realm), zap.Error(err))
	}
}
