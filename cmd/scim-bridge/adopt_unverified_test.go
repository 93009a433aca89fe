package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestAdoptMarksAccountsOfWhichNobodyKnowsWhoseTheyAre: whoever registered an account keeps its password. The command
// says of which accounts a realm's tenant takes over that may be so, in each mode, and what to do.
func TestAdoptMarksAccountsOfWhichNobodyKnowsWhoseTheyAre(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBridgeOn(t, start(t), nil)
			b.account(t, "joe", true)
			b.account(t, "jane", false)
			for _, u := range []keycloak.NewUser{
				{Username: "ceo@acme.test", Email: "someone@else.test", EmailVerified: true, Enabled: true},
				{Username: "cto@acme.test", Email: "cto@acme.test", EmailVerified: true, Enabled: true},
				{Username: "bare", Enabled: true},
			} {
				if _, err := b.admin.CreateUser(t.Context(), u); err != nil {
					t.Fatal(err)
				}
			}
			file := b.controlled(t)
			marks := map[string]string{"joe": "", "cto@acme.test": "", "jane": "no verified address", "bare": "no verified address", "ceo@acme.test": "a user name that is another address"}
			for _, mode := range []string{"--dry-run", "--yes"} {
				got := b.adoptions(t, file, b.realm, "--dry-run")
				for who, mark := range marks {
					if got[who].Outcome != bridge.Adopted || !strings.Contains(got[who].Unproven, mark) || (got[who].Unproven == "") != (mark == "") {
						t.Errorf("%s: of %s it says %+v", mode, who, got[who])
					}
				}
				out, told, code := command(t, "", "adopt", "--config", file, mode)
				if code != 0 || !strings.Contains(out, "user jane: adopted; look whose it is: it has no verified address\n") || strings.Contains(out, "user joe: adopted;") || !strings.Contains(out, "3 of them") || !strings.Contains(out, "keeps its password") || !strings.Contains(out, "Email verified") {
					t.Errorf("adopt %s ends with %d:\n%s%s", mode, code, out, told)
				}
			}
		})
	}
}

// TestAMemberWithoutAVerifiedAddress: an organization may not take the account over, and all that is said of it names
// the verification, which is the remedy.
func TestAMemberWithoutAVerifiedAddress(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), adoptUnowned)
			b := c.of["acme"]
			id := b.account(t, "jane", false)
			c.admit(t, id.String(), "acme")
			c.admit(t, b.account(t, "joe", true).String(), "acme")
			abroad, err := b.admin.CreateUser(t.Context(), keycloak.NewUser{Username: "abroad", Email: "abroad@else.test", EmailVerified: true, Enabled: true})
			if err != nil {
				t.Fatal(err)
			}
			c.admit(t, abroad.String(), "acme")
			off := patchBody(`{"op":"replace","path":"active","value":false}`)
			if told := b.refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+id.String(), off); !strings.Contains(told, "Email verified") || !strings.Contains(told, "let this endpoint take the account over") {
				t.Errorf("the deactivation is refused with %q", told)
			}
			file := b.controlled(t)
			got := b.adoptions(t, file, b.path(t), "--dry-run")
			if why := got["jane"].Reason; !strings.Contains(why, "its address is not verified") || !strings.Contains(why, "Email verified") {
				t.Errorf("adopt says %q", why)
			}
			if why := got["abroad"].Reason; !strings.Contains(why, "in no verified domain of the organization") || !strings.Contains(why, "have the domain added") {
				t.Errorf("adopt says %q", why)
			}
			for _, policy := range []config.Adopt{config.AdoptUnowned, config.AdoptNever} {
				b.reconfigure(t, eachTenant(func(t *config.Tenant) { t.Adopt = policy }))
				found := c.finding(t, b, "existing")
				if found.Severity != realm.Warn || !strings.Contains(found.Text, "2 of the users cannot be taken over: 1 whose address is not verified, 1 whose address is in no verified domain of the organization") || !strings.Contains(found.Fix, "Email verified") {
					t.Errorf("doctor finds %+v", found)
				}
			}
			mendByAdminCLI(t, c.server, "kcadm.sh update users/"+id.String()+" -r "+b.realm+" -s emailVerified=true")
			if got := b.adoptions(t, file, b.path(t)); got["jane"].Outcome != bridge.Adopted {
				t.Errorf("after the remedy adopt says %+v", got["jane"])
			}
			b.must(t, http.MethodPatch, "/Users/"+id.String(), off)
			if b.user(t, id.String()).Enabled {
				t.Error("the account is enabled")
			}
		})
	}
}

