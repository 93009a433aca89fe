package keycloak

import (
	"context"
	"maps"
	"time"
)

const (
	// eventOverlap is how long before the newest event other events may still appear. An event gets its time before its
	// transaction commits, and the clocks of a cluster's nodes differ or are set back.
	eventOverlap = 15 * time.Second
	// eventSkew is how much Keycloak's clock may be behind the clock of the reader.
	eventSkew = 5 * time.Minute
	// tailStep is how many events are read again first, to find an event that appeared among them.
	tailStep = 16
	// tailTries is how often this is done before all events are read again.
	tailTries = 4
)

// Events lists admin events, the oldest first (Client.AdminEvents).
type Events interface {
	AdminEvents(ctx context.Context, q EventQuery) ([]AdminEvent, error)
}

// Tail reads the admin events of a realm as they appear, each once.
//
// An event may appear after newer events were read, in its place among them. So each read asks for the events since a
// time before which no event can appear any longer. By an offset it skips all known events except the last. When all
// events of the page except one are new, no event is missing, whatever the order of events with the same time. When an
// event appeared among known ones, the known events after it moved back by a place. The page then has a known event
// more, and the new event is before the page. Such events are searched backwards.
//
// When events were deleted, even the known event is missing. Then all events since that time are read again. Keycloak
// deletes the oldest events first. The events of a realm that keeps them for less than half a minute cannot be
// followed.
type Tail struct {
	types   []string
	newest  time.Time            // event, by Keycloak's clock
	settled time.Time            // by the same clock: no older event can appear
	mark    eventMark            // becomes settled after eventOverlap
	known   map[string]time.Time // by id: the events read so far that the next read would list too
}

// eventMark is the newest event of a read, and the time of the reader's clock when the read ended. At that time
// Keycloak's clock had reached the event.
type eventMark struct{ at, newest time.Time }

// NewTail is a Tail of the events about some types of resources, or about all types, from some minutes before a time.
func NewTail(now time.Time, types ...string) *Tail {
	return &Tail{types: types, newest: now.Add(-eventSkew), known: map[string]time.Time{}}
}

// TailPlace is how far a Tail has read. It outlives the process.
type TailPlace struct {
	Newest  time.Time            `json:"newest"` // event that was read
	Settled time.Time            `json:"settled"`
	Known   map[string]time.Time `json:"known"` // by the id of the event
}

// Place is how far the Tail has read.
func (t *Tail) Place() TailPlace { return TailPlace{t.newest, t.settled, maps.Clone(t.known)} }

// ResumeTail is a Tail that has read to a place. whole reports whether the realm still has the newest events that were
// read before the place. Otherwise somebody deleted events, or it is another realm, and what happened since the place is
// not known. The first Read passes the events since the place.
func ResumeTail(ctx context.Context, events Events, p TailPlace, types ...string) (t *Tail, whole bool, err error) {
	t = &Tail{types: types, newest: p.Newest, settled: p.Settled, known: map[string]time.Time{}}
	since := t.since()
	for id, at := range p.Known {
		if !at.Before(since) {
			t.known[id] = at
		}
	}
	missing := len(t.known)
	if missing == 0 {
		return t, false, nil
	}
	found := map[string]bool{} // events can move to a later page meanwhile
	for first := 0; missing > 0; first += MaxEvents {
		list, err := events.AdminEvents(ctx, EventQuery{Since: since, First: first, Max: MaxEvents, Types: types})
		if err != nil {
			return nil, false, err
		}
		for _, e := range list {
			if _, is := t.known[e.ID]; is && !found[e.ID] {
				found[e.ID] = true
				missing--
			}
		}
		if len(list) < MaxEvents {
			break
		}
	}
	return t, missing == 0, nil
}

// Read passes every event that appeared since the last Read to take. After an error the next Read continues where this
// one stopped.
func (t *Tail) Read(ctx context.Context, events Events, now func() time.Time, take func(AdminEvent)) error {
	r := &tailRead{Tail: t, events: events, take: take, since: t.since(), newest: t.newest}
	maps.DeleteFunc(t.known, func(_ string, at time.Time) bool { return at.Before(r.since) })
	began := now()
	ok, err := r.news(ctx)
	if err == nil && !ok {
		err = r.readAll(ctx)
	}
	if err != nil {
		return err
	}
	t.newest = r.newest
	t.settle(began, now())
	return nil
}

// since is the time from which events are requested, in whole milliseconds as Keycloak compares them.
func (t *Tail) since() time.Time {
	since := t.newest.Add(-eventOverlap)
	if t.settled.After(since) {
		since = t.settled
	}
	return since.Truncate(time.Millisecond)
}

// settle learns from a read the time before which no event can appear any longer.
func (t *Tail) settle(began, ended time.Time) {
	if !t.mark.at.IsZero() {
		if began.Sub(t.mark.at) < eventOverlap {
			return
		}
		t.settled = t.mark.newest
	}
	t.mark = eventMark{ended, t.newest}
}

// tailRead is one Read.
type tailRead struct {
	*Tail

	events Events
	take   func(AdminEvent)
	since  time.Time
	newest time.Time // event that was read
}

// page reads events from an offset on. fresh is how many of them were new.
func (r *tailRead) page(ctx context.Context, first, limit int) (list []AdminEvent, fresh int, err error) {
	list, err = r.events.AdminEvents(ctx, EventQuery{Since: r.since, First: first, Max: limit, Types: r.types})
	for _, e := range list {
		if _, known := r.known[e.ID]; !known {
			r.known[e.ID] = e.Time
			r.take(e)
			fresh++
		}
		if e.Time.After(r.newest) {
			r.newest = e.Time
		}
	}
	return list, fresh, err
}

// news reads the new events. ok is false when the numbers do not add up.
func (r *tailRead) news(ctx context.Context) (ok bool, err error) {
	for tries := 0; tries < tailTries; {
		known := len(r.known)
		first := max(known-1, 0)
		list, fresh, err := r.page(ctx, first, MaxEvents)
		if err != nil {
			return false, err
		}
		switch missing := first + len(list) - known - fresh; {
		case len(list) == MaxEvents && fresh > 0: // there are more events
		case missing == 0:
			return true, nil
		case missing < 0 || len(list) == MaxEvents:
			return false, nil
		default:
			tries++
			if ok, err := r.behind(ctx, first, missing); !ok {
				return false, err
			}
		}
	}
	return false, nil
}

// behind reads backwards from an offset until it has found the missing number of new events.
func (r *tailRead) behind(ctx context.Context, first, missing int) (ok bool, err error) {
	for step := tailStep; missing > 0 && first > 0; step = min(4*step, MaxEvents) { //nolint:mnd // most are near
		from := max(first-step, 0)
		_, fresh, err := r.page(ctx, from, first-from)
		if err != nil {
			return false, err
		}
		first, missing = from, missing-fresh
	}
	return missing <= 0, nil
}

// readAll reads all events since the start time again.
func (r *tailRead) readAll(ctx context.Context) error {
	found := map[string]time.Time{}
	for first := 0; ; first += MaxEvents {
		list, _, err := r.page(ctx, first, MaxEvents)
		if err != nil {
			return err
		}
		for _, e := range list {
			found[e.ID] = e.Time
		}
		if len(list) < MaxEvents {
			r.known = found
			return nil
		}
	}
}
