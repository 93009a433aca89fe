package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// people makes so many users by bulk requests and returns their ids.
func (b testBridge) people(t *testing.T, n int, prefix string) []string {
	t.Helper()
	var ids []string
	for begin := 0; begin < n; begin += 1000 {
		var operations []string
		for i := begin; i < min(n, begin+1000); i++ {
			operations = append(operations, bulkPost("/Users", fmt.Sprint(i), fmt.Sprintf(`{"userName":"%s%05d"}`, prefix, i)))
		}
		for _, result := range b.bulk(t, "", operations...) {
			ids = append(ids, idOf(t, result))
		}
	}
	return ids
}

func memberList(ids []string) string {
	return `[{"value":"` + strings.Join(ids, `"},{"value":"`) + `"}]`
}

// TestTwoHundredParallelAdditionsToOneGroup, of one member each, lose nobody; nor do as many
// removals keep somebody.
func TestTwoHundredParallelAdditionsToOneGroup(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			for tenant, b := range map[string]testBridge{"realm": c.realm, "organization": c.of["acme"]} {
				ids := b.people(t, 200, tenant)
				group := "/Groups/" + b.create(t, "/Groups", `{"displayName":"`+tenant+`"}`)
				b.each(t, ids, func(id string) string {
					return patchBody(`{"op":"add","path":"members","value":[{"value":"` + id + `"}]}`)
				}, group)
				if got := memberIDs(b.must(t, http.MethodGet, group, "")); !slices.Equal(got, slices.Sorted(slices.Values(ids))) {
					t.Errorf("%s: %d members of 200 are there", tenant, len(got))
				}
				b.each(t, ids[1:], func(id string) string { return patchBody(`{"op":"remove","path":"members[value eq \"` + id + `\"]"}`) }, group)
				if got := memberIDs(b.must(t, http.MethodGet, group, "")); !slices.Equal(got, ids[:1]) {
					t.Errorf("%s: the members are %v, want %v", tenant, got, ids[:1])
				}
			}
		})
	}
}

// each sends a PATCH for each id, all at once.
func (b testBridge) each(t *testing.T, ids []string, body func(id string) string, path string) {
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

// TestFiftyParallelPatchesOfOneUser: attributes that each of them writes are those of one of
// them, and attributes that one of them writes are there. Keycloak alone stores a mixture.
func TestFiftyParallelPatchesOfOneUser(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBridgeOn(t, start(t), nil)
			id := b.create(t, "/Users", `{"userName":"jane"}`)
			path, numbers := "/Users/"+id, make([]string, 50)
			for i := range numbers {
				numbers[i] = fmt.Sprintf("%02d", i)
			}
			b.each(t, numbers, func(n string) string {
				return patchBody(fmt.Sprintf(`{"op":"replace","value":{"title":%[1]q,"nickName":%[1]q,"name":{"givenName":%[1]q,"familyName":%[1]q},
					"phoneNumbers":[{"type":"work","value":%[1]q},{"type":"home","value":%[1]q}]}},
					{"op":"add","path":"emails","value":[{"type":"p%[1]s","value":"p%[1]s@acme.test"}]}`, n))
			}, path)
			user := b.must(t, http.MethodGet, path, "")
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

// TestAThousandMembersOfWhichOneIsUnknown are refused, as the id says, and none is added.
func TestAThousandMembersOfWhichOneIsUnknown(t *testing.T) {
	t.Parallel()
	b := newCallBridge(t)
	ids := b.people(t, 999, "p")
	group := "/Groups/" + b.create(t, "/Groups", `{"displayName":"all"}`)
	body := patchBody(`{"op":"add","path":"members","value":` + memberList(slices.Insert(slices.Clone(ids), 700, absentID)) + `}`)
	var detail string
	calls := b.calls(func() { detail = b.refused(t, http.StatusBadRequest, http.MethodPatch, group, body) })
	if !strings.Contains(detail, absentID) || len(calls) != 20 || slices.ContainsFunc(calls, func(call string) bool { return call != "GET /users" }) {
		t.Errorf("%d calls and %q, want 20 looks and the id", len(calls), detail)
	}
	if got := memberIDs(b.must(t, http.MethodGet, group, "")); len(got) > 0 {
		t.Errorf("%d members were added", len(got))
	}
}