// TestAConflictSaysWhatToDo, without a word about whose the value is.
func TestAConflictSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := newCustomers(t, server, nil)
			stranger, own := c.realm.account(t, "stranger", true), c.of["acme"].create(t, "/Users", `{"userName":"own"}`)
			c.realm.create(t, "/Groups", `{"displayName":"crew"}`)
			seen := c.realm.refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"stranger"}`)
			if !strings.Contains(seen, "find the user by a filter on userName") || !strings.Contains(seen, "use that id") {
				t.Errorf("the realm's tenant is told %q", seen)
			}
			if told := c.realm.refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"x","emails":[{"value":"stranger@acme.test"}]}`); !strings.Contains(told, "emails.value") {
				t.Errorf("the realm's tenant is told %q", told)
			}
			if told := c.realm.refused(t, http.StatusConflict, http.MethodPost, "/Groups", `{"displayName":"crew"}`); !strings.Contains(told, "find the group by a filter on displayName") {
				t.Errorf("of a group the realm's tenant is told %q", told)
			}
			var texts []string
			for _, name := range []string{"stranger", "own"} {
				texts = append(texts, c.of["acme"].refused(t, http.StatusConflict, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q}`, name)))
			}
			if texts[0] != texts[1] || !strings.Contains(texts[0], "let this endpoint take it over") || strings.Contains(texts[0], stranger.String()) || strings.Contains(texts[1], own) {
				t.Errorf("the organization is told %q", texts)
			}
		})
	}
}

// TestNoCommandIsAboutAllOrganizations at once: what holds for all of them is no endpoint, and has no accounts.
func TestNoCommandIsAboutAllOrganizations(t *testing.T) {
	t.Parallel()
	c := newEvery(t, keycloaktest.NewFake(t).Server())
	jane := c.realm.account(t, "jane", true).String()
	file := c.realm.controlled(t)
	all := c.realm.realm + "/organizations/*"
	for _, args := range [][]string{{"adopt", "--yes"}, {"adopt", "--yes", "--tenant", all}, {"tenants", "lift"}, {"tenants", "lift", "--tenant", all}, {"tenants", "show"}} {
		out, told, code := command(t, "", append(args, "--config", file)...)
		if code != exitUsage || !strings.Contains(told, "no organization has a token yet") || !strings.Contains(told, "scim-bridge tokens new") {
			t.Errorf("%v without any ends with %d: %s%s", args, code, out, told)
		}
	}
	c.token(t, "acme")
	c.token(t, "globex")
	c.look(t)
	for _, args := range [][]string{{"adopt", "--yes"}, {"adopt", "--yes", "--tenant", all}, {"tenants", "lift", "--tenant", all}, {"tenants", "show"}} {
		out, told, code := command(t, "", append(args, "--config", file)...)
		if code != exitUsage || !strings.Contains(told, "--tenant") || !strings.Contains(told, c.realm.realm+"/organizations/acme, "+c.realm.realm+"/organizations/globex") {
			t.Errorf("%v ends with %d: %s%s", args, code, out, told)
		}
	}
	if owner := c.realm.user(t, jane).Attributes["scim.owner"]; owner != nil {
		t.Errorf("a user of the realm has the owner %v", owner)
	}
	if found := (patient{c.realm, c.server}).findingsAt(t, ""); !slices.ContainsFunc(found, func(f realm.Finding) bool {
		return strings.HasPrefix(f.Text, "2 organizations have a token") && strings.Contains(f.Text, "scim-bridge doctor ")
	}) {
		t.Errorf("doctor says %+v", found)
	}
}
