package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// appliedPlace is the place that a document is sealed for: another tenant or resource cannot show it.
func appliedPlace(tenant, resource string) string { return "applied " + tenant + "\x00" + resource }

// Applied implements store.Journal.
func (s *Store) Applied(ctx context.Context, tenant, resource string) (scim.Document, error) {
	var generation int64
	var sealed []byte
	err := s.db.QueryRowContext(ctx, "SELECT generation, content FROM applied WHERE tenant = ? AND resource = ?", tenant, resource).Scan(&generation, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, s.away(err)
	}
	text, err := s.keys.Load().open(generation, appliedPlace(tenant, resource), sealed)
	if err == nil {
		text, err = decompress(text)
	}
	if err != nil {
		return nil, &store.BrokenError{What: "the last document of " + resource + " was changed"}
	}
	return decodeObject(text)
}

// appliedOf is the document that a settled change leaves for its resource, as JSON; nil when it leaves none.
func appliedOf(c change.Change) ([]byte, error) {
	if !store.Applies(c) {
		return nil, nil
	}
	return scim.Encode(c.After)
}

// rekeyApplied seals documents with the newest key. more reports whether there may be further ones.
func (s *Store) rekeyApplied(ctx context.Context) (more bool, err error) {
	err = s.w.write(ctx, func(ctx context.Context, w *writer) error {
		k := s.keys.Load()
		rows, err := w.QueryContext(ctx, "SELECT tenant, resource, generation, content FROM applied WHERE generation < ? LIMIT ?", k.newest, pruneRows)
		if err != nil {
			return err
		}
		type document struct {
			tenant, resource string
			generation       int64
			content          []byte
		}
		var list []document
		for rows.Next() {
			var one document
			if err := rows.Scan(&one.tenant, &one.resource, &one.generation, &one.content); err != nil {
				return errors.Join(err, rows.Close())
			}
			list = append(list, one)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		more = len(list) > 0
		for _, one := range list {
			place := appliedPlace(one.tenant, one.resource)
			text, err := k.open(one.generation, place, one.content)
			if err != nil { // nobody can read it any more
				if _, err := w.ExecContext(ctx, "DELETE FROM applied WHERE tenant = ? AND resource = ?", one.tenant, one.resource); err != nil {
					return err
				}
				continue
			}
			if _, err := w.ExecContext(ctx, "UPDATE applied SET generation = ?, content = ? WHERE tenant = ? AND resource = ?", k.newest, k.sealer().Seal(nil, place, text), one.tenant, one.resource); err != nil {
				return err
			}
		}
		return nil
	})
	return more, err
}
