package realm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// roles are the rights that the service account needs: manage-users for users,
// groups and memberships, view-realm to see whether user names can be changed.
func roles() []string { return []string{"manage-users", "view-realm"} }

// Report is what a look at a realm found.
type Report struct {
	// Problems make the bridge lose data or fail: the tenant must not answer.
	Problems []string
	// Warnings refuse requests that identity providers commonly send.
	Warnings []string
	// EmailAsUsername says that the realm derives user names from addresses.
	EmailAsUsername bool
	// Resolved is what the realm has under the names of the mapping.
	Resolved mapping.Resolved
}

// fitness is what the tenant has to know of the report.
func (r Report) fitness() tenant.Fitness {
	return tenant.Fitness{Problem: strings.Join(r.Problems, "; "), EmailAsUsername: r.EmailAsUsername, Resolved: r.Resolved}
}

// Check looks at the realm with the bridge's own account. An error is one of the
// look itself, not of the realm.
func Check(ctx context.Context, c *keycloak.Client, m *mapping.Mapping) (Report, error) {
	granted, err := c.OwnRoles(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("read own rights: %w", err)
	}
	var r Report
	if lacking := without(roles(), granted); len(lacking) > 0 {
		r.Problems = append(r.Problems, "the service account lacks the realm-management roles "+strings.Join(lacking, ", "))
		return r, nil
	}
	settings, err := c.RealmSettings(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("read realm: %w", err)
	}
	profile, err := c.UserProfile(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("read user profile: %w", err)
	}
	r.EmailAsUsername = settings.RegistrationEmailAsUsername
	r.checkProfile(profile, m)
	if err := r.resolve(ctx, c, m); err != nil {
		return Report{}, err
	}
	if !settings.EditUsernameAllowed && !settings.RegistrationEmailAsUsername {
		r.Warnings = append(r.Warnings, "changes of userName are refused: the realm does not allow them")
	}
	return r, nil
}

// resolve looks up what the mapping names.
func (r *Report) resolve(ctx context.Context, c *keycloak.Client, m *mapping.Mapping) error {
	r.Resolved.Groups = make(map[string]keycloak.GroupID)
	for _, path := range m.Groups() {
		group, err := c.GroupByPath(ctx, path)
		if keycloak.KindOf(err) == keycloak.NotFound {
			r.Problems = append(r.Problems, fmt.Sprintf("the group %q of the mapping does not exist: create it, or change the mapping", path))
			continue
		}
		if err != nil {
			return fmt.Errorf("find group %q: %w", path, err)
		}
		if r.Resolved.Groups[path], err = keycloak.ParseGroupID(group.ID); err != nil {
			return fmt.Errorf("find group %q: %w", path, err)
		}
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
	for _, d := range m.Declarations() {
		if fault := faultOf(p, d); fault != "" {
			r.Problems = append(r.Problems, fmt.Sprintf("user attribute %q %s", d.Name, fault))
		}
	}
	for _, v := range strict(p) {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the validator %q of %s refuses common values such as o'neil@example.com", v.validator, v.attribute))
	}
}

// adminEdit is the policy under which undeclared attributes are kept and users
// cannot touch them. Under ENABLED a user's own account update erases them.
const adminEdit = "ADMIN_EDIT"

// faultOf says what is wrong with the declaration of an attribute, "" for nothing.
func faultOf(p keycloak.UserProfile, d mapping.Declaration) string {
	a := p.Attribute(d.Name)
	switch {
	case a == nil && p.UnmanagedPolicy == adminEdit:
		return ""
	case a == nil:
		return "is not declared in the user profile, so that Keycloak drops it without a word"
	case !slices.Contains(a.Edit, "admin") || !slices.Contains(a.View, "admin"):
		return "cannot be read and edited by administrators"
	case slices.Contains(a.Edit, "user"):
		return "can be edited by users themselves"
	case d.MultiValued && !a.MultiValued:
		return "is declared with a single value and needs several"
	}
	return ""
}

// strictValidator is a stock validator that refuses what identity providers send:
// apostrophes, "#" of Entra's guests, DOMAIN\user.
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
