package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// running is a realm that is set up and a bridge that runs. The bridge writes its log into
// bridge.log; scim sends a request.
const running = `scim-bridge setup --url "$KEYCLOAK_URL" --realm "$REALM" --out "$REALM" --change-feed --yes >/dev/null
export SCIM_TOKEN
scim-bridge serve --config "$REALM/config.yaml" 2>bridge.log &
scim-bridge probe "http://$ADMIN_LISTEN/readyz" >/dev/null
scim() {
  curl --fail-with-body --silent --show-error --header "Authorization: Bearer $SCIM_TOKEN" --header 'Content-Type: application/scim+json' \
    --request "$1" ${3:+--data "$3"} "$SCIM_URL$2"
}
patch() { scim PATCH "$1" "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"],\"Operations\":[$2]}"; }
`

// changed makes changes of the users jane and joe, and deletes joe at the end.
const changed = `jane=$(scim POST /Users '{"userName":"jane@acme.example","active":true}' | jq -r .id)
joe=$(scim POST /Users '{"userName":"joe@acme.example"}' | jq -r .id)
scim POST /Groups "{\"displayName\":\"Sales\",\"members\":[{\"value\":\"$jane\"}]}" >/dev/null
patch "/Users/$jane" '{"op":"replace","path":"userName","value":"joe@acme.example"}' || true
patch "/Users/$jane" '{"op":"replace","path":"active","value":false}' >/dev/null
patch "/Users/$jane" '{"op":"replace","path":"active","value":true}' >/dev/null
patch "/Users/$jane" '{"op":"replace","path":"active","value":false}' >/dev/null
patch "/Users/$jane" '{"op":"replace","path":"active","value":false}' >/dev/null
scim DELETE "/Users/$joe"
echo "jane is $jane, joe is $joe"
`

// bothGuides runs a guide on both servers, and checks what its commands print.
func bothGuides(t *testing.T, page string, before []string, want func(t *testing.T, r *follower, out string)) {
	t.Helper()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newFollower(t, start(t))
			want(t, r, r.follows(t, append(before, blocksOf(t, page)...)...))
		})
	}
}

// TestTheGuideToWhatHappened finds the changes of a user, the refused changes, and the deletion of
// another user.
func TestTheGuideToWhatHappened(t *testing.T) {
	t.Parallel()
	bothGuides(t, "guides/what-happened.md", []string{running, changed}, func(t *testing.T, _ *follower, out string) {
		t.Helper()
		_, ids, _ := strings.Cut(out, "jane is ")
		jane, ids, _ := strings.Cut(ids, ", joe is ")
		joe, _, _ := strings.Cut(ids, "\n")
		wantSaid(t, out,
			"deactivated User jane@acme.example  done\n  active: true -> false\n", "\n7 changes about the user "+jane, "values      active: true -> false\n",
			`"User","`+joe+`","done"]`, // deleted
			`["create_user enabled=true`, `add_member `, " "+jane+`"`, `["update_user `+jane+` [enabled]","end_sessions `+jane+`"]`, `["end_sessions `+jane+`","update_user `+jane+` [enabled]"]`, `["end_sessions `+jane+`"]`,
			`"PATCH",409,"value-taken"`, `"msg":"request"`,
			`"UPDATE","USER","users/`+jane+`"`, "409     value-taken", "send again  ")
	})
}

// TestTheGuideToTheStore checks, exports, copies and seals the store, and erases jane.
func TestTheGuideToTheStore(t *testing.T) {
	t.Parallel()
	bothGuides(t, "guides/store.md", []string{running, changed}, func(t *testing.T, r *follower, out string) {
		t.Helper()
		wantSaid(t, out, "journal       as it was written\n", "heads    1 given, each is a link of this journal", "store-backup.db; it can be read only with the key file", "everything is sealed with the newest key", "erased the person from ")
		person, err := os.ReadFile(filepath.Join(r.dir, "jane.jsonl"))
		if err != nil || !strings.Contains(string(person), `"userName":"jane@acme.example"`) {
			t.Errorf("the export of the person is %v:\n%s", err, person)
		}
	})
}

// TestTheGuideToReactions: there is a hint for each user who is deleted or deactivated, and the
// endpoint says which it is.
func TestTheGuideToReactions(t *testing.T) {
	t.Parallel()
	bothGuides(t, "guides/react.md", []string{running, changed}, func(t *testing.T, _ *follower, out string) {
		t.Helper()
		wantSaid(t, out, "jane@acme.example active=false", " is gone\n", `"DELETE","users/`, ",jane@acme.example\n")
	})
}

