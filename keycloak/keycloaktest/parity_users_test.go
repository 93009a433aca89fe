package keycloaktest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	kct "github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

func scenarios() []scenario {
	return slices.Concat(userScenarios(), listScenarios(), groupScenarios(), realmScenarios())
}

func userScenarios() []scenario {
	declared := kct.RealmOptions{UnmanagedPolicy: "ADMIN_EDIT", Attributes: declaredAttributes()}
	return []scenario{
		{"user life", kct.RealmOptions{}, userLife},
		{"user creation", declared, userCreation},
		{"user update", declared, userUpdate},
		{"passwords", declared, passwords},
		{"user validators", kct.RealmOptions{}, userValidators},
		{"values of attributes", declared, attributeValues},
		{"undeclared attributes", kct.RealmOptions{}, undeclaredAttributes},
		{"user names may change", kct.RealmOptions{EditUsername: true, UnmanagedPolicy: "ADMIN_EDIT"}, renames},
		{"the e-mail is the user name", kct.RealmOptions{}, emailAsUsername},
		{"broken bodies of users", kct.RealmOptions{}, brokenUserBodies},
	}
}

func declaredAttributes() []keycloak.ProfileAttribute {
	admin := []string{"admin"}
	length := func(text string) map[string]jsontext.Value {
		return map[string]jsontext.Value{"length": jsontext.Value(text)}
	}
	return []keycloak.ProfileAttribute{
		{Name: "dept", View: admin, Edit: admin},
		{Name: "tags", View: admin, Edit: admin, MultiValued: true},
		{Name: "short", View: admin, Edit: admin, Validations: length(`{"max":10}`)},
		{Name: "long", View: admin, Edit: admin, MultiValued: true, Validations: length(`{"min":0,"max":20000}`)},
		{Name: "ro", View: admin, Edit: []string{"user"}},
	}
}

func userLife(p *probe) {
	created := time.UnixMilli(1_000_000_000_000).UTC()
	id := p.user(keycloak.NewUser{
		Username: "B.Jensen", Email: "B.Jensen@X.Test", FirstName: "Barbara", LastName: "Jensen", Enabled: true, Created: created,
		Attributes: map[string][]string{"dept": {"gone"}},
	})
	u, err := p.c.User(p.ctx, id)
	p.got("the time of creation is kept", u.Created.Equal(created), err)
	p.got("User", u, err)
	_, err = p.c.CreateUser(p.ctx, keycloak.NewUser{Username: "b.jensen"})
	p.err("CreateUser of a taken name", err)
	_, err = p.c.CreateUser(p.ctx, keycloak.NewUser{Username: "other", Email: "b.jensen@x.test"})
	p.err("CreateUser with a taken e-mail", err)
	_, err = p.c.CreateUser(p.ctx, keycloak.NewUser{Username: "b.jensen", Email: "b.jensen@x.test"})
	p.err("CreateUser with both taken", err)
	_, err = p.c.CreateUser(p.ctx, keycloak.NewUser{Username: "nul\x00"})
	p.err("CreateUser with NUL", err)
	off, name := false, "Babs"
	p.err("UpdateUser enabled", p.c.UpdateUser(p.ctx, id, keycloak.UserUpdate{Enabled: &off}))
	p.state("UpdateUser enabled", id)
	p.err("UpdateUser name", p.c.UpdateUser(p.ctx, id, keycloak.UserUpdate{FirstName: &name}))
	p.state("UpdateUser name", id)
	p.err("UpdateUser of nothing", p.c.UpdateUser(p.ctx, id, keycloak.UserUpdate{}))
	p.state("UpdateUser of nothing", id)
	nobody, _ := keycloak.ParseUserID("00000000-0000-0000-0000-000000000000")
	_, err = p.c.User(p.ctx, nobody)
	p.err("User of nobody", err)
	p.err("UpdateUser of nobody", p.c.UpdateUser(p.ctx, nobody, keycloak.UserUpdate{FirstName: &name}))
	p.err("DeleteUser of nobody", p.c.DeleteUser(p.ctx, nobody))
	p.err("LogoutUser of nobody", p.c.LogoutUser(p.ctx, nobody))
	_, err = p.c.UserGroups(p.ctx, nobody)
	p.err("UserGroups of nobody", err)
	_, err = p.c.OfflineClients(p.ctx, nobody)
	p.err("OfflineClients of nobody", err)
	p.err("DeleteUser", p.c.DeleteUser(p.ctx, id))
	p.err("DeleteUser again", p.c.DeleteUser(p.ctx, id))
	_, err = p.c.User(p.ctx, id)
	p.err("User, gone", err)
}

