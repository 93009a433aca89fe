package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/growth"
)

// joined are so many parts; # is their number.
func joined(n int, part string) string {
	return strings.Join(numbered(n, strings.ReplaceAll(part, "#", "%06[1]d")), ",")
}

// TestSecurity_40_ManyValuesAreRefusedByName: in every form of a write, before Keycloak is asked for
// more than it is for a usual one, and what is there stays as it is.
func TestSecurity_40_ManyValuesAreRefusedByName(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBridgeOn(t, start(t), nil)
			id := b.create(t, "/Users", `{"userName":"victim","phoneNumbers":[{"value":"1"}]}`)
			before := b.must(t, http.MethodGet, "/Users/"+id, "")
			many := `[` + joined(4000, `{"value":"#"}`) + `]`
			for path, bodies := range map[string][]string{
				"POST /Users":      {`{"userName":"many","phoneNumbers":` + many + `}`, `{"userName":"many","emails":[` + joined(4000, `{"value":"#@acme.test"}`) + `]}`},
				"PUT /Users/" + id: {`{"userName":"victim","phoneNumbers":` + many + `}`},
				"PATCH /Users/" + id: {
					patchBody(`{"op":"add","path":"phoneNumbers","value":` + many + `}`), patchBody(`{"op":"replace","value":{"phoneNumbers":` + many + `}}`),
					patchBody(fmt.Sprintf(`{"op":"add","path":"phoneNumbers","value":[%s]},{"op":"add","path":"phoneNumbers","value":[%s]}`, joined(600, `{"value":"x#"}`), joined(600, `{"value":"y#"}`))),
					patchBody(`{"op":"add","path":"phoneNumbers","value":[` + joined(999, `{"value":"a#"}`) + `]},` + joined(900, `{"op":"add","path":"phoneNumbers[value eq \"b#\"].type","value":"work"}`)),
					patchBody(`{"op":"add","path":"phoneNumbers","value":[` + joined(999, `{"value":"a#"}`) + `]},` + joined(990, `{"op":"replace","path":"phoneNumbers[value co \"#\" or type co \"#\"].type","value":"work"}`)),
				},
			} {
				method, path, _ := strings.Cut(path, " ")
				for _, body := range bodies {
					_, err := b.send(t, method, path, body)
					detail := fmt.Sprint(err)
					if client.StatusOf(err) != http.StatusBadRequest || !strings.Contains(detail, "phoneNumbers") && !strings.Contains(detail, "emails") && !strings.Contains(detail, "patch-too-large") {
						t.Errorf("%s %.100s: %.300s", method, body, detail)
					}
				}
			}
			results := b.bulk(t, "", bulkPost("/Users", "b", `{"userName":"many","phoneNumbers":`+many+`}`))
			if results[0]["status"] != "400" {
				t.Errorf("in a bulk request: %v", results)
			}
			if after := b.must(t, http.MethodGet, "/Users/"+id, ""); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("the user is %.300v, before %v", after, before)
			}
			b.must(t, http.MethodPost, "/Users", `{"userName":"thousand","phoneNumbers":[`+joined(scim.MaxValues, `{"value":"#"}`)+`]}`)
			b.must(t, http.MethodPatch, "/Users/"+id, patchBody(joined(500, `{"op":"add","path":"roles","value":[{"value":"#"}]}`)))
		})
	}
}

// TestSecurity_40_TwiceTheInputIsTwiceTheWork: of whole requests, of which Keycloak sees nothing or the
// same for both.
func TestSecurity_40_TwiceTheInputIsTwiceTheWork(t *testing.T) {
	fake := keycloaktest.NewFake(t)
	b := newBridgeOn(t, fake.Server(), func(c *config.Config) {
		for _, r := range c.Realms {
			r.Tenants[0].UnknownMembers = config.UnknownMembersIgnore
		}
	})
	id := b.create(t, "/Users", `{"userName":"victim"}`)
	for name, c := range map[string]struct {
		n    int
		body func(n int) attack
	}{
		"values": {400, func(n int) attack {
			return attack{"POST", "/Users", `{"userName":"x","phoneNumbers":[` + joined(n, `{"value":"#"}`) + `]}`}
		}},
		"too many values": {10_000, func(n int) attack {
			return attack{"POST", "/Users", `{"userName":"x","phoneNumbers":[` + joined(n, `{"value":"#"}`) + `]}`}
		}},
		"unknown attributes": {10_000, func(n int) attack {
			return attack{"PATCH", "/Users/" + id, patchBody(`{"op":"add","value":{` + joined(n, `"a#":1`) + `}}`)}
		}},
		"operations on values": {450, func(n int) attack {
			return attack{"PATCH", "/Users/" + id, patchBody(`{"op":"add","path":"phoneNumbers","value":[` + joined(20, `{"value":"#"}`) + `]},` + joined(n, `{"op":"replace","path":"phoneNumbers[value eq \"000001\"].type","value":"#"}`) + `,{"op":"replace","path":"active","value":"x"}`)}
		}},
		"names of a search": {10_000, func(n int) attack {
			return attack{"POST", "/Users/.search", `{"count":1,"attributes":[` + joined(n, `"a#"`) + `]}`}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			growth.Linear(t, c.n, func(n int) func() {
				a := c.body(n)
				return func() {
					for range 4 { // so that it can be measured
						if status, answer := b.straight(t, a); status >= http.StatusInternalServerError {
							t.Fatalf("%d %s", status, answer)
						}
					}
				}
			})
		})
	}
}
