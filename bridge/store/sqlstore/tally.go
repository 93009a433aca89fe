package sqlstore

import (
	"context"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// tally is a count without its number. minute is the time in minutes since 1970.
type tally struct {
	minute       int64
	tenant, what string
}

const (
	secondsAMinute = 60
	minutesAnHour  = 60
	minutesADay    = 24 * minutesAnHour
)

// Count implements store.Activities.
func (s *Store) Count(at time.Time, tenant, what string) {
	s.w.queue.count(tally{at.Unix() / secondsAMinute, tenant, what})
}

const addTally = "INSERT INTO tally (minute, span, tenant, what, n) VALUES (?, ?, ?, ?, ?) ON CONFLICT (minute, span, tenant, what) DO UPDATE SET n = tally.n + excluded.n"

// writeCounts writes what was counted.
func (s *Store) writeCounts(ctx context.Context) error {
	s.w.queue.due()
	return s.w.write(ctx, func(context.Context, *writer) error { return nil }) // the counts are a part of each commit
}

// Counts implements store.Activities.
func (s *Store) Counts(ctx context.Context, q store.CountQuery) ([]store.Count, error) {
	if err := s.writeCounts(ctx); err != nil {
		return nil, err
	}
	var c conditions
	c.add("true")
	if q.Tenant != "" {
		c.add("tenant = ?", q.Tenant)
	}
	if !q.Since.IsZero() {
		c.add("(minute + span) * 60 > ?", q.Since.Unix())
	}
	if !q.Until.IsZero() {
		c.add("minute * 60 < ?", q.Until.Add(time.Second-1).Unix()) // of a time within a second, the second counts
	}
	//nolint:gosec // only names of columns and question marks
	query := "SELECT minute, span, tenant, what, n FROM tally" + c.text() + " ORDER BY minute, span, tenant, what"
	rows, err := s.db.QueryContext(ctx, query, c.values...)
	if err != nil {
		return nil, s.away(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	var out []store.Count
	for rows.Next() {
		var one store.Count
		var minute, span int64
		if err := rows.Scan(&minute, &span, &one.Tenant, &one.What, &one.N); err != nil {
			return nil, s.away(err)
		}
		one.At, one.Span = time.Unix(minute*secondsAMinute, 0).UTC(), time.Duration(span)*time.Minute
		out = append(out, one)
	}
	return out, s.away(rows.Err())
}

// pruneTallies removes counts that are too old, and adds up those that are older than a day: with a thousand tenants the
// counts of a month would be more than all else. It works in steps, between the commits of changes.
func (s *Store) pruneTallies(ctx context.Context, keep time.Duration) error {
	if err := s.writeCounts(ctx); err != nil {
		return err
	}
	now := s.o.Now().Unix() / secondsAMinute
	oldest := int64(-1)
	if keep > 0 {
		oldest = now - int64(keep/time.Minute)
	}
	day := (now - minutesADay) / minutesAnHour * minutesAnHour
	for {
		n := 0
		err := s.w.write(ctx, func(ctx context.Context, w *writer) (err error) {
			n, err = foldTallies(ctx, w, oldest, day)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// foldTallies removes some counts that end before oldest, and adds up some counts of minutes before day. It returns
// their number.
func foldTallies(ctx context.Context, w *writer, oldest, day int64) (int, error) {
	const step = 50
	type old struct {
		tally

		span, n int64
	}
	rows, err := w.QueryContext(ctx, "SELECT minute, span, tenant, what, n FROM tally WHERE minute + span < ? OR minute < ? AND span = 1 ORDER BY minute LIMIT ?", oldest, day, step)
	if err != nil {
		return 0, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	var list []old
	for rows.Next() {
		var one old
		if err := rows.Scan(&one.minute, &one.span, &one.tenant, &one.what, &one.n); err != nil {
			return 0, err
		}
		list = append(list, one)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	if err := rows.Close(); err != nil {
		return 0, err
	}
	for _, one := range list {
		if _, err := w.ExecContext(ctx, "DELETE FROM tally WHERE minute = ? AND span = ? AND tenant = ? AND what = ?", one.minute, one.span, one.tenant, one.what); err != nil {
			return 0, err
		}
		if one.minute+one.span < oldest {
			continue
		}
		if _, err := w.ExecContext(ctx, addTally, one.minute/minutesAnHour*minutesAnHour, minutesAnHour, one.tenant, one.what, one.n); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}
