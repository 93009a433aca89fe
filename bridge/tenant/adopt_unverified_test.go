package tenant_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestAMemberWithoutAVerifiedAddress: an organization may not take the account over, and every
// message about the account names the remedy, the verification.
func TestAMemberWithoutAVerifiedAddress(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.AdoptUnowned)
			b := c.Of["acme"]
			id := b.MakeAccount(t, "jane", false)
			c.Admit(t, id.String(), "acme")
			c.Admit(t, b.MakeAccount(t, "joe", true).String(), "acme")
			abroad, err := b.Admin.CreateUser(t.Context(), keycloak.NewUser{Username: "abroad", Email: "abroad@else.test", EmailVerified: true, Enabled: true})
			if err != nil {
				t.Fatal(err)
			}
			c.Admit(t, abroad.String(), "acme")
			off := apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)
			if told := b.Refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+id.String(), off); !strings.Contains(told, "Email verified") || !strings.Contains(told, "let this endpoint take the account over") {
				t.Errorf("the deactivation is refused with %q", told)
			}
			file := b.Controlled(t)
			got := b.Adoptions(t, file, b.Path(t), "--dry-run")
			if why := got["jane"].Reason; !strings.Contains(why, "its address is not verified") || !strings.Contains(why, "Email verified") {
				t.Errorf("adopt says %q", why)
			}
			if why := got["abroad"].Reason; !strings.Contains(why, "in no verified domain of the organization") || !strings.Contains(why, "add its domain") {
				t.Errorf("adopt says %q", why)
			}
			for _, policy := range []config.Adopt{config.AdoptUnowned, config.AdoptNever} {
				b.Reconfigure(t, apptest.EachTenant(func(t *config.Tenant) { t.Adopt = policy }))
				found := c.Finding(t, b, "existing")
				if found.Severity != realm.Warn || !strings.Contains(found.Text, "2 of the users cannot be taken over: 1 whose address is not verified, 1 whose address is in no verified domain of the organization") || !strings.Contains(found.Fix, "Email verified") {
					t.Errorf("doctor finds %+v", found)
				}
			}
			apptest.MendByAdminCLI(t, c.Server, "kcadm.sh update users/"+id.String()+" -r "+b.Realm+" -s emailVerified=true")
			if got := b.Adoptions(t, file, b.Path(t)); got["jane"].Outcome != bridge.Adopted {
				t.Errorf("after the remedy adopt says %+v", got["jane"])
			}
			b.Must(t, http.MethodPatch, "/Users/"+id.String(), off)
			if b.InKeycloak(t, id.String()).Enabled {
				t.Error("the account is enabled")
			}
		})
	}
}

// TestAConflictSaysWhatToDo, and does not show who has the value.
func TestAConflictSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := apptest.NewCustomers(t, server, nil)
			stranger, own := c.Realm.MakeAccount(t, "stranger", true), c.Of["acme"].Create(t, "/Users", `{"userName":"own"}`)
			c.Realm.Create(t, "/Groups", `{"displayName":"crew"}`)
			seen := c.Realm.Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"stranger"}`)
			if !strings.Contains(seen, "find the user by a filter on userName") || !strings.Contains(seen, "use that id") {
				t.Errorf("the realm's tenant is told %q", seen)
			}
			if told := c.Realm.Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"x","emails":[{"value":"stranger@acme.test"}]}`); !strings.Contains(told, "emails.value") {
				t.Errorf("the realm's tenant is told %q", told)
			}
			if told := c.Realm.Refused(t, http.StatusConflict, http.MethodPost, "/Groups", `{"displayName":"crew"}`); !strings.Contains(told, "find the group by a filter on displayName") {
				t.Errorf("of a group the realm's tenant is told %q", told)
			}
			var texts []string
			for _, name := range []string{"stranger", "own"} {
				texts = append(texts, c.Of["acme"].Refused(t, http.StatusConflict, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q}`, name)))
			}
			if texts[0] != texts[1] || !strings.Contains(texts[0], "let this endpoint take it over") || strings.Contains(texts[0], stranger.String()) || strings.Contains(texts[1], own) {
				t.Errorf("the organization is told %q", texts)
			}
		})
	}
}
