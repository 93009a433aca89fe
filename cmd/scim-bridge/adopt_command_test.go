package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// controlled lets commands reach a bridge of the test, and returns the configuration for them.
func (b testBridge) controlled(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "scim") //nolint:usetesting // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	listener, err := control.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	server := app.NewServer(b.app.Control(), app.AdminTimeout)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	text, err := os.ReadFile(b.file)
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^  socket: .*\n`).ReplaceAll(text, nil)
	text = []byte(strings.Replace(string(text), "\nadmin:", "\nadmin: # for a test\n  socket: "+socket+"\n#", 1))
	file := filepath.Join(filepath.Dir(b.file), "controlled.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// adoptions has a bridge that is controlled take over what the tenant at a path may, as the command adopt does with --dry-run,
// --undo or none, and returns what it says of each account, by its user name.
func (b testBridge) adoptions(t *testing.T, file, path string, flags ...string) map[string]bridge.Adoption {
	t.Helper()
	mode := control.AdoptMode{DryRun: slices.Contains(flags, "--dry-run"), Undo: slices.Contains(flags, "--undo")}
	all := map[string]bridge.Adoption{}
	err := control.Adoptions(t.Context(), controlSocket(t, file), path, mode, func(line json.RawMessage) error {
		var a bridge.Adoption
		err := json.Unmarshal(line, &a)
		all[a.Name] = a
		return err
	})
	if err != nil {
		t.Fatalf("the adoption ended with %v", err)
	}
	return all
}

// controlSocket is the control socket of a configuration.
func controlSocket(t *testing.T, file string) string {
	t.Helper()
	c, problems := config.Load(file)
	if len(problems) > 0 {
		t.Fatalf("the configuration has problems: %v", problems)
	}
	return c.Admin.Socket
}

// runAdopt runs the command and returns what it says of each account, by its user name.
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

// TestAdoptCommand: for a realm that has users already it tells what would be adopted, linked
// and refused, and why; without --dry-run it does that, and once more changes nothing.
func TestAdoptCommand(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newRoleBridge(t, server, mappingFile(t, linkMapping))
			own := b.create(t, "/Users", `{"userName":"own","externalId":"own"}`)
			ids := map[string]keycloak.UserID{}
			for _, name := range []string{"admin", "fresh", "jane", "linked", "other", "taken"} {
				ids[name] = b.account(t, name, false)
			}
			for name, link := range map[string]string{"linked": "before-linked", "other": "somebody", "own": "before-taken"} {
				id := ids[name]
				if name == "own" {
					id = b.account(t, "has-the-link", false)
				}
				if err := b.admin.AddLink(t.Context(), id, keycloak.Link{IdentityProvider: "corp", UserID: link}); err != nil {
					t.Fatal(err)
				}
			}
			bare, err := b.admin.CreateUser(t.Context(), keycloak.NewUser{Username: "bare", Enabled: true})
			if err != nil {
				t.Fatal(err)
			}
			b.grant(t, ids["admin"], b.known(t, right("view-users")))
			b.look(t)
			b.grant(t, ids["fresh"], b.known(t, right("view-users"))) // since the look
			file := b.controlled(t)
			want := map[string]string{
				"own": "own false ", "admin": "refused false it is protected", "fresh": "refused false it is protected: it has rights of realm-management since the last look: query-groups, query-users, view-users",
				"jane": "adopted true ", "linked": "adopted true ", "other": "adopted false not linked: it is linked to the identity provider as somebody else",
				"taken": "adopted false not linked: another user is linked to the identity provider as this one",
				"bare":  "adopted false not linked: externalId is required: it is the id that links the user to the identity provider", "has-the-link": "adopted false not linked: it is linked to the identity provider as somebody else",
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
			before := b.user(t, ids["jane"].String())
			compare("dry run", runAdopt(t, file, b.realm, "--dry-run"))
			if after := b.user(t, ids["jane"].String()); len(after.Attributes) != len(before.Attributes) {
				t.Errorf("the dry run changed %+v", after)
			}
			compare("run", runAdopt(t, file, b.realm))
			for _, name := range []string{"jane", "linked", "other", "taken", "bare", "has-the-link"} {
				want[name] = "own false "
			}
			compare("second run", runAdopt(t, file, b.realm))
			user := b.user(t, ids["jane"].String())
			if user.Username != "jane" || user.Email != "jane@acme.test" || user.FirstName != "Old" || !slices.Equal(user.Attributes["externalId"], []string{"before-jane"}) || !user.Enabled {
				t.Errorf("the adopted account = %+v", user)
			}
			if found, err := b.Find(t.Context(), "/Users", `externalId eq "before-jane"`, ""); err != nil || len(found) != 1 {
				t.Errorf("the adopted account is found as %v, %v", found, err)
			}
			for id, link := range map[keycloak.UserID]string{ids["jane"]: "before-jane", ids["other"]: "somebody", bare: ""} {
				links, err := b.admin.Links(t.Context(), id)
				if err != nil || len(links) > 1 || len(links) == 1 && links[0].UserID != link || len(links) == 0 && link != "" {
					t.Errorf("the links are %v, %v, want %q", links, err, link)
				}
			}
			b.must(t, http.MethodDelete, "/Users/"+ids["jane"].String(), "") // the tenant's own now
			b.must(t, http.MethodGet, "/Users/"+own, "")
			out, _, code := command(t, "", "adopt", "--config", file, "--dry-run")
			if code != 0 || !strings.Contains(out, "user admin: refused: it is protected\n") || !strings.Contains(out, "0 adopted (0 linked), 2 refused, 6 the tenant's already; nothing was changed\n") {
				t.Errorf("adopt --dry-run ended with %d:\n%s", code, out)
			}
		})
	}
}

// TestAdoptCommandOfAnOrganization looks at its members alone.
func TestAdoptCommandOfAnOrganization(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			b := c.of["acme"]
			b.account(t, "stranger", true)
			for name, verified := range map[string]bool{"jane": true, "unproved": false} {
				c.admit(t, b.account(t, name, verified).String(), "acme")
			}
			guest := c.of["globex"].create(t, "/Users", `{"userName":"gus"}`)
			c.admit(t, guest, "acme")
			got := runAdopt(t, b.controlled(t), tenant.OrganizationPath(b.realm, "acme"))
			for name, want := range map[string]string{"jane": "", "unproved": "its address is not verified: once you know whose the account is, switch Email verified on in Keycloak", "gus": "a tenant owns it"} {
				if got[name].Reason != want || (got[name].Outcome == bridge.Adopted) != (want == "") {
					t.Errorf("%s is %+v, want %q", name, got[name], want)
				}
			}
			if len(got) != 3 {
				t.Errorf("there are %v, want the members", got)
			}
			id := got["jane"].ID
			b.must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"replace","path":"name.familyName","value":"Doe"}`))
			if user := b.user(t, id); user.LastName != "Doe" {
				t.Errorf("the adopted member = %+v", user)
			}
		})
	}
}

// TestAdoptCommandOfNothing: no such tenant, no bridge.
func TestAdoptCommandOfNothing(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	file := b.controlled(t)
	if _, told, code := command(t, "", "adopt", "--yes", "--config", file, "--tenant", "nope"); code != exitUsage || !strings.Contains(told, `no tenant "nope"`) {
		t.Errorf("adopt of another tenant ended with %d: %s", code, told)
	}
	of := b.app.Watcher.Tenants.All()[0]
	f := of.Fitness()
	f.Problem = "broken"
	of.SetFitness(f)
	if _, told, code := command(t, "", "adopt", "--yes", "--config", file); code != exitFailure || !strings.Contains(told, "does not offer what this endpoint needs") {
		t.Errorf("adopt of an unfit tenant ended with %d: %s", code, told)
	}
}
