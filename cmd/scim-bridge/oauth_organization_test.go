package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// named adds the missing tenants of an edited configuration to the file, each by its name, and
// applies the file. Setup wrote the first tenant.
func named(t *testing.T, c apptest.Customers) {
	t.Helper()
	var text strings.Builder
	for _, tenant := range c.Realm.Config.Realms[c.Realm.Realm].Tenants[1:] {
		fmt.Fprintf(&text, "      - tokens: [{ name: %q, sha256: %q }]\n", tenant.Tokens[0].Name, hex.EncodeToString(tenant.Tokens[0].SHA256[:]))
		if tenant.Organization != "" {
			fmt.Fprintf(&text, "        organization: %q\n        organizationID: %q\n", tenant.Organization, tenant.OrganizationID)
		}
		if tenant.Mapping != "" {
			fmt.Fprintf(&text, "        mapping: %q\n", tenant.Mapping)
		}
	}
	c.Realm.ApplyFile(t, "config.yaml", func(before string) string { return strings.TrimRight(before, "\n") + "\n" + text.String() })
	if _, problems := config.Load(c.Realm.File); len(problems) > 0 {
		t.Fatalf("the configuration has problems: %v", problems)
	}
	if !c.Realm.App.Watcher.Check(t.Context()) {
		t.Fatal("the tenants of the file are not fit")
	}
}

// TestOAuthOfANamedOrganization on the real Keycloak: one configuration has this organization,
// another organization and the realm. The organization's client provisions there, with the secret
// in the body and by Basic. Its tokens open neither the other organization nor the realm. The
// tokens of other clients stay valid, and the client's own tokens end with the client.
func TestOAuthOfANamedOrganization(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	c := apptest.NewCustomers(t, kc, nil)
	named(t, c)
	acme, globex := c.Of["acme"], c.Of["globex"]
	made, _ := newOAuth(t, kc, c.Realm.File, "--organization", "acme", "--name", "entra")
	if made.ClientID != "scim-acme-entra" || !strings.HasSuffix(made.BaseURL, "/realms/"+c.Realm.Realm+"/organizations/acme/scim/v2") {
		t.Errorf("the command prints %+v", made)
	}
	c.Realm.App.Reload()
	for name, basic := range map[string]bool{"body": false, "basic": true} {
		status, answer := made.ask(t, basic, url.Values{"scope": {"scim"}})
		if status != http.StatusOK || answer["scope"] != "scim" {
			t.Fatalf("%s: the token endpoint answers %d %v", name, status, answer)
		}
		bearer := answer["access_token"].(string)
		entra := acme.With(bearer)
		id := entra.Create(t, "/Users", `{"userName":"`+name+`@acme.test","emails":[{"value":"`+name+`@acme.test"}],"active":true}`)
		if got := entra.Must(t, http.MethodGet, "/Users/"+id, ""); got["userName"] != name+"@acme.test" || got["active"] != true {
			t.Errorf("%s: it reads %v", name, got)
		}
		account := "/admin/realms/" + c.Realm.Realm + "/users/" + id
		member := "/admin/realms/" + c.Realm.Realm + "/organizations/" + c.IDs["acme"].String() + "/members/" + id
		if got := apptest.AdminGet(t, kc, member); !enabled(t, got) {
			t.Errorf("%s: the member in Keycloak is %s", name, got)
		}
		// Neither endpoint says whose token it is, nor which users exist.
		for path, other := range map[string]apptest.Bridge{"the realm": c.Realm, "the other organization": globex} {
			for _, request := range [][3]string{
				{http.MethodGet, "/Users", ""},
				{http.MethodGet, "/Users/" + id, ""},
				{http.MethodPost, "/Users", `{"userName":"mallory"}`},
				{http.MethodPatch, "/Users/" + id, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)},
				{http.MethodDelete, "/Users/" + id, ""},
			} {
				if detail := other.With(bearer).Refused(t, http.StatusUnauthorized, request[0], request[1], request[2]); !strings.Contains(detail, "[credential-invalid]") {
					t.Errorf("%s: %s of %s at %s says %s", name, request[0], request[1], path, detail)
				}
			}
		}
		if !enabled(t, apptest.AdminGet(t, kc, account)) {
			t.Errorf("%s: another endpoint disabled the account", name)
		}
		if got := entra.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)); got["active"] != false {
			t.Errorf("%s: the deactivation answers %v", name, got)
		}
		if got := apptest.AdminGet(t, kc, account); enabled(t, got) {
			t.Errorf("%s: the deactivated account in Keycloak is %s", name, got)
		}
	}
	for _, b := range []apptest.Bridge{acme, globex, c.Realm} {
		b.Must(t, http.MethodGet, "/Users", "") // with the older tokens
	}
	bearer := made.token(t)
	if out, told, code := tokensCommand(t, kc, "revoke", c.Realm.File, "--organization", "acme", "entra"); code != 0 {
		t.Fatalf("tokens revoke --oauth ends with %d %s%s", code, out, told)
	}
	c.Realm.App.Reload()
	acme.With(bearer).Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
}

// enabled returns the state of an account in Keycloak.
func enabled(t *testing.T, account string) bool {
	t.Helper()
	var user struct{ Enabled bool }
	if err := json.Unmarshal([]byte(account), &user); err != nil {
		t.Fatalf("%s: %v", account, err)
	}
	return user.Enabled
}

// TestOAuthRevokedOfAnOrganization has its own tokens. After the revocation the file is as before,
// and doctor finds no tenant without a token.
func TestOAuthRevokedOfAnOrganization(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	c := apptest.NewEvery(t, kc)
	before := fileText(t, c.Realm.File)
	newOAuth(t, kc, c.Realm.File, "--organization", "acme", "--name", "entra")
	newOAuth(t, kc, c.Realm.File, "--organization", "globex", "--name", "entra")
	for _, alias := range []string{"acme", "globex"} {
		if out, told, code := tokensCommand(t, kc, "revoke", c.Realm.File, "--organization", alias, "entra"); code != 0 {
			t.Fatalf("tokens revoke --oauth ends with %d %s%s", code, out, told)
		}
	}
	if after := fileText(t, c.Realm.File); after != before {
		t.Errorf("the configuration is\n%s\nand was\n%s", after, before)
	}
	if out, _, code := command(t, "", "doctor", "--config", c.Realm.File); code != 0 || strings.Contains(out, "FAIL") {
		t.Errorf("doctor ends with %d and says\n%s", code, out)
	}
}
