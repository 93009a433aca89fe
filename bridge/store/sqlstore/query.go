package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// pageRows is the number of rows that one statement reads: a statement that reads for long keeps the write-ahead log
// from being used again.
const pageRows = 200

// prefixed are the columns of the table entry with the name of the table.
func prefixed(table string) string {
	return table + strings.ReplaceAll(columns, ", ", ", "+table)
}

// Entry implements store.Journal.
func (s *Store) Entry(ctx context.Context, id change.ID) (store.Entry, error) {
	b, err := idBytes(id)
	if err != nil {
		return store.Entry{}, store.ErrNotFound
	}
	return s.one(ctx, "SELECT "+columns+" FROM entry WHERE id = ?", b)
}

func (s *Store) byNumber(ctx context.Context, n int64) (store.Entry, error) {
	return s.one(ctx, "SELECT "+columns+" FROM entry WHERE number = ?", n)
}

func (s *Store) one(ctx context.Context, query string, key any) (store.Entry, error) {
	var r row
	err := s.db.QueryRowContext(ctx, query, key).Scan(r.places()...)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Entry{}, store.ErrNotFound
	}
	if err != nil {
		return store.Entry{}, s.away(err)
	}
	return s.opened(&r)
}

// opened is a row as an entry.
func (s *Store) opened(r *row) (store.Entry, error) {
	p, err := openPrivate(s.keys.Load(), r.generation, entryPlace(r.id), r.content)
	if err != nil {
		return store.Entry{}, &store.BrokenError{Number: r.number, What: "its content cannot be opened: " + err.Error()}
	}
	return r.entry(p), nil
}

// Entries implements store.Journal.
func (s *Store) Entries(ctx context.Context, q store.Query) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		where, err := s.where(ctx, q)
		if err != nil {
			yield(store.Entry{}, s.away(err))
			return
		}
		s.pages(ctx, where, q, yield)
	}
}

// pages yields the entries that conditions select, in the order and the number of a query.
func (s *Store) pages(ctx context.Context, where conditions, q store.Query, yield func(store.Entry, error) bool) {
	left := q.Limit
	for after := q.After; ; {
		n := pageRows
		if q.Limit > 0 {
			n = min(n, left)
		}
		page, err := s.page(ctx, where, q.Newest, after, n)
		if err != nil {
			yield(store.Entry{}, s.away(err))
			return
		}
		for i := range page {
			e, err := s.opened(&page[i])
			if ctx.Err() != nil {
				e, err = store.Entry{}, ctx.Err()
			}
			if !yield(e, err) || err != nil {
				return
			}
			after = page[i].number
		}
		left -= len(page)
		if len(page) < n || q.Limit > 0 && left == 0 {
			return
		}
	}
}

// conditions are the conditions of a statement, with their values.
type conditions struct {
	texts  []string
	values []any
}

func (c *conditions) add(text string, values ...any) {
	c.texts = append(c.texts, text)
	c.values = append(c.values, values...)
}

// where are the conditions of a query, without the one for the page.
func (s *Store) where(ctx context.Context, q store.Query) (conditions, error) {
	var c conditions
	for column, value := range map[string]string{"tenant": q.Tenant, "resource": q.Resource, "op": string(q.Op), "outcome": string(q.Outcome)} {
		if value != "" {
			c.add(column+" = ?", value)
		}
	}
	if err := s.between(ctx, &c, q.Since, q.Until); err != nil {
		return c, err
	}
	if q.Person != nil {
		hashes, err := s.hashesOf(ctx, q.Person.Identifiers())
		if err != nil {
			return c, err
		}
		c.add("number IN (SELECT number FROM subject WHERE hash IN ("+marks(len(hashes))+"))", hashes...)
	}
	return c, nil
}

// between adds the bounds of the time. A clock can jump, so the times are not in the order of the numbers: the numbers
// only bound what is read.
func (s *Store) between(ctx context.Context, c *conditions, since, until time.Time) error {
	if since.IsZero() && until.IsZero() {
		return nil
	}
	last := int64(math.MaxInt64)
	if !until.IsZero() {
		last = micros(until)
	}
	var lowest, highest sql.NullInt64
	if err := s.db.QueryRowContext(ctx, "SELECT min(number), max(number) FROM entry WHERE settled >= ? AND settled < ?", micros(since), last).Scan(&lowest, &highest); err != nil {
		return err
	}
	c.add("settled >= ? AND settled < ? AND number BETWEEN ? AND ?", micros(since), last, lowest.Int64, highest.Int64)
	return nil
}

// marks are n question marks for a list, which is never empty: NULL is in no list.
func marks(n int) string {
	if n == 0 {
		return "NULL"
	}
	return strings.TrimSuffix(strings.Repeat("?, ", n), ", ")
}

func (s *Store) page(ctx context.Context, where conditions, newest bool, after int64, n int) ([]row, error) {
	where.texts, where.values = slices.Clone(where.texts), slices.Clone(where.values)
	order := " ORDER BY number"
	switch {
	case newest && after > 0:
		where.add("number < ?", after)
	case !newest:
		where.add("number > ?", after)
	}
	if newest {
		order += " DESC"
	}
	query := "SELECT " + columns + " FROM entry"
	if len(where.texts) > 0 {
		query += " WHERE " + strings.Join(where.texts, " AND ")
	}
	rows, err := s.db.QueryContext(ctx, query+order+" LIMIT ?", append(where.values, n)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	var out []row
	for rows.Next() {
		var r row
		if err := rows.Scan(r.places()...); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// hashesOf are the hashes that find a person: those of the identifiers, and those of the ids of the users whose entries
// have one of the identifiers.
func (s *Store) hashesOf(ctx context.Context, list []store.Identifier) ([]any, error) {
	hashes := s.hashes(list)
	ids, err := s.users(ctx, hashes)
	if err != nil {
		return nil, err
	}
	var more []store.Identifier
	for _, id := range ids {
		more = append(more, store.Person{ID: id}.Identifiers()...)
	}
	return append(hashes, s.hashes(more)...), nil
}

// hashes are the hashes of identifiers under each key.
func (s *Store) hashes(list []store.Identifier) []any {
	k := s.keys.Load()
	var out []any
	for _, one := range list {
		for _, sealer := range k.sealers {
			hash := sealer.Hash(byte(one.Kind), one.Value)
			out = append(out, hash[:])
		}
	}
	return out
}

// maxUsers is the most users that one identifier may find.
const maxUsers = 1000

// users are the ids of the users whose entries have one of the hashes.
func (s *Store) users(ctx context.Context, hashes []any) ([]string, error) {
	//nolint:gosec // only question marks
	query := "SELECT DISTINCT resource FROM entry WHERE type = 'User' AND resource <> '' AND number IN (SELECT number FROM subject WHERE hash IN (" + marks(len(hashes)) + ")) LIMIT ?"
	rows, err := s.db.QueryContext(ctx, query, append(hashes, maxUsers)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	var out []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, rows.Err()
}
