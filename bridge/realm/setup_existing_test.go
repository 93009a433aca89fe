package realm_test

import (
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
)

// TestDoctorReportsExistingUsers: how many users no endpoint made, and what the client may do with
// them. The remedies of the warnings end the warnings.
func TestDoctorReportsExistingUsers(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			for of, b := range c.BothTenants() {
				b.Create(t, "/Users", `{"userName":"made-`+of+`"}`)
				b.Create(t, "/Groups", `{"displayName":"made-`+of+`"}`)
				c.Member(t, of, b.MakeAccount(t, "there-"+of, true).String())
				c.ConsoleGroup(t, of, "crew-"+of)
			}
			c.Admit(t, c.Of["globex"].Create(t, "/Users", `{"userName":"of-globex"}`), "acme") // an endpoint made this user
			for of, b := range c.BothTenants() {
				text := map[string]string{"realm": "2 users and 1 group that no endpoint made", "organization": "1 user and 1 group that no endpoint made"}[of]
				if of == "realm" && !c.Of["acme"].OrganizationGroups(t) {
					text = "2 users and 1 group that no endpoint made"
				}
				found := c.Finding(t, b, "existing")
				if found.Severity != realm.Warn || !strings.HasPrefix(found.Text, text) || !strings.Contains(found.Fix, "\nscim-bridge adopt ") || !strings.Contains(found.Fix, "--tenant "+b.Path(t)+" --dry-run\n") {
					t.Errorf("%s: doctor finds %+v, want %q", of, found, text)
				}
			}
			if found, err := realm.FindExisting(t.Context(), c.Realm.Admin, c.IDs["acme"]); err != nil || found.Users != 3 || (found.Groups > 0) != c.Of["acme"].OrganizationGroups(t) {
				t.Errorf("setup finds %+v, %v in the organization", found, err)
			}
			for _, of := range []string{"organization", "realm"} {
				b := c.BothTenants()[of]
				b.Adoptions(t, b.Controlled(t), b.Path(t))
			}
			for of, b := range c.BothTenants() {
				if found := c.Finding(t, b, "existing"); found.Severity != realm.Pass {
					t.Errorf("%s: after the adoption doctor finds %+v", of, found)
				}
			}
		})
	}
}
