package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// errTurn says that the last commit is another one than this process knows.
var errTurn = errors.New("the last commit is of another process")

func (e *pgEngine) write(ctx context.Context, l *load) error {
	if e.lost != nil {
		return e.lost
	}
	if l.empty() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.patience)
	defer cancel()
	next := newTurn()
	err := e.load(ctx, e.writes, l, e.turn, next)
	switch {
	case err == nil:
		e.turn = next
		return nil
	case errors.Is(err, errTurn):
		return e.who(ctx)
	case unsure(err):
		e.next, e.bumps = next, nil
		return fmt.Errorf("%w: %w", errUnsure, slow(err))
	}
	return e.fault(err)
}

// slow is an error without the end of a time that this engine set itself.
func slow(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w (%v)", errSlow, err) //nolint:errorlint // see above
	}
	return err
}

func (e *pgEngine) run(ctx context.Context, w *writer, l *load, run func(ctx context.Context, w *writer) error) error {
	if e.lost != nil {
		return e.lost
	}
	ctx, cancel := context.WithTimeout(ctx, pgRun)
	defer cancel()
	tx, err := e.writes.BeginTx(ctx, nil)
	if err != nil {
		return slow(err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	next := newTurn()
	n, err := affected(tx.ExecContext(ctx, "UPDATE head SET turn = ? WHERE turn = ?"+durable, next, e.turn))
	if err != nil {
		return e.fault(err)
	}
	if n == 0 {
		return errors.Join(tx.Rollback(), e.who(ctx))
	}
	w.session = tx
	err = run(ctx, w)
	w.session = e.writes
	if err == nil {
		err = e.load(ctx, tx, l, next, next)
	}
	if err != nil {
		return e.fault(err)
	}
	if err := tx.Commit(); err != nil {
		if unsure(err) {
			e.next, e.bumps = next, nil
			return fmt.Errorf("%w: %w", errUnsure, slow(err))
		}
		return e.fault(err)
	}
	e.turn = next
	return nil
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// resolve waits for the commit of which it is not known whether it happened, if the server still works on it. When it has
// not happened, the next turn makes it impossible.
func (e *pgEngine) resolve(ctx context.Context) (committed bool, err error) {
	if e.lost != nil {
		return false, e.lost
	}
	ctx, cancel := context.WithTimeout(ctx, e.patience)
	defer cancel()
	bump := newTurn()
	e.bumps = append(e.bumps, bump)
	n, err := affected(e.writes.ExecContext(ctx, "UPDATE head SET turn = ? WHERE turn = ?", bump, e.turn))
	if err != nil {
		return false, slow(err)
	}
	if n == 1 {
		e.turn = bump
		return false, nil
	}
	process, turn, err := e.last(ctx)
	if err != nil {
		return false, err
	}
	earlier := slices.ContainsFunc(e.bumps, func(b []byte) bool { return bytes.Equal(b, turn) })
	if process != e.process || !earlier && !bytes.Equal(turn, e.next) {
		return false, e.lose(process)
	}
	e.turn = turn
	return !earlier, nil
}

func (e *pgEngine) last(ctx context.Context) (process string, turn []byte, err error) {
	err = e.writes.QueryRowContext(ctx, "SELECT process, turn FROM head").Scan(&process, &turn)
	return process, turn, slow(err)
}

// who finds out why the last commit is another one.
func (e *pgEngine) who(ctx context.Context) error {
	process, _, err := e.last(ctx)
	if err != nil {
		return err
	}
	return e.lose(process)
}

// lose ends the writing of this process.
func (e *pgEngine) lose(process string) error {
	if process != e.process {
		e.lost = errOther
	} else {
		e.lost = errOlder
	}
	return e.lost
}

var (
	errOther = errors.New("another bridge uses this store since then: run only one bridge with a store, and restart this one if it is the one to stay")
	errOlder = errors.New("the database has an older state than it acknowledged: a standby may have taken over that had not received everything. Stop the bridge, run scim-bridge store restore, which begins a new epoch, and start it again")
)

// load executes a load with one statement, if the last commit is the one that this process knows.
func (e *pgEngine) load(ctx context.Context, q rowsOf, l *load, turn, next []byte) error {
	if l.empty() {
		return nil
	}
	st := &pgStatement{}
	l.fence(st, turn, next)
	l.journal(st)
	l.requests(st)
	l.brake(st)
	fenced, begun := false, map[string]bool{}
	err := each(ctx, q, st.text(len(l.intents) > 0), func(rows *sql.Rows) error {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return err
		}
		if id == nil {
			fenced = true
		} else {
			begun[string(id)] = true
		}
		return nil
	}, st.args...)
	if err != nil {
		return err
	}
	if !fenced {
		return errTurn
	}
	for _, one := range l.intents {
		one.known = !begun[string(one.id)]
	}
	return nil
}

// pgStatement is a statement with a part for each table. Every part depends on the part fence, which has a row only when
// the last commit is the expected one.
type pgStatement struct {
	parts []string
	args  []any
}

func (st *pgStatement) arg(value any) string {
	st.args = append(st.args, value)
	return "$" + strconv.Itoa(len(st.args))
}

// add adds a part.
func (st *pgStatement) add(text string) {
	st.parts = append(st.parts, "p"+strconv.Itoa(len(st.parts))+" AS ("+text+")")
}

// text is the statement. It returns a row with NULL if the last commit is the expected one, and the ids of the changes
// that begin.
func (st *pgStatement) text(intents bool) string {
	out := "WITH " + strings.Join(st.parts, ", ") + " SELECT NULL::bytea FROM fence"
	if intents {
		out += " UNION ALL SELECT id FROM begun"
	}
	return out
}

// rows are the values of rows, one list for each column. The letters of kinds are the types of the columns: i for
// numbers, t for texts, b for bytes, o for booleans.
func (st *pgStatement) rows(kinds string, rows [][]any) string {
	lists := make([]string, len(kinds))
	for column, kind := range kinds {
		switch kind {
		case 'i':
			lists[column] = st.arg(listOf(rows, column, numberOf)) + "::bigint[]"
		case 't':
			lists[column] = st.arg(listOf(rows, column, func(v any) string { text, _ := v.(string); return text })) + "::text[]"
		case 'b':
			lists[column] = st.arg(listOf(rows, column, func(v any) []byte { b, _ := v.([]byte); return b })) + "::bytea[]"
		default:
			lists[column] = st.arg(listOf(rows, column, func(v any) bool { b, _ := v.(bool); return b })) + "::boolean[]"
		}
	}
	return "unnest(" + strings.Join(lists, ", ") + ")"
}

func listOf[T any](rows [][]any, column int, of func(any) T) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = of(r[column])
	}
	return out
}

