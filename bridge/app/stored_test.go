package app_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// changesOf makes changes by every interface, and returns what makes names of the ids.
func changesOf(t *testing.T, b apptest.Bridge) *strings.Replacer {
	t.Helper()
	jane := b.Create(t, "/Users", `{"userName":"jane","title":"Boss"}`)
	joe := b.Create(t, "/Users", `{"userName":"joe","title":"Clerk"}`)
	b.Must(t, http.MethodPut, "/Users/"+jane, `{"userName":"jane","title":"Chief"}`)
	b.Must(t, http.MethodPatch, "/Users/"+jane, apptest.PatchBody(`{"op":"replace","path":"title","value":"Queen"}`))
	b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"jane"}`)
	b.Must(t, http.MethodPatch, "/Users/"+joe, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
	b.Must(t, http.MethodPatch, "/Users/"+joe, apptest.PatchBody(`{"op":"replace","path":"active","value":true}`))
	team := b.Create(t, "/Groups", `{"displayName":"team","members":[{"value":"`+jane+`"}]}`)
	b.Must(t, http.MethodPatch, "/Groups/"+team, apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"`+joe+`"}]}`))
	b.Must(t, http.MethodPatch, "/Groups/"+team, apptest.PatchBody(`{"op":"remove","path":"members[value eq \"`+jane+`\"]"}`))
	b.Must(t, http.MethodPut, "/Groups/"+team, `{"displayName":"crew","members":[{"value":"`+jane+`"},{"value":"`+joe+`"}]}`)
	bulk := b.Bulk(t, "", apptest.BulkPost("/Users", "a", `{"userName":"bulky"}`))
	b.Bulk(t, "", `{"method":"DELETE","path":"/Users/`+joe+`"}`)
	old := b.MakeAccount(t, "old", true).String()
	file := b.Controlled(t)
	b.Adoptions(t, file, b.Path(t))
	operator := apptest.Bridge{Client: &client.Client{Base: control.Root(b.Path(t)), HTTP: apptest.Control(t, file).HTTP()}}
	imported := operator.Create(t, "/Users", `{"userName":"imported"}`)
	b.Must(t, http.MethodDelete, "/Groups/"+team, "")
	b.Must(t, http.MethodDelete, "/Users/"+jane, "")
	return strings.NewReplacer(jane, "JANE", joe, "JOE", team, "TEAM", apptest.IDOf(t, bulk[0]), "BULKY", old, "OLD", imported, "IMPORTED")
}

// TestEveryInterfaceIsInTheJournalOfSQLite: each change has one entry, with its author, its interface, what was before
// and after, and its members. The audit records are as without a store.
func TestEveryInterfaceIsInTheJournalOfSQLite(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), nil, apptest.AdoptUnowned)
	names := changesOf(t, b)
	b.App.KeepStore(t.Context(), time.Now())
	s := b.App.Store()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	document := func(doc scim.Document) string {
		if doc == nil {
			return "nothing"
		}
		return fmt.Sprint(doc["userName"], doc["displayName"], " ", doc["title"], " ", doc["active"])
	}
	var got []string
	for _, e := range entriesOf(t, s) {
		if e.Tenant != b.Path(t) || e.Realm != b.Realm || e.Begun.IsZero() || e.Recovered || len(e.Steps) == 0 || e.Outcome == change.Done && e.Done != len(e.Steps) {
			t.Errorf("the entry is %+v", e)
		}
		got = append(got, names.Replace(fmt.Sprint(e.Position, " ", e.Origin, " ", e.Actor.Kind, " ", e.Actor.Name, " ", e.Op, " ", e.Resource.ID, " ", e.Outcome, ": ", document(e.Before), " > ", document(e.After), " ", e.MembersAdded, " ", e.MembersRemoved, " ", e.Reason)))
	}
	want := []string{
		"1-1 request client idp created JANE done: nothing > jane<nil> Boss true [] [] ",
		"1-2 request client idp created JOE done: nothing > joe<nil> Clerk true [] [] ",
		"1-3 request client idp updated JANE done: jane<nil> Boss true > jane<nil> Chief true [] [] ",
		"1-4 request client idp updated JANE done: jane<nil> Chief true > jane<nil> Queen true [] [] ",
		"1-5 request client idp created  failed: nothing > jane<nil> <nil> true [] [] create_user: conflict",
		"1-6 request client idp deactivated JOE done: joe<nil> Clerk true > joe<nil> Clerk false [] [] ",
		"1-7 request client idp reactivated JOE done: joe<nil> Clerk false > joe<nil> Clerk true [] [] ",
		"1-8 request client idp created TEAM done: nothing > <nil>team <nil> <nil> [JANE] [] ",
		"1-9 request client idp updated TEAM done: nothing > nothing [JOE] [] ",
		"1-10 request client idp updated TEAM done: nothing > nothing [] [JANE] ",
		"1-11 request client idp updated TEAM done: <nil>team <nil> <nil> > <nil>crew <nil> <nil> [JANE] [] ",
		"1-12 bulk client idp created BULKY done: nothing > bulky<nil> <nil> true [] [] ",
		"1-13 bulk client idp deleted JOE done: joe<nil> Clerk true > nothing [] [] ",
		"1-14 adopt operator operator adopted OLD done: nothing > old<nil> <nil> true [] [] ",
		"1-15 import operator operator created IMPORTED done: nothing > imported<nil> <nil> true [] [] ",
		"1-16 request client idp deleted TEAM done: <nil>crew <nil> <nil> > nothing [] [] ",
		"1-17 request client idp deleted JANE done: jane<nil> Queen true > nothing [] [] ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the journal (-want +got):\n%s", diff)
	}
	if proof, err := s.Verify(t.Context()); err != nil || proof.Entries != int64(len(want)) {
		t.Errorf("the journal: %+v, %v", proof, err)
	}

	without := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), apptest.AdoptUnowned)
	if diff := cmp.Diff(auditOf(without, changesOf(t, without)), auditOf(b, names)); diff != "" {
		t.Errorf("the audit records with a store (-without +with):\n%s", diff)
	}
}

