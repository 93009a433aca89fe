package main

import (
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
)

// TestDoctorLeavesTheRightsOfOtherTenants: doctor does not report a right that another tenant of
// the configuration needs, whichever tenant it checks.
func TestDoctorLeavesTheRightsOfOtherTenants(t *testing.T) {
	t.Parallel()
	for name, server := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, server(t), nil)
			named(t, c)
			out, told, code := command(t, "", "doctor", "--config", c.Realm.File, "--tenant", c.Realm.Realm)
			if code != 0 || !strings.Contains(out, "PASS  privileges") {
				t.Errorf("doctor ends with %d and says\n%s%s", code, out, told)
			}
			p := apptest.Patient{Bridge: c.Realm, Server: c.Server}
			p.Right(t, "manage-clients", true)
			if out, _, _ := command(t, "", "doctor", "--config", c.Realm.File, "--tenant", c.Realm.Realm); !strings.Contains(out, "more rights than it needs, manage-clients: ") {
				t.Errorf("with manage-clients doctor says\n%s", out)
			}
		})
	}
}