func userCreation(p *probe) {
	p.group(keycloak.NewGroup{Name: "a"})
	p.group(keycloak.NewGroup{Name: "x/y"})
	for i, body := range []string{
		`{"username":"N"}`,
		`{"username":"N","enabled":true,"emailVerified":true,"email":"Mixed-N@X.Test","firstName":"F","lastName":"L","requiredActions":["UPDATE_PASSWORD","NOPE"]}`,
		`{"username":"N","attributes":{"dept":["d"],"tags":["1","2"],"free":["v"],"ro":["r"]}}`,
		`{"username":"N","attributes":{"dept":"bare"}}`,
		`{"username":"N","attributes":{"dept":["A","B"]}}`,
		`{"username":"N","attributes":{"short":["12345678901"]}}`,
		`{"username":"N","attributes":{"LDAP_ID":["x"],"createTimestamp":["x"],"kc.foo":["x"]}}`,
		`{"username":"N","id":"11111111-1111-1111-1111-111111111111"}`,
		`{"username":"N","enabled":"true"}`,
		`{"username":"N","enabled":"x"}`,
		`{"username":"N","email":""}`,
		`{"username":"N","email":5}`,
		`{"username":"N","firstName":{"a":1}}`,
		`{"username":"N","groups":["/a"]}`,
		`{"username":"N","groups":["a","/x/y"]}`,
		`{"username":"N","groups":["/missing"]}`,
		`{"username":"N","groups":["/A"]}`,
		`{"username":"N","realmRoles":["offline_access"],"clientRoles":{"realm-management":["realm-admin"]}}`,
		`{"username":"N","federatedIdentities":[{"identityProvider":"nope","userId":"1"}]}`,
		`{"username":"N","createdTimestamp":1000000000000}`,
		`{}`, `{"username":""}`, `{"username":" "}`, `{"username":null}`,
	} {
		name := fmt.Sprintf("new%02d", i)
		p.raw(http.MethodPost, "/users", strings.Replace(strings.ReplaceAll(body, `"N"`, `"`+name+`"`), "-N@", name+"@", 1))
		users, err := p.c.Users(p.ctx, keycloak.UserQuery{Username: name})
		for j := range users {
			p.know(users[j].ID, name)
			groups, err := p.c.UserGroups(p.ctx, mustUser(p, users[j].ID))
			p.got("groups of "+name, paths(groups), err)
		}
		p.got("stored as "+name, users, err)
	}
	p.user(keycloak.NewUser{Username: "dup", Email: "dup@x.test"})
	p.raw(http.MethodPost, "/users", `{"username":"dup@x.test"}`)
	p.raw(http.MethodPost, "/users", `{"username":"dup2","email":"dup"}`)
	p.raw(http.MethodPost, "/users", `{"username":"DUP","email":"nope"}`)
}

func mustUser(p *probe, id string) keycloak.UserID {
	p.t.Helper()
	out, err := keycloak.ParseUserID(id)
	if err != nil {
		p.t.Fatalf("ParseUserID(%q) = %v", id, err)
	}
	return out
}

