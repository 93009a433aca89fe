package tenant_test

import (
	"errors"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestWhoAnswersForAnAccount: an owner that still has the user. Keycloak is asked only about
// organizations, and its error is not an answer.
func TestWhoAnswersForAnAccount(t *testing.T) {
	t.Parallel()
	ids := map[string]keycloak.OrganizationID{}
	for _, name := range []string{"has", "ended", "deleted", "away"} {
		id, err := keycloak.ParseOrganizationID(name)
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = id
	}
	members := map[keycloak.OrganizationID]error{
		ids["ended"]: &keycloak.Error{Kind: keycloak.NotFound}, ids["deleted"]: &keycloak.Error{Kind: keycloak.NoOrganization}, ids["away"]: &keycloak.Error{Kind: keycloak.Unavailable},
	}
	list := []*tenant.Tenant{{Realm: "r", Path: "r", Owner: mapping.Owner{Key: "realm"}}, {Realm: "r", Path: "r/organizations/*", Owner: mapping.Owner{Key: "*", Organization: true}}}
	for name, id := range ids {
		list = append(list, &tenant.Tenant{Realm: "r", Path: name, Owner: mapping.Owner{Key: name, Organization: true}, Organization: tenant.Organization{ID: id}})
	}
	registry, err := tenant.NewRegistry(list...)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		owners []string
		want   bool
		asked  int
		fails  bool
	}{
		{owners: nil},
		{owners: []string{"realm"}, want: true},
		{owners: []string{"realm", "adopted|realm"}, want: true},
		{owners: []string{"making|realm", "realm"}, want: true},
		{owners: []string{"left|realm"}},
		{owners: []string{"left|realm", "adopted|realm"}},
		{owners: []string{"gone"}},
		{owners: []string{"*"}},
		{owners: []string{"has"}, want: true, asked: 1},
		{owners: []string{"ended"}, asked: 1},
		{owners: []string{"deleted"}, asked: 1},
		{owners: []string{"away"}, asked: 1, fails: true},
		{owners: []string{"gone", "ended", "has"}, want: true, asked: 2},
	} {
		asked := 0
		got, err := tenant.Answers(map[string][]string{mapping.AttrOwner: c.owners},
			func(key string) (*tenant.Tenant, error) { return registry.OfKey("r", key), nil },
			func(id keycloak.OrganizationID) error { asked++; return members[id] })
		if got != c.want || asked != c.asked || (err != nil) != c.fails {
			t.Errorf("%v: %t, %v after %d questions, want %+v", c.owners, got, err, asked, c)
		}
	}
	failure := errors.New("no tenant can be found")
	if _, err := tenant.Answers(map[string][]string{mapping.AttrOwner: {"realm"}}, func(string) (*tenant.Tenant, error) { return nil, failure }, nil); !errors.Is(err, failure) {
		t.Errorf("the error is %v", err)
	}
	if registry.OfKey("other", "realm") != nil || (*tenant.Registry)(nil).OfKey("r", "realm") != nil {
		t.Error("a tenant is found in another realm")
	}
}
