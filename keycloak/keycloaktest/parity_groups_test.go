package keycloaktest_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	kct "github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

func groupScenarios() []scenario {
	return []scenario{
		{"group life", kct.RealmOptions{}, groupLife},
		{"lists of groups", kct.RealmOptions{}, groupLists},
		{"bodies of groups", kct.RealmOptions{}, groupBodies},
		{"moves of groups", kct.RealmOptions{}, movedGroups},
		{"members", kct.RealmOptions{}, members},
	}
}

func paths(groups []keycloak.Group) []string {
	out := []string{}
	for _, g := range groups {
		out = append(out, g.Path)
	}
	return out
}

func (p *probe) groupState(label string, id keycloak.GroupID) keycloak.Group {
	p.t.Helper()
	g, err := p.c.Group(p.ctx, id)
	p.got(label+", then", g, err)
	return g
}

func groupLife(p *probe) {
	id := p.group(keycloak.NewGroup{Name: "alpha", Attributes: map[string][]string{"externalId": {"X1"}, "o": {"a", "b"}}})
	p.group(keycloak.NewGroup{Name: "Beta"})
	child := p.group(keycloak.NewGroup{Name: "child", Parent: id, Attributes: map[string][]string{"externalId": {"X2"}}})
	p.groupState("alpha", id)
	p.groupState("child", child)
	for _, path := range []string{"/alpha", "/alpha/child", "/ALPHA", "/child", "/nope", "/alpha/nope", "/al pha", "/a%2Fb"} {
		g, err := p.c.GroupByPath(p.ctx, path)
		p.got("GroupByPath "+path, []string{g.ID, g.Name, g.ParentID}, err)
	}
	for _, path := range []string{"", "/", "//", "/alpha/..", "/."} {
		_, err := p.c.GroupByPath(p.ctx, path)
		p.err("GroupByPath "+path, err)
	}
	for _, parent := range []keycloak.GroupID{id, child} {
		children, err := p.c.Children(p.ctx, parent, 0, 10)
		p.got("Children of "+parent.String(), children, err)
	}
	children, err := p.c.Children(p.ctx, id, 1, 10)
	p.got("Children, second page", children, err)
	for _, name := range []string{"alpha", "ALPHA", "", " ", strings.Repeat("x", 255), strings.Repeat("y", 256), " pad ", "a/b", "ü日本🦊", `q"q`, "50%_x", "<b>", `a\b`} {
		g, err := p.c.CreateGroup(p.ctx, keycloak.NewGroup{Name: name})
		p.know(g.String(), "CREATED")
		p.got("CreateGroup "+short(name), g.String(), err)
	}
	for _, name := range []string{"alpha/child", "alpha/other", "slashed/child"} {
		p.group(keycloak.NewGroup{Name: name})
	}
	for _, path := range []string{"/a/b", "/a", "/alpha/child", "/alpha/other", "/slashed/child", "/slashed"} {
		g, err := p.c.GroupByPath(p.ctx, path)
		p.got("GroupByPath over a name with a slash "+path, []string{g.ID, g.Name, g.ParentID}, err)
	}
	_, err = p.c.CreateGroup(p.ctx, keycloak.NewGroup{Name: "child", Parent: id})
	p.err("CreateGroup of a sibling's name", err)
	_, err = p.c.CreateGroup(p.ctx, keycloak.NewGroup{Name: "n\x00"})
	p.err("CreateGroup with NUL", err)
	nothing, _ := keycloak.ParseGroupID("00000000-0000-0000-0000-000000000000")
	_, err = p.c.CreateGroup(p.ctx, keycloak.NewGroup{Name: "x", Parent: nothing})
	p.err("CreateGroup below nothing", err)
	_, err = p.c.Group(p.ctx, nothing)
	p.err("Group of nothing", err)
	p.err("DeleteGroup of nothing", p.c.DeleteGroup(p.ctx, nothing))
	updateGroups(p, id)
	p.err("DeleteGroup", p.c.DeleteGroup(p.ctx, id))
	p.err("DeleteGroup again", p.c.DeleteGroup(p.ctx, id))
	_, err = p.c.Group(p.ctx, child)
	p.err("the child is gone", err)
}