// passwords tests a password that is set with a creation and with an update, in the same transaction.
func passwords(p *probe) {
	permanent, temporary := keycloak.NewUserPassword("s3cret", false), keycloak.NewUserPassword("0ther", true)
	id := p.user(keycloak.NewUser{Username: "pw1", Email: "pw1@x.test", FirstName: "F", LastName: "L", Enabled: true, Password: permanent})
	p.login("created", "pw1", "s3cret")
	p.err("update", p.c.UpdateUser(p.ctx, id, keycloak.UserUpdate{Password: keycloak.NewUserPassword("n3w", false)}))
	p.login("updated, old", "pw1", "s3cret")
	p.login("updated, new", "pw1", "n3w")
	p.state("pw1", id)
	first := p.user(keycloak.NewUser{Username: "pw2", Email: "pw2@x.test", FirstName: "F", LastName: "L", Enabled: true, Password: temporary})
	p.raw(http.MethodGet, "/users/"+first.String(), "")
	p.login("temporary", "pw2", "0ther")
}

// login writes down whether a password is correct.
func (p *probe) login(label, username, password string) {
	p.t.Helper()
	status, data := p.form("/realms/"+p.r.Name.String()+"/protocol/openid-connect/token", url.Values{
		"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {username}, "password": {password},
	})
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		p.t.Fatal(err)
	}
	p.got("login "+label, fmt.Sprint(status, " ", answer.Error, " ", answer.Description), nil)
}

func userUpdate(p *probe) {
	p.user(keycloak.NewUser{Username: "taken", Email: "taken@x.test"})
	const root = `"username":"U","email":"U@x.test","firstName":"F","lastName":"L"`
	for i, body := range []string{
		`{}`, `{"enabled":false}`, `{"enabled":null}`, `{"firstName":"N"}`, `{"firstName":5}`, `{"firstName":"  "}`,
		`{"email":""}`, `{"email":null}`, `{"firstName":""}`,
		`{"username":"U","attributes":{"dept":["B"],"tags":["x","y"]}}`,
		`{"attributes":{"dept":["B"]}}`, `{"attributes":[]}`,
		`{` + root + `,"attributes":{"dept":["A"]}}`,
		`{` + root + `,"attributes":{}}`,
		`{` + root + `,"attributes":null}`,
		`{` + root + `,"attributes":{"dept":[],"tags":["x","y"]}}`,
		`{` + root + `,"attributes":{"dept":[""],"tags":["","x"]}}`,
		`{` + root + `,"attributes":{"dept":null,"tags":["x","y"]}}`,
		`{` + root + `,"attributes":{"dept":"B"}}`,
		`{` + root + `,"attributes":{"tags":[1,true]}}`,
		`{"username":"U","email":"","firstName":"F","lastName":"L","attributes":{"dept":["A"],"tags":["x","y"]}}`,
		`{` + root + `,"attributes":{"dept":["A"],"tags":["x","y"],"email":["z@x.test"]}}`,
		`{"username":"U","firstName":"F","lastName":"L","attributes":{"dept":["A"],"email":["z@x.test"]}}`,
		`{"email":"changed-U@x.test"}`, `{"email":"changed-U@x.test","emailVerified":true}`,
		`{"username":"U","enabled":true}`, `{"foo":1}`, `{"id":"00000000-0000-0000-0000-000000000000","firstName":"N"}`,
		`{"createdTimestamp":1000}`, `{"requiredActions":["UPDATE_PASSWORD"]}`, `{"requiredActions":["NOPE"]}`,
		`{"email":"nope"}`, `{"email":"nope","firstName":"<b>"}`,
		`{` + root + `,"attributes":{"dept":["A","B"]}}`,
		`{"email":"taken@x.test"}`, `{"email":"TAKEN@x.test"}`,
		`{"username":"other"}`, `{"username":"taken"}`, `{` + strings.Replace(root, `"U"`, `"other"`, 1) + `,"attributes":{}}`,
		`{"username":"UPPER"}`, `{"username":""}`, `{"username":"","attributes":{}}`,
		`{` + root + `,"attributes":{"ro":["new"]}}`,
		`{` + root + `,"attributes":{"long":["` + strings.Repeat("l", 5000) + `"]}}`,
		`{"groups":["/nope"]}`, `{"notBefore":5}`, `{"email":"taken"}`, `{"email":"U@other.test","username":"U"}`,
	} {
		name := fmt.Sprintf("upd%02d", i)
		id := p.user(keycloak.NewUser{
			Username: name, Email: name + "@x.test", FirstName: "F", LastName: "L", Enabled: true,
			Attributes: map[string][]string{"dept": {"A"}, "tags": {"x", "y"}},
		})
		body = strings.NewReplacer(`"U"`, `"`+name+`"`, "UPPER", strings.ToUpper(name), "U@", name+"@").Replace(body)
		p.raw(http.MethodPut, "/users/"+id.String(), body)
		p.state(name, id)
		p.raw(http.MethodGet, "/users/"+id.String(), "")
	}
}

