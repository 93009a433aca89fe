package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestTheNamesOfTolerancesAreInTheTable: the configuration uses the names of the table.
func TestTheNamesOfTolerancesAreInTheTable(t *testing.T) {
	t.Parallel()
	var want []string
	for _, rule := range scim.Tolerances() {
		want = append(want, rule.Name)
		if rule.Tolerance.String() != rule.Name {
			t.Errorf("the tolerance %s has the name %s", rule.Name, rule.Tolerance)
		}
	}
	if diff := cmp.Diff(want, config.ToleranceNames()); diff != "" {
		t.Errorf("names (-table +configuration):\n%s", diff)
	}
}

// TestAProfileAcceptsEverythingThatIsNotSwitchedOff: also when every tolerance is switched off by its name.
func TestAProfileAcceptsEverythingThatIsNotSwitchedOff(t *testing.T) {
	t.Parallel()
	var all []config.Tolerance
	for _, off := range scim.Tolerances() {
		p := profileOf(config.Tenant{Profile: config.ProfileTolerant, Tolerances: config.Tolerances{Off: []config.Tolerance{config.Tolerance(off.Name)}}})
		for _, rule := range scim.Tolerances() {
			if p.Takes(rule.Tolerance) == (rule.Tolerance == off.Tolerance) {
				t.Errorf("without %s the profile takes %s: %t", off.Name, rule.Name, p.Takes(rule.Tolerance))
			}
		}
		if diff := cmp.Diff([]scim.Tolerance{off.Tolerance}, p.Off()); diff != "" || p.String() != "tolerant" {
			t.Errorf("%s (-want +got):\n%s", p, diff)
		}
		all = append(all, config.Tolerance(off.Name))
	}
	nothing := profileOf(config.Tenant{Profile: config.ProfileTolerant, Tolerances: config.Tolerances{Off: all}})
	for name, p := range map[string]scim.Profile{"all off": nothing, "strict": profileOf(config.Tenant{Profile: config.ProfileStrict})} {
		for _, rule := range scim.Tolerances() {
			if p.Takes(rule.Tolerance) {
				t.Errorf("%s takes %s", name, rule.Name)
			}
		}
	}
}

// TestOrganizationsHaveTheTolerancesThatHoldForThem: organizations without an override have the tolerances for all
// organizations, an organization with an override has its own.
func TestOrganizationsHaveTheTolerancesThatHoldForThem(t *testing.T) {
	t.Parallel()
	c := config.Config{Server: config.Server{PublicURL: "http://bridge.test"}, Realms: map[string]config.Realm{"acme": {Organizations: config.Organizations{
		All: true, Profile: config.ProfileTolerant, Tolerances: config.Tolerances{Off: []config.Tolerance{"role-text"}},
		Overrides: []config.Override{{Organization: "initech", OrganizationID: "1", Profile: config.ProfileTolerant, Tolerances: config.Tolerances{Off: []config.Tolerance{"any-op-case"}}, SharesMapping: true}},
	}}}}
	list, err := Tenants(c)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	found := list[0].ForOrganization(keycloak.Organization{ID: "2", Alias: "hooli"}, []tenant.Token{{Name: "okta"}}, "http://bridge.test")
	for name, of := range map[string]struct {
		tenant *tenant.Tenant
		want   scim.Tolerance
	}{"all": {list[0], scim.RoleText}, "override": {list[1], scim.AnyOpCase}, "found": {found, scim.RoleText}} {
		if diff := cmp.Diff([]scim.Tolerance{of.want}, of.tenant.Mapping.Profile().Off()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestOneFileIsCompiledForEachProfile: tenants may share a file, and the tolerances of a tenant may change.
func TestOneFileIsCompiledForEachProfile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, []byte("version: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	compiled := mappings{}
	for _, name := range []string{"", file} {
		for _, p := range []scim.Profile{scim.Tolerant, scim.Tolerant.Without(scim.RoleText), scim.Strict, scim.Tolerant} {
			m, problems := compiled.load(name, p)
			again, _ := compiled.load(name, p)
			if len(problems) > 0 || m.Profile() != p || again != m {
				t.Errorf("the file %q for %s, without %v, is compiled for %v, %v", name, p, p.Off(), m.Profile(), problems)
			}
		}
	}
}
