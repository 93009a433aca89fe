package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// look has the bridge look at its realms, as it does every minute.
func (f federated) look(t *testing.T) {
	t.Helper()
	if !f.app.Watcher.Look(t.Context()) {
		t.Fatalf("the realm is not fit: %v", f.app.Watcher.Tenants.All()[0].Fitness())
	}
}

// says has a request be refused with a detail that holds a text.
func (f federated) says(t *testing.T, status int, method, path, body, text string) {
	t.Helper()
	if detail := f.refused(t, status, method, path, body); !strings.Contains(detail, text) {
		t.Errorf("%s %s %s = %q, want %q", method, path, body, detail, text)
	}
}

// TestTheRemediesOfAFederation: each thing that a refusal tells the operator to do makes the same request succeed.
func TestTheRemediesOfAFederation(t *testing.T) {
	t.Parallel()
	f := newFederated(t, persons("ann"), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditWritable}, nil)
	f.provider.Set("editMode", keycloak.EditReadOnly) // whose mappers write when they may
	f.look(t)
	ann := "/Users/" + f.named(t, "ann").ID
	f.says(t, http.StatusBadRequest, http.MethodPatch, ann, replaceBody("active", "false"), "switch its Import users on")
	f.says(t, http.StatusForbidden, http.MethodDelete, ann, "", "delete it in the directory")
	f.provider.Set("importEnabled", "true")
	f.look(t)
	ann = "/Users/" + f.named(t, "ann").ID // which is a copy now
	f.must(t, http.MethodPatch, ann, replaceBody("active", "false"))
	f.must(t, http.MethodPatch, ann, replaceBody("active", "true"))
	f.says(t, http.StatusForbidden, http.MethodDelete, ann, "", "deactivate the user")

	f.says(t, http.StatusBadRequest, http.MethodPatch, ann, replaceBody("name.familyName", `"Zoe"`), "set the provider's edit mode to WRITABLE in Keycloak")
	f.says(t, http.StatusBadRequest, http.MethodPatch, ann, patchBody(`{"op":"replace","value":{"active":false,"name":{"familyName":"Zoe"}}}`), "send a change of active alone")
	f.says(t, http.StatusBadRequest, http.MethodPatch, ann, replaceBody("externalId", `"E"`), "set the provider's edit mode to WRITABLE or UNSYNCED in Keycloak")
	f.provider.Set("editMode", keycloak.EditUnsynced)
	f.look(t)
	f.must(t, http.MethodPatch, ann, replaceBody("externalId", `"E"`))
	f.provider.Set("editMode", keycloak.EditWritable)
	f.look(t)
	f.must(t, http.MethodPatch, ann, replaceBody("name.familyName", `"Zoe"`))
	if !f.ldap.Holds(t, "sn", "Zoe") {
		t.Error("the directory lacks the name")
	}

	f.provider.Set("enabled", "false")
	f.look(t)
	if shown := f.must(t, http.MethodGet, ann, ""); shown["active"] != false {
		t.Errorf("a user of a provider that is switched off is %v", shown)
	}
	f.says(t, http.StatusBadRequest, http.MethodPatch, ann, replaceBody("active", "true"), "switch the provider on")
	f.says(t, http.StatusForbidden, http.MethodPost, "/Groups", `{"displayName":"team","members":[{"value":"`+strings.TrimPrefix(ann, "/Users/")+`"}]}`, "switch the provider on")
	f.provider.Set("enabled", "true")
	f.look(t)
	if shown := f.must(t, http.MethodGet, ann, ""); shown["active"] != true {
		t.Errorf("a user of a provider that is switched on again is %v", shown)
	}
}

// TestADirectoryThatIsAway: what it would take to answer passes by itself, so that a client repeats it; what Keycloak has is shown and, of an imported
// user, the sessions end.
func TestADirectoryThatIsAway(t *testing.T) {
	t.Parallel()
	for _, kind := range []federationKind{{"imported", keycloaktest.FederationOptions{EditMode: keycloak.EditWritable, Imports: true}}, {"not imported", keycloaktest.FederationOptions{EditMode: keycloak.EditWritable}}} {
		f := newFederated(t, persons("ann"), nil, kind.options, nil)
		local := f.create(t, "/Users", `{"userName":"local","name":{"givenName":"L","familyName":"O"},"emails":[{"value":"local@acme.test","primary":true}]}`)
		ann, session := "/Users/"+f.named(t, "ann").ID, f.session(t, "ann")
		f.ldap.Stop()
		f.must(t, http.MethodGet, "/Users/"+local, "")
		f.must(t, http.MethodPatch, "/Users/"+local, replaceBody("title", `"Boss"`))
		f.must(t, http.MethodGet, "/Users?filter="+url.QueryEscape(`userName eq "local"`), "")
		if kind.options.Imports {
			f.must(t, http.MethodGet, ann, "")
			f.says(t, http.StatusServiceUnavailable, http.MethodPatch, ann, replaceBody("name.familyName", `"Zoe"`), "does not answer")
			_, err := f.send(t, http.MethodPatch, ann, replaceBody("active", "false"))
			enabled := f.named(t, "ann").Enabled
			if (err == nil) == enabled || err != nil && (client.StatusOf(err) != http.StatusServiceUnavailable || !strings.Contains(err.Error(), "the user's sessions were ended")) {
				t.Errorf("a deactivation = %v, and the account is enabled: %t", err, enabled) // Keycloak does it as long as it remembers the user
			}
			if f.refreshes(t, session) {
				t.Error("the session lives")
			}
			continue
		}
		f.says(t, http.StatusServiceUnavailable, http.MethodPatch, ann, replaceBody("active", "false"), "does not answer")
		f.says(t, http.StatusServiceUnavailable, http.MethodGet, ann, "", "the directory does not answer")
	}
}

