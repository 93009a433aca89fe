package directory_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// crowd returns n people of a directory.
func crowd(n int) []keycloaktest.Person {
	out := make([]keycloaktest.Person, n)
	for i := range out {
		out[i] = apptest.Person(fmt.Sprintf("user-%04d", i))
	}
	return out
}

// walked walks by index until the last total is reached. It returns the user names and the totals.
func walked(t *testing.T, b apptest.Bridge, query string, count int) (names []string, totals []int) {
	t.Helper()
	for start := 1; ; {
		list := b.Indexed(t, fmt.Sprintf("/Users?startIndex=%d&count=%d%s", start, count, query))
		resources, _ := list["Resources"].([]any)
		for _, r := range resources {
			names = append(names, fmt.Sprint(r.(map[string]any)["userName"]))
		}
		start += len(resources)
		totals = append(totals, total(list))
		if start > totals[len(totals)-1] || len(resources) == 0 {
			return names, totals
		}
	}
}

// total returns the total of a list.
func total(list map[string]any) int {
	n, err := strconv.Atoi(fmt.Sprint(list["totalResults"]))
	if err != nil {
		return -1
	}
	return n
}

// TestAWalkReadsAllOfADirectory: no total ends a walk early, with any page size. This holds before
// Keycloak has read the directory, and when Keycloak never stores what it reads. When the directory
// has up to a hundred users more than Keycloak counts, the first page has the right total.
func TestAWalkReadsAllOfADirectory(t *testing.T) {
	t.Parallel()
	for name, imports := range map[string]bool{"imported": true, "not imported": false} {
		for _, count := range []int{5, 16, 100} {
			t.Run(fmt.Sprint(name, ", by ", count), func(t *testing.T) {
				t.Parallel()
				f := apptest.NewFederated(t, crowd(15), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditReadOnly, Imports: imports}, nil)
				f.MakeAccount(t, "local", false)
				names, totals := walked(t, f.Bridge, "", count)
				if len(names) != 16 || len(slices.Compact(slices.Sorted(slices.Values(names)))) != 16 || slices.ContainsFunc(totals, func(n int) bool { return n != 16 }) {
					t.Errorf("a walk finds %d users by the totals %v: %v", len(names), totals, names)
				}
				if list := f.Must(t, http.MethodGet, "/Users?count=0", ""); total(list) != 16 {
					t.Errorf("without a page the total is %v", list["totalResults"])
				}
				if list := f.Must(t, http.MethodGet, "/Users?startIndex=500&count=5", ""); total(list) != 16 {
					t.Errorf("behind the end the total is %v", list["totalResults"])
				}
			})
		}
	}
}

// TestALargeDirectoryIsWalked: when Keycloak does not store the users, the total is larger than the
// number of users shown, until the end. Sorted and filtered lists and walks by cursor contain all
// users.
func TestALargeDirectoryIsWalked(t *testing.T) {
	t.Parallel()
	const n = 1050
	f := apptest.NewFederated(t, crowd(n), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditReadOnly}, nil)
	names, totals := walked(t, f.Bridge, "", 100)
	if len(names) != n || !slices.IsSorted(totals) || totals[len(totals)-1] != n {
		t.Errorf("a walk finds %d users by the totals %v", len(names), totals)
	}
	for _, query := range []string{"&sortBy=userName", "&filter=" + url.QueryEscape(`name.familyName co "Le"`)} {
		if names, totals := walked(t, f.Bridge, query, 500); len(names) != n || totals[0] != n {
			t.Errorf("%s finds %d users by the totals %v", query, len(names), totals)
		}
	}
	seen := map[string]bool{}
	for cursor := ""; ; {
		list := f.Indexed(t, "/Users?count=500&cursor="+url.QueryEscape(cursor))
		for _, r := range list["Resources"].([]any) {
			seen[fmt.Sprint(r.(map[string]any)["id"])] = true
		}
		next, more := list["nextCursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	if len(seen) != n {
		t.Errorf("a walk by cursor finds %d users", len(seen))
	}
}

// TestIdsOfUsersThatKeycloakDoesNotStore contain the user name, with every character except those
// that could change a path.
func TestIdsOfUsersThatKeycloakDoesNotStore(t *testing.T) {
	t.Parallel()
	uids := []string{"ann lee", "o'neil", "at@acme.test", "co:lon", "a&b=c", "pl+us", "Großmann", "UPPER", "comma,d"}
	f := apptest.NewFederated(t, apptest.Persons(uids...), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditReadOnly}, nil)
	for _, sorted := range []string{"", "?sortBy=userName"} {
		list := f.Must(t, http.MethodGet, "/Users"+sorted, "")
		resources := list["Resources"].([]any)
		if len(resources) != len(uids) || total(list) != len(uids) {
			t.Errorf("a list%s has %v users of %v", sorted, len(resources), list["totalResults"])
		}
		for _, r := range resources {
			user := r.(map[string]any)
			id := user["id"].(string)
			if got := f.Must(t, http.MethodGet, "/Users/"+url.PathEscape(id), ""); got["userName"] != user["userName"] {
				t.Errorf("GET %s = %v", id, got)
			}
			location := user["meta"].(map[string]any)["location"].(string)
			if _, path, ok := strings.Cut(location, "/scim/v2"); !ok || f.Must(t, http.MethodGet, path, "")["id"] != id {
				t.Errorf("the location of %s is %s", id, location)
			}
			for _, attribute := range []string{"id", "userName"} {
				if found, err := f.Find(t.Context(), "/Users", fmt.Sprintf("%s eq %q", attribute, user[attribute]), ""); err != nil || len(found) != 1 {
					t.Errorf("%s eq %q finds %v, %v", attribute, user[attribute], found, err)
				}
			}
			if created := user["meta"].(map[string]any)["created"]; created != nil {
				t.Errorf("%s was created at %v, which is when Keycloak read it", id, created)
			}
		}
	}
}

// TestATenantSeesNobodyOfADirectoryWhomItDoesNotOwn.
func TestATenantOfItsOwnUsersSeesNobodyOfADirectory(t *testing.T) {
	t.Parallel()
	for _, imports := range []bool{true, false} {
		f := apptest.NewFederated(t, apptest.Persons("ann", "bob"), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditWritable, Imports: imports}, func(c *config.Config) {
			for _, r := range c.Realms {
				r.Tenants[0].Scope = config.ScopeOwned
			}
		})
		ann := f.Named(t, "ann")
		f.Create(t, "/Users", `{"userName":"own","name":{"givenName":"O","familyName":"Wn"},"emails":[{"value":"own@acme.test","primary":true}]}`)
		apptest.WantNames(t, "the users", f.Names(t, "/Users"), "own")
		f.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+ann.ID, "")
		if detail := f.Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"ann"}`); strings.Contains(detail, apptest.Corp) || strings.Contains(detail, ann.ID) {
			t.Errorf("a tenant that does not see the user is told %q", detail)
		}
	}
}
