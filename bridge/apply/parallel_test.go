package apply_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
)

// TestTwoHundredParallelAdditionsToOneGroup, of one member each, lose no member, and as many
// removals leave no member.
func TestTwoHundredParallelAdditionsToOneGroup(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			for tenant, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				ids := b.People(t, 200, tenant)
				group := "/Groups/" + b.Create(t, "/Groups", `{"displayName":"`+tenant+`"}`)
				each(t, b, ids, func(id string) string {
					return apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"` + id + `"}]}`)
				}, group)
				if got := apptest.MemberIDs(b.Must(t, http.MethodGet, group, "")); !slices.Equal(got, slices.Sorted(slices.Values(ids))) {
					t.Errorf("%s: %d members of 200 are there", tenant, len(got))
				}
				each(t, b, ids[1:], func(id string) string {
					return apptest.PatchBody(`{"op":"remove","path":"members[value eq \"` + id + `\"]"}`)
				}, group)
				if got := apptest.MemberIDs(b.Must(t, http.MethodGet, group, "")); !slices.Equal(got, ids[:1]) {
					t.Errorf("%s: the members are %v, want %v", tenant, got, ids[:1])
				}
			}
		})
	}
}

// each sends a PATCH for each id, all at the same time.
func each(t *testing.T, b apptest.Bridge, ids []string, body func(id string) string, path string) {
	t.Helper()
	var g errgroup.Group
	for _, id := range ids {
		g.Go(func() error {
			_, err := b.Do(t.Context(), http.MethodPatch, path, json.RawMessage(body(id)))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestFiftyParallelPatchesOfOneUser: an attribute that every request writes has the value of one
// request, and an attribute that only one request writes is there. Keycloak without the bridge
// stores a mixture.
func TestFiftyParallelPatchesOfOneUser(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			id := b.Create(t, "/Users", `{"userName":"jane"}`)
			path, numbers := "/Users/"+id, make([]string, 50)
			for i := range numbers {
				numbers[i] = fmt.Sprintf("%02d", i)
			}
			each(t, b, numbers, func(n string) string {
				return apptest.PatchBody(fmt.Sprintf(`{"op":"replace","value":{"title":%[1]q,"nickName":%[1]q,"name":{"givenName":%[1]q,"familyName":%[1]q},
					"phoneNumbers":[{"type":"work","value":%[1]q},{"type":"home","value":%[1]q}]}},
					{"op":"add","path":"emails","value":[{"type":"p%[1]s","value":"p%[1]s@acme.test"}]}`, n))
			}, path)
			user := b.Must(t, http.MethodGet, path, "")
			names, _ := user["name"].(map[string]any)
			values := []any{user["title"], user["nickName"], names["givenName"], names["familyName"]}
			phones, _ := user["phoneNumbers"].([]any)
			for _, phone := range phones {
				values = append(values, phone.(map[string]any)["value"])
			}
			if values = slices.Compact(values); len(values) != 1 || len(phones) != 2 {
				t.Errorf("the user is a mixture: %v", user)
			}
			if emails, _ := user["emails"].([]any); len(emails) != 50 {
				t.Errorf("%d addresses of 50 are there", len(emails))
			}
		})
	}
}

// TestAThousandMembersOfWhichOneIsUnknown are refused with the unknown id, and no member is added.
func TestAThousandMembersOfWhichOneIsUnknown(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	ids := b.People(t, 999, "p")
	group := "/Groups/" + b.Create(t, "/Groups", `{"displayName":"all"}`)
	body := apptest.PatchBody(`{"op":"add","path":"members","value":` + apptest.MemberList(slices.Insert(slices.Clone(ids), 700, apptest.AbsentID)) + `}`)
	var detail string
	calls := b.Calls(func() { detail = b.Refused(t, http.StatusBadRequest, http.MethodPatch, group, body) })
	if !strings.Contains(detail, apptest.AbsentID) || len(calls) != 20 || slices.ContainsFunc(calls, func(call string) bool { return call != "GET /users" }) {
		t.Errorf("%d calls and %q, want 20 looks and the id", len(calls), detail)
	}
	if got := apptest.MemberIDs(b.Must(t, http.MethodGet, group, "")); len(got) > 0 {
		t.Errorf("%d members were added", len(got))
	}
}
