package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestDoctorReportsExternalIDs: doctor reports an externalId that look-ups find late, or find
// twice. The commands in its remedies show and mend them. Doctor does not count an administrator's
// externalId, because nobody may see it.
func TestDoctorReportsExternalIDs(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			p := apptest.Patient{Bridge: apptest.NewBridgeOn(t, server, nil), Server: server}
			p.Create(t, "/Users", `{"userName":"fine","externalId":"F"}`)
			for _, name := range []string{"one", "two"} {
				p.Former(t, name, "V-"+name)
			}
			admin := p.Former(t, "admin", "A")
			role, err := p.Admin.FindRole(t.Context(), keycloak.RoleName{Client: "realm-management", Name: "manage-users"})
			if err != nil {
				t.Fatal(err)
			}
			p.Grant(t, apptest.UserID(t, admin), role)
			p.Check(t)
			finds1(t, p, "2 of 4 users have an externalId that another SCIM server", "scim-bridge adopt --config "+p.File+" --tenant "+p.Realm+" --dry-run\n")

			p.Adoptions(t, p.Controlled(t), p.Realm)
			finds1(t, p, "", "")

			twin := p.Create(t, "/Users", `{"userName":"twin","externalId":"F"}`)
			fix := finds1(t, p, "2 of 5 users share their externalId", "externalId: unique")
			listing := apptest.CommandsOf(fix)[0]
			if out, told, code := command(t, "", apptest.ShellWords(t, listing)[1:]...); code != 0 || !strings.Contains(out, "F  ") || strings.Index(out, "twin") < strings.Index(out, "F  ") {
				t.Errorf("%s ends with %d: %s%s", listing, code, out, told)
			}
			p.Must(t, http.MethodPatch, "/Users/"+twin, apptest.PatchBody(`{"op":"replace","path":"externalId","value":"G"}`))
			finds1(t, p, "", "")
		})
	}
}

// finds1 runs doctor and returns the remedy of the only finding that did not pass. With text "",
// everything must pass.
func finds1(t *testing.T, p apptest.Patient, text, fix string) string {
	t.Helper()
	_, code := p.Diagnose(t)
	ill := slices.DeleteFunc(p.FindingsAt(t, ""), func(f realm.Finding) bool { return f.OK() || f.Check == "existing" })
	if text == "" {
		if code != 0 || len(ill) > 0 {
			t.Errorf("doctor ends with %d and says %v", code, ill)
		}
		return ""
	}
	if code != 0 || len(ill) != 1 || ill[0].Severity != realm.Warn || !strings.Contains(ill[0].Text, text) || !strings.Contains(ill[0].Fix, fix) {
		t.Fatalf("doctor ends with %d and says %v, want %q, fix %q", code, ill, text, fix)
	}
	return ill[0].Fix
}
