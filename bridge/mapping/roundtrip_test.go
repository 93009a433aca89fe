package mapping_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// everything is a user with all attributes of the core and enterprise schemas, in spellings that
// Keycloak without the bridge would not give back.
const everything = `{
	"userName":"Jane.O'Neil#EXT#@Acme.test","externalId":"AbC \"x\"","active":true,"displayName":"Jane ö 日本 🦊",
	"nickName":"J","profileUrl":"https://x.test/j","title":" Dr ","userType":"Employee","preferredLanguage":"en-US","locale":"en-US","timezone":"Europe/Berlin",
	"name":{"formatted":"Dr. Jane O'Neil","familyName":" O'Neil","givenName":"Jane","middleName":"Q.","honorificPrefix":"Dr.","honorificSuffix":"III"},
	"emails":[{"value":"Home@Acme.test","type":"home"},{"value":"Jane@Acme.test","type":"work","primary":true,"display":"d"},{"value":"other@acme.test"}],
	"phoneNumbers":[{"value":"+1 (555) 0100","type":"work","primary":true},{"value":"0049 30","type":"mobile"}],
	"ims":[{"value":"jane","type":"xmpp"}],"photos":[{"value":"https://x.test/p.png","type":"photo"}],
	"addresses":[{"type":"work","streetAddress":"1 Way\nFloor 2","locality":"Town","region":"CA","postalCode":"00001","country":"US","formatted":"x"}],
	"entitlements":[{"value":"e"}],"roles":[{"value":"r","primary":true}],"x509Certificates":[{"value":"AAAA"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"0701","costCenter":"4130","organization":"Studios","division":"Park","department":"R&D","manager":{"value":"26118915","$ref":"../Users/26118915"}},
	"urn:acme:extension":{"badge":"B-17","level":9007199254740993}
}`

// TestEveryAttributeComesBackAsItWasSent on the real Keycloak: in the answer, in a read, and in a
// list.
func TestEveryAttributeComesBackAsItWasSent(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridge(t, nil)
	want, err := scim.Decode([]byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	created, err := b.Send(t, http.MethodPost, "/Users", everything)
	if err != nil {
		t.Fatal(err)
	}
	read, err := b.Send(t, http.MethodGet, "/Users/"+created["id"].(string), "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(created, read); diff != "" {
		t.Errorf("a read differs from the answer to the create (-created +read):\n%s", diff)
	}
	listed, err := b.Find(t.Context(), "/Users", `emails.value eq "other@acme.test" and externalId eq "AbC \"x\""`, "")
	if err != nil || len(listed) != 1 {
		t.Fatalf("Find = %v, %v, want one user", listed, err)
	}
	for how, got := range map[string]map[string]any{"create": created, "read": read, "list": listed[0]} {
		if diff := cmp.Diff(want, apptest.Written(got)); diff != "" {
			t.Errorf("%s: came back differently (-sent +got):\n%s", how, diff)
		}
	}
}

// TestAReplaceClearsWhatItLeavesOut in Keycloak itself, also fields and addresses.
func TestAReplaceClearsWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridge(t, nil)
	created, err := b.Send(t, http.MethodPost, "/Users", everything)
	if err != nil {
		t.Fatal(err)
	}
	id := created["id"].(string)
	if _, err = b.Send(t, http.MethodPatch, "/Users/"+id, `{"Operations":[{"op":"remove","path":"name.givenName"},{"op":"remove","path":"emails"}]}`); err != nil {
		t.Fatal(err)
	}
	held := b.InKeycloak(t, id)
	if held.FirstName != "" || held.LastName != " O'Neil" || held.Email != "" || len(held.Attributes["scim.emails"]) != 0 {
		t.Errorf("Keycloak holds %+v, want no first name and no address, and the last name", held)
	}
	replaced, err := b.Send(t, http.MethodPut, "/Users/"+id, `{"userName":"jane2"}`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"userName": "jane2", "active": true, "externalId": `AbC "x"`}
	if diff := cmp.Diff(want, apptest.Written(replaced)); diff != "" {
		t.Errorf("the answer differs (-want +got):\n%s", diff)
	}
	held = b.InKeycloak(t, id)
	if held.Username != "jane2" || held.LastName != "" || held.Attributes["scim.remainder"] != nil || held.Attributes["displayName"] != nil {
		t.Errorf("Keycloak holds %+v, want nothing but the name and externalId", held)
	}
}

// TestAChangeOfFieldsKeepsForeignAttributes: attributes that an administrator wrote in the
// console survive every kind of change.
func TestAChangeOfFieldsKeepsForeignAttributes(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridge(t, nil)
	profile, err := b.Admin.UserProfile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	profile.Attributes = append(profile.Attributes, keycloak.ProfileAttribute{Name: "badge", View: []string{"admin"}, Edit: []string{"admin"}})
	if err := b.Admin.UpdateUserProfile(t.Context(), profile); err != nil {
		t.Fatal(err)
	}
	created, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"jane","title":"t"}`)
	if err != nil {
		t.Fatal(err)
	}
	id := created["id"].(string)
	held := b.InKeycloak(t, id)
	held.Attributes["badge"] = []string{"B-17"}
	parsed, err := keycloak.ParseUserID(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Admin.UpdateUser(t.Context(), parsed, keycloak.UserUpdate{
		Username: &held.Username, Email: &held.Email, FirstName: &held.FirstName, LastName: &held.LastName, Attributes: held.Attributes,
	}); err != nil {
		t.Fatal(err)
	}
	for _, op := range []string{
		`{"op":"replace","path":"active","value":false}`, `{"op":"replace","path":"title","value":"` + strings.Repeat("long ", 1000) + `"}`,
		`{"op":"replace","path":"name.givenName","value":"J"}`, `{"op":"remove","path":"title"}`,
	} {
		if _, err := b.Send(t, http.MethodPatch, "/Users/"+id, `{"Operations":[`+op+`]}`); err != nil {
			t.Fatalf("%s: %v", op, err)
		}
		if got := b.InKeycloak(t, id).Attributes["badge"]; len(got) != 1 || got[0] != "B-17" {
			t.Errorf("after %.60s the foreign attribute is %q", op, got)
		}
	}
}
