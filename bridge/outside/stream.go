package outside

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Kinds of streams, as they are named in the store.
const (
	adminEvents = "admin-events"
	userEvents  = "user-events"
)

const (
	// overlap is how long before the newest event events are read again in each round. An event gets its time before its
	// transaction commits, so it can appear late.
	overlap = 5 * time.Minute
	// maxWait is how long an event waits whose resource cannot be read. Then it is recorded without documents, so that one
	// tenant that is unfit for days does not stop the others.
	maxWait = 10 * time.Minute
)

// stream is the events of one kind of a realm, and up to where they were read. Three places are in the store: the time of
// the newest event, by Keycloak's clock; when the stream was last read completely, by the clock of the bridge; and since
// when it is switched off.
type stream struct {
	kind, realm string

	known map[string]time.Time // by id: the events that are done and that the next round would read again
	waits map[string]time.Time // by id: since when an event waits
}

// stream is the stream of a kind of the round's realm.
func (r *round) stream(kind string) *stream {
	name := names(kind, r.realm)
	if r.streams[name] == nil {
		r.streams[name] = &stream{kind: kind, realm: r.realm, known: map[string]time.Time{}, waits: map[string]time.Time{}}
	}
	return r.streams[name]
}

// event is an event of either kind.
type event struct {
	id string
	at time.Time
	// changes makes the change of the event; ok is false for an event that needs no entry. hopeless says that the
	// resource was not readable for too long.
	changes func(ctx context.Context, id change.ID, hopeless bool) (c change.Change, ok bool, err error)
}

// places are up to where a stream was read.
type places struct {
	newest time.Time // event; zero when no event was read
	read   time.Time // when everything was read; zero when never
	off    time.Time // since when the realm stores no such events; zero when it stores them
}

func (s *stream) place(name string) string { return names(s.kind, name, s.realm) }

// Names of the places of a stream.
const (
	placeNewest = "newest"
	placeRead   = "read"
	placeOff    = "off"
)

