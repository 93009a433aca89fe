package guard_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// removal removes the access of a user, in one of the ways that count.
type removal struct{ name, method, body string }

// TestTheRemovalBrakeHoldsAMassDeprovisioning until an operator lifts the brake or its window
// passes.
func TestTheRemovalBrakeHoldsAMassDeprovisioning(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			probeBrake(t, start(t))
		})
	}
}

func probeBrake(t *testing.T, server keycloaktest.Server) {
	t.Helper()
	c := apptest.NewCustomers(t, server, func(c *config.Config) {
		for _, r := range c.Realms {
			for i := range r.Tenants {
				r.Tenants[i].RemovalBrake = config.RemovalBrake{Max: 30, Window: config.Duration(time.Hour), Floor: 2}
			}
		}
	})
	file := c.Realm.Controlled(t)
	ways := []removal{
		{"delete", http.MethodDelete, ""},
		{"deactivate by PATCH", http.MethodPatch, `{"Operations":[{"op":"replace","path":"active","value":false}]}`},
		{"deactivate by PUT", http.MethodPut, `{"userName":"%s","active":false}`},
	}
	for kind, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
		var ids, names []string
		for i := range 12 {
			names = append(names, fmt.Sprintf("%s-%02d", kind, i))
			ids = append(ids, b.Create(t, "/Users", `{"userName":"`+names[i]+`"}`))
		}
		remove := func(i int) error {
			way := ways[i%len(ways)]
			body := way.body
			if way.method == http.MethodPut {
				body = fmt.Sprintf(way.body, names[i])
			}
			_, err := b.Send(t, way.method, "/Users/"+ids[i], body)
			return err
		}
		b.PassFrom(2*time.Hour, time.Millisecond) // the users are older than the window then
		total := b.Must(t, http.MethodGet, "/Users?count=0", "")["totalResults"]
		var n int
		if _, err := fmt.Sscan(fmt.Sprint(total), &n); err != nil {
			t.Fatal(err)
		}
		most := (n*30 + 99) / 100
		for i := range most {
			if err := remove(i); err != nil {
				t.Fatalf("%s: %d of %d: %v", kind, i, most, err)
			}
		}
		for i := range len(ways) {
			err := remove(most + i)
			var e *client.Error
			if !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable || e.RetryAfter < 50*time.Minute || !strings.Contains(e.Detail, "removal brake") {
				t.Errorf("%s: %s past the brake = %v, want 503 that names it", kind, ways[(most+i)%len(ways)].name, err)
			}
			if user := b.Must(t, http.MethodGet, "/Users/"+ids[most+i], ""); user["active"] != true {
				t.Errorf("%s: a removal that was held changed the user: %v", kind, user)
			}
		}
		b.Must(t, http.MethodPatch, "/Users/"+ids[most], `{"Operations":[{"op":"replace","path":"title","value":"t"}]}`)
		path := strings.TrimSuffix(strings.SplitN(b.Base, "/realms/", 2)[1], "/scim/v2")
		if stands := brake(t, file, path); !strings.HasPrefix(stands, "holding") {
			t.Errorf("%s: the brake is said to be %q", kind, stands)
		}
		if lifted, err := apptest.Control(t, file).Lift(t.Context(), path); err != nil || !strings.Contains(lifted.RemovalBrake, "lifted until 20") {
			t.Errorf("%s: the brake, lifted, is %q, %v", kind, lifted.RemovalBrake, err)
		}
		if line := c.Realm.Metric(t, `scim_bridge_removals_held_total{tenant="`+path+`"}`); !strings.HasSuffix(line, " 3") {
			t.Errorf("%s: of three removals that were held the metric says %q", kind, line)
		}
		if err := remove(most); err != nil {
			t.Errorf("%s: a removal after the brake was lifted: %v", kind, err)
		}
		b.PassFrom(4*time.Hour, time.Millisecond)
		if stands := brake(t, file, path); stands != "clear" {
			t.Errorf("%s: after its window the brake is %q", kind, stands)
		}
		if err := remove(most + 1); err != nil {
			t.Errorf("%s: a removal after the window: %v", kind, err)
		}
	}
}

