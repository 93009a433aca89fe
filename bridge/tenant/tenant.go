package tenant

import (
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Policy holds the policies from a tenant's configuration.
type Policy struct {
	config.Policies

	// Organizations says that the realm has tenants of organizations.
	Organizations bool
	// OwnedOnly limits a tenant of a realm to the users that it created.
	OwnedOnly bool
	// Protected names what the operator protects in the realm.
	Protected Listed
	// BareToken accepts an Authorization header that contains only the token (Okta's header mode).
	BareToken bool
	// BasicAuth accepts a token as the password of HTTP Basic.
	BasicAuth bool
}

// IgnoresUnknownMembers reports whether members that do not exist, or that SCIM may not change, are
// left unchanged, counted and logged. Otherwise the request is refused.
func (p Policy) IgnoresUnknownMembers() bool {
	return p.UnknownMembers == config.UnknownMembersIgnore
}

// Adopts reports whether the tenant may take over accounts that no tenant owns.
func (p Policy) Adopts() bool { return p.Adopt == config.AdoptUnowned }

// OneExternalID reports whether no two users of the tenant may get the same externalId.
func (p Policy) OneExternalID() bool { return p.ExternalID == config.ExternalIDUnique }

// Revives reports whether a creation rehires: it uses the account with the same externalId that the
// tenant deactivated or that left the tenant.
func (p Policy) Revives() bool { return p.OneExternalID() && p.Rehire == config.RehireRevive }

// TakesAnyDomain reports whether a tenant of an organization may give its users addresses outside
// the organization's verified domains.
func (p Policy) TakesAnyDomain() bool { return p.Domains == config.DomainsAny }

// Paused reports whether the tenant refuses all requests.
func (p Policy) Paused() bool { return p.Access == config.AccessPaused }

// ReadOnly reports whether the tenant refuses all changes.
func (p Policy) ReadOnly() bool { return p.Access == config.AccessReadOnly }

// Deletes reports whether a deleted user or group is also deleted in Keycloak. Otherwise it leaves
// the tenant.
func (p Policy) Deletes() bool { return !p.Disables() && !p.Leaves() }

// Leaves reports whether a resource that leaves stays unchanged in Keycloak.
func (p Policy) Leaves() bool { return p.OnDelete == config.OnDeleteLeave }

// Disables reports whether an account that leaves is disabled, and a group that leaves loses its
// members.
func (p Policy) Disables() bool { return p.OnDelete == config.OnDeleteDisable }

// Tenant is one SCIM endpoint, of a realm or of an organization. Everything except its fitness is
// fixed when it is made. It is safe for concurrent use.
type Tenant struct {
	Path         string // path within its URL: /realms/{Path}/scim/v2, see OrganizationPath
	Realm        string // the Keycloak realm
	Organization Organization
	Owner        mapping.Owner // its key outlives Path
	BaseURL      string        // public URL of the service root, without a trailing slash
	Mapping      *mapping.Mapping
	Tokens       []Token
	AccessTokens []AccessToken
	CursorKey    []byte // encrypts cursors (bridge/directory)
	Policy       Policy
	// Found says that the bridge found the organization by its credentials, and the configuration
	// does not name the tenant.
	Found bool
	// OfOrganization says that the configuration names the tenant, and that its tokens are in the
	// attributes of its organization. Tokens is nil until they were read.
	OfOrganization bool
	Entry          Entry

	fitness   atomic.Pointer[Fitness]
	unapplied atomic.Pointer[string]
}

// Organization is the organization of a tenant. The tenant is bound to the id: it has nothing to do
// with another organization that gets the alias.
type Organization struct {
	ID    keycloak.OrganizationID // zero for a tenant of the whole realm
	Alias string
}

// OrganizationPath returns the Path of the tenant of an organization.
func OrganizationPath(realm, alias string) string { return realm + organizationSegment + alias }

// EveryOrganization is the alias of the tenant that holds the settings for all organizations of a
// realm that bring their own credentials. This tenant has no organization, and no organization has
// the alias.
const EveryOrganization = "*"

// Every reports whether the tenant has the settings for all organizations of its realm. Such a
// tenant is not an endpoint.
func (t *Tenant) Every() bool { return t.Organization.Alias == EveryOrganization }

// Every returns the path of the tenant EveryOrganization for the tenant at a path, or "" for a
// tenant of a realm.
func Every(path string) string {
	realm, _, ok := strings.Cut(path, organizationSegment)
	if !ok {
		return ""
	}
	return OrganizationPath(realm, EveryOrganization)
}

const organizationSegment = "/organizations/"

// AwaitsTokens reports whether the tokens of the tenant have not been read yet.
func (t *Tenant) AwaitsTokens() bool { return t.OfOrganization && t.Tokens == nil }

// WithMapping returns the tenant with another mapping and the fitness of the realm for it.
func (t *Tenant) WithMapping(m *mapping.Mapping, f Fitness) *Tenant {
	out := &Tenant{
		Path: t.Path, Realm: t.Realm, Organization: t.Organization, Owner: t.Owner, BaseURL: t.BaseURL,
		Mapping: m, Tokens: t.Tokens, AccessTokens: t.AccessTokens, CursorKey: t.CursorKey, Policy: t.Policy, Found: t.Found,
		OfOrganization: t.OfOrganization, Entry: t.Entry,
	}
	out.SetFitness(f)
	return out
}

// WithTokens returns the tenant with the tokens from the attributes of its organization.
func (t *Tenant) WithTokens(tokens []Token) *Tenant {
	out := t.WithMapping(t.Mapping, t.Fitness())
	out.Tokens = append([]Token{}, tokens...)
	out.SetUnapplied(t.Unapplied())
	return out
}

// Unapplied returns why the present mapping file is not in use, or "" when it is.
func (t *Tenant) Unapplied() string {
	if text := t.unapplied.Load(); text != nil {
		return *text
	}
	return ""
}

// SetUnapplied records why the mapping file is not in use.
func (t *Tenant) SetUnapplied(why string) { t.unapplied.Store(&why) }

// Fitness is the result of the last read of the realm (bridge/realm).
type Fitness struct {
	// Problem says why the tenant would lose data or fail, with the remedy; "" when the realm has
	// all that it needs.
	Problem string
	// EmailAsUsername says that the realm derives user names from e-mail addresses.
	EmailAsUsername bool
	// Resolved holds the groups and roles that the names of the mapping mean in the realm.
	Resolved mapping.Resolved
	// Protected holds the users and groups that SCIM may not write.
	Protected *Protected
	// Disabled says that the tenant's organization is disabled, so nothing can be written.
	Disabled bool
	// Domains are the verified domains of the tenant's organization, in lower case.
	Domains []string
	// Unverified are the other domains of the organization.
	Unverified []string
	// OrganizationGroups says that the server has groups of organizations. Otherwise an
	// organization's tenant has groups of the realm, below the parent in its mapping.
	OrganizationGroups bool
	// Feed says that the realm stores admin events and that the bridge may read them.
	Feed bool
	// FeedKeeps is how long the realm keeps admin events; 0 for ever.
	FeedKeeps time.Duration
	// UserFeed says that the realm stores the user events of accounts (keycloak.AccountEvents), and that the bridge may read
	// them.
	UserFeed bool
	// UserFeedKeeps is how long the realm keeps user events; 0 for ever.
	UserFeedKeeps time.Duration
	// Federations are the providers of the realm's user federation, by their ids.
	Federations map[string]keycloak.Federation
}

// GroupPlace is where the groups of a tenant are.
type GroupPlace int

// The places of groups.
const (
	Nowhere           GroupPlace = iota // it can have no groups
	InTheRealm                          // all groups of the realm, or the groups below the mapping's parent
	InTheOrganization                   // Keycloak 26.6 and newer
)

// GroupPlace returns where the groups of a tenant are. An organization's groups are in the
// organization if the server has such groups, otherwise below the mapping's parent. A found tenant
// has no groups in the second case, because it shares its mapping with others.
func (f Fitness) GroupPlace(t *Tenant) GroupPlace {
	switch organization := !t.Organization.ID.IsZero(); {
	case organization && f.OrganizationGroups:
		return InTheOrganization
	case organization && (t.Found || f.Resolved.Groups[t.Mapping.GroupParent].IsZero()):
		return Nowhere
	}
	return InTheRealm
}

// ProvesMembers reports whether Keycloak itself accepts only users of the tenant as members of its
// groups. The bridge need not check members then, and everybody who reaches a group sees the same
// members.
func (f Fitness) ProvesMembers(t *Tenant) bool {
	switch f.GroupPlace(t) {
	case InTheOrganization:
		return true
	case InTheRealm:
		return t.Organization.ID.IsZero() && !t.Policy.OwnedOnly
	case Nowhere:
	}
	return false
}

// Trouble returns why the tenant refuses all requests or all writes, or "".
func (f Fitness) Trouble() string {
	if f.Problem == "" && f.Protected != nil && f.Protected.Unknown != "" {
		return "nothing is written: " + f.Protected.Unknown
	}
	return f.Problem
}

// Fitness returns the result of the last read of the realm. Before the first read it is a problem,
// so that nothing is written into a realm that was not read.
func (t *Tenant) Fitness() Fitness {
	if f := t.fitness.Load(); f != nil {
		return *f
	}
	return Fitness{Problem: "the realm was not checked yet"}
}

// SetFitness records the result of a read of the realm.
func (t *Tenant) SetFitness(f Fitness) { t.fitness.Store(&f) }

// BaseURL returns the URL of the service root of the tenant at path, below the public URL of the
// bridge.
func BaseURL(publicURL, path string) string {
	realm, alias, organization := strings.Cut(path, organizationSegment)
	escaped := url.PathEscape(realm)
	if organization {
		escaped += organizationSegment + url.PathEscape(alias)
	}
	return publicURL + "/realms/" + escaped + "/scim/v2"
}
