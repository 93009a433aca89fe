package sqlstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func keptToken(name string) store.Token {
	return store.Token{
		Of: store.Owner{Realm: "acme", Key: "realm"}, Path: "acme", Made: time.Now().UTC().Truncate(time.Microsecond),
		Token: tenant.Token{Name: name, KeyID: "id" + name, SHA256: sha256.Sum256([]byte(name)), Scopes: tenant.UsersRead},
	}
}

// crash is a copy of the database as a crash of the machine leaves it now.
func crash(t *testing.T, file string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "store.db")
	for _, end := range []string{"", "-wal"} {
		data, err := os.ReadFile(file + end)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		noError(t, err)
		noError(t, os.WriteFile(to+end, data, 0o600))
	}
	return to
}

// namesOf are the names of the tokens that a store accepts, sorted, and of those that it suspends.
func namesOf(t *testing.T, s *Store) (good, suspended []string, forged int) {
	t.Helper()
	got, err := s.Tokens(t.Context())
	noError(t, err)
	for _, one := range got.Tokens {
		if one.Suspended {
			suspended = append(suspended, one.Name)
		} else {
			good = append(good, one.Name)
		}
	}
	slices.Sort(good)
	slices.Sort(suspended)
	return good, suspended, got.Forged
}

// TestATokenThatIsWrittenWithoutTheKeyIsRefused: who can write the database and has no key makes no token valid, gives
// a token no scope and no later end, moves it to no other tenant, and ends no suspension. A new key does not help.
func TestATokenThatIsWrittenWithoutTheKeyIsRefused(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"another hash":         "UPDATE token SET hash = zeroblob(32) WHERE name = 'b'",
		"more scopes":          "UPDATE token SET scopes = 31 WHERE name = 'b'",
		"scopes that overflow": "UPDATE token SET scopes = 257 WHERE name = 'b'",
		"another tenant":       "UPDATE token SET tenant = '5f6f' WHERE name = 'b'",
		"another realm":        "UPDATE token SET realm = 'globex' WHERE name = 'b'",
		"another end":          "UPDATE token SET expires = 9000000000000000 WHERE name = 'b'",
		"another name":         "UPDATE token SET name = 'c' WHERE name = 'b'",
		"another key id":       "UPDATE token SET key_id = '' WHERE name = 'b'",
		"another epoch":        "UPDATE token SET epoch = 2 WHERE name = 'b'",
		"a short hash":         "UPDATE token SET hash = x'00' WHERE name = 'b'",
		"a short signature":    "UPDATE token SET signature = x'00' WHERE name = 'b'",
		"another generation":   "UPDATE token SET generation = 7 WHERE name = 'b'",
		"another signature":    "UPDATE token SET signature = (SELECT signature FROM token WHERE name = 'a') WHERE name = 'b'",
		"a copy":               "INSERT INTO token SELECT realm, '5f6f', hash, path, key_id, 'copy', scopes, expires, made, epoch, generation, signature FROM token WHERE name = 'b'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey()))
			for _, name := range []string{"a", "b"} {
				noError(t, s.AddToken(t.Context(), keptToken(name)))
			}
			noError(t, s.w.write(t.Context(), func(ctx context.Context, w *writer) error { return w.exec(ctx, statement) }))
			want := []string{"a"}
			if name == "a copy" {
				want = []string{"a", "b"}
			}
			if good, _, forged := namesOf(t, s); !slices.Equal(good, want) || forged != 1 {
				t.Errorf("accepted are %v, and %d are forged", good, forged)
			}
			if n, err := s.AcceptTokens(t.Context(), store.Owner{}); n != 0 || err != nil {
				t.Errorf("accepted %d tokens, %v", n, err)
			}
			noError(t, s.Rekey(t.Context()))
			if good, _, _ := namesOf(t, s); !slices.Equal(good, want) {
				t.Errorf("after a new key %v are accepted", good)
			}
		})
	}
}

// TestANewKeySignsTheTokens, and the store then needs the older key no longer.
func TestANewKeySignsTheTokens(t *testing.T) {
	t.Parallel()
	file, first, second := filepath.Join(t.TempDir(), "store.db"), seal.NewKey(), seal.NewKey()
	s, err := Open(t.Context(), Options{File: file, Ring: ring(t, first)})
	noError(t, err)
	noError(t, s.AddToken(t.Context(), keptToken("a")))
	noError(t, s.UseRing(ring(t, first, second)))
	noError(t, s.Rekey(t.Context()))
	noError(t, s.AddToken(t.Context(), keptToken("b")))
	noError(t, s.Close())
	s = open(t, file, ring(t, second))
	if good, suspended, forged := namesOf(t, s); !slices.Equal(good, []string{"a", "b"}) || len(suspended)+forged > 0 {
		t.Errorf("accepted are %v, suspended %v, %d forged", good, suspended, forged)
	}
}