// TestTheRemovalBrakeCountsOnce: a user who is deactivated and then deleted counts once, and a user
// who was created within the window does not count.
func TestTheRemovalBrakeCountsOnce(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.CallBridge{Fake: fake, Bridge: apptest.NewBridgeOn(t, fake.Server(), func(c *config.Config) {
		for _, r := range c.Realms {
			r.Tenants[0].RemovalBrake = config.RemovalBrake{Max: 1, Window: config.Duration(time.Hour), Floor: 1}
		}
	})}
	b.Pass(time.Millisecond)
	off := `{"Operations":[{"op":"replace","path":"active","value":false}]}`
	old, other := b.Create(t, "/Users", `{"userName":"old"}`), b.Create(t, "/Users", `{"userName":"other"}`)
	for i := range 5 {
		b.Must(t, http.MethodDelete, "/Users/"+b.Create(t, "/Users", fmt.Sprintf(`{"userName":"young%d"}`, i)), "")
	}
	b.PassFrom(2*time.Hour, time.Millisecond)
	got := b.Calls(func() { b.Must(t, http.MethodPatch, "/Users/"+old, off) })
	if n := strings.Count(strings.Join(got, "\n"), "GET /users/count"); n != 1 {
		t.Errorf("the first of a window = %v, want one count", got)
	}
	b.Must(t, http.MethodPatch, "/Users/"+old, strings.Replace(off, "false", "true", 1))
	b.Must(t, http.MethodPatch, "/Users/"+old, off)
	b.Must(t, http.MethodDelete, "/Users/"+old, "")
	b.Refused(t, http.StatusServiceUnavailable, http.MethodDelete, "/Users/"+other, "")
}

// TestTheRemovalBrakeHoldsCreationsThatDeactivate existing accounts: a client that takes accounts
// over can deactivate them by POST too.
func TestTheRemovalBrakeHoldsCreationsThatDeactivate(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), func(c *config.Config) {
				apptest.AdoptUnowned(c)
				for _, r := range c.Realms {
					for i := range r.Tenants {
						r.Tenants[i].RemovalBrake = config.RemovalBrake{Max: 1, Window: config.Duration(time.Hour), Floor: 2}
					}
				}
			})
			for kind, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				var ids []string
				body := func(i int, active bool) string {
					return fmt.Sprintf(`{"userName":"%s-%d","emails":[{"value":"%[1]s-%[2]d@acme.test","primary":true}],"active":%t}`, kind, i, active)
				}
				for i := range 4 {
					id := b.MakeAccount(t, fmt.Sprintf("%s-%d", kind, i), true).String()
					if kind == "organization" {
						c.Admit(t, id, "acme")
					}
					ids = append(ids, id)
				}
				b.PassFrom(2*time.Hour, time.Millisecond) // the users are older than the window then
				for i := range 2 {
					b.Must(t, http.MethodPost, "/Users", body(i, false))
				}
				b.Refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Users", body(2, false))
				if user := b.InKeycloak(t, ids[2]); !user.Enabled || len(user.Attributes["scim.owner"]) > 0 {
					t.Errorf("%s: what was held changed the account: %+v", kind, user)
				}
				b.Must(t, http.MethodPost, "/Users", body(3, true))
			}
		})
	}
}

// brake returns the state of the removal brake of a tenant of a running bridge, as the commands
// show it.
func brake(t *testing.T, file, path string) string {
	t.Helper()
	of, err := apptest.Control(t, file).Endpoint(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return of.RemovalBrake
}

// TestTheRemovalBrakeInARealmWithUsers: accounts that SCIM did not create count at any age, adopted
// or not, and a realm with few users loses only few of them.
func TestTheRemovalBrakeInARealmWithUsers(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), func(c *config.Config) {
				for _, r := range c.Realms {
					r.Tenants[0].RemovalBrake = config.RemovalBrake{Max: 20, Window: config.Duration(2 * time.Hour), Floor: 3}
				}
			})
			b.PassFrom(time.Minute, time.Millisecond)
			var ids []string
			for i := range 20 {
				ids = append(ids, b.MakeAccount(t, fmt.Sprintf("user-%02d", i), true).String())
			}
			b.Adoptions(t, b.Controlled(t), b.Realm)
			for i := range 20 {
				ids = append(ids, b.MakeAccount(t, fmt.Sprintf("later-%02d", i), true).String())
			}
			mine := b.Create(t, "/Users", `{"userName":"mine"}`)
			gone := 0
			for i := range ids {
				id := ids[(i*7)%len(ids)]
				_, err := b.Send(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
				if err == nil {
					gone++
				} else if client.StatusOf(err) != http.StatusServiceUnavailable {
					t.Fatal(err)
				}
			}
			if gone != 9 { // a fifth of 41
				t.Errorf("of 41 users %d went", gone)
			}
			b.Must(t, http.MethodDelete, "/Users/"+mine, "") // the tenant created this user just now
		})
	}
}
