package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// Activity implements store.Activities.
func (s *Store) Activity(ctx context.Context, id string) (store.Activity, error) {
	b, err := idBytes(change.ID(id))
	if err != nil {
		return store.Activity{}, store.ErrNoActivity
	}
	var r activityRow
	err = r.scan(s.db.QueryRowContext(ctx, "SELECT "+activityColumns+" FROM activity WHERE id = ?", b))
	if errors.Is(err, sql.ErrNoRows) {
		return store.Activity{}, store.ErrNoActivity
	}
	if err != nil {
		return store.Activity{}, s.away(err)
	}
	return r.opened(s.keys.Load()), nil
}

// Activities implements store.Activities.
func (s *Store) Activities(ctx context.Context, q store.ActivityQuery) iter.Seq2[store.Activity, error] {
	return func(yield func(store.Activity, error) bool) {
		where, err := s.whereActivity(ctx, q)
		if err != nil {
			yield(store.Activity{}, s.away(err))
			return
		}
		left := q.Limit
		for after := q.After; ; {
			n := pageRows
			if q.Limit > 0 {
				n = min(n, left)
			}
			page, err := s.activityPage(ctx, where, q.Newest, after, n)
			if err != nil {
				yield(store.Activity{}, s.away(err))
				return
			}
			k := s.keys.Load()
			for i := range page {
				if err := ctx.Err(); err != nil {
					yield(store.Activity{}, err)
					return
				}
				if !yield(page[i].opened(k), nil) {
					return
				}
				after = page[i].Number
			}
			if left -= len(page); len(page) < n || q.Limit > 0 && left == 0 {
				return
			}
		}
	}
}

func (s *Store) activityPage(ctx context.Context, where conditions, newest bool, after int64, n int) ([]activityRow, error) {
	where.texts, where.values = slices.Clone(where.texts), slices.Clone(where.values)
	order := " ORDER BY number LIMIT ?"
	switch {
	case newest && after > 0:
		where.add("number < ?", after)
	case !newest:
		where.add("number > ?", after)
	}
	if newest {
		order = " ORDER BY number DESC LIMIT ?"
	}
	//nolint:gosec // only names of columns and question marks
	query := "SELECT " + activityColumns + " FROM activity" + where.text() + order
	rows, err := s.db.QueryContext(ctx, query, append(where.values, n)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	var out []activityRow
	for rows.Next() {
		var r activityRow
		if err := r.scan(rows); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// whereActivity are the conditions of a query, without the one for the page. Conditions of partial indexes are written
// out: SQLite does not infer them.
func (s *Store) whereActivity(ctx context.Context, q store.ActivityQuery) (conditions, error) {
	var c conditions
	const hundred = 100
	if q.Tenant != "" {
		c.add("tenant = ?", q.Tenant)
	}
	if q.Resource != "" {
		c.add("resource = ? AND resource <> ''", q.Resource)
	}
	if q.Code != "" {
		c.add("code = ?", q.Code)
	}
	if q.Of != "" {
		of, err := idBytes(change.ID(q.Of))
		if err != nil {
			of = []byte{} // finds nothing
		}
		c.add("part_of = ?", of)
	}
	if q.Class != 0 {
		c.add("status >= ? AND status < ?", q.Class*hundred, (q.Class+1)*hundred)
	}
	if q.Failed {
		c.add("status >= 400")
	}
	if !q.Since.IsZero() {
		c.add("at >= ?", micros(q.Since))
	}
	if !q.Until.IsZero() {
		c.add("at < ?", micros(q.Until))
	}
	if q.Person != nil {
		if err := s.whereNamed(ctx, &c, *q.Person); err != nil {
			return c, err
		}
	}
	return c, nil
}

// whereNamed adds the condition for a person: the document names the person, or the request is about a user that the
// journal or a document names by one of the person's identifiers.
func (s *Store) whereNamed(ctx context.Context, c *conditions, p store.Person) error {
	hashes := s.hashes(p.Identifiers())
	ids, err := s.users(ctx, hashes)
	if err != nil {
		return err
	}
	named, err := s.namedUsers(ctx, hashes)
	if err != nil {
		return err
	}
	ids = append(ids, named...)
	for _, id := range ids {
		hashes = append(hashes, s.hashes(store.Person{ID: id}.Identifiers())...)
	}
	addNamed(c, hashes, formsOf(append(ids, p.ID)...))
	return nil
}

// namedUsers are the ids of the users whose requests have a document with one of the hashes.
func (s *Store) namedUsers(ctx context.Context, hashes []any) ([]string, error) {
	return s.texts(ctx, "SELECT DISTINCT resource FROM activity WHERE type = 'User' AND resource <> '' AND number IN (SELECT number FROM activity_subject WHERE hash IN ("+marks(len(hashes))+")) LIMIT ?", append(slices.Clone(hashes), maxUsers)...)
}

// addNamed adds the condition that a document has one of the hashes, or that a request is about one of the users.
func addNamed(c *conditions, hashes []any, ids []any) {
	text := "number IN (SELECT number FROM activity_subject WHERE hash IN (" + marks(len(hashes)) + "))"
	if len(ids) > 0 {
		text = "(" + text + " OR resource IN (" + marks(len(ids)) + ") AND resource <> '')"
	}
	c.add(text, append(slices.Clone(hashes), ids...)...)
}

// formsOf are ids as they can be in a row: an operator can write them in another case.
func formsOf(ids ...string) []any {
	var out []any
	for _, id := range ids {
		for _, form := range []string{strings.TrimSpace(id), strings.ToLower(strings.TrimSpace(id))} {
			if form != "" && !slices.Contains(out, any(form)) {
				out = append(out, form)
			}
		}
	}
	return out
}

// texts reads a column of texts.
func (s *Store) texts(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	var out []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, rows.Err()
}

// text is the WHERE clause; "" without conditions.
func (c conditions) text() string {
	if len(c.texts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.texts, " AND ")
}
