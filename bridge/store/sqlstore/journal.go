package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Intend implements store.Journal.
func (s *Store) Intend(ctx context.Context, c change.Change) error {
	id, err := idBytes(c.ID)
	if err != nil {
		return fmt.Errorf("record a change: %q is not an id", c.ID)
	}
	object := privateOf(c).object()
	object[nameChange] = openObject(c)
	content, err := contentOf(object)
	if err != nil {
		return err
	}
	k := s.keys.Load()
	sealed := k.sealer().Seal(nil, intentPlace(id), content)
	var row *intentRow
	return s.w.send(&job{
		ctx: ctx, done: make(chan error, 1),
		add: func(l *load) error {
			if now := s.keys.Load(); now.newest != k.newest { // the key is another one meanwhile
				k, sealed = now, now.sealer().Seal(nil, intentPlace(id), content)
			}
			row = &intentRow{id: id, generation: k.newest, content: sealed}
			return l.intend(row)
		},
		refused: func() error {
			if row.known {
				return known(c.ID)
			}
			return nil
		},
		// Also when the caller has given up: the change is open then, and whoever settles open changes finds it.
		committed: func() { s.begin(c.ID, intent{row.head, timeOf(micros(c.Begun))}) },
	})
}

// isNew returns ErrKnown for the id of a change that is begun or settled.
func (w *writer) isNew(ctx context.Context, id []byte) error {
	n, err := w.number(ctx, "SELECT (SELECT count(*) FROM intent WHERE id = ?) + (SELECT count(*) FROM entry WHERE id = ?)", id, id)
	if err != nil || n == 0 {
		return err
	}
	return known(idText(id))
}

// known says that the journal has a change with an id.
func known(id change.ID) error {
	return fmt.Errorf("%w: give every change a new id, unlike %s", store.ErrKnown, id)
}

// begin remembers a change that is begun.
func (s *Store) begin(id change.ID, one intent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[id] = one
}

// openObject is the public part of a change that is begun.
func openObject(c change.Change) map[string]any {
	return map[string]any{
		"begun": json.Number(strconv.FormatInt(micros(c.Begun), 10)), "tenant": c.Tenant, "realm": c.Realm, "organization": c.Organization.ID, "alias": c.Organization.Alias,
		"actorKind": c.Actor.Kind, "actor": c.Actor.Name, "keyID": c.Actor.KeyID, "origin": string(c.Origin), "op": string(c.Op), "type": c.Resource.Type, "resource": c.Resource.ID,
		"outcome": string(c.Outcome), "done": c.Done, "recovered": c.Recovered,
	}
}

// openFrom is the change of openObject.
func openFrom(object map[string]any) (c change.Change, err error) {
	text := func(name string) string {
		value, _ := object[name].(string)
		return value
	}
	begun, _ := object["begun"].(json.Number)
	done, _ := object["done"].(json.Number)
	recovered, _ := object["recovered"].(bool)
	us, err1 := begun.Int64()
	steps, err2 := done.Int64()
	if err1 != nil || err2 != nil {
		return c, errContent
	}
	c.Begun = timeOf(us)
	public{
		tenant: text("tenant"), realm: text("realm"), organization: text("organization"), alias: text("alias"), actorKind: text("actorKind"), actor: text("actor"), keyID: text("keyID"),
		origin: text("origin"), op: text("op"), kind: text("type"), resource: text("resource"), outcome: text("outcome"), done: steps, recovered: recovered,
	}.restore(&c)
	return c, nil
}

// settlement is a settled change.
type settlement struct {
	s       *Store
	c       change.Change
	id      []byte
	head    int64 // of its intent
	intent  bool  // whether there is an intent to end
	settled time.Time
	list    []store.Identifier

	// ready is closed when the fields below are made. That happens beside the caller, who need not wait, and beside the
	// writer, because there is only one writer.
	ready   chan struct{}
	err     error // why they cannot be made
	content []byte
	applied []byte // the compressed document, or nil
	sealed  sealed
}

// sealed is what one key makes of a settlement.
type sealed struct {
	generation int64
	content    []byte
	applied    []byte                // nil when the change leaves no document
	hashes     [][seal.HashSize]byte // of the first subjects
}

// seal seals the settlement with a key.
func (one *settlement) seal(k *keys) {
	first := one.list[:min(len(one.list), maxSubjects)]
	one.sealed = sealed{generation: k.newest, content: k.sealer().Seal(nil, entryPlace(one.id), one.content), hashes: make([][seal.HashSize]byte, len(first))}
	if one.applied != nil {
		one.sealed.applied = k.sealer().Seal(nil, appliedPlace(one.c.Tenant, one.c.Resource.ID), one.applied)
	}
	for i, identifier := range first {
		one.sealed.hashes[i] = k.sealer().Hash(byte(identifier.Kind), identifier.Value)
	}
}

