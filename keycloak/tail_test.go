package keycloak_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// longest is how much later than its time an event may appear; steps of the clock count too.
const longest = 15 * time.Second

// eventModel is the feed of a realm. Its events appear later than their times, because of their transactions. Events
// with the same time come in another order in every answer.
type eventModel struct {
	r       *rand.Rand
	now     time.Time // by an exact clock
	back    time.Duration
	events  []keycloak.AdminEvent
	appears []time.Time
	cleared []bool
	seen    map[string]int
	read    int // events in all answers
	answers int // answers until one fails, when above zero
}

func newEventModel(seed uint64) *eventModel {
	return &eventModel{r: rand.New(rand.NewPCG(seed, 2)), now: time.UnixMilli(1_700_000_000_000), seen: map[string]int{}}
}

func (m *eventModel) seconds(most float64) time.Duration {
	return time.Duration(m.r.Float64() * most * float64(time.Second))
}

// add adds an event with a time, which appears late by a duration.
func (m *eventModel) add(at time.Time, late time.Duration) {
	stamp := at.Add(-m.back).Truncate(time.Millisecond)
	m.events = append(m.events, keycloak.AdminEvent{ID: fmt.Sprint(len(m.events)), Time: stamp})
	m.appears, m.cleared = append(m.appears, at.Add(late)), append(m.cleared, false)
}

// clear deletes the events that have appeared, as an administrator does.
func (m *eventModel) clear() {
	for i, at := range m.appears {
		m.cleared[i] = m.cleared[i] || !at.After(m.now)
	}
}

func (m *eventModel) AdminEvents(_ context.Context, q keycloak.EventQuery) ([]keycloak.AdminEvent, error) {
	if m.answers > 0 {
		if m.answers--; m.answers == 0 {
			return nil, &keycloak.Error{Kind: keycloak.Unavailable}
		}
	}
	var out []keycloak.AdminEvent
	for i, e := range m.events {
		if e.Time.UnixMilli() >= q.Since.UnixMilli() && !m.appears[i].After(m.now) && !m.cleared[i] {
			out = append(out, e)
		}
	}
	m.r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	slices.SortStableFunc(out, func(a, b keycloak.AdminEvent) int { return a.Time.Compare(b.Time) })
	out = out[min(q.First, len(out)):]
	out = out[:min(len(out), q.Max)]
	m.read += len(out)
	return out, nil
}

// readBy reads with a clock that is ahead, and returns how many events the answers had.
func (m *eventModel) readBy(t *testing.T, tail *keycloak.Tail, ahead time.Duration) int {
	t.Helper()
	before := m.read
	err := tail.Read(t.Context(), m, func() time.Time { return m.now.Add(ahead) }, func(e keycloak.AdminEvent) { m.seen[e.ID]++ })
	if err != nil {
		t.Fatal(err)
	}
	return m.read - before
}

// cut reads, and the answer with the number at fails.
func (m *eventModel) cut(t *testing.T, tail *keycloak.Tail, at int) {
	t.Helper()
	m.answers = at
	err := tail.Read(t.Context(), m, func() time.Time { return m.now }, func(e keycloak.AdminEvent) { m.seen[e.ID]++ })
	if keycloak.KindOf(err) != keycloak.Unavailable {
		t.Fatalf("a read whose answer %d fails = %v", at, err)
	}
}

// missed names an event that appeared and was not passed on exactly once.
func (m *eventModel) missed() string {
	for i, e := range m.events {
		if n := m.seen[e.ID]; n > 1 || n == 0 && !m.cleared[i] && !m.appears[i].After(m.now) {
			return fmt.Sprintf("event %d of %d was handed over %d times", i, len(m.events), n)
		}
	}
	return ""
}

// TestATailHandsOverEveryEventOnce, at the first read after the event appeared. This holds for events that appear up to
// the length of a transaction late and for events with the same time. It holds for any clock of the reader, when
// Keycloak's clock steps back, when all events are deleted, and when answers fail.
func TestATailHandsOverEveryEventOnce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(120) {
		m := newEventModel(seed)
		ahead := m.seconds(600) - 5*time.Minute
		if seed%2 == 0 {
			ahead = 0
		}
		tail := keycloak.NewTail(m.now)
		late := longest.Seconds()
		stepAt, most := -1, []int{6, 40}[m.r.IntN(2)]
		if seed%3 == 0 { // together at most longest
			stepAt, late = m.r.IntN(40), late/2
		}
		for round := range 60 {
			next := m.now.Add(m.seconds([]float64{0.01, 0.1, 3, 40}[m.r.IntN(4)]))
			for range m.r.IntN(most) {
				at := m.now.Add(time.Duration(m.r.Int64N(int64(next.Sub(m.now)) + 1)))
				m.add(at, m.seconds([]float64{0, 0.1, late}[m.r.IntN(3)]))
			}
			if m.now = next; round == stepAt {
				m.back = longest / 2
			}
			if seed%5 == 0 && m.r.IntN(20) == 0 {
				m.clear()
			}
			if seed%7 == 0 && m.r.IntN(4) == 0 {
				m.cut(t, tail, 1)
			}
			m.readBy(t, tail, ahead)
			if text := m.missed(); text != "" {
				t.Fatalf("seed %d, round %d: %s", seed, round, text)
			}
		}
	}
}