// TestTheGuideToOnboarding: from nothing to a customer's endpoint that passes doctor, and back to
// nothing.
func TestTheGuideToOnboarding(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newFollower(t, start(t))
			apptest.AdminSend(t, r.server, "PUT", "/admin/realms/"+r.realm, `{"organizationsEnabled":true}`)
			least, err := r.admin.HasManagementRole(t.Context(), "manage-organizations")
			if err != nil {
				t.Fatal(err)
			}
			if !least { // the page says so for the versions before 26.7
				r.means["--all-organizations"] = "--all-organizations --allow-manage-realm"
			}
			out := r.reads(t, "guides/onboard.md")
			wantSaid(t, out, `"warning": null`, `"expires": "20`, `"totalResults":0`, "/organizations/globex", " 0 failed")
		})
	}
}

// TestTheGuideToUndoing: what the commands undo is gone in Keycloak, and the users still exist.
func TestTheGuideToUndoing(t *testing.T) {
	t.Parallel()
	r := newFollower(t, keycloaktest.Real(t))
	out := r.follows(t, append([]string{running, changed, "scim POST /Users '{\"userName\":\"sim-one\"}' >/dev/null\n"}, blocksOf(t, "guides/undo.md")...)...)
	for name, want := range map[string]int{"sim-one": 0, "jane@acme.example": 1} {
		users, err := r.admin.Users(t.Context(), keycloak.UserQuery{Username: name})
		if err != nil || len(users) != want {
			t.Errorf("Keycloak has %d users %s, %v, want %d:\n%s", len(users), name, err, want, out)
		}
		for _, user := range users {
			for attribute := range user.Attributes {
				if strings.HasPrefix(attribute, "scim.") {
					t.Errorf("%s still shows %s", name, attribute)
				}
			}
		}
	}
	clients := apptest.AdminCall(t, r.server, "GET", "/admin/realms/"+r.realm+"/clients?clientId=scim-bridge", "")
	settings := apptest.AdminCall(t, r.server, "GET", "/admin/realms/"+r.realm, "")
	if strings.TrimSpace(clients) != "[]" || !strings.Contains(settings, `"editUsernameAllowed":false`) || !strings.Contains(settings, `"adminEventsEnabled":false`) {
		t.Errorf("what setup did is not taken back: %s, %s", clients, settings)
	}
}

// TestTheGuideToSetup writes a configuration that has no problem.
func TestTheGuideToSetup(t *testing.T) {
	t.Parallel()
	r := newFollowerIn(t, "acme")
	wantSaid(t, r.reads(t, "guides/setup.md"), "Token ")
	wantSaid(t, r.follows(t, "scim-bridge check --config acme/config.yaml\n"), "no problem")
}

// TestTheGuideToARealmWithUsers adopts the existing users, and gives them back.
func TestTheGuideToARealmWithUsers(t *testing.T) {
	t.Parallel()
	r := newFollowerIn(t, "acme")
	b := apptest.Bridge{Server: r.server, Admin: r.admin, Realm: r.realm}
	b.MakeAccount(t, "jane", true)
	b.MakeGroup(t, "Engineering", keycloak.GroupID{})
	r.existing = "manage"
	wantSaid(t, r.reads(t, "guides/existing-users.md"), "There are 1 user and 1 group already", " 0 failed", "user jane: adopted", "group Engineering: adopted", "user jane: released")
}

// here is a bridge whose files are in the directory where its operator works.
const here = `scim-bridge setup --url "$KEYCLOAK_URL" --realm "$REALM" --out . --yes >/dev/null
scim-bridge serve --config config.yaml 2>bridge.log &
scim-bridge probe "http://$ADMIN_LISTEN/readyz" >/dev/null
`

// TestTheGuideToAccounts adopts accounts and gives them back.
func TestTheGuideToAccounts(t *testing.T) {
	t.Parallel()
	r := newFollowerIn(t, "acme")
	apptest.Bridge{Server: r.server, Admin: r.admin, Realm: r.realm}.MakeAccount(t, "jane", true)
	wantSaid(t, r.follows(t, append([]string{here}, blocksOf(t, "guides/accounts.md")...)...), "user jane: adopted", "user jane: released")
}

// TestTheGuidesToIdentityProviders runs the commands that the guides give to operators.
func TestTheGuidesToIdentityProviders(t *testing.T) {
	t.Parallel()
	r := newFollowerIn(t, "acme")
	commands := append([]string{here}, blocksOf(t, "guides/identity-providers.md")...)
	pages, err := filepath.Glob("../../docs/guides/identity-providers/*.md")
	if err != nil || len(pages) < 11 {
		t.Fatalf("there are the pages %v, %v", pages, err)
	}
	for _, page := range pages {
		commands = append(commands, blocksOf(t, "guides/identity-providers/"+filepath.Base(page))...)
	}
	wantSaid(t, r.follows(t, commands...), "are as entra sent them", "ACTIVE")
}

