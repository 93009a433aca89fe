package keycloaktest_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	kct "github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

func listScenarios() []scenario {
	edit := kct.RealmOptions{UnmanagedPolicy: "ADMIN_EDIT"}
	return []scenario{
		{"lists of users", edit, userLists},
		{"searches for users", edit, userSearches},
		{"q", edit, userQueries},
	}
}

// people is a small realm: three users, two namesakes in the middle.
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
	for _, name := range []string{"service-account-scim-bridge", "service-account-fake", "SERVICE-ACCOUNT-FAKE"} {
		is, err := p.c.IsServiceAccount(p.ctx, name)
		p.got("IsServiceAccount "+name, is, err)
	}
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

// userQueries asks for values in all spellings.
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
