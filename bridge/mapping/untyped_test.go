package mapping_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// fromConsole creates a user as the console does.
func fromConsole(t *testing.T, b apptest.Bridge, name string) string {
	t.Helper()
	id, err := b.Admin.CreateUser(t.Context(), keycloak.NewUser{Username: name, Email: name + "@acme.test", EmailVerified: true, FirstName: "Old", LastName: "Name", Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// emailsOf returns the e-mails that a user shows, as JSON.
func emailsOf(t *testing.T, b apptest.Bridge, id string) string {
	t.Helper()
	data, err := json.Marshal(b.Must(t, http.MethodGet, "/Users/"+id, "")["emails"])
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// echo sends back what a user shows, and checks that Keycloak's user stays the same.
func echo(t *testing.T, b apptest.Bridge, id string) {
	t.Helper()
	before := b.InKeycloak(t, id)
	shown := b.Must(t, http.MethodGet, "/Users/"+id, "")
	data, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	after := b.Must(t, http.MethodPut, "/Users/"+id, string(data))
	if diff := cmp.Diff(shown, after); diff != "" {
		t.Errorf("a PUT of what is shown shows another (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(before, b.InKeycloak(t, id)); diff != "" {
		t.Errorf("a PUT of what is shown writes (-before +after):\n%s", diff)
	}
}

// replaceWork is the PATCH by which Entra changes the work address.
func replaceWork(address string) string {
	return apptest.PatchBody(`{"op":"Replace","path":"displayName","value":"New Name"},{"op":"Replace","path":"emails[type eq \"work\"].value","value":"` + address + `"},{"op":"Add","path":"externalId","value":"new"}`)
}

// TestTheAddressOfAUserIsWithinEntrasReach, whoever created the user and whatever its client sent
// about the address: Entra replaces the address that Keycloak has.
func TestTheAddressOfAUserIsWithinEntrasReach(t *testing.T) {
	t.Parallel()
	for server, start := range apptest.BothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			for name, c := range map[string]struct {
				emails         string // "" for a user from the console
				before, after  string // what is shown; "" for what was sent
				stays, refused bool   // whether Keycloak's address stays, and whether the PATCH is refused
			}{
				"console": {"", `[{"primary":true,"type":"work","value":"OLD"}]`, `[{"primary":true,"type":"work","value":"NEW"}]`, false, false},
				"untyped": {`[{"value":"OLD"}]`, "", `[{"type":"work","value":"NEW"}]`, false, false},
				"primary": {`[{"primary":true,"value":"OLD"}]`, "", `[{"primary":true,"type":"work","value":"NEW"}]`, false, false},
				"work":    {`[{"type":"work","value":"OLD"}]`, "", `[{"type":"work","value":"NEW"}]`, false, false},
				"beside":  {`[{"value":"OLD"},{"type":"home","value":"h@acme.test"}]`, "", `[{"type":"work","value":"NEW"},{"type":"home","value":"h@acme.test"}]`, false, false},
				"home":    {`[{"primary":true,"type":"home","value":"OLD"}]`, "", `[{"primary":true,"type":"home","value":"OLD"},{"type":"work","value":"NEW"}]`, true, false},
				"two":     {`[{"value":"OLD"},{"value":"x@acme.test"}]`, "", `[{"value":"OLD"},{"value":"x@acme.test"}]`, true, true},
				"none":    {`[]`, "null", `[{"type":"work","value":"NEW"}]`, false, false},
			} {
				before, after := name+"@acme.test", "new-"+name+"@acme.test"
				fill := strings.NewReplacer("OLD", before, "NEW", after).Replace
				var id string
				if c.emails == "" {
					id = fromConsole(t, b, name)
				} else {
					id = b.Create(t, "/Users", `{"userName":"`+name+`","emails":`+fill(c.emails)+`}`)
				}
				want := c.before
				if want == "" {
					want = c.emails
				}
				if got := emailsOf(t, b, id); got != fill(want) {
					t.Errorf("%s: shown are %s, want %s", name, got, fill(want))
				}
				echo(t, b, id)
				if c.refused {
					if detail := b.Refused(t, http.StatusBadRequest, http.MethodPatch, "/Users/"+id, replaceWork(after)); !strings.Contains(detail, "send emails as a whole") {
						t.Errorf("%s: refused with %q", name, detail)
					}
				} else {
					b.Must(t, http.MethodPatch, "/Users/"+id, replaceWork(after))
				}
				if got := emailsOf(t, b, id); got != fill(c.after) {
					t.Errorf("%s: shown are %s, want %s", name, got, fill(c.after))
				}
				held := after
				if c.stays {
					held = before
				}
				if u := b.InKeycloak(t, id); u.Email != held {
					t.Errorf("%s: Keycloak's address is %q, want %q", name, u.Email, held)
				}
				echo(t, b, id)
			}
		})
	}
}

// TestThePrimaryAddressIsWithinReachToo: a PATCH can replace and remove it.
func TestThePrimaryAddressIsWithinReachToo(t *testing.T) {
	t.Parallel()
	for server, start := range apptest.BothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			id := b.Create(t, "/Users", `{"userName":"jane","emails":[{"value":"jane@acme.test"}]}`)
			for _, c := range []struct{ op, want, shown string }{
				{`{"op":"replace","path":"emails[primary eq true].value","value":"j2@acme.test"}`, "j2@acme.test", `[{"primary":true,"value":"j2@acme.test"}]`},
				{`{"op":"remove","path":"emails[type eq \"work\"]"}`, "", "null"},
				{`{"op":"add","path":"emails","value":[{"value":"j3@acme.test"}]}`, "j3@acme.test", `[{"value":"j3@acme.test"}]`},
				{`{"op":"remove","path":"emails[primary eq true].value"}`, "", "null"},
			} {
				b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(c.op))
				if got, held := emailsOf(t, b, id), b.InKeycloak(t, id).Email; got != c.shown || held != c.want {
					t.Errorf("%s: shown are %s, Keycloak has %q, want %s and %q", c.op, got, held, c.shown, c.want)
				}
			}
		})
	}
}

