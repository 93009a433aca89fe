package sqlstore

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// tokenRow is a row of the table token.
type tokenRow struct {
	store.Token

	epoch, generation int64
	signature         []byte
}

const tokenColumns = "realm, tenant, hash, path, key_id, name, scopes, expires, made, epoch, generation, signature" //nolint:gosec // names of columns

// scan reads a row of tokenColumns. ok is false for a row that the bridge cannot have written.
func (r *tokenRow) scan(rows *sql.Rows) (ok bool, err error) {
	var hash []byte
	var scopes, expires, made int64
	err = rows.Scan(&r.Of.Realm, &r.Of.Key, &hash, &r.Path, &r.KeyID, &r.Name, &scopes, &expires, &made, &r.epoch, &r.generation, &r.signature)
	if err != nil {
		return false, err
	}
	r.SHA256, ok = sum(hash)
	r.Scopes, r.Expires, r.Made = tenant.Scopes(scopes), timeOf(expires), timeOf(made) //nolint:gosec // the signature covers it
	return ok && int64(r.Scopes) == scopes, nil
}

// sign signs a row, so that nobody who may only write the database can make a token valid.
func (s *Store) sign(sealer *seal.Sealer, r *tokenRow) [store.LinkSize]byte {
	var numbers []byte
	for _, n := range []int64{int64(r.Scopes), micros(r.Expires), micros(r.Made), r.epoch} {
		numbers = binary.AppendVarint(numbers, n)
	}
	return sealer.Anchor([]byte("token"), []byte(s.id), []byte(r.Of.Realm), []byte(r.Of.Key), r.SHA256[:], []byte(r.Path), []byte(r.KeyID), []byte(r.Name), numbers)
}

// genuine reports whether a row has the signature of the store.
func (s *Store) genuine(k *keys, r *tokenRow) bool {
	signature, ok := sum(r.signature)
	sealer := k.sealers[r.generation]
	return ok && sealer != nil && s.sign(sealer, r) == signature
}

// putToken writes a row, signed with the newest key.
func (s *Store) putToken(ctx context.Context, w *writer, r tokenRow) error {
	k := s.keys.Load()
	signature := s.sign(k.sealer(), &r)
	_, err := w.ExecContext(ctx, "INSERT INTO token ("+tokenColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (realm, tenant, hash) DO UPDATE SET path = excluded.path, key_id = excluded.key_id, name = excluded.name,"+
		" scopes = excluded.scopes, expires = excluded.expires, made = excluded.made, epoch = excluded.epoch, generation = excluded.generation, signature = excluded.signature",
		r.Of.Realm, r.Of.Key, r.SHA256[:], r.Path, r.KeyID, r.Name, int64(r.Scopes), micros(r.Expires), micros(r.Made), r.epoch, k.newest, signature[:])
	return err
}

// Tokens implements store.Tokens.
func (s *Store) Tokens(ctx context.Context) (store.TokenState, error) {
	out, err := s.tokens(ctx)
	return out, s.away(err)
}

