package realm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// checkGroups checks the groups that mappings name.
const checkGroups = "groups"

const (
	viewClients = "view-clients"
	manageUsers = "manage-users"
	viewUsers   = "view-users"
	// The rights to list the users and groups that fine-grained permissions show.
	queryUsers  = "query-users"
	queryGroups = "query-groups"

	viewEvents = "view-events"
)

// need says what a check of a realm must find.
type need struct {
	mapping      *mapping.Mapping
	organization tenant.Organization // zero for a tenant of the realm
	// organizations says that the bridge must be able to write members of organizations: of the
	// given organization or, when it has no id, of all.
	organizations bool
	anyDomain     bool // whether addresses outside the organization's verified domains are accepted
	// passesBy says that the tokens in the organization's attributes are not accepted at this
	// endpoint, although other endpoints of the realm accept such tokens.
	passesBy bool
	shares   bool // whether all organizations share the mapping
}

func needOf(t *tenant.Tenant, m *mapping.Mapping) need {
	return need{m, t.Organization, t.Owner.Organization, t.Policy.TakesAnyDomain(), t.Entry.Every && !t.Found && !t.OfOrganization, t.Found || t.Every()}
}

// Rights about organizations. manage-organizations came with Keycloak 26.7. Older versions need
// manage-realm for organizations.
const (
	manageOrganizations = "manage-organizations"
	manageRealm         = "manage-realm"
)

// lacking returns the needed rights that are not granted.
func (n need) lacking(granted []string) []string {
	out := missing(n.rights(), granted)
	if slices.Contains(granted, manageRealm) {
		out = without(out, []string{manageOrganizations})
	}
	return out
}

// missing returns the wanted roles that are not granted. It leaves manage-users out when
// fine-grained permissions replace that role.
func missing(wanted, granted []string) []string {
	out := without(wanted, granted)
	if permitted(granted) {
		out = without(out, []string{manageUsers})
	}
	return out
}

// permitted reports whether fine-grained permissions replace manage-users: the account has the two
// roles that let it list the users and groups that permissions show. The role view-users contains
// both and shows all users, so permissions decide nothing for an account that has view-users.
func permitted(granted []string) bool {
	return len(without([]string{queryUsers, queryGroups}, granted)) == 0 && !slices.Contains(granted, viewUsers)
}

// rights lists the roles of realm-management that the service account needs for a mapping:
//
//   - manage-users: users, groups and memberships
//   - view-realm and view-clients: find administrators, their roles and groups, and what the roles of
//     the mapping contain
//   - view-identity-providers: find the identity provider of links, because Keycloak silently drops a
//     link to a provider that does not exist
//   - manage-organizations: members and groups of an organization
func (n need) rights() []string {
	m, out := n.mapping, []string{manageUsers, "view-realm", viewClients}
	if n.organizations {
		out = append(out, manageOrganizations)
	}
	if m.IdentityProvider() != "" {
		out = append(out, "view-identity-providers")
	}
	return out
}

// Severity says what a finding means for a tenant.
type Severity string

// The severities.
const (
	Pass Severity = "PASS"
	Info Severity = "INFO" // nothing is wrong, and the operator may want to change it
	Warn Severity = "WARN" // identity providers commonly send requests that are refused, or the account may do more than it needs
	Fail Severity = "FAIL" // the bridge would lose data or fail: the tenant must not answer, unless Beside is set
)

// Finding is the result of one check.
type Finding struct {
	Severity Severity `json:"severity"`
	Check    string   `json:"check"`         // the subject of the check, in a word or two
	Text     string   `json:"text"`          // the result
	Fix      string   `json:"fix,omitempty"` // the remedy, or the command that changes it; "" for a Pass
	// Beside says that the tenant answers despite a Fail: others endanger the realm, or nothing is
	// written (see tenant.Protected).
	Beside bool `json:"-"`
}

// OK reports whether nothing is wrong.
func (f Finding) OK() bool { return f.Severity == Pass || f.Severity == Info }

