package guard

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// noGroups are the groups of a tenant that cannot have groups: an organization before Keycloak 26.6
// whose mapping names no parent for groups of the realm.
type noGroups struct{}

func (noGroups) GroupID(text string) (keycloak.GroupID, error) { return keycloak.ParseGroupID(text) }

func (noGroups) Group(context.Context, keycloak.GroupID) (keycloak.Group, error) {
	return keycloak.Group{}, noGroup()
}

func (noGroups) FindGroups(context.Context, keycloak.GroupQuery, int) ([]keycloak.Group, error) {
	return nil, nil
}

func (noGroups) ListGroups(context.Context, int, int) ([]keycloak.Group, error) { return nil, nil }

func (noGroups) CountGroups(context.Context) (int, error) { return 0, nil }

func (noGroups) Listed(keycloak.Group) bool { return false }

func (noGroups) HasSubGroups(context.Context, keycloak.Group) (bool, error) { return false, nil }

func (noGroups) GroupsOf(context.Context, keycloak.UserID) ([]keycloak.Group, error) { return nil, nil }

func (noGroups) GroupMembers(context.Context, keycloak.GroupID, int, int) ([]keycloak.User, []string, error) {
	return nil, nil, noGroup()
}

func (noGroups) Shows(keycloak.Group) bool { return false }

func (noGroups) ProveGroup(context.Context, keycloak.GroupID) (keycloak.Group, bool, error) {
	return keycloak.Group{}, true, noGroup()
}

func (noGroups) GroupParent() (keycloak.GroupID, error) { return keycloak.GroupID{}, ErrNoGroups }

// DepartedGroup finds nothing: only presentGroups knows which groups left the tenant.
func (noGroups) DepartedGroup(context.Context, string) (keycloak.Group, bool, error) {
	return keycloak.Group{}, false, nil
}