func userValidators(p *probe) {
	id := p.user(keycloak.NewUser{Username: "target", Enabled: true})
	long := strings.Repeat
	for _, email := range []string{
		"a@b", "o'neil@acme.com", "a b@x.test", "a@x_y.test", "a@-x.test", "a@x..test", ".a@x.test", "a.@x.test", `"q q"@x.test`,
		"a@[1.2.3.4]", "a@x.test.", "a,b@x.test", "a@1.2.3.4", "ü@ü.test", "a@x.test ", "a/b@x.test", "a+b@x.test", "a@b@c.test",
		"a@x-.test", "a..b@x.test", "a!#$%&*=?^_`{|}~b@x.test", long("l", 64) + "@x.test", long("l", 65) + "@x.test",
		"a@" + long("d", 63) + ".test", "a@" + long("d", 64) + ".test", "a@" + long(long("d", 60)+".", 4) + "test",
		"a@" + long(long("d", 60)+".", 4) + "testtesttes", "guest#EXT#@x.onmicrosoft.com", "@x.test", "a@",
	} {
		p.err("e-mail "+short(email), p.c.UpdateUser(p.ctx, id, keycloak.UserUpdate{Email: &email}))
	}
	for _, name := range []string{
		"O'Neil", "a,b", "a;b", "a:b", "a(b", "a)b", "a`b", "a@b", "a+b", "a.b", "a_b", "a\tb", "a#b", " lead", "  ", "a¡b", long("x", 255),
		long("x", 256), "a[b", "a]b", "a?b", "a%b", "a!b", "a~b", "a*b", `a\b`, "a|b", "a^b", "a=b", "a{b", "a}b", "a§b", "a/b", "a&b", `a"b`,
		"a$b", "a<b", "a>b", "a\u2028b", "a\u0085b", "a\u00a0b", "Zoë 🦊", long("🦊", 128), long("🦊", 127), "日本",
	} {
		p.err("name "+short(name), p.c.UpdateUser(p.ctx, id, keycloak.UserUpdate{FirstName: &name}))
	}
	for _, name := range []string{
		"a", "ab", "abc", "a b", " trimme ", "a+b@c.d_e-f", "jürgen.ä", "日本語", "аbc", "aαb", "µµµ", "ªªª", "a€bc", "a¡bc", "o'neil", "a\u0085b",
		long("u", 255), long("v", 256), `DOMAIN\user`, "user&co@x.com", "guest#ext#@x.onmicrosoft.com", "a[b", "a]b", "a{b", "a}b", "a<b", "a>b",
		`a"b`, "a$b", "a%b", "a!b", "a?b", "a§b", "a,b", "a;b", "a(b", "a)b", "a/b", "a:b", "a*b", "a|b", "a^b", "a~b", "a`b", "a=b", "a\u00a0b", "x\ty",
	} {
		u, err := p.c.CreateUser(p.ctx, keycloak.NewUser{Username: name})
		p.know(u.String(), "CREATED")
		p.got("user name "+short(name), u.String(), err)
	}
}

func short(text string) string {
	if len(text) > 80 {
		return fmt.Sprintf("%.60q… of %d bytes", text, len(text))
	}
	return fmt.Sprintf("%q", text)
}