func updateGroups(p *probe, id keycloak.GroupID) {
	name := func(text string) *string { return &text }
	p.raw(http.MethodPut, "/groups/"+id.String(), `{"name":"alpha","description":"kept"}`)
	for i, u := range []keycloak.GroupUpdate{
		{},
		{Name: name("alpha2")},
		{Name: name("Beta")},
		{Name: name("")},
		{Name: name(strings.Repeat("n", 256))},
		{Attributes: map[string][]string{"o": {"b", "a"}, "externalId": {"X1"}}},
		{Attributes: map[string][]string{"o": {"b", "c", "a"}}},
		{Attributes: map[string][]string{"o": {"c", "b"}}},
		{Attributes: map[string][]string{"o": {"c", "b", "b"}}},
		{Attributes: map[string][]string{"o": {"", "x"}}},
		{Attributes: map[string][]string{"o": {strings.Repeat("v", 255)}}},
		{Attributes: map[string][]string{"o": {strings.Repeat("v", 256)}}},
		{Attributes: map[string][]string{strings.Repeat("k", 256): {"v"}}},
		{Attributes: map[string][]string{"o": {}}},
		{Attributes: map[string][]string{}},
	} {
		label := fmt.Sprintf("UpdateGroup %d", i)
		current, err := p.c.Group(p.ctx, id)
		p.err(label+", before", err)
		p.err(label, p.c.UpdateGroup(p.ctx, current, u))
		p.groupState(label, id)
		p.rawAs(label+", whole", http.MethodGet, "/groups/"+id.String(), "", "")
	}
}

func groupLists(p *probe) {
	alpha := p.group(keycloak.NewGroup{Name: "alpha", Attributes: map[string][]string{"e": {"X1"}, "m": {"a", "b"}, "sp": {"two words"}}})
	beta := p.group(keycloak.NewGroup{Name: "Beta", Attributes: map[string][]string{"e": {"x1"}}})
	p.group(keycloak.NewGroup{Name: "beta2"})
	p.group(keycloak.NewGroup{Name: "be_ta"})
	p.group(keycloak.NewGroup{Name: "50%x"})
	child := p.group(keycloak.NewGroup{Name: "child", Parent: alpha, Attributes: map[string][]string{"e": {"X1"}}})
	p.group(keycloak.NewGroup{Name: "grand", Parent: child})
	p.group(keycloak.NewGroup{Name: "below", Parent: beta})
	for _, q := range []string{
		"", "?populateHierarchy=false", "?search=beta&populateHierarchy=false", "?search=eta&populateHierarchy=false", "?search=be*a&populateHierarchy=false",
		"?search=be_ta&populateHierarchy=false", "?search=50%25&populateHierarchy=false", "?search=*&populateHierarchy=false", "?search=*&populateHierarchy=false&first=2&max=3",
		"?search=+beta+&populateHierarchy=false", "?search=%22Beta%22&populateHierarchy=false", "?search=BETA", "?search=Beta&exact=true", "?search=BETA&exact=true",
		"?search=child", "?search=grand", "?search=grand&exact=true", "?q=e:X1", "?q=e:X1&populateHierarchy=false", "?q=e:x1&populateHierarchy=false",
		"?q=e:X1+m:a&populateHierarchy=false", "?q=m:b&populateHierarchy=false", "?q=nocolon&populateHierarchy=false", "?q=nocolon", "?q=&populateHierarchy=false",
		"?q=e:&populateHierarchy=false", "?q=:x&populateHierarchy=false", "?q=e:X1&populateHierarchy=false&first=1", "?q=e:X1&populateHierarchy=false&max=1",
		"?q=e:X1&search=Beta&exact=true", "?max=2", "?first=1&max=2", "?max=0", "?max=-1", "?max=abc", "?search=*&max=0&populateHierarchy=false", "?search=",
		"?q=e:%22X1%22&populateHierarchy=false", "?q=name:Beta&populateHierarchy=false", "?q=e:X1%5C&populateHierarchy=false", "?exact=true",
		"?q=sp:two+words&populateHierarchy=false", "?q=sp:%22two+words%22&populateHierarchy=false",
	} {
		p.rawNames("/groups"+q, "name")
	}
	for _, q := range []string{"", "?top=true", "?top=false", "?search=beta", "?search=beta&top=true", "?search=*", "?search="} {
		p.raw(http.MethodGet, "/groups/count"+q, "")
	}
	for _, q := range []string{"?search=child", "?search=child&briefRepresentation=false", "?search=child&populateHierarchy=false", "?briefRepresentation=false&max=2"} {
		p.rawAs("all of "+q, http.MethodGet, "/groups"+q, "", "")
	}
	p.raw(http.MethodGet, "/groups/"+alpha.String()+"/children", "")
	list := func(label string, q keycloak.GroupQuery) {
		groups, err := p.c.Groups(p.ctx, q)
		p.got(label, groups, err)
	}
	list("Groups named eta", keycloak.GroupQuery{Search: "eta"})
	list("Groups named eta, a page", keycloak.GroupQuery{Search: "eta", First: 1, Max: 1})
	list("Groups without criterion", keycloak.GroupQuery{})
	for _, a := range [][2]string{{"e", "X1"}, {"e", "x1"}, {"sp", "two words"}, {"e", "nope"}, {"a:b", "x"}} {
		list("Groups by "+a[0]+" "+a[1], keycloak.GroupQuery{Attribute: &keycloak.AttributeQuery{Name: a[0], Value: a[1]}})
	}
	top, err := p.c.TopGroups(p.ctx, 0, 0)
	p.got("TopGroups", paths(top), err)
	top, err = p.c.TopGroups(p.ctx, 1, 2)
	p.got("TopGroups, a page", top, err)
	n, err := p.c.CountTopGroups(p.ctx)
	p.got("CountTopGroups", n, err)
}

