package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// Running is the bridge that runs with a configuration, as it answers commands on its socket.
type Running struct{ socket string }

// NewRunning makes a Running of a configuration. It calls nobody.
func NewRunning(c config.Config) (Running, error) {
	if c.Admin.Socket == "" {
		return Running{}, UsageError{errors.New("the configuration has no admin.socket, over which a running bridge answers")}
	}
	return Running{c.Admin.Socket}, nil
}

// Tenants are those of the bridge.
func (r Running) Tenants(ctx context.Context) ([]control.Tenant, error) {
	return control.Tenants(ctx, r.socket)
}

// Tenant is the one with users at a path, or with "" the only one.
func (r Running) Tenant(ctx context.Context, path string) (control.Tenant, error) {
	all, err := r.Tenants(ctx)
	if err != nil {
		return control.Tenant{}, err
	}
	t, err := FindTenant(all, path)
	if err == nil && IsEvery(t) { // which has no users
		t, err = FindTenant(slices.DeleteFunc(all, IsEvery), "")
	}
	return t, err
}

// Lift lifts the removal brake of a tenant, and says how it stands then.
func (r Running) Lift(ctx context.Context, t control.Tenant) (string, error) {
	return control.Lift(ctx, r.socket, t.Path)
}

// Client speaks SCIM to a tenant, as its operator.
func (r Running) Client(t control.Tenant) *client.Client {
	return &client.Client{Base: control.Root(t.Path), Agent: "scim-bridge", HTTP: control.Client(r.socket)}
}

// FindTenant is the tenant of a running bridge with a path, or with "" the only one. What holds for all
// organizations of a realm is no endpoint, and is found by its path alone.
func FindTenant(all []control.Tenant, path string) (control.Tenant, error) {
	endpoints := slices.DeleteFunc(slices.Clone(all), IsEvery)
	if i := slices.IndexFunc(all, func(t control.Tenant) bool { return t.Path == path }); i >= 0 {
		return all[i], nil
	}
	switch {
	case path == "" && len(endpoints) == 1:
		return endpoints[0], nil
	case len(endpoints) == 0:
		return control.Tenant{}, UsageError{errors.New("the bridge serves organizations with a token, and no organization has a token yet; scim-bridge tokens new --organization ALIAS makes one, and the bridge finds it within a minute")}
	case path == "":
		return control.Tenant{}, UsageError{fmt.Errorf("say with --tenant which tenant is meant: %s", pathsOf(endpoints))}
	}
	return control.Tenant{}, UsageError{fmt.Errorf("the bridge has no tenant %q; it has %s", path, pathsOf(endpoints))}
}

// IsEvery reports whether a tenant stands for what holds for all organizations of a realm.
func IsEvery(t control.Tenant) bool { return t.Organization == tenant.EveryOrganization }

// maxPaths bounds how many paths a text names.
const maxPaths = 10

// pathsOf are the paths of tenants, for people.
func pathsOf(all []control.Tenant) string {
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

// State is the one word about a tenant.
func State(t control.Tenant) string {
	switch {
	case !t.Fit:
		return "unfit: " + t.Problem
	case t.Problem != "":
		return "read-only: " + t.Problem
	case t.Access == string(config.AccessPaused):
		return "paused"
	case t.Access == string(config.AccessReadOnly):
		return "read-only"
	case t.Disabled:
		return "read-only: the organization is disabled"
	case t.Mapping != "":
		return "fit; the changed mapping file is not applied: " + t.Mapping
	case t.Warning != "":
		return "fit; " + t.Warning
	}
	return "fit"
}