// TestAUserOfTheConsoleIsWrittenOnlyByWhatAClientChanges, and looks the same before and after.
func TestAUserOfTheConsoleIsWrittenOnlyByWhatAClientChanges(t *testing.T) {
	t.Parallel()
	for server, start := range apptest.BothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.TakeAnyDomain)
			for name, b := range map[string]apptest.Bridge{"realm": c.Realm, "acme": c.Of["acme"]} {
				shows := func(id, when, want string) {
					t.Helper()
					if got := emailsOf(t, b, id); got != want {
						t.Errorf("%s %s: shown are %s, want %s", name, when, got, want)
					}
				}
				for change, op := range map[string]string{
					"mapped":   `{"op":"replace","path":"displayName","value":"Jane"}`,
					"unmapped": `{"op":"replace","path":"title","value":"Dr"}`,
					"id":       `{"op":"replace","path":"externalId","value":"` + name + `"}`,
				} {
					who := name + "-" + change
					id := fromConsole(t, b, who)
					c.Admit(t, id, "acme")
					typed := `[{"primary":true,"type":"work","value":"` + who + `@acme.test"}]`
					shows(id, "at first", typed)
					for _, filter := range []string{`emails[type eq "work" and value eq "%s"]`, `emails.type eq "work" and userName eq "%s"`, `emails.value eq "%s" and emails[primary eq true]`} {
						value := who
						if strings.Contains(filter, "value eq") {
							value += "@acme.test"
						}
						if found, err := b.Find(t.Context(), "/Users", fmt.Sprintf(filter, value), ""); err != nil || len(found) != 1 {
							t.Errorf("%s: %s finds %v, %v, want one user", name, filter, found, err)
						}
					}
					echo(t, b, id)
					b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(op))
					shows(id, "after a change of something "+change, typed)
					echo(t, b, id)
					untyped := `[{"value":"` + who + `@acme.test"}]`
					b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"emails","value":`+untyped+`}`))
					shows(id, "as a client sent it", untyped)
					primary := `[{"primary":true,"value":"` + who + `@acme.test"}]`
					b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"emails","value":`+primary+`}`))
					shows(id, "as a client sent it then", primary)
					echo(t, b, id)
				}
				bare := name + "-bare"
				id := fromConsole(t, b, bare)
				c.Admit(t, id, "acme")
				primary := `[{"primary":true,"value":"` + bare + `@acme.test"}]`
				b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"emails","value":`+primary+`}`))
				shows(id, "after nothing but its address", primary)
				echo(t, b, id)
			}
		})
	}
}

const typedMapping = `version: 1
users:
  attributes:
    phoneNumbers[type eq "work"].value: { keycloak: phone }
    addresses[type eq "work"].locality: { keycloak: city }
