package tenant

import (
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Policy is what a tenant's configuration decides.
type Policy struct {
	config.Policies

	// Organizations says that the realm has tenants of organizations.
	Organizations bool
	// OwnedOnly confines a tenant of a realm to the users that it created.
	OwnedOnly bool
	// Protected is what the operator protects in the realm.
	Protected Listed
	// BareToken takes an Authorization header that holds the token alone (Okta's
	// header mode).
	BareToken bool
	// BasicAuth takes a token as the password of Basic.
	BasicAuth bool
}

// IgnoresUnknownMembers reports whether members that do not exist, or that SCIM may not
// change, are left as they are, counted and logged, in place of a refusal.
func (p Policy) IgnoresUnknownMembers() bool {
	return p.UnknownMembers == config.UnknownMembersIgnore
}

// Adopts reports whether the tenant may take over accounts that no tenant owns.
func (p Policy) Adopts() bool { return p.Adopt == config.AdoptUnowned }

// OneExternalID reports whether no two users of the tenant may get the same externalId.
func (p Policy) OneExternalID() bool { return p.ExternalID == config.ExternalIDUnique }

// Revives reports whether a creation takes up the account of the same externalId that the tenant
// deactivated, or that left it.
func (p Policy) Revives() bool { return p.OneExternalID() && p.Rehire == config.RehireRevive }

// TakesAnyDomain reports whether a tenant of an organization may give its users addresses
// outside the verified domains of the organization.
func (p Policy) TakesAnyDomain() bool { return p.Domains == config.DomainsAny }

// Paused reports whether the tenant answers nothing.
func (p Policy) Paused() bool { return p.Access == config.AccessPaused }

// ReadOnly reports whether the tenant changes nothing.
func (p Policy) ReadOnly() bool { return p.Access == config.AccessReadOnly }

// Deletes reports whether an account goes with its user, and a group for good; else it leaves the tenant.
func (p Policy) Deletes() bool { return !p.Disables() && !p.Leaves() }

// Leaves reports whether what leaves stays as it is.
func (p Policy) Leaves() bool { return p.OnDelete == config.OnDeleteLeave }

// Disables reports whether an account that leaves is disabled, and a group loses its members.
func (p Policy) Disables() bool { return p.OnDelete == config.OnDeleteDisable }

// Tenant is one SCIM endpoint: of a realm, or of an organization of one. All but its
// fitness is fixed when it is made; it is safe for concurrent use.
type Tenant struct {
	Path         string // within its URL: /realms/{Path}/scim/v2, see OrganizationPath
	Realm        string // the Keycloak realm
	Organization Organization
	Owner        mapping.Owner // its key outlives Path
	BaseURL      string        // public URL of the service root, without a trailing slash
	Mapping      *mapping.Mapping
	Tokens       []Token
	AccessTokens []AccessToken
	CursorKey    []byte // seals cursors (bridge/directory)
	Policy       Policy
	// Found says that the organization was found with its credentials, and that nobody named
	// the tenant.
	Found bool
	// OfOrganization says that the configuration names the tenant, and that its tokens are those in the
	// attributes of its organization: nil as long as nobody read them.
	OfOrganization bool
	Entry          Entry

	fitness   atomic.Pointer[Fitness]
	unapplied atomic.Pointer[string]
}

// Organization is that of a tenant. The tenant is bound to the id: another organization that
// gets the alias is not its own.
type Organization struct {
	ID    keycloak.OrganizationID // zero for a tenant of the whole realm
	Alias string
}

// OrganizationPath is the Path of the tenant of an organization.
func OrganizationPath(realm, alias string) string { return realm + organizationSegment + alias }

// EveryOrganization is the alias of the tenant that says what holds for all organizations of a
// realm that bring their own credentials. It has none itself; no organization has the alias.
const EveryOrganization = "*"

// Every reports whether the tenant says what holds for all organizations of its realm. It is no
// endpoint then.
func (t *Tenant) Every() bool { return t.Organization.Alias == EveryOrganization }

// Every is the path of the tenant of EveryOrganization beside the tenant at a path, "" for one
// of a realm.
func Every(path string) string {
	realm, _, ok := strings.Cut(path, organizationSegment)
	if !ok {
		return ""
	}
	return OrganizationPath(realm, EveryOrganization)
}

const organizationSegment = "/organizations/"

// AwaitsTokens reports whether nobody knows yet who may call.
func (t *Tenant) AwaitsTokens() bool { return t.OfOrganization && t.Tokens == nil }

// WithMapping is the tenant with another mapping, which the realm was found fit for.
func (t *Tenant) WithMapping(m *mapping.Mapping, f Fitness) *Tenant {
	out := &Tenant{
		Path: t.Path, Realm: t.Realm, Organization: t.Organization, Owner: t.Owner, BaseURL: t.BaseURL,
		Mapping: m, Tokens: t.Tokens, AccessTokens: t.AccessTokens, CursorKey: t.CursorKey, Policy: t.Policy, Found: t.Found,
		OfOrganization: t.OfOrganization, Entry: t.Entry,
	}
	out.SetFitness(f)
	return out
}

// WithTokens is the tenant with the tokens that were found in the attributes of its organization.
func (t *Tenant) WithTokens(tokens []Token) *Tenant {
	out := t.WithMapping(t.Mapping, t.Fitness())
	out.Tokens = append([]Token{}, tokens...)
	out.SetUnapplied(t.Unapplied())
	return out
}

// Unapplied says why the mapping file as it is now is not the tenant's mapping; "" when
// it is.
func (t *Tenant) Unapplied() string {
	if text := t.unapplied.Load(); text != nil {
		return *text
	}
	return ""
}

// SetUnapplied records why the mapping file is not applied.
func (t *Tenant) SetUnapplied(why string) { t.unapplied.Store(&why) }

// Fitness is what the last look at the realm found (bridge/realm).
type Fitness struct {
	// Problem says why the tenant would lose data or fail, and the remedy; "" when
	// the realm offers all it needs.
	Problem string
	// EmailAsUsername says that the realm derives user names from e-mail addresses.
	EmailAsUsername bool
	// Resolved is what the realm has under the names of the mapping.
	Resolved mapping.Resolved
	// Protected is who and what SCIM may not write.
	Protected *Protected
	// Disabled says that the tenant's organization is disabled: nothing can be written.
	Disabled bool
	// Domains are the verified domains of the tenant's organization, in lower case.
	Domains []string
	// Unverified are its other domains.
	Unverified []string
	// OrganizationGroups says that the server has groups of organizations; else an
	// organization's tenant has groups of the realm, below the mapping's parent.
	OrganizationGroups bool
	// Feed says that the realm stores admin events and that the bridge may read them.
	Feed bool
	// Federations are the providers of the realm's user federation, by their ids.
	Federations map[string]keycloak.Federation
}

// GroupPlace is where the groups of a tenant are.
type GroupPlace int

// The places of groups.
const (
	Nowhere           GroupPlace = iota // it can have none
	InTheRealm                          // all of its groups, or those below the mapping's parent
	InTheOrganization                   // Keycloak 26.6 and newer
)

// GroupPlace is where the groups of a tenant are: of an organization in the organization, where the server has such
// groups, else below the mapping's parent, unless the tenant was found and so shares its mapping with others.
func (f Fitness) GroupPlace(t *Tenant) GroupPlace {
	switch organization := !t.Organization.ID.IsZero(); {
	case organization && f.OrganizationGroups:
		return InTheOrganization
	case organization && (t.Found || f.Resolved.Groups[t.Mapping.GroupParent].IsZero()):
		return Nowhere
	}
	return InTheRealm
}

// ProvesMembers reports whether Keycloak itself takes none but users of the tenant for members of its groups, so that
// nobody has to look for that, and all who reach a group see the same members of it.
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

// Trouble says why the tenant answers nothing, or writes nothing; "" when it does both.
func (f Fitness) Trouble() string {
	if f.Problem == "" && f.Protected != nil && f.Protected.Unknown != "" {
		return "nothing is written: " + f.Protected.Unknown
	}
	return f.Problem
}

// Fitness returns the last finding. Before the first look it is a problem, so that
// nothing is written into a realm that nobody looked at.
func (t *Tenant) Fitness() Fitness {
	if f := t.fitness.Load(); f != nil {
		return *f
	}
	return Fitness{Problem: "the realm was not checked yet"}
}

// SetFitness records a finding.
func (t *Tenant) SetFitness(f Fitness) { t.fitness.Store(&f) }

// BaseURL is the URL of the service root of the tenant at path, below the public
// URL of the bridge.
func BaseURL(publicURL, path string) string {
	realm, alias, organization := strings.Cut(path, organizationSegment)
	escaped := url.PathEscape(realm)
	if organization {
		escaped += organizationSegment + url.PathEscape(alias)
	}
	return publicURL + "/realms/" + escaped + "/scim/v2"
}
