package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// sessions are those of an account, which its logins began.
func (c customers) sessions(t *testing.T, id string) int {
	t.Helper()
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(adminGet(t, c.server, "/admin/realms/"+c.realm.realm+"/users/"+id+"/sessions")), &list); err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestALeaverWhoseAccountALoginMade: a MANAGED member, whose address nobody verified. Its
// organization ends its access, whether the tenant may adopt or not.
func TestALeaverWhoseAccountALoginMade(t *testing.T) {
	t.Parallel()
	for what, edit := range map[string]func(*config.Config){"never": nil, "unowned": adoptUnowned} {
		for _, method := range []string{http.MethodPatch, http.MethodPut} {
			t.Run(what+" "+method, func(t *testing.T) {
				t.Parallel()
				c := newCustomers(t, keycloaktest.Real(t), edit)
				b := c.of["acme"]
				b.useMapping(t, tenant.OrganizationPath(b.realm, "acme"), "version: 1\nusers: { password: accept }\n")
				const name = "mia@acme.test"
				id := c.brokeredUnverified(t, "acme", name).String()
				path := "/Users/" + id
				if c.sessions(t, id) == 0 {
					t.Fatal("the login left no session")
				}
				for _, op := range []string{
					`{"op":"replace","path":"userName","value":"eve@acme.test"}`, `{"op":"replace","path":"emails","value":[{"value":"eve@acme.test"}]}`,
					`{"op":"replace","path":"password","value":"Taken-over-1"}`, `{"op":"replace","path":"active","value":false},{"op":"replace","path":"userName","value":"eve@acme.test"}`,
				} {
					if got := b.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(op)); !strings.Contains(got, "let this endpoint take the account over") {
						t.Errorf("%s says %q", op, got)
					}
				}
				got := b.must(t, http.MethodPatch, path, patchBody(`{"op":"replace","value":{"externalId":"M-1","title":"Nurse","name":{"familyName":"New"}}}`))
				if user := b.user(t, id); user.LastName != "New" || user.Username != name || len(user.Attributes["scim.owner"]) != 0 {
					t.Errorf("after a change of the name the account = %+v, the answer %v", user, got)
				}
				if method == http.MethodPatch {
					got = b.must(t, method, path, patchBody(`{"op":"replace","path":"active","value":false}`))
				} else {
					got = b.must(t, method, path, fmt.Sprintf(`{"userName":%q,"active":false}`, name))
				}
				user := b.user(t, id)
				if got["active"] != false || user.Enabled || c.sessions(t, id) != 0 {
					t.Errorf("after active: false the answer is %v, the account enabled=%t with %d sessions", got["active"], user.Enabled, c.sessions(t, id))
				}
				if user.Username != name || user.Email != name || len(user.Attributes["scim.owner"]) != 0 {
					t.Errorf("the leaver's account = %+v", user)
				}
				if got := b.refused(t, http.StatusForbidden, http.MethodDelete, path, ""); !strings.Contains(got, "let this endpoint take the account over") {
					t.Errorf("DELETE says %q", got)
				}
				b.must(t, http.MethodPatch, path, patchBody(`{"op":"replace","path":"active","value":true}`))
				if !b.user(t, id).Enabled {
					t.Error("the account that came back is disabled")
				}
			})
		}
	}
}

// TestALeaverWhomNobodyOwns is a member whom an administrator added. To deactivate such a user
// is refused, as the account would stay open, and the remedies of the refusal work.
func TestALeaverWhomNobodyOwns(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			b := c.of["acme"]
			ids := map[string]string{}
			for _, who := range []string{"removed", "adopted"} {
				ids[who] = b.account(t, who, true).String()
				c.admit(t, ids[who], "acme")
				got := b.refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+ids[who], patchBody(`{"op":"replace","path":"active","value":false}`))
				if !strings.Contains(got, "active") || !strings.Contains(got, "DELETE") || !strings.Contains(got, "let this endpoint take the account over") {
					t.Errorf("the refusal says %q", got)
				}
				b.refused(t, http.StatusForbidden, http.MethodPut, "/Users/"+ids[who], fmt.Sprintf(`{"userName":%q,"active":false}`, who))
				if got := b.must(t, http.MethodGet, "/Users/"+ids[who], ""); got["active"] != true {
					t.Errorf("the member whose account is enabled is shown as %v", got)
				}
			}
			b.must(t, http.MethodDelete, "/Users/"+ids["removed"], "")
			if _, err := b.admin.OrganizationMember(t.Context(), c.ids["acme"], userID(t, ids["removed"])); keycloak.KindOf(err) != keycloak.NotFound {
				t.Errorf("the membership stays: %v", err)
			}
			if !b.user(t, ids["removed"]).Enabled {
				t.Error("the account of a member who left is disabled")
			}
			b.adoptions(t, b.controlled(t), tenant.OrganizationPath(b.realm, "acme"))
			b.must(t, http.MethodPatch, "/Users/"+ids["adopted"], patchBody(`{"op":"replace","path":"active","value":false}`))
			if b.user(t, ids["adopted"]).Enabled {
				t.Error("the adopted member is enabled still")
			}
		})
	}
}