// numberOf is a number of a row; nil for NULL.
func numberOf(value any) *int64 {
	switch v := value.(type) {
	case int64:
		return &v
	case int:
		n := int64(v)
		return &n
	case *int64:
		return v
	}
	return nil
}

// insert adds a part that inserts rows. conflict is the rest of the statement.
func (st *pgStatement) insert(table, columns, kinds string, rows [][]any, conflict string) {
	if len(rows) > 0 {
		st.add("INSERT INTO " + table + " (" + columns + ") SELECT u.* FROM " + st.rows(kinds, rows) + " AS u, fence" + conflict)
	}
}

// remove adds a part that deletes the rows with keys.
func (st *pgStatement) remove(table string, columns []string, kinds string, keys [][]any) {
	if len(keys) == 0 {
		return
	}
	names, same := make([]string, len(columns)), make([]string, len(columns))
	for i, column := range columns {
		names[i] = "k" + strconv.Itoa(i)
		same[i] = table + "." + column + " = u." + names[i]
	}
	st.add("DELETE FROM " + table + " USING " + st.rows(kinds, keys) + " AS u(" + strings.Join(names, ", ") + "), fence WHERE " + strings.Join(same, " AND "))
}

// fence takes the turn, and writes the ends of the journal.
func (l *load) fence(st *pgStatement, turn, next []byte) {
	set := []string{"turn = " + st.arg(next)}
	if l.state != l.before {
		k := l.s.keys.Load()
		signature := l.s.signHead(k.sealer(), l.state)
		for _, c := range []struct {
			name  string
			value any
		}{
			{"epoch", l.state.epoch}, {"number", l.state.number}, {"link", l.state.link[:]}, {"pruned", l.state.pruned}, {"base", l.state.base[:]}, {"generation", k.newest}, {"signature", signature[:]}, {"bytes", l.state.bytes},
		} {
			set = append(set, c.name+" = "+st.arg(c.value))
		}
	}
	st.parts = append(st.parts, "fence AS (UPDATE head SET "+strings.Join(set, ", ")+" WHERE turn = "+st.arg(turn)+durable+")")
}

