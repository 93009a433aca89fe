package bridge_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// tenantKind is a kind of tenant in the table. It decides what a client may do with older accounts and groups.
type tenantKind struct {
	of    string // "realm" or "organization"
	scope config.Scope
	adopt config.Adopt
}

// columns are all kinds, in the order of the page.
func columns() []tenantKind {
	return []tenantKind{
		{"realm", config.ScopeAll, config.AdoptNever},
		{"realm", config.ScopeAll, config.AdoptUnowned},
		{"realm", config.ScopeOwned, config.AdoptNever},
		{"realm", config.ScopeOwned, config.AdoptUnowned},
		{"organization", config.ScopeAll, config.AdoptNever},
		{"organization", config.ScopeAll, config.AdoptUnowned},
	}
}

// String is the heading of the column.
func (c tenantKind) String() string {
	if c.of == "organization" {
		return "organization, `adopt: " + string(c.adopt) + "`"
	}
	return "realm, `scope: " + string(c.scope) + "`, `adopt: " + string(c.adopt) + "`"
}

// walk fills a column of the table in its own realm.
type walk struct {
	apptest.Customers

	column tenantKind
	b      apptest.Bridge // the tenant's
	made   int            // number of accounts and groups so far

	box            mailbox          // of the realm, once it exists
	directories    map[bool]int     // number of people used so far, of the directory with import and of the other
	managed, other *keycloak.Client // identity providers of the organization and of the realm, once they exist
}

const mappingOfOrigins = "version: 1\nusers:\n  attributes: { title: { keycloak: job_title } }\n  password: accept\n"

func newWalk(t *testing.T, c tenantKind) *walk {
	t.Helper()
	all := apptest.NewCustomers(t, keycloaktest.Real(t), apptest.EachTenant(func(t *config.Tenant) {
		t.Adopt = c.adopt
		if t.Organization == "" {
			t.Scope = c.scope
		}
	}))
	realm := all.Realm.Realm
	apptest.RunSetup(t, all.Server, realm, "--mapping", apptest.MappingFile(t, mappingOfOrigins))
	for _, path := range []string{realm, tenant.OrganizationPath(realm, "acme")} {
		all.Realm.UseMapping(t, path, mappingOfOrigins)
	}
	apptest.AdminSend(t, all.Server, http.MethodPost, "/admin/realms/"+realm+"/clients", `{"clientId":"app","publicClient":true,"standardFlowEnabled":true,"redirectUris":["http://app.test/*"]}`)
	return &walk{Customers: all, column: c, b: all.BothTenants()[c.of], directories: map[bool]int{}}
}

// name is a name that nobody has.
func (w *walk) name(of string) string {
	w.made++
	return fmt.Sprintf("%s-%03d", of, w.made)
}

// answer sends a request and returns the status and the object of the answer.
func (w *walk) answer(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	object, err := w.b.Send(t, method, path, body)
	if err == nil {
		return http.StatusOK, object
	}
	status := client.StatusOf(err)
	if status == 0 || status >= http.StatusInternalServerError {
		t.Errorf("%v: %s %s %s: %v", w.column, method, path, body, err)
	}
	return status, nil
}

// refusal is the cell of a refused request.
func refusal(status int) string { return fmt.Sprintf("no: %d", status) }

// cells are the results of a walk by origin and verb.
type cells map[string]map[string]string

// walkDown fills the cells of a column. When an action changed an account or group, it makes a new one of the same
// origin.
func walkDown[T any](origins, verbs []string, newOne func(origin string) T, does func(verb string, one T) (cell string, changed bool)) cells {
	out := cells{}
	for _, origin := range origins {
		out[origin] = map[string]string{}
		one, changed := newOne(origin), false
		for _, verb := range verbs {
			if changed {
				one = newOne(origin)
			}
			out[origin][verb], changed = does(verb, one)
		}
	}
	return out
}

// walkedTable has the results of all columns.
type walkedTable struct {
	mu      sync.Mutex
	columns map[tenantKind]cells
}

// render writes a table for all origins with the same results: a row for each verb, a column for each kind of tenant.
func (tb *walkedTable) render(origins, verbs []string, kind string) string {
	var out strings.Builder
	written := map[string]bool{}
	for _, origin := range origins {
		if written[origin] {
			continue
		}
		rows := tb.rows(origin, verbs)
		var same []string
		for _, other := range origins {
			if tb.rows(other, verbs) == rows {
				same, written[other] = append(same, other), true
			}
		}
		fmt.Fprintf(&out, "%s that %s:\n\n| the client |", kind, strings.Join(same, ", or that "))
		for _, c := range columns() {
			fmt.Fprintf(&out, " %s |", c)
		}
		fmt.Fprintf(&out, "\n|%s\n%s\n", strings.Repeat(" --- |", 1+len(columns())), rows)
	}
	return out.String()
}

func (tb *walkedTable) rows(origin string, verbs []string) string {
	var out strings.Builder
	for _, verb := range verbs {
		fmt.Fprintf(&out, "| %s |", verb)
		for _, c := range columns() {
			fmt.Fprintf(&out, " %s |", tb.columns[c][origin][verb])
		}
		out.WriteString("\n")
	}
	return out.String()
}

const accountsPage = "../docs/guides/accounts.md"

// walkTable runs all columns and compares the page with their results. The table of the first origin is at the top of
// the page, all tables are at its end.
func walkTable(t *testing.T, command, kind string, origins, verbs []string, run func(*testing.T, *walk) cells) {
	t.Helper()
	tb := &walkedTable{columns: map[tenantKind]cells{}}
	t.Run("walks", func(t *testing.T) {
		for _, c := range columns() {
			t.Run(strings.ReplaceAll(c.String(), "`", ""), func(t *testing.T) {
				t.Parallel()
				found := run(t, newWalk(t, c))
				tb.mu.Lock()
				defer tb.mu.Unlock()
				tb.columns[c] = found
			})
		}
	})
	if len(tb.columns) == 0 {
		t.Skip("no column was walked")
	}
	for c, found := range tb.columns {
		for _, origin := range origins {
			for _, verb := range verbs {
				if found[origin][verb] == "" {
					t.Errorf("%v: %s: %s has no result", c, origin, verb)
				}
			}
		}
	}
	if t.Failed() {
		return
	}
	for command, list := range map[string][]string{command: origins, command + "$": origins[:1]} {
		if err := docs.GeneratedPart(accountsPage, "\n"+tb.render(list, verbs, kind), *apptest.Update, command); err != nil {
			t.Error(err)
		}
	}
}

// sameValues compares values without regard to their order.
func sameValues(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