// TestARestoreSuspendsTheTokens that the backup has, until an operator accepts them. Revocations and removals stay as
// they are in the backup, and uses are known from the restore on.
func TestARestoreSuspendsTheTokens(t *testing.T) {
	t.Parallel()
	key, dir := ring(t, seal.NewKey()), t.TempDir()
	s := open(t, filepath.Join(dir, "store.db"), key)
	for _, name := range []string{"a", "b", "revoked"} {
		noError(t, s.AddToken(t.Context(), keptToken(name)))
	}
	other := keptToken("other")
	other.Of.Key = "5f6f"
	noError(t, s.AddToken(t.Context(), other))
	revoked := keptToken("revoked")
	noError(t, s.RevokeToken(t.Context(), revoked.Of, revoked.SHA256))
	noError(t, s.Used(t.Context(), store.Use{Credential: store.Credential{Of: other.Of, KeyID: "x"}, At: time.Now()}))
	noError(t, s.ChangeRemovals(t.Context(), "acme", func(r *store.Removals) error {
		r.At = map[string]time.Time{"jane": time.Now()}
		return nil
	}))
	backup, restored := filepath.Join(dir, "backup.db"), filepath.Join(dir, "restored.db")
	noError(t, s.Backup(t.Context(), backup))
	before := time.Now()
	noError(t, Restore(t.Context(), backup, restored, key))
	s = open(t, restored, key)
	if good, suspended, _ := namesOf(t, s); len(good) > 0 || !slices.Equal(suspended, []string{"a", "b", "other"}) {
		t.Errorf("accepted are %v, suspended %v", good, suspended)
	}
	got, err := s.Tokens(t.Context())
	noError(t, err)
	if len(got.Revoked) != 1 || len(got.Uses) != 1 || got.UsesSince.Before(before.Truncate(time.Microsecond)) {
		t.Errorf("there are %d revocations and %d uses since %s", len(got.Revoked), len(got.Uses), got.UsesSince)
	}
	if all, err := s.Removals(t.Context()); err != nil || len(all["acme"].At) != 1 {
		t.Errorf("the removals are %v, %v", all, err)
	}
	noError(t, s.AddToken(t.Context(), keptToken("new")))
	if n, err := s.AcceptTokens(t.Context(), other.Of); n != 1 || err != nil {
		t.Errorf("of one tenant %d are accepted, %v", n, err)
	}
	noError(t, s.RevokeToken(t.Context(), keptToken("b").Of, keptToken("b").SHA256))
	if good, suspended, _ := namesOf(t, s); !slices.Equal(good, []string{"new", "other"}) || !slices.Equal(suspended, []string{"a"}) {
		t.Errorf("then accepted are %v, suspended %v", good, suspended)
	}
	if n, err := s.AcceptTokens(t.Context(), store.Owner{}); n != 1 || err != nil {
		t.Errorf("of all tenants %d are accepted, %v", n, err)
	}
	again := openCopy(t, crash(t, restored), key)
	if good, suspended, _ := namesOf(t, again); !slices.Equal(good, []string{"a", "new", "other"}) || len(suspended) > 0 {
		t.Errorf("after a restart accepted are %v, suspended %v", good, suspended)
	}
}

// TestTokensOutliveACrash: what a call has returned is in the database.
func TestTokensOutliveACrash(t *testing.T) {
	t.Parallel()
	key, file := ring(t, seal.NewKey()), filepath.Join(t.TempDir(), "store.db")
	s := open(t, file, key)
	for _, name := range []string{"a", "b"} {
		noError(t, s.AddToken(t.Context(), keptToken(name)))
	}
	noError(t, s.RevokeToken(t.Context(), keptToken("a").Of, keptToken("a").SHA256))
	noError(t, s.Revoke(t.Context(), store.Revocation{Of: store.Owner{Realm: "acme", Key: "5f6f"}}))
	again := openCopy(t, crash(t, file), key)
	if good, _, _ := namesOf(t, again); !slices.Equal(good, []string{"b"}) {
		t.Errorf("accepted are %v", good)
	}
	if got, err := again.Tokens(t.Context()); err != nil || len(got.Revoked) != 2 {
		t.Errorf("the revocations are %v, %v", got.Revoked, err)
	}
	if err := again.AddToken(t.Context(), keptToken("a")); !errors.Is(err, store.ErrTokenRevoked) || errors.Is(err, store.ErrAway) {
		t.Errorf("the revoked token again: %v", err)
	}
}

