package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/growth"
)

// TestSecurity_40_ManyValuesAreRefusedByName: too many values are refused in every form of a write. The existing user
// stays unchanged.
func TestSecurity_40_ManyValuesAreRefusedByName(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			id := b.Create(t, "/Users", `{"userName":"victim","phoneNumbers":[{"value":"1"}]}`)
			before := b.Must(t, http.MethodGet, "/Users/"+id, "")
			many := `[` + apptest.Joined(4000, `{"value":"#"}`) + `]`
			for path, bodies := range map[string][]string{
				"POST /Users":      {`{"userName":"many","phoneNumbers":` + many + `}`, `{"userName":"many","emails":[` + apptest.Joined(4000, `{"value":"#@acme.test"}`) + `]}`},
				"PUT /Users/" + id: {`{"userName":"victim","phoneNumbers":` + many + `}`},
				"PATCH /Users/" + id: {
					apptest.PatchBody(`{"op":"add","path":"phoneNumbers","value":` + many + `}`), apptest.PatchBody(`{"op":"replace","value":{"phoneNumbers":` + many + `}}`),
					apptest.PatchBody(fmt.Sprintf(`{"op":"add","path":"phoneNumbers","value":[%s]},{"op":"add","path":"phoneNumbers","value":[%s]}`, apptest.Joined(600, `{"value":"x#"}`), apptest.Joined(600, `{"value":"y#"}`))),
					apptest.PatchBody(`{"op":"add","path":"phoneNumbers","value":[` + apptest.Joined(999, `{"value":"a#"}`) + `]},` + apptest.Joined(900, `{"op":"add","path":"phoneNumbers[value eq \"b#\"].type","value":"work"}`)),
					apptest.PatchBody(`{"op":"add","path":"phoneNumbers","value":[` + apptest.Joined(999, `{"value":"a#"}`) + `]},` + apptest.Joined(990, `{"op":"replace","path":"phoneNumbers[value co \"#\" or type co \"#\"].type","value":"work"}`)),
				},
			} {
				method, path, _ := strings.Cut(path, " ")
				for _, body := range bodies {
					_, err := b.Send(t, method, path, body)
					detail := fmt.Sprint(err)
					if client.StatusOf(err) != http.StatusBadRequest || !strings.Contains(detail, "phoneNumbers") && !strings.Contains(detail, "emails") && !strings.Contains(detail, "patch-too-large") {
						t.Errorf("%s %.100s: %.300s", method, body, detail)
					}
				}
			}
			results := b.Bulk(t, "", apptest.BulkPost("/Users", "b", `{"userName":"many","phoneNumbers":`+many+`}`))
			if results[0]["status"] != "400" {
				t.Errorf("in a bulk request: %v", results)
			}
			if after := b.Must(t, http.MethodGet, "/Users/"+id, ""); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("the user is %.300v, before %v", after, before)
			}
			b.Must(t, http.MethodPost, "/Users", `{"userName":"thousand","phoneNumbers":[`+apptest.Joined(scim.MaxValues, `{"value":"#"}`)+`]}`)
			b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(apptest.Joined(500, `{"op":"add","path":"roles","value":[{"value":"#"}]}`)))
		})
	}
}

// TestSecurity_40_TwiceTheInputIsTwiceTheWork measures whole requests that make no call to Keycloak, or the same
// calls for both sizes.
func TestSecurity_40_TwiceTheInputIsTwiceTheWork(t *testing.T) {
	fake := keycloaktest.NewFake(t)
	b := apptest.NewBridgeOn(t, fake.Server(), func(c *config.Config) {
		for _, r := range c.Realms {
			r.Tenants[0].UnknownMembers = config.UnknownMembersIgnore
		}
	})
	id := b.Create(t, "/Users", `{"userName":"victim"}`)
	for name, c := range map[string]struct {
		n    int
		body func(n int) apptest.Request
	}{
		"values": {400, func(n int) apptest.Request {
			return apptest.Request{Method: "POST", Path: "/Users", Body: `{"userName":"x","phoneNumbers":[` + apptest.Joined(n, `{"value":"#"}`) + `]}`}
		}},
		"too many values": {10_000, func(n int) apptest.Request {
			return apptest.Request{Method: "POST", Path: "/Users", Body: `{"userName":"x","phoneNumbers":[` + apptest.Joined(n, `{"value":"#"}`) + `]}`}
		}},
		"unknown attributes": {10_000, func(n int) apptest.Request {
			return apptest.Request{Method: "PATCH", Path: "/Users/" + id, Body: apptest.PatchBody(`{"op":"add","value":{` + apptest.Joined(n, `"a#":1`) + `}}`)}
		}},
		"operations on values": {450, func(n int) apptest.Request {
			return apptest.Request{Method: "PATCH", Path: "/Users/" + id, Body: apptest.PatchBody(`{"op":"add","path":"phoneNumbers","value":[` + apptest.Joined(20, `{"value":"#"}`) + `]},` + apptest.Joined(n, `{"op":"replace","path":"phoneNumbers[value eq \"000001\"].type","value":"#"}`) + `,{"op":"replace","path":"active","value":"x"}`)}
		}},
		"names of a search": {10_000, func(n int) apptest.Request {
			return apptest.Request{Method: "POST", Path: "/Users/.search", Body: `{"count":1,"attributes":[` + apptest.Joined(n, `"a#"`) + `]}`}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			growth.Linear(t, c.n, func(n int) func() {
				a := c.body(n)
				return func() {
					for range 4 { // so that the time can be measured
						if status, answer := straight(t, b, a); status >= http.StatusInternalServerError {
							t.Fatalf("%d %s", status, answer)
						}
					}
				}
			})
		})
	}
}
