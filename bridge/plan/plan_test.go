package plan_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

const key = "realm"

func owner() mapping.Owner { return mapping.Owner{Key: key} }

func now() time.Time { return time.Date(2026, 1, 31, 8, 30, 0, 0, time.UTC) }

// state maps a document of a user.
func state(t *testing.T, text string) mapping.UserState {
	t.Helper()
	object, err := scim.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := scim.UserType().Canonical(object)
	if err != nil {
		t.Fatal(err)
	}
	s, err := mapping.Default(scim.Tolerant).UserState(owner(), doc)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// current returns what Keycloak stores after the creation of a user.
func current(t *testing.T, text string) keycloak.User {
	t.Helper()
	_, user := plan.ForNewUser(owner(), state(t, text), plan.Joining{}, nil, now())
	user.ID = "u1"
	return user
}

// TestForUser: the present state, the wanted state, the steps.
func TestForUser(t *testing.T) {
	t.Parallel()
	const all = "update_user u1 [username email firstName lastName attributes]"
	for name, c := range map[string]struct{ before, after, want string }{
		"nothing changes":                          {`{"userName":"Jane","title":"t"}`, `{"userName":"Jane","title":"t"}`, ""},
		"active left out is as it is":              {`{"userName":"j","active":false}`, `{"userName":"j"}`, ""},
		"a name alone is a PUT without attributes": {`{"userName":"j","title":"t"}`, `{"userName":"j","title":"t","name":{"givenName":"J"}}`, "update_user u1 [firstName]"},
		"an address is said with emailVerified":    {`{"userName":"j"}`, `{"userName":"j","emails":[{"value":"a@b.c","primary":true}]}`, "update_user u1 [email emailVerified]"},
		"an address in another case is the same":   {`{"userName":"j","emails":[{"value":"a@b.c","primary":true}]}`, `{"userName":"j","emails":[{"value":"A@b.c","primary":true}]}`, all},
		"an attribute is a PUT of everything":      {`{"userName":"j"}`, `{"userName":"j","title":"t"}`, all},
		"a rename":                                 {`{"userName":"j"}`, `{"userName":"k"}`, "update_user u1 [username]"},
		"deactivation ends access whatever comes":  {`{"userName":"j"}`, `{"userName":"j","active":false}`, "update_user u1 [enabled]\nend_sessions u1"},
		"activation ends what a deactivation left": {`{"userName":"j","active":false}`, `{"userName":"j","active":true}`, "end_sessions u1\nupdate_user u1 [enabled]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := keycloak.ParseUserID("u1")
			if err != nil {
				t.Fatal(err)
			}
			got, _ := plan.ForUser(owner(), id, current(t, c.before), state(t, c.after), now())
			if got.String() != c.want {
				t.Errorf("plan = %q, want %q", got, c.want)
			}
		})
	}
}

// TestAUserOfTheConsole is not written when nothing changes, and a change does not make the tenant
// its owner.
func TestAUserOfTheConsole(t *testing.T) {
	t.Parallel()
	id, err := keycloak.ParseUserID("u1")
	if err != nil {
		t.Fatal(err)
	}
	bob := keycloak.User{ID: "u1", Username: "bob", Email: "bob@a.b", FirstName: "Bob", Enabled: true}
	read, err := mapping.Default(scim.Tolerant).UserResource(owner(), bob)
	if err != nil {
		t.Fatal(err)
	}
	s, err := mapping.Default(scim.Tolerant).UserState(owner(), read.Document)
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := plan.ForUser(owner(), id, bob, s, now()); len(p) != 0 {
		t.Errorf("plan of no change = %q, want none", p)
	}
	read.Document["title"] = "t"
	if s, err = mapping.Default(scim.Tolerant).UserState(owner(), read.Document); err != nil {
		t.Fatal(err)
	}
	_, after := plan.ForUser(owner(), id, bob, s, now())
	if after.Attributes[mapping.AttrOwner] != nil || after.Attributes[mapping.AttrRemainder] == nil {
		t.Errorf("attributes = %v, want the title and no owner", after.Attributes)
	}
	if made := current(t, `{"userName":"j"}`); len(made.Attributes[mapping.AttrOwner]) != 1 {
		t.Errorf("attributes of a new user = %v, want an owner", made.Attributes)
	}
}

