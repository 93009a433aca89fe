package app_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// watched is a bridge with a store, in a realm that tells what others change.
type watched struct {
	apptest.Bridge

	fake   *keycloaktest.Fake
	memory *storetest.Memory
	now    time.Time // of the work on the store
	shown  int       // the number of entries that changes has returned
}

func newWatched(t *testing.T, setup ...string) *watched {
	t.Helper()
	return newWatchedBy(t, 0, setup...)
}

// newWatchedBy is newWatched with a Keycloak whose clock is ahead of the bridge's.
func newWatchedBy(t *testing.T, ahead time.Duration, setup ...string) *watched {
	t.Helper()
	w := &watched{fake: keycloaktest.NewFake(t), memory: storetest.NewMemory(nil), now: time.Now()}
	w.fake.Ahead(ahead)
	w.Bridge = apptest.NewStoredBridge(t, w.fake.Server(), w.memory, nil, append([]string{"--change-feed", "--user-events"}, setup...)...)
	w.Pass(time.Minute)
	w.round(t)
	return w
}

// round is a round of the work on the store, some minutes after the last one.
func (w *watched) round(t *testing.T) {
	t.Helper()
	w.now = w.now.Add(2 * time.Minute)
	w.App.ReadOthers(t.Context(), w.now)
}

// restarts is a restart of the bridge after some time.
func (w *watched) restarts(t *testing.T, later time.Duration) {
	t.Helper()
	w.Bridge = w.Restarted(t, w.memory)
	w.Pass(time.Minute)
	w.now = w.now.Add(later)
}

// changes are the entries since the last call, each as a line: the actor, the operation, the resource, the titles or names
// before and after, and the members.
func (w *watched) changes(t *testing.T, names ...string) []string {
	t.Helper()
	all := entriesOf(t, w.memory)
	out := []string{}
	for _, e := range all[w.shown:] {
		out = append(out, line(e, names...))
	}
	w.shown = len(all)
	return out
}

func line(e store.Entry, names ...string) string {
	shows := func(doc map[string]any) string {
		if doc == nil {
			return "-"
		}
		name, _ := doc["name"].(map[string]any)
		text := fmt.Sprint(doc["userName"], doc["displayName"])
		text = strings.ReplaceAll(text, "<nil>", "")
		if given := name["givenName"]; given != nil {
			text += fmt.Sprint("(", given, ")")
		}
		if doc["active"] == false {
			text += "!"
		}
		return text
	}
	text := fmt.Sprintf("%s %s %s %s: %s > %s", e.Actor.Kind, e.Op, e.Resource.Type, e.Resource.ID, shows(e.Before), shows(e.After))
	if len(e.MembersAdded)+len(e.MembersRemoved) > 0 {
		text += fmt.Sprint(" +", e.MembersAdded, " -", e.MembersRemoved)
	}
	return strings.NewReplacer(names...).Replace(text)
}

func (w *watched) must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// user is the id of a user.
func user(t *testing.T, text string) keycloak.UserID {
	t.Helper()
	id, err := keycloak.ParseUserID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *watched) want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		t.Errorf("%s: the journal has (-want +got):\n%s", what, diff)
	}
}