func attributeValues(p *probe) {
	full := func(id keycloak.UserID, attributes map[string][]string) error {
		u, err := p.c.User(p.ctx, id)
		if err != nil {
			return err
		}
		return p.c.UpdateUser(p.ctx, id, keycloak.UserUpdate{
			Username: &u.Username, Email: &u.Email, FirstName: &u.FirstName, LastName: &u.LastName, Attributes: attributes,
		})
	}
	for i, values := range [][]string{
		{"c", "a", "b", "10", "9"}, {"a", "b", "a"}, {"x", "", "y"}, {""}, {" "}, {" x "}, {"l1\nl2\tz"}, {"🦊日本"}, {},
	} {
		id := p.user(keycloak.NewUser{Username: fmt.Sprintf("values%d", i), Attributes: map[string][]string{"tags": values, "free": values}})
		p.state(fmt.Sprintf("values %q", values), id)
	}
	id := p.user(keycloak.NewUser{Username: "order", Email: "o@x.test", Attributes: map[string][]string{"tags": {"a", "b"}}})
	for _, values := range [][]string{{"b", "a"}, {"b", "c", "a", "d"}, {"d", "b", "a"}, {"a", "b", "b"}, {"a", "a", "b"}, {"x"}, {"X"}, {}, {"b", "a"}} {
		label := fmt.Sprintf("after an update to %q", values)
		if len(values) == 2 && len(p.entries) > 20 {
			label += ", from none"
		}
		p.err(label, full(id, map[string][]string{"tags": values}))
		p.state(label, id)
	}
	for _, name := range []string{"free", "dept", "short", "long"} {
		for _, n := range []int{10, 11, 255, 256, 2048, 2049, 20000, 20001} {
			p.err(fmt.Sprintf("%s of %d characters", name, n), full(id, map[string][]string{name: {strings.Repeat("v", n)}}))
		}
	}
	p.err("emoji count twice", full(id, map[string][]string{"free": {strings.Repeat("🦊", 1024)}}))
	p.err("emoji count twice, one more", full(id, map[string][]string{"free": {strings.Repeat("🦊", 1024) + "x"}}))
	names := []string{
		"scim.externalId", "urn:ietf:params:scim:schemas:core:2.0:User:x", "a:b", "a/b", "a b", "ünï", `q"x`, "UPPER", "upper", "$ref", "a=b", "a,b", "a%b", `a\b`,
		strings.Repeat("x", 255),
	}
	odd := map[string][]string{}
	for _, name := range names {
		odd[name] = []string{"v1"}
	}
	p.state("odd names", p.user(keycloak.NewUser{Username: "oddnames", Attributes: odd}))
	_, err := p.c.CreateUser(p.ctx, keycloak.NewUser{Username: "longname", Attributes: map[string][]string{strings.Repeat("x", 256): {"v"}}})
	p.err("name of 256 characters", err)
	p.err("attributes without fields are refused by us", p.c.UpdateUser(p.ctx, id, keycloak.UserUpdate{Attributes: odd}))
}

// undeclaredAttributes tests all policies with one user.
func undeclaredAttributes(p *probe) {
	policy := func(name string) {
		profile, err := p.admin.UserProfile(p.ctx)
		p.got("profile before "+name, profile, err)
		profile.UnmanagedPolicy = name
		if profile.Attribute("dept") == nil {
			profile.Attributes = append(profile.Attributes, declaredAttributes()[0])
		}
		p.err("policy "+name, p.admin.UpdateUserProfile(p.ctx, profile))
	}
	put := func(label, id, attributes string) {
		p.rawAs(label, http.MethodPut, "/users/"+id, `{"username":"jdoe","email":"j@x.test","attributes":`+attributes+`}`, "application/json")
	}
	id := p.user(keycloak.NewUser{Username: "jdoe", Email: "j@x.test", Attributes: map[string][]string{"dept": {"d"}, "free": {"v"}}})
	p.state("undeclared, no policy", id)
	policy("ADMIN_VIEW")
	put("write under ADMIN_VIEW", id.String(), `{"dept":["d"],"free":["v"]}`)
	p.state("write under ADMIN_VIEW", id)
	policy("ADMIN_EDIT")
	put("write under ADMIN_EDIT", id.String(), `{"dept":["d"],"free":["v"]}`)
	p.state("write under ADMIN_EDIT", id)
	p.rawAs("policy none", http.MethodPut, "/users/profile", profileText(p), "application/json")
	p.state("hidden without policy", id)
	put("write while hidden", id.String(), `{"dept":["e"]}`)
	p.state("write while hidden", id)
	policy("ENABLED")
	p.state("seen again", id)
	put("write under ENABLED", id.String(), `{"dept":["e"],"free":["w"]}`)
	p.state("write under ENABLED", id)
}