// TestTheTemplateOfOneLogin: the template makes the user that the guide shows.
func TestTheTemplateOfOneLogin(t *testing.T) {
	t.Parallel()
	_, rest, found := strings.Cut(apptest.ReadPage(t, "../../docs/guides/identity-providers/onelogin.md"), "```json\n")
	template, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatal("there is no template")
	}
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil, "--mapping", "../../docs/mappings/onelogin.yaml")
	made := b.Must(t, "POST", "/Users", strings.NewReplacer(
		"{$parameters.scimusername}", "jane@acme.test", "{$user.firstname}", "Jane", "{$user.lastname}", " Doe", "{$user.display_name}", "Jane Doe",
		"{$user.email}", "jane@acme.test", "{$parameters.title}", "Engineer", "{$parameters.department}", "Sales",
	).Replace(template))
	user := b.InKeycloak(t, fmt.Sprint(made["id"]))
	if user.Username != "jane@acme.test" || user.FirstName != "Jane" || user.LastName != "Doe" || user.Email != "jane@acme.test" ||
		fmt.Sprint(user.Attributes["job_title"], user.Attributes["department"], user.Attributes["displayName"]) != "[Engineer] [Sales] [Jane Doe]" {
		t.Errorf("the template makes %+v", user)
	}
}

// TestTheGuideToImports imports the file that the page shows, and exports it again.
func TestTheGuideToImports(t *testing.T) {
	t.Parallel()
	r := newFollowerIn(t, "acme")
	_, rest, _ := strings.Cut(apptest.ReadPage(t, "../../docs/guides/import.md"), "```json\n")
	people, _, _ := strings.Cut(rest, "```")
	file := "cat >people.jsonl <<'END'\n" + people + "END\n"
	out := r.follows(t, append([]string{here, file}, append(blocksOf(t, "guides/import.md"), "cat acme.jsonl\n")...)...)
	wantSaid(t, out, `"userName":"jane@acme.test"`, `"displayName":"Team"`)
}

// TestTheGuideToOrganizations makes an endpoint of one organization, and of all organizations.
func TestTheGuideToOrganizations(t *testing.T) {
	t.Parallel()
	r := newFollowerIn(t, "saas")
	organize(t, r)
	wantSaid(t, r.reads(t, "guides/organizations.md"), "/realms/saas/organizations/acme/scim/v2", "/realms/saas/organizations/ALIAS/scim/v2")
}

// organize creates the organizations acme and globex in a follower's realm.
func organize(t *testing.T, r *follower) {
	t.Helper()
	apptest.AdminSend(t, r.server, "PUT", "/admin/realms/"+r.realm, `{"organizationsEnabled":true}`)
	c := apptest.Customers{IDs: map[string]keycloak.OrganizationID{}}
	for _, alias := range []string{"acme", "globex"} {
		c.AddOrganization(t, r.admin, alias)
	}
}

// TestTheGuideToCredentials makes, shows and revokes tokens, and an OAuth client whose access
// tokens the bridge accepts.
func TestTheGuideToCredentials(t *testing.T) {
	t.Parallel()
	r := newFollower(t, keycloaktest.Real(t))
	organize(t, r)
	r.means["--tenant acme "], r.means["/realms/acme/"], r.means["scim-acme-"] = "--tenant "+r.realm+" ", "/realms/"+r.realm+"/", "scim-"+r.realm+"-"
	every := `scim-bridge setup --url "$KEYCLOAK_URL" --realm "$REALM" --all-organizations --allow-manage-realm --out every --yes >/dev/null
mv every/credential-key .
scim-bridge setup --url "$KEYCLOAK_URL" --realm "$REALM" --out . --yes >/dev/null
sed -i 's/^    tenants:/    credentialKeyFile: credential-key\n    organizations: "*"\n    tenants:/' config.yaml
scim-bridge serve --config config.yaml 2>bridge.log &
scim-bridge probe "http://$ADMIN_LISTEN/readyz" >/dev/null
`
	out := r.follows(t, append([]string{every}, blocksOf(t, "guides/credentials.md")...)...)
	wantSaid(t, out, "organizations/acme", "users:read", `"token_type":"Bearer"`, `"totalResults":0`)
}

// TestTheReferenceOfOperations: the command of the page prints a table of users.
func TestTheReferenceOfOperations(t *testing.T) {
	t.Parallel()
	r := newFollowerIn(t, "acme")
	wantSaid(t, r.follows(t, append([]string{here}, blocksOf(t, "reference/operations.md")...)...), "userName,meta.lastModified")
}
