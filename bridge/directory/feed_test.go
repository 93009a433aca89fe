package directory

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// lateEvents are events that show later than their time says, by their transactions.
type lateEvents struct {
	events  []keycloak.AdminEvent
	shows   []time.Time
	now     time.Time
	answers int // events of all answers
}

func (l *lateEvents) add(at time.Time, late time.Duration) {
	l.events = append(l.events, keycloak.AdminEvent{ID: fmt.Sprint(len(l.events)), Time: at})
	l.shows = append(l.shows, at.Add(late))
}

func (l *lateEvents) AdminEvents(_ context.Context, since time.Time, first int) ([]keycloak.AdminEvent, error) {
	var out []keycloak.AdminEvent
	for i, e := range l.events {
		if !e.Time.Before(since) && !l.shows[i].After(l.now) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b keycloak.AdminEvent) int { return a.Time.Compare(b.Time) })
	out = out[min(first, len(out)):]
	out = out[:min(len(out), keycloak.MaxEvents)]
	l.answers += len(out)
	return out, nil
}

// pollAt polls at a time of a clock that is ahead of Keycloak's, and returns how many events were new.
func (f *feed) pollAt(t *testing.T, l *lateEvents, now time.Time, ahead time.Duration, applied map[string]int) {
	t.Helper()
	l.now = now
	if err := f.poll(t.Context(), l, func(e keycloak.AdminEvent) { applied[e.ID]++ }); err != nil {
		t.Fatal(err)
	}
	f.settle(now.Add(ahead), now.Add(ahead))
}

// TestEveryEventIsAppliedOnce, however late it shows, as long as that is not later than a transaction
// lasts, and whatever the bridge's clock says.
func TestEveryEventIsAppliedOnce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		seconds := func(most float64) time.Duration { return time.Duration(r.Float64() * most * float64(time.Second)) }
		now := time.UnixMilli(1_700_000_000_000)
		l, f, applied := &lateEvents{}, &feed{newest: now.Add(-skew), seen: map[string]bool{}}, map[string]int{}
		ahead := seconds(600) - 5*time.Minute
		for range 60 {
			next := now.Add(seconds([]float64{0.1, 3, 40}[r.IntN(3)]))
			for range r.IntN(6) {
				l.add(now.Add(time.Duration(r.Int64N(int64(next.Sub(now))+1))), seconds(eventOverlap.Seconds()))
			}
			now = next
			f.pollAt(t, l, now, ahead, applied)
		}
		f.pollAt(t, l, now.Add(eventOverlap), ahead, applied)
		for i := range l.events {
			if n := applied[fmt.Sprint(i)]; n != 1 {
				t.Fatalf("seed %d: event %d was applied %d times", seed, i, n)
			}
		}
	}
}

// TestABurstOfEventsIsNotReadForEver: once nothing can precede its last event any more, a poll reads that alone.
func TestABurstOfEventsIsNotReadForEver(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	l, f, applied := &lateEvents{}, &feed{newest: now.Add(-skew), seen: map[string]bool{}}, map[string]int{}
	for i := range 3000 {
		l.add(now.Add(time.Duration(i)*time.Millisecond), 0)
	}
	for range 3 {
		now = now.Add(eventOverlap)
		f.pollAt(t, l, now, 0, applied)
	}
	l.answers = 0
	f.pollAt(t, l, now.Add(time.Second), 0, applied)
	if l.answers != 1 || len(applied) != 3000 {
		t.Errorf("a poll after the burst read %d events, %d in all; want 1 of 3000", l.answers, len(applied))
	}
}