// TestWhatAnAdministratorChangesIsInTheJournalOnce: with the state before, if the journal knows it. The bridge's own
// changes are there once too, although the realm has an event of each.
func TestWhatAnAdministratorChangesIsInTheJournalOnce(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	ctx := t.Context()
	jane := w.Create(t, "/Users", `{"userName":"jane","name":{"givenName":"J"}}`)
	names := []string{jane, "jane"}
	w.must(t, w.Admin.UpdateUser(ctx, user(t, jane), keycloak.UserUpdate{FirstName: new("Janet")}))
	w.round(t)
	w.want(t, "a change of a user", w.changes(t, names...),
		"client created User jane: - > jane(J)", "administrator updated User jane: jane(J) > jane(Janet)")
	w.must(t, w.Admin.UpdateUser(ctx, user(t, jane), keycloak.UserUpdate{Enabled: new(false)}))
	w.round(t)
	w.must(t, w.Admin.UpdateUser(ctx, user(t, jane), keycloak.UserUpdate{Enabled: new(true)}))
	w.round(t)
	w.want(t, "an end of access", w.changes(t, names...),
		"administrator deactivated User jane: jane(Janet) > jane(Janet)!", "administrator reactivated User jane: jane(Janet)! > jane(Janet)")
	joe, err := w.Admin.CreateUser(ctx, keycloak.NewUser{Username: "joe", Enabled: true})
	w.must(t, err)
	w.round(t)
	w.must(t, w.Admin.DeleteUser(ctx, joe))
	w.round(t)
	names = append(names, joe.String(), "joe")
	w.want(t, "a user", w.changes(t, names...), "administrator created User joe: - > joe", "administrator deleted User joe: joe > -")
	team := w.MakeGroup(t, "team", keycloak.GroupID{})
	names = append(names, team.String(), "team")
	w.must(t, w.Admin.AddMember(ctx, user(t, jane), team), w.Admin.RemoveMember(ctx, user(t, jane), team))
	w.round(t)
	w.must(t, w.Admin.DeleteGroup(ctx, team))
	w.round(t)
	w.want(t, "a group", w.changes(t, names...),
		"administrator created Group team: - > team", "administrator updated Group team: - > - +[jane] -[]",
		"administrator updated Group team: - > - +[] -[jane]", "administrator deleted Group team: team > -")
	w.Must(t, http.MethodDelete, "/Users/"+jane, "")
	w.round(t)
	w.want(t, "a change of the bridge", w.changes(t, names...), "client deleted User jane: jane(Janet) > -")
	w.restarts(t, time.Hour)
	w.round(t)
	w.round(t)
	w.want(t, "after a restart", w.changes(t))
}

// TestAnAdministratorIsKnownByIDs: of the user and of the client, and the event says which part was changed.
func TestAnAdministratorIsKnownByIDs(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	jane := w.MakeAccount(t, "jane", true)
	w.round(t)
	all := entriesOf(t, w.memory)
	e := all[len(all)-1]
	_, notUser := keycloak.ParseUserID(e.Actor.Name)
	if e.Actor.Kind != "administrator" || notUser != nil || e.Actor.KeyID == "" || e.Origin != change.Observation || e.Tenant != w.Path(t) {
		t.Errorf("the entry is %+v", e.Change)
	}
	if diff := cmp.Diff([]string{"CREATE USER users/" + jane.String()}, e.Steps); diff != "" || e.Done != 1 {
		t.Errorf("the steps are (-want +got):\n%s", diff)
	}
	if time.Since(e.Begun) > time.Minute || e.Begun.After(time.Now().Add(time.Second)) {
		t.Errorf("it began at %s", e.Begun)
	}
}

// TestWhatWasBeforeMayBeUnknown: the entry has what the bridge reads, and says nothing about before.
func TestWhatWasBeforeMayBeUnknown(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	jane := w.MakeAccount(t, "jane", true)
	w.round(t)
	w.memory, w.shown = storetest.NewMemory(nil), 0 // as after the retention
	w.restarts(t, time.Minute)
	w.now = time.Now() // a new store begins with the last minutes
	apptest.AdminSend(t, w.Server, http.MethodDelete, "/admin/realms/"+w.Realm+"/admin-events", "")
	w.must(t, w.Admin.UpdateUser(t.Context(), jane, keycloak.UserUpdate{FirstName: new("Janet"), Enabled: new(false)}))
	w.round(t)
	got := w.changes(t, jane.String(), "jane")
	w.want(t, "a change", got[len(got)-1:], "administrator updated User jane: - > jane(Janet)!")
}

// TestWhatAnAccountHolderChangesIsInTheJournalOnce: registrations, changes and deletions, and never logins.
func TestWhatAnAccountHolderChangesIsInTheJournalOnce(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	jane := w.Create(t, "/Users", `{"userName":"jane","name":{"givenName":"J"}}`)
	w.changes(t)
	for _, kind := range append(keycloak.AccountEvents(), "LOGIN") {
		w.fake.Account(w.Realm, jane, kind, func(a *keycloaktest.Account) { a.FirstName = "After" + kind })
		w.round(t)
	}
	want := []string{}
	before := "jane(J)"
	for _, kind := range keycloak.AccountEvents() {
		after, op := "jane(After"+kind+")", "updated"
		switch kind {
		case keycloak.EventRegister:
			op = "created"
		case keycloak.EventDeleteAccount:
			op = "deleted"
		case keycloak.EventInvited:
			op = "joined"
		}
		line := "account holder " + op + " User jane: "
		switch op {
		case "deleted":
			line += before + " > -"
		case "created", "joined":
			line += "- > " + after
		default:
			if slices.Contains([]string{keycloak.EventLink}, kind) { // the entry before says that the account is gone
				before = "-"
			}
			line += before + " > " + after
		}
		before = after
		want = append(want, line)
	}
	w.want(t, "the account", w.changes(t, jane, "jane"), want...)
	w.restarts(t, time.Hour)
	w.round(t)
	w.want(t, "after a restart", w.changes(t))
}

