package app_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/sqlstore"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// braked is a tenant that may remove a fifth of its users in an hour, and two in any case.
func braked(path string) *tenant.Tenant {
	t := &tenant.Tenant{Path: path, Owner: mapping.Owner{Key: path}}
	t.Policy.RemovalBrake = config.RemovalBrake{Max: 20, Window: config.Duration(time.Hour), Floor: 2}
	return t
}

// TestABrakeOverAStoreIsABrakeInMemory: whatever happens, a brake over a store lets the same users go as a brake in a
// process that never ends. It does so over restarts, and while the store is away. Then only a lift fails.
func TestABrakeOverAStoreIsABrakeInMemory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		now := time.Unix(1_800_000_000, 0)
		clock := func() time.Time { return now }
		memory := storetest.NewMemory(clock)
		ledger := app.NewLedger(memory, zap.NewNop())
		tested, model := guard.NewBrake(clock, ledger), guard.NewBrake(clock, &guard.MemoryLedger{})
		tenants := []*tenant.Tenant{braked("one"), braked("two")}
		users, away := 10, false
		count := func(context.Context) (int, error) { return users, nil }
		ctx := context.Background()
		which := func(rt *rapid.T) *tenant.Tenant { return rapid.SampledFrom(tenants).Draw(rt, "tenant") }
		rt.Repeat(map[string]func(*rapid.T){
			"": func(rt *rapid.T) {
				for _, of := range tenants {
					got, gotHolds := tested.State(ctx, of)
					want, wantHolds := model.State(ctx, of)
					if got != want || gotHolds != wantHolds {
						rt.Errorf("the brake of %s is %q, want %q", of.Path, got, want)
					}
				}
			},
			"remove": func(rt *rapid.T) {
				of, user := which(rt), keycloak.User{ID: fmt.Sprint(rapid.IntRange(1, 8).Draw(rt, "user"))}
				got, want := tested.Remove(ctx, of, user, count), model.Remove(ctx, of, user, count)
				if fmt.Sprint(got) != fmt.Sprint(want) {
					rt.Errorf("the removal of %s is %v, want %v", user.ID, got, want)
				}
			},
			"lift": func(rt *rapid.T) {
				of := which(rt)
				now = now.Add(time.Second)
				err := tested.Lift(ctx, of)
				if (err != nil) != away || away && !strings.Contains(err.Error(), "the removal brake is as before") {
					rt.Errorf("a lift is %v while the store is away: %t", err, away)
				}
				if err == nil {
					_ = model.Lift(ctx, of)
				}
			},
			"fail": func(*rapid.T) {
				away = true
				memory.Fail(errDisk)
			},
			"answer": func(rt *rapid.T) {
				away = false
				memory.Fail(nil)
				if rapid.Bool().Draw(rt, "catch up") {
					if err := ledger.CatchUp(ctx); err != nil {
						rt.Error(err)
					}
				}
			},
			"restart": func(*rapid.T) {
				if away || ledger.CatchUp(ctx) != nil { // what was counted in memory cannot outlive the process
					return
				}
				ledger = app.NewLedger(memory, zap.NewNop())
				tested = guard.NewBrake(clock, ledger)
			},
			"grow": func(rt *rapid.T) { users = rapid.IntRange(0, 30).Draw(rt, "users") },
			"jump": func(rt *rapid.T) { // of the clock; what a brake in memory forgets meanwhile, the store would still have
				if away {
					return
				}
				now = now.Add(time.Duration(rapid.IntRange(-100, 100).Draw(rt, "hours")) * 30 * time.Minute)
			},
			"wait": func(rt *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 40).Draw(rt, "minutes")) * time.Minute)
			},
		})
	})
}

