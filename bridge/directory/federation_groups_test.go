package directory_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// foundGroup returns the id of the only group with a name.
func foundGroup(t *testing.T, b apptest.Bridge, name string) string {
	t.Helper()
	found, err := b.Find(t.Context(), "/Groups", fmt.Sprintf("displayName eq %q", name), "")
	if err != nil || len(found) != 1 {
		t.Fatalf("the groups called %s are %v, %v", name, found, err)
	}
	return found[0]["id"].(string)
}

// TestGroupsOfADirectory: members from the directory are shown, wherever their copy is. A client
// adds and removes members that Keycloak can write. For other members, a refusal names the
// federation and nothing is changed.
func TestGroupsOfADirectory(t *testing.T) {
	t.Parallel()
	for _, kind := range federationKinds() {
		for _, mode := range []string{"READ_ONLY", "LDAP_ONLY"} {
			if mode == "LDAP_ONLY" && kind.options.EditMode != keycloak.EditWritable {
				continue // Keycloak refuses such a mapper
			}
			t.Run(kind.name+", groups "+mode, func(t *testing.T) {
				t.Parallel()
				options := kind.options
				options.Groups = mode
				f := apptest.NewFederated(t, apptest.Persons("ann", "bob", "carl", "dan lee"), map[string][]string{"staff": {"ann", "bob"}}, options, nil)
				f.Provider.Sync()
				probeGroups(t, f, mode)
			})
		}
	}
}

func probeGroups(t *testing.T, f apptest.Federated, mode string) {
	t.Helper()
	staff, carl, ann := foundGroup(t, f.Bridge, "staff"), f.Named(t, "carl").ID, f.Named(t, "ann").ID
	apptest.WantNames(t, "the members of the directory", f.MemberNames(t, staff), "ann", "bob")
	if groups := f.Must(t, http.MethodGet, "/Users/"+ann+"?attributes=groups", "")["groups"]; !strings.Contains(fmt.Sprint(groups), staff) {
		t.Errorf("the groups of a member are %v", groups)
	}
	if found, err := f.Find(t.Context(), "/Groups", fmt.Sprintf("members.value eq %q", ann), ""); err != nil || len(found) != 1 {
		t.Errorf("members.value finds %v, %v", found, err)
	}
	joins := mode == "LDAP_ONLY" || !strings.HasPrefix(carl, "f:")
	if !joins {
		local := f.Create(t, "/Users", `{"userName":"local","name":{"givenName":"L","familyName":"O"},"emails":[{"value":"local@acme.test","primary":true}]}`)
		for _, ids := range [][]string{{carl}, {local, carl}} {
			if detail := f.Refused(t, http.StatusForbidden, http.MethodPatch, "/Groups/"+staff, apptest.AddMembers(ids...)); !strings.Contains(detail, "[federation-keeps]") || !strings.Contains(detail, carl) || !strings.Contains(detail, "Import users") {
				t.Errorf("a member whom Keycloak does not keep = %q", detail)
			}
		}
		f.Refused(t, http.StatusForbidden, http.MethodPost, "/Groups", `{"displayName":"new","members":[{"value":"`+carl+`"}]}`)
		apptest.WantNames(t, "after refusals", f.MemberNames(t, staff), "ann", "bob")
		apptest.WantNames(t, "groups after refusals", f.Names(t, "/Groups"), "staff")
	} else {
		dan := f.Named(t, "dan lee").ID
		f.Must(t, http.MethodPatch, "/Groups/"+staff, apptest.AddMembers(carl, dan))
		apptest.WantNames(t, "with members", f.MemberNames(t, staff), "ann", "bob", "carl", "dan lee")
		f.Must(t, http.MethodPatch, "/Groups/"+staff, apptest.RemoveMember(carl))
		f.Must(t, http.MethodPatch, "/Groups/"+staff, apptest.RemoveMember(dan))
		apptest.WantNames(t, "without them", f.MemberNames(t, staff), "ann", "bob")
	}
	if mode == "LDAP_ONLY" {
		f.Must(t, http.MethodPatch, "/Groups/"+staff, apptest.RemoveMember(ann))
		apptest.WantNames(t, "without ann", f.MemberNames(t, staff), "bob")
		return
	}
	for method, body := range map[string]string{http.MethodPatch: apptest.RemoveMember(ann), http.MethodPut: `{"displayName":"staff","members":[]}`} {
		detail := f.Refused(t, http.StatusForbidden, method, "/Groups/"+staff, body)
		if !strings.Contains(detail, "[federation-keeps]") || !strings.Contains(detail, "LDAP_ONLY") || strings.Contains(detail, "stay") {
			t.Errorf("%s of a member whom the directory has = %q", method, detail)
		}
	}
	apptest.WantNames(t, "after refusals", f.MemberNames(t, staff), "ann", "bob")
}

// TestMembersOfADirectoryAreIgnored: where the policy leaves out members that SCIM may not write,
// it also leaves out a member that Keycloak does not store, and the others join.
func TestMembersOfADirectoryAreIgnored(t *testing.T) {
	t.Parallel()
	f := apptest.NewFederated(t, apptest.Persons("ann"), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditReadOnly}, func(c *config.Config) {
		for _, r := range c.Realms {
			r.Tenants[0].UnknownMembers = config.UnknownMembersIgnore
		}
	})
	local := f.Create(t, "/Users", `{"userName":"local","name":{"givenName":"L","familyName":"O"},"emails":[{"value":"local@acme.test","primary":true}]}`)
	group := f.Create(t, "/Groups", `{"displayName":"team","members":[{"value":"`+f.Named(t, "ann").ID+`"},{"value":"`+local+`"}]}`)
	apptest.WantNames(t, "the members", f.MemberNames(t, group), "local")
}
