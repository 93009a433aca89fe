package bridge_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// reply is an answer with its headers.
type reply struct {
	status int
	header http.Header
	body   map[string]any
}

// send sends a request with headers, each a name and its value, and reads the answer.
func send(t *testing.T, b apptest.Bridge, method, path, body string, headers ...string) reply {
	t.Helper()
	set := map[string]string{}
	for pair := range slices.Chunk(headers, 2) {
		set[pair[0]] = pair[1]
	}
	status, header, text := b.Raw(t, apptest.BadRequest{Method: method, Path: path, Body: body, Header: set}, strings.NewReplacer())
	out := reply{status: status, header: header}
	if text != "" {
		var err error
		if out.body, err = scim.Decode([]byte(text)); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
	return out
}

// version is the version of an answer. Its header and its body must agree.
func (r reply) version(t *testing.T) string {
	t.Helper()
	meta, _ := r.body["meta"].(map[string]any)
	tag := r.header.Get("ETag")
	if meta != nil && tag != meta["version"] || tag == "" {
		t.Errorf("the answer %d has the ETag %q and the version %v", r.status, tag, meta["version"])
	}
	return tag
}

// expect is send for an answer that must have a status.
func expect(t *testing.T, b apptest.Bridge, status int, method, path, body string, headers ...string) reply {
	t.Helper()
	r := send(t, b, method, path, body, headers...)
	if r.status != status {
		t.Errorf("%s %s with %q = %d %v, want %d", method, path, headers, r.status, r.body, status)
	}
	return r
}

// TestIfMatchProtectsTheMembersOfAGroup: a version that was shown with members is compared with the members at the time
// of the write, whoever changed them.
func TestIfMatchProtectsTheMembersOfAGroup(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			for of, b := range c.BothTenants() {
				probeMembersVersion(t, c, of, b)
			}
		})
	}
}

func probeMembersVersion(t *testing.T, c apptest.Customers, of string, b apptest.Bridge) {
	t.Helper()
	one, two := b.Create(t, "/Users", `{"userName":"one-`+of+`"}`), b.Create(t, "/Users", `{"userName":"two-`+of+`"}`)
	group := "/Groups/" + b.Create(t, "/Groups", `{"displayName":"Team `+of+`","members":`+apptest.MemberList([]string{one})+`}`)
	join, leave := apptest.PatchBody(`{"op":"add","path":"members","value":`+apptest.MemberList([]string{two})+`}`), apptest.PatchBody(`{"op":"remove","path":"members[value eq \"`+two+`\"]"}`)
	id, err := keycloak.ParseUserID(two)
	if err != nil {
		t.Fatal(err)
	}
	console := func(change func() error) {
		if err := change(); err != nil {
			t.Fatal(err)
		}
	}
	before := expect(t, b, http.StatusOK, "GET", group, "").version(t)
	cheap := expect(t, b, http.StatusOK, "GET", group+"?excludedAttributes=members", "").version(t)
	if cheap == before {
		t.Fatalf("%s: %s is the version with and without members", of, cheap)
	}
	groupID := c.GroupID(t, of, strings.TrimPrefix(group, "/Groups/"))
	for way, change := range map[string]func(){
		"a client":    func() { b.Must(t, "PATCH", group, join) },
		"the console": func() { console(func() error { return b.Admin.AddMember(t.Context(), id, groupID) }) },
	} {
		change()
		for _, w := range []struct{ method, body string }{
			{"PUT", `{"displayName":"Other","members":[]}`},
			{"PATCH", apptest.PatchBody(`{"op":"replace","path":"displayName","value":"Other"}`)},
			{"PATCH", leave},
			{"PATCH", apptest.PatchBody(`{"op":"remove","path":"members"}`)},
			{"DELETE", ""},
		} {
			expect(t, b, http.StatusPreconditionFailed, w.method, group, w.body, "If-Match", before)
			expect(t, b, http.StatusPreconditionFailed, w.method, group, w.body, "If-Match", `"x", `+before)
		}
		now := expect(t, b, http.StatusOK, "GET", group, "", "If-None-Match", before)
		if got, want := apptest.MemberIDs(now.body), slices.Sorted(slices.Values([]string{one, two})); !slices.Equal(got, want) || now.version(t) == before {
			t.Errorf("%s, %s: the group has %v, want %v, and the version %s, which was %s", of, way, got, want, now.version(t), before)
		}
		expect(t, b, http.StatusPreconditionFailed, "DELETE", group, "", "If-None-Match", `"x", `+now.version(t))
		expect(t, b, http.StatusNotModified, "GET", group, "", "If-None-Match", now.version(t))
		expect(t, b, http.StatusOK, "GET", group, "", "If-None-Match", cheap)
		expect(t, b, http.StatusNoContent, "PATCH", group, leave, "If-Match", `"x", `+now.version(t))
		if again := expect(t, b, http.StatusOK, "GET", group, "").version(t); again != before {
			t.Errorf("%s, %s: who joined has left, and the version %s is %s", of, way, before, again)
		}
	}
	expect(t, b, http.StatusNoContent, "PATCH", group, join, "If-Match", cheap) // the version without members stays valid
	expect(t, b, http.StatusNoContent, "PATCH", group, leave, "If-Match", cheap)
	b.Must(t, "PATCH", "/Users/"+one, apptest.PatchBody(`{"op":"replace","path":"userName","value":"renamed-`+of+`"}`))
	if again := expect(t, b, http.StatusOK, "GET", group, "", "If-None-Match", before).version(t); again == before {
		t.Errorf("%s: a member is shown by another name, and the version is the same", of)
	}
	put := expect(t, b, http.StatusOK, "PUT", group, `{"displayName":"New `+of+`","members":`+apptest.MemberList([]string{two, one})+`}`, "If-Match", cheap)
	if got := expect(t, b, http.StatusOK, "GET", group, ""); got.version(t) != put.version(t) {
		t.Errorf("%s: a PUT has the version %s, and the next GET %s", of, put.version(t), got.version(t))
	}
	expect(t, b, http.StatusPreconditionFailed, "DELETE", group, "", "If-Match", before)
	expect(t, b, http.StatusNoContent, "DELETE", group, "", "If-Match", put.version(t))
}

