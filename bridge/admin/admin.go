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
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Options are what the views and verbs are made of.
type Options struct {
	Version string    // of the program
	Started time.Time // when the bridge began
	Now     func() time.Time
	Log     *zap.Logger // says what an operator did

	Tenants  *tenant.Registry
	Activity *tenant.Activity
	Bridge   Bridge
	Brake    Brake
	Adopter  Adopter
}

// Bridge is the running bridge.
type Bridge interface {
	// Unapplied says why the configuration files as they are now are not applied, "" when they are.
	Unapplied() string
	// Outage reports whether no calls are made of a realm, because Keycloak did not answer most of
	// the last.
	Outage(realm string) bool
	// Feeds says by realm how long ago its admin events were read.
	Feeds() map[string]time.Duration
	// Indexes are those of all tenants that were filled.
	Indexes() []Index
	// Revoke remembers that a token of an organization is void, by the text of realm.Revocation.
	Revoke(ctx context.Context, realm, revocation string) error
	// Refresh has the next look at the realms begin at once.
	Refresh()
}

// Brake is the removal brake (guard.Brake).
type Brake interface {
	State(ctx context.Context, t *tenant.Tenant) (text string, holding bool)
	Lift(ctx context.Context, t *tenant.Tenant) error
}

// Adopter takes over accounts and groups (bridge.Service).
type Adopter interface {
	Adopt(ctx context.Context, by tenant.Principal, o AdoptOptions, each func(Adoption) error) error
}

// AdoptOptions say what an adoption does.
type AdoptOptions = bridge.AdoptOptions

// Adoption is what became of one account or group.
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

// Adopt takes over accounts and groups for the endpoint at a path, or gives them back, and tells of
// each.
func (a *Admin) Adopt(ctx context.Context, path string, o AdoptOptions, each func(Adoption) error) error {
	t, err := a.endpoint(path)
	if err != nil {
		return err
	}
	return a.o.Adopter.Adopt(ctx, t.Operator(), o, each) // its audit records are those of its changes
}

// Lift lifts the removal brake of the endpoint at a path for one window, and returns how the tenant
// is then.
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

// Revoke makes a token of an organization void, by the text of realm.Revocation.
func (a *Admin) Revoke(ctx context.Context, name, revocation string) error {
	if err := a.o.Bridge.Revoke(ctx, name, revocation); err != nil {
		return err
	}
	organization, keyID := realm.DescribeRevocation(revocation)
	a.did("revoked a token of an organization", zap.String("realm", name), zap.String("organization", organization), zap.String("key_id", keyID))
	a.Refresh() // that look voids the token
	return nil
}

// Refresh has the bridge look at its realms at once: what changed in Keycloak is seen within a
// second or two.
func (a *Admin) Refresh() { a.o.Bridge.Refresh() }

// did says in the log what an operator did.
func (a *Admin) did(what string, fields ...zap.Field) { a.o.Log.Warn("the operator "+what, fields...) }

// NoTenantError says that no one tenant is meant, and which there are.
type NoTenantError struct{ Text string }

// Error implements error.
func (e NoTenantError) Error() string { return e.Text }

// endpoint is the tenant at a path, or with "" the only one. What holds for all organizations of a
// realm is no endpoint.
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
		return nil, NoTenantError{"the bridge serves organizations with a token, and no organization has a token yet; scim-bridge tokens new --organization ALIAS makes one, and the bridge finds it within a minute"}
	case path == "":
		return nil, NoTenantError{"say with --tenant which tenant is meant: " + pathsOf(all)}
	case every != nil:
		return nil, NoTenantError{path + " says what holds for all organizations, and is no endpoint; say with --tenant which tenant is meant: " + pathsOf(all)}
	}
	return nil, NoTenantError{fmt.Sprintf("the bridge has no tenant %q; it has %s", path, pathsOf(all))}
}

// maxPaths bounds how many paths a text names.
const maxPaths = 10

// pathsOf are the paths of tenants, for people.
func pathsOf(all []*tenant.Tenant) string {
	var out []string
	for i, t := range all {
		if i == maxPaths {
			out = append(out, "and others that scim-bridge tenants list shows")
			break
		}
		out = append(out, t.Path)
	}
	return strings.Join(out, ", ")
}
