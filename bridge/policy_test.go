package bridge_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// TestUnknownMembersAreLeftOutWhereThePolicySaysSo: with the Okta preset the other members are kept.
func TestUnknownMembersAreLeftOutWhereThePolicySaysSo(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
		for _, realm := range c.Realms {
			realm.Tenants[0].UnknownMembers = config.UnknownMembersIgnore
		}
	})
	user, err := b.Send(t, http.MethodPost, "/Users", apptest.CreateJane)
	if err != nil {
		t.Fatal(err)
	}
	known := fmt.Sprintf(`{"value":%q}`, user["id"])
	const ghost = `{"value":"999999","display":"ghost"}`
	group, err := b.Send(t, http.MethodPost, "/Groups", `{"displayName":"g","members":[`+ghost+`]}`)
	if err != nil {
		t.Fatal(err)
	}
	path := "/Groups/" + group["id"].(string)
	for _, op := range []string{
		`{"op":"add","path":"members","value":[` + ghost + `]}`,
		`{"op":"add","path":"members","value":[` + known + `,` + ghost + `]}`,
		`{"op":"replace","path":"members","value":[` + ghost + `,` + known + `]}`,
	} {
		if _, err := b.Send(t, http.MethodPatch, path, `{"Operations":[`+op+`]}`); err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
	got, err := b.Send(t, http.MethodGet, path, "")
	if members, _ := got["members"].([]any); err != nil || len(members) != 1 {
		t.Errorf("members = %v, %v, want the one that exists", got["members"], err)
	}
	if _, err := b.Send(t, http.MethodPatch, "/Groups/00000000-0000-4000-8000-000000000000", `{"Operations":[{"op":"add","path":"members","value":[`+ghost+`]}]}`); client.StatusOf(err) != 404 {
		t.Errorf("a group that is not there = %v, want 404 though there is nothing to add", err)
	}
}

// TestARealmThatUsesAddressesAsNames: a name that Keycloak would replace is refused.
func TestARealmThatUsesAddressesAsNames(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridge(t, nil)
	server := b.Server
	apptest.AdminPut(t, server, "/admin/realms/"+b.Realm, `{"registrationEmailAsUsername":true}`)
	a := apptest.NewTestApp(t, b.Config)
	if !a.Watcher.Check(t.Context()) {
		t.Fatal("the realm is not fit")
	}
	b.Client = apptest.ServeHandler(t, apptest.NewListener(), a.Handler, b)
	_, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"jane","emails":[{"value":"jane@acme.test","primary":true}]}`)
	if client.StatusOf(err) != 400 || !strings.Contains(err.Error(), "userName") {
		t.Errorf("a name that is no address = %v, want 400 that names userName", err)
	}
	created, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"Jane@acme.test","emails":[{"value":"jane@acme.test","primary":true}]}`)
	if err != nil {
		t.Fatal(err)
	}
	read, err := b.Send(t, http.MethodGet, "/Users/"+created["id"].(string), "")
	if err != nil || read["userName"] != "Jane@acme.test" {
		t.Errorf("userName = %v, %v, want it as sent", read["userName"], err)
	}
}

// TestAServiceAccountIsNobodyToSCIM on the real Keycloak, whose searches find it.
func TestAServiceAccountIsNobodyToSCIM(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridge(t, nil)
	accounts, err := b.Admin.Users(t.Context(), keycloak.UserQuery{Username: "service-account-scim-bridge"})
	if err != nil || len(accounts) != 1 {
		t.Fatalf("Keycloak shows %v, %v, want the service account", accounts, err)
	}
	id := accounts[0].ID
	for _, filter := range []string{`userName eq "service-account-scim-bridge"`, `id eq "` + id + `"`} {
		if found, err := b.Find(t.Context(), "/Users", filter, ""); err != nil || len(found) != 0 {
			t.Errorf("%s finds %v, %v, want nobody", filter, found, err)
		}
	}
	patch := `{"Operations":[{"op":"replace","path":"active","value":false}]}`
	for method, body := range map[string]string{http.MethodGet: "", http.MethodPut: `{"userName":"x"}`, http.MethodPatch: patch, http.MethodDelete: ""} {
		_, ours := b.Send(t, method, "/Users/"+id, body)
		_, absent := b.Send(t, method, "/Users/00000000-0000-4000-8000-000000000000", body)
		if client.StatusOf(ours) != 404 || ours.Error() != absent.Error() {
			t.Errorf("%s of a service account = %v, of an absent user = %v, want the same 404", method, ours, absent)
		}
	}
	group, err := b.Send(t, http.MethodPost, "/Groups", `{"displayName":"g"}`)
	if err != nil {
		t.Fatal(err)
	}
	user := b.MakeAccount(t, "service-account-normal", true).String() // created in Keycloak, because SCIM accepts no such name
	members := `{"Operations":[{"op":"add","path":"members","value":["` + id + `","` + user + `"]}]}`
	if _, err := b.Send(t, http.MethodPatch, "/Groups/"+group["id"].(string), members); client.StatusOf(err) != 400 {
		t.Errorf("a service account as a member = %v, want 400", err)
	}
	if found, err := b.Find(t.Context(), "/Users", `userName eq "service-account-normal"`, ""); err != nil || len(found) != 1 {
		t.Errorf("a normal user of such a name = %v, %v, want it found", found, err)
	}
}

// TestADamagedUserIsAnErrorWithItsId, for reads and lists. The user can be deleted.
func TestADamagedUserIsAnErrorWithItsId(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	created, err := b.Send(t, http.MethodPost, "/Users", apptest.CreateJane)
	if err != nil {
		t.Fatal(err)
	}
	id := created["id"].(string)
	held := b.InKeycloak(t, id)
	held.Attributes["scim.remainder"] = []string{held.Attributes["scim.remainder"][0] + "x"}
	parsed, err := keycloak.ParseUserID(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Admin.UpdateUser(t.Context(), parsed, keycloak.UserUpdate{
		Username: &held.Username, Email: &held.Email, FirstName: &held.FirstName, LastName: &held.LastName, Attributes: held.Attributes,
	}); err != nil {
		t.Fatal(err)
	}
	for method, path := range map[string]string{http.MethodGet: "/Users/" + id, http.MethodPut: "/Users/" + id, "": "/Users"} {
		body := ""
		if method == http.MethodPut {
			body = `{"userName":"jane"}`
		}
		_, err := b.Send(t, cmp.Or(method, http.MethodGet), path, body)
		if client.StatusOf(err) != 500 || !strings.Contains(err.Error(), id) || strings.Contains(err.Error(), "scim.remainder") {
			t.Errorf("%s %s = %v, want a 500 that names the user and no attribute of the bridge", method, path, err)
		}
	}
	if _, err := b.Send(t, http.MethodDelete, "/Users/"+id, ""); err != nil {
		t.Errorf("DELETE = %v, want it gone", err)
	}
}

// adminForm posts a form.
func adminForm(t *testing.T, server keycloaktest.Server, path string, form url.Values) {
	t.Helper()
	apptest.AdminRequest(t, server, http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode())
}