// TestADirectorySynchronisationIsFoundByTheNextScan: no event tells it, so the entry has no actor, and says between which
// times it happened.
func TestADirectorySynchronisationIsFoundByTheNextScan(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	jane := w.Create(t, "/Users", `{"userName":"jane","name":{"givenName":"J"}}`)
	joe := w.MakeAccount(t, "joe", true).String()
	w.round(t)
	w.changes(t)
	names := []string{jane, "jane", joe, "joe"}
	scan := func() { w.Indexed(t, "/Users?sortBy=name.givenName") }
	scan()
	w.synced(t)
	w.want(t, "the first scan", w.changes(t, names...))
	w.fake.Account(w.Realm, jane, "", func(a *keycloaktest.Account) { a.FirstName = "j" }) // only the case
	w.fake.Account(w.Realm, joe, "", func(a *keycloaktest.Account) { a.FirstName = "New" })
	scan()
	scan()
	w.synced(t)
	all := entriesOf(t, w.memory)
	got := w.changes(t, names...)
	slices.Sort(got)
	w.want(t, "after the synchronisation", got, " observed User jane: jane(J) > jane(j)", " observed User joe: joe(Old) > joe(New)")
	if reason := all[len(all)-1].Reason; !strings.HasPrefix(reason, "it changed between 20") || strings.Contains(reason, "joe") {
		t.Errorf("the reason is %q", reason)
	}
	scan()
	w.synced(t)
	w.want(t, "another scan", w.changes(t))
	w.must(t, w.Admin.UpdateUser(t.Context(), user(t, jane), keycloak.UserUpdate{FirstName: new("Console")}))
	w.Must(t, http.MethodPatch, "/Users/"+joe, apptest.ReplaceBody("name.givenName", `"Bridge"`))
	scan()
	w.synced(t)
	w.want(t, "changes that events tell", w.changes(t, names...), "client updated User joe: joe(New) > joe(Bridge)", "administrator updated User jane: jane(j) > jane(Console)")
}

// synced is a round that is so much later that it records what scans found.
func (w *watched) synced(t *testing.T) {
	t.Helper()
	w.now = w.now.Add(time.Hour)
	w.round(t)
}

// TestWhatChangedWithoutEventsWhileTheBridgeWasDownIsFound: the first scan compares with the journal.
func TestWhatChangedWithoutEventsWhileTheBridgeWasDownIsFound(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	jane := w.Create(t, "/Users", `{"userName":"jane","name":{"givenName":"J"}}`)
	joe := w.MakeAccount(t, "joe", true).String()
	w.Indexed(t, "/Users?sortBy=name.givenName")
	w.synced(t)
	w.changes(t)
	for _, id := range []string{jane, joe} {
		w.fake.Account(w.Realm, id, "", func(a *keycloaktest.Account) { a.FirstName = "New" })
	}
	w.restarts(t, 10*time.Minute)
	w.Indexed(t, "/Users?sortBy=name.givenName")
	w.synced(t)
	got := w.changes(t, jane, "jane", joe, "joe")
	slices.Sort(got)
	w.want(t, "after the restart", got, " observed User jane: jane(J) > jane(New)", " observed User joe: joe(Old) > joe(New)")
	w.synced(t)
	w.want(t, "later", w.changes(t))
}