func groupBodies(p *probe) {
	id := p.group(keycloak.NewGroup{Name: "group", Attributes: map[string][]string{"k": {"v"}}})
	for i, body := range []string{
		``, `null`, `{`, `[]`, `{"name":5}`, `{"name":null}`, `{"description":"d"}`, `{"name":"b1","foo":1}`, `{"name":"b2","attributes":[]}`,
		`{"name":"b3","attributes":{"a":"bare"}}`, `{"name":"b4","attributes":{"a":{"b":1}}}`, `{"name":"b5","attributes":{"a":[1,true]}}`,
		`{"name":"b6","attributes":{"a":["x",null]}}`, `{"name":"b7","attributes":{"a":[]}}`, `{"name":"b8","attributes":null}`,
		`{"name":"b9","attributes":{"a":["c","a","b","a",""]}}`, `{"name":"bA","description":"` + strings.Repeat("d", 255) + `"}`,
		`{"name":"bB","description":"` + strings.Repeat("d", 256) + `"}`, `{"name":"bC","description":"text"}`,
	} {
		label := fmt.Sprintf("body %d", i)
		p.rawAs(label+", POST", http.MethodPost, "/groups", body, "application/json")
		p.rawAs(label+", PUT", http.MethodPut, "/groups/"+id.String(), strings.Replace(body, `"name":"b`, `"name":"p`, 1), "application/json")
		p.rawAs(label+", PUT, then", http.MethodGet, "/groups/"+id.String(), "", "")
		p.rawAs(label+", PUT of nothing", http.MethodPut, "/groups/nope", body, "application/json")
	}
	all, err := p.c.TopGroups(p.ctx, 0, 0)
	for _, g := range all {
		p.know(g.ID, g.Name)
	}
	p.got("in the end", all, err)
	p.raw(http.MethodPut, "/groups/"+id.String(), `{"name":"p","id":"00000000-0000-0000-0000-000000000000"}`)
	p.raw(http.MethodPost, "/groups/nope/children", `{"name":"x"}`)
	p.raw(http.MethodDelete, "/groups/nope", ``)
	p.raw(http.MethodGet, "/groups/nope/members", ``)
}

