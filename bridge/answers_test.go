package bridge_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// shows is the honoured preference, the status and the names of the body's attributes.
func (r reply) shows() string {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(r.body)), func(name string) bool { return name == "id" || name == "schemas" })
	return strings.TrimSpace(r.header.Get("Preference-Applied") + " " + fmt.Sprint(r.status) + " " + strings.Join(names, " "))
}

// TestAnswersToWritesFollowThePolicyAndThePreference: the answer to a PATCH under each policy, also for a client
// that prefers another form or names attributes.
func TestAnswersToWritesFollowThePolicyAndThePreference(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		for _, policy := range []config.PatchResponse{config.PatchAuto, config.PatchFull, config.PatchMinimal, config.PatchNone} {
			t.Run(name+"/"+string(policy), func(t *testing.T) {
				t.Parallel()
				c := apptest.NewCustomers(t, start(t), apptest.EachTenant(func(t *config.Tenant) { t.PatchResponse = policy }))
				for of, b := range c.BothTenants() {
					probeAnswers(t, b, of, policy)
				}
			})
		}
	}
}

func probeAnswers(t *testing.T, b apptest.Bridge, of string, policy config.PatchResponse) {
	t.Helper()
	user := b.Create(t, "/Users", `{"userName":"jane-`+of+`","externalId":"X","title":"t","active":true}`)
	group := b.Create(t, "/Groups", `{"displayName":"Team","externalId":"G","members":`+apptest.MemberList([]string{user})+`}`)
	const fullUser, fullGroup = "200 active externalId meta title userName", "200 displayName externalId members meta"
	const minimalUser, minimalGroup = "200 externalId meta userName", "200 displayName externalId meta"
	const representation, minimal = "return=representation", "return=minimal"
	said := map[string]map[config.PatchResponse]string{
		"/Users/" + user:   {config.PatchAuto: fullUser, config.PatchFull: fullUser, config.PatchMinimal: minimalUser, config.PatchNone: "204"},
		"/Groups/" + group: {config.PatchAuto: "204", config.PatchFull: fullGroup, config.PatchMinimal: minimalGroup, config.PatchNone: "204"},
	}
	title, member, rename := apptest.PatchBody(`{"op":"replace","path":"title","value":"t"}`), apptest.PatchBody(`{"op":"add","path":"members","value":`+apptest.MemberList([]string{user})+`}`), apptest.PatchBody(`{"op":"replace","path":"externalId","value":"G"}`)
	for _, w := range []struct{ path, body, full, minimal string }{
		{"/Users/" + user, title, fullUser, minimalUser},
		{"/Groups/" + group, member, fullGroup, minimalGroup},
		{"/Groups/" + group, rename, fullGroup, minimalGroup},
		{"/Groups/" + group, apptest.PatchBody(`{"op":"replace","path":"members","value":` + apptest.MemberList([]string{user}) + `}`), fullGroup, minimalGroup},
	} {
		preferring := said[w.path][policy] // a minimal answer has at most what the policy says
		if preferring == w.full {
			preferring = w.minimal
		}
		name := map[bool]string{true: "userName", false: "displayName"}[strings.HasPrefix(w.path, "/Users")]
		for _, c := range []struct{ query, prefer, want string }{
			{"", "", said[w.path][policy]},
			{"", "return=minimal", minimal + " " + preferring},
			{"", "respond-async, Return=\"representation\"; x=y", representation + " " + w.full},
			{"", "return=nothing", said[w.path][policy]},
			{"?attributes=" + name, "", "200 " + name},
			{"?attributes=" + name, "return=minimal", "200 " + name},
			{"?attributes=" + name, "return=representation", representation + " 200 " + name},
			{"?excludedAttributes=members,title", "", strings.NewReplacer(" members", "", " title", "").Replace(w.full)},
		} {
			r := send(t, b, http.MethodPatch, w.path+c.query, w.body, "Prefer", c.prefer)
			if got := r.shows(); got != c.want || r.header.Get("Vary") != "Prefer" {
				t.Errorf("%s: PATCH %s%s %s, Prefer: %s = %s (Vary: %s), want %s", of, w.path, c.query, w.body, c.prefer, got, r.header.Get("Vary"), c.want)
			}
			if r.status == http.StatusOK && strings.Contains(c.want, "members") && !slices.Equal(apptest.MemberIDs(r.body), []string{user}) {
				t.Errorf("%s: PATCH %s shows the members %v", of, w.path, apptest.MemberIDs(r.body))
			}
			if r.status == http.StatusOK {
				r.version(t)
			}
		}
	}
	for _, w := range []struct{ method, path, body, full, minimal string }{
		{"PUT", "/Users/" + user, `{"userName":"jane-` + of + `","externalId":"X","title":"t","active":true}`, fullUser, minimalUser},
		{"PUT", "/Groups/" + group, `{"displayName":"Team","externalId":"G","members":` + apptest.MemberList([]string{user}) + `}`, fullGroup, minimalGroup},
		{"POST", "/Users", `{"userName":"NAME","externalId":"Y","title":"t"}`, "201 active externalId meta title userName", "201 externalId meta userName"},
		{"POST", "/Groups", `{"displayName":"NAME","externalId":"H","members":` + apptest.MemberList([]string{user}) + `}`, "201 displayName externalId members meta", "201 displayName externalId meta"},
	} {
		for i, c := range []struct{ query, prefer, want string }{
			{"", "", w.full}, {"", "return=minimal", minimal + " " + w.minimal}, {"", "return=representation", representation + " " + w.full}, {"?attributes=externalId", "return=minimal", w.full[:3] + " externalId"},
		} {
			r := send(t, b, w.method, w.path+c.query, strings.ReplaceAll(w.body, "NAME", fmt.Sprintf("new%d-%s", i, of)), "Prefer", c.prefer)
			if got := r.shows(); got != c.want || r.header.Get("Vary") != "Prefer" || r.header.Get("Location") == "" {
				t.Errorf("%s: %s %s%s, Prefer: %s = %s, want %s", of, w.method, w.path, c.query, c.prefer, got, c.want)
			}
		}
	}
	for _, path := range []string{"/Users/" + user, "/Groups/" + group} {
		r := send(t, b, http.MethodGet, path, "", "Prefer", "return=minimal")
		if got := r.shows(); got != map[bool]string{true: fullUser, false: fullGroup}[strings.HasPrefix(path, "/Users")] || r.header.Get("Vary") != "" {
			t.Errorf("%s: a GET that prefers a minimal answer has %s", of, got)
		}
		if r = send(t, b, http.MethodPatch, path, "{}", "Prefer", "return=minimal"); r.status != http.StatusBadRequest || r.header.Get("Preference-Applied") != "" {
			t.Errorf("%s: a PATCH of nothing that prefers a minimal answer = %d %v", of, r.status, r.header)
		}
	}
}