// durable makes a commit wait for the disk, although the server is set to answer before.
const durable = " RETURNING CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END"

// journal adds the rows of changes.
func (l *load) journal(st *pgStatement) {
	gone, again := slices.Concat(l.ended, l.withdrawn), [][]byte{} // one statement cannot delete and insert a row
	if len(l.intents) > 0 {
		rows := make([][]any, len(l.intents))
		for i, one := range l.intents {
			rows[i] = []any{one.id, one.head, one.generation, one.content}
			same := func(id []byte) bool { return bytes.Equal(id, one.id) }
			if slices.ContainsFunc(gone, same) {
				gone, again = slices.DeleteFunc(gone, same), append(again, one.id)
			}
		}
		st.parts = append(st.parts, "begun AS (INSERT INTO intent (id, head, generation, content) SELECT u.id, u.head, u.generation, u.content FROM "+st.rows("biib", rows)+
			" WITH ORDINALITY AS u(id, head, generation, content, place), fence WHERE NOT EXISTS (SELECT 1 FROM entry AS e WHERE e.id = u.id) ORDER BY u.place"+
			" ON CONFLICT (id) DO UPDATE SET head = excluded.head, generation = excluded.generation, content = excluded.content WHERE intent.id = ANY ("+st.arg(again)+"::bytea[]) RETURNING id)")
	}
	if len(gone) > 0 {
		st.add("DELETE FROM intent WHERE id = ANY (" + st.arg(gone) + "::bytea[]) AND EXISTS (SELECT 1 FROM fence)")
	}
	rows := make([][]any, len(l.entries))
	for i := range l.entries {
		rows[i] = l.entries[i].values()
	}
	st.insert("entry", columns, "ibiiittttttttttttiobbibo", rows, "")
	st.insert("subject", "hash, number", "bi", subjectValues(l.subjects), " ON CONFLICT (hash, number) DO NOTHING")
	rows = nil
	for number, next := range l.unindexed {
		rows = append(rows, []any{number, next})
	}
	st.insert("unindexed", "number, next", "ii", rows, " ON CONFLICT (number) DO UPDATE SET next = excluded.next")
	rows = nil
	for number, members := range l.overlaps {
		rows = append(rows, []any{number, members})
	}
	st.insert("overlap", "number, members", "it", rows, " ON CONFLICT (number) DO UPDATE SET members = excluded.members")
	rows = nil
	var dropped [][]any
	for key, doc := range l.applied {
		if doc == nil {
			dropped = append(dropped, []any{key.tenant, key.resource})
		} else {
			rows = append(rows, []any{key.tenant, key.resource, doc.generation, doc.content})
		}
	}
	st.insert("applied", "tenant, resource, generation, content", "ttib", rows, " ON CONFLICT (tenant, resource) DO UPDATE SET generation = excluded.generation, content = excluded.content")
	st.remove("applied", []string{"tenant", "resource"}, "tt", dropped)
}