// settlement begins to prepare a change that is settled now. p is its private part. The documents are encoded at once,
// because the caller may change them afterwards.
func (s *Store) settlement(c change.Change, p private) (*settlement, error) {
	id, err := idBytes(c.ID)
	if err != nil {
		return nil, err
	}
	text, err := scim.Encode(p.object())
	if err != nil {
		return nil, err
	}
	document, err := appliedOf(c)
	if err != nil {
		return nil, err
	}
	one := &settlement{s: s, c: c, id: id, settled: s.o.Now(), list: store.IdentifiersOf(c), ready: make(chan struct{})}
	one.c.Before, one.c.After = nil, nil
	go one.prepare(text, document, s.keys.Load())
	return one, nil
}

// prepare compresses and seals the settlement. document is what the change leaves for its resource, or nil.
func (one *settlement) prepare(text, document []byte, k *keys) {
	defer close(one.ready)
	if one.content, one.err = contentFrom(text); one.err != nil {
		return
	}
	if document != nil {
		var out bytes.Buffer
		one.err = compress(&out, document)
		one.applied = out.Bytes()
	}
	one.seal(k)
}

// Settle implements store.Journal.
func (s *Store) Settle(ctx context.Context, c change.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.isOpen(c.ID) {
		return fmt.Errorf("%s cannot be settled: %w", c.ID, store.ErrNotOpen)
	}
	one, err := s.settlement(c, privateOf(c))
	if err != nil {
		return err
	}
	s.mu.Lock()
	begun, is := s.open[c.ID]
	delete(s.open, c.ID)
	s.mu.Unlock()
	if !is { // somebody else settled it meanwhile
		return fmt.Errorf("%s cannot be settled: %w", c.ID, store.ErrNotOpen)
	}
	one.c.Begun, one.head, one.intent = begun.begun, begun.head, true
	if err := s.w.settle(one); err != nil {
		s.begin(c.ID, begun)
		return s.away(err)
	}
	return nil
}

// Withdraw implements store.Journal.
func (s *Store) Withdraw(ctx context.Context, change change.ID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	begun, is := s.open[change]
	delete(s.open, change)
	s.mu.Unlock()
	if !is {
		return fmt.Errorf("%s cannot be withdrawn: %w", change, store.ErrNotOpen)
	}
	id, err := idBytes(change)
	if err == nil {
		err = s.w.note(func(l *load) { l.withdrawn = append(l.withdrawn, id) })
	}
	if err != nil {
		s.begin(change, begun)
		return s.away(err)
	}
	return nil
}

const insertEntry = "INSERT INTO entry (" + columns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

const insertSubject = "INSERT INTO subject (hash, number) VALUES (?, ?) ON CONFLICT (hash, number) DO NOTHING"

// subjects adds hashes of what an entry is found by.
func (s *Store) subjects(ctx context.Context, w *writer, number int64, list []store.Identifier) error {
	generation, err := w.number(ctx, "SELECT generation FROM entry WHERE number = ?", number)
	if err != nil {
		return err
	}
	sealer := s.keys.Load().sealers[generation]
	if sealer == nil {
		return &store.BrokenError{Number: number, What: "its content was changed"}
	}
	for _, one := range list {
		hash := sealer.Hash(byte(one.Kind), one.Value)
		w.load.subjects = append(w.load.subjects, subjectRow{hash[:], number})
	}
	return nil
}

// Flush implements store.Journal.
func (s *Store) Flush(ctx context.Context) error {
	if err := s.w.flush(ctx); err != nil {
		return s.away(err)
	}
	var wait int
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM unindexed").Scan(&wait); err != nil || wait == 0 {
		return s.away(err)
	}
	if err := s.upkeep.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.upkeep.Release(1)
	return s.flushLocked(ctx)
}

// flushLocked is Flush for a caller that holds upkeep.
func (s *Store) flushLocked(ctx context.Context) error {
	if err := s.w.flush(ctx); err != nil {
		return s.away(err)
	}
	for last := (indexed{}); ; {
		more, err := s.indexStep(ctx, &last)
		if err != nil || !more {
			return err
		}
	}
}

// indexed is an entry with many subjects while they are written: to open it for each step would take long.
type indexed struct {
	number int64
	list   []store.Identifier
}

// indexStep writes the next subjects of an entry with many. more reports whether there may be further ones. last is the
// entry of the step before; no entry changes while upkeep is held.
func (s *Store) indexStep(ctx context.Context, last *indexed) (more bool, err error) {
	var number, next int64
	err = s.db.QueryRowContext(ctx, "SELECT number, next FROM unindexed ORDER BY number LIMIT 1").Scan(&number, &next)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, s.away(err)
	}
	if number != last.number {
		var e store.Entry
		if e, err = s.byNumber(ctx, number); err == nil {
			*last = indexed{number, store.IdentifiersOf(e.Change)}
		}
	}
	if errors.Is(err, store.ErrNotFound) { // somebody wrote the row, or removed the entry
		return true, s.w.write(ctx, func(ctx context.Context, w *writer) error {
			_, err := w.ExecContext(ctx, "DELETE FROM unindexed WHERE number = ?", number)
			return err
		})
	}
	if err != nil {
		return false, err
	}
	list := last.list[min(max(int(next), 0), len(last.list)):]
	step := s.engine.step()
	return true, s.w.write(ctx, func(ctx context.Context, w *writer) error {
		if err := s.subjects(ctx, w, number, list[:min(len(list), step)]); err != nil {
			return err
		}
		if len(list) <= step {
			_, err := w.ExecContext(ctx, "DELETE FROM unindexed WHERE number = ?", number)
			return err
		}
		_, err := w.ExecContext(ctx, "UPDATE unindexed SET next = ? WHERE number = ? AND next = ?", next+int64(step), number, next)
		return err
	})
}

