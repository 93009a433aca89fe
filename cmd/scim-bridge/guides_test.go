package main

import (
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// running is a realm that is set up and a bridge that runs, which writes its log into bridge.log; scim sends a request.
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

// changed are changes of the users jane and joe, of whom joe is deleted in the end.
const changed = `jane=$(scim POST /Users '{"userName":"jane@acme.example","active":true}' | jq -r .id)
joe=$(scim POST /Users '{"userName":"joe@acme.example"}' | jq -r .id)
scim POST /Groups "{\"displayName\":\"Sales\",\"members\":[{\"value\":\"$jane\"}]}" >/dev/null
patch "/Users/$jane" '{"op":"replace","path":"userName","value":"joe@acme.example"}' || true
patch "/Users/$jane" '{"op":"replace","path":"active","value":false}' >/dev/null
scim DELETE "/Users/$joe"
echo "jane is $jane, joe is $joe"
`

// bothGuides runs a guide over both servers, and looks at what its commands say.
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

// TestTheGuideToWhatHappened finds the changes of a user, those that were refused, and the deletion of another one.
func TestTheGuideToWhatHappened(t *testing.T) {
	t.Parallel()
	bothGuides(t, "guides/what-happened.md", []string{running, changed}, func(t *testing.T, _ *follower, out string) {
		t.Helper()
		_, ids, _ := strings.Cut(out, "jane is ")
		jane, ids, _ := strings.Cut(ids, ", joe is ")
		joe, _, _ := strings.Cut(ids, "\n")
		wantSaid(t, out,
			`"User","`+joe+`","done"]`, // deleted
			`["create_user enabled=true`, `add_member `, " "+jane+`"`, `["update_user `+jane+` [enabled`, `"end_sessions `+jane+`"]`,
			`"PATCH",409,"value-taken"`, `"msg":"request"`,
			`"UPDATE","USER","users/`+jane+`"`)
	})
}

// TestTheGuideToReactions: the hints are those of users who are gone or deactivated, and the endpoint says which.
func TestTheGuideToReactions(t *testing.T) {
	t.Parallel()
	bothGuides(t, "guides/react.md", []string{running, changed}, func(t *testing.T, _ *follower, out string) {
		t.Helper()
		wantSaid(t, out, "jane@acme.example active=false", " is gone\n", `"DELETE","users/`, ",jane@acme.example\n")
	})
}

// TestTheGuideToOnboarding: from nothing to an endpoint of a customer that doctor finds well, and away again.
func TestTheGuideToOnboarding(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newFollower(t, start(t))
			apptest.AdminSend(t, r.server, "PUT", "/admin/realms/"+r.realm, `{"organizationsEnabled":true}`)
			out := r.reads(t, "guides/onboard.md")
			wantSaid(t, out, `"warning": null`, `"expires": "20`, `"totalResults":0`, "/organizations/globex", " 0 failed")
		})
	}
}

// TestTheGuideToUndoing: what the commands take back is gone in Keycloak, and the users are there.
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