// TestEventsThatAreMissingAreAnEntry: nobody knows what others changed then.
func TestEventsThatAreMissingAreAnEntry(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		why     string
		missing func(t *testing.T, w *watched)
	}{
		"the bridge was away for longer than the realm keeps events": {"the realm keeps such events for 24h0m0s only", func(t *testing.T, w *watched) {
			t.Helper()
			w.restarts(t, 50*time.Hour)
		}},
		"the events were deleted": {"events of the realm were deleted", func(t *testing.T, w *watched) {
			t.Helper()
			apptest.AdminSend(t, w.Server, http.MethodDelete, "/admin/realms/"+w.Realm+"/admin-events", "")
		}},
		"the realm stored no events": {"the realm stored no such events", func(t *testing.T, w *watched) {
			t.Helper()
			for _, on := range []string{"false", "true"} {
				apptest.AdminSend(t, w.Server, http.MethodPut, "/admin/realms/"+w.Realm, `{"adminEventsEnabled":`+on+`}`)
				w.Check(t)
				w.App.ReadOthers(t.Context(), w.now)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t)
			w.MakeAccount(t, "jane", true)
			w.round(t)
			read := w.now
			w.changes(t)
			one.missing(t, w)
			w.round(t)
			w.round(t)
			var gaps []store.Entry
			for _, e := range entriesOf(t, w.memory)[w.shown:] {
				if e.Resource.Type == "Realm" && !strings.Contains(e.Reason, "account holders") {
					gaps = append(gaps, e)
				}
			}
			if len(gaps) != 1 {
				t.Fatalf("the journal has %d gaps: %v", len(gaps), w.changes(t))
			}
			e := gaps[0]
			if e.Op != change.Observed || e.Outcome != change.Unknown || e.Realm != w.Realm || e.Resource.ID != w.Realm ||
				!strings.HasPrefix(e.Reason, "not known from "+read.UTC().Format(time.RFC3339)+" to ") || !strings.Contains(e.Reason, one.why) {
				t.Errorf("the entry is %+v", e.Change)
			}
		})
	}
}

// TestEachChangeIsInTheTenantThatHasTheResource: a change is one entry, whatever the number of tenants.
func TestEachChangeIsInTheTenantThatHasTheResource(t *testing.T) {
	t.Parallel()
	fake, memory := keycloaktest.NewFake(t), storetest.NewMemory(nil)
	c := apptest.NewCustomersWith(t, fake.Server(), memory, "--change-feed")
	w := &watched{Bridge: c.Realm, fake: fake, memory: memory, now: time.Now()}
	ctx := t.Context()
	owned := c.Of["acme"].Create(t, "/Users", `{"userName":"owned@acme.test","name":{"givenName":"O"}}`)
	plain := w.MakeAccount(t, "plain", true)
	member := w.MakeAccount(t, "member", true)
	w.round(t)
	c.Admit(t, owned, "globex")
	c.Admit(t, member.String(), "globex")
	w.round(t)
	w.must(t, w.Admin.UpdateUser(ctx, user(t, owned), keycloak.UserUpdate{FirstName: new("N")}), w.Admin.UpdateUser(ctx, member, keycloak.UserUpdate{FirstName: new("N")}),
		w.Admin.UpdateUser(ctx, plain, keycloak.UserUpdate{FirstName: new("N")}))
	w.round(t)
	w.must(t, w.Admin.RemoveOrganizationMember(ctx, c.IDs["globex"], member))
	w.round(t)
	got := []string{}
	for _, e := range entriesOf(t, memory)[1:] {
		got = append(got, strings.NewReplacer(owned, "owned", plain.String(), "plain", member.String(), "member").Replace(
			fmt.Sprint(strings.TrimPrefix(e.Tenant, c.Realm.Realm), " ", e.Organization.Alias, " ", e.Op, " ", e.Resource.ID)))
	}
	w.want(t, "the tenants", got,
		"  created plain", "  created member", "/organizations/globex globex joined owned", "/organizations/globex globex joined member",
		"/organizations/acme acme updated owned", "/organizations/globex globex updated member", "  updated plain", "/organizations/globex globex left member")
}