// profileText is the profile without a policy.
func profileText(p *probe) string {
	p.t.Helper()
	_, _, data := p.send(http.MethodGet, "/users/profile", "", "")
	return strings.Replace(string(data), `"unmanagedAttributePolicy":"ADMIN_EDIT"`, `"unmanagedAttributePolicy":null`, 1)
}

func renames(p *probe) {
	p.user(keycloak.NewUser{Username: "taken"})
	id := p.user(keycloak.NewUser{Username: "old.name", Email: "o@x.test", Attributes: map[string][]string{"k": {"v"}}})
	p.user(keycloak.NewUser{Username: "somebody", Email: "somebody@x.test"})
	for _, name := range []string{"Renamed.X", "taken", "a b", "renamed.x", "somebody@x.test", "o@x.test"} {
		p.err("rename to "+name, p.c.UpdateUser(p.ctx, id, keycloak.UserUpdate{Username: &name}))
		p.state("rename to "+name, id)
	}
	for _, body := range []string{`{"email":"o@x.test","attributes":{}}`, `{"firstName":"F"}`, `{"username":""}`, `{"username":null,"attributes":{}}`} {
		p.raw(http.MethodPut, "/users/"+id.String(), body)
	}
	p.state("in the end", id)
}

func emailAsUsername(p *probe) {
	p.raw(http.MethodPut, "", `{"registrationEmailAsUsername":true}`)
	settings, err := p.c.RealmSettings(p.ctx)
	p.know(settings.DefaultRole.ID, "default role")
	p.know(settings.DefaultRole.ContainerID, "realm")
	p.got("RealmSettings", settings, err)
	for _, u := range []keycloak.NewUser{{Username: "eau", Email: "Eau@x.test"}, {Username: "none"}, {Username: "", Email: "e2@x.test"}} {
		id, err := p.c.CreateUser(p.ctx, u)
		p.know(id.String(), u.Email)
		p.got("CreateUser "+u.Username+" "+u.Email, id.String(), err)
		if err != nil {
			continue
		}
		p.state("CreateUser "+u.Email, id)
		email, name := "changed-"+strings.ToLower(u.Email), "other"
		p.err("change of e-mail "+u.Email, p.c.UpdateUser(p.ctx, id, keycloak.UserUpdate{Email: &email}))
		p.state("change of e-mail "+u.Email, id)
		p.err("change of name "+u.Email, p.c.UpdateUser(p.ctx, id, keycloak.UserUpdate{Username: &name}))
		p.state("change of name "+u.Email, id)
	}
}

func brokenUserBodies(p *probe) {
	id := p.user(keycloak.NewUser{Username: "jdoe"})
	for _, body := range []string{``, `null`, `{`, `[]`, `"x"`, `{"foo":[1,2],"username":"x1x"}`, `{"username":"x1x","foo":1}`} {
		p.raw(http.MethodPost, "/users", body)
		p.raw(http.MethodPut, "/users/"+id.String(), body)
	}
	p.rawAs("text/plain", http.MethodPost, "/users", `{"username":"x1x"}`, "text/plain")
	p.raw(http.MethodGet, "/users/a%2Fb", "")
	p.raw(http.MethodGet, "/users/nope", "")
	p.raw(http.MethodPut, "/users/nope", "{}")
	p.raw(http.MethodDelete, "/users/nope", "")
}