// Report is the result of all checks of a realm.
type Report struct {
	Findings []Finding
	// EmailAsUsername says that the realm derives user names from addresses.
	EmailAsUsername bool
	// Resolved holds the groups and roles that the names of the mapping mean in the realm.
	Resolved mapping.Resolved
	// Protected holds the users and groups that SCIM may not write.
	Protected *tenant.Protected
	// Domains are the verified domains of the tenant's organization, in lower case.
	Domains []string
	// Unverified are the other domains of the organization.
	Unverified []string
	// Disabled says that the tenant's organization is disabled.
	Disabled bool
	// OrganizationGroups says that the server has groups of organizations.
	OrganizationGroups bool
	// Feed says that the realm stores admin events and that the account may read them.
	Feed bool
	// FeedKeeps is how long the realm keeps admin events; 0 for ever.
	FeedKeeps time.Duration
	// UserFeed says that the realm stores the user events of accounts, and that the account may read them.
	UserFeed bool
	// UserFeedKeeps is how long the realm keeps user events; 0 for ever.
	UserFeedKeeps time.Duration
	// Federations are the providers of the realm's user federation, by their ids.
	Federations map[string]keycloak.Federation

	realm, url string
	of         *tenant.Tenant // nil when the fixes are not shown
}

// newReport returns an empty report about a client's realm, for a tenant.
func newReport(c *keycloak.Client, t *tenant.Tenant) Report {
	return Report{realm: c.Realm().String(), url: c.URL(), of: t}
}

func (r *Report) pass(check, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{Severity: Pass, Check: check, Text: fmt.Sprintf(format, args...)})
}

func (r *Report) info(check, fix, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{Severity: Info, Check: check, Text: fmt.Sprintf(format, args...), Fix: r.fix(fix)})
}

func (r *Report) warn(check, fix, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{Severity: Warn, Check: check, Text: fmt.Sprintf(format, args...), Fix: r.fix(fix)})
}

func (r *Report) fail(check, fix, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{Severity: Fail, Check: check, Text: fmt.Sprintf(format, args...), Fix: r.fix(fix)})
}

// failBeside is fail for a finding that does not stop the tenant from answering.
func (r *Report) failBeside(check, fix, format string, args ...any) {
	r.fail(check, fix, format, args...)
	r.Findings[len(r.Findings)-1].Beside = true
}

// Problems returns the texts of the failures that stop the tenant from answering.
func (r *Report) Problems() []string {
	return r.texts(func(f Finding) bool { return f.Severity == Fail && !f.Beside })
}

// Warnings returns the texts of the other findings, with which the tenant still answers.
func (r *Report) Warnings() []string {
	return r.texts(func(f Finding) bool { return f.Severity == Warn || f.Beside })
}

func (r *Report) texts(wanted func(Finding) bool) []string {
	var out []string
	for _, f := range r.Findings {
		if wanted(f) {
			out = append(out, f.Text)
		}
	}
	return out
}

// Fitness returns the part of the report that the tenant needs.
func (r *Report) Fitness() tenant.Fitness {
	return tenant.Fitness{
		Problem: strings.Join(r.Problems(), "; "), EmailAsUsername: r.EmailAsUsername, Resolved: r.Resolved,
		Protected: r.Protected, Domains: r.Domains, Unverified: r.Unverified, Disabled: r.Disabled, OrganizationGroups: r.OrganizationGroups, Feed: r.Feed, FeedKeeps: r.FeedKeeps,
		UserFeed: r.UserFeed, UserFeedKeeps: r.UserFeedKeeps, Federations: r.Federations,
	}
}