// Open implements store.Journal.
func (s *Store) Open(ctx context.Context) ([]change.Change, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT id, generation, content FROM intent ORDER BY one")
	if err != nil {
		return nil, s.away(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	k := s.keys.Load()
	out := []change.Change{}
	for rows.Next() {
		var id, content []byte
		var generation int64
		if err := rows.Scan(&id, &generation, &content); err != nil {
			return nil, s.away(err)
		}
		c, err := openIntent(k, id, generation, content)
		if err != nil {
			return nil, err
		}
		if s.isOpen(c.ID) { // else it waits for the commit of its settlement
			out = append(out, c)
		}
	}
	return out, s.away(rows.Err())
}

func (s *Store) isOpen(id change.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, is := s.open[id]
	return is
}

func openIntent(k *keys, id []byte, generation int64, sealed []byte) (change.Change, error) {
	content, err := k.open(generation, intentPlace(id), sealed)
	if err != nil {
		return change.Change{}, fmt.Errorf("an open change cannot be read, because its row in the table intent was altered: restore a backup with scim-bridge store restore: %w", err)
	}
	object, err := objectOf(content)
	if err != nil {
		return change.Change{}, err
	}
	begun, _ := object[nameChange].(map[string]any)
	c, err := openFrom(begun)
	if err != nil {
		return c, err
	}
	p, err := privateFrom(object)
	p.restore(&c)
	c.ID = idText(id)
	return c, err
}

// loadIntents remembers the changes that are begun.
func (s *Store) loadIntents(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, "SELECT id, head, generation, content FROM intent")
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	for rows.Next() {
		var id, content []byte
		var head, generation int64
		if err := rows.Scan(&id, &head, &generation, &content); err != nil {
			return err
		}
		c, err := openIntent(s.keys.Load(), id, generation, content)
		if err != nil {
			return err
		}
		s.open[c.ID] = intent{head, c.Begun}
	}
	return rows.Err()
}

// openPrivate opens the private part of an entry. It is empty when the entry is erased.
func openPrivate(k *keys, generation int64, place string, sealed []byte) (private, error) {
	if sealed == nil {
		return private{}, nil
	}
	content, err := k.open(generation, place, sealed)
	if err != nil {
		return private{}, err
	}
	object, err := objectOf(content)
	if err != nil {
		return private{}, err
	}
	return privateFrom(object)
}

// Overlaps implements store.Journal.
func (s *Store) Overlaps(ctx context.Context) ([]store.Overlap, error) {
	query := "SELECT o.members, " + prefixed("e.") + //nolint:gosec // only names of columns
		" FROM overlap o JOIN entry e ON e.number = o.number ORDER BY o.number"
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return nil, s.away(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	out := []store.Overlap{}
	for rows.Next() {
		var text string
		var r row
		if err := rows.Scan(append([]any{&text}, r.places()...)...); err != nil {
			return nil, s.away(err)
		}
		e, err := s.opened(&r)
		if err != nil {
			return nil, err
		}
		e.Before, e.After = nil, nil
		one := store.Overlap{Change: e.Change}
		if err := json.Unmarshal([]byte(text), &one.Members); err != nil {
			return nil, errContent
		}
		out = append(out, one)
	}
	return out, s.away(rows.Err())
}

// Observed implements store.Journal.
func (s *Store) Observed(ctx context.Context, o store.Overlap, c change.Change) error {
	ended, err := idBytes(o.Change.ID)
	if err != nil {
		return store.ErrNotFound
	}
	one, err := s.settlement(c, privateOf(c))
	if err != nil {
		return fmt.Errorf("record what was observed: %w", err)
	}
	return s.w.write(ctx, func(ctx context.Context, w *writer) error {
		result, err := w.ExecContext(ctx, "DELETE FROM overlap WHERE number = (SELECT number FROM entry WHERE id = ?)", ended)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, store.ErrNotFound)
		}
		return w.load.settle(one)
	})
}

// Record implements store.Journal.
func (s *Store) Record(ctx context.Context, c change.Change) error {
	one, err := s.settlement(c, privateOf(c))
	if err != nil {
		return fmt.Errorf("record a change that others made: %w", err)
	}
	return s.w.write(ctx, func(ctx context.Context, w *writer) error {
		if err := w.isNew(ctx, one.id); err != nil {
			return err
		}
		return w.load.settle(one)
	})
}
