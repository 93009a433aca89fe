package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

const admission = "POST /organizations/{id}/members"

// TestAnAdmissionThatFails leaves nobody behind; where the account cannot be removed again, the
// answer says so and the next creation finishes it.
func TestAnAdmissionThatFails(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]bool{"removed": false, "left": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := keycloaktest.NewFake(t)
			c := newCustomers(t, fake.Server(), nil)
			acme := c.of["acme"]
			const body = `{"userName":"jane@acme.test","externalId":"J","title":"Boss"}`
			fake.Inject(keycloaktest.Fault{Op: admission, Nth: 1, Status: http.StatusInternalServerError})
			if lost {
				fake.Inject(keycloaktest.Fault{Op: "DELETE /users/{id}", Nth: 1, Status: http.StatusInternalServerError})
			}
			detail := acme.refused(t, http.StatusInternalServerError, http.MethodPost, "/Users", body)
			left, err := acme.admin.Users(t.Context(), keycloak.UserQuery{Username: "jane@acme.test"})
			if err != nil || (len(left) == 1) != lost || strings.Contains(detail, "could not be removed again") != lost {
				t.Errorf("after %q there is %v, %v", detail, left, err)
			}
			wantNames(t, "acme's users", acme.names(t, "/Users"))
			made := acme.must(t, http.MethodPost, "/Users", body)
			if lost && made["id"] != left[0].ID || made["title"] != "Boss" {
				t.Errorf("the next creation = %v, want the account %v finished", made, left)
			}
			wantNames(t, "acme's users", acme.names(t, "/Users"), "jane@acme.test")
			wantNames(t, "globex's users", c.of["globex"].names(t, "/Users"))
		})
	}
}

// TestAMemberWhoIsOneAlready: what parallel admissions answer is success after a look.
func TestAMemberWhoIsOneAlready(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusConflict, http.StatusBadRequest} {
		fake := keycloaktest.NewFake(t)
		c := newCustomers(t, fake.Server(), nil)
		fake.Inject(keycloaktest.Fault{Op: admission, Nth: 1, Status: status, Stage: keycloaktest.After})
		c.of["acme"].create(t, "/Users", `{"userName":"jane@acme.test"}`)
		wantNames(t, "acme's users", c.of["acme"].names(t, "/Users"), "jane@acme.test")
	}
}

// TestTwoTenantsOfOneRealm have paths, groups and attributes for externalId of their own, and
// one account a user.
func TestTwoTenantsOfOneRealm(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, dir := start(t), t.TempDir()
			realm, admin := newEmptyRealm(t, server)
			files := map[string]string{}
			for _, key := range []string{"one", "two"} {
				if _, err := admin.CreateGroup(t.Context(), keycloak.NewGroup{Name: "of-" + key}); err != nil {
					t.Fatal(err)
				}
				files[key] = filepath.Join(dir, key+".yaml")
				text := "version: 1\nusers: { attributes: { externalId: { keycloak: ext_" + key + " } } }\ngroups: { parent: /of-" + key + " }\n"
				if err := os.WriteFile(files[key], []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				runSetup(t, server, realm, "--mapping", files[key])
			}
			b := newBridgeIn(t, server, realm, admin, func(c *config.Config) {
				r := c.Realms[realm]
				two := r.Tenants[0]
				r.Tenants[0].Key, r.Tenants[0].Path, r.Tenants[0].Mapping = "one", "one", files["one"]
				two.Key, two.Path, two.Mapping = "two", "two", files["two"]
				r.Tenants = append(r.Tenants, two)
				c.Realms[realm] = r
			})
			if problems := app.MappingProblems(b.config); len(problems) > 0 {
				t.Errorf("the configuration has problems: %v", problems)
			}
			one, two := b.at("one"), b.at("two")
			id := one.create(t, "/Users", `{"userName":"shared","externalId":"1","title":"One"}`)
			two.must(t, http.MethodPut, "/Users/"+id, `{"userName":"shared","externalId":"2","title":"Two"}`)
			for at, want := range map[string]string{"one": "1One", "two": "2Two"} {
				got := b.at(at).must(t, http.MethodGet, "/Users/"+id, "")
				external, _ := got["externalId"].(string)
				if title, _ := got["title"].(string); external+title != want {
					t.Errorf("at %s the user is %v, want %s", at, got, want)
				}
			}
			for filter, tenant := range map[string]testBridge{`externalId eq "1"`: one, `externalId eq "2" and title eq "Two"`: two} {
				if found, err := tenant.Find(t.Context(), "/Users", filter, ""); err != nil || len(found) != 1 {
					t.Errorf("%s = %v, %v, want the user", filter, found, err)
				}
			}
			one.create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+id+`"}]}`)
			group := two.create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+id+`"}]}`)
			one.refused(t, http.StatusNotFound, http.MethodGet, "/Groups/"+group, "")
			wantNames(t, "the groups of one", one.names(t, "/Groups"), "Team")
			parsed, _ := keycloak.ParseUserID(id)
			user, err := admin.User(t.Context(), parsed)
			if err != nil || !slices.Equal(user.Attributes["ext_one"], []string{"1"}) || user.Attributes["ext_two"] != nil || !slices.Equal(user.Attributes["scim.owner"], []string{"one"}) {
				t.Errorf("in Keycloak the user is %+v, %v", user, err)
			}
		})
	}
}
