package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// keys are the keys that the rows of a store use.
type keys struct {
	newest  int64 // the generation that seals
	sealers map[int64]*seal.Sealer
	former  map[int64]*seal.Sealer // of keys that nothing needs any more, for reads that began before
	chains  []link                 // by their first numbers
}

// link is a secret of the chain, with the number of the first entry that it links.
type link struct {
	first int64
	chain *seal.Chain
	// before is the last link of the secret before it.
	before [store.LinkSize]byte
}

// chain is the chain that links the entry with a number.
func (k *keys) chain(number int64) *seal.Chain {
	out := k.chains[0].chain
	for _, l := range k.chains {
		if l.first <= number {
			out = l.chain
		}
	}
	return out
}

// sealer is the sealer that seals.
func (k *keys) sealer() *seal.Sealer { return k.sealers[k.newest] }

// open opens a content.
func (k *keys) open(generation int64, place string, sealed []byte) ([]byte, error) {
	s := k.sealers[generation]
	if s == nil {
		s = k.former[generation]
	}
	if s == nil {
		return nil, fmt.Errorf("it is sealed with a key of generation %d, which the store does not have", generation)
	}
	return s.Open(place, sealed)
}

// errKey says that the key file is not the one of the store.
var errKey = errors.New("the key file does not have the key of this store: correct store.keyFile, or restore the key file from its backup")

// load reads the keys, the end of the journal and the changes that are begun. In a new store it makes them.
func (s *Store) load(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	if err := s.engine.lock(ctx, tx); err != nil {
		return err
	}
	column, place, err := s.engine.place(ctx, tx)
	if err != nil {
		return err
	}
	var made string
	err = tx.QueryRowContext(ctx, "SELECT store, "+column+" FROM meta").Scan(&s.id, &made)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err = s.make(ctx, tx, column, place)
	case err == nil && s.o.copied:
		_, err = tx.ExecContext(ctx, "UPDATE meta SET "+column+" = ?", place) //nolint:gosec // the name of a column
	case err == nil && made != place:
		err = s.engine.copied()
	}
	if err != nil {
		return err
	}
	size, err := s.engine.take(ctx, tx)
	if err != nil {
		return err
	}
	k, err := s.loadKeys(ctx, tx)
	if err != nil {
		return err
	}
	s.keys.Store(k)
	if err := s.loadHead(ctx, tx, k); err != nil {
		return err
	}
	s.state.bytes = size
	if err := s.loadIntents(ctx, tx); err != nil {
		return err
	}
	if err := s.loadUses(ctx, tx); err != nil {
		return err
	}
	if err := s.loadUsage(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// make writes what a new store has, with its place in a column of the table meta.
func (s *Store) make(ctx context.Context, tx *sql.Tx, column, place string) error {
	s.id = strings.ToLower(rand.Text())
	if _, err := tx.ExecContext(ctx, "INSERT INTO meta (one, store, needs, made, "+column+") VALUES (1, ?, ?, ?, ?)", s.id, number, micros(s.o.Now()), place); err != nil { //nolint:gosec // the name of a column
		return err
	}
	newest := s.o.Ring.Newest()
	id := newest.ID()
	if _, err := tx.ExecContext(ctx, "INSERT INTO master (generation, key_id) VALUES (1, ?)", id[:]); err != nil {
		return err
	}
	sealer := newest.Sealer()
	if _, err := s.addChain(ctx, tx, sealer, 1, link{first: 1}); err != nil {
		return err
	}
	return s.writeHead(ctx, tx, sealer, 1, state{epoch: 1})
}

// addChain writes a new secret of the chain. It replaces a secret that links no entry.
func (s *Store) addChain(ctx context.Context, tx execer, sealer *seal.Sealer, generation int64, l link) (*seal.Chain, error) {
	secret := seal.NewChain()
	sealed := sealer.Seal(nil, chainPlace(l.first), secret[:])
	signature := s.signChain(sealer, l.first, sealed, l.before)
	_, err := tx.ExecContext(ctx, "INSERT INTO chain (first, generation, secret, link, signature) VALUES (?, ?, ?, ?, ?)"+
		" ON CONFLICT (first) DO UPDATE SET generation = excluded.generation, secret = excluded.secret, link = excluded.link, signature = excluded.signature", l.first, generation, sealed, l.before[:], signature[:])
	return seal.ChainOf(secret), err
}

func chainPlace(first int64) string { return fmt.Sprint("chain ", first) }

// signChain signs that a secret links the entries from a number on, and what the last link before it is.
func (s *Store) signChain(sealer *seal.Sealer, first int64, secret []byte, before [store.LinkSize]byte) [store.LinkSize]byte {
	return sealer.Anchor([]byte("chain"), []byte(s.id), binary.AppendVarint(nil, first), secret, before[:])
}

// loadKeys finds the keys of the store in the key file. Every key that something is sealed with must be there.
func (s *Store) loadKeys(ctx context.Context, tx *sql.Tx) (*keys, error) {
	out := &keys{sealers: map[int64]*seal.Sealer{}}
	rows, err := tx.QueryContext(ctx, "SELECT generation, key_id FROM master ORDER BY generation")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&out.newest, &id); err != nil {
			return nil, err
		}
		if len(id) != len(seal.KeyID{}) {
			return nil, errKey
		}
		key, ok := s.o.Ring.Find(seal.KeyID(id))
		if !ok {
			return nil, errKey
		}
		out.sealers[out.newest] = key.Sealer()
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(out.sealers) == 0 {
		return nil, errKey
	}
	return out, s.loadChains(ctx, tx, out)
}

