package directory_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter/filtertest"
)

// population holds the resources of a tenant, as its list shows them.
type population struct {
	apptest.Bridge
	endpoint string
	rt       *scim.ResourceType
	all      []map[string]any
}

// populate gives a tenant random users and groups with values that confuse a search. join makes a
// user of the realm a user of the tenant.
func populate(t *testing.T, r *rand.Rand, b apptest.Bridge, path, domain string, join func(keycloak.UserID)) []population {
	t.Helper()
	for i := range 24 {
		body, err := json.Marshal(randomUser(r, i, domain))
		if err != nil {
			t.Fatal(err)
		}
		b.Must(t, http.MethodPost, "/Users", string(body))
	}
	for i := range 6 { // made by no client; a client later writes some of them
		text := fmt.Sprintf("console%d@%s", i, domain)
		id, err := b.Admin.CreateUser(t.Context(), keycloak.NewUser{Username: text, Email: text, Enabled: true})
		if err != nil {
			t.Fatal(err)
		}
		join(id)
		if i > 2 { //nolint:mnd // some
			b.Must(t, http.MethodPatch, "/Users/"+id.String(), apptest.PatchBody([]string{
				`{"op":"replace","path":"title","value":"a"}`, `{"op":"replace","path":"displayName","value":"b"}`, `{"op":"replace","path":"emails","value":[{"value":"` + text + `"}]}`,
			}[i%3]))
		}
	}
	for i := range 8 {
		body, err := json.Marshal(map[string]any{"displayName": fmt.Sprintf("%s%d", cmp.Or(filtertest.Text(r), "g"), i), "externalId": filtertest.Text(r)})
		if err != nil {
			t.Fatal(err)
		}
		b.Must(t, http.MethodPost, "/Groups", string(body))
	}
	m := b.App.Watcher.Tenants.ByPath(path).Mapping
	return []population{{Bridge: b, endpoint: "/Users", rt: m.User}, {Bridge: b, endpoint: "/Groups", rt: m.Group}}
}

// list returns the resources that a query finds, all on one page.
func (p population) list(t *testing.T, query url.Values) []map[string]any {
	t.Helper()
	query.Set("count", "1000")
	query.Set("excludedAttributes", "members")
	status, body := apptest.GetFrom(t, p.Base+p.endpoint+"?"+query.Encode(), p.Token)
	if status != http.StatusOK {
		t.Fatalf("%s = %d %s", query, status, body)
	}
	object, err := scim.Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	list, _ := object["Resources"].([]any)
	out := make([]map[string]any, len(list))
	for i, resource := range list {
		out[i], _ = resource.(map[string]any)
	}
	if total := fmt.Sprint(object["totalResults"]); total != fmt.Sprint(len(out)) {
		t.Fatalf("%s finds %d of %s", query, len(out), total)
	}
	return out
}