// Check checks the realm of a tenant with the bridge's own account, for the tenant's mapping or for
// a mapping that it will get. Once the account has the rights, protect finds the protected users
// and groups. An error means that a check was not possible; it says nothing about the realm.
func Check(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, m *mapping.Mapping, protect Protector) (Report, error) {
	n := needOf(t, m)
	r := newReport(c, t)
	lacking, protection, err := n.inspectAgain(ctx, c, protect)
	if errors.Is(err, errNotPermitted) {
		r.notPermitted()
		return r, nil
	}
	if err != nil {
		return Report{}, err
	}
	if len(lacking) > 0 {
		r.fail(checkRights, n.fixRights(), "the service account lacks the realm-management roles %s", strings.Join(lacking, ", "))
		return r, nil
	}
	r.Protected = protection.protected
	r.Findings = append(r.Findings, protection.findings...)
	settings, err := c.RealmSettings(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("read realm: %w", err)
	}
	if err := r.fineGrained(ctx, c, n, settings); err != nil {
		return Report{}, err
	}
	profile, err := c.UserProfile(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("read user profile: %w", err)
	}
	r.EmailAsUsername = settings.RegistrationEmailAsUsername
	r.checkProfile(profile, m)
	if err := r.checkOrganization(ctx, c, n, settings.OrganizationsEnabled); err != nil {
		return Report{}, err
	}
	if err := r.resolve(ctx, c, m, protection.names); err != nil {
		return Report{}, err
	}
	r.neighbours(t, m)
	if err := r.ownProvider(ctx, c, n); err != nil {
		return Report{}, err
	}
	if err := r.federations(ctx, c); err != nil {
		return Report{}, err
	}
	switch {
	case settings.RegistrationEmailAsUsername:
		r.warn("user names", "switch off Email as username in the realm's login settings, or let the client send the address as userName",
			"the realm uses e-mail addresses as user names: a userName that is not the primary address is refused")
	case !settings.EditUsernameAllowed:
		r.warn("user names", fixUsernames, "changes of userName are refused: the realm does not allow them")
	default:
		r.pass("user names", "user names can be changed")
	}
	return r, nil
}

// fineGrained checks that an account without manage-users has permissions in place of that role.
// See inspect.
func (r *Report) fineGrained(ctx context.Context, c *keycloak.Client, n need, s keycloak.RealmSettings) error {
	granted, err := c.OwnRoles(ctx)
	if err != nil {
		return fmt.Errorf("read own rights: %w", err)
	}
	r.changeFeed(s.AdminEventsEnabled, slices.Contains(granted, viewEvents))
	r.userFeed(s.StoresAccountEvents(), slices.Contains(granted, viewEvents))
	r.FeedKeeps, r.UserFeedKeeps = s.AdminEventsKept(), s.UserEventsKept()
	if slices.Contains(granted, manageUsers) {
		r.pass(checkRights, "the service account has %s", strings.Join(n.rights(), ", "))
		return nil
	}
	if !s.AdminPermissionsEnabled {
		r.notPermitted()
		return nil
	}
	r.pass(checkRights, "the service account has %s, and permissions in place of %s", strings.Join(without(n.rights(), []string{manageUsers}), ", "), manageUsers)
	return nil
}

// errNotPermitted reports that the service account has neither manage-users nor fine-grained
// permissions that replace this role.
var errNotPermitted = errors.New("neither " + manageUsers + " nor a permission")

// notPermitted reports errNotPermitted with its remedy. Setup would leave the account as it is.
func (r *Report) notPermitted() {
	r.fail(checkRights, "give the account the permissions of step 4 of \"Keeping administrators away from the secret too\" in docs/explanation/security.md, on Keycloak 26.6 or newer; "+
		"or remove query-users and query-groups from it, and let setup grant "+manageUsers+":\n{setup}",
		"the service account lacks the realm-management role %s, and no fine-grained permission lets it view and manage all users", manageUsers)
}

