package apply_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

const admission = "POST /organizations/{id}/members"

// TestAnAdmissionThatFails leaves no account behind. When the account cannot be removed again, the
// answer says so and the next creation finishes the account.
func TestAnAdmissionThatFails(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]bool{"removed": false, "left": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := keycloaktest.NewFake(t)
			c := apptest.NewCustomers(t, fake.Server(), nil)
			acme := c.Of["acme"]
			const body = `{"userName":"jane@acme.test","externalId":"J","title":"Boss"}`
			fake.Inject(keycloaktest.Fault{Op: admission, Nth: 1, Status: http.StatusInternalServerError})
			if lost {
				fake.Inject(keycloaktest.Fault{Op: "DELETE /users/{id}", Nth: 1, Status: http.StatusInternalServerError})
			}
			detail := acme.Refused(t, http.StatusInternalServerError, http.MethodPost, "/Users", body)
			left, err := acme.Admin.Users(t.Context(), keycloak.UserQuery{Username: "jane@acme.test"})
			if err != nil || (len(left) == 1) != lost || strings.Contains(detail, "could not be removed again") != lost {
				t.Errorf("after %q there is %v, %v", detail, left, err)
			}
			apptest.WantNames(t, "acme's users", acme.Names(t, "/Users"))
			made := acme.Must(t, http.MethodPost, "/Users", body)
			if lost && made["id"] != left[0].ID || made["title"] != "Boss" {
				t.Errorf("the next creation = %v, want the account %v finished", made, left)
			}
			apptest.WantNames(t, "acme's users", acme.Names(t, "/Users"), "jane@acme.test")
			apptest.WantNames(t, "globex's users", c.Of["globex"].Names(t, "/Users"))
		})
	}
}

// TestAUserWhoIsAMemberAlready: the conflict of a parallel admission becomes a success after a check.
func TestAUserWhoIsAMemberAlready(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusConflict, http.StatusBadRequest} {
		fake := keycloaktest.NewFake(t)
		c := apptest.NewCustomers(t, fake.Server(), nil)
		fake.Inject(keycloaktest.Fault{Op: admission, Nth: 1, Status: status, Stage: keycloaktest.After})
		c.Of["acme"].Create(t, "/Users", `{"userName":"jane@acme.test"}`)
		apptest.WantNames(t, "acme's users", c.Of["acme"].Names(t, "/Users"), "jane@acme.test")
	}
}

// TestTwoTenantsOfOneRealm have their own paths, groups and attributes for externalId, and share
// one account for each user.
func TestTwoTenantsOfOneRealm(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, dir := start(t), t.TempDir()
			realm, admin := apptest.NewEmptyRealm(t, server)
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
				apptest.RunSetup(t, server, realm, "--mapping", files[key])
			}
			b := apptest.NewBridgeIn(t, server, realm, admin, func(c *config.Config) {
				r := c.Realms[realm]
				two := r.Tenants[0]
				r.Tenants[0].Key, r.Tenants[0].Path, r.Tenants[0].Mapping = "one", "one", files["one"]
				two.Key, two.Path, two.Mapping = "two", "two", files["two"]
				r.Tenants = append(r.Tenants, two)
				c.Realms[realm] = r
			})
			if problems := app.MappingProblems(b.Config); len(problems) > 0 {
				t.Errorf("the configuration has problems: %v", problems)
			}
			one, two := b.At("one"), b.At("two")
			id := one.Create(t, "/Users", `{"userName":"shared","externalId":"1","title":"One"}`)
			two.Must(t, http.MethodPut, "/Users/"+id, `{"userName":"shared","externalId":"2","title":"Two"}`)
			for at, want := range map[string]string{"one": "1One", "two": "2Two"} {
				got := b.At(at).Must(t, http.MethodGet, "/Users/"+id, "")
				external, _ := got["externalId"].(string)
				if title, _ := got["title"].(string); external+title != want {
					t.Errorf("at %s the user is %v, want %s", at, got, want)
				}
			}
			for filter, tenant := range map[string]apptest.Bridge{`externalId eq "1"`: one, `externalId eq "2" and title eq "Two"`: two} {
				if found, err := tenant.Find(t.Context(), "/Users", filter, ""); err != nil || len(found) != 1 {
					t.Errorf("%s = %v, %v, want the user", filter, found, err)
				}
			}
			one.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+id+`"}]}`)
			group := two.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+id+`"}]}`)
			one.Refused(t, http.StatusNotFound, http.MethodGet, "/Groups/"+group, "")
			apptest.WantNames(t, "the groups of one", one.Names(t, "/Groups"), "Team")
			parsed, _ := keycloak.ParseUserID(id)
			user, err := admin.User(t.Context(), parsed)
			if err != nil || !slices.Equal(user.Attributes["ext_one"], []string{"1"}) || user.Attributes["ext_two"] != nil || !slices.Equal(user.Attributes["scim.owner"], []string{"one"}) {
				t.Errorf("in Keycloak the user is %+v, %v", user, err)
			}
		})
	}
}
