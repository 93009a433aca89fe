package realm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const (
	checkOrganizations = "organization"
	checkProvider      = "identity provider"
)

// fixRights is the command that grants the missing rights.
func (n need) fixRights() string {
	if !n.organizations {
		return fixSetup
	}
	return "before Keycloak 26.7 with --allow-manage-realm:\n" + fixSetup
}

// checkOrganization checks that the organization of a tenant exists and has the id and the alias of
// the configuration.
func (r *Report) checkOrganization(ctx context.Context, c *keycloak.Client, n need, enabled bool) error {
	id, alias := n.organization.ID, n.organization.Alias
	switch {
	case !n.organizations:
		return nil
	case !enabled:
		r.fail(checkOrganizations, "enable Organizations in the realm's settings", "Organizations are disabled in the realm")
		return nil
	case id.IsZero():
		return r.everyOrganization(ctx, c, n)
	}
	o, err := c.Organization(ctx, id)
	switch {
	case keycloak.KindOf(err) == keycloak.NoOrganization:
		return r.lostOrganization(ctx, c, alias)
	case err != nil:
		return fmt.Errorf("read organization: %w", err)
	case o.Alias != alias:
		r.fail(checkOrganizations, "write the right alias or the right id into the configuration", "the organization with the tenant's organizationID has the alias %q and not %q", o.Alias, alias)
		return nil
	}
	r.Domains, r.Unverified = domainsOf(o)
	if text, fix := tenant.NoDomain(r.realm, o); text != "" && !n.anyDomain {
		r.warn(checkOrganizations, fix, "%s", text)
	}
	if n.passesBy && len(o.Attributes[tenant.AttrCredentials]) > 0 {
		r.warn(checkOrganizations, "move the entry from tenants to organizations.overrides, where the organization keeps its tokens; or remove the attribute "+tenant.AttrCredentials+" of the organization",
			"%q has tokens in its attributes, and this endpoint does not accept them, because it is an entry of tenants", alias)
	}
	if r.Disabled = !o.Enabled; r.Disabled {
		r.warn(checkOrganizations, "enable the organization in Keycloak", "%q is disabled, so that writes are refused", alias)
	} else {
		r.pass(checkOrganizations, "%q exists and is enabled", alias)
	}
	return r.organizationGroups(ctx, c, n, id)
}

// domainsOf returns the verified domains of an organization and its other domains, in lower case,
// because domain names ignore case.
func domainsOf(o keycloak.Organization) (verified, others []string) {
	for _, d := range o.Domains {
		if name := strings.ToLower(d.Name); d.Verified {
			verified = append(verified, name)
		} else {
			others = append(others, name)
		}
	}
	return verified, others
}

// everyOrganization checks one organization for what holds for all.
func (r *Report) everyOrganization(ctx context.Context, c *keycloak.Client, n need) error {
	list, err := c.Organizations(ctx, 0, 1)
	if err != nil {
		return fmt.Errorf("list organizations: %w", err)
	}
	if len(list) == 0 {
		r.pass(checkOrganizations, "the realm has no organization yet")
		return nil
	}
	r.pass(checkOrganizations, "the realm has organizations")
	id, err := keycloak.ParseOrganizationID(list[0].ID)
	if err != nil {
		return fmt.Errorf("list organizations: %w", err)
	}
	return r.organizationGroups(ctx, c, n, id)
}

// served counts the organizations with their own tokens, and finds those that refuse users because
// they have no verified domain. Each such organization is a tenant, and doctor checks it by its
// path.
func (r *Report) served(ctx context.Context, c *keycloak.Client, t *tenant.Tenant) {
	if !t.Every() {
		return
	}
	list, err := keycloak.Everything(func(first int) ([]keycloak.Organization, error) { return c.Organizations(ctx, first, keycloak.MaxPage) })
	if !r.could(err, checkOrganizations) {
		return
	}
	list = slices.DeleteFunc(list, func(o keycloak.Organization) bool { return len(o.Attributes[tenant.AttrCredentials]) == 0 })
	of := func(alias string) string {
		one := tenant.Tenant{Path: tenant.OrganizationPath(t.Realm, alias), Entry: t.Entry}
		return one.Command("doctor")
	}
	if len(list) == 0 {
		r.pass(checkOrganizations, "no organization has a token yet")
		return
	}
	have := "have"
	if len(list) == 1 {
		have = "has"
	}
	r.pass(checkOrganizations, "%s %s a token; check each by its path: %s", counted(len(list), "organization"), have, of(list[0].Alias))
	var commands []string
	n := 0
	for _, o := range list {
		if text, _ := tenant.NoDomain(r.realm, o); text == "" || t.Policy.TakesAnyDomain() {
			continue
		}
		if n++; n <= maxNamed {
			commands = append(commands, of(o.Alias))
		}
	}
	if n > 0 {
		r.warn(checkOrganizations, "doctor shows the remedy for each organization:\n"+strings.Join(commands, "\n"), "organizations with a token and without a verified domain refuse every user with an address: %d", n)
	}
}