// TestSecurity_57_AMemberOfAnotherTenantIsNotDisabled: an account that another tenant owns stays
// as it is. One that a login made a MANAGED member, which Keycloak would delete with the membership, is
// closed by its organization, and neither renamed nor opened.
func TestSecurity_57_AMemberOfAnotherTenantIsNotDisabled(t *testing.T) {
	t.Parallel()
	c := newCustomers(t, keycloaktest.Real(t), nil)
	const name = "mia@acme.test"
	b := c.of["acme"]
	id := c.brokeredUnverified(t, "acme", name).String()
	path := "/Users/" + id
	user := b.user(t, id)
	attributes := map[string][]string{"scim.owner": {"realm"}}
	if err := b.admin.UpdateUser(t.Context(), userID(t, id), keycloak.UserUpdate{
		Username: &user.Username, Email: &user.Email, FirstName: &user.FirstName, LastName: &user.LastName, Attributes: attributes,
	}); err != nil {
		t.Fatal(err)
	}
	b.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(`{"op":"replace","path":"name.familyName","value":"Taken"}`))
	b.must(t, http.MethodPatch, path, off)
	if b.user(t, id).Enabled {
		t.Error("the account that belongs to the organization is open")
	}
	b.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(`{"op":"replace","path":"active","value":true}`))
	other := c.realm.create(t, "/Users", `{"userName":"other"}`)
	c.admit(t, other, "acme")
	b.must(t, http.MethodPatch, "/Users/"+other, off)
	if !b.user(t, other).Enabled {
		t.Error("an organization disabled another tenant's account")
	}
}

// TestDoctorFindsLeaversWithOpenAccounts: earlier versions answered 200 to a deactivation that left the
// account open.
func TestDoctorFindsLeaversWithOpenAccounts(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			b := c.of["acme"]
			id := b.account(t, "leaver", true).String()
			c.admit(t, id, "acme")
			b.must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"add","path":"title","value":"t"}`))
			if found := c.finding(t, b, "leavers"); found.Severity != realm.Pass {
				t.Errorf("doctor finds %+v", found)
			}
			user := b.user(t, id)
			key := c.ids["acme"].String()
			sum := sha256.Sum256([]byte(`{"active":false}`))
			user.Attributes["scim.remainder"] = []string{fmt.Sprintf("%s|a|1/1|%s|%s", key, hex.EncodeToString(sum[:8]), `{"active":false}`)}
			write := func(enabled bool) {
				if err := b.admin.UpdateUser(t.Context(), userID(t, id), keycloak.UserUpdate{
					Username: &user.Username, Email: &user.Email, FirstName: &user.FirstName, LastName: &user.LastName, Attributes: user.Attributes, Enabled: &enabled,
				}); err != nil {
					t.Fatal(err)
				}
			}
			write(true)
			if found := c.finding(t, b, "leavers"); found.Severity != realm.Fail || !strings.Contains(found.Text, id) || !strings.Contains(found.Fix, "disable these accounts in Keycloak") {
				t.Errorf("doctor finds %+v", found)
			}
			if got := b.must(t, http.MethodGet, "/Users/"+id, ""); got["active"] != true {
				t.Errorf("the leaver is shown as %v", got)
			}
			b.must(t, http.MethodDelete, "/Users/"+id, "")
			if found := c.finding(t, b, "leavers"); found.Severity != realm.Pass {
				t.Errorf("of one who is no member doctor finds %+v", found)
			}
			c.admit(t, id, "acme")
			write(false)
			if found := c.finding(t, b, "leavers"); found.Severity != realm.Pass {
				t.Errorf("after the remedy doctor finds %+v", found)
			}
		})
	}
}

// TestAManagedMemberOfItsOwnDoesNotLeave: Keycloak would delete the account with the membership. The remedy that
// the refusal names is done.
func TestAManagedMemberOfItsOwnDoesNotLeave(t *testing.T) {
	t.Parallel()
	for _, policy := range []config.OnDelete{config.OnDeleteDisable, config.OnDeleteLeave} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, keycloaktest.Real(t), leaving(policy))
			b := c.of["acme"]
			id := c.brokered(t, "acme", "mia@acme.test").String()
			b.adoptions(t, b.controlled(t), b.path(t))
			if got := b.refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+id, ""); !strings.Contains(got, "let this endpoint delete accounts") || strings.Contains(got, "take the account over") {
				t.Errorf("DELETE says %q", got)
			}
			if !b.user(t, id).Enabled {
				t.Error("a DELETE that was refused disabled the account")
			}
			b.reconfigure(t, leaving(config.OnDeleteDelete))
			b.must(t, http.MethodDelete, "/Users/"+id, "")
			if _, err := b.admin.User(t.Context(), userID(t, id)); keycloak.KindOf(err) != keycloak.NotFound {
				t.Errorf("after the remedy and a DELETE the account is there: %v", err)
			}
		})
	}
}
