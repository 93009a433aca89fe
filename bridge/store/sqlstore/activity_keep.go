package sqlstore

import (
	"context"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// pruneActs is the number of rows of requests that are removed in one commit. A writer waits for such a commit.
const pruneActs = 50

// pruneActivity removes rows and counts that are too old. Then it removes the oldest rows of the tenant with the most,
// while the store is too large and the rows use more than their part.
func (s *Store) pruneActivity(ctx context.Context, r store.Retention) (int64, error) {
	var out int64
	if r.Activity > 0 {
		oldest := micros(s.o.Now().Add(-r.Activity))
		for {
			n, err := s.removeActs(ctx, "SELECT number, tenant, bytes, subjects FROM activity WHERE at < ? ORDER BY at LIMIT ?", oldest)
			out += n
			if err != nil {
				return out, err
			}
			if n == 0 {
				break
			}
		}
	}
	if err := s.pruneTallies(ctx, r.Activity); err != nil {
		return out, err
	}
	const quarter = 4
	for r.MaxBytes > 0 {
		size, err := s.size(ctx)
		used, largest := s.usage.total()
		if err != nil || size <= r.MaxBytes || used.Bytes <= r.MaxBytes/quarter {
			return out, err
		}
		n, err := s.removeActs(ctx, "SELECT number, tenant, bytes, subjects FROM activity WHERE tenant = ? ORDER BY number LIMIT ?", largest)
		out += n
		if err != nil || n == 0 {
			return out, err
		}
	}
	return out, nil
}

// removeActs removes the first rows that a query selects, and returns their number.
func (s *Store) removeActs(ctx context.Context, query string, args ...any) (int64, error) {
	var n int64
	var l *load
	err := s.w.send(&job{
		ctx: ctx, done: make(chan error, 1),
		run: func(ctx context.Context, w *writer) error {
			l = w.load
			list, err := removable(ctx, w, query, append(args, pruneActs)...)
			for _, one := range list {
				l.remove(one)
			}
			n = int64(len(list))
			return err
		},
		committed: func() { s.usage.apply(l.usage) },
	})
	if err != nil || n == 0 {
		return 0, err
	}
	return n, s.engine.shrink(ctx, s.w)
}

// forgetActivity erases a person from the rows of requests, and returns their number: the rows that name the person, and
// those about the person's user, also when only requests name that user.
func (s *Store) forgetActivity(ctx context.Context, p store.Person, who store.Forgotten) (int, error) {
	hashes := s.hashes(slices.Concat(p.Identifiers(), store.Person{ID: who.ID}.Identifiers(), who.Names))
	named, err := s.namedUsers(ctx, hashes)
	if err != nil {
		return 0, s.away(err)
	}
	ids := []string{who.ID, p.ID}
	for _, id := range named { // a user of the journal is another person, whose request used a name of this one
		other, err := s.users(ctx, s.hashes(store.Person{ID: id}.Identifiers()))
		if err != nil {
			return 0, s.away(err)
		}
		if len(other) == 0 {
			ids = append(ids, id)
			hashes = append(hashes, s.hashes(store.Person{ID: id}.Identifiers())...)
		}
	}
	var c conditions
	addNamed(&c, hashes, formsOf(ids...))
	return s.forgetActs(ctx, c)
}

// forgetActs erases the documents of the rows that conditions select, and returns their number.
func (s *Store) forgetActs(ctx context.Context, c conditions) (int, error) {
	c.add("content IS NOT NULL")
	count := 0
	for {
		n := 0
		var l *load
		err := s.w.send(&job{
			ctx: ctx, done: make(chan error, 1),
			run: func(ctx context.Context, w *writer) (err error) {
				l = w.load
				n, err = eraseActs(ctx, w, c, l.usage)
				return err
			},
			committed: func() { s.usage.apply(l.usage) },
		})
		if err != nil || n == 0 {
			return count, err
		}
		count += n
	}
}

// eraseActs erases the documents of the first rows that conditions select, and returns their number.
func eraseActs(ctx context.Context, w *writer, c conditions, to usageChange) (int, error) {
	list, err := removable(ctx, w, "SELECT number, tenant, bytes, subjects FROM activity"+c.text()+" LIMIT ?", append(slices.Clip(c.values), pruneActs)...)
	if err != nil {
		return 0, err
	}
	for _, one := range list {
		if err := deleteSubjects(ctx, w, one.number, one.subjects); err != nil {
			return 0, err
		}
		if _, err := w.ExecContext(ctx, "UPDATE activity SET content = NULL, subjects = NULL, generation = NULL, erased = TRUE, bytes = ? WHERE number = ?", store.RowSize, one.number); err != nil {
			return 0, err
		}
		to.add(one.tenant, 0, store.RowSize-one.bytes)
	}
	return len(list), nil
}

// rekeyActivity seals the documents of requests with the newest key. more reports whether there may be further ones.
func (s *Store) rekeyActivity(ctx context.Context) (more bool, err error) {
	err = s.w.write(ctx, func(ctx context.Context, w *writer) error {
		more, err = s.rekeyActs(ctx, w)
		return err
	})
	return more, err
}

func (s *Store) rekeyActs(ctx context.Context, w *writer) (more bool, err error) {
	k := s.keys.Load()
	rows, err := w.QueryContext(ctx, "SELECT "+activityColumns+", subjects FROM activity WHERE generation < ? AND generation IS NOT NULL LIMIT ?", k.newest, pruneRows)
	if err != nil {
		return false, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	var list []activityRow
	var subjects [][]byte
	for rows.Next() {
		var r activityRow
		var of []byte
		if err := r.scan(also{rows, &of}); err != nil {
			return false, err
		}
		list, subjects = append(list, r), append(subjects, of)
	}
	if err := rows.Err(); err != nil {
		return false, err
	}
	if err := rows.Close(); err != nil {
		return false, err
	}
	for i := range list {
		if err := list[i].rekey(ctx, w, k, subjects[i]); err != nil {
			return false, err
		}
	}
	return len(list) > 0, nil
}

// also scans a further column.
type also struct {
	rows  interface{ Scan(places ...any) error }
	place any
}

// Scan reads the columns and the further one.
func (a also) Scan(places ...any) error { return a.rows.Scan(append(places, a.place)...) }

// rekey seals a row with the newest key. A document that cannot be opened is gone.
func (r *activityRow) rekey(ctx context.Context, w *writer, k *keys, before []byte) error {
	if err := deleteSubjects(ctx, w, r.Number, before); err != nil {
		return err
	}
	sealed, err := k.open(*r.generation, activityPlace(r.id), r.content)
	opened := r.opened(k)
	if err != nil || opened.Document == nil {
		_, err := w.ExecContext(ctx, "UPDATE activity SET content = NULL, subjects = NULL, generation = NULL, lacks = ? WHERE number = ?", string(store.LacksDamaged), r.Number)
		return err
	}
	after := hashesIn(k.sealer(), store.NamedIn(opened.Document))
	if _, err := w.ExecContext(ctx, "UPDATE activity SET generation = ?, content = ?, subjects = ? WHERE number = ?", k.newest, k.sealer().Seal(nil, activityPlace(r.id), sealed), after, r.Number); err != nil {
		return err
	}
	for rest := after; len(rest) >= seal.HashSize; rest = rest[seal.HashSize:] {
		w.load.actSubjects = append(w.load.actSubjects, subjectRow{rest[:seal.HashSize], r.Number})
	}
	return nil
}
