package tenant

import (
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestATenantOfAnOrganizationHasWhatHoldsForAll, with its own id and URL.
func TestATenantOfAnOrganizationHasWhatHoldsForAll(t *testing.T) {
	t.Parallel()
	every := &Tenant{Path: OrganizationPath("acme", EveryOrganization), Realm: "acme", CursorKey: []byte("key"), Policy: Policy{BareToken: true, Organizations: true}}
	got := every.ForOrganization(keycloak.Organization{ID: "id-1", Alias: "globex"}, []Token{{Name: "idp"}}, "https://scim.test")
	if got == nil || got.Path != "acme/organizations/globex" || got.BaseURL != "https://scim.test/realms/acme/organizations/globex/scim/v2" || !got.Found {
		t.Fatalf("the tenant is %+v", got)
	}
	if got.Owner.Key != "id-1" || !got.Owner.Organization || !got.Owner.Shared || got.Organization.ID.String() != "id-1" {
		t.Errorf("its values are marked as those of %+v, and its organization is %+v", got.Owner, got.Organization)
	}
	if !got.Policy.BareToken || string(got.CursorKey) != "key" || len(got.Tokens) != 1 {
		t.Errorf("it lacks what holds for all: %+v", got)
	}
}

// TestAnAliasThatCannotStandInAURLHasNoTenant, because its path would be another path, or the path
// of all organizations.
func TestAnAliasThatCannotStandInAURLHasNoTenant(t *testing.T) {
	t.Parallel()
	every := &Tenant{Realm: "acme"}
	for _, o := range []keycloak.Organization{
		{ID: "id-1"}, {ID: "id-1", Alias: "a/b"}, {ID: "id-1", Alias: EveryOrganization}, {ID: "", Alias: "globex"}, {ID: "../users", Alias: "globex"},
	} {
		if got := every.ForOrganization(o, nil, "https://scim.test"); got != nil {
			t.Errorf("%+v has the tenant %s", o, got.Path)
		}
	}
}
