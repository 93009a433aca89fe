package keycloaktest_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	kct "github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

func listScenarios() []scenario {
	edit := kct.RealmOptions{UnmanagedPolicy: "ADMIN_EDIT"}
	return []scenario{
		{"lists of users", edit, userLists},
		{"searches for users", edit, userSearches},
		{"q", edit, userQueries},
		{"service accounts", kct.RealmOptions{UnmanagedPolicy: "ADMIN_EDIT", EditUsername: true}, serviceAccounts},
		{"ids and values that are none", edit, nobodys},
	}
}

// people is a small realm with three users; two of them share a name in the middle.
func people(p *probe) map[string]keycloak.UserID {
	p.t.Helper()
	out := map[string]keycloak.UserID{}
	for _, u := range []keycloak.NewUser{
		{Username: "bjensen", Email: "b.jensen@x.test", FirstName: "Barbara", LastName: "Jensen", Attributes: map[string][]string{"dept": {"R&D"}, "ext": {"E1"}, "free": {"Abc"}}},
		{Username: "bjensen2", Email: "b2@x.test", FirstName: "Bart", LastName: "Jensen", Attributes: map[string][]string{"dept": {"Sales"}, "ext": {"e1", "e2"}}},
		{Username: "b_jensen", Enabled: true},
		{Username: "bxjensen"},
		{Username: "plus+tag", Email: "plus+tag@x.test"},
		{Username: "zoe", FirstName: "Zoë", Enabled: true},
		{Username: "1order"},
		{Username: "order-a"},
		{Username: "order.d"},
		{Username: "order_c"},
		{Username: "örder"},
		{Username: "service-account-fake"},
	} {
		out[u.Username] = p.user(u)
	}
	return out
}

func userNames(list []keycloak.User) []string {
	out := []string{}
	for _, u := range list {
		out = append(out, u.Username)
	}
	return out
}