// changeFeed reports whether the bridge sees the changes that others make.
func (r *Report) changeFeed(stored, readable bool) {
	const check = "change feed"
	r.Feed = stored && readable
	switch {
	case r.Feed:
		r.pass(check, "on: sorted and searched lists show changes by other programs and people at once")
	case stored:
		r.info(check, fixFeed, "off: the account lacks %s, so it cannot read the admin events that the realm stores. Sorted and searched lists show changes by other programs and people only after the index was read again", viewEvents)
	default:
		r.info(check, fixFeed, "off: the realm stores no admin events. Sorted and searched lists show changes by other programs and people only after the index was read again")
	}
}

// userFeed reports whether the bridge sees the changes that users make of their own accounts.
func (r *Report) userFeed(stored, readable bool) {
	const check = "user events"
	r.UserFeed = stored && readable
	switch {
	case r.UserFeed:
		r.pass(check, "on: a bridge with a store records registrations and what users change of their own accounts")
	case stored:
		r.info(check, fixUserFeed, "off: the account lacks %s, so it cannot read the user events that the realm stores. Registrations and what users change of their own accounts have no entries", viewEvents)
	default:
		r.info(check, fixUserFeed, "off: the realm does not store the user events of accounts. Registrations and what users change of their own accounts have no entries")
	}
}

// inspectAgain calls inspect, and calls it again with a new token when rights may have changed
// since the token was issued.
func (n need) inspectAgain(ctx context.Context, c *keycloak.Client, protect Protector) (lacking []string, p Protection, err error) {
	lacking, p, err = n.inspect(ctx, c, protect)
	if len(lacking) > 0 || keycloak.KindOf(err) == keycloak.Denied || errors.Is(err, errNotPermitted) {
		if _, err = c.RenewToken(ctx); err == nil {
			lacking, p, err = n.inspect(ctx, c, protect)
		}
	}
	return lacking, p, err
}

// inspect returns the rights that the account lacks. When it lacks no right, inspect returns the
// protected users and groups.
func (n need) inspect(ctx context.Context, c *keycloak.Client, protect Protector) (lacking []string, p Protection, err error) {
	granted, err := c.OwnRoles(ctx)
	if err != nil {
		return nil, Protection{}, fmt.Errorf("read own rights: %w", err)
	}
	if lacking = n.lacking(granted); len(lacking) > 0 {
		return lacking, Protection{}, nil
	}
	if !slices.Contains(granted, manageUsers) { // Keycloak would refuse the reads or show empty lists
		manages, err := c.ManagesUsers(ctx)
		if err == nil && !manages {
			err = errNotPermitted
		}
		if err != nil {
			return nil, Protection{}, fmt.Errorf("read own account: %w", err)
		}
	}
	p, err = protect(ctx)
	return nil, p, err
}

// resolve looks up the groups, the roles and the identity provider that the mapping names.
func (r *Report) resolve(ctx context.Context, c *keycloak.Client, m *mapping.Mapping, names *resolver) error {
	paths := m.Groups()
	if r.OrganizationGroups { // the organization has its own groups
		paths = m.DefaultGroups
	}
	if err := r.resolveGroups(ctx, names, paths); err != nil {
		return err
	}
	if err := r.resolveRoles(ctx, c, m.Roles()); err != nil {
		return err
	}
	for _, text := range m.Takes() {
		r.warn("roles", "list the role in grantableRoles if people may grant it too, or let a rule grant it", "%s", text)
	}
	alias := m.IdentityProvider()
	if alias == "" {
		return nil
	}
	has, err := c.HasIdentityProvider(ctx, alias)
	switch {
	case err != nil:
		return fmt.Errorf("find identity provider: %w", err)
	case has:
		r.pass(checkProvider, "%q exists", alias)
	default:
		r.fail(checkProvider, fixMissing, "the identity provider %q of the mapping does not exist", alias)
	}
	return nil
}

