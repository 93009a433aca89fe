package directory_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// says checks that a request is refused with a detail that contains a text.
func says(t *testing.T, f apptest.Federated, status int, method, path, body, text string) {
	t.Helper()
	if detail := f.Refused(t, status, method, path, body); !strings.Contains(detail, text) {
		t.Errorf("%s %s %s = %q, want %q", method, path, body, detail, text)
	}
}

// TestTheRemediesOfAFederation: after the operator does what a refusal says, the same request
// succeeds.
func TestTheRemediesOfAFederation(t *testing.T) {
	t.Parallel()
	f := apptest.NewFederated(t, apptest.Persons("ann"), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditWritable}, nil)
	f.Provider.Set("editMode", keycloak.EditReadOnly) // its mappers write once the mode allows it
	f.Check(t)
	ann := "/Users/" + f.Named(t, "ann").ID
	says(t, f, http.StatusBadRequest, http.MethodPatch, ann, apptest.ReplaceBody("active", "false"), "switch its Import users on")
	says(t, f, http.StatusForbidden, http.MethodDelete, ann, "", "delete it in the directory")
	f.Provider.Set("importEnabled", "true")
	f.Check(t)
	ann = "/Users/" + f.Named(t, "ann").ID // Keycloak has a copy of ann now
	f.Must(t, http.MethodPatch, ann, apptest.ReplaceBody("active", "false"))
	f.Must(t, http.MethodPatch, ann, apptest.ReplaceBody("active", "true"))
	says(t, f, http.StatusForbidden, http.MethodDelete, ann, "", "deactivate the user")

	says(t, f, http.StatusBadRequest, http.MethodPatch, ann, apptest.ReplaceBody("name.familyName", `"Zoe"`), "set the provider's edit mode to WRITABLE in Keycloak")
	says(t, f, http.StatusBadRequest, http.MethodPatch, ann, apptest.PatchBody(`{"op":"replace","value":{"active":false,"name":{"familyName":"Zoe"}}}`), "send a change of only active")
	says(t, f, http.StatusBadRequest, http.MethodPatch, ann, apptest.ReplaceBody("externalId", `"E"`), "set the provider's edit mode to WRITABLE or UNSYNCED in Keycloak")
	f.Provider.Set("editMode", keycloak.EditUnsynced)
	f.Check(t)
	f.Must(t, http.MethodPatch, ann, apptest.ReplaceBody("externalId", `"E"`))
	f.Provider.Set("editMode", keycloak.EditWritable)
	f.Check(t)
	f.Must(t, http.MethodPatch, ann, apptest.ReplaceBody("name.familyName", `"Zoe"`))
	if !f.LDAP.Holds(t, "sn", "Zoe") {
		t.Error("the directory lacks the name")
	}

	f.Provider.Set("enabled", "false")
	f.Check(t)
	if shown := f.Must(t, http.MethodGet, ann, ""); shown["active"] != false {
		t.Errorf("a user of a provider that is switched off is %v", shown)
	}
	says(t, f, http.StatusBadRequest, http.MethodPatch, ann, apptest.ReplaceBody("active", "true"), "switch the provider on")
	says(t, f, http.StatusForbidden, http.MethodPost, "/Groups", `{"displayName":"team","members":[{"value":"`+strings.TrimPrefix(ann, "/Users/")+`"}]}`, "switch the provider on")
	f.Provider.Set("enabled", "true")
	f.Check(t)
	if shown := f.Must(t, http.MethodGet, ann, ""); shown["active"] != true {
		t.Errorf("a user of a provider that is switched on again is %v", shown)
	}
}

// TestADirectoryThatIsAway: the answer is a temporary error, so that a client repeats the request.
// Reads show what Keycloak has, and a deactivation ends the sessions of an imported user.
func TestADirectoryThatIsAway(t *testing.T) {
	t.Parallel()
	for _, kind := range []federationKind{{"imported", keycloaktest.FederationOptions{EditMode: keycloak.EditWritable, Imports: true}}, {"not imported", keycloaktest.FederationOptions{EditMode: keycloak.EditWritable}}} {
		f := apptest.NewFederated(t, apptest.Persons("ann"), nil, kind.options, nil)
		local := f.Create(t, "/Users", `{"userName":"local","name":{"givenName":"L","familyName":"O"},"emails":[{"value":"local@acme.test","primary":true}]}`)
		ann, session := "/Users/"+f.Named(t, "ann").ID, session(t, f, "ann")
		f.LDAP.Stop()
		f.Must(t, http.MethodGet, "/Users/"+local, "")
		f.Must(t, http.MethodPatch, "/Users/"+local, apptest.ReplaceBody("title", `"Boss"`))
		f.Must(t, http.MethodGet, "/Users?filter="+url.QueryEscape(`userName eq "local"`), "")
		if kind.options.Imports {
			f.Must(t, http.MethodGet, ann, "")
			says(t, f, http.StatusServiceUnavailable, http.MethodPatch, ann, apptest.ReplaceBody("name.familyName", `"Zoe"`), "does not answer")
			_, err := f.Send(t, http.MethodPatch, ann, apptest.ReplaceBody("active", "false"))
			enabled := f.Named(t, "ann").Enabled
			if (err == nil) == enabled || err != nil && (client.StatusOf(err) != http.StatusServiceUnavailable || !strings.Contains(err.Error(), "the user's sessions were ended")) {
				t.Errorf("a deactivation = %v, and the account is enabled: %t", err, enabled) // Keycloak does this as long as it has the user in its cache
			}
			if refreshes(t, f, session) {
				t.Error("the session lives")
			}
			continue
		}
		says(t, f, http.StatusServiceUnavailable, http.MethodPatch, ann, apptest.ReplaceBody("active", "false"), "does not answer")
		says(t, f, http.StatusServiceUnavailable, http.MethodGet, ann, "", "the directory does not answer")
	}
}

