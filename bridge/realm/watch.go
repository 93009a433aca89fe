package realm

import (
	"context"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const (
	// every is how often a fit realm is looked at.
	every = time.Minute
	// soon is how often one is that was not found fit yet, so that a repair or a
	// Keycloak that comes up takes effect at once.
	soon = 2 * time.Second
	// lookTime bounds one look.
	lookTime = 20 * time.Second
)

// Watcher keeps the fitness of tenants up to date.
type Watcher struct {
	Tenants []*tenant.Tenant
	Clients map[string]*keycloak.Client // by realm
	Log     *zap.Logger
	Observe func(tenant string, fit bool) // may be nil

	last map[*tenant.Tenant]string
}

// Run looks at every realm until the context ends.
func (w *Watcher) Run(ctx context.Context) {
	for {
		pause := every
		if !w.Look(ctx) {
			pause = soon
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// Look checks every tenant once and reports whether all are fit. A realm that
// cannot be looked at keeps what was found before: an outage is not unfitness.
func (w *Watcher) Look(ctx context.Context) bool {
	fit := true
	for _, t := range w.Tenants {
		fit = w.one(ctx, t) && fit
	}
	return fit
}

func (w *Watcher) one(ctx context.Context, t *tenant.Tenant) bool {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	report, err := Check(ctx, w.Clients[t.Realm], t.Mapping)
	if err != nil {
		w.tell(t, "Keycloak cannot be looked at", zap.Error(err))
		return t.Fitness().Problem == ""
	}
	problem := strings.Join(report.Problems, "; ")
	t.SetFitness(tenant.Fitness{Problem: problem, EmailAsUsername: report.EmailAsUsername})
	if w.Observe != nil {
		w.Observe(t.Path, problem == "")
	}
	if problem != "" {
		w.tell(t, "the realm is not fit, so the tenant answers 503",
			zap.Strings("problems", report.Problems), zap.String("fix", "scim-bridge setup --realm "+t.Realm))
		return false
	}
	w.tell(t, "the realm is fit", zap.Strings("warnings", report.Warnings))
	return true
}

// tell logs what changed since the last look.
func (w *Watcher) tell(t *tenant.Tenant, text string, fields ...zap.Field) {
	if w.last == nil {
		w.last = make(map[*tenant.Tenant]string)
	}
	if w.last[t] == text {
		return
	}
	w.last[t] = text
	w.Log.Info(text, append(fields, zap.String("tenant", t.Path), zap.String("realm", t.Realm))...)
}
