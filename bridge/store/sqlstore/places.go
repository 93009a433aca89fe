package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Place implements store.Places. What waits for a commit is the newest place.
func (s *Store) Place(ctx context.Context, reader string) (time.Time, error) {
	if err := s.w.flush(ctx); err != nil {
		return time.Time{}, s.away(err)
	}
	var at int64
	err := s.db.QueryRowContext(ctx, "SELECT at FROM place WHERE reader = ?", reader).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return timeOf(at), s.away(err)
}

// SetPlace implements store.Places.
func (s *Store) SetPlace(ctx context.Context, reader string, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.away(s.w.note(func(l *load) { l.places[reader] = at }))
}