`

// TestAPhoneNumberAndAPostalAddressAreWithinReachToo, with a rule and without.
func TestAPhoneNumberAndAPostalAddressAreWithinReachToo(t *testing.T) {
	t.Parallel()
	for server, start := range apptest.BothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			for _, b := range map[string]apptest.Bridge{"mapped": apptest.NewBridgeOn(t, start(t), nil, "--mapping", apptest.MappingFile(t, typedMapping)), "unmapped": apptest.NewBridgeOn(t, start(t), nil)} {
				id := b.Create(t, "/Users", `{"userName":"jane","phoneNumbers":[{"value":"1"},{"type":"home","value":"h"}],"addresses":[{"country":"US","locality":"L"}]}`)
				b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"Replace","path":"phoneNumbers[type eq \"work\"].value","value":"2"},{"op":"Replace","path":"addresses[type eq \"work\"].locality","value":"M"}`))
				got := b.Must(t, http.MethodGet, "/Users/"+id, "")
				if text := fmt.Sprint(got["phoneNumbers"], got["addresses"]); text != `[map[type:work value:2] map[type:home value:h]] [map[country:US locality:M type:work]]` {
					t.Errorf("shown are %s", text)
				}
				echo(t, b, id)
			}
		})
	}
}

// TestAFilterForTheWorkAddressFindsAUserWithoutOne only when no user has a matching work address,
// with every kind of search.
func TestAFilterForTheWorkAddressFindsAUserWithoutOne(t *testing.T) {
	t.Parallel()
	for server, start := range apptest.BothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			const mail = "jane@acme.test"
			jane := b.Create(t, "/Users", `{"userName":"jane","emails":[{"value":"`+mail+`"}]}`)
			b.Create(t, "/Users", `{"userName":"two","emails":[{"value":"two@acme.test"},{"value":"three@acme.test"}]}`)
			finds := func(filter string, want ...string) {
				t.Helper()
				for _, text := range []string{filter, "not (not (" + filter + "))"} {
					found, err := b.Find(t.Context(), "/Users", text, "")
					if err != nil {
						t.Fatal(err)
					}
					var got []string
					for _, user := range found {
						got = append(got, user["id"].(string))
					}
					if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
						t.Errorf("%s (-want +got):\n%s", text, diff)
					}
				}
			}
			for _, filter := range []string{`emails[type eq "work"].value eq "%s"`, `emails[type eq "work" and value eq "%s"]`, `emails[primary eq true and value eq "%s"]`} {
				finds(fmt.Sprintf(filter, mail), jane)
				finds(fmt.Sprintf(filter, "nobody@acme.test"))
			}
			finds(`emails[type eq "work"]`, jane)
			finds(`emails[type eq "home" and value eq "` + mail + `"]`)
			finds(`emails.type eq "work"`)
			john := b.Create(t, "/Users", `{"userName":"john","emails":[{"value":"john@acme.test"},{"type":"work","value":"`+mail+`"}]}`)
			finds(`emails[type eq "work" and value eq "`+mail+`"]`, john)
			finds(`emails[type eq "work"]`, john)
		})
	}
}

// TestAnAdoptedAddressIsShownAsBefore: an operator's command does not count as a client's statement
// about an address, and sending the address back afterwards writes nothing.
func TestAnAdoptedAddressIsShownAsBefore(t *testing.T) {
	t.Parallel()
	for server, start := range apptest.BothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			id := fromConsole(t, b, "jane")
			before := emailsOf(t, b, id)
			b.Adoptions(t, b.Controlled(t), b.Realm)
			if got := emailsOf(t, b, id); got != before || !strings.Contains(got, `"type":"work"`) {
				t.Errorf("shown are %s, and before %s", got, before)
			}
			echo(t, b, id)
			b.Must(t, http.MethodPatch, "/Users/"+id, replaceWork("new@acme.test"))
			if u := b.InKeycloak(t, id); u.Email != "new@acme.test" {
				t.Errorf("Keycloak's address is %q", u.Email)
			}
		})
	}
}
