package tenant_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestALeaverWhoseAccountALoginMade: a MANAGED member without a verified address. The organization
// ends the member's access, whether or not the tenant may adopt.
func TestALeaverWhoseAccountALoginMade(t *testing.T) {
	t.Parallel()
	for what, edit := range map[string]func(*config.Config){"never": nil, "unowned": apptest.AdoptUnowned} {
		for _, method := range []string{http.MethodPatch, http.MethodPut} {
			t.Run(what+" "+method, func(t *testing.T) {
				t.Parallel()
				c := apptest.NewCustomers(t, keycloaktest.Real(t), edit)
				b := c.Of["acme"]
				b.UseMapping(t, tenant.OrganizationPath(b.Realm, "acme"), "version: 1\nusers: { password: accept }\n")
				const name = "mia@acme.test"
				id := brokeredUnverified(t, c, "acme", name).String()
				path := "/Users/" + id
				if c.Sessions(t, id) == 0 {
					t.Fatal("the login left no session")
				}
				for _, op := range []string{
					`{"op":"replace","path":"userName","value":"eve@acme.test"}`, `{"op":"replace","path":"emails","value":[{"value":"eve@acme.test"}]}`,
					`{"op":"replace","path":"password","value":"Taken-over-1"}`, `{"op":"replace","path":"active","value":false},{"op":"replace","path":"userName","value":"eve@acme.test"}`,
				} {
					if got := b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(op)); !strings.Contains(got, "let this endpoint take the account over") {
						t.Errorf("%s says %q", op, got)
					}
				}
				got := b.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","value":{"externalId":"M-1","title":"Nurse","name":{"familyName":"New"}}}`))
				if user := b.InKeycloak(t, id); user.LastName != "New" || user.Username != name || len(user.Attributes["scim.owner"]) != 0 {
					t.Errorf("after a change of the name the account = %+v, the answer %v", user, got)
				}
				if method == http.MethodPatch {
					got = b.Must(t, method, path, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
				} else {
					got = b.Must(t, method, path, fmt.Sprintf(`{"userName":%q,"active":false}`, name))
				}
				user := b.InKeycloak(t, id)
				if got["active"] != false || user.Enabled || c.Sessions(t, id) != 0 {
					t.Errorf("after active: false the answer is %v, the account enabled=%t with %d sessions", got["active"], user.Enabled, c.Sessions(t, id))
				}
				if user.Username != name || user.Email != name || len(user.Attributes["scim.owner"]) != 0 {
					t.Errorf("the leaver's account = %+v", user)
				}
				if got := b.Refused(t, http.StatusForbidden, http.MethodDelete, path, ""); !strings.Contains(got, "let this endpoint take the account over") {
					t.Errorf("DELETE says %q", got)
				}
				b.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"active","value":true}`))
				if !b.InKeycloak(t, id).Enabled {
					t.Error("the account that came back is disabled")
				}
			})
		}
	}
}

// TestALeaverWithoutAnOwner: a member that an administrator added cannot be deactivated, because the
// account would stay enabled. The remedies that the refusal names work.
func TestALeaverWithoutAnOwner(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			b := c.Of["acme"]
			ids := map[string]string{}
			for _, who := range []string{"removed", "adopted"} {
				ids[who] = b.MakeAccount(t, who, true).String()
				c.Admit(t, ids[who], "acme")
				got := b.Refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+ids[who], apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
				if !strings.Contains(got, "active") || !strings.Contains(got, "DELETE") || !strings.Contains(got, "let this endpoint take the account over") {
					t.Errorf("the refusal says %q", got)
				}
				b.Refused(t, http.StatusForbidden, http.MethodPut, "/Users/"+ids[who], fmt.Sprintf(`{"userName":%q,"active":false}`, who))
				if got := b.Must(t, http.MethodGet, "/Users/"+ids[who], ""); got["active"] != true {
					t.Errorf("the member whose account is enabled is shown as %v", got)
				}
			}
			b.Must(t, http.MethodDelete, "/Users/"+ids["removed"], "")
			if _, err := b.Admin.OrganizationMember(t.Context(), c.IDs["acme"], apptest.UserID(t, ids["removed"])); keycloak.KindOf(err) != keycloak.NotFound {
				t.Errorf("the membership stays: %v", err)
			}
			if !b.InKeycloak(t, ids["removed"]).Enabled {
				t.Error("the account of a member who left is disabled")
			}
			b.Adoptions(t, b.Controlled(t), tenant.OrganizationPath(b.Realm, "acme"))
			b.Must(t, http.MethodPatch, "/Users/"+ids["adopted"], apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
			if b.InKeycloak(t, ids["adopted"]).Enabled {
				t.Error("the adopted member is enabled still")
			}
		})
	}
}

// TestSecurity_57_AMemberOfAnotherTenantIsNotDisabled: an account that another tenant owns stays
// unchanged. When a login made the user a MANAGED member, whose account Keycloak would delete with
// the membership, the organization disables the account, but neither renames nor enables it.
func TestSecurity_57_AMemberOfAnotherTenantIsNotDisabled(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.Real(t), nil)
	const name = "mia@acme.test"
	b := c.Of["acme"]
	id := brokeredUnverified(t, c, "acme", name).String()
	path := "/Users/" + id
	user := b.InKeycloak(t, id)
	attributes := map[string][]string{"scim.owner": {"realm"}}
	if err := b.Admin.UpdateUser(t.Context(), apptest.UserID(t, id), keycloak.UserUpdate{
		Username: &user.Username, Email: &user.Email, FirstName: &user.FirstName, LastName: &user.LastName, Attributes: attributes,
	}); err != nil {
		t.Fatal(err)
	}
	b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"name.familyName","value":"Taken"}`))
	b.Must(t, http.MethodPatch, path, off)
	if b.InKeycloak(t, id).Enabled {
		t.Error("the account that belongs to the organization is open")
	}
	b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"active","value":true}`))
	other := c.Realm.Create(t, "/Users", `{"userName":"other"}`)
	c.Admit(t, other, "acme")
	b.Must(t, http.MethodPatch, "/Users/"+other, off)
	if !b.InKeycloak(t, other).Enabled {
		t.Error("an organization disabled another tenant's account")
	}
}

// TestDoctorFindsLeaversWithOpenAccounts: earlier versions answered 200 to a deactivation that left
// the account enabled.
func TestDoctorFindsLeaversWithOpenAccounts(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			b := c.Of["acme"]
			id := b.MakeAccount(t, "leaver", true).String()
			c.Admit(t, id, "acme")
			b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"add","path":"title","value":"t"}`))
			if found := c.Finding(t, b, "leavers"); found.Severity != realm.Pass {
				t.Errorf("doctor finds %+v", found)
			}
			user := b.InKeycloak(t, id)
			key := c.IDs["acme"].String()
			sum := sha256.Sum256([]byte(`{"active":false}`))
			user.Attributes["scim.remainder"] = []string{fmt.Sprintf("%s|a|1/1|%s|%s", key, hex.EncodeToString(sum[:8]), `{"active":false}`)}
			write := func(enabled bool) {
				if err := b.Admin.UpdateUser(t.Context(), apptest.UserID(t, id), keycloak.UserUpdate{
					Username: &user.Username, Email: &user.Email, FirstName: &user.FirstName, LastName: &user.LastName, Attributes: user.Attributes, Enabled: &enabled,
				}); err != nil {
					t.Fatal(err)
				}
			}
			write(true)
			if found := c.Finding(t, b, "leavers"); found.Severity != realm.Fail || !strings.Contains(found.Text, id) || !strings.Contains(found.Fix, "disable these accounts in Keycloak") {
				t.Errorf("doctor finds %+v", found)
			}
			if got := b.Must(t, http.MethodGet, "/Users/"+id, ""); got["active"] != true {
				t.Errorf("the leaver is shown as %v", got)
			}
			b.Must(t, http.MethodDelete, "/Users/"+id, "")
			if found := c.Finding(t, b, "leavers"); found.Severity != realm.Pass {
				t.Errorf("of one who is no member doctor finds %+v", found)
			}
			c.Admit(t, id, "acme")
			write(false)
			if found := c.Finding(t, b, "leavers"); found.Severity != realm.Pass {
				t.Errorf("after the remedy doctor finds %+v", found)
			}
		})
	}
}