// TestA204HasTheVersionThatTheClientCanUse. Without members it is the version of a read without them; when all members
// are known, it includes them. A client that named members gets no version that leaves them out.
func TestA204HasTheVersionThatTheClientCanUse(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.EachTenant(func(t *config.Tenant) { t.PatchResponse = config.PatchNone }))
			for of, b := range c.BothTenants() {
				id := b.Create(t, "/Users", `{"userName":"jane-`+of+`"}`)
				user, group := "/Users/"+id, "/Groups/"+b.Create(t, "/Groups", `{"displayName":"Team"}`)
				cheap := func(path string) string {
					return expect(t, b, http.StatusOK, "GET", path+"?excludedAttributes=members", "").version(t)
				}
				full := func(path string) string { return expect(t, b, http.StatusOK, "GET", path, "").version(t) }
				for _, c := range []struct {
					what, path, op string
					match          func(string) string
					want           func(string) string
				}{
					{"a change of a user", user, `{"op":"replace","path":"title","value":"a"}`, nil, full},
					{"a change of what a user had", user, `{"op":"replace","path":"title","value":"b"}`, full, full},
					{"another name", group, `{"op":"replace","path":"displayName","value":"A"}`, nil, cheap},
					{"another name, by the cheap version", group, `{"op":"replace","path":"displayName","value":"B"}`, cheap, cheap},
					{"another name, by the version over members", group, `{"op":"replace","path":"displayName","value":"C"}`, full, nil},
					{"another name and all members", group, `{"op":"replace","value":{"displayName":"D","members":` + apptest.MemberList([]string{id}) + `}}`, nil, full},
					{"all members by their version", group, `{"op":"replace","path":"members","value":[]}`, full, full},
				} {
					var headers []string
					if c.match != nil {
						headers = []string{"If-Match", c.match(c.path)}
					}
					r := expect(t, b, http.StatusNoContent, "PATCH", c.path, apptest.PatchBody(c.op), headers...)
					want := ""
					if c.want != nil {
						want = c.want(c.path)
					}
					if got := r.header.Get("ETag"); got != want {
						t.Errorf("%s: %s has the ETag %q, want %q", of, c.what, got, want)
					}
				}
			}
		})
	}
}