// auditOf are the audit records of a bridge, without what differs between two bridges.
func auditOf(b apptest.Bridge, names *strings.Replacer) (out []string) {
	for _, line := range b.Lines.FilterMessage("write").All() {
		fields := line.ContextMap()
		for _, own := range []string{"req_id", "key_id", "trace_id", "tenant"} {
			delete(fields, own)
		}
		out = append(out, regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(names.Replace(fmt.Sprint(fields)), "ID"))
	}
	return out
}

// TestAStoreThatCannotBeOpenedEndsTheStart with a text that names the setting and the remedy. A start that fails for
// another reason leaves the store free.
func TestAStoreThatCannotBeOpenedEndsTheStart(t *testing.T) {
	t.Parallel()
	c := tracedConfig(t)
	start := func(edit func(c *config.Config)) (*app.App, error) {
		c := c
		edit(&c)
		return app.New(c, app.Options{Log: zap.NewNop()})
	}
	a, err := start(func(*config.Config) {})
	if err != nil {
		t.Fatal(err)
	}
	for want, edit := range map[string]func(c *config.Config){
		"store: another program uses the store":                     func(*config.Config) {},
		"store: the directory of the store":                         func(c *config.Config) { c.Store.SQLite.File = filepath.Join(t.TempDir(), "missing", "store.db") },
		"correct store.sqlite.file":                                 func(c *config.Config) { c.Store.SQLite.File = t.TempDir() },
		"store.keyFile: line 1 of the key file is not a key":        func(c *config.Config) { c.Store.Keys = config.NewSecret("x") },
		"store.keyFile: the key file has no key: add the output of": func(c *config.Config) { c.Store.Keys = config.NewSecret("# no key") },
	} {
		if _, err := start(edit); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the start ended with %v, want %q", err, want)
		}
	}
	a.Close(t.Context())
	other := func(c *config.Config) { c.Store.Keys = config.NewSecret(seal.NewKey()) }
	if _, err := start(other); err == nil || !strings.Contains(err.Error(), "correct store.keyFile") {
		t.Errorf("with another key the start ended with %v", err)
	}
	if _, err := start(func(c *config.Config) { c.Keycloak.URL = "http://[" }); err == nil {
		t.Error("the bridge starts with a URL that is not a URL")
	}
	again, err := start(func(*config.Config) {})
	if err != nil {
		t.Fatalf("after starts that failed: %v", err)
	}
	again.Close(t.Context())
	if info, err := os.Stat(c.Store.SQLite.File); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the database: %v, %v", info, err)
	}
}

// TestAChangeOfAnOrganizationThatIsNotYetFoundWaits: after a crash the bridge does not know the organizations of the
// realm until it has read them. A change of an organization that is gone ends as unknown afterwards.
func TestAChangeOfAnOrganizationThatIsNotYetFoundWaits(t *testing.T) {
	t.Parallel()
	fake, memory := keycloaktest.NewFake(t), storetest.NewMemory(nil)
	c := apptest.NewStoredEvery(t, fake.Server(), memory)
	c.NewToken(t, "acme")
	realm := c.Realm.Realm
	for alias, id := range map[string]string{"acme": c.IDs["acme"].String(), "gone": "5f6f0000-0000-4000-8000-000000000000"} {
		one := interrupted(tenant.OrganizationPath(realm, alias), apptest.AbsentID, time.Hour)
		one.Realm, one.Organization = realm, change.Organization{ID: id, Alias: alias}
		both := []change.Change{one, one}
		for i := range both { // of a group, at the same time
			both[i].ID, both[i].Resource.Type, both[i].MembersAdded = change.NewID(), "Group", []string{"u"}
		}
		intend(t, memory, append(both, one)...)
		for _, c := range both {
			c.Outcome = change.Done
			if err := memory.Settle(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := &reader{}
	c.Realm.App.ReadWith(read)
	keeps := func(when string, want int) {
		t.Helper()
		c.Realm.App.KeepStore(t.Context(), time.Now())
		if open, err := memory.Open(t.Context()); err != nil || len(open) != want || len(read.recovered)+len(read.observed) != 4-2*want {
			t.Errorf("%s %d changes are open, %v; %d were recovered, %d observed", when, len(open), err, len(read.recovered), len(read.observed))
		}
	}
	keeps("before the first check", 2)
	fake.Inject(keycloaktest.Fault{Op: "GET /organizations", Status: http.StatusServiceUnavailable})
	c.Realm.App.Watcher.Check(t.Context())
	keeps("after a check that failed", 2)
	fake.ClearFaults()
	c.Check(t)
	keeps("after the check", 0)
}
