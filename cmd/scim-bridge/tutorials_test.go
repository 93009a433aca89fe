package main

import (
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestTheTutorials: the test follows one tutorial after the other, as the first sends its reader to
// the second. Each command works, and Keycloak has at the end what the tutorials promise.
func TestTheTutorials(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newFollower(t, start(t))
			out := r.reads(t, "tutorials/quickstart.md", "tutorials/first-mapping.md")
			wantSaid(t, out, "0 failed", "jane@acme.example", "20 users, 2 groups and 30 memberships are as okta sent them", "mapping: ", "joe@acme.example")
			later := r.follows(t, `scim-bridge serve --config "$REALM/config.yaml" &
scim-bridge probe "http://$ADMIN_LISTEN/readyz"
scim-bridge users get --config "$REALM/config.yaml" jane@acme.example
curl --fail-with-body --silent --show-error --request PATCH --header "Authorization: Bearer $(cat token)" --header 'Content-Type: application/scim+json' \
  --data '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"Boss"}]}' \
  "$SCIM_URL/Users/$(scim-bridge users get --config "$REALM/config.yaml" jane@acme.example | jq -r .id)"
`)
			wantSaid(t, later, "Engineer")
			users := map[string]keycloak.User{}
			for _, name := range []string{"jane", "joe"} {
				found, err := r.admin.Users(t.Context(), keycloak.UserQuery{Username: name + "@acme.example"})
				if err != nil || len(found) != 1 {
					t.Fatalf("Keycloak has %v: %v\n%s", found, err, out)
				}
				users[name] = found[0]
			}
			if users["jane"].LastName != "Doe" {
				t.Errorf("the user of the quick start is %+v", users["jane"])
			}
			if got := users["jane"].Attributes["job_title"]; strings.Join(got, "|") != "Boss" {
				t.Errorf("the title that jane got since is %q", got)
			}
			for attribute, want := range map[string]string{"job_title": "Engineer", "badge": "0042"} {
				if got := strings.Join(users["joe"].Attributes[attribute], "|"); got != want {
					t.Errorf("%s is %q, want %q", attribute, got, want)
				}
			}
			if !strings.Contains(out, "job_title") || !strings.Contains(out, `"badge": "0042"`) && !strings.Contains(out, `"badge":"0042"`) {
				t.Errorf("explain and users get do not show the attributes:\n%s", out)
			}
		})
	}
}
