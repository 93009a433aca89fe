package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestAKilledProcessLosesNothingInPostgreSQL: see TestAKilledProcessLosesNothing. The next process takes the store.
func TestAKilledProcessLosesNothingInPostgreSQL(t *testing.T) {
	t.Parallel()
	p := onSchema(t)
	url, err := p.URL(t.Context())
	noError(t, err)
	survives(t, Options{Postgres: p}, "SQLSTORE_URL="+url, "SQLSTORE_SCHEMA="+p.Schema)
}

// writing are writers that journal changes while their database fails.
type writing struct {
	s *Store

	mu       sync.Mutex
	intended []change.ID        // acknowledged
	refused  map[change.ID]bool // intents with an error: nobody knows whether they are open
	failures int                // what was refused
	moved    chan struct{}      // closed when something was acknowledged or refused
}

func (w *writing) tell(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
	close(w.moved)
	w.moved = make(chan struct{})
}

// until waits until what is counted has grown by n.
func (w *writing) until(t *testing.T, what string, n int, count func() int) {
	t.Helper()
	w.mu.Lock()
	from := count()
	w.mu.Unlock()
	for {
		w.mu.Lock()
		now, moved := count(), w.moved
		w.mu.Unlock()
		if now >= from+n {
			return
		}
		select {
		case <-moved:
		case <-t.Context().Done():
			t.Fatalf("the writers wait for ever until %s", what)
		}
	}
}

// write journals changes until the context ends.
func (w *writing) write(ctx context.Context, t *testing.T, writer int) {
	t.Helper()
	for i := 0; ctx.Err() == nil; i++ {
		c := twoKilobytes(writer*1_000_000 + i)
		if err := w.s.Intend(t.Context(), c); err != nil {
			if !errors.Is(err, store.ErrAway) {
				t.Errorf("an intent: %v", err)
			}
			w.tell(func() {
				w.refused[c.ID] = true
				w.failures++
			})
			continue
		}
		w.tell(func() { w.intended = append(w.intended, c.ID) })
		w.s.Act(succeeded(c))
		c.Outcome = change.Done
		if err := w.s.Settle(t.Context(), c); err != nil {
			t.Errorf("a settlement: %v", err)
			return
		}
	}
}

// checks compares the journal with what was acknowledged.
func (w *writing) checks(t *testing.T) {
	t.Helper()
	flushed(t, w.s)
	found := map[change.ID]int{}
	for e, err := range w.s.Entries(t.Context(), store.Query{}) {
		noError(t, err)
		found[e.ID]++
	}
	lost := 0
	for _, id := range w.intended {
		if found[id] != 1 {
			lost++
		}
	}
	if lost > 0 || len(found) != len(w.intended) {
		t.Errorf("of %d acknowledged changes %d are not in the journal once, which has %d", len(w.intended), lost, len(found))
	}
	open, err := w.s.Open(t.Context())
	noError(t, err)
	for _, c := range open {
		if !w.refused[c.ID] || found[c.ID] > 0 {
			t.Errorf("a change that was acknowledged is open")
		}
	}
	requests := map[string]int{}
	for a, err := range w.s.Activities(t.Context(), store.ActivityQuery{}) {
		noError(t, err)
		requests[a.ID]++
	}
	if stats := storeStats(t, w.s); len(requests)+int(stats.Dropped) != len(w.intended) || stats.Waiting > 0 {
		t.Errorf("%d requests are kept and %d dropped, %d settlements wait, want %d requests", len(requests), stats.Dropped, stats.Waiting, len(w.intended))
	}
	if _, err := w.s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestADatabaseThatFailsLosesNothing: the server is killed and started again, paused, and its connections are ended, in
// the middle of the changes of four writers. What was acknowledged is in the journal once, also for the next process.
func TestADatabaseThatFailsLosesNothing(t *testing.T) {
	t.Parallel()
	p, err := keycloaktest.StartPostgres(t.Context()) // it waits for the disk
	noError(t, err)
	t.Cleanup(func() { noError(t, p.Stop()) })
	o := Options{Postgres: &Postgres{URL: always(urlOf(p)), patience: 500 * time.Millisecond}, Ring: ring(t, seal.NewKey())}
	s := opened(t, o)
	w := &writing{s: s, refused: map[change.ID]bool{}, moved: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var g sync.WaitGroup
	for i := range 4 {
		g.Go(func() { w.write(ctx, t, i) })
	}
	works := func(after string) {
		w.until(t, "changes are written after "+after, 40, func() int { return len(w.intended) })
	}
	fails := func(during string) {
		w.until(t, "changes are refused during "+during, 1, func() int { return w.failures })
	}
	works("the start")
	for round := range max(1, *kills/3) {
		noError(t, p.Kill(t.Context()))
		fails("a crash")
		noError(t, p.Start(t.Context()))
		works("a crash")
		noError(t, p.Pause())
		fails("a pause")
		noError(t, p.Continue())
		works("a pause")
		for range 5 {
			executed(t, urlOf(p), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'scim-bridge'")
			works("the end of the connections")
		}
		noError(t, p.Pause())
		fails("a pause")
		noError(t, p.Kill(t.Context()))
		noError(t, p.Start(t.Context()))
		works(fmt.Sprint("a crash in a pause, ", round))
	}
	stop()
	g.Wait()
	w.checks(t)
	noError(t, s.Close())
	w.s = opened(t, o)
	if proof, err := w.s.Verify(t.Context()); err != nil || proof.Entries != int64(len(w.intended)) {
		t.Errorf("the next process proves %+v, %v, want %d entries", proof, err, len(w.intended))
	}
}
