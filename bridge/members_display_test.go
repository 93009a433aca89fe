package bridge_test

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestMembersAreRemovedByTheirDisplay on the real Keycloak, at a tenant of a realm and at one of an organization.
// Exactly the named members are removed. When a name matches nobody, the error names it, and nothing else of the
// request is carried out.
func TestMembersAreRemovedByTheirDisplay(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.Real(t), nil)
	for name, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
		users := map[string]string{}
		list := []string{}
		for _, user := range []string{"ann", "bob", "cleo", "dan"} {
			users[user] = b.Create(t, "/Users", `{"userName":"`+user+"-"+name+`@acme.test"}`)
			list = append(list, `{"value":"`+users[user]+`"}`)
		}
		id := b.Create(t, "/Groups", `{"displayName":"team `+name+`","members":[`+strings.Join(list, ",")+`]}`)
		group := "/Groups/" + id
		display := func(user string) string { return `display eq \"` + user + "-" + name + `@acme.test\"` }
		remove := func(filter string) string { return `{"op":"remove","path":"members[` + filter + `]"}` }
		wants := func(want ...string) {
			t.Helper()
			got := b.MemberNames(t, id)
			for i := range want {
				want[i] += "-" + name + "@acme.test"
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: the members differ (-want +got):\n%s", name, diff)
			}
		}
		if detail := b.Refused(t, http.StatusBadRequest, http.MethodPatch, group, apptest.PatchBody(`{"op":"remove","path":"members","value":[{"value":"`+users["bob"]+`"}]},`+remove(`display eq \"Ann Doe\"`))); !strings.Contains(detail, "userName") {
			t.Errorf("%s: the refusal says %q, want what display is", name, detail)
		}
		b.Refused(t, http.StatusBadRequest, http.MethodPatch, group, apptest.PatchBody(`{"op":"replace","path":"displayName","value":"x"},`+remove(display("nobody"))))
		wants("ann", "bob", "cleo", "dan")
		b.Must(t, http.MethodPatch, group, apptest.PatchBody(remove(display("ANN"))))
		wants("bob", "cleo", "dan")
		b.Must(t, http.MethodPatch, group, apptest.PatchBody(remove(display("bob")+` and type eq \"User\"`)+`,{"op":"add","path":"members","value":[{"value":"`+users["ann"]+`"}]}`))
		wants("ann", "cleo", "dan")
		b.Must(t, http.MethodPatch, group, apptest.PatchBody(remove(display("cleo")+` or value eq \"`+users["dan"]+`\"`)+`,{"op":"replace","path":"displayName","value":"renamed `+name+`"}`))
		wants("ann")
		b.Must(t, http.MethodPatch, group, apptest.PatchBody(remove(display("ann"))+`,{"op":"add","path":"members","value":[{"value":"`+users["ann"]+`"}]}`))
		wants("ann")
		b.Refused(t, http.StatusNotFound, http.MethodPatch, "/Groups/"+apptest.AbsentID, apptest.PatchBody(remove(display("ann"))))
	}
}

// TestADisplayTellsNobodyWhoMayNotSeeIt: a credential without users:read can only remove members by their ids.
func TestADisplayTellsNobodyWhoMayNotSeeIt(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
		for realm, r := range c.Realms {
			r.Tenants[0].Tokens = append(r.Tenants[0].Tokens, config.Token{Name: "groups", SHA256: sha256.Sum256([]byte("token-of-groups")), Scopes: []config.TokenScope{config.ScopeGroupsRead, config.ScopeGroupsWrite}})
			c.Realms[realm] = r
		}
	})
	ann := b.Create(t, "/Users", `{"userName":"ann"}`)
	id := b.Create(t, "/Groups", `{"displayName":"team","members":[{"value":"`+ann+`"}]}`)
	group := "/Groups/" + id
	blind := b.With("token-of-groups")
	for _, name := range []string{"ann", "nobody"} {
		if detail := blind.Refused(t, http.StatusBadRequest, http.MethodPatch, group, apptest.PatchBody(`{"op":"remove","path":"members[display eq \"`+name+`\"]"}`)); !strings.Contains(detail, "value") {
			t.Errorf("the refusal says %q, want the way that works", detail)
		}
	}
	if got := b.MemberNames(t, id); len(got) != 1 {
		t.Errorf("the members are %v, want ann", got)
	}
}

func TestAProtectedMemberDoesNotLeaveByItsDisplay(t *testing.T) {
	t.Parallel()
	v := apptest.NewVault(t, keycloaktest.NewFake(t).Server())
	id := v.Create(t, "/Groups", `{"displayName":"team"}`)
	group, err := keycloak.ParseGroupID(id)
	if err == nil {
		err = v.Admin.AddMember(t.Context(), v.Glass, group)
	}
	if err != nil {
		t.Fatal(err)
	}
	v.Refused(t, http.StatusForbidden, http.MethodPatch, "/Groups/"+id, apptest.PatchBody(`{"op":"remove","path":"members[display eq \"break-glass\"]"}`))
	if got := v.MemberNames(t, id); len(got) != 1 {
		t.Errorf("the members are %v, want the protected one", got)
	}
}