// lostOrganization reports what happened to an organization that was not found.
func (r *Report) lostOrganization(ctx context.Context, c *keycloak.Client, alias string) error {
	fix := "remove the tenant, or write the new organizationID and new tokens once you know whose organization it is"
	if r.of != nil && r.of.OfOrganization {
		fix = "remove the entry from organizations.overrides, or write the new organizationID into it once you know whose organization it is; the new organization needs its own token"
	}
	o, found, err := c.FindOrganization(ctx, alias)
	switch {
	case err != nil:
		return fmt.Errorf("find organization: %w", err)
	case found:
		r.fail(checkOrganizations, fix, "the organization with the tenant's organizationID is gone, and %q is now another organization, %s", alias, o.ID)
	default:
		r.fail(checkOrganizations, fix, "the organization %q does not exist", alias)
	}
	return nil
}

// ownProvider checks that the identity provider of links belongs to the organization: a person who
// can log in there becomes the linked user.
func (r *Report) ownProvider(ctx context.Context, c *keycloak.Client, n need) error {
	alias := n.mapping.IdentityProvider()
	switch {
	case !n.organizations || alias == "":
		return nil
	case n.organization.ID.IsZero():
		r.fail(checkProvider, "remove users.link from the mapping, or give each organization a mapping of its own in organizations.overrides", "the identity provider %q of the mapping can belong to only one organization, and all would share it", alias)
		return nil
	}
	own, err := c.OrganizationHasProvider(ctx, n.organization.ID, alias)
	switch {
	case keycloak.KindOf(err) == keycloak.NoOrganization: // checkOrganization reports this
	case err != nil:
		return fmt.Errorf("find identity provider of organization: %w", err)
	case !own:
		r.fail(checkProvider, "add it to the organization in Keycloak, or change the mapping", "the identity provider %q of the mapping does not belong to the organization", alias)
	}
	return nil
}

// organizationGroups finds out where the groups of the tenant live, by the example of an
// organization.
func (r *Report) organizationGroups(ctx context.Context, c *keycloak.Client, n need, id keycloak.OrganizationID) error {
	_, err := c.OrganizationGroups(ctx, id, 0, 1)
	switch {
	case keycloak.KindOf(err) == keycloak.NotFound && n.mapping.GroupParent == "":
		fix := "in groups.parent of the tenant's mapping, name a group of the realm that only this organization uses, or upgrade to 26.6"
		if n.shares {
			fix = "give an organization that needs groups a mapping of its own in organizations.overrides, with a group of the realm in groups.parent, or upgrade to 26.6"
		}
		r.warn(checkGroups, fix, "this Keycloak has no groups of organizations, so the tenant has no groups")
	case keycloak.KindOf(err) == keycloak.NotFound && n.organization.ID.IsZero():
		r.fail(checkGroups, "remove groups.parent from the mapping, or give each organization a mapping with a parent of its own in organizations.overrides", "this Keycloak has no groups of organizations, and all organizations would share the groups below %q", n.mapping.GroupParent)
	case keycloak.KindOf(err) == keycloak.NotFound:
		r.pass(checkGroups, "the tenant's groups are groups of the realm below %q", n.mapping.GroupParent)
	case err != nil:
		return fmt.Errorf("list groups of organization: %w", err)
	default:
		r.OrganizationGroups = true
		if n.mapping.GrantsGroupRoles() {
			r.fail(checkGroups, "grant the roles by users.roles", "groups.roles of the mapping has no effect in Keycloak on groups of an organization")
		}
	}
	return nil
}
