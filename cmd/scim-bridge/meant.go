package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// meant are the tenants that a command is about, and what it needs of their realms.
type meant struct {
	list    []*tenant.Tenant // sorted by path
	all     []*tenant.Tenant // that the configuration names
	clients map[string]*keycloak.Client
}

// meantBy are the tenants of a configuration: the one at a path or with "" all, where a path may be that of
// an organization that is served with its own credentials, which Keycloak is asked for.
func meantBy(ctx context.Context, c config.Config, path string, transport http.RoundTripper) (s meant, err error) {
	if s.all, err = allTenants(c, mappings{}); err != nil {
		return s, err
	}
	if s.clients, err = newClients(c, transport, watch{}); err != nil {
		return s, err
	}
	s.list = slices.Clone(s.all)
	slices.SortFunc(s.list, func(a, b *tenant.Tenant) int { return strings.Compare(a.Path, b.Path) })
	if path == "" {
		return s, nil
	}
	if i := slices.IndexFunc(s.list, func(t *tenant.Tenant) bool { return t.Path == path }); i >= 0 {
		s.list = s.list[i : i+1]
		return s, nil
	}
	name, alias, ok := organizationOf(c, path)
	if !ok {
		return s, codedError{exitUsage, fmt.Errorf("the configuration has no tenant %q; it has %s", path, s.paths())}
	}
	o, revoked, err := findOrganization(ctx, c, name, alias, s.clients[name])
	if err != nil {
		return s, err
	}
	like := s.all[slices.IndexFunc(s.all, func(t *tenant.Tenant) bool {
		return t.Path == tenant.OrganizationPath(name, tenant.EveryOrganization)
	})]
	t := organizationTenant(o, like, tokensOf(o, []byte(c.Realms[name].CredentialKey.Reveal()), revoked, func(string, string) {}), string(c.Server.PublicURL))
	if t == nil {
		return s, fmt.Errorf("the organization %q cannot have an endpoint: its alias cannot stand in a URL", alias)
	}
	s.list = []*tenant.Tenant{t}
	return s, nil
}

// one is the only tenant, of those that have users.
func (s meant) one() (*tenant.Tenant, error) {
	list := slices.DeleteFunc(slices.Clone(s.list), func(t *tenant.Tenant) bool { return t.Organization.Alias == tenant.EveryOrganization })
	if len(list) == 1 && len(s.list) == 1 {
		return list[0], nil
	}
	return nil, codedError{exitUsage, fmt.Errorf("say with --tenant which of the tenants is meant: %s", s.paths())}
}

// paths are those of all tenants, for people.
func (s meant) paths() string {
	var out []string
	for _, t := range s.all {
		if t.Organization.Alias == tenant.EveryOrganization {
			out = append(out, tenant.OrganizationPath(t.Realm, "ALIAS")+" for each organization")
			continue
		}
		out = append(out, t.Path)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// beside are the other tenants of a tenant's realm.
func (s meant) beside(t *tenant.Tenant) []*tenant.Tenant {
	return slices.DeleteFunc(slices.Clone(s.all), func(other *tenant.Tenant) bool { return other.Realm != t.Realm || other.Path == t.Path })
}

// readTokens gives a tenant that has the tokens of its organization those. When they cannot be read the
// tenant goes on without, as doctor finds out why.
func (s meant) readTokens(ctx context.Context, c config.Config, t *tenant.Tenant) *tenant.Tenant {
	if !t.AwaitsTokens() {
		return t
	}
	client := s.clients[t.Realm]
	o, err := client.Organization(ctx, t.Organization.ID)
	var revoked realm.Revoked
	if err == nil {
		revoked, err = realm.ReadRevoked(ctx, client)
	}
	if err != nil {
		return t
	}
	return t.WithTokens(tokensOf(o, []byte(c.Realms[t.Realm].CredentialKey.Reveal()), revoked, func(string, string) {}))
}

// organizationOf is the realm and the alias of the organization at a path, of a realm whose organizations
// are served with their own credentials.
func organizationOf(c config.Config, path string) (realm, alias string, ok bool) {
	for _, name := range slices.Sorted(maps.Keys(c.Realms)) {
		alias, ok := strings.CutPrefix(path, tenant.OrganizationPath(name, ""))
		if ok && c.Realms[name].Organizations.All && alias != "" && alias != tenant.EveryOrganization {
			return name, alias, true
		}
	}
	return "", "", false
}

// findOrganization finds an organization of a realm, with what was taken back of its tokens.
func findOrganization(ctx context.Context, c config.Config, name, alias string, client *keycloak.Client) (keycloak.Organization, realm.Revoked, error) {
	o, found, err := client.FindOrganization(ctx, alias)
	switch {
	case err != nil:
		return o, nil, refusedAccount(c, name, err)
	case !found:
		return o, nil, fmt.Errorf("no organization has the alias %q", alias)
	}
	revoked, err := realm.ReadRevoked(ctx, client)
	if err != nil {
		err = refusedAccount(c, name, err)
	}
	return o, revoked, err
}

// refusedAccount says whose account Keycloak refuses: not an administrator's, as elsewhere.
func refusedAccount(c config.Config, name string, err error) error {
	if keycloak.KindOf(err) == keycloak.Denied {
		every := tenant.Tenant{Path: tenant.OrganizationPath(name, tenant.EveryOrganization), Entry: entryOf(c, name, config.Tenant{})}
		return accountError{errors.New("the bridge's own account or its rights are refused by Keycloak"), every.Command("doctor")}
	}
	return err
}