// TestATailGoesOnAfterAFailure: when one of several answers fails, no event is lost or passed on twice.
func TestATailGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	for failing := 1; failing <= 4; failing++ {
		m := newEventModel(uint64(failing))
		tail := keycloak.NewTail(m.now)
		flood := func() {
			for range 3 * keycloak.MaxEvents {
				m.add(m.now, 0)
				m.now = m.now.Add(20 * time.Millisecond)
			}
		}
		flood()
		m.readBy(t, tail, 0)
		m.clear()
		m.add(m.now, longest)
		flood()
		m.cut(t, tail, failing)
		m.readBy(t, tail, 0)
		if text := m.missed(); text != "" {
			t.Errorf("answer %d failed: %s", failing, text)
		}
	}
}

// TestATailReadsNoEventTwice, except the last known event: neither during a burst nor after it.
func TestATailReadsNoEventTwice(t *testing.T) {
	t.Parallel()
	m := newEventModel(1)
	tail := keycloak.NewTail(m.now)
	for round := range 100 {
		n := m.r.IntN(30)
		for range n {
			m.add(m.now, 0)
			m.now = m.now.Add(time.Duration(m.r.IntN(3)) * time.Millisecond)
		}
		m.now = m.now.Add(time.Millisecond)
		if got := m.readBy(t, tail, 0); got > n+1 {
			t.Fatalf("read %d: %d events for %d new ones", round, got, n)
		}
	}
	if text := m.missed(); text != "" {
		t.Error(text)
	}
}

// TestATailFindsALateEventNearby: when an event appears among others, only some of them are read again.
func TestATailFindsALateEventNearby(t *testing.T) {
	t.Parallel()
	m := newEventModel(1)
	tail := keycloak.NewTail(m.now)
	for range 2000 {
		m.add(m.now, 0)
		m.now = m.now.Add(5 * time.Millisecond)
	}
	m.readBy(t, tail, 0)
	m.add(m.now.Add(-50*time.Millisecond), 50*time.Millisecond)
	if got := m.readBy(t, tail, 0); got > 20 || m.missed() != "" {
		t.Errorf("%d events were read to find one that was late; %s", got, m.missed())
	}
}

// TestATailThatResumesHandsOverWhatAppearedMeanwhile, each event once, also one with a time before the place.
func TestATailThatResumesHandsOverWhatAppearedMeanwhile(t *testing.T) {
	t.Parallel()
	m := newEventModel(1)
	tail := keycloak.NewTail(m.now)
	for range 250 { // several pages
		m.add(m.now, 0)
	}
	m.add(m.now, longest-time.Second) // it appears after the place
	m.readBy(t, tail, 0)
	place := tail.Place()
	m.now = m.now.Add(time.Hour)
	for range 250 {
		m.add(m.now, 0)
	}
	again, whole, err := keycloak.ResumeTail(t.Context(), m, place)
	if err != nil || !whole {
		t.Fatalf("whole %t, %v", whole, err)
	}
	m.readBy(t, again, 0)
	for _, e := range m.events {
		if m.seen[e.ID] != 1 {
			t.Errorf("event %s is handed over %d times", e.ID, m.seen[e.ID])
		}
	}
}

// TestAPlaceWhoseEventsAreGoneIsNotWhole: somebody deleted events, it is another realm, or no event was ever read.
func TestAPlaceWhoseEventsAreGoneIsNotWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		events int
		lost   func(m *eventModel) keycloak.Events
	}{
		"deleted":                {3, func(m *eventModel) keycloak.Events { m.clear(); return m }},
		"the newest one deleted": {3, func(m *eventModel) keycloak.Events { m.cleared[2] = true; return m }},
		"another realm":          {3, func(*eventModel) keycloak.Events { return newEventModel(2) }},
		"no event":               {0, func(m *eventModel) keycloak.Events { return m }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newEventModel(1)
			tail := keycloak.NewTail(m.now)
			for range c.events {
				m.add(m.now, 0)
			}
			m.readBy(t, tail, 0)
			if _, whole, err := keycloak.ResumeTail(t.Context(), c.lost(m), tail.Place()); err != nil || whole {
				t.Errorf("whole %t, %v", whole, err)
			}
		})
	}
	m := newEventModel(1)
	m.add(m.now, 0)
	tail := keycloak.NewTail(m.now)
	m.readBy(t, tail, 0)
	m.answers = 1
	if _, _, err := keycloak.ResumeTail(t.Context(), m, tail.Place()); keycloak.KindOf(err) != keycloak.Unavailable {
		t.Errorf("during an outage: %v", err)
	}
}

func TestHowLongARealmKeepsAdminEvents(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"86400": 24 * time.Hour, "": 0, "0": 0, "-1": 0, "a day": 0} {
		var s keycloak.RealmSettings
		s.Attributes.AdminEventsExpiration = text
		if got := s.AdminEventsKept(); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
