package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Options are what an Admin needs.
type Options struct {
	Version string    // of the bridge
	Started time.Time // when the bridge started
	Now     func() time.Time
	Log     *zap.Logger // gets a line for what an operator does

	Tenants  *tenant.Registry
	Activity *tenant.Activity
	Bridge   Bridge
	Brake    Brake
	Adopter  Adopter
	Store    store.Store // nil when the configuration has no store
	Tokens   Tokens      // nil when the configuration has no store
}

// Bridge is the running bridge.
type Bridge interface {
	// Unapplied says why the present configuration files are not applied; "" when they are.
	Unapplied() string
	// Outage reports whether the bridge makes no calls to a realm, because Keycloak did not answer most of the last
	// calls.
	Outage(realm string) bool
	// Feeds returns, by realm, how long ago its admin events were read.
	Feeds() map[string]time.Duration
	// Indexes returns the indexes of all tenants that have content.
	Indexes() []Index
	// Revoke stores the revocation of an organization's token. revocation is the text of realm.Revocation.
	Revoke(ctx context.Context, realm, revocation string) error
	// Refresh begins the next check of the realms at once.
	Refresh()
	// ReadKeys gives the store the keys that its key file has now.
	ReadKeys() error
	// Late returns how many changes wait in memory until the store answers again. They have ended.
	Late() int
}

// Brake is the removal brake (guard.Brake).
type Brake interface {
	State(ctx context.Context, t *tenant.Tenant) (text string, holding bool)
	Lift(ctx context.Context, t *tenant.Tenant) error
}

// Adopter adopts accounts and groups (bridge.Service).
type Adopter interface {
	Adopt(ctx context.Context, by tenant.Principal, o AdoptOptions, each func(Adoption) error) error
}

// AdoptOptions say how to adopt.
type AdoptOptions = bridge.AdoptOptions

// Adoption is the result for one account or group.
type Adoption = bridge.Adoption

// The outcomes of an adoption.
const (
	Adopted  = bridge.Adopted
	Own      = bridge.Own
	Refused  = bridge.Refused
	Released = bridge.Released
)

// Admin has the views and the verbs of an operator. It is safe for concurrent use.
type Admin struct{ o Options }

// New makes an Admin.
func New(o Options) *Admin { return &Admin{o} }

// Adopt adopts accounts and groups for the endpoint at a path, or releases them again. It calls each with every
// result.
func (a *Admin) Adopt(ctx context.Context, path string, o AdoptOptions, each func(Adoption) error) error {
	t, err := a.endpoint(path)
	if err != nil {
		return err
	}
	return a.o.Adopter.Adopt(ctx, t.Operator(), o, each) // each change has an audit record of its own
}

// Lift lifts the removal brake of the endpoint at a path for one window, and returns the new state of the tenant.
func (a *Admin) Lift(ctx context.Context, path string) (Tenant, error) {
	t, err := a.endpoint(path)
	if err == nil {
		err = a.o.Brake.Lift(ctx, t)
	}
	if err != nil {
		return Tenant{}, err
	}
	out := a.view(ctx, t, a.indexes()[t.Path])
	a.did("lifted the removal brake", zap.String("tenant", t.Path), zap.String("brake", out.RemovalBrake))
	return out, nil
}

// Revoke revokes a token of an organization. revocation is the text of realm.Revocation.
func (a *Admin) Revoke(ctx context.Context, name, revocation string) error {
	if err := a.o.Bridge.Revoke(ctx, name, revocation); err != nil {
		return err
	}
	one, _ := realm.ParseRevocation(revocation)
	a.did("revoked a token of an organization", zap.String("realm", name), zap.String("organization", one.Organization), zap.String("key_id", one.KeyID))
	a.Refresh() // the next check makes the bridge refuse the token
	return nil
}

// Refresh lets the bridge check its realms at once. It sees changes in Keycloak within two seconds.
func (a *Admin) Refresh() { a.o.Bridge.Refresh() }

// did logs what an operator did.
func (a *Admin) did(what string, fields ...zap.Field) { a.o.Log.Warn("the operator "+what, fields...) }

// NoTenantError means that a path selects no tenant. The text names the tenants that can be chosen.
type NoTenantError struct{ Text string }

// Error implements error.
func (e NoTenantError) Error() string { return e.Text }

// endpoint returns the tenant at a path; with "" the only endpoint. A tenant that represents all organizations of a
// realm is not an endpoint.
func (a *Admin) endpoint(path string) (*tenant.Tenant, error) {
	all := slices.DeleteFunc(a.o.Tenants.All(), (*tenant.Tenant).Every)
	if i := slices.IndexFunc(all, func(t *tenant.Tenant) bool { return t.Path == path }); i >= 0 {
		return all[i], nil
	}
	every := a.o.Tenants.ByPath(path)
	switch {
	case path == "" && len(all) == 1:
		return all[0], nil
	case len(all) == 0:
		return nil, NoTenantError{"the bridge serves organizations with a token, and no organization has a token yet; scim-bridge tokens new --organization ALIAS makes a token, and the bridge finds it within a minute"}
	case path == "":
		return nil, NoTenantError{"choose a tenant with --tenant: " + pathsOf(all)}
	case every != nil:
		return nil, NoTenantError{path + " represents all organizations and is not an endpoint; choose a tenant with --tenant: " + pathsOf(all)}
	}
	return nil, NoTenantError{fmt.Sprintf("the bridge has no tenant %q; it has %s", path, pathsOf(all))}
}

// maxPaths is the maximum number of paths in a message.
const maxPaths = 10

// pathsOf lists the paths of tenants for a message.
func pathsOf(all []*tenant.Tenant) string {
	var out []string
	for i, t := range all {
		if i == maxPaths {
			out = append(out, "and others; scim-bridge tenants list shows them")
			break
		}
		out = append(out, t.Path)
	}
	return strings.Join(out, ", ")
}