func (r *Report) resolveGroups(ctx context.Context, names *resolver, list []string) error {
	r.Resolved.Groups, r.Resolved.GroupNames = make(map[string]keycloak.GroupID), make(map[string]string)
	for _, name := range list {
		group, err := names.group(ctx, name)
		if err != nil {
			return err
		}
		if group.problem != "" {
			r.fail(checkGroups, cmp.Or(group.fix, fixMissing), "the group %q of the mapping %s", name, group.problem)
			continue
		}
		if r.Resolved.Groups[name], err = keycloak.ParseGroupID(group.id); err != nil {
			return fmt.Errorf("find group %q: %w", name, err)
		}
		r.Resolved.GroupNames[name] = group.name
		switch {
		case r.Protected.Group(group.id):
			r.fail(checkGroups, "name another group, or remove the right, the permission or the protection from this group", "the group %q of the mapping has a right of realm-management or a permission, or is protected by the configuration: nobody becomes an administrator by SCIM", name)
		case group.warning != "":
			r.warn(checkGroups, group.fix, "the group %q of the mapping %s", name, group.warning)
		default:
			r.pass(checkGroups, "%q exists", name)
		}
	}
	return nil
}

// neighbours checks that the groups of the tenant are separate from the groups of the realm's other
// tenants. The check of the configuration compares names only, and groups can be moved in Keycloak.
func (r *Report) neighbours(t *tenant.Tenant, m *mapping.Mapping) {
	const fix = "name another group in groups.parent of the mapping, or move the groups apart in Keycloak"
	for _, name := range m.DefaultGroups {
		group := r.Resolved.Groups[name].String()
		for _, id := range append([]string{group}, r.Protected.Above[group]...) {
			if others := without(r.Protected.Parents[id].Tenants, []string{t.Path}); len(others) > 0 {
				r.fail(checkGroups, "in users.defaultGroups of the mapping, name a group that belongs to no tenant", "the group %q, which every new user joins, is among the groups of %s", name, strings.Join(others, ", "))
			}
		}
	}
	if !t.Organization.ID.IsZero() && (r.OrganizationGroups || m.GroupParent == "") || t.Owner.Organization && t.Organization.ID.IsZero() {
		return // the tenant has no groups of the realm
	}
	own := r.Resolved.Groups[m.GroupParent].String()
	for _, id := range slices.Sorted(maps.Keys(r.Protected.Parents)) {
		parent := r.Protected.Parents[id]
		if !parent.Others(t.Path) {
			continue
		}
		switch others := strings.Join(without(parent.Tenants, []string{t.Path}), ", "); {
		case m.GroupParent == "":
			r.warn(checkGroups, "name a group in groups.parent of the mapping", "the realm has other tenants, %s, and the mapping has no groups.parent: the tenant has only the top-level groups of the realm", others)
		case id == own:
			r.fail(checkGroups, fix, "the groups of the tenant and the groups of %s are below the same group, %q", others, m.GroupParent)
		case slices.Contains(r.Protected.Above[id], own) || slices.Contains(r.Protected.Above[own], id):
			r.warn(checkGroups, fix, "one of the parent groups of the tenant and of %s is below the other", others)
		}
	}
}

func (r *Report) resolveRoles(ctx context.Context, c *keycloak.Client, names []keycloak.RoleName) error {
	if len(names) == 0 {
		return nil
	}
	r.Resolved.Roles = make(map[keycloak.RoleName]keycloak.Role)
	var found []keycloak.Role
	for _, name := range names {
		role, err := c.FindRole(ctx, name)
		if keycloak.KindOf(err) == keycloak.NotFound {
			r.fail("roles", fixMissing, "the role %q of the mapping does not exist", name)
			continue
		}
		if err != nil {
			return fmt.Errorf("find role %q: %w", name, err)
		}
		r.Resolved.Roles[name] = role
		found = append(found, role)
	}
	role, by, ok, err := c.Administers(ctx, r.Protected.Administers, found)
	switch {
	case err != nil:
		return fmt.Errorf("read what role %q contains: %w", role, err)
	case ok:
		r.fail("roles", "remove that right from the role, or the role from the mapping", "the role %q of the mapping contains %s: nobody becomes an administrator by SCIM", role, r.Protected.NameOf(by))
	case len(found) == len(names):
		r.pass("roles", "all %d roles of the mapping exist, and no role administers the realm", len(names))
	}
	return nil
}

