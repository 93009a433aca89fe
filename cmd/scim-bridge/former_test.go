package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// former makes an account as another SCIM server left it: with a value that the tenant shows as its
// externalId, and without a look-up key.
func (b testBridge) former(t *testing.T, name, value string) string {
	t.Helper()
	id, err := b.admin.CreateUser(t.Context(), keycloak.NewUser{
		Username: name, Email: name + "@acme.test", EmailVerified: true, FirstName: "F", LastName: "L", Enabled: true, Attributes: map[string][]string{"externalId": {value}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// rewrite changes attributes of an account as somebody does in the console; no value is none.
func (b testBridge) rewrite(t *testing.T, id string, attributes map[string][]string) {
	t.Helper()
	user := b.user(t, id)
	for name, values := range attributes {
		if user.Attributes[name] = values; len(values) == 0 {
			delete(user.Attributes, name)
		}
	}
	if err := b.admin.UpdateUser(t.Context(), userID(t, id), keycloak.UserUpdate{
		Username: &user.Username, Email: &user.Email, FirstName: &user.FirstName, LastName: &user.LastName, Attributes: user.Attributes,
	}); err != nil {
		t.Fatal(err)
	}
}

// finds reports the ids that a filter finds, sorted.
func (b testBridge) finds(t *testing.T, filter string) []string {
	t.Helper()
	list, err := b.Find(t.Context(), "/Users", filter, "")
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	out := make([]string, len(list))
	for i, found := range list {
		out[i], _ = found["id"].(string)
	}
	slices.Sort(out)
	return out
}

// wantFound says whom a filter finds.
func (b testBridge) wantFound(t *testing.T, filter string, ids ...string) {
	t.Helper()
	slices.Sort(ids)
	if got := b.finds(t, filter); !slices.Equal(got, ids) {
		t.Errorf("%s finds %v, want %v", filter, got, ids)
	}
}

// TestAUserOfAFormerServerIsFound by the externalId that it is shown with, whatever that is, with an index and
// without one, and by the key of its own from the first write on.
func TestAUserOfAFormerServerIsFound(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBridgeOn(t, start(t), nil)
			values := map[string]string{
				"plain": "00u1", "blank": "Jane Doe", "quotes": `Jane "the boss" O'Neil`, "colons": "urn:x:y", "percent": "a%20b", "wide": "Jäne 日本 🦊", "slash": `ACME\jane`,
				"long": strings.Repeat("long-", 60), "backslash": `ends in a backslash\`, "both": `a\"b`,
			}
			ids := map[string]string{}
			for name, value := range values {
				ids[name] = b.former(t, name, value)
			}
			look := func(when string) {
				for name, value := range values {
					t.Log(when, name)
					eq := "externalId eq " + quoted(t, value)
					b.wantFound(t, eq, ids[name])
					b.wantFound(t, eq+` and userName eq "nobody"`)
					b.wantFound(t, eq+` and active eq true`, ids[name])
					b.wantFound(t, eq+` or externalId eq "none"`, ids[name])
					b.wantFound(t, "externalId eq "+quoted(t, value+"x"))
				}
				b.wantFound(t, `externalId eq "00U1"`)
			}
			look("without an index")
			b.wantFound(t, `userName eq "plain" and title pr`)
			b.wantFound(t, `title pr`)
			b.pass(time.Microsecond) // the index stays fresh
			look("with an index")
			for name := range values {
				b.must(t, http.MethodPatch, "/Users/"+ids[name], patchBody(`{"op":"add","path":"title","value":"Boss"}`))
				if keys := b.user(t, ids[name]).Attributes["scim.key"]; len(keys) != 1 {
					t.Errorf("%s has the keys %v after a write, want one", name, keys)
				}
			}
			look("after a write")
		})
	}
}

// TestWhatIsShownIsWhatIsFound: a value that somebody changed in Keycloak is found, and the one before is nobody's, but for those
// who have it.
func TestWhatIsShownIsWhatIsFound(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBridgeOn(t, start(t), nil)
			jane, joe := b.create(t, "/Users", `{"userName":"jane","externalId":"A"}`), b.create(t, "/Users", `{"userName":"joe","externalId":"J"}`)
			b.rewrite(t, jane, map[string][]string{"externalId": {"B"}})
			b.wantFound(t, `externalId eq "A"`)
			b.wantFound(t, `externalId eq "B"`, jane)
			other := b.former(t, "other", "A")
			b.wantFound(t, `externalId eq "A"`, other)
			b.rewrite(t, joe, map[string][]string{"scim.key": nil})
			b.wantFound(t, `externalId eq "J"`, joe)
			b.rewrite(t, joe, map[string][]string{"externalId": nil})
			b.wantFound(t, `externalId eq "J"`)
			b.must(t, http.MethodPut, "/Users/"+jane, `{"userName":"jane"}`)
			b.wantFound(t, `externalId eq "B"`, jane)
			if got := b.user(t, jane).Attributes["scim.key"]; len(got) != 1 || !strings.HasPrefix(got[0], "realm|B|") {
				t.Errorf("after a write the key is %v", got)
			}
		})
	}
}