func randomUser(r *rand.Rand, i int, domain string) map[string]any {
	out := map[string]any{"userName": fmt.Sprintf("%s-%d.%s", []string{"ann", "Bob", "c_d", "e'f"}[r.IntN(4)], i, domain), "active": r.IntN(4) > 0}
	some := func(to map[string]any, names ...string) map[string]any {
		for _, name := range names {
			if text := filtertest.Text(r); text != "" && r.IntN(3) > 0 {
				to[name] = text
			}
		}
		return to
	}
	some(out, "displayName", "nickName", "title", "userType", "externalId")
	out["name"] = some(map[string]any{}, "formatted", "middleName", "honorificPrefix")
	for _, plural := range []string{"phoneNumbers", "ims", "roles", "entitlements"} {
		var list []any
		for range r.IntN(3) {
			list = append(list, some(map[string]any{"value": cmp.Or(filtertest.Text(r), "v"), "primary": len(list) == 0 && r.IntN(2) == 0}, "type", "display"))
		}
		out[plural] = list
	}
	first := []map[string]any{{"type": "work", "primary": true}, {}, {"primary": true}, {"type": "work"}, {"type": "home"}}[r.IntN(5)]
	first["value"] = fmt.Sprintf("m%d@%s", i, domain)
	out["emails"] = []any{first, map[string]any{"value": fmt.Sprintf("h%d@%s", i/2, domain), "type": "home"}}[:r.IntN(3)]
	out["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = some(map[string]any{"manager": map[string]any{"value": fmt.Sprint(i)}}, "department", "costCenter", "employeeNumber")
	for _, urn := range []string{filtertest.OpenURN, filtertest.OtherURN} {
		if r.IntN(2) == 0 {
			out[urn] = filtertest.Open(r)
		}
	}
	return out
}

// known is an "eq" on a value that some resource has, so that look-ups find something.
func (p population) known(r *rand.Rand) string {
	object := p.all[r.IntN(len(p.all))]
	if emails, _ := object["emails"].([]any); len(emails) > 0 && r.IntN(3) == 0 {
		email, _ := emails[r.IntN(len(emails))].(map[string]any)
		which := []string{`type eq "work"`, `type eq "home"`, `primary eq true`}[r.IntN(3)]
		return fmt.Sprintf("emails[%s and value eq %q]", which, email["value"])
	}
	paths := []string{"id", "userName", "externalId", "displayName", "title", "emails.value", "userType"}
	if p.endpoint == "/Groups" {
		paths = []string{"id", "displayName", "externalId"}
	}
	path := paths[r.IntN(len(paths))]
	attr, _ := p.rt.Resolve(path)
	value := (filter.Sort{Path: attr}).Value(object)
	if value == nil {
		return path + " pr"
	}
	data, _ := scim.Encode(value) // a value of a document always encodes
	return path + " eq " + strings.TrimSpace(string(data))
}

// TestTheSameFilterGivesTheSameAnswerByEveryPlan: a search through the whole list finds the same as
// random filters on random resources, by look-up and by the index. A filter that is negated twice
// has no look-up, so the index answers it. The orders are the same too.
func TestTheSameFilterGivesTheSameAnswerByEveryPlan(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const seed = 9
			r := rand.New(rand.NewPCG(seed, seed))
			c := apptest.NewCustomers(t, start(t), nil)
			all := append(populate(t, r, c.Realm, c.Realm.Realm, "realm.test", func(keycloak.UserID) {}),
				populate(t, r, c.Of["acme"], c.Realm.Realm+"/organizations/acme", "acme.test", func(id keycloak.UserID) { c.Admit(t, id.String(), "acme") })...)
			for i, p := range all {
				all[i].all = p.list(t, url.Values{})
			}
			rounds := map[string]int{"fake": 150, "real": 40}[name]
			for range rounds {
				for _, p := range all {
					text := filtertest.Filter(r, p.rt)
					switch r.IntN(3) {
					case 0:
						text = p.known(r)
					case 1:
						text = p.known(r) + " and (" + text + ")"
					}
					p.compare(t, text, filtertest.SortBy(r, p.rt), []string{"", "descending"}[r.IntN(2)])
				}
			}
		})
	}
}

func (p population) compare(t *testing.T, text, by, order string) {
	t.Helper()
	e, err := filter.Parse(text, p.rt)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	s, err := filter.ParseSort(by, order, p.rt)
	if err != nil {
		t.Fatalf("sort by %s: %v", by, err)
	}
	sorter := s.Sorter()
	matching := func(e filter.Expr) (places []filter.Placed) {
		for _, object := range p.all {
			if filter.Match(e, object) {
				places = append(places, sorter.Place(s.Position(object)))
			}
		}
		return places
	}
	places := matching(e)
	if loose, ok := filter.Loosen(e); ok && len(places) == 0 { // a filter that finds no resource is loosened
		places = matching(loose)
	}
	slices.SortFunc(places, filter.Placed.Compare)
	if s.Descending {
		slices.Reverse(places)
	}
	want := make([]string, len(places))
	for i, place := range places {
		want[i] = place.ID
	}
	for _, filtered := range []string{text, "not (not (" + text + "))"} {
		var got []string
		for _, object := range p.list(t, url.Values{"filter": {filtered}, "sortBy": {by}, "sortOrder": {order}}) {
			got = append(got, fmt.Sprint(object["id"]))
		}
		if by == "" { // without an order, and in Keycloak's order when the filter matches everything
			slices.Sort(got)
			slices.Sort(want)
		}
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s%s?filter=%s&sortBy=%s&sortOrder=%s (-want +got):\n%s", p.Realm, p.endpoint, filtered, by, order, diff)
		}
	}
}