func without(want, have []string) []string {
	var out []string
	for _, w := range want {
		if !slices.Contains(have, w) {
			out = append(out, w)
		}
	}
	return out
}

func (r *Report) checkProfile(p keycloak.UserProfile, m *mapping.Mapping) {
	declarations := m.Declarations()
	declared := true
	for _, d := range declarations {
		if fault := faultOf(p, d); fault != "" {
			fix := fixSetup
			if !d.Own && editedByUsers(p, d) {
				fix = fixRestrict
			}
			r.fail("user profile", fix, "user attribute %q %s", d.Name, fault)
			declared = false
		}
	}
	if declared {
		r.pass("user profile", "Keycloak keeps all %d attributes that the bridge writes", len(declarations))
	}
	for _, d := range mapping.AccountDeclarations() {
		if faultOf(p, d) != "" {
			r.warn("user profile", fixSetup, "the user attribute %q is not declared as setup declares it: the bridge's service account loses its stored values when somebody saves that account in Keycloak's console", d.Name)
		}
	}
	if narrow(p) {
		r.info("scripts", fixScripts, "user names may have only Latin letters, so that no name looks like a name in another script")
	} else {
		r.pass("scripts", "user names may have letters of all scripts")
	}
	for _, v := range strict(p) {
		r.warn("validators", fixRelax, "the validator %q of %s refuses common values such as o'neil@example.com", v.validator, v.attribute)
	}
}

// adminEdit is the policy that keeps undeclared attributes and does not let users change them.
// Under ENABLED, a user's own update of the account erases them.
const (
	adminEdit     = "ADMIN_EDIT"
	enabledForAll = "ENABLED"
)

// faultOf returns what is wrong with the declaration of an attribute, or "".
func faultOf(p keycloak.UserProfile, d mapping.Declaration) string {
	a := p.Attribute(d.Name)
	switch {
	case a == nil && p.UnmanagedPolicy == adminEdit:
		return ""
	case a == nil && p.UnmanagedPolicy == enabledForAll:
		return "is not declared in the user profile, so users can change it, and a user's own update of the account erases it"
	case a == nil:
		return "is not declared in the user profile, so Keycloak silently drops it"
	case !slices.Contains(a.Edit, "admin") || !slices.Contains(a.View, "admin"):
		return "cannot be read and edited by administrators"
	case editedByUsers(p, d):
		return "can be edited by users themselves"
	case d.MultiValued && !a.MultiValued:
		return "is declared with a single value, but needs several"
	}
	return ""
}

// editedByUsers reports whether users can change an attribute that the bridge writes.
func editedByUsers(p keycloak.UserProfile, d mapping.Declaration) bool {
	a := p.Attribute(d.Name)
	return a != nil && slices.Contains(a.Edit, "user")
}

// narrow reports whether user names may have only Latin letters.
func narrow(p keycloak.UserProfile) bool {
	a, v := p.Attribute("username"), latinOnly()
	return a != nil && a.Validations[v.validator] != nil
}

// latinOnly is the stock validator that allows only Latin letters in user names.
func latinOnly() strictValidator { return strictValidator{"username", "up-username-not-idn-homograph"} }

// strictValidator is a stock validator that refuses values that identity providers send, such as
// apostrophes, the "#" in names of Entra's guests, and DOMAIN\user.
type strictValidator struct{ attribute, validator string }

func strict(p keycloak.UserProfile) []strictValidator {
	var out []strictValidator
	for _, v := range []strictValidator{
		{"username", "username-prohibited-characters"},
		{"firstName", "person-name-prohibited-characters"},
		{"lastName", "person-name-prohibited-characters"},
	} {
		if a := p.Attribute(v.attribute); a != nil && a.Validations[v.validator] != nil {
			out = append(out, v)
		}
	}
	return out
}
