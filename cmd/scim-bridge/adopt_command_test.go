package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// runAdopt runs the command and returns what it prints about each account, by user name.
func runAdopt(t *testing.T, file, path string, flags ...string) map[string]bridge.Adoption {
	t.Helper()
	out, told, code := command(t, "", append([]string{"adopt", "--yes", "--config", file, "--tenant", path, "--output", "json"}, flags...)...)
	if code != 0 {
		t.Fatalf("adopt ended with %d: %s%s", code, out, told)
	}
	all := map[string]bridge.Adoption{}
	for line := range strings.Lines(out) {
		var a bridge.Adoption
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		all[a.Name] = a
	}
	return all
}

// TestAdoptCommand: for a realm that has users already, --dry-run prints which accounts would be
// adopted, linked and refused, and why. Without --dry-run the command adopts them. A second run
// changes nothing.
func TestAdoptCommand(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewRoleBridge(t, server, apptest.MappingFile(t, apptest.LinkMapping))
			own := b.Create(t, "/Users", `{"userName":"own","externalId":"own"}`)
			ids := map[string]keycloak.UserID{}
			for _, name := range []string{"admin", "fresh", "jane", "linked", "other", "taken"} {
				ids[name] = b.MakeAccount(t, name, false)
			}
			for name, link := range map[string]string{"linked": "before-linked", "other": "somebody", "own": "before-taken"} {
				id := ids[name]
				if name == "own" {
					id = b.MakeAccount(t, "has-the-link", false)
				}
				if err := b.Admin.AddLink(t.Context(), id, keycloak.Link{IdentityProvider: "corp", UserID: link}); err != nil {
					t.Fatal(err)
				}
			}
			bare, err := b.Admin.CreateUser(t.Context(), keycloak.NewUser{Username: "bare", Enabled: true})
			if err != nil {
				t.Fatal(err)
			}
			b.Grant(t, ids["admin"], b.KnownRole(t, apptest.ManagementRole("view-users")))
			b.Check(t)
			b.Grant(t, ids["fresh"], b.KnownRole(t, apptest.ManagementRole("view-users"))) // since the last read of the realm
			file := b.Controlled(t)
			want := map[string]string{
				"own": "own false ", "admin": "refused false it is protected", "fresh": "refused false it is protected: it has rights of realm-management since the last read of the realm: query-groups, query-users, view-users",
				"jane": "adopted true ", "linked": "adopted true ", "other": "adopted false not linked: it is linked to the identity provider as another user",
				"taken": "adopted false not linked: another user is linked to the identity provider as this one",
				"bare":  "adopted false not linked: externalId is required: it is the id that links the user to the identity provider", "has-the-link": "adopted false not linked: it is linked to the identity provider as another user",
			}
			compare := func(when string, got map[string]bridge.Adoption) {
				t.Helper()
				for name, expected := range want {
					if shown := fmt.Sprint(got[name].Outcome, " ", got[name].Linked, " ", got[name].Reason); shown != expected {
						t.Errorf("%s: %s is %q, want %q", when, name, shown, expected)
					}
				}
				if len(got) != len(want) {
					t.Errorf("%s: there are %d accounts, want %d", when, len(got), len(want))
				}
			}
			before := b.InKeycloak(t, ids["jane"].String())
			compare("dry run", runAdopt(t, file, b.Realm, "--dry-run"))
			if after := b.InKeycloak(t, ids["jane"].String()); len(after.Attributes) != len(before.Attributes) {
				t.Errorf("the dry run changed %+v", after)
			}
			compare("run", runAdopt(t, file, b.Realm))
			for _, name := range []string{"jane", "linked", "other", "taken", "bare", "has-the-link"} {
				want[name] = "own false "
			}
			compare("second run", runAdopt(t, file, b.Realm))
			user := b.InKeycloak(t, ids["jane"].String())
			if user.Username != "jane" || user.Email != "jane@acme.test" || user.FirstName != "Old" || !slices.Equal(user.Attributes["externalId"], []string{"before-jane"}) || !user.Enabled {
				t.Errorf("the adopted account = %+v", user)
			}
			if found, err := b.Find(t.Context(), "/Users", `externalId eq "before-jane"`, ""); err != nil || len(found) != 1 {
				t.Errorf("the adopted account is found as %v, %v", found, err)
			}
			for id, link := range map[keycloak.UserID]string{ids["jane"]: "before-jane", ids["other"]: "somebody", bare: ""} {
				links, err := b.Admin.Links(t.Context(), id)
				if err != nil || len(links) > 1 || len(links) == 1 && links[0].UserID != link || len(links) == 0 && link != "" {
					t.Errorf("the links are %v, %v, want %q", links, err, link)
				}
			}
			b.Must(t, http.MethodDelete, "/Users/"+ids["jane"].String(), "") // the tenant owns the account now
			b.Must(t, http.MethodGet, "/Users/"+own, "")
			out, _, code := command(t, "", "adopt", "--config", file, "--dry-run")
			if code != 0 || !strings.Contains(out, "user admin: refused: it is protected\n") || !strings.Contains(out, "0 adopted (0 linked), 2 refused, 6 already owned by the tenant; nothing was changed\n") {
				t.Errorf("adopt --dry-run ended with %d:\n%s", code, out)
			}
			out, _, code = command(t, "", "adopt", "--config", file, "--dry-run", "--output", "csv")
			if code != 0 || !strings.HasPrefix(out, "type,id,name,outcome,linked,changes,reason,unproven\n") || !strings.Contains(out, ",admin,refused,false,,it is protected,\n") || strings.Contains(out, "nothing was changed") {
				t.Errorf("adopt as CSV ended with %d:\n%s", code, out)
			}
		})
	}
}

