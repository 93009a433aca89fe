package keycloak

import (
	"context"
	"maps"
	"time"
)

const (
	// eventOverlap is how far back of the newest event others may still appear: an event has its
	// time before its transaction commits, and the clocks of a cluster's nodes differ, or step back.
	eventOverlap = 15 * time.Second
	// eventSkew is how much Keycloak's clock may be behind that of the reader.
	eventSkew = 5 * time.Minute
	// tailStep is how many events are read again at first to find one that appeared among them.
	tailStep = 16
	// tailTries is how often that is done before all are read again.
	tailTries = 4
)

// Events lists admin events, the oldest first (Client.AdminEvents).
type Events interface {
	AdminEvents(ctx context.Context, q EventQuery) ([]AdminEvent, error)
}

// Tail reads the admin events of a realm as they appear, each once.
//
// An event may appear behind others that are newer. So each read asks from a time on before which
// none can appear any more, and leaves out, by an offset, as many as it read since that time. The
// list has then as many events as are new, and the last one that is known in front of them. Where
// one appeared in between, all behind it stand one place further back: known ones are in the list,
// and as many that are new stand before it. They are looked for backwards. Whatever the order of
// events with the same time is in one answer or the next, a list whose events are all new holds all
// that are.
//
// Where events were deleted, even the known one is missing. All since that time are read again
// then. Keycloak deletes the oldest first; a realm that keeps them for less than half a minute has
// no feed that could be followed.
type Tail struct {
	types   []string
	newest  time.Time            // event, by Keycloak's clock
	settled time.Time            // by the same clock: no event before it can appear
	mark    eventMark            // what is settled when eventOverlap is over
	known   map[string]time.Time // by id: the events that were read, of those that the next read asks for
}

// eventMark is the newest event of a read that ended at a time of the reader's clock: Keycloak's
// was there already.
type eventMark struct{ at, newest time.Time }

// NewTail is a Tail of the events about some types of resources, or about all, from some minutes
// before a time on.
func NewTail(now time.Time, types ...string) *Tail {
	return &Tail{types: types, newest: now.Add(-eventSkew), known: map[string]time.Time{}}
}

// Read hands over every event that appeared since the last Read, by the reader's clock. After an
// error the next Read goes on where it was.
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

// since is from when on events are asked for, in whole milliseconds as Keycloak compares them.
func (t *Tail) since() time.Time {
	since := t.newest.Add(-eventOverlap)
	if t.settled.After(since) {
		since = t.settled
	}
	return since.Truncate(time.Millisecond)
}

// settle learns from a read which events none can precede any more.
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

// page reads events from an offset on, and returns how many of them were new.
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

// news reads what is new. It reports false when the numbers do not add up.
func (r *tailRead) news(ctx context.Context) (ok bool, err error) {
	for tries := 0; tries < tailTries; {
		known := len(r.known)
		first := max(known-1, 0)
		list, fresh, err := r.page(ctx, first, MaxEvents)
		if err != nil {
			return false, err
		}
		switch missing := first + len(list) - known - fresh; {
		case len(list) == MaxEvents && fresh > 0: // there are more
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

// behind reads backwards from an offset until it found so many new ones.
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

// everything reads all events again since the time from which they are asked for.
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
