package app

import (
	"context"
	"errors"
	"io"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// snapshotEvery is the least time between two snapshots of the indexes of a realm.
const snapshotEvery = 10 * time.Minute

// indexSnapshots are directory.Snapshots in a store.
type indexSnapshots struct{ store store.Snapshots }

// indexName is the name of the snapshot of a realm.
func indexName(realm string) string { return "index of " + realm }

func (s indexSnapshots) Save(ctx context.Context, realm string, write func(io.Writer) error) error {
	return s.store.SaveSnapshot(ctx, indexName(realm), write)
}

func (s indexSnapshots) Load(ctx context.Context, realm string, read func(io.Reader) error) error {
	err := s.store.ReadSnapshot(ctx, indexName(realm), read)
	if errors.Is(err, store.ErrNotFound) {
		return directory.ErrNoSnapshot
	}
	return err
}

// snapshots are where the indexes are kept over a restart; nil without a store.
func (a *App) snapshots() directory.Snapshots {
	if a.options.Store == nil {
		return nil
	}
	return indexSnapshots{a.options.Store}
}

// restored tells the log what a snapshot brought back.
func (a *App) restored(of string, indexes int, took time.Duration, err error) {
	if err != nil {
		a.log.Warn("the snapshot of an index is not used: the index is made by reading the realm", zap.String("of", of), zap.Error(err))
		return
	}
	a.log.Info("the indexes of a realm were restored from their snapshot", zap.String("realm", of), zap.Int("indexes", indexes), zap.Duration("took", took))
}

// saveIndexes saves snapshots of the indexes of realms whose last snapshot is older than minAge.
func (a *App) saveIndexes(ctx context.Context, minAge time.Duration) {
	if err := a.Service.Directory().Save(ctx, minAge); err != nil && ctx.Err() == nil {
		a.log.Warn("a snapshot of the indexes cannot be saved: after a restart the realm is read again", zap.Error(err))
	}
}