func subjectValues(list []subjectRow) [][]any {
	out := make([][]any, len(list))
	for i, one := range list {
		out[i] = []any{one.hash, one.number}
	}
	return out
}

// requests adds the rows of requests, and the counts.
func (l *load) requests(st *pgStatement) {
	rows := make([][]any, len(l.acts))
	for i, r := range l.acts {
		rows[i] = append(r.values(), r.bytes, r.subjects)
	}
	st.insert("activity", activityColumns+", bytes, subjects", "ibiittttttbttttitibiitooibib", rows, "")
	st.insert("activity_subject", "hash, number", "bi", subjectValues(l.subjectsOf()), " ON CONFLICT (hash, number) DO NOTHING")
	st.remove("activity_subject", []string{"hash", "number"}, "bi", subjectValues(l.goneSubjects()))
	rows = nil
	for _, one := range l.gone {
		rows = append(rows, []any{one.number})
	}
	st.remove("activity", []string{"number"}, "i", rows)
	rows = nil
	for t, n := range l.tallies {
		rows = append(rows, []any{t.minute, 1, t.tenant, t.what, n})
	}
	st.insert("tally", "minute, span, tenant, what, n", "iitti", rows, " ON CONFLICT (minute, span, tenant, what) DO UPDATE SET n = tally.n + excluded.n")
}

// brake adds what the removal brakes know, and the uses of credentials.
func (l *load) brake(st *pgStatement) {
	var rows, kept, dropped [][]any
	for tenant, b := range l.brakes {
		rows = append(rows, []any{tenant, b.Users, micros(b.Counted), micros(b.Lifted), b.Holding})
	}
	st.insert("brake", "tenant, users, counted, lifted, holding", "tiiio", rows,
		" ON CONFLICT (tenant) DO UPDATE SET users = excluded.users, counted = excluded.counted, lifted = excluded.lifted, holding = excluded.holding")
	for key, at := range l.removals {
		switch {
		case at != nil:
			kept = append(kept, []any{key.tenant, key.user, micros(*at)})
		case !l.cleared[key.tenant]:
			dropped = append(dropped, []any{key.tenant, key.user})
		}
	}
	st.insert("removal", `tenant, "user", removed`, "tti", kept, ` ON CONFLICT (tenant, "user") DO UPDATE SET removed = excluded.removed`)
	st.remove("removal", []string{"tenant", `"user"`}, "tt", dropped)
	if len(l.cleared) > 0 {
		var tenants []string
		for tenant := range l.cleared {
			tenants = append(tenants, tenant)
		}
		text := "DELETE FROM removal WHERE tenant = ANY (" + st.arg(tenants) + "::text[]) AND EXISTS (SELECT 1 FROM fence)"
		if len(kept) > 0 { // one statement cannot delete and insert a row
			text += ` AND NOT EXISTS (SELECT 1 FROM ` + st.rows("tti", kept) + ` AS u(t, u, r) WHERE u.t = removal.tenant AND u.u = removal."user")`
		}
		st.add(text)
	}
	rows, dropped = nil, nil
	for reader, at := range l.places {
		if at.IsZero() {
			dropped = append(dropped, []any{reader})
		} else {
			rows = append(rows, []any{reader, micros(at)})
		}
	}
	st.insert("place", "reader, at", "ti", rows, " ON CONFLICT (reader) DO UPDATE SET at = excluded.at")
	st.remove("place", []string{"reader"}, "t", dropped)
	rows = nil
	for c, used := range l.uses {
		rows = append(rows, []any{c.Of.Realm, c.Of.Key, c.KeyID, c.Name, used})
	}
	st.insert("credential_use", "realm, tenant, key_id, name, used", "tttti", rows, " ON CONFLICT (realm, tenant, key_id, name) DO UPDATE SET used = greatest(credential_use.used, excluded.used)")
}
