package directory_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestAUserOfAFormerServerIsFound by the externalId that the user shows, with any value, with an
// index and without. After the first write the user's own key finds the user.
func TestAUserOfAFormerServerIsFound(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			values := map[string]string{
				"plain": "00u1", "blank": "Jane Doe", "quotes": `Jane "the boss" O'Neil`, "colons": "urn:x:y", "percent": "a%20b", "wide": "Jäne 日本 🦊", "slash": `ACME\jane`,
				"long": strings.Repeat("long-", 60), "backslash": `ends in a backslash\`, "both": `a\"b`,
			}
			ids := map[string]string{}
			for name, value := range values {
				ids[name] = b.Former(t, name, value)
			}
			look := func(when string) {
				for name, value := range values {
					t.Log(when, name)
					eq := "externalId eq " + apptest.Quoted(t, value)
					b.WantFound(t, eq, ids[name])
					b.WantFound(t, eq+` and userName eq "nobody"`)
					b.WantFound(t, eq+` and active eq true`, ids[name])
					b.WantFound(t, eq+` or externalId eq "none"`, ids[name])
					b.WantFound(t, "externalId eq "+apptest.Quoted(t, value+"x"))
				}
				b.WantFound(t, `externalId eq "00U1"`)
			}
			look("without an index")
			b.WantFound(t, `userName eq "plain" and title pr`)
			b.WantFound(t, `title pr`)
			b.Pass(time.Microsecond) // the index stays fresh
			look("with an index")
			for name := range values {
				b.Must(t, http.MethodPatch, "/Users/"+ids[name], apptest.PatchBody(`{"op":"add","path":"title","value":"Boss"}`))
				if keys := b.InKeycloak(t, ids[name]).Attributes["scim.key"]; len(keys) != 1 {
					t.Errorf("%s has the keys %v after a write, want one", name, keys)
				}
			}
			look("after a write")
		})
	}
}

// TestWhatIsShownIsWhatIsFound: a value that somebody changed in Keycloak is found. The old value
// finds only users who still have it.
func TestWhatIsShownIsWhatIsFound(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			jane, joe := b.Create(t, "/Users", `{"userName":"jane","externalId":"A"}`), b.Create(t, "/Users", `{"userName":"joe","externalId":"J"}`)
			b.Rewrite(t, jane, map[string][]string{"externalId": {"B"}})
			b.WantFound(t, `externalId eq "A"`)
			b.WantFound(t, `externalId eq "B"`, jane)
			other := b.Former(t, "other", "A")
			b.WantFound(t, `externalId eq "A"`, other)
			b.Rewrite(t, joe, map[string][]string{"scim.key": nil})
			b.WantFound(t, `externalId eq "J"`, joe)
			b.Rewrite(t, joe, map[string][]string{"externalId": nil})
			b.WantFound(t, `externalId eq "J"`)
			b.Must(t, http.MethodPut, "/Users/"+jane, `{"userName":"jane"}`)
			b.WantFound(t, `externalId eq "B"`, jane)
			if got := b.InKeycloak(t, jane).Attributes["scim.key"]; len(got) != 1 || !strings.HasPrefix(got[0], "realm|B|") {
				t.Errorf("after a write the key is %v", got)
			}
		})
	}
}

// TestAnOrganizationDoesNotTakeTheRealmsExternalID: the organization's client did not send the
// attribute on a member's account.
func TestAnOrganizationDoesNotTakeTheRealmsExternalID(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			acme := c.Of["acme"]
			jane := c.Realm.Former(t, "jane", "A")
			c.Admit(t, jane, "acme")
			look := func() {
				t.Helper()
				c.Realm.WantFound(t, `externalId eq "A"`, jane)
				acme.WantFound(t, `externalId eq "A"`)
				if got := acme.Must(t, http.MethodGet, "/Users/"+jane, "")["externalId"]; got != nil {
					t.Errorf("the organization shows %v", got)
				}
			}
			look()
			for _, b := range []apptest.Bridge{acme, c.Realm} {
				b.WantFound(t, `nickName pr`)
				b.Pass(time.Microsecond) // the indexes stay fresh
			}
			look()
			acme.Must(t, http.MethodPatch, "/Users/"+jane, apptest.PatchBody(`{"op":"add","path":"externalId","value":"O"}`))
			c.Realm.WantFound(t, `externalId eq "O"`)
			acme.WantFound(t, `externalId eq "O"`, jane)
			c.Realm.WantFound(t, `externalId eq "A"`, jane)
		})
	}
}

