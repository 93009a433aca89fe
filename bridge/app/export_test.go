package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// KeycloakReader is what the work on the store reads in Keycloak.
type KeycloakReader = keycloakReader

// InForce is the configuration as it is applied.
func (a *App) InForce() config.Config { return a.inForce() }

// Journal is the recorder of a bridge with a store.
func (a *App) Journal() bridge.Recorder { return a.keeper.journal }

// Store is the store of the bridge.
func (a *App) Store() store.Store { return a.keeper.store }

// ReadWith replaces what the work on the store reads in Keycloak.
func (a *App) ReadWith(r KeycloakReader) { a.keeper.read = r }

// Hurry sets how long a call of the store may take.
func (a *App) Hurry(patience time.Duration) { a.keeper.patience = patience }

// Narrow sets how many changes may wait for the store.
func (a *App) Narrow(late int) { a.keeper.maxLate = late }

// Prune removes old entries, as Serve does every hour.
func (a *App) Prune(ctx context.Context) { a.keeper.prune(ctx) }

// PruneSince replaces what Prune knows of the time since the start.
func (a *App) PruneSince(since func() (wall, steady time.Duration)) { a.keeper.since = since }

// RunPrune removes old entries of a store as Serve does, until the context ends.
func RunPrune(ctx context.Context, s store.Store, r store.Retention) {
	j := newJournal(s, false, zap.NewNop(), observe.NewMetrics(prometheus.NewRegistry(), "", 0))
	newKeeper(j, nil, func() store.Retention { return r }).runPrune(ctx)
}

// Retain sets which entries Prune keeps.
func (a *App) Retain(r store.Retention) { a.keeper.retention = func() store.Retention { return r } }

// Retention says which changes Prune keeps.
func (a *App) Retention() store.Retention { return a.retention() }

// NewLedger is the ledger of a bridge with a store.
func NewLedger(s store.Ledger, log *zap.Logger) *ledger { return newLedger(s, log) }

// CatchUp gives the store what a ledger counted in memory.
func (l *ledger) CatchUp(ctx context.Context) error { return l.catchUp(ctx) }

// Hurry sets how long a call of the store may take.
func (l *ledger) Hurry(patience time.Duration) { l.patience = patience }

// TokenClock replaces the clock of the tokens in the store.
func (a *App) TokenClock(now func() time.Time) { a.tokens.now = now }