// TestCallsOfAnswers: the calls for the answer to a PATCH under each policy. A bulk request shows no resource, and
// makes no such call.
func TestCallsOfAnswers(t *testing.T) {
	t.Parallel()
	const getUser, getGroup, members, join, putGroup = "GET /users/{id}", "GET /groups/{id}", "GET /groups/{id}/members", "PUT /users/{id}/groups/{group}", "PUT /groups/{id}"
	for policy, want := range map[config.PatchResponse][3][]string{ // for a user, a member, a name
		config.PatchAuto:    {{getUser}, {join}, {getGroup, putGroup}},
		config.PatchNone:    {{getUser}, {join}, {getGroup, putGroup}},
		config.PatchMinimal: {{getUser}, {getGroup, join}, {getGroup, putGroup}},
		config.PatchFull:    {{getUser}, {getGroup, members, members, join}, {getGroup, members, members, putGroup}},
	} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			fake := keycloaktest.NewFake(t)
			b := apptest.CallBridge{Fake: fake, Bridge: apptest.NewBridgeOn(t, fake.Server(), apptest.EachTenant(func(t *config.Tenant) { t.PatchResponse = policy }))}
			ids := b.People(t, 120, "p")
			user, group := "/Users/"+b.Create(t, "/Users", `{"userName":"jane","title":"t"}`), "/Groups/"+b.Create(t, "/Groups", `{"displayName":"Team","members":`+apptest.MemberList(ids)+`}`)
			operation := func(path, data string) string { return `{"method":"PATCH","path":"` + path + `","data":` + data + `}` }
			title, member := apptest.PatchBody(`{"op":"replace","path":"title","value":"t"}`), apptest.PatchBody(`{"op":"add","path":"members","value":`+apptest.MemberList(ids[:1])+`}`)
			for _, c := range []struct {
				name string
				work func()
				want []string
			}{
				{"a user", func() { b.Must(t, "PATCH", user, title) }, want[0]},
				{"a member", func() { b.Must(t, "PATCH", group, member) }, want[1]},
				{"a name", func() {
					b.Must(t, "PATCH", group, apptest.PatchBody(`{"op":"replace","path":"displayName","value":"New"}`))
				}, want[2]},
				{"a member, of a minimal answer", func() { send(t, b.Bridge, "PATCH", group, member, "Prefer", "return=minimal") }, slices.DeleteFunc(slices.Clone(want[1]), func(call string) bool { return call == members })},
				{"a member, of a whole answer", func() { send(t, b.Bridge, "PATCH", group, member, "Prefer", "return=representation") }, []string{getGroup, members, members, join}},
				{"a bulk request", func() {
					if got := apptest.StatusesOf(b.Bulk(t, "", operation(user, title), operation(group, member))); got != "200 204" {
						t.Errorf("the operations are %s, want 200 204", got)
					}
				}, []string{getUser, join}},
			} {
				slices.Sort(c.want)
				if diff := cmp.Diff(c.want, b.Calls(c.work), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s makes other calls (-want +got):\n%s", c.name, diff)
				}
			}
		})
	}
}

// TestAnAnswerThatIsPreferredTellsNothingMore to a client that may not read the resource that it writes.
func TestAnAnswerThatIsPreferredTellsNothingMore(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), apptest.EachTenant(func(t *config.Tenant) {
		t.PatchResponse = config.PatchFull
		t.Tokens = append(t.Tokens, config.Token{Name: "writes", SHA256: sha256.Sum256([]byte("token-that-writes")), Scopes: []config.TokenScope{config.ScopeUsersWrite, config.ScopeGroupsWrite}})
	}))
	user := "/Users/" + b.Create(t, "/Users", `{"userName":"jane","title":"secret"}`)
	group := "/Groups/" + b.Create(t, "/Groups", `{"displayName":"Team","members":`+apptest.MemberList([]string{strings.TrimPrefix(user, "/Users/")})+`}`)
	w := b.With("token-that-writes")
	for _, prefer := range []string{"", "return=minimal", "return=representation"} {
		for path, body := range map[string]string{user: apptest.PatchBody(`{"op":"replace","path":"title","value":"secret"}`), group: apptest.PatchBody(`{"op":"replace","path":"externalId","value":"secret"}`)} {
			r := send(t, w, "PATCH", path, body, "Prefer", prefer)
			meta, _ := r.body["meta"].(map[string]any)
			if names := slices.Sorted(maps.Keys(r.body)); !slices.Equal(names, []string{"id", "meta", "schemas"}) || meta["version"] != nil || r.header.Get("ETag") != "" {
				t.Errorf("PATCH %s, Prefer: %s shows %v", path, prefer, r.body)
			}
		}
	}
}