func (s *Store) tokens(ctx context.Context) (out store.TokenState, err error) {
	before := s.keys.Load() // while the store gets another key, a row can be signed with either
	tx, err := s.engine.snapshot(ctx, s.db)
	if err != nil {
		return out, err
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	var epoch, since int64
	if err := tx.QueryRowContext(ctx, "SELECT epoch, since FROM head CROSS JOIN uses_since").Scan(&epoch, &since); err != nil {
		return out, err
	}
	out.UsesSince = timeOf(since)
	k := s.keys.Load()
	err = each(ctx, tx, "SELECT "+tokenColumns+" FROM token ORDER BY realm, tenant, made, hash", func(rows *sql.Rows) error {
		var r tokenRow
		ok, err := r.scan(rows)
		switch {
		case err != nil:
			return err
		case !ok || !s.genuine(before, &r) && !s.genuine(k, &r):
			out.Forged++
			return nil
		}
		r.Suspended = r.epoch != epoch
		out.Tokens = append(out.Tokens, r.Token)
		return nil
	})
	if err != nil {
		return out, err
	}
	err = each(ctx, tx, "SELECT realm, tenant, hash, key_id, expires FROM revocation", func(rows *sql.Rows) error {
		var r store.Revocation
		var hash []byte
		var expires int64
		err := rows.Scan(&r.Of.Realm, &r.Of.Key, &hash, &r.KeyID, &expires)
		r.SHA256, _ = sum(hash)
		r.Expires = timeOf(expires)
		out.Revoked = append(out.Revoked, r)
		return err
	})
	if err != nil {
		return out, err
	}
	out.DropRevoked() // somebody can put the row of a revoked token back
	return out, each(ctx, tx, "SELECT realm, tenant, key_id, name, used FROM credential_use", func(rows *sql.Rows) error {
		var u store.Use
		var used int64
		err := rows.Scan(&u.Of.Realm, &u.Of.Key, &u.KeyID, &u.Name, &used)
		u.At = timeOf(used)
		out.Uses = append(out.Uses, u)
		return err
	})
}

// rowsOf queries rows: a transaction or a connection.
type rowsOf interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each reads every row of a query.
func each(ctx context.Context, q rowsOf, query string, read func(rows *sql.Rows) error, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	for rows.Next() {
		if err := read(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// AddToken implements store.Tokens.
func (s *Store) AddToken(ctx context.Context, t store.Token) error {
	if t.Of.Realm == "" || t.Of.Key == "" {
		return errors.New("a token without a tenant cannot be kept")
	}
	return s.w.write(ctx, func(ctx context.Context, w *writer) error {
		var known, revoked int
		err := w.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM token WHERE realm = ? AND tenant = ? AND hash = ?), (SELECT count(*) FROM revocation WHERE realm = ? AND tenant = ? AND hash = ?)",
			t.Of.Realm, t.Of.Key, t.SHA256[:], t.Of.Realm, t.Of.Key, t.SHA256[:]).Scan(&known, &revoked)
		switch {
		case err != nil:
			return err
		case revoked > 0:
			return store.ErrTokenRevoked
		case known > 0:
			return store.ErrTokenExists
		}
		return s.putToken(ctx, w, tokenRow{Token: t, epoch: w.load.state.epoch})
	})
}

// RevokeToken implements store.Tokens.
func (s *Store) RevokeToken(ctx context.Context, of store.Owner, hash store.Sum) error {
	return s.w.write(ctx, func(ctx context.Context, w *writer) error {
		r := store.Revocation{Of: of, SHA256: hash}
		var expires int64
		err := w.QueryRowContext(ctx, "DELETE FROM token WHERE realm = ? AND tenant = ? AND hash = ? RETURNING key_id, expires", of.Realm, of.Key, hash[:]).Scan(&r.KeyID, &expires)
		if errors.Is(err, sql.ErrNoRows) {
			return store.ErrNoToken
		}
		if err != nil {
			return err
		}
		r.Expires = timeOf(expires)
		return s.putRevocations(ctx, w, r)
	})
}

// Revoke implements store.Tokens.
func (s *Store) Revoke(ctx context.Context, list ...store.Revocation) error {
	return s.w.write(ctx, func(ctx context.Context, w *writer) error { return s.putRevocations(ctx, w, list...) })
}

// putRevocations writes revocations, and drops those of tokens that have expired. Of two ends of one token the later
// counts.
func (s *Store) putRevocations(ctx context.Context, w *writer, list ...store.Revocation) error {
	if _, err := w.ExecContext(ctx, "DELETE FROM revocation WHERE expires > 0 AND expires < ?", micros(s.o.Now().Add(-store.RevocationSkew))); err != nil {
		return err
	}
	for _, r := range list {
		_, err := w.ExecContext(ctx, "INSERT INTO revocation (realm, tenant, hash, key_id, expires) VALUES (?, ?, ?, ?, ?)"+
			" ON CONFLICT (realm, tenant, hash) DO UPDATE SET expires = CASE WHEN revocation.expires = 0 OR excluded.expires = 0 THEN 0 WHEN revocation.expires > excluded.expires THEN revocation.expires ELSE excluded.expires END",
			r.Of.Realm, r.Of.Key, r.SHA256[:], r.KeyID, micros(r.Expires))
		if err != nil {
			return err
		}
	}
	return nil
}

// AcceptTokens implements store.Tokens. A token that somebody forged stays refused.
func (s *Store) AcceptTokens(ctx context.Context, of store.Owner) (int, error) {
	n := 0
	err := s.w.write(ctx, func(ctx context.Context, w *writer) error {
		n = 0 // a batch that failed is written again
		suspended, err := s.rowsOfTokens(ctx, w, "epoch <> ? AND (? = '' OR realm = ? AND tenant = ?)", w.load.state.epoch, of.Realm, of.Realm, of.Key)
		for i := 0; i < len(suspended) && err == nil; i++ {
			suspended[i].epoch = w.load.state.epoch
			err = s.putToken(ctx, w, suspended[i])
			n++
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// rowsOfTokens are the genuine tokens that a condition selects, for the writer.
func (s *Store) rowsOfTokens(ctx context.Context, w *writer, condition string, args ...any) (out []tokenRow, err error) {
	k := s.keys.Load()
	err = each(ctx, w, "SELECT "+tokenColumns+" FROM token WHERE "+condition, func(rows *sql.Rows) error {
		var r tokenRow
		ok, err := r.scan(rows)
		if ok && s.genuine(k, &r) {
			out = append(out, r)
		}
		return err
	}, args...)
	return out, err
}

// rekeyTokens signs the tokens with the newest key. What somebody forged is removed.
func (s *Store) rekeyTokens(ctx context.Context, w *writer) error {
	list, err := s.rowsOfTokens(ctx, w, "TRUE")
	if err == nil {
		err = w.exec(ctx, "DELETE FROM token")
	}
	for i := 0; i < len(list) && err == nil; i++ {
		err = s.putToken(ctx, w, list[i])
	}
	return err
}

// Used implements store.Tokens.
func (s *Store) Used(ctx context.Context, list ...store.Use) error {
	if err := ctx.Err(); err != nil || len(list) == 0 {
		return err
	}
	list = slices.Clone(list)
	return s.away(s.w.note(func(l *load) {
		for _, u := range list {
			l.use(u)
		}
	}))
}

// loadUses notes from when on uses are known: in a new store, and in a store of a version that did not record them.
func (s *Store) loadUses(ctx context.Context, tx execer) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO uses_since (one, since) VALUES (1, ?) ON CONFLICT (one) DO NOTHING", micros(s.o.Now()))
	return err
}

// restored ends what a restored store cannot know: the uses since the backup. The next epoch suspends the tokens.
func (s *Store) restored(ctx context.Context, w *writer) error {
	w.load.state.epoch++ // the load writes the signed end
	_, err := w.ExecContext(ctx, "UPDATE uses_since SET since = ?", micros(s.o.Now()))
	if err != nil {
		return fmt.Errorf("begin the next epoch: %w", err)
	}
	return nil
}
