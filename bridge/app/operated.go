package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// operated is what an operator can see and do (admin.Bridge).
type operated struct{ a *App }

// Unapplied implements admin.Bridge.
func (o operated) Unapplied() string {
	if problem := o.a.problem.Load(); problem != nil {
		return *problem
	}
	return ""
}

// Outage implements admin.Bridge.
func (o operated) Outage(name string) bool {
	client := o.a.Watcher.Realms.Client(name)
	return client != nil && client.Outage() // nil: the realm was removed just now
}

// Feeds implements admin.Bridge.
func (o operated) Feeds() map[string]time.Duration { return o.a.Service.Directory().Feeds() }

// Indexes implements admin.Bridge.
func (o operated) Indexes() []admin.Index {
	all := o.a.Service.Directory().Status()
	out := make([]admin.Index, len(all))
	for i, s := range all {
		out[i] = admin.Index{Tenant: s.Tenant, Type: s.Type, Resources: s.Resources, Bytes: s.Bytes, Age: s.Age.Seconds(), WithoutKey: s.WithoutKey, SharedID: s.SharedID}
	}
	return out
}

// Revoke implements admin.Bridge.
func (o operated) Revoke(ctx context.Context, name, revocation string) error {
	client := o.a.Watcher.Realms.Client(name)
	if client == nil {
		return fmt.Errorf("the bridge that runs here serves no realm %q", name)
	}
	if err := realm.Revoke(ctx, client, revocation, time.Now()); err != nil || o.a.tokens == nil {
		return err
	}
	one, _ := realm.ParseRevocation(revocation)
	o.a.tokens.revoke(ctx, revocationOf(name, one))
	return nil
}

// Refresh implements admin.Bridge.
func (o operated) Refresh() { o.a.Watcher.Wake() }

// ReadKeys implements admin.Bridge.
func (o operated) ReadKeys() error {
	c, problems := config.Load(o.a.inForce().File)
	if len(problems) > 0 {
		return errors.New(problems[0].String())
	}
	inForce := func() bool { return c.Store.Keys.Reveal() == o.a.inForce().Store.Keys.Reveal() }
	if inForce() {
		return nil
	}
	if o.a.Reload(); !inForce() {
		return errors.New("store.keyFile is not applied: " + o.Unapplied())
	}
	return nil
}

// Late implements admin.Bridge.
func (o operated) Late() int {
	if o.a.keeper == nil {
		return 0
	}
	return o.a.keeper.waits()
}

// metricState is the operator's view of the bridge in the form that the metrics need.
func (a *App) metricState() observe.State {
	out := observe.State{
		Exists: func(path string) bool { return a.Watcher.Tenants.ByPath(path) != nil },
		Feeds:  a.Service.Directory().Feeds,
		Indexes: func() (out []observe.Index) {
			for _, i := range (operated{a}).Indexes() {
				out = append(out, observe.Index(i))
			}
			return out
		},
		Tokens: func() (out []observe.Token) {
			for _, c := range a.Admin.Credentials() {
				if c.Expires != nil {
					out = append(out, observe.Token{Tenant: c.Tenant, Name: c.Name, KeyID: c.KeyID, Expires: *c.Expires})
				}
			}
			return out
		},
	}
	if a.keeper != nil {
		out.Store = a.keeper.shows
	}
	return out
}