// TestAMembershipThatTheBridgeChangedAfterAnEventIsReadAgain: the journal ends with what Keycloak has, although the entry
// of the event is behind that of the bridge.
func TestAMembershipThatTheBridgeChangedAfterAnEventIsReadAgain(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	jane := w.Create(t, "/Users", `{"userName":"jane"}`)
	group := w.Create(t, "/Groups", `{"displayName":"team"}`)
	team, err := keycloak.ParseGroupID(group)
	w.must(t, err)
	w.changes(t)
	w.must(t, w.Admin.AddMember(t.Context(), user(t, jane), team))
	w.Must(t, http.MethodPatch, "/Groups/"+group, apptest.RemoveMember(jane))
	w.round(t)
	w.round(t)
	w.want(t, "the members", w.changes(t, jane, "jane", group, "team"), "client updated Group team: - > - +[] -[jane]",
		"administrator updated Group team: - > - +[jane] -[]", "system observed Group team: - > - +[] -[jane]")
}

// TestAResourceThatCannotBeReadStopsNoOtherForLong: its entry waits, and then says that the resource was not read.
func TestAResourceThatCannotBeReadStopsNoOtherForLong(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	jane := w.MakeAccount(t, "jane", true)
	ann := w.MakeAccount(t, "ann", true)
	w.must(t, w.Admin.DeleteUser(t.Context(), ann))
	w.fake.Inject(keycloaktest.Fault{Op: "GET /users/{id}", Status: http.StatusBadRequest})
	w.round(t)
	w.want(t, "at once", w.changes(t))
	if n := w.Lines.FilterMessageSnippet("cannot record now what others change").Len(); n != 1 {
		t.Errorf("the log has %d lines", n)
	}
	for range 6 { // 12 minutes
		w.round(t)
	}
	names := []string{jane.String(), "jane", ann.String(), "ann"}
	w.want(t, "later", w.changes(t, names...), "administrator created User jane: - > -", "administrator created User ann: - > -", "administrator deleted User ann: - > -")
	for _, e := range entriesOf(t, w.memory)[:1] {
		if e.Reason != "the resource could not be read for some time" {
			t.Errorf("the reason is %q", e.Reason)
		}
	}
	w.round(t)
	w.want(t, "at the end", w.changes(t))
}

// TestManyEventsAreReadInPages: none is lost, and none is there twice.
func TestManyEventsAreReadInPages(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	const many = keycloak.MaxEvents + 100
	made := map[string]int{}
	for i := range many {
		id, err := w.Admin.CreateUser(t.Context(), keycloak.NewUser{Username: fmt.Sprint("user-", i), Enabled: true})
		w.must(t, err)
		made[id.String()] = 1
	}
	w.round(t)
	w.round(t)
	got := map[string]int{}
	for _, e := range entriesOf(t, w.memory) {
		got[e.Resource.ID]++
	}
	if diff := cmp.Diff(made, got); diff != "" {
		t.Errorf("the entries are others (-want +got):\n%s", diff)
	}
}

// TestAStoreThatIsAwayLosesNoEvent: the next round records what this one cannot.
func TestAStoreThatIsAwayLosesNoEvent(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	jane := w.MakeAccount(t, "jane", true)
	w.memory.Fail(errDisk)
	w.round(t)
	w.memory.Fail(nil)
	w.want(t, "while the store is away", w.changes(t))
	w.round(t)
	w.round(t)
	w.want(t, "afterwards", w.changes(t, jane.String(), "jane"), "administrator created User jane: - > jane(Old)")
}

// TestASecondWriterStopsTheChangesOfItsRealm: until a restart. What ends access is still done, and the bridge's own changes
// are no second writer, also when the clocks of Keycloak and of the bridge differ.
func TestASecondWriterStopsTheChangesOfItsRealm(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{0, 20 * time.Minute, -20 * time.Minute} {
		t.Run(fmt.Sprint("Keycloak's clock is ahead by ", ahead), func(t *testing.T) {
			t.Parallel()
			secondWriter(t, newWatchedBy(t, ahead))
		})
	}
}