// TestAManagedMemberOfItsOwnDoesNotLeave, because Keycloak would delete the account with the
// membership. The test carries out the remedy in the refusal.
func TestAManagedMemberOfItsOwnDoesNotLeave(t *testing.T) {
	t.Parallel()
	for _, policy := range []config.OnDelete{config.OnDeleteDisable, config.OnDeleteLeave} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, keycloaktest.Real(t), apptest.LeavingOnDelete(policy))
			b := c.Of["acme"]
			id := c.Brokered(t, "acme", "mia@acme.test").String()
			b.Adoptions(t, b.Controlled(t), b.Path(t))
			if got := b.Refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+id, ""); !strings.Contains(got, "let this endpoint delete accounts") || strings.Contains(got, "take the account over") {
				t.Errorf("DELETE says %q", got)
			}
			if !b.InKeycloak(t, id).Enabled {
				t.Error("a DELETE that was refused disabled the account")
			}
			b.Reconfigure(t, apptest.LeavingOnDelete(config.OnDeleteDelete))
			b.Must(t, http.MethodDelete, "/Users/"+id, "")
			if _, err := b.Admin.User(t.Context(), apptest.UserID(t, id)); keycloak.KindOf(err) != keycloak.NotFound {
				t.Errorf("after the remedy and a DELETE the account is there: %v", err)
			}
		})
	}
}