// TestAVersionOverMembersIsTheSameInEveryAnswer that shows them, and is not in an answer that does not.
func TestAVersionOverMembersIsTheSameInEveryAnswer(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil, "--change-feed")
			for of, b := range c.BothTenants() {
				one, two := b.Create(t, "/Users", `{"userName":"one-`+of+`"}`), b.Create(t, "/Users", `{"userName":"two-`+of+`"}`)
				post := expect(t, b, http.StatusCreated, "POST", "/Groups", `{"displayName":"Team","members":`+apptest.MemberList([]string{two, one})+`}`)
				path := "/Groups/" + fmt.Sprint(post.body["id"])
				operation := b.Bulk(t, "", `{"method":"PUT","path":"`+path+`","version":`+fmt.Sprintf("%q", post.version(t))+`,"data":{"displayName":"Team","members":`+apptest.MemberList([]string{one, two})+`}}`)
				versions := map[string]any{
					"POST": post.version(t), "bulk": operation[0]["version"],
					"GET": expect(t, b, http.StatusOK, "GET", path, "").version(t), "of the ids alone": expect(t, b, http.StatusOK, "GET", path+"?attributes=members.value", "").version(t),
					"from memory": expect(t, b, http.StatusOK, "GET", path, "").version(t), "304": expect(t, b, http.StatusNotModified, "GET", path, "", "If-None-Match", "*").version(t),
					"PUT":   expect(t, b, http.StatusOK, "PUT", path, `{"displayName":"Team","members":`+apptest.MemberList([]string{two, one})+`}`).version(t),
					"PATCH": expect(t, b, http.StatusOK, "PATCH", path+"?attributes=members", apptest.PatchBody(`{"op":"add","path":"members","value":`+apptest.MemberList([]string{one})+`}`)).version(t),
					"list":  versionListed(t, b, "/Groups"), "filter": versionListed(t, b, "/Groups?filter=members.value+eq+%22"+one+"%22"),
				}
				cheap := map[string]any{
					"GET": expect(t, b, http.StatusOK, "GET", path+"?excludedAttributes=members", "").version(t), "other attributes": expect(t, b, http.StatusOK, "GET", path+"?attributes=meta", "").version(t),
					"list": versionListed(t, b, "/Groups?excludedAttributes=members"), "filter": versionListed(t, b, "/Groups?excludedAttributes=members&filter=members.value+eq+%22"+one+"%22"),
				}
				for kind, group := range map[string]map[string]any{"with members": versions, "without": cheap} {
					for answer, version := range group {
						if version != group["GET"] {
							t.Errorf("%s, %s: %s has the version %v, and a GET %v", of, kind, answer, version, group["GET"])
						}
					}
				}
				if versions["GET"] == cheap["GET"] {
					t.Errorf("%s: the version with members is that without", of)
				}
			}
		})
	}
}

