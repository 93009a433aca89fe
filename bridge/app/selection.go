package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Selection is the tenants for which a command runs, and what the command needs of their realms.
type Selection struct {
	List    []*tenant.Tenant            // the chosen tenants, sorted by path
	All     []*tenant.Tenant            // every tenant that the configuration names
	Clients map[string]*keycloak.Client // by the name of the realm
}

// Select returns the tenant at a path, or all tenants of a configuration with "". For the path of an organization
// with its own credentials, Select asks Keycloak.
func Select(ctx context.Context, c config.Config, path string, transport http.RoundTripper) (s Selection, err error) {
	if s.All, err = Tenants(c); err != nil {
		return s, err
	}
	if s.Clients, err = Clients(c, transport); err != nil {
		return s, err
	}
	s.List = slices.Clone(s.All)
	slices.SortFunc(s.List, func(a, b *tenant.Tenant) int { return strings.Compare(a.Path, b.Path) })
	if path == "" {
		return s, nil
	}
	if i := slices.IndexFunc(s.List, func(t *tenant.Tenant) bool { return t.Path == path }); i >= 0 {
		s.List = s.List[i : i+1]
		return s, nil
	}
	name, alias, ok := OrganizationAt(c, path)
	if !ok {
		return s, UsageError{fmt.Errorf("the configuration has no tenant %q; it has %s", path, s.paths())}
	}
	o, revoked, err := FindOrganization(ctx, c, name, alias, s.Clients[name])
	if err != nil {
		return s, err
	}
	like := s.All[slices.IndexFunc(s.All, func(t *tenant.Tenant) bool {
		return t.Path == tenant.OrganizationPath(name, tenant.EveryOrganization)
	})]
	t := like.ForOrganization(o, TokensOf(o, []byte(c.Realms[name].CredentialKey.Reveal()), revoked, func(string, string) {}), string(c.Server.PublicURL))
	if t == nil {
		return s, fmt.Errorf("the organization %q cannot have an endpoint: a URL cannot contain its alias", alias)
	}
	s.List = []*tenant.Tenant{t}
	return s, nil
}

// One is the only selected tenant. It is an error when there are several, or when the tenant represents all
// organizations.
func (s Selection) One() (*tenant.Tenant, error) {
	list := slices.DeleteFunc(slices.Clone(s.List), (*tenant.Tenant).Every)
	if len(list) == 1 && len(s.List) == 1 {
		return list[0], nil
	}
	return nil, UsageError{fmt.Errorf("choose a tenant with --tenant: %s", s.paths())}
}

// paths lists the paths of all tenants for a message.
func (s Selection) paths() string {
	var out []string
	for _, t := range s.All {
		if t.Every() {
			out = append(out, tenant.OrganizationPath(t.Realm, "ALIAS")+" for each organization")
			continue
		}
		out = append(out, t.Path)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// Beside are the other tenants of the same realm.
func (s Selection) Beside(t *tenant.Tenant) []*tenant.Tenant {
	return slices.DeleteFunc(slices.Clone(s.All), func(other *tenant.Tenant) bool { return other.Realm != t.Realm || other.Path == t.Path })
}

// WithTokens adds the tokens of the organization to a tenant that gets them from Keycloak. When they cannot be read,
// the tenant stays without tokens; doctor then finds out why.
func (s Selection) WithTokens(ctx context.Context, c config.Config, t *tenant.Tenant) *tenant.Tenant {
	if !t.AwaitsTokens() {
		return t
	}
	client := s.Clients[t.Realm]
	o, err := client.Organization(ctx, t.Organization.ID)
	var revoked realm.Revoked
	if err == nil {
		revoked, err = realm.ReadRevoked(ctx, client)
	}
	if err != nil {
		return t
	}
	return t.WithTokens(TokensOf(o, []byte(c.Realms[t.Realm].CredentialKey.Reveal()), revoked, func(string, string) {}))
}

// identify finds the ids of what the mappings name, in the realm of a tenant and for the other tenants of the realm.
func (s Selection) identify(ctx context.Context, t *tenant.Tenant) error {
	c := s.Clients[t.Realm]
	report, err := realm.Check(ctx, c, t, t.Mapping, realm.ProtectorOf(c, t, s.Beside(t)...))
	if keycloak.KindOf(err) == keycloak.Denied {
		err = AccountError{Err: err, Doctor: t.Command("doctor")}
	}
	if err != nil {
		return fmt.Errorf("check the realm: %w", err)
	}
	t.SetFitness(report.Fitness())
	if problem := t.Fitness().Problem; problem != "" {
		return fmt.Errorf("the tenant %s refuses every request: %s; this command says what to do: %s", t.Path, problem, t.Command("doctor"))
	}
	return nil
}

// selectLive is Select with a transport to Keycloak.
func selectLive(ctx context.Context, c config.Config, path string) (Selection, error) {
	transport, err := NewTransport(c.Keycloak)
	if err != nil {
		return Selection{}, err
	}
	return Select(ctx, c, path, transport)
}

// service is a service for the clients of the selection. It logs nothing.
func (s Selection) service(o bridge.Options) *bridge.Service {
	o.Log = zap.NewNop()
	return bridge.New(keycloak.NewRealms(s.Clients), o)
}

// OrganizationAt is the realm and the alias of the organization at a path. ok is false unless the realm serves its
// organizations with their own credentials.
func OrganizationAt(c config.Config, path string) (realm, alias string, ok bool) {
	for _, name := range slices.Sorted(maps.Keys(c.Realms)) {
		alias, ok := strings.CutPrefix(path, tenant.OrganizationPath(name, ""))
		if ok && c.Realms[name].Organizations.All && alias != "" && alias != tenant.EveryOrganization {
			return name, alias, true
		}
	}
	return "", "", false
}

// FindOrganization finds an organization of a realm, and its revoked tokens.
func FindOrganization(ctx context.Context, c config.Config, name, alias string, client *keycloak.Client) (keycloak.Organization, realm.Revoked, error) {
	o, found, err := client.FindOrganization(ctx, alias)
	switch {
	case err != nil:
		return o, nil, RefusedAccount(c, name, err)
	case !found:
		return o, nil, fmt.Errorf("no organization has the alias %q", alias)
	}
	revoked, err := realm.ReadRevoked(ctx, client)
	if err != nil {
		err = RefusedAccount(c, name, err)
	}
	return o, revoked, err
}

// RefusedAccount explains an error when Keycloak refuses the bridge's own account. Other commands use an
// administrator's account.
func RefusedAccount(c config.Config, name string, err error) error {
	if keycloak.KindOf(err) == keycloak.Denied {
		every := tenant.Tenant{Path: tenant.OrganizationPath(name, tenant.EveryOrganization), Entry: entryOf(c, name, config.Tenant{})}
		return AccountError{errors.New("the bridge's own account or its rights are refused by Keycloak"), every.Command("doctor")}
	}
	return err
}

// UsageError is a wrong choice of options. The user of the command has to correct it.
type UsageError struct{ Err error }

// Error implements error.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e UsageError) Unwrap() error { return e.Err }

// AccountError is an error of Keycloak about the bridge's own account.
type AccountError struct {
	Err    error
	Doctor string // the command that finds the reason
}

// Error implements error.
func (e AccountError) Error() string { return e.Err.Error() }

// Unwrap returns Keycloak's error.
func (e AccountError) Unwrap() error { return e.Err }

// ProblemsError is an error about a file that has problems.
type ProblemsError struct{ Problems []config.Problem }

// Error implements error.
func (e ProblemsError) Error() string { return e.Problems[0].String() }