// TestAdoptionKeysFormerValues: the command writes look-up keys for the users that it adopts, and
// for users that the tenant owns already.
func TestAdoptionKeysFormerValues(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			file := b.Controlled(t)
			jane, own := b.Former(t, "jane", "A"), b.Create(t, "/Users", `{"userName":"own","externalId":"O"}`)
			b.Rewrite(t, own, map[string][]string{"scim.key": nil})
			before := b.InKeycloak(t, own)
			b.Adoptions(t, file, b.Realm, "--dry-run")
			if got := b.InKeycloak(t, own).Attributes["scim.key"]; len(got) != 0 {
				t.Errorf("a dry run wrote %v", got)
			}
			b.Adoptions(t, file, b.Realm)
			for _, id := range []string{jane, own} {
				if got := b.InKeycloak(t, id).Attributes["scim.key"]; len(got) != 1 {
					t.Errorf("%s has the keys %v, want one", id, got)
				}
			}
			after := b.InKeycloak(t, own)
			delete(after.Attributes, "scim.key")
			delete(after.Attributes, "scim.modified")
			delete(before.Attributes, "scim.modified")
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the account that was the tenant's already (-before +after):\n%s", diff)
			}
		})
	}
}

// TestCallsOfFormerValues: a hit by the key is one call. A miss is one call when an index knows the
// users without a key, and two calls without an index. A user without a key needs one more read. No
// look-up writes.
func TestCallsOfFormerValues(t *testing.T) {
	t.Parallel()
	const look = "GET /users"
	b := apptest.NewCallBridge(t)
	b.Create(t, "/Users", `{"userName":"jane","externalId":"J"}`)
	old := b.Former(t, "old", "O")
	calls := func(when string, filter string, want ...string) {
		t.Helper()
		if got := b.Calls(func() { b.Finds(t, filter) }); !slices.Equal(got, want) {
			t.Errorf("%s, %s calls %v, want %v", when, filter, got, want)
		}
	}
	calls("without an index", `externalId eq "J"`, look)
	calls("without an index", `externalId eq "none"`, look, look)
	calls("without an index", `externalId eq "O"`, look, look)
	b.WantFound(t, `title pr`) // makes the index
	b.Pass(time.Microsecond)   // the index stays fresh
	calls("with an index", `externalId eq "J"`, look)
	calls("with an index", `externalId eq "none"`, look)
	calls("with an index", `externalId eq "O"`, look, look)
	b.Must(t, http.MethodPatch, "/Users/"+old, apptest.PatchBody(`{"op":"add","path":"title","value":"t"}`))
	calls("after a write", `externalId eq "O"`, look)
}

// TestManyMissesMakeAnIndex: after as many searches as a scan costs, a scan begins, and from then
// on the index answers.
func TestManyMissesMakeAnIndex(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	directory := b.App.Service.Directory()
	n := 0
	for ; n < 1000 && !directory.Knows(b.Realm); n++ {
		b.Finds(t, `externalId eq "none"`)
	}
	if n != 100 {
		t.Errorf("%d misses began a scan, want 100", n)
	}
}

// TestTheMetricCountsRemainingFormerValues: the metric counts the former values that the index knows.
func TestTheMetricCountsRemainingFormerValues(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.NewFake(t).Server(), nil)
	b, acme := c.Realm, c.Of["acme"]
	for _, name := range []string{"one", "two", "three"} {
		c.Admit(t, b.Former(t, name, "V-"+name[:1]), "acme")
	}
	for _, of := range []apptest.Bridge{b, acme} {
		of.Finds(t, `title pr`)
	}
	metric := func(what, path, want string) {
		t.Helper()
		begin := `scim_bridge_external_ids_` + what + `{tenant="` + path + `"} `
		if got := b.Metric(t, begin); got != begin+want {
			t.Errorf("%s of %s = %q, want %q", what, path, got, want)
		}
	}
	metric("without_key", b.Realm, "3")
	metric("shared", b.Realm, "2")
	metric("without_key", tenant.OrganizationPath(b.Realm, "acme"), "0")
	metric("shared", tenant.OrganizationPath(b.Realm, "acme"), "0")
	b.Must(t, http.MethodPatch, "/Users/"+b.Finds(t, `userName eq "two"`)[0], apptest.PatchBody(`{"op":"add","path":"title","value":"t"}`))
	b.Finds(t, `title pr`)
	metric("without_key", b.Realm, "2")
}