// TestAUseNeedsNoCommitOfItsOwn, nor does a removal: the commit of the next intent has both, and a flush has them too.
func TestAUseNeedsNoCommitOfItsOwn(t *testing.T) {
	t.Parallel()
	key, file := ring(t, seal.NewKey()), filepath.Join(t.TempDir(), "store.db")
	s := open(t, file, key)
	remove := func(id string) {
		t.Helper()
		noError(t, s.ChangeRemovals(t.Context(), "acme", func(r *store.Removals) error {
			if r.At == nil {
				r.At = map[string]time.Time{}
			}
			r.At[id] = time.Now()
			return nil
		}))
	}
	kept := func() (removals, uses int) {
		t.Helper()
		again := openCopy(t, crash(t, file), key)
		all, err := again.Removals(t.Context())
		noError(t, err)
		state, err := again.Tokens(t.Context())
		noError(t, err)
		return len(all["acme"].At), len(state.Uses)
	}
	remove("jane")
	noError(t, s.Used(t.Context(), store.Use{Credential: store.Credential{KeyID: "x"}, At: time.Now()}))
	if removals, uses := kept(); removals+uses > 0 {
		t.Errorf("before a commit the database has %d removals and %d uses", removals, uses)
	}
	before := s.commitsNow(t)
	noError(t, s.Intend(t.Context(), userChange("jane")))
	if n := s.commitsNow(t) - before; n != 1 {
		t.Errorf("an intent with a removal needs %d commits", n)
	}
	if removals, uses := kept(); removals != 1 || uses != 1 {
		t.Errorf("after the intent the database has %d removals and %d uses", removals, uses)
	}
	remove("joe")
	noError(t, s.Flush(t.Context()))
	if removals, _ := kept(); removals != 2 {
		t.Errorf("after a flush the database has %d removals", removals)
	}
}

// commitsNow counts the commits so far.
func (s *Store) commitsNow(t *testing.T) (n int64) {
	t.Helper()
	noError(t, s.w.writeOutside(t.Context(), func(_ context.Context, w *writer) error {
		n = w.commits
		return nil
	}))
	return n
}

// TestAnIntentThatFailsLosesNoRemoval: the next commit has the removal.
func TestAnIntentThatFailsLosesNoRemoval(t *testing.T) {
	t.Parallel()
	key, file := ring(t, seal.NewKey()), filepath.Join(t.TempDir(), "store.db")
	s := open(t, file, key)
	c := userChange("jane")
	noError(t, s.Intend(t.Context(), c))
	noError(t, s.ChangeRemovals(t.Context(), "acme", func(r *store.Removals) error {
		r.At = map[string]time.Time{"jane": time.Now()}
		return nil
	}))
	if err := s.Intend(t.Context(), c); err == nil {
		t.Fatal("the same change can be begun twice")
	}
	noError(t, s.Intend(t.Context(), userChange("joe")))
	if all, err := openCopy(t, crash(t, file), key).Removals(t.Context()); err != nil || len(all["acme"].At) != 1 {
		t.Errorf("the removals are %v, %v", all, err)
	}
}

// TestALiftIsCommittedAtOnce, and a lift that is not committed does not hold. Meanwhile the brake counts in memory.
func TestALiftIsCommittedAtOnce(t *testing.T) {
	t.Parallel()
	key, file := ring(t, seal.NewKey()), filepath.Join(t.TempDir(), "store.db")
	s := open(t, file, key)
	remove := func(id string) error {
		return s.ChangeRemovals(t.Context(), "acme", func(r *store.Removals) error {
			if r.At == nil {
				r.At = map[string]time.Time{}
			}
			r.At[id] = time.Now()
			return nil
		})
	}
	lift := func() error {
		return s.ChangeRemovals(t.Context(), "acme", func(r *store.Removals) error {
			clear(r.At)
			r.Lifted = time.Now().Add(time.Hour)
			return nil
		})
	}
	noError(t, remove("jane"))
	noError(t, s.Flush(t.Context()))
	refuse := func(on bool) { // as a database does that cannot grow
		t.Helper()
		noError(t, s.w.writeOutside(t.Context(), func(ctx context.Context, w *writer) error {
			return w.exec(ctx, fmt.Sprintf("PRAGMA query_only = %t", on))
		}))
	}
	refuse(true)
	if err := lift(); !errors.Is(err, store.ErrAway) {
		t.Errorf("a lift that cannot be committed: %v", err)
	}
	noError(t, remove("joe"))
	if err := s.Flush(t.Context()); !errors.Is(err, store.ErrAway) {
		t.Errorf("a flush while nothing can be committed: %v", err)
	}
	if err := s.Intend(t.Context(), userChange("joe")); !errors.Is(err, store.ErrAway) {
		t.Errorf("an intent while nothing can be committed: %v", err)
	}
	noError(t, s.ChangeRemovals(t.Context(), "acme", func(r *store.Removals) error {
		if len(r.At) != 2 || !r.Lifted.IsZero() {
			t.Errorf("the brake has %+v", *r)
		}
		return nil
	}))
	refuse(false)
	noError(t, s.Flush(t.Context()))
	if all, err := openCopy(t, crash(t, file), key).Removals(t.Context()); err != nil || len(all["acme"].At) != 2 {
		t.Errorf("the removals are %v, %v", all, err)
	}
	noError(t, lift())
	if all, err := openCopy(t, crash(t, file), key).Removals(t.Context()); err != nil || len(all["acme"].At) > 0 || all["acme"].Lifted.IsZero() {
		t.Errorf("after the lift the removals are %v, %v", all, err)
	}
}