// TestAClockThatJumpsBackWithoutTheStoreLiftsNothing: the lift of a clock that was ahead ends in memory.
func TestAClockThatJumpsBackWithoutTheStoreLiftsNothing(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	clock := func() time.Time { return now }
	memory := storetest.NewMemory(clock)
	ledger := app.NewLedger(memory, zap.NewNop())
	brake, of := guard.NewBrake(clock, ledger), braked("acme")
	if err := brake.Lift(t.Context(), of); err != nil {
		t.Fatal(err)
	}
	now = now.Add(-3 * time.Hour)
	memory.Fail(errDisk)
	for _, answer := range []bool{false, true} {
		if answer {
			memory.Fail(nil)
			if err := ledger.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if state, _ := brake.State(t.Context(), of); state != "clear" {
			t.Errorf("when the store answers (%t), the brake is %q", answer, state)
		}
	}
	if all, err := memory.Removals(t.Context()); err != nil || !all[guard.LedgerKey(of)].Lifted.IsZero() {
		t.Errorf("the store has %+v, %v", all, err)
	}
}

// stuckLedger is a store whose answer never comes, before or after the change.
type stuckLedger struct{ after bool }

func (stuckLedger) Removals(context.Context) (map[string]store.Removals, error) {
	return map[string]store.Removals{guard.LedgerKey(braked("acme")): {At: map[string]time.Time{"a": time.Now()}, Users: 10, Counted: time.Now()}}, nil
}

func (l stuckLedger) ChangeRemovals(ctx context.Context, _ string, change func(*store.Removals) error) error {
	if l.after {
		if err := change(&store.Removals{At: map[string]time.Time{"a": time.Now()}, Users: 10, Counted: time.Now()}); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestAStoreThatHangsDoesNotStopTheBrake: it counts in memory, whether the store hangs before or after it knows the
// removal.
func TestAStoreThatHangsDoesNotStopTheBrake(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		ledger := app.NewLedger(stuckLedger{after}, zap.NewNop())
		ledger.Hurry(time.Millisecond)
		brake, of := guard.NewBrake(time.Now, ledger), braked("acme")
		count := func(context.Context) (int, error) { return 10, nil }
		if err := brake.Remove(t.Context(), of, keycloak.User{ID: "b"}, count); err != nil {
			t.Errorf("the second removal is %v", err)
		}
		if err := brake.Lift(t.Context(), of); err == nil {
			t.Error("the brake is lifted")
		}
		if after { // each call of this store begins with the same removals
			continue
		}
		if _, held := errors.AsType[guard.HeldError](brake.Remove(t.Context(), of, keycloak.User{ID: "c"}, count)); !held {
			t.Error("a third removal is not held")
		}
	}
}

// hangingLift is a store whose disk hangs while it commits a lift: the call does not end with its context.
type hangingLift struct {
	*storetest.Memory

	begun, ends chan struct{}
}

func (l hangingLift) ChangeRemovals(ctx context.Context, key string, change func(*store.Removals) error) error {
	lifts := false
	err := l.Memory.ChangeRemovals(ctx, key, func(r *store.Removals) error {
		before := r.Lifted
		err := change(r)
		lifts = !r.Lifted.Equal(before)
		return err
	})
	if lifts {
		close(l.begun)
		<-l.ends
	}
	return err
}

// TestALiftThatHangsKeepsNobodyFromLeaving: removals are counted in memory until the store has the lift.
func TestALiftThatHangsKeepsNobodyFromLeaving(t *testing.T) {
	t.Parallel()
	s := hangingLift{storetest.NewMemory(nil), make(chan struct{}), make(chan struct{})}
	ledger := app.NewLedger(s, zap.NewNop())
	ledger.Hurry(time.Millisecond)
	brake, of := guard.NewBrake(time.Now, ledger), braked("acme")
	lifted := make(chan error, 1)
	go func() { lifted <- brake.Lift(context.WithoutCancel(t.Context()), of) }()
	<-s.begun
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	count := func(context.Context) (int, error) { return 10, nil }
	for _, user := range []string{"a", "b"} {
		if err := brake.Remove(ctx, of, keycloak.User{ID: user}, count); err != nil {
			t.Errorf("the removal of %s is %v", user, err)
		}
	}
	if _, held := errors.AsType[guard.HeldError](brake.Remove(ctx, of, keycloak.User{ID: "c"}, count)); !held {
		t.Error("a third removal is not held, before the store has the lift")
	}
	close(s.ends)
	if err := <-lifted; err != nil {
		t.Errorf("the lift is %v", err)
	}
	if err := brake.Remove(ctx, of, keycloak.User{ID: "d"}, count); err != nil {
		t.Errorf("after the lift, a removal is %v", err)
	}
	if err := ledger.CatchUp(ctx); err != nil {
		t.Fatal(err)
	}
	all, err := s.Removals(ctx)
	if r := all[guard.LedgerKey(of)]; err != nil || len(r.At) != 0 || r.Lifted.IsZero() {
		t.Errorf("the store has %+v, %v", r, err)
	}
}

// unknownLedger is a store that never answered.
type unknownLedger struct{}

func (unknownLedger) Removals(context.Context) (map[string]store.Removals, error) {
	return nil, store.ErrAway
}

func (unknownLedger) ChangeRemovals(context.Context, string, func(*store.Removals) error) error {
	return store.ErrAway
}

// TestABrakeThatNeverReadItsLedgerAllowsNoRemoval: the removals so far may be many.
func TestABrakeThatNeverReadItsLedgerAllowsNoRemoval(t *testing.T) {
	t.Parallel()
	brake := guard.NewBrake(time.Now, app.NewLedger(unknownLedger{}, zap.NewNop()))
	err := brake.Remove(t.Context(), braked("acme"), keycloak.User{ID: "a"}, func(context.Context) (int, error) { return 10, nil })
	if !errors.Is(err, store.ErrAway) {
		t.Errorf("the removal is %v", err)
	}
}

// brakes sets the brake of every tenant: two users of ten.
func brakes(c *config.Config) {
	for _, r := range c.Realms {
		for i := range r.Tenants {
			r.Tenants[i].RemovalBrake = config.RemovalBrake{Max: 20, Window: config.Duration(time.Hour)}
		}
	}
}

// removed tries to delete users, and returns how many are gone.
func removed(t *testing.T, b apptest.Bridge, ids []string) (n int) {
	t.Helper()
	for _, id := range ids {
		_, err := b.Send(t, http.MethodDelete, "/Users/"+id, "")
		var e *client.Error
		switch {
		case err == nil:
			n++
		case !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable && e.Status != http.StatusNotFound:
			t.Errorf("DELETE = %v", err)
		}
	}
	return n
}

// TestACrashLoopLetsNoMoreUsersGoThanThePolicySays: the bridge is killed after each removal, and starts again with what
// a crash of the machine leaves of its database.
func TestACrashLoopLetsNoMoreUsersGoThanThePolicySays(t *testing.T) {
	t.Parallel()
	ring, err := seal.ParseRing(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	opened := func(file string) store.Store {
		t.Helper()
		s, err := sqlstore.Open(t.Context(), sqlstore.Options{File: file, Ring: ring})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	file := filepath.Join(t.TempDir(), "store.db")
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), opened(file), brakes)
	ids := b.People(t, 20, "user")
	total := 0
	for i := range 8 {
		if i > 0 {
			crashed := filepath.Join(t.TempDir(), "store.db")
			for _, end := range []string{"", "-wal"} {
				data, err := os.ReadFile(file + end)
				if err == nil {
					err = os.WriteFile(crashed+end, data, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			original(t, crashed)
			file = crashed
			b = b.Restarted(t, opened(file))
		}
		b.PassFrom(2*time.Hour, time.Millisecond)
		total += removed(t, b, ids[2*i:2*i+1])
	}
	if total != 4 {
		t.Errorf("in eight lives the bridge let %d of 20 users go, want 4", total)
	}
	if state, err := b.App.Admin.Tenant(t.Context(), b.Path(t)); err != nil || !strings.HasPrefix(state.RemovalBrake, "holding: 4 users") {
		t.Errorf("the brake is %q, %v", state.RemovalBrake, err)
	}
}

// original makes the store take a copy of its file for its own file.
func original(t *testing.T, file string) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	system, is := info.Sys().(*syscall.Stat_t)
	if !is {
		t.Fatal("the system does not tell the inode of a file")
	}
	db, err := sql.Open("sqlite", "file:"+file)
	if err == nil {
		_, err = db.ExecContext(t.Context(), "UPDATE meta SET inode = ?", int64(system.Ino))
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestTheBrakeWithoutItsStore: deletions continue and are counted on top of those before, the brake holds, and nobody can
// lift it. When the store answers again, it has what was counted.
func TestTheBrakeWithoutItsStore(t *testing.T) {
	t.Parallel()
	memory := storetest.NewMemory(nil)
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), memory, brakes)
	ids := b.People(t, 20, "user")
	b.PassFrom(2*time.Hour, time.Millisecond)
	if n := removed(t, b, ids[:3]); n != 3 {
		t.Fatalf("%d users are gone, want 3", n)
	}
	memory.Fail(errDisk)
	if n := removed(t, b, ids[3:6]); n != 1 {
		t.Errorf("while the store is away %d more users are gone, want 1", n)
	}
	_, err := b.App.Admin.Lift(t.Context(), b.Path(t))
	if err == nil || !strings.Contains(err.Error(), "the removal brake is as before, because the store cannot record now that it is lifted; try again when the store answers") {
		t.Errorf("a lift while the store is away: %v", err)
	}
	if b.Lines.FilterMessage("the store does not answer: the removal brakes count in memory, and cannot be lifted").Len() != 1 {
		t.Error("the log does not tell that the brakes count in memory, or more than once")
	}
	memory.Fail(nil)
	b.App.KeepStore(t.Context(), time.Now())
	all, err := memory.Removals(t.Context())
	key := guard.LedgerKey(b.App.Watcher.Tenants.ByPath(b.Path(t)))
	if err != nil || len(all[key].At) != 4 || !all[key].Holding {
		t.Errorf("the store has %+v, %v", all, err)
	}
	again := b.Restarted(t, memory)
	again.PassFrom(2*time.Hour, time.Millisecond)
	if n := removed(t, again, ids[6:8]); n != 0 {
		t.Errorf("after a restart %d more users are gone", n)
	}
	if _, err := again.App.Admin.Lift(t.Context(), b.Path(t)); err != nil {
		t.Errorf("a lift: %v", err)
	}
	if n := removed(t, again, ids[6:12]); n != 6 {
		t.Errorf("after the lift %d users are gone, want 6", n)
	}
}