func (s *stream) places(ctx context.Context, r *round) (p places, err error) {
	for name, to := range map[string]*time.Time{placeNewest: &p.newest, placeRead: &p.read, placeOff: &p.off} {
		err := r.call(ctx, func(ctx context.Context) (err error) {
			*to, err = r.o.Store.Place(ctx, s.place(name))
			return err
		})
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

func (s *stream) setPlace(ctx context.Context, r *round, name string, at time.Time) error {
	return r.call(ctx, func(ctx context.Context) error { return r.o.Store.SetPlace(ctx, s.place(name), at) })
}

// read records what happened since the last round. on says that the realm stores such events and that the bridge may read
// them, and keeps is how long it stores them; 0 for ever.
func (s *stream) read(ctx context.Context, r *round, on bool, keeps time.Duration) error {
	p, err := s.places(ctx, r)
	if err != nil {
		return err
	}
	if !on {
		if p.read.IsZero() || !p.off.IsZero() {
			return nil // it was never on, or the store knows
		}
		return s.setPlace(ctx, r, placeOff, r.now)
	}
	all, newest, there, err := s.readAll(ctx, r, p)
	if err != nil || !all {
		return err
	}
	if err := s.gap(ctx, r, p, keeps, there); err != nil {
		return err
	}
	next := places{newest: newest, read: r.now}
	oldest := next.since(r)
	maps.DeleteFunc(s.known, func(_ string, at time.Time) bool { return at.Before(oldest) })
	return s.setPlaces(ctx, r, p, next)
}

// setPlaces stores the places that changed. After a crash in between, a gap is not recorded again.
func (s *stream) setPlaces(ctx context.Context, r *round, before, next places) error {
	for _, one := range []struct {
		name         string
		before, next time.Time
	}{{placeOff, before.off, next.off}, {placeNewest, before.newest, next.newest}, {placeRead, before.read, next.read}} {
		if one.before.Equal(one.next) {
			continue
		}
		if err := s.setPlace(ctx, r, one.name, one.next); err != nil {
			return err
		}
	}
	return nil
}

// since is the time from which a round reads, by Keycloak's clock. A new store begins with the last minutes.
func (p places) since(r *round) time.Time {
	ahead := r.client.Ahead()
	switch {
	case !p.newest.IsZero():
		return p.newest.Add(-overlap)
	case !p.read.IsZero():
		return p.read.Add(ahead - overlap)
	}
	return r.now.Add(ahead - overlap)
}

// readAll records the changes of all events since the last round. all is false when a change waits for the next round.
// newest is the time of the newest event, or zero without events. there says whether the event that was the newest is
// still there. Each page begins with the time of the last event of the page before, not with an offset: events can be
// deleted meanwhile.
func (s *stream) readAll(ctx context.Context, r *round, p places) (all bool, newest time.Time, there bool, err error) {
	since, first := p.since(r), 0
	all, there = true, p.newest.IsZero()
	for {
		list, err := s.list(ctx, r, keycloak.EventQuery{Since: since, First: first, Max: keycloak.MaxEvents})
		if err != nil {
			return false, newest, there, err
		}
		for _, e := range list {
			there = there || e.at.Equal(p.newest)
			if e.at.After(newest) {
				newest = e.at
			}
			if _, done := s.known[e.id]; done {
				continue
			}
			done, err := s.take(ctx, r, e)
			if err != nil {
				return false, newest, there, err
			}
			all = all && done
		}
		if len(list) < keycloak.MaxEvents {
			return all, newest, there, nil
		}
		if last := list[len(list)-1].at; last.After(since.Truncate(time.Millisecond)) {
			since, first = last, 0
		} else { // a page of events of one millisecond
			first += len(list)
		}
	}
}

// take records the change of an event. done is false when its resource cannot be read now.
func (s *stream) take(ctx context.Context, r *round, e event) (done bool, err error) {
	id := change.IDOf(e.at, s.kind, s.realm, e.id)
	known, err := r.has(ctx, id)
	if err != nil {
		return false, err
	}
	var c change.Change
	needed := !known
	if needed {
		since, waits := s.waits[e.id]
		c, needed, err = e.changes(ctx, id, waits && r.now.Sub(since) >= maxWait)
		if err != nil {
			if !waits {
				s.waits[e.id] = r.now
			}
			r.problem(r.now, r.realm, err)
			return false, ctx.Err()
		}
	}
	if needed {
		if err := r.recordAll(ctx, c); err != nil {
			return false, err
		}
	}
	s.known[e.id] = e.at
	delete(s.waits, e.id)
	return true, nil
}

// list lists events of the stream.
func (s *stream) list(ctx context.Context, r *round, q keycloak.EventQuery) ([]event, error) {
	if s.kind == userEvents {
		q.Types = keycloak.AccountEvents()
		list, err := r.client.UserEvents(ctx, q)
		out := make([]event, len(list))
		for i, e := range list {
			out[i] = event{e.ID, e.Time, func(ctx context.Context, id change.ID, hopeless bool) (change.Change, bool, error) {
				return r.ofUserEvent(ctx, e, id, hopeless)
			}}
		}
		return out, err
	}
	list, err := r.client.AdminEvents(ctx, q)
	out := make([]event, len(list))
	for i, e := range list {
		out[i] = event{e.ID, e.Time, func(ctx context.Context, id change.ID, hopeless bool) (change.Change, bool, error) {
			return r.ofAdminEvent(ctx, e, id, hopeless)
		}}
	}
	return out, err
}

// gap records that nobody knows what others changed in a span of time, if events are missing. there says whether the event
// that was the newest in the last round is still there.
func (s *stream) gap(ctx context.Context, r *round, p places, keeps time.Duration, there bool) error {
	from, to, why := p.read, r.now, ""
	oldest := r.now.Add(-keeps)
	switch {
	case p.read.IsZero():
		return nil // the store is new
	case !p.off.IsZero():
		why = "the realm stored no such events, or the bridge could not read them"
	case keeps > 0 && p.read.Before(oldest):
		to, why = oldest, fmt.Sprintf("the realm keeps such events for %s only, and the bridge did not read them for longer", keeps)
	case !there && (keeps == 0 || p.newest.After(oldest.Add(r.client.Ahead()+overlap))):
		why = "events of the realm were deleted"
	default:
		return nil
	}
	c := r.begun(change.IDOf(from, s.kind, s.realm, "gap", from.UTC().Format(time.RFC3339Nano)), from, change.Actor{}, change.Observed, change.Resource{Type: typeRealm, ID: s.realm})
	c.Outcome = change.Unknown
	what := "what administrators and programs changed"
	if s.kind == userEvents {
		what = "what account holders changed"
	}
	c.Reason = fmt.Sprintf("not known from %s to %s: %s. %s", from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339), what, why)
	return r.record(ctx, c)
}
