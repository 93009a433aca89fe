package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestDoctorTellsOfExternalIDs that look-ups find late, or twice; what its remedies name shows and mends them. An
// administrator's, which nobody is shown, counts for nothing.
func TestDoctorTellsOfExternalIDs(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			p := patient{newBridgeOn(t, server, nil), server}
			p.create(t, "/Users", `{"userName":"fine","externalId":"F"}`)
			for _, name := range []string{"one", "two"} {
				p.former(t, name, "V-"+name)
			}
			admin := p.former(t, "admin", "A")
			role, err := p.admin.FindRole(t.Context(), keycloak.RoleName{Client: "realm-management", Name: "manage-users"})
			if err != nil {
				t.Fatal(err)
			}
			p.grant(t, userID(t, admin), role)
			p.look(t)
			p.finds1(t, "2 of 4 users have an externalId that another SCIM server", "scim-bridge adopt --config "+p.file+" --tenant "+p.realm+" --dry-run\n")

			p.adoptions(t, p.controlled(t), p.realm)
			p.finds1(t, "", "")

			twin := p.create(t, "/Users", `{"userName":"twin","externalId":"F"}`)
			fix := p.finds1(t, "2 of 5 users share their externalId", "externalId: unique")
			listing := commandsOf(fix)[0]
			if out, told, code := command(t, "", shellWords(t, listing)[1:]...); code != 0 || !strings.Contains(out, "F  ") || strings.Index(out, "twin") < strings.Index(out, "F  ") {
				t.Errorf("%s ends with %d: %s%s", listing, code, out, told)
			}
			p.must(t, http.MethodPatch, "/Users/"+twin, patchBody(`{"op":"replace","path":"externalId","value":"G"}`))
			p.finds1(t, "", "")
		})
	}
}

// finds1 runs doctor, which finds one thing beside what passes, or with "" nothing, and returns its remedy.
func (p patient) finds1(t *testing.T, text, fix string) string {
	t.Helper()
	_, code := p.diagnose(t)
	ill := slices.DeleteFunc(p.findingsAt(t, ""), func(f realm.Finding) bool { return f.Severity == realm.Pass || f.Check == "existing" })
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