// TestALiftHoldsWhenItsCallerIsToldSo, and only then: also when the caller gives up before its commit or during it.
func TestALiftHoldsWhenItsCallerIsToldSo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ before, holds bool }{"before": {true, false}, "during": {false, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, file := ring(t, seal.NewKey()), filepath.Join(t.TempDir(), "store.db")
			s := open(t, file, key)
			ctx, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			held, busy, ends := make(chan struct{}), make(chan struct{}), make(chan error, 3)
			go func() {
				ends <- s.w.writeOutside(t.Context(), func(context.Context, *writer) error {
					close(busy)
					<-held
					return nil
				})
			}()
			<-busy // what comes now is one batch
			lifted := make(chan error, 1)
			go func() {
				lifted <- s.ChangeRemovals(ctx, "acme", func(r *store.Removals) error {
					r.Lifted = time.Now().Add(time.Hour)
					return nil
				})
			}()
			for len(s.w.jobs) < 1 {
				runtime.Gosched()
			}
			go func() {
				ends <- s.w.write(t.Context(), func(context.Context, *writer) error {
					giveUp()
					return nil
				})
			}()
			for len(s.w.jobs) < 2 {
				runtime.Gosched()
			}
			if c.before {
				giveUp()
			}
			close(held)
			err := <-lifted
			noError(t, errors.Join(<-ends, <-ends))
			if got := err == nil; got != c.holds {
				t.Errorf("the lift is %v", err)
			}
			noError(t, s.ChangeRemovals(t.Context(), "acme", func(r *store.Removals) error {
				if got := !r.Lifted.IsZero(); got != c.holds {
					t.Errorf("the brake is lifted: %t", got)
				}
				return nil
			}))
			all, err := openCopy(t, crash(t, file), key).Removals(t.Context())
			if got := !all["acme"].Lifted.IsZero(); err != nil || got != c.holds {
				t.Errorf("after a restart the brake is lifted: %t, %v", got, err)
			}
		})
	}
}

// TestRemovalsOutliveACrash at any point: a removal whose intent has returned is in the database.
func TestRemovalsOutliveACrash(t *testing.T) {
	t.Parallel()
	key, file := ring(t, seal.NewKey()), filepath.Join(t.TempDir(), "store.db")
	s := open(t, file, key)
	random := rand.New(rand.NewPCG(1, 2))
	told := map[string]bool{} // the removals that Keycloak got
	for i := range 200 {
		id := fmt.Sprint("user-", i)
		noError(t, s.ChangeRemovals(t.Context(), "acme", func(r *store.Removals) error {
			if r.At == nil {
				r.At = map[string]time.Time{}
			}
			r.At[id] = time.Now()
			return nil
		}))
		c := userChange(id)
		if random.IntN(3) > 0 { // else the request ends before its intent
			noError(t, s.Intend(t.Context(), c))
			told[id] = true
		}
		if told[id] && random.IntN(2) > 0 {
			c.Outcome = change.Done
			noError(t, s.Settle(t.Context(), c))
		}
		if random.IntN(20) > 0 {
			continue
		}
		all, err := openCopy(t, crash(t, file), key).Removals(t.Context())
		noError(t, err)
		for id := range told {
			if _, is := all["acme"].At[id]; !is {
				t.Fatalf("after %d removals a crash loses %s", i+1, id)
			}
		}
	}
}

// TestTheDatabaseHasNoToken: of a token it has the hash.
func TestTheDatabaseHasNoToken(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	s := open(t, file, ring(t, seal.NewKey()))
	const secret = "0123456789abcdefghijABCDEFGHIJxy"
	token := keptToken("a")
	token.SHA256 = sha256.Sum256([]byte(secret))
	noError(t, s.AddToken(t.Context(), token))
	copied := crash(t, file)
	var all []byte
	for _, end := range []string{"", "-wal"} {
		data, err := os.ReadFile(copied + end)
		noError(t, err)
		all = append(all, data...)
	}
	if bytes.Contains(all, []byte(secret)) || !bytes.Contains(all, token.SHA256[:]) {
		t.Error("the database has the token, or not its hash")
	}
}