// TestAdoptCommandOfAnOrganization: the command reads only the members of the organization.
func TestAdoptCommandOfAnOrganization(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			b := c.Of["acme"]
			b.MakeAccount(t, "stranger", true)
			for name, verified := range map[string]bool{"jane": true, "unproved": false} {
				c.Admit(t, b.MakeAccount(t, name, verified).String(), "acme")
			}
			guest := c.Of["globex"].Create(t, "/Users", `{"userName":"gus"}`)
			c.Admit(t, guest, "acme")
			got := runAdopt(t, b.Controlled(t), tenant.OrganizationPath(b.Realm, "acme"))
			for name, want := range map[string]string{"jane": "", "unproved": "its address is not verified: once you know whose the account is, switch on Email verified in Keycloak", "gus": "a tenant owns it"} {
				if got[name].Reason != want || (got[name].Outcome == bridge.Adopted) != (want == "") {
					t.Errorf("%s is %+v, want %q", name, got[name], want)
				}
			}
			if len(got) != 3 {
				t.Errorf("there are %v, want the members", got)
			}
			id := got["jane"].ID
			b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"name.familyName","value":"Doe"}`))
			if user := b.InKeycloak(t, id); user.LastName != "Doe" {
				t.Errorf("the adopted member = %+v", user)
			}
		})
	}
}

// TestAdoptCommandOfNothing: the command refuses an unknown tenant, and a bridge that does not run.
func TestAdoptCommandOfNothing(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	file := b.Controlled(t)
	if _, told, code := command(t, "", "adopt", "--yes", "--config", file, "--tenant", "nope"); code != exitUsage || !strings.Contains(told, `no tenant "nope"`) {
		t.Errorf("adopt of another tenant ended with %d: %s", code, told)
	}
	of := b.App.Watcher.Tenants.All()[0]
	f := of.Fitness()
	f.Problem = "broken"
	of.SetFitness(f)
	if _, told, code := command(t, "", "adopt", "--yes", "--config", file); code != exitFailure || !strings.Contains(told, "does not offer what this endpoint needs") {
		t.Errorf("adopt of an unfit tenant ended with %d: %s", code, told)
	}
}

// TestAdoptAsksFirst: the command prints what the client may do afterwards, and does nothing
// without a yes.
func TestAdoptAsksFirst(t *testing.T) {
	t.Parallel()
	for _, policy := range []config.OnDelete{config.OnDeleteDelete, config.OnDeleteLeave} {
		b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), apptest.LeavingOnDelete(policy))
		id := b.MakeAccount(t, "jane", true).String()
		file := b.Controlled(t)
		for _, answer := range []string{"", "n\n"} {
			out, told, code := command(t, answer, "adopt", "--config", file)
			if code != exitFailure || !strings.Contains(told, "onDelete: "+string(policy)) || !strings.Contains(told, "--undo") || !strings.Contains(told, "nothing was changed") || out != "" {
				t.Errorf("adopt ended with %d, printed %q and said:\n%s", code, out, told)
			}
			if owner := b.InKeycloak(t, id).Attributes["scim.owner"]; owner != nil {
				t.Errorf("after the answer %q the owner is %v", answer, owner)
			}
		}
		out, _, code := command(t, "y\n", "adopt", "--config", file)
		if want := fmt.Sprintf("%s  user jane: adopted\n1 adopted (0 linked), 0 refused, 0 already owned by the tenant\n", id); code != 0 || out != want {
			t.Errorf("adopt ended with %d:\n%s, want\n%s", code, out, want)
		}
		out, told, code := command(t, "y\n", "adopt", "--config", file, "--undo")
		if want := fmt.Sprintf("%s  user jane: released\n1 released, 0 refused\n", id); code != 0 || out != want || !strings.Contains(told, "releases") {
			t.Errorf("adopt --undo ended with %d:\n%s%s, want\n%s", code, told, out, want)
		}
	}
}

// TestAdoptMarksAccountsOfWhichNobodyKnowsWhoseTheyAre: a person who registered an account keeps
// its password. The command marks these accounts for a tenant of a realm, in each mode, and says
// what to do.
func TestAdoptMarksAccountsOfWhichNobodyKnowsWhoseTheyAre(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			b.MakeAccount(t, "joe", true)
			b.MakeAccount(t, "jane", false)
			for _, u := range []keycloak.NewUser{
				{Username: "ceo@acme.test", Email: "someone@else.test", EmailVerified: true, Enabled: true},
				{Username: "cto@acme.test", Email: "cto@acme.test", EmailVerified: true, Enabled: true},
				{Username: "bare", Enabled: true},
			} {
				if _, err := b.Admin.CreateUser(t.Context(), u); err != nil {
					t.Fatal(err)
				}
			}
			file := b.Controlled(t)
			marks := map[string]string{"joe": "", "cto@acme.test": "", "jane": "no verified address", "bare": "no verified address", "ceo@acme.test": "a user name that is another address"}
			for _, mode := range []string{"--dry-run", "--yes"} {
				got := b.Adoptions(t, file, b.Realm, "--dry-run")
				for who, mark := range marks {
					if got[who].Outcome != bridge.Adopted || !strings.Contains(got[who].Unproven, mark) || (got[who].Unproven == "") != (mark == "") {
						t.Errorf("%s: of %s it says %+v", mode, who, got[who])
					}
				}
				out, told, code := command(t, "", "adopt", "--config", file, mode)
				if code != 0 || !strings.Contains(out, "user jane: adopted; check whose account this is: it has no verified address\n") || strings.Contains(out, "user joe: adopted;") || !strings.Contains(out, "3 of these accounts") || !strings.Contains(out, "keeps its password") || !strings.Contains(out, "Email verified") {
					t.Errorf("adopt %s ends with %d:\n%s%s", mode, code, out, told)
				}
			}
		})
	}
}

// TestNoCommandIsAboutAllOrganizations: the settings for all organizations are not an endpoint, and
// have no accounts.
func TestNoCommandIsAboutAllOrganizations(t *testing.T) {
	t.Parallel()
	c := apptest.NewEvery(t, keycloaktest.NewFake(t).Server())
	jane := c.Realm.MakeAccount(t, "jane", true).String()
	file := c.Realm.Controlled(t)
	all := c.Realm.Realm + "/organizations/*"
	for _, args := range [][]string{{"adopt", "--yes"}, {"adopt", "--yes", "--tenant", all}, {"tenants", "lift"}, {"tenants", "lift", "--tenant", all}, {"tenants", "show"}} {
		out, told, code := command(t, "", append(args, "--config", file)...)
		if code != exitUsage || !strings.Contains(told, "no organization has a token yet") || !strings.Contains(told, "scim-bridge tokens new") {
			t.Errorf("%v without any ends with %d: %s%s", args, code, out, told)
		}
	}
	c.NewToken(t, "acme")
	c.Check(t)
	for _, args := range [][]string{{"adopt", "--yes", "--tenant", all}, {"tenants", "lift", "--tenant", all}, {"export", "--tenant", all}} {
		out, told, code := command(t, "", append(args, "--config", file)...)
		if code != exitUsage || !strings.Contains(told, "--tenant") || !strings.Contains(told, c.Realm.Realm+"/organizations/acme") {
			t.Errorf("%v with one organization ends with %d: %s%s", args, code, out, told)
		}
	}
	c.NewToken(t, "globex")
	c.Check(t)
	for _, args := range [][]string{{"adopt", "--yes"}, {"adopt", "--yes", "--tenant", all}, {"tenants", "lift", "--tenant", all}, {"tenants", "show"}} {
		out, told, code := command(t, "", append(args, "--config", file)...)
		if code != exitUsage || !strings.Contains(told, "--tenant") || !strings.Contains(told, c.Realm.Realm+"/organizations/acme, "+c.Realm.Realm+"/organizations/globex") {
			t.Errorf("%v ends with %d: %s%s", args, code, out, told)
		}
	}
	if owner := c.Realm.InKeycloak(t, jane).Attributes["scim.owner"]; owner != nil {
		t.Errorf("a user of the realm has the owner %v", owner)
	}
	if found := (apptest.Patient{Bridge: c.Realm, Server: c.Server}).FindingsAt(t, ""); !slices.ContainsFunc(found, func(f realm.Finding) bool {
		return strings.HasPrefix(f.Text, "2 organizations have a token") && strings.Contains(f.Text, "scim-bridge doctor ")
	}) {
		t.Errorf("doctor says %+v", found)
	}
}