func (s *Store) loadChains(ctx context.Context, tx *sql.Tx, k *keys) error {
	rows, err := tx.QueryContext(ctx, "SELECT first, generation, secret, link, signature FROM chain ORDER BY first")
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	for rows.Next() {
		var first, generation int64
		var sealed, before, signature []byte
		if err := rows.Scan(&first, &generation, &sealed, &before, &signature); err != nil {
			return err
		}
		secret, err := k.open(generation, chainPlace(first), sealed)
		last, ok := sum(before)
		signed, ok2 := sum(signature)
		if err != nil || !ok || !ok2 || len(secret) != seal.ChainSize || s.signChain(k.sealers[generation], first, sealed, last) != signed {
			return &store.BrokenError{Number: first, What: "the secret of the chain was altered"}
		}
		k.chains = append(k.chains, link{first, seal.ChainOf([seal.ChainSize]byte(secret)), last})
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(k.chains) == 0 {
		return &store.BrokenError{What: "the secret of the chain is missing"}
	}
	return nil
}

// execer executes statements: a connection or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// writeHead writes the ends of the journal, signed.
func (s *Store) writeHead(ctx context.Context, e execer, sealer *seal.Sealer, generation int64, st state) error {
	signature := s.signHead(sealer, st)
	_, err := e.ExecContext(ctx, "INSERT INTO head (one, epoch, number, link, pruned, base, generation, signature) VALUES (1, ?, ?, ?, ?, ?, ?, ?)"+
		" ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, number = excluded.number, link = excluded.link, pruned = excluded.pruned, base = excluded.base, generation = excluded.generation, signature = excluded.signature",
		st.epoch, st.number, st.link[:], st.pruned, st.base[:], generation, signature[:])
	return err
}

func (s *Store) signHead(sealer *seal.Sealer, st state) [store.LinkSize]byte {
	var b []byte
	for _, n := range []int64{st.epoch, st.number, st.pruned} {
		b = binary.AppendVarint(b, n)
	}
	return sealer.Anchor([]byte("head"), []byte(s.id), b, st.link[:], st.base[:])
}

// errHead says that the end of the journal was altered.
var errHead = &store.BrokenError{What: "the signed end of the journal was changed"}

// loadHead reads the ends of the journal, and refuses ends that the store did not sign: the next entries would hide
// what was altered.
func (s *Store) loadHead(ctx context.Context, tx *sql.Tx, k *keys) error {
	st, err := s.readHead(ctx, tx, k)
	if err != nil {
		return err
	}
	s.state = st
	return nil
}

// querier reads a row: a connection, a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (s *Store) readHead(ctx context.Context, q querier, k *keys) (state, error) {
	var st state
	var last, base, signature []byte
	var generation int64
	err := q.QueryRowContext(ctx, "SELECT epoch, number, link, pruned, base, generation, signature FROM head").Scan(&st.epoch, &st.number, &last, &st.pruned, &base, &generation, &signature)
	if errors.Is(err, sql.ErrNoRows) {
		return st, errHead
	}
	if err != nil {
		return st, err
	}
	a, ok1 := sum(last)
	b, ok2 := sum(base)
	signed, ok3 := sum(signature)
	sealer := k.sealers[generation]
	if !ok1 || !ok2 || !ok3 || sealer == nil {
		return st, errHead
	}
	st.link, st.base = a, b
	if s.signHead(sealer, st) != signed {
		return st, errHead
	}
	return st, nil
}

// presentHead is readHead while somebody may change the key.
func (s *Store) presentHead(ctx context.Context) (state, error) {
	for {
		k := s.keys.Load()
		st, err := s.readHead(ctx, s.db, k)
		if !errors.Is(err, errHead) || s.keys.Load() == k {
			return st, err
		}
	}
}