func secondWriter(t *testing.T, w *watched) {
	t.Helper()
	w.restarts(t, 0)
	w.now = time.Now().Add(-time.Hour) // so that the events are since the start
	w.App.ReadOthers(t.Context(), w.now)
	w.now = time.Now()
	jane := w.Create(t, "/Users", `{"userName":"jane"}`)
	group := w.Create(t, "/Groups", `{"displayName":"team","members":[{"value":"`+jane+`"}]}`)
	w.Must(t, http.MethodPatch, "/Users/"+jane, apptest.ReplaceBody("title", `"Clerk"`))
	w.Must(t, http.MethodPatch, "/Users/"+jane, apptest.ReplaceBody("active", "false"))
	w.Must(t, http.MethodPatch, "/Users/"+jane, apptest.ReplaceBody("active", "true"))
	w.Must(t, http.MethodPatch, "/Groups/"+group, apptest.RemoveMember(jane))
	w.Must(t, http.MethodDelete, "/Groups/"+group, "")
	gone := w.Create(t, "/Users", `{"userName":"gone"}`)
	w.Must(t, http.MethodDelete, "/Users/"+gone, "")
	w.MakeAccount(t, "console", true)
	w.round(t)
	told := func() int { return w.Lines.FilterMessageSnippet("another program changes a realm").Len() }
	if n := told(); n > 0 {
		t.Fatalf("the log has %v", w.Lines.FilterMessageSnippet("another program changes a realm").All())
	}
	w.Create(t, "/Users", `{"userName":"joe"}`)
	own := w.App.Watcher.Realms.Client(w.Realm)
	for range 2 {
		w.must(t, own.UpdateUser(t.Context(), user(t, w.Named(t, "console").ID), keycloak.UserUpdate{FirstName: new("Other")}))
		w.round(t)
	}
	if n := told(); n != 1 {
		t.Errorf("the log tells it %d times", n)
	}
	if detail := w.Refused(t, http.StatusServiceUnavailable, http.MethodPatch, "/Users/"+jane, apptest.ReplaceBody("title", `"Boss"`)); !strings.Contains(detail, "[second-writer]") {
		t.Errorf("the error is %q", detail)
	}
	w.Must(t, http.MethodPatch, "/Users/"+jane, apptest.ReplaceBody("active", "false"))
	w.restarts(t, time.Minute)
	w.round(t)
	w.Must(t, http.MethodPatch, "/Users/"+jane, apptest.ReplaceBody("title", `"Boss"`))
}

// TestEventsWaitUntilTheRealmIsChecked: a bridge that starts while Keycloak does not answer takes the change feed for
// neither on nor off.
func TestEventsWaitUntilTheRealmIsChecked(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	jane := w.MakeAccount(t, "jane", true)
	w.fake.Inject(keycloaktest.Fault{Op: "GET /users/profile", Status: http.StatusServiceUnavailable})
	w.restarts(t, time.Minute)
	w.round(t)
	w.want(t, "before the check", w.changes(t))
	w.fake.ClearFaults()
	w.Check(t)
	w.round(t)
	w.want(t, "after the check", w.changes(t, jane.String(), "jane"), "administrator created User jane: - > jane(Old)")
}

// readEntries counts the entries that are read.
type readEntries struct {
	store.Store

	n atomic.Int64
}

func (r *readEntries) Entries(ctx context.Context, q store.Query) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for e, err := range r.Store.Entries(ctx, q) {
			r.n.Add(1)
			if !yield(e, err) {
				return
			}
		}
	}
}

// TestManyMembersByOthersCostWhatTheyAre: a round reads each entry of a group about once, and not once for each event.
func TestManyMembersByOthersCostWhatTheyAre(t *testing.T) {
	t.Parallel()
	counted := &readEntries{Store: storetest.NewMemory(nil)}
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), counted, nil, "--change-feed")
	b.Pass(time.Minute)
	now := time.Now()
	b.App.ReadOthers(t.Context(), now)
	const (
		members = 200
		// each is what one event may read: the last entries of the group, to find what was before, and a few others
		each = 55
	)
	group, err := keycloak.ParseGroupID(b.Create(t, "/Groups", `{"displayName":"team"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range b.People(t, members, "person") {
		if err := b.Admin.AddMember(t.Context(), user(t, id), group); err != nil {
			t.Fatal(err)
		}
	}
	counted.n.Store(0)
	b.App.ReadOthers(t.Context(), now.Add(time.Minute))
	joined := 0
	for _, e := range entriesOf(t, counted.Store) {
		joined += len(e.MembersAdded)
	}
	if joined != members {
		t.Errorf("%d of %d members are in the journal", joined, members)
	}
	if got, most := counted.n.Load(), int64(each*members); got > most {
		t.Errorf("%d entries are read for %d events, want at most %d", got, members, most)
	}
}
