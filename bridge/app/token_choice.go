package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TokenChoice says which tenant's tokens a command uses.
type TokenChoice struct {
	Tenant       string // the path of the tenant
	Organization string // an alias, instead of a path
	Realm        string // the realm of that organization; "" when only one realm serves it
}

// place is the place of the chosen tenant's tokens.
func (w TokenChoice) place(ctx context.Context, c config.Config) (tokenPlace, error) {
	var named []filePlace
	var paths []string
	for _, name := range slices.Sorted(maps.Keys(c.Realms)) {
		for _, t := range c.Realms[name].Tenants {
			if w.Organization == "" && (w.Tenant == "" || w.Tenant == t.Path) || w.Organization != "" && w.Organization == t.Organization && (w.Realm == "" || w.Realm == name) {
				named = append(named, filePlace{t, tenant.BaseURL(string(c.Server.PublicURL), t.Path)})
			}
			paths = append(paths, t.Path)
		}
	}
	switch {
	case len(named) == 1:
		return named[0], nil
	case len(named) > 1 && w.Organization != "":
		return nil, UsageError{errors.New("several realms have that organization: choose a realm with --realm")}
	case w.Organization != "":
		return w.organizationPlace(ctx, c)
	}
	if name, alias, ok := OrganizationAt(c, w.Tenant); ok {
		w.Realm, w.Organization = name, alias
		return w.organizationPlace(ctx, c)
	}
	if len(paths) == 0 {
		return nil, UsageError{errors.New("choose an organization with --organization")}
	}
	return nil, UsageError{fmt.Errorf("choose a tenant with --tenant (%s), or an organization with --organization", strings.Join(paths, ", "))}
}

// organizationPlace is the place of an organization that has its own credentials.
func (w TokenChoice) organizationPlace(ctx context.Context, c config.Config) (tokenPlace, error) {
	name, err := w.servedRealm(c)
	if err != nil {
		return nil, err
	}
	client, err := realmClient(c, name)
	if err != nil {
		return nil, err
	}
	o, revoked, err := FindOrganization(ctx, c, name, w.Organization, client)
	if err != nil {
		return nil, err
	}
	return newOrganizationPlace(c, name, client, o, revoked)
}

// realmClient is the bridge's client of a realm.
func realmClient(c config.Config, name string) (*keycloak.Client, error) {
	transport, err := NewTransport(c.Keycloak)
	if err != nil {
		return nil, err
	}
	clients, err := Clients(c, transport)
	return clients[name], err
}

// servedRealm is the realm that serves all its organizations.
func (w TokenChoice) servedRealm(c config.Config) (string, error) {
	var served []string
	for _, name := range slices.Sorted(maps.Keys(c.Realms)) {
		if c.Realms[name].Organizations.All && (w.Realm == "" || w.Realm == name) {
			served = append(served, name)
		}
	}
	switch {
	case len(served) == 1:
		return served[0], nil
	case len(served) > 1:
		return "", UsageError{fmt.Errorf("choose a realm with --realm: %v", served)}
	}
	return "", UsageError{fmt.Errorf(`the configuration has no endpoint for the organization %q: no tenant names it, and no such realm serves every organization. Write organizations: "*" and credentialKeyFile below the realm, or run scim-bridge setup --all-organizations, which writes both`, w.Organization)}
}

// places are the places of all tenants, or of the chosen tenant.
func (w TokenChoice) places(ctx context.Context, c config.Config) ([]tokenPlace, error) {
	if w.Tenant != "" || w.Organization != "" {
		p, err := w.place(ctx, c)
		return []tokenPlace{p}, err
	}
	var out []tokenPlace
	for _, name := range slices.Sorted(maps.Keys(c.Realms)) {
		for _, t := range c.Realms[name].Tenants {
			out = append(out, filePlace{t, tenant.BaseURL(string(c.Server.PublicURL), t.Path)})
		}
		if c.Realms[name].Organizations.All {
			more, err := organizationPlaces(ctx, c, name)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		}
	}
	return out, nil
}

// organizationPlaces are the places of all organizations of a realm.
func organizationPlaces(ctx context.Context, c config.Config, name string) ([]tokenPlace, error) {
	client, err := realmClient(c, name)
	if err != nil {
		return nil, err
	}
	list, err := keycloak.Everything(func(first int) ([]keycloak.Organization, error) {
		return client.Organizations(ctx, first, keycloak.MaxPage)
	})
	var revoked realm.Revoked
	if err == nil {
		revoked, err = realm.ReadRevoked(ctx, client)
	}
	if err != nil {
		return nil, RefusedAccount(c, name, err)
	}
	out := make([]tokenPlace, len(list))
	for i, o := range list {
		if out[i], err = newOrganizationPlace(c, name, client, o, revoked); err != nil {
			return nil, err
		}
	}
	return out, nil
}
