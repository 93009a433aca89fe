package realm_test

import (
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestDoctorReportsAUserFederation: doctor says what SCIM cannot do with the users of a user
// federation. Each remedy leads to the next finding, until no finding is left.
func TestDoctorReportsAUserFederation(t *testing.T) {
	t.Parallel()
	f := apptest.NewFederated(t, apptest.Persons("ann"), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditReadOnly}, nil)
	p := apptest.Patient{Bridge: f.Bridge, Server: f.Server}
	set := func(name, value string) func() { return func() { t.Helper(); f.Provider.Set(name, value) } }
	for _, step := range []struct {
		do        func()
		text, fix string
	}{
		{set("enabled", "false"), "is switched off", "switch the provider on"},
		{set("enabled", "true"), "does not import its users", "switch Import users on"},
		{set("importEnabled", "true"), "is READ_ONLY", "set the edit mode of the provider to WRITABLE"},
		{set("editMode", keycloak.EditUnsynced), "is UNSYNCED", "set the edit mode of the provider to WRITABLE"},
		{set("editMode", keycloak.EditWritable), "its mappers of email, firstName, lastName, username are read-only", "switch off Read Only"},
		{f.Provider.WriteFields, "", ""},
		{func() { f.Provider.Set("syncRegistrations", "true"); f.Provider.Set("importEnabled", "false") }, "SCIM cannot create users", "Sync Registrations off"},
	} {
		step.do()
		ill, code := p.Diagnose(t)
		switch {
		case code != 0 || step.text == "" && len(ill) > 0:
			t.Errorf("doctor ends with %d and says %v, want nothing", code, ill)
		case step.text != "" && (len(ill) != 1 || ill[0].Severity != realm.Warn || ill[0].Check != "user federation" || !strings.Contains(ill[0].Text, apptest.Corp) || !strings.Contains(ill[0].Text, step.text) || !strings.Contains(ill[0].Fix, step.fix)):
			t.Errorf("doctor says %+v, want %q and the fix %q", ill, step.text, step.fix)
		}
	}
}