// TestAnOrganizationDoesNotTakeTheRealmsExternalID: the attribute on a member's account is not what the organization's client sent.
func TestAnOrganizationDoesNotTakeTheRealmsExternalID(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			acme := c.of["acme"]
			jane := c.realm.former(t, "jane", "A")
			c.admit(t, jane, "acme")
			look := func() {
				t.Helper()
				c.realm.wantFound(t, `externalId eq "A"`, jane)
				acme.wantFound(t, `externalId eq "A"`)
				if got := acme.must(t, http.MethodGet, "/Users/"+jane, "")["externalId"]; got != nil {
					t.Errorf("the organization shows %v", got)
				}
			}
			look()
			for _, b := range []testBridge{acme, c.realm} {
				b.wantFound(t, `nickName pr`)
				b.pass(time.Microsecond) // the indexes stay fresh
			}
			look()
			acme.must(t, http.MethodPatch, "/Users/"+jane, patchBody(`{"op":"add","path":"externalId","value":"O"}`))
			c.realm.wantFound(t, `externalId eq "O"`)
			acme.wantFound(t, `externalId eq "O"`, jane)
			c.realm.wantFound(t, `externalId eq "A"`, jane)
		})
	}
}

// TestAdoptionKeysFormerValues: the command lets look-ups find by the key whom it takes over, and
// mends those that are the tenant's already.
func TestAdoptionKeysFormerValues(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBridgeOn(t, start(t), nil)
			file := b.controlled(t)
			jane, own := b.former(t, "jane", "A"), b.create(t, "/Users", `{"userName":"own","externalId":"O"}`)
			b.rewrite(t, own, map[string][]string{"scim.key": nil})
			before := b.user(t, own)
			b.adoptions(t, file, b.realm, "--dry-run")
			if got := b.user(t, own).Attributes["scim.key"]; len(got) != 0 {
				t.Errorf("a dry run wrote %v", got)
			}
			b.adoptions(t, file, b.realm)
			for _, id := range []string{jane, own} {
				if got := b.user(t, id).Attributes["scim.key"]; len(got) != 1 {
					t.Errorf("%s has the keys %v, want one", id, got)
				}
			}
			after := b.user(t, own)
			delete(after.Attributes, "scim.key")
			delete(after.Attributes, "scim.modified")
			delete(before.Attributes, "scim.modified")
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the account that was the tenant's already (-before +after):\n%s", diff)
			}
		})
	}
}

// TestCallsOfFormerValues: a hit by the key is one call; a miss is one where an index knows who has no key, and
// one more where none does; who has no key is read beside. No look-up writes.
func TestCallsOfFormerValues(t *testing.T) {
	t.Parallel()
	const look = "GET /users"
	b := newCallBridge(t)
	b.create(t, "/Users", `{"userName":"jane","externalId":"J"}`)
	old := b.former(t, "old", "O")
	calls := func(when string, filter string, want ...string) {
		t.Helper()
		if got := b.calls(func() { b.finds(t, filter) }); !slices.Equal(got, want) {
			t.Errorf("%s, %s calls %v, want %v", when, filter, got, want)
		}
	}
	calls("without an index", `externalId eq "J"`, look)
	calls("without an index", `externalId eq "none"`, look, look)
	calls("without an index", `externalId eq "O"`, look, look)
	b.wantFound(t, `title pr`) // makes the index
	b.pass(time.Microsecond)   // which stays fresh
	calls("with an index", `externalId eq "J"`, look)
	calls("with an index", `externalId eq "none"`, look)
	calls("with an index", `externalId eq "O"`, look, look)
	b.must(t, http.MethodPatch, "/Users/"+old, patchBody(`{"op":"add","path":"title","value":"t"}`))
	calls("after a write", `externalId eq "O"`, look)
}

// TestManyMissesMakeAnIndex: as many searches as a scan is worth begin one, and from then on the
// index answers.
func TestManyMissesMakeAnIndex(t *testing.T) {
	t.Parallel()
	b := newCallBridge(t)
	directory := b.app.Service.Directory()
	n := 0
	for ; n < 1000 && !directory.Knows(b.realm); n++ {
		b.finds(t, `externalId eq "none"`)
	}
	if n != 100 {
		t.Errorf("%d misses began a scan, want 100", n)
	}
}

// TestTheMetricCountsWhatIsLeft of former values, as the index knows them.
func TestTheMetricCountsWhatIsLeft(t *testing.T) {
	t.Parallel()
	c := newCustomers(t, keycloaktest.NewFake(t).Server(), nil)
	b, acme := c.realm, c.of["acme"]
	for _, name := range []string{"one", "two", "three"} {
		c.admit(t, b.former(t, name, "V-"+name[:1]), "acme")
	}
	for _, of := range []testBridge{b, acme} {
		of.finds(t, `title pr`)
	}
	metric := func(what, path, want string) {
		t.Helper()
		begin := `scim_bridge_external_ids_` + what + `{tenant="` + path + `"} `
		if got := b.metric(t, begin); got != begin+want {
			t.Errorf("%s of %s = %q, want %q", what, path, got, want)
		}
	}
	metric("without_key", b.realm, "3")
	metric("shared", b.realm, "2")
	metric("without_key", tenant.OrganizationPath(b.realm, "acme"), "0")
	metric("shared", tenant.OrganizationPath(b.realm, "acme"), "0")
	b.must(t, http.MethodPatch, "/Users/"+b.finds(t, `userName eq "two"`)[0], patchBody(`{"op":"add","path":"title","value":"t"}`))
	b.finds(t, `title pr`)
	metric("without_key", b.realm, "2")
}
