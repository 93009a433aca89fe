package main

import (
	"strings"
	"testing"
)

// TestDoctorLeavesTheRightsOfOtherTenants: a right that another tenant of the configuration needs is none that the
// account has too much, at whichever tenant doctor looks.
func TestDoctorLeavesTheRightsOfOtherTenants(t *testing.T) {
	t.Parallel()
	for name, server := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, server(t), nil)
			c.named(t)
			out, told, code := command(t, "", "doctor", "--config", c.realm.file, "--tenant", c.realm.realm)
			if code != 0 || !strings.Contains(out, "PASS  privileges") {
				t.Errorf("doctor ends with %d and says\n%s%s", code, out, told)
			}
			p := patient{c.realm, c.server}
			p.right(t, "manage-clients", true)
			if out, _, _ := command(t, "", "doctor", "--config", c.realm.file, "--tenant", c.realm.realm); !strings.Contains(out, "more than it needs, manage-clients: ") {
				t.Errorf("with manage-clients doctor says\n%s", out)
			}
		})
	}
}