func userLists(p *probe) {
	ids := people(p)
	list := func(label string, q keycloak.UserQuery) {
		users, err := p.c.Users(p.ctx, q)
		p.got(label, userNames(users), err)
	}
	list("all", keycloak.UserQuery{})
	list("a page", keycloak.UserQuery{First: 2, Max: 3})
	list("beyond the end", keycloak.UserQuery{First: 500})
	list("by name", keycloak.UserQuery{Username: "BJensen"})
	list("by a part of a name", keycloak.UserQuery{Username: "jensen"})
	list("by a name with a wildcard", keycloak.UserQuery{Username: "b_jensen"})
	list("by a service account's name", keycloak.UserQuery{Username: "service-account-scim-bridge"})
	list("by e-mail", keycloak.UserQuery{Email: "B.JENSEN@x.test"})
	list("by e-mail with +", keycloak.UserQuery{Email: "plus+tag@x.test"})
	list("by nobody's e-mail", keycloak.UserQuery{Email: "nobody@x.test"})
	list("by ids", keycloak.UserQuery{IDs: []keycloak.UserID{ids["zoe"], ids["bjensen"], ids["zoe"]}})
	unknown, _ := keycloak.ParseUserID("00000000-0000-0000-0000-000000000000")
	list("by an unknown id", keycloak.UserQuery{IDs: []keycloak.UserID{unknown, ids["zoe"]}})
	for _, a := range [][2]string{
		{"ext", "E1"},
		{"ext", "e2"},
		{"dept", "r&d"},
		{"dept", "Sal"},
		{"free", "ABC"},
		{"FREE", "Abc"},
		{"dept", ""},
		{"no-such", "x"},
		{"a:b", "x"},
		{"ext", `end\`},
		{"ext", `a\"b`},
	} {
		list("by "+a[0]+" "+a[1], keycloak.UserQuery{Attributes: []keycloak.AttributeQuery{{Name: a[0], Value: a[1]}}})
	}
	full, err := p.c.Users(p.ctx, keycloak.UserQuery{Username: "bjensen"})
	p.got("what a list shows", full, err)
	n, err := p.c.CountUsers(p.ctx)
	p.got("CountUsers", n, err)
	for _, id := range []string{"bjensen", "zoe"} {
		p.raw("GET", "/users?username="+id+"&exact=true", "")
		p.raw("GET", "/users?username="+id+"&exact=true&briefRepresentation=true", "")
	}
}

func userSearches(p *probe) {
	ids := people(p)
	three := url.QueryEscape("id:" + ids["zoe"].String() + " " + ids["bjensen"].String() + " " + ids["b_jensen"].String())
	for _, q := range []string{
		"", "?username=jensen", "?username=b_jensen", "?username=b_jensen&exact=true", "?username=%25", "?username=&exact=true", "?username=+bjensen+&exact=true",
		"?username=bjensen&email=nope@x.test&exact=true", "?firstName=barbara&exact=true", "?firstName=ZO%C3%8B&exact=true", "?lastName=ens", "?email=x.test",
		"?enabled=true", "?enabled=false&username=jensen", "?emailVerified=false&username=zoe", "?exact=true", "?exact=false",
		"?search=service", "?search=*", "?search=jensen", "?search=ensen", "?search=*ensen", "?search=%22bjensen%22", "?search=%22service-account-fake%22",
		"?search=barbara+jensen", "?search=jensen&firstName=Bar&exact=true", "?search=bjensen&q=dept:Sales", "?search=b_jensen", "?search=b%25", "?search=",
		"?search=" + three, "?search=" + three + "&first=1&max=1", "?search=id:a,b", "?search=username:zoe+BJENSEN+nope", "?search=email:b.jensen@x.test+b2@x.test",
		"?max=-1", "?max=0", "?max=1000000", "?max=abc", "?max=3000000000", "?first=-1", "?first=1000", "?first=x", "?first=3&max=2", "?foo=bar",
	} {
		p.rawNames("/users"+q, "username")
		if strings.HasPrefix(q, "?search") || strings.HasPrefix(q, "?username") || q == "" {
			p.raw("GET", "/users/count"+q, "")
		}
	}
}

// userQueries searches for values in all spellings.
func userQueries(p *probe) {
	people(p)
	values := map[string]string{
		"sp": "two words", "qt": `say "hi"`, "co": "urn:x:y", "bs": `a\b`, "un": "Größe日本🦊", "pl": "a+b&c=d", "sq": "o'neil", "pc": "50%_x", "sc": "a;b",
		"lead": " pad ", "em": "x@y.test", "dn": "CN=J. Smith,OU=Eng,DC=x", "eb": `end\`, "bq": `a\"b`, "q1": `"lead`, "q2": `"all"`, "nl": "l1\nl2", "col": "a: b",
		"tk": "x k2:y", "l255": strings.Repeat("v", 255), "l256": strings.Repeat("v", 256), "mid": `a"b c"d`,
	}
	attributes := map[string][]string{}
	for name, value := range values {
		attributes[name] = []string{value}
	}
	for _, name := range []string{"a:b", "a.b", "a/b", "a b", "ünï", `q"k`} {
		attributes[name] = []string{"kv"}
	}
	p.user(keycloak.NewUser{Username: "queried", Attributes: attributes})
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		quoted := strings.ReplaceAll(value, `"`, `\"`)
		for _, q := range []string{name + ":" + value, name + `:"` + quoted + `"`, name + `:"` + strings.ReplaceAll(strings.ReplaceAll(value, `\`, `\\`), `"`, `\"`) + `"`} {
			if !p.has("GET /users?q=" + url.QueryEscape(q)) {
				p.rawNames("/users?q="+url.QueryEscape(q), "username")
			}
		}
		a := keycloak.AttributeQuery{Name: name, Value: value}
		users, err := p.c.Users(p.ctx, keycloak.UserQuery{Attributes: []keycloak.AttributeQuery{a}})
		p.got("Users by "+name, userNames(users), err)
	}
	for _, q := range []string{
		"dept:", "dept", ":x", "", "dept:Sales", "dept:sALES", "dept:Sal", "dept:sales&exact=true", "dept:al&exact=false", "ext:E1&exact=true",
		"dept:R%26D+ext:E1", "ext:E1+ext:e2", "username:zoe", "email:b.jensen@x.test", "firstName:Bar", "enabled:true", "dept:Sales&username=bjensen2&exact=true",
		"l256:" + strings.Repeat("V", 256), "l256:" + strings.Repeat("v", 254), "l256:" + strings.Repeat("v", 200) + "&exact=false",
		"a:b:kv", "%22a:b%22:kv", "a.b:kv", "a/b:kv", "%22a+b%22:kv", "a+b:kv", "%C3%BCn%C3%AF:kv", "q%22k:kv", `%22q%5C%22k%22:kv`, "no+colon+dept:Sales",
	} {
		p.rawNames("/users?q="+q, "username")
	}
	p.raw("GET", "/users/count?q=dept:Sales", "")
	p.raw("GET", "/users/count?q=dept", "")
}

func (p *probe) has(label string) bool {
	for _, e := range p.entries {
		if e.label == label {
			return true
		}
	}
	return false
}

// serviceAccounts asks which users are service accounts; no representation says so.
func serviceAccounts(p *probe) {
	profile, err := p.admin.UserProfile(p.ctx)
	if err != nil {
		p.t.Fatalf("UserProfile() = %v", err)
	}
	profile.Attribute("username").Validations = map[string]jsontext.Value{"length": jsontext.Value(`{"min":1,"max":255}`)}
	p.err("UpdateUserProfile", p.admin.UpdateUserProfile(p.ctx, profile))
	is := func(label string, id keycloak.UserID) {
		u, err := p.admin.User(p.ctx, id)
		p.got("User "+label, u, err)
		is, err := p.admin.IsServiceAccount(p.ctx, u)
		p.got("IsServiceAccount "+label, is, err)
	}
	for _, clientID := range []string{"Shop", "Ünï", "A B", "a%b", `x"\y`, "tab\tbed", " lead"} {
		client, err := p.admin.CreateClient(p.ctx, clientID, "")
		if err != nil {
			p.t.Fatalf("CreateClient(%q) = %v", clientID, err)
		}
		account, err := p.admin.ServiceAccount(p.ctx, client)
		if err != nil {
			p.t.Fatalf("ServiceAccount(%q) = %v", clientID, err)
		}
		p.know(account.String(), "account of "+clientID)
		is("of "+clientID, account)
	}
	for _, name := range []string{
		"service-account-x b", "service-account-x\tb", "service-account-x\nb", "service-account-%", "service-account-_hop", `service-account-x"`, `"service-account-shop"`, `service-account-\`,
		"service-account-*", "SERVICE-ACCOUNT-É", "service-account-", "service-account-shop ", "service-account-sho", "service-account-taken",
	} {
		is("of somebody called "+name, p.user(keycloak.NewUser{Username: name}))
	}
	_, err = p.admin.CreateClient(p.ctx, "Taken", "")
	p.err("CreateClient whose account's name is taken", err)
	for _, q := range []string{"clientId=shop", "clientId=shop&search=true", "clientId=HO&search=true", "clientId=_hop&search=true", "clientId=SHOP+&search=true", "clientId=taken&search=true", "clientId=%25&search=true&max=3&first=1"} {
		p.rawNames("/clients?"+q, "clientId")
	}
	u, err := p.admin.Users(p.ctx, keycloak.UserQuery{Username: "service-account-shop"})
	if err != nil || len(u) != 1 {
		p.t.Fatalf("Users() = %v, %v", u, err)
	}
	p.raw("PUT", "/users/"+u[0].ID, `{"username":"robot"}`)
	p.raw("GET", "/users/"+u[0].ID, "")
}

// nobodys searches for values that no user can have, and for values at which Keycloak fails.
func nobodys(p *probe) {
	u := p.user(keycloak.NewUser{Username: "jane"})
	g := p.group(keycloak.NewGroup{Name: "team"})
	for _, id := range []string{"f:", "f:abc", "f:abc:", "f::", "f:abc:def", "f:abc:d%20e", "f::x", "F:abc", "a.b", "a..b", "...", "a:b", "null", "-1", strings.Repeat("x", 255), strings.Repeat("%C3%A9", 127)} {
		send := func(method, path string) {
			path = strings.Replace(path, "ID", id, 1)
			p.rawAs(fmt.Sprint(method, " ", strings.Replace(path, id, id[:min(len(id), 9)], 1)), method, path, "", "")
		}
		for _, path := range []string{"/users/ID", "/users/ID/groups", "/groups/ID", "/groups/ID/members", "/groups/ID/children", "/users?search=id:ID"} {
			send("GET", path)
		}
		for _, path := range []string{"/users/ID/groups/" + g.String(), "/users/" + u.String() + "/groups/ID"} {
			send("PUT", path)
			send("DELETE", path)
		}
	}
	for _, path := range []string{"/users/count", "/groups/count", "/users?username=%00", "/users?q=a:%00", "/groups?search=a%00b"} {
		p.raw("GET", path, "")
	}
	for _, text := range []string{strings.Repeat("é", 256), strings.Repeat("é", 4000), strings.Repeat("é", 6000)} {
		for _, path := range []string{"/users?exact=true&username=", "/users?exact=true&email=", "/users?q=a:", "/groups?search=", "/groups?q=a:", "/users?search=id:"} {
			p.rawAs(fmt.Sprint("GET ", path, len(text)), "GET", path+url.QueryEscape(text), "", "")
		}
		users, err := p.c.Users(p.ctx, keycloak.UserQuery{Username: text})
		p.got(fmt.Sprint("Users by a name of ", len(text)), users, err)
		users, err = p.c.Users(p.ctx, keycloak.UserQuery{Attributes: []keycloak.AttributeQuery{{Name: "a", Value: text}}})
		p.got(fmt.Sprint("Users by an attribute of ", len(text)), users, err)
	}
	var long []keycloak.UserID
	for i := range 40 {
		id, err := keycloak.ParseUserID(strings.Repeat("é", 120) + fmt.Sprint(i))
		if err != nil {
			p.t.Fatalf("ParseUserID() = %v", err)
		}
		long = append(long, id)
	}
	for i, batch := range keycloak.Batches(append(long, u), 50) {
		users, err := p.c.Users(p.ctx, keycloak.UserQuery{IDs: batch})
		p.got(fmt.Sprint("batch ", i), userNames(users), err)
	}
}