// versionListed is the version of the group named Team in a list.
func versionListed(t *testing.T, b apptest.Bridge, path string) any {
	t.Helper()
	list, _ := b.Must(t, http.MethodGet, path, "")["Resources"].([]any)
	for _, element := range list {
		if group, _ := element.(map[string]any); group["displayName"] == "Team" {
			meta, _ := group["meta"].(map[string]any)
			return meta["version"]
		}
	}
	t.Errorf("%s lists no group named Team", path)
	return nil
}

// TestAVersionOfAnEmptyGroupCoversItsMembers: the version changes when a user joins.
func TestAVersionOfAnEmptyGroupCoversItsMembers(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridge(t, nil)
	user := b.Create(t, "/Users", `{"userName":"jane"}`)
	post := expect(t, b, http.StatusCreated, "POST", "/Groups", `{"displayName":"Team"}`)
	path := "/Groups/" + fmt.Sprint(post.body["id"])
	expect(t, b, http.StatusNotModified, "GET", path, "", "If-None-Match", post.version(t))
	b.Must(t, "PATCH", path, apptest.PatchBody(`{"op":"add","path":"members","value":`+apptest.MemberList([]string{user})+`}`))
	expect(t, b, http.StatusOK, "GET", path, "", "If-None-Match", post.version(t))
	expect(t, b, http.StatusPreconditionFailed, "DELETE", path, "", "If-Match", post.version(t))
}

// TestAVersionOverTheGroupsOfAUser is in an answer that shows the groups.
func TestAVersionOverTheGroupsOfAUser(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			for of, b := range c.BothTenants() {
				user := "/Users/" + b.Create(t, "/Users", `{"userName":"jane-`+of+`"}`)
				group := "/Groups/" + b.Create(t, "/Groups", `{"displayName":"Team"}`)
				cheap := expect(t, b, http.StatusOK, "GET", user, "").version(t)
				before := expect(t, b, http.StatusOK, "GET", user+"?attributes=groups", "").version(t)
				expect(t, b, http.StatusNotModified, "GET", user+"?attributes=groups", "", "If-None-Match", before)
				b.Must(t, "PATCH", group, apptest.PatchBody(`{"op":"add","path":"members","value":`+apptest.MemberList([]string{strings.TrimPrefix(user, "/Users/")})+`}`))
				after := expect(t, b, http.StatusOK, "GET", user+"?attributes=groups", "", "If-None-Match", before).version(t)
				if before == after || before == cheap {
					t.Errorf("%s: the versions are %s, %s in a group and %s without groups", of, before, after, cheap)
				}
				expect(t, b, http.StatusNotModified, "GET", user, "", "If-None-Match", cheap)
				change := apptest.PatchBody(`{"op":"replace","path":"title","value":"t"}`)
				expect(t, b, http.StatusPreconditionFailed, "PATCH", user, change, "If-Match", before)
				expect(t, b, http.StatusPreconditionFailed, "DELETE", user, "", "If-Match", before)
				expect(t, b, http.StatusOK, "PATCH", user, change, "If-Match", after)
			}
		})
	}
}

// TestAVersionIsOverTheMembersThatTheClientSees: a member that the client does not see does not change it, nor does the
// name of a user that the client may not read.
func TestAVersionIsOverTheMembersThatTheClientSees(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), apptest.EachTenant(func(t *config.Tenant) {
				t.Scope = config.ScopeOwned
				t.Tokens = append(t.Tokens, config.Token{Name: "groups", SHA256: sha256.Sum256([]byte("token-of-groups")), Scopes: []config.TokenScope{config.ScopeGroupsRead, config.ScopeGroupsWrite}})
			}))
			user := b.Create(t, "/Users", `{"userName":"jane"}`)
			group := b.Create(t, "/Groups", `{"displayName":"Team","members":`+apptest.MemberList([]string{user})+`}`)
			path, groups := "/Groups/"+group, b.With("token-of-groups")
			before, without := expect(t, b, http.StatusOK, "GET", path, "").version(t), expect(t, groups, http.StatusOK, "GET", path, "").version(t)
			id, err := keycloak.ParseGroupID(group)
			if err == nil {
				err = b.Admin.AddMember(t.Context(), b.MakeAccount(t, "stranger", true), id)
			}
			if err != nil {
				t.Fatal(err)
			}
			expect(t, b, http.StatusNotModified, "GET", path, "", "If-None-Match", before)
			b.Must(t, "PATCH", "/Users/"+user, apptest.PatchBody(`{"op":"replace","path":"userName","value":"joan"}`))
			expect(t, b, http.StatusOK, "GET", path, "", "If-None-Match", before)
			expect(t, groups, http.StatusNotModified, "GET", path, "", "If-None-Match", without)
			expect(t, groups, http.StatusNoContent, "PATCH", path, apptest.PatchBody(`{"op":"remove","path":"members"}`), "If-Match", without)
		})
	}
}