// TestNewUsersOfADirectory: where Keycloak writes new accounts to the directory, they are users as others are, and are deleted there too.
func TestNewUsersOfADirectory(t *testing.T) {
	t.Parallel()
	f := newFederated(t, persons("ann"), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditWritable, Imports: true, Registers: true}, nil)
	body := `{"userName":"new","externalId":"N-1","password":"Of-the-new-1","name":{"givenName":"N","familyName":"Ew"},"emails":[{"value":"new@acme.test","primary":true}]}`
	id := f.create(t, "/Users", body)
	if shown := f.must(t, http.MethodGet, "/Users/"+id, ""); shown["externalId"] != "N-1" || shown["userName"] != "new" || !f.ldap.Holds(t, "mail", "new@acme.test") || !f.canLogIn(t, f.server, "new", "Of-the-new-1") {
		t.Errorf("the new user is %v", shown)
	}
	f.must(t, http.MethodPatch, "/Users/"+id, replaceBody("name.familyName", `"Zoe"`))
	if !f.ldap.Holds(t, "sn", "Zoe") {
		t.Error("the directory lacks the change")
	}
	f.must(t, http.MethodDelete, "/Users/"+id, "")
	if f.ldap.Holds(t, "uid", "new") {
		t.Error("the directory has the user still")
	}
	for _, settings := range []map[string]string{{"editMode": keycloak.EditUnsynced}, {"editMode": keycloak.EditWritable, "importEnabled": "false"}} {
		f.create(t, "/Users", body)
		for name, value := range settings {
			f.provider.Set(name, value)
		}
		f.look(t)
		if id := f.named(t, "new").ID; settings["importEnabled"] == "" {
			f.says(t, http.StatusForbidden, http.MethodDelete, "/Users/"+id, "", "delete it in the directory")
			f.provider.Set("editMode", keycloak.EditWritable)
			f.look(t)
			f.must(t, http.MethodDelete, "/Users/"+id, "")
			continue
		}
		f.says(t, http.StatusForbidden, http.MethodPost, "/Users", strings.ReplaceAll(body, "new", "newer"), "Sync Registrations off")
		if f.ldap.Holds(t, "uid", "newer") {
			t.Error("the directory has a user who was refused")
		}
		f.provider.Set("syncRegistrations", "false")
		f.look(t)
		f.create(t, "/Users", strings.ReplaceAll(body, "new", "newer"))
	}
}

// TestADirectoryThatCameSinceTheLook: in the minute until the bridge looks again a refusal says the same as afterwards,
// and names nothing that is the bridge's own.
func TestADirectoryThatCameSinceTheLook(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := newBridgeOn(t, server, nil)
	provider := keycloaktest.StartLDAP(t, persons("ann"), nil).Federate(t, server, b.realm, keycloaktest.FederationOptions{Name: corp, EditMode: keycloak.EditReadOnly, Imports: true})
	provider.Sync()
	ann := "/Users/" + b.named(t, "ann").ID
	bodies := map[string]string{
		http.MethodPut:   `{"userName":"ann","externalId":"E","active":true,"name":{"givenName":"Zoe","familyName":"Else"},"emails":[{"value":"zoe@acme.test","type":"home"}],"title":"T"}`,
		http.MethodPatch: patchBody(`{"op":"add","path":"externalId","value":"E"}`),
	}
	told := map[string]string{}
	for method, body := range bodies {
		told[method] = b.refused(t, http.StatusBadRequest, method, ann, body)
		if strings.Contains(told[method], "scim.") || !strings.Contains(told[method], `the user federation "`+corp+`"`) {
			t.Errorf("before the look %s says %q", method, told[method])
		}
	}
	b.look(t)
	for method, body := range bodies {
		if after := b.refused(t, http.StatusBadRequest, method, ann, body); after != told[method] {
			t.Errorf("%s says %q, before the look %q", method, after, told[method])
		}
	}
}

// TestAnActivationWhileTheDirectoryIsAway tells of no sessions.
func TestAnActivationWhileTheDirectoryIsAway(t *testing.T) {
	t.Parallel()
	f := newFederated(t, persons("ann"), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditWritable, Imports: true}, nil)
	ann := "/Users/" + f.named(t, "ann").ID
	f.must(t, http.MethodPatch, ann, replaceBody("active", "false"))
	f.ldap.Stop()
	adminSend(t, f.server, http.MethodPost, "/admin/realms/"+f.realm+"/clear-user-cache", "")
	if told := f.refused(t, http.StatusServiceUnavailable, http.MethodPatch, ann, replaceBody("active", "true")); strings.Contains(told, "session") || !strings.Contains(told, "does not answer") {
		t.Errorf("the activation is refused with %q", told)
	}
}