// movedGroups moves groups, which no SCIM client does.
func movedGroups(p *probe) {
	a := p.group(keycloak.NewGroup{Name: "a", Attributes: map[string][]string{"k": {"v"}}})
	b := p.group(keycloak.NewGroup{Name: "b"})
	c := p.group(keycloak.NewGroup{Name: "a", Parent: b})
	d := p.group(keycloak.NewGroup{Name: "d", Attributes: map[string][]string{"k": {"v"}}})
	moves := 0
	move := func(what keycloak.GroupID, below, name string) {
		moves++
		label := fmt.Sprint("move ", moves)
		p.rawAs(label, http.MethodPost, "/groups"+below, `{"id":"`+what.String()+`","name":"`+name+`"}`, "application/json")
		p.rawAs(label+", then", http.MethodGet, "/groups/"+what.String(), "", "")
	}
	into := "/" + b.String() + "/children"
	move(d, into, "d")
	move(a, into, "a")
	move(d, into, "another")
	move(b, "/"+d.String()+"/children", "b")
	move(b, into, "b")
	move(d, "", "d")
	move(c, "", "a")
	p.raw(http.MethodPost, "/groups", `{"id":"nope","name":"x"}`)
	p.raw(http.MethodPost, "/groups"+into, `{"id":"nope","name":"x"}`)
	p.raw(http.MethodPost, "/groups"+into, `{"id":"`+d.String()+`"}`)
}

func members(p *probe) {
	group := p.group(keycloak.NewGroup{Name: "group", Attributes: map[string][]string{"k": {"v"}}})
	child := p.group(keycloak.NewGroup{Name: "child", Parent: group})
	user := p.user(keycloak.NewUser{Username: "zed", Email: "z@x.test", FirstName: "Z"})
	nobody, _ := keycloak.ParseUserID("00000000-0000-0000-0000-000000000000")
	nothing, _ := keycloak.ParseGroupID("00000000-0000-0000-0000-000000000000")
	p.err("AddMember", p.c.AddMember(p.ctx, user, group))
	p.err("AddMember again", p.c.AddMember(p.ctx, user, group))
	p.err("AddMember to the child", p.c.AddMember(p.ctx, user, child))
	p.err("AddMember of nobody", p.c.AddMember(p.ctx, nobody, group))
	p.err("AddMember to nothing", p.c.AddMember(p.ctx, user, nothing))
	p.err("AddMember of nobody to nothing", p.c.AddMember(p.ctx, nobody, nothing))
	groups, err := p.c.UserGroups(p.ctx, user)
	p.got("UserGroups", groups, err)
	p.raw(http.MethodGet, "/users/"+user.String()+"/groups", "")
	p.raw(http.MethodGet, "/groups/"+group.String()+"/members", "")
	p.raw(http.MethodGet, "/groups/"+group.String()+"/members?briefRepresentation=true", "")
	p.raw(http.MethodGet, "/groups/"+group.String()+"/members?max=0", "")
	p.raw(http.MethodGet, "/groups/"+group.String()+"/members?max=x", "")
	p.err("RemoveMember", p.c.RemoveMember(p.ctx, user, group))
	p.err("RemoveMember again", p.c.RemoveMember(p.ctx, user, group))
	p.err("RemoveMember of nobody", p.c.RemoveMember(p.ctx, nobody, group))
	p.err("RemoveMember from nothing", p.c.RemoveMember(p.ctx, user, nothing))
	list, err := p.c.Members(p.ctx, group, 0, 0)
	p.got("Members of an empty group", list, err)
	list, err = p.c.Members(p.ctx, child, 0, 0)
	p.got("Members", list, err)
	_, err = p.c.Members(p.ctx, nothing, 0, 0)
	p.err("Members of nothing", err)
	manyMembers(p, group)
	p.err("DeleteGroup", p.c.DeleteGroup(p.ctx, group))
	p.state("a member of a deleted group", user)
	groups, err = p.c.UserGroups(p.ctx, user)
	p.got("UserGroups after that", groups, err)
}

// manyMembers adds one member more than the default page has.
func manyMembers(p *probe, group keycloak.GroupID) {
	p.t.Helper()
	for i := range 101 {
		if err := p.c.AddMember(p.ctx, p.user(keycloak.NewUser{Username: fmt.Sprintf("member%03d", 100-i)}), group); err != nil {
			p.t.Fatalf("AddMember() = %v", err)
		}
	}
	p.rawNames("/groups/"+group.String()+"/members", "username")
	p.rawNames("/groups/"+group.String()+"/members?max=-1", "username")
	p.rawNames("/groups/"+group.String()+"/members?first=99&max=5", "username")
	list, err := p.c.Members(p.ctx, group, 99, 10)
	p.got("Members, a page", userNames(list), err)
	p.rawNames("/users", "username")
}
