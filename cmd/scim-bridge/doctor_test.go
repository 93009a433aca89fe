package main

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestDoctorPrints a line for each check, and the remedies.
func TestDoctorPrints(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	b := apptest.NewMappedBridge(t, server)
	out, _, code := command(t, "", "doctor", "--config", b.File)
	for _, want := range []string{
		"tenant " + b.Realm + ", realm " + b.Realm + "\n",
		"PASS  rights            the service account has manage-users, view-realm, view-clients, view-identity-providers\n",
		"PASS  protected         0 users and 0 groups are protected; no client sees the 2 service accounts of the realm\n",
		" passed, 0 warnings, 0 failed\n",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("doctor ended with %d and does not print %q:\n%s", code, want, out)
		}
	}
	out, _, _ = command(t, "", "doctor", "--config", b.File, "--output", "csv")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) < 10 || !slices.Equal(rows[0], []string{"tenant", "realm", "severity", "check", "text", "fix"}) || !slices.Equal(rows[1][:3], []string{b.Realm, b.Realm, "PASS"}) {
		t.Errorf("doctor as CSV: %v, %v", rows, err)
	}
	if _, told, code := command(t, "", "doctor", "--config", b.File, "--tenant", "nope"); code != exitUsage || !strings.Contains(told, `no tenant "nope"; it has `+b.Realm) {
		t.Errorf("doctor of another tenant ended with %d: %s", code, told)
	}
	if _, _, code := command(t, "", "doctor", "--config", b.File, "--output", "xml"); code != exitUsage {
		t.Errorf("doctor --output xml ended with %d", code)
	}
	if _, told, code := command(t, "", "doctor", "--config", "../../bridge/mapping/testdata/mapping.yaml"); code != exitProblems || !strings.Contains(told, "../../bridge/mapping/testdata/mapping.yaml:") {
		t.Errorf("doctor of a configuration with problems ended with %d: %s", code, told)
	}
}

// TestProtectedNamesThatAreWrong: doctor names them, and the ids of the correct names. An operator
// may write the ids in place of the names.
func TestProtectedNamesThatAreWrong(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	apptest.Patient{Bridge: b, Server: keycloaktest.Server{}}.EditFile(t, "config.yaml", func(text string) string {
		return strings.Replace(text, "    tenants:\n", "    protected:\n      users: [nobody, boss]\n      groups: [/nowhere/at-all, /admins]\n    tenants:\n", 1)
	})
	boss, admins := b.MakeAccount(t, "boss", true), b.MakeGroup(t, "admins", keycloak.GroupID{})
	findings := []string{}
	report, code := apptest.Patient{Bridge: b}.Diagnose(t)
	for _, f := range report {
		findings = append(findings, string(f.Severity)+" "+f.Text)
	}
	want := []string{`FAIL the user "nobody" of protected.users does not exist`, `FAIL the group "/nowhere/at-all" of protected.groups does not exist`}
	if code != exitFailure || !slices.Equal(findings, want) {
		t.Errorf("doctor ends with %d and says %v, want %v", code, findings, want)
	}
	out, _, _ := command(t, "", "doctor", "--config", b.File)
	if want := "by the configuration: boss is id:" + boss.String() + ", /admins is id:" + admins.String(); !strings.Contains(out, want) {
		t.Errorf("doctor says\n%s\nwant %s", out, want)
	}
}