// TestALockedOutUser is not disabled by an unchanged document, but is disabled when a client asks
// for it.
func TestALockedOutUser(t *testing.T) {
	t.Parallel()
	id, err := keycloak.ParseUserID("u1")
	if err != nil {
		t.Fatal(err)
	}
	locked := current(t, `{"userName":"j"}`)
	locked.Enabled = false
	locked.Attributes["disabledReason"] = []string{"permanentlyLocked"}
	echo, err := mapping.Default(scim.Tolerant).UserResource(owner(), locked)
	if err != nil {
		t.Fatal(err)
	}
	s, err := mapping.Default(scim.Tolerant).UserState(owner(), echo.Document)
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := plan.ForUser(owner(), id, locked, s, now()); len(p) != 0 {
		t.Errorf("plan of an echo = %q, want none", p)
	}
	p, after := plan.ForUser(owner(), id, locked, state(t, `{"userName":"j","active":false}`), now())
	if p.String() != "update_user u1 [enabled]\nend_sessions u1" || mapping.Enabled(after) {
		t.Errorf("plan of a deactivation = %q, active afterwards %t", p, mapping.Enabled(after))
	}
}

func TestForGroup(t *testing.T) {
	t.Parallel()
	m := mapping.Default(scim.Tolerant)
	group := func(doc scim.Document) mapping.GroupState {
		s, err := m.GroupState(doc)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	p, made := plan.ForNewGroup(owner(), group(scim.Document{"displayName": "g", "externalId": "x"}), keycloak.GroupID{}, nil, plan.Roles{}, nil, now())
	if len(p) != 1 {
		t.Fatalf("plan = %q, want one step", p)
	}
	made.ID = "g1"
	for name, c := range map[string]struct {
		doc  scim.Document
		want string
	}{
		"nothing changes":   {scim.Document{"displayName": "g", "externalId": "x"}, ""},
		"a rename":          {scim.Document{"displayName": "h", "externalId": "x"}, "update_group g1 name=true attributes=true"},
		"another attribute": {scim.Document{"displayName": "g", "externalId": "y"}, "update_group g1 name=false attributes=true"},
	} {
		got, after := plan.ForGroup(key, made, group(c.doc), now().Add(time.Second))
		if got.String() != c.want {
			t.Errorf("%s: plan = %q, want %q", name, got, c.want)
		}
		r, err := m.GroupResource(key, after)
		if diff := cmp.Diff(c.doc, r.Document); err != nil || diff != "" {
			t.Errorf("%s: the group afterwards differs (-want +got): %v\n%s", name, err, diff)
		}
	}
}

// TestAPlanShowsNoValues, so that it may be logged.
func TestAPlanShowsNoValues(t *testing.T) {
	t.Parallel()
	p, _ := plan.ForNewUser(owner(), state(t, `{"userName":"secretname","externalId":"secretid","emails":[{"value":"secret@a.b"}],"title":"secret"}`), plan.Joining{}, nil, now())
	if strings.Contains(p.String(), "secret") {
		t.Errorf("plan = %q, which shows values", p)
	}
}

// TestForUserRoles plans the difference, with one step for the realm and one for each client.
// Granted roles are recorded before the grant, and the records of revoked roles are removed
// afterwards. Only roles that are recorded, or that the file owns, are revoked.
func TestForUserRoles(t *testing.T) {
	t.Parallel()
	realm := func(name string) keycloak.RoleName { return keycloak.RoleName{Name: name} }
	shop := func(name string) keycloak.RoleName { return keycloak.RoleName{Client: "shop", Name: name} }
	all := []keycloak.RoleName{realm("a"), realm("b"), {Client: "app", Name: "a"}, shop("a"), shop("b")}
	known := map[keycloak.RoleName]keycloak.Role{}
	for _, n := range all {
		known[n] = keycloak.Role{Client: n.Client, Name: n.Name}
	}
	list := func(names ...keycloak.RoleName) []keycloak.RoleName { return names }
	recorded := func(names ...keycloak.RoleName) (out []string) {
		for _, n := range names {
			out = append(out, key+"|"+n.String())
		}
		return out
	}
	const put = "update_user u [username email firstName lastName attributes]"
	for name, c := range map[string]struct {
		has, wanted, listed, owned []keycloak.RoleName
		recorded                   []string
		want                       string
		after                      []string
	}{
		"nothing listed":            {has: all},
		"as it is, by hand":         {has: all, wanted: all, listed: all},
		"as it is, granted":         {has: all, wanted: all, listed: all, recorded: recorded(all...), after: recorded(all...)},
		"all":                       {wanted: all, listed: all, want: put + "\ngrant_roles u [a b]\ngrant_roles u [app/a]\ngrant_roles u [shop/a shop/b]", after: recorded(all...)},
		"broken off":                {wanted: all[:2], listed: all, recorded: recorded(all[:2]...), want: "grant_roles u [a b]", after: recorded(all[:2]...)},
		"none, granted":             {has: all, listed: all, recorded: recorded(all...), want: "revoke_roles u [a b]\nrevoke_roles u [app/a]\nrevoke_roles u [shop/a shop/b]\n" + put},
		"none, by hand":             {has: all, listed: all},
		"none, owned":               {has: all, listed: all, owned: all[:2], want: "revoke_roles u [a b]"},
		"taken, not yet forgotten":  {listed: all, recorded: recorded(all...), want: put},
		"taken by hand, and wanted": {wanted: all[:1], listed: all, recorded: recorded(all[:1]...), want: "grant_roles u [a]", after: recorded(all[:1]...)},
		"revoke, then grant": {
			has: list(realm("a")), wanted: list(shop("b")), listed: all, recorded: recorded(realm("a")),
			want: put + "\nrevoke_roles u [a]\ngrant_roles u [shop/b]\n" + put, after: recorded(shop("b")),
		},
		"one of a name":          {has: list(realm("a"), shop("a")), wanted: list(realm("a")), listed: list(realm("a"), shop("a")), recorded: recorded(shop("a")), want: "revoke_roles u [shop/a]\n" + put},
		"of a list that lost it": {has: list(realm("b")), listed: list(realm("a")), recorded: recorded(realm("b")), after: recorded(realm("b"))},
		"of another tenant":      {has: list(realm("a")), listed: all, recorded: []string{"other|a"}, after: []string{"other|a"}},
	} {
		id, err := keycloak.ParseUserID("u")
		if err != nil {
			t.Fatal(err)
		}
		user := keycloak.User{ID: "u", Username: "u", Attributes: map[string][]string{mapping.AttrRoles: c.recorded}}
		got, after := plan.ForUserRoles(owner(), id, nil, user, plan.Roles{Has: c.has, Rules: mapping.Roles{Wanted: c.wanted, Listed: c.listed, Owned: c.owned}, Known: known})
		if got.String() != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if diff := cmp.Diff(c.after, after.Attributes[mapping.AttrRoles], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: recorded is another (-want +got):\n%s", name, diff)
		}
	}
}

// TestTheGuideExplainsEveryKindOfStep that an audit record can have. The linter keeps KindOf complete.
func TestTheGuideExplainsEveryKindOfStep(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/guides/what-happened.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("step.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`(?m)^\tKind\w+ +Kind = "([a-z]+_[a-z]+)"$`).FindAllStringSubmatch(string(source), -1)
	if len(kinds) < 14 {
		t.Fatalf("step.go names %d kinds", len(kinds))
	}
	for _, kind := range kinds {
		if !strings.Contains(string(page), "`"+kind[1]+" ") {
			t.Errorf("the guide does not explain %s", kind[1])
		}
	}
}