// TestAGroupIsNotDeletedByAVersionWithoutWhoJoined at the same moment. If both requests succeeded, a user would have
// joined a group that the other client believed to have no such member.
func TestAGroupIsNotDeletedByAVersionWithoutWhoJoined(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			user := b.Create(t, "/Users", `{"userName":"jane"}`)
			join := apptest.PatchBody(`{"op":"add","path":"members","value":` + apptest.MemberList([]string{user}) + `}`)
			for round := range 40 {
				post := expect(t, b, http.StatusCreated, "POST", "/Groups", fmt.Sprintf(`{"displayName":"Team %d"}`, round))
				path, statuses := "/Groups/"+fmt.Sprint(post.body["id"]), [2]int{}
				var g errgroup.Group
				g.Go(func() error {
					statuses[0] = send(t, b, "DELETE", path, "", "If-Match", post.version(t)).status
					return nil
				})
				g.Go(func() error {
					statuses[1] = send(t, b, "PATCH", path, join).status
					return nil
				})
				_ = g.Wait() // it is always nil
				deleted, joined := [2]int{http.StatusNoContent, http.StatusNotFound}, [2]int{http.StatusPreconditionFailed, http.StatusNoContent}
				if statuses != deleted && statuses != joined {
					t.Fatalf("the deletion and the addition are %v, want %v or %v", statuses, deleted, joined)
				}
			}
		})
	}
}

// TestCallsOfVersions: a version without members costs no additional call, and a version with members costs a read of
// them. When the rest of the version differs, the request is refused without that read. A change is planned with the
// members that were compared.
func TestCallsOfVersions(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	one, two := b.Create(t, "/Users", `{"userName":"one"}`), b.Create(t, "/Users", `{"userName":"two"}`)
	path := "/Groups/" + b.Create(t, "/Groups", `{"displayName":"Team","members":`+apptest.MemberList([]string{one, two})+`}`)
	full, cheap := expect(t, b.Bridge, http.StatusOK, "GET", path, "").version(t), expect(t, b.Bridge, http.StatusOK, "GET", path+"?excludedAttributes=members", "").version(t)
	const group, members = "GET /groups/{id}", "GET /groups/{id}/members"
	rest := apptest.PatchBody(`{"op":"replace","path":"displayName","value":"Team"}`)
	for _, c := range []struct {
		name, method, path, body, header, tag string
		status                                int
		want                                  []string
	}{
		{"the cheap version", "PATCH", path, rest, "If-Match", cheap, 204, []string{group}},
		{"any version", "PATCH", path, rest, "If-Match", "*", 204, []string{group}},
		{"a version over members", "PATCH", path, rest, "If-Match", full, 204, []string{group, members}},
		{"either of the two", "PATCH", path, rest, "If-Match", full + ", " + cheap, 204, []string{group}},
		{"a version of another rest", "PATCH", path, rest, "If-Match", `W/"0` + full[4:], 412, []string{group}},
		{"a version that is none", "PATCH", path, rest, "If-Match", `W/"x.y"`, 412, []string{group}},
		{"a PUT of the same members", "PUT", path, `{"displayName":"Team","members":` + apptest.MemberList([]string{one, two}) + `}`, "If-Match", full, 200, []string{group, members}},
		{"a GET of what did not change", "GET", path, "", "If-None-Match", full, 304, []string{group, members}},
		{"a GET of what changed", "GET", path, "", "If-None-Match", cheap, 200, []string{group, members}},
		{"a GET without members", "GET", path + "?excludedAttributes=members", "", "If-None-Match", cheap, 304, []string{group}},
		{"a GET without members by the other version", "GET", path + "?excludedAttributes=members", "", "If-None-Match", full, 200, []string{group}},
		{"a GET of any version without members", "GET", path + "?excludedAttributes=members", "", "If-None-Match", "*", 304, []string{group}},
	} {
		got := b.Calls(func() { expect(t, b.Bridge, c.status, c.method, c.path, c.body, c.header, c.tag) })
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s makes other calls (-want +got):\n%s", c.name, diff)
		}
	}
}
