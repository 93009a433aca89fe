package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// foundGroup is the id of the only group of a name.
func (b testBridge) foundGroup(t *testing.T, name string) string {
	t.Helper()
	found, err := b.Find(t.Context(), "/Groups", fmt.Sprintf("displayName eq %q", name), "")
	if err != nil || len(found) != 1 {
		t.Fatalf("the groups called %s are %v, %v", name, found, err)
	}
	return found[0]["id"].(string)
}

// memberNames are the user names of the members that a group shows.
func (b testBridge) memberNames(t *testing.T, group string) []string {
	t.Helper()
	var out []string
	members, _ := b.must(t, http.MethodGet, "/Groups/"+group, "")["members"].([]any)
	for _, m := range members {
		out = append(out, fmt.Sprint(m.(map[string]any)["display"]))
	}
	slices.Sort(out)
	return out
}

func addMembers(ids ...string) string {
	return patchBody(`{"op":"add","path":"members","value":[{"value":"` + strings.Join(ids, `"},{"value":"`) + `"}]}`)
}

func removeMember(id string) string {
	return patchBody(`{"op":"remove","path":"members[value eq \"` + id + `\"]"}`)
}

// TestGroupsOfADirectory: members that the directory has are shown, whoever has their copy; a client adds and removes those whom Keycloak
// can write, and one that it cannot is a refusal that names the federation, with nothing changed.
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
				f := newFederated(t, persons("ann", "bob", "carl", "dan lee"), map[string][]string{"staff": {"ann", "bob"}}, options, nil)
				f.provider.Sync()
				f.probeGroups(t, mode)
			})
		}
	}
}

func (f federated) probeGroups(t *testing.T, mode string) {
	t.Helper()
	staff, carl, ann := f.foundGroup(t, "staff"), f.named(t, "carl").ID, f.named(t, "ann").ID
	wantNames(t, "the members of the directory", f.memberNames(t, staff), "ann", "bob")
	if groups := f.must(t, http.MethodGet, "/Users/"+ann+"?attributes=groups", "")["groups"]; !strings.Contains(fmt.Sprint(groups), staff) {
		t.Errorf("the groups of a member are %v", groups)
	}
	if found, err := f.Find(t.Context(), "/Groups", fmt.Sprintf("members.value eq %q", ann), ""); err != nil || len(found) != 1 {
		t.Errorf("members.value finds %v, %v", found, err)
	}
	joins := mode == "LDAP_ONLY" || !strings.HasPrefix(carl, "f:")
	if !joins {
		local := f.create(t, "/Users", `{"userName":"local","name":{"givenName":"L","familyName":"O"},"emails":[{"value":"local@acme.test","primary":true}]}`)
		for _, ids := range [][]string{{carl}, {local, carl}} {
			if detail := f.refused(t, http.StatusForbidden, http.MethodPatch, "/Groups/"+staff, addMembers(ids...)); !strings.Contains(detail, "[federation-keeps]") || !strings.Contains(detail, carl) || !strings.Contains(detail, "Import users") {
				t.Errorf("a member whom Keycloak does not keep = %q", detail)
			}
		}
		f.refused(t, http.StatusForbidden, http.MethodPost, "/Groups", `{"displayName":"new","members":[{"value":"`+carl+`"}]}`)
		wantNames(t, "after refusals", f.memberNames(t, staff), "ann", "bob")
		wantNames(t, "groups after refusals", f.names(t, "/Groups"), "staff")
	} else {
		dan := f.named(t, "dan lee").ID
		f.must(t, http.MethodPatch, "/Groups/"+staff, addMembers(carl, dan))
		wantNames(t, "with members", f.memberNames(t, staff), "ann", "bob", "carl", "dan lee")
		f.must(t, http.MethodPatch, "/Groups/"+staff, removeMember(carl))
		f.must(t, http.MethodPatch, "/Groups/"+staff, removeMember(dan))
		wantNames(t, "without them", f.memberNames(t, staff), "ann", "bob")
	}
	if mode == "LDAP_ONLY" {
		f.must(t, http.MethodPatch, "/Groups/"+staff, removeMember(ann))
		wantNames(t, "without ann", f.memberNames(t, staff), "bob")
		return
	}
	for method, body := range map[string]string{http.MethodPatch: removeMember(ann), http.MethodPut: `{"displayName":"staff","members":[]}`} {
		detail := f.refused(t, http.StatusForbidden, method, "/Groups/"+staff, body)
		if !strings.Contains(detail, "[federation-keeps]") || !strings.Contains(detail, "LDAP_ONLY") || strings.Contains(detail, "stay") {
			t.Errorf("%s of a member whom the directory has = %q", method, detail)
		}
	}
	wantNames(t, "after refusals", f.memberNames(t, staff), "ann", "bob")
}

// TestMembersOfADirectoryAreIgnored: where the policy leaves out members whom SCIM may not write, one whom Keycloak does not keep is left out too, and the
// others join.
func TestMembersOfADirectoryAreIgnored(t *testing.T) {
	t.Parallel()
	f := newFederated(t, persons("ann"), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditReadOnly}, func(c *config.Config) {
		for _, r := range c.Realms {
			r.Tenants[0].UnknownMembers = config.UnknownMembersIgnore
		}
	})
	local := f.create(t, "/Users", `{"userName":"local","name":{"givenName":"L","familyName":"O"},"emails":[{"value":"local@acme.test","primary":true}]}`)
	group := f.create(t, "/Groups", `{"displayName":"team","members":[{"value":"`+f.named(t, "ann").ID+`"},{"value":"`+local+`"}]}`)
	wantNames(t, "the members", f.memberNames(t, group), "local")
}