// TestNewUsersOfADirectory: where Keycloak writes new accounts to the directory, the users work
// like others, and a deletion also deletes them in the directory.
func TestNewUsersOfADirectory(t *testing.T) {
	t.Parallel()
	f := apptest.NewFederated(t, apptest.Persons("ann"), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditWritable, Imports: true, Registers: true}, nil)
	body := `{"userName":"new","externalId":"N-1","password":"Of-the-new-1","name":{"givenName":"N","familyName":"Ew"},"emails":[{"value":"new@acme.test","primary":true}]}`
	id := f.Create(t, "/Users", body)
	if shown := f.Must(t, http.MethodGet, "/Users/"+id, ""); shown["externalId"] != "N-1" || shown["userName"] != "new" || !f.LDAP.Holds(t, "mail", "new@acme.test") || !f.CanLogIn(t, f.Server, "new", "Of-the-new-1") {
		t.Errorf("the new user is %v", shown)
	}
	f.Must(t, http.MethodPatch, "/Users/"+id, apptest.ReplaceBody("name.familyName", `"Zoe"`))
	if !f.LDAP.Holds(t, "sn", "Zoe") {
		t.Error("the directory lacks the change")
	}
	f.Must(t, http.MethodDelete, "/Users/"+id, "")
	if f.LDAP.Holds(t, "uid", "new") {
		t.Error("the directory has the user still")
	}
	for _, settings := range []map[string]string{{"editMode": keycloak.EditUnsynced}, {"editMode": keycloak.EditWritable, "importEnabled": "false"}} {
		f.Create(t, "/Users", body)
		for name, value := range settings {
			f.Provider.Set(name, value)
		}
		f.Check(t)
		if id := f.Named(t, "new").ID; settings["importEnabled"] == "" {
			says(t, f, http.StatusForbidden, http.MethodDelete, "/Users/"+id, "", "delete it in the directory")
			f.Provider.Set("editMode", keycloak.EditWritable)
			f.Check(t)
			f.Must(t, http.MethodDelete, "/Users/"+id, "")
			continue
		}
		says(t, f, http.StatusForbidden, http.MethodPost, "/Users", strings.ReplaceAll(body, "new", "newer"), "Sync Registrations off")
		if f.LDAP.Holds(t, "uid", "newer") {
			t.Error("the directory has a user who was refused")
		}
		f.Provider.Set("syncRegistrations", "false")
		f.Check(t)
		f.Create(t, "/Users", strings.ReplaceAll(body, "new", "newer"))
	}
}

// TestADirectoryThatWasAddedAfterTheCheck: until the bridge reads the realm again, a minute later at
// most, a refusal says the same as afterwards, and names nothing internal of the bridge.
func TestADirectoryThatWasAddedAfterTheCheck(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := apptest.NewBridgeOn(t, server, nil)
	provider := keycloaktest.StartLDAP(t, apptest.Persons("ann"), nil).Federate(t, server, b.Realm, keycloaktest.FederationOptions{Name: apptest.Corp, EditMode: keycloak.EditReadOnly, Imports: true})
	provider.Sync()
	ann := "/Users/" + b.Named(t, "ann").ID
	bodies := map[string]string{
		http.MethodPut:   `{"userName":"ann","externalId":"E","active":true,"name":{"givenName":"Zoe","familyName":"Else"},"emails":[{"value":"zoe@acme.test","type":"home"}],"title":"T"}`,
		http.MethodPatch: apptest.PatchBody(`{"op":"add","path":"externalId","value":"E"}`),
	}
	told := map[string]string{}
	for method, body := range bodies {
		told[method] = b.Refused(t, http.StatusBadRequest, method, ann, body)
		if strings.Contains(told[method], "scim.") || !strings.Contains(told[method], `the user federation "`+apptest.Corp+`"`) {
			t.Errorf("before the look %s says %q", method, told[method])
		}
	}
	b.Check(t)
	for method, body := range bodies {
		if after := b.Refused(t, http.StatusBadRequest, method, ann, body); after != told[method] {
			t.Errorf("%s says %q, before the look %q", method, after, told[method])
		}
	}
}

// TestAnActivationWhileTheDirectoryIsAway has an error that does not mention sessions.
func TestAnActivationWhileTheDirectoryIsAway(t *testing.T) {
	t.Parallel()
	f := apptest.NewFederated(t, apptest.Persons("ann"), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditWritable, Imports: true}, nil)
	ann := "/Users/" + f.Named(t, "ann").ID
	f.Must(t, http.MethodPatch, ann, apptest.ReplaceBody("active", "false"))
	f.LDAP.Stop()
	apptest.AdminSend(t, f.Server, http.MethodPost, "/admin/realms/"+f.Realm+"/clear-user-cache", "")
	if told := f.Refused(t, http.StatusServiceUnavailable, http.MethodPatch, ann, apptest.ReplaceBody("active", "true")); strings.Contains(told, "session") || !strings.Contains(told, "does not answer") {
		t.Errorf("the activation is refused with %q", told)
	}
}
