package admin_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// journaled is an Admin of the tenants acme and globex over a store in memory. The clock of the store advances a minute
// with each reading.
type journaled struct {
	world

	store *storetest.Memory
	flush atomic.Pointer[error] // what Flush returns
	ids   []change.ID           // of the recorded changes
}

// flushed is a store whose Flush may fail.
type flushed struct {
	*storetest.Memory

	err *atomic.Pointer[error]
}

func (f flushed) Flush(ctx context.Context) error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return f.Memory.Flush(ctx)
}

func newJournaled(t *testing.T) *journaled {
	t.Helper()
	var minutes atomic.Int64
	j := &journaled{}
	j.store = storetest.NewMemory(func() time.Time { return now().Add(time.Duration(minutes.Add(1)) * time.Minute) })
	j.world = newWorld(t, &fake{store: flushed{j.store, &j.flush}}, of("acme"), of("globex"), everyOf("saas"))
	return j
}

// records adds entries to the journal.
func (j *journaled) records(t *testing.T, all ...change.Change) {
	t.Helper()
	for _, c := range all {
		c.ID = change.NewID()
		j.ids = append(j.ids, c.ID)
		if err := errors.Join(j.store.Intend(t.Context(), c), j.store.Settle(t.Context(), c)); err != nil {
			t.Fatal(err)
		}
	}
}

// user is a change of a user of the tenant acme, by its client.
func user(op change.Op, id string, before, after scim.Document) change.Change {
	return change.Change{
		Begun: now(), Actor: change.Actor{Kind: "client", Name: "entra", KeyID: "k1"}, Origin: change.Request, Tenant: "acme", Realm: "acme",
		Op: op, Resource: change.Resource{Type: "User", ID: id}, Before: before, After: after, Steps: []string{"update_user " + id + " [enabled]"}, Done: 1, Outcome: change.Done,
	}
}

func named(name string) scim.Document { return scim.Document{"userName": name} }

// group is a change of the members of a group.
func group(id string, added, removed []string) change.Change {
	c := user(change.Updated, "", scim.Document{"displayName": "Sales"}, scim.Document{"displayName": "Sales"})
	c.Resource, c.MembersAdded, c.MembersRemoved, c.Steps = change.Resource{Type: "Group", ID: id}, added, removed, nil
	return c
}

// told are the entries of a view, each as its operation and the name of its resource.
func told(t *testing.T, view func(each func(admin.Entry) error) error) []string {
	t.Helper()
	out := []string{}
	err := view(func(e admin.Entry) error {
		out = append(out, e.Op+" "+e.Resource.Name)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return out
}

// life is the life of the users jane (id j1), joe (id j2), and a second jane (id j3) of another tenant, with the name of
// the first.
func life() []change.Change {
	jane := scim.Document{"userName": "jane", "active": true, "externalId": "17", "emails": []any{map[string]any{"value": "jane@acme.example", "type": "work"}}}
	off := jane.Clone()
	off["active"] = false
	other := user(change.Created, "j3", nil, scim.Document{"userName": "jane", "externalId": "99"})
	other.Tenant, other.Realm = "globex", "globex"
	refused := user(change.Created, "", nil, named("ann"))
	refused.Outcome, refused.Reason = change.Refused, "create_user: conflict"
	return []change.Change{
		user(change.Created, "j1", nil, jane), user(change.Created, "j2", nil, named("joe")), group("g1", []string{"j1", "j2"}, nil),
		user(change.Deactivated, "j1", jane, off), refused, group("g1", nil, []string{"j1"}), user(change.Deleted, "j1", off, nil), other,
	}
}

// TestWithoutAStoreTheJournalIsNotThere: every view and verb says what to configure.
func TestWithoutAStoreTheJournalIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &fake{}, of("acme"))
	each := func(admin.Entry) error { return nil }
	for name, call := range map[string]func(context.Context) error{
		"Changes":    func(ctx context.Context) error { _, err := w.Changes(ctx, admin.Filter{}, each); return err },
		"Change":     func(ctx context.Context) error { _, err := w.Change(ctx, string(change.NewID())); return err },
		"History":    func(ctx context.Context) error { _, err := w.History(ctx, "jane", each); return err },
		"Verify":     func(ctx context.Context) error { _, err := w.Verify(ctx); return err },
		"Forget":     func(ctx context.Context) error { _, err := w.Forget(ctx, "jane"); return err },
		"Backup":     func(ctx context.Context) error { _, err := w.Backup(ctx, "/backup"); return err },
		"Rekey":      w.Rekey,
		"StoreStats": func(ctx context.Context) error { _, err := w.StoreStats(ctx); return err },
	} {
		if err := call(t.Context()); !errors.Is(err, admin.ErrNoStore) || !strings.Contains(err.Error(), "Add store with sqlite.file and keyFile") {
			t.Errorf("%s = %v", name, err)
		}
	}
}

// TestAnEntryShowsEverythingAboutAChange, in UTC.
func TestAnEntryShowsEverythingAboutAChange(t *testing.T) {
	t.Parallel()
	j := newJournaled(t)
	c := user(change.Updated, "j1", scim.Document{"userName": "jane", "active": true}, scim.Document{"userName": "jane", "active": false})
	c.Begun = now().In(time.FixedZone("", 3600))
	c.Organization, c.Unseen, c.Recovered = change.Organization{ID: "o1", Alias: "acme"}, []change.Part{change.Password, change.Sessions}, true
	c.Outcome, c.Reason, c.Done = change.Failed, "update_user: unavailable", 0
	c.MembersAdded, c.MembersRemoved = []string{"a"}, []string{"b"}
	j.records(t, c)
	got, err := j.Change(t.Context(), string(j.ids[0]))
	want := admin.Entry{
		ID: string(j.ids[0]), Position: store.Position{Epoch: 1, Number: 1}, Begun: now(), Settled: got.Settled, Tenant: "acme", Realm: "acme", Organization: &admin.Organization{ID: "o1", Alias: "acme"},
		Actor: admin.Actor{Kind: "client", Name: "entra", KeyID: "k1"}, Origin: "request", Op: "updated", Resource: admin.Resource{Type: "User", ID: "j1", Name: "jane"},
		Outcome: "failed", Reason: "update_user: unavailable", Recovered: true, Steps: []string{"update_user j1 [enabled]"}, Unseen: []string{"password", "sessions"},
		Before: map[string]any{"userName": "jane", "active": true}, After: map[string]any{"userName": "jane", "active": false}, MembersAdded: []string{"a"}, MembersRemoved: []string{"b"},
		Differences: []admin.Difference{{Path: "active", Before: true, After: false}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || got.Settled.IsZero() {
		t.Errorf("Change() = %v (-want +got):\n%s", err, diff)
	}
	for id, want := range map[string]string{
		"": `"" is not the id of a change`, "nope": `"nope" is not the id of a change`, strings.ToUpper(string(j.ids[0])): "is not the id of a change", strings.Repeat("a", 9000): "is not the id of a change",
	} {
		if _, err := j.Change(t.Context(), id); !isInput(err) || !strings.Contains(err.Error(), want) || len(err.Error()) > 300 {
			t.Errorf("Change(%.50q) = %v, want %s", id, err, want)
		}
	}
	if _, err := j.Change(t.Context(), string(change.NewID())); !isNoChange(err) || !strings.Contains(err.Error(), "store.retention") {
		t.Errorf("Change() that is not in the journal = %v", err)
	}
}

func isInput(err error) bool {
	_, is := errors.AsType[admin.InputError](err)
	return is
}

func isNoChange(err error) bool {
	_, is := errors.AsType[admin.NoChangeError](err)
	return is
}

// TestAFilterSelectsChanges by everything that an operator knows about them.
func TestAFilterSelectsChanges(t *testing.T) {
	t.Parallel()
	j := newJournaled(t)
	j.records(t, life()...)
	var times []time.Time
	if _, err := j.Changes(t.Context(), admin.Filter{}, func(e admin.Entry) error { times = append(times, e.Settled); return nil }); err != nil {
		t.Fatal(err)
	}
	all := []string{"created jane", "created joe", "updated Sales", "deactivated jane", "created ann", "updated Sales", "deleted jane", "created jane"}
	newest := slices.Clone(all)
	slices.Reverse(newest)
	for name, c := range map[string]struct {
		filter admin.Filter
		want   []string
	}{
		"all":                 {admin.Filter{}, all},
		"the newest first":    {admin.Filter{Newest: true}, newest},
		"some":                {admin.Filter{Limit: 2}, all[:2]},
		"more than there are": {admin.Filter{Limit: 1 << 62}, all},
		"after an entry":      {admin.Filter{After: 6}, all[6:]},
		"after the last":      {admin.Filter{After: 1 << 62}, []string{}},
		"of a tenant":         {admin.Filter{Tenant: "globex"}, []string{"created jane"}},
		"of a resource":       {admin.Filter{Resource: "g1"}, []string{"updated Sales", "updated Sales"}},
		"of no resource":      {admin.Filter{Resource: "g1' OR 1=1"}, []string{}},
		"of a person":         {admin.Filter{User: "jane@ACME.example"}, []string{"created jane", "updated Sales", "deactivated jane", "updated Sales", "deleted jane"}},
		"of nobody":           {admin.Filter{User: "nobody"}, []string{}},
		"of an operation":     {admin.Filter{Op: "deactivated"}, []string{"deactivated jane"}},
		"of an outcome":       {admin.Filter{Outcome: "refused"}, []string{"created ann"}},
		"since":               {admin.Filter{Since: times[6]}, all[6:]},
		"until":               {admin.Filter{Until: times[1]}, all[:1]},
		"between":             {admin.Filter{Since: times[1], Until: times[2]}, all[1:2]},
		"of the oldest times": {admin.Filter{Since: time.Unix(-1<<40, 0), Until: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}, all},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := told(t, func(each func(admin.Entry) error) error {
				answer, err := j.Changes(t.Context(), c.filter, each)
				if answer != (admin.Answer{Entries: len(c.want)}) {
					t.Errorf("the answer is %+v", answer)
				}
				return err
			})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAFilterThatSelectsNothingByMistakeIsRefused with a text that says what to write.
func TestAFilterThatSelectsNothingByMistakeIsRefused(t *testing.T) {
	t.Parallel()
	j := newJournaled(t)
	j.records(t, life()...)
	each := func(admin.Entry) error { return nil }
	for want, f := range map[string]admin.Filter{
		`"created " is not the operation of a change: use one of [created updated`: {Op: "created "},
		`"DONE" is not the outcome of a change: use one of [done failed`:           {Outcome: "DONE"},
		"the limit is below 0":        {Limit: -1},
		"no entry has a number below": {After: -1},
		"since is not before until":   {Since: now(), Until: now()},
		"name the user by an id":      {User: " \t"},
	} {
		if _, err := j.Changes(t.Context(), f, each); !isInput(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("Changes() = %v, want %s", err, want)
		}
	}
	for path, want := range map[string]string{"nope": `the bridge has no tenant "nope"; it has acme, globex`, "saas/organizations/*": "represents all organizations"} {
		if _, err := j.Changes(t.Context(), admin.Filter{Tenant: path}, each); !errors.As(err, new(admin.NoTenantError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("Changes() of the tenant %s = %v, want %s", path, err, want)
		}
	}
	gone := user(change.Created, "j9", nil, named("ann"))
	gone.Tenant = "removed"
	j.records(t, gone)
	if answer, err := j.Changes(t.Context(), admin.Filter{Tenant: "removed"}, each); err != nil || answer.Entries != 1 {
		t.Errorf("Changes() of a tenant that was removed = %+v, %v", answer, err)
	}
	stop := errors.New("enough")
	if _, err := j.Changes(t.Context(), admin.Filter{}, func(admin.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Changes() for a reader that stops = %v", err)
	}
	if _, err := j.History(t.Context(), "jane", func(admin.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("History() for a reader that stops = %v", err)
	}
}

// TestAHistoryIsEverythingAboutAPerson, also when the person is deleted, and by everything that the person is known by.
func TestAHistoryIsEverythingAboutAPerson(t *testing.T) {
	t.Parallel()
	j := newJournaled(t)
	j.records(t, life()...)
	jane := []string{"created jane", "updated Sales", "deactivated jane", "updated Sales", "deleted jane"}
	for text, c := range map[string]struct {
		want  []string
		users string
	}{
		"j1":                {jane, "j1 acme jane 5;"},
		"J1":                {jane, "j1 acme jane 5;"},
		"jane@acme.example": {jane, "j1 acme jane 5;"},
		"17":                {jane, "j1 acme jane 5;"},
		"jane":              {append(slices.Clone(jane), "created jane"), "j1 acme jane 5;j3 globex jane 1;"},
		"99":                {[]string{"created jane"}, "j3 globex jane 1;"},
		"ann":               {[]string{"created ann"}, ""},
		"nobody":            {[]string{}, ""},
		"g1":                {[]string{}, ""},
	} {
		var found admin.Found
		got := told(t, func(each func(admin.Entry) error) (err error) {
			found, err = j.History(t.Context(), text, each)
			return err
		})
		users := ""
		for _, u := range found.Users {
			users += fmt.Sprintf("%s %s %s %d;", u.ID, u.Realm, u.Name, u.Entries)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || users != c.users || found.Entries != len(c.want) || found.Users == nil {
			t.Errorf("History(%q) found %q, %+v, want %q (-want +got):\n%s", text, users, found.Answer, c.users, diff)
		}
	}
	if _, err := j.History(t.Context(), "", nil); !isInput(err) {
		t.Errorf("History() of no text = %v", err)
	}
}

// TestAHistoryNamesNoOtherPerson: a change of a group has only the person's membership, and the differences of a user.
func TestAHistoryNamesNoOtherPerson(t *testing.T) {
	t.Parallel()
	j := newJournaled(t)
	all := life()
	all[2].Steps = []string{"update_group g1 [name]", "add_member g1 j1", "add_member g1 j2", "grant_roles j1 [a b]", "grant_roles j9 [a]", ""}
	j.records(t, all...)
	var members, values, steps []string
	if _, err := j.History(t.Context(), "17", func(e admin.Entry) error {
		members = append(members, fmt.Sprint(e.MembersAdded, e.MembersRemoved))
		if e.Resource.Type == "Group" {
			steps = append(steps, e.Steps...)
		}
		for _, d := range e.Differences {
			if e.Op == "deactivated" {
				values = append(values, d.Path)
			}
		}
		return nil
	}); err != nil || !slices.Equal(members, []string{"[] []", "[j1] []", "[] []", "[] [j1]", "[] []"}) || !slices.Equal(values, []string{"active"}) {
		t.Errorf("History() has the members %v and the values %v, %v", members, values, err)
	}
	if want := []string{"update_group g1 [name]", "add_member g1 j1", "grant_roles j1 [a b]", ""}; !slices.Equal(steps, want) {
		t.Errorf("History() has the steps %q, want %q", steps, want)
	}
	if e, err := j.Change(t.Context(), string(j.ids[2])); err != nil || !slices.Equal(e.MembersAdded, []string{"j1", "j2"}) || len(e.Steps) != 6 {
		t.Errorf("the journal lost members: %v, %v", e.MembersAdded, err)
	}
}

// TestAFailedChangeGivesNoName: the user still has the former name.
func TestAFailedChangeGivesNoName(t *testing.T) {
	t.Parallel()
	j := newJournaled(t)
	failed := user(change.Updated, "j1", named("jane"), named("joe"))
	failed.Outcome = change.Failed
	j.records(t, failed)
	found, err := j.History(t.Context(), "j1", func(e admin.Entry) error {
		if e.Resource.Name != "jane" {
			t.Errorf("the name is %s", e.Resource.Name)
		}
		return nil
	})
	if err != nil || len(found.Users) != 1 || found.Users[0].Name != "jane" {
		t.Errorf("History() = %+v, %v", found, err)
	}
}

// TestAHistoryOfMemberships: a user that the journal only knows as a member is found by the id.
func TestAHistoryOfMemberships(t *testing.T) {
	t.Parallel()
	j := newJournaled(t)
	j.records(t, group("g1", []string{"j7", "j8"}, nil), group("g2", []string{"j8"}, nil))
	found, err := j.History(t.Context(), "J7", func(e admin.Entry) error {
		if !slices.Equal(e.MembersAdded, []string{"j7"}) {
			t.Errorf("the members are %v", e.MembersAdded)
		}
		return nil
	})
	if err != nil || len(found.Users) != 1 || found.Users[0].ID != "j7" || found.Users[0].Realm != "acme" || found.Entries != 1 {
		t.Errorf("History() = %+v, %v", found, err)
	}
}

// TestAnIDMeansOnlyItsUser: nobody gets into the history of another user by choosing the user's id as a name.
func TestAnIDMeansOnlyItsUser(t *testing.T) {
	t.Parallel()
	j := newJournaled(t)
	j.records(t, user(change.Created, "j1", nil, named("jane")), user(change.Created, "evil", nil, named("j1")))
	found, err := j.History(t.Context(), "j1", func(admin.Entry) error { return nil })
	if err != nil || len(found.Users) != 1 || found.Users[0].ID != "j1" || found.Entries != 1 {
		t.Errorf("History() = %+v, %v", found, err)
	}
	if n, err := j.Forget(t.Context(), "j1"); n != 1 || err != nil {
		t.Errorf("Forget() = %d, %v", n, err)
	}
	if e, err := j.Change(t.Context(), string(j.ids[1])); err != nil || e.Erased {
		t.Errorf("the other user's entry is %+v, %v", e, err)
	}
}

// TestAnErasedPersonIsNotFound, the journal still verifies, and the log has nothing about the person.
func TestAnErasedPersonIsNotFound(t *testing.T) {
	t.Parallel()
	j := newJournaled(t)
	j.records(t, life()...)
	if n, err := j.Forget(t.Context(), "jane"); n != 0 || !isInput(err) || !strings.Contains(err.Error(), "j1, j3") {
		t.Errorf("Forget() of a name of two users = %d, %v", n, err)
	}
	if n, err := j.Forget(t.Context(), "jane@acme.example"); n != 5 || err != nil {
		t.Errorf("Forget() = %d, %v", n, err)
	}
	if found, err := j.History(t.Context(), "jane@acme.example", func(admin.Entry) error { return nil }); err != nil || found.Entries != 0 {
		t.Errorf("History() of the erased person = %+v, %v", found, err)
	}
	if e, err := j.Change(t.Context(), string(j.ids[3])); err != nil || !e.Erased || e.Before != nil || e.After != nil || e.Resource.Name != "" || len(e.Differences) > 0 {
		t.Errorf("the entry of the erased person is %+v, %v", e, err)
	}
	if v, err := j.Verify(t.Context()); err != nil || v.Entries != 9 || v.Erased != 5 || v.Warning != "" {
		t.Errorf("Verify() = %+v, %v", v, err)
	}
	if n, err := j.Forget(t.Context(), "nobody"); n != 0 || err != nil {
		t.Errorf("Forget() of nobody = %d, %v", n, err)
	}
	lines := j.log.FilterMessage("the operator erased a person from the store").All()
	if len(lines) != 2 || fmt.Sprint(lines[0].ContextMap()) != "map[rows:5]" {
		t.Errorf("the log has %v", lines)
	}
}

// TestAPersonWithAnOpenChangeIsErasedLater, and nothing is erased before.
func TestAPersonWithAnOpenChangeIsErasedLater(t *testing.T) {
	t.Parallel()
	j := newJournaled(t)
	j.records(t, life()...)
	open := user(change.Updated, "j2", named("joe"), named("joe2"))
	open.ID = change.NewID()
	if err := j.store.Intend(t.Context(), open); err != nil {
		t.Fatal(err)
	}
	if n, err := j.Forget(t.Context(), "joe"); n != 0 || !errors.Is(err, store.ErrBusy) {
		t.Errorf("Forget() = %d, %v", n, err)
	}
	if stats, err := j.StoreStats(t.Context()); err != nil || stats.Open != 1 || stats.Entries != 8 || stats.Bytes <= 0 || stats.Head == "" || stats.Oldest <= 0 {
		t.Errorf("StoreStats() = %+v, %v", stats, err)
	}
}

// TestAViewSaysThatChangesAreMissing when the store cannot write the newest ones.
func TestAViewSaysThatChangesAreMissing(t *testing.T) {
	t.Parallel()
	j := newJournaled(t)
	j.records(t, life()...)
	j.flush.Store(new(errors.New("the disk is full")))
	const want = "the newest changes are missing, because the store could not write them: the disk is full"
	each := func(admin.Entry) error { return nil }
	if answer, err := j.Changes(t.Context(), admin.Filter{}, each); err != nil || answer.Warning != want || answer.Entries != 8 {
		t.Errorf("Changes() = %+v, %v", answer, err)
	}
	if found, err := j.History(t.Context(), "17", each); err != nil || found.Warning != want || found.Entries != 5 {
		t.Errorf("History() = %+v, %v", found, err)
	}
	if v, err := j.Verify(t.Context()); err != nil || v.Warning != want || v.Entries != 8 {
		t.Errorf("Verify() = %+v, %v", v, err)
	}
	if stats, err := j.StoreStats(t.Context()); err != nil || stats.Warning != want {
		t.Errorf("StoreStats() = %+v, %v", stats, err)
	}
	if _, err := j.Change(t.Context(), string(change.NewID())); !isNoChange(err) || !strings.Contains(err.Error(), want) {
		t.Errorf("Change() = %v", err)
	}
	if e, err := j.Change(t.Context(), string(j.ids[0])); err != nil || e.Op != "created" {
		t.Errorf("Change() = %+v, %v", e, err)
	}
	if n, err := j.Forget(t.Context(), "17"); n != 0 || err == nil || !strings.Contains(err.Error(), "nothing was erased") || !strings.Contains(err.Error(), want) {
		t.Errorf("Forget() = %d, %v", n, err)
	}
	if len(j.log.FilterMessage("the journal lacks the newest changes").All()) == 0 {
		t.Error("the log does not say so")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Changes(ended, admin.Filter{}, each); !errors.Is(err, context.Canceled) {
		t.Errorf("Changes() for a reader that left = %v", err)
	}
}

// TestAStoreThatIsAwayIsAnError of every view and verb.
func TestAStoreThatIsAwayIsAnError(t *testing.T) {
	t.Parallel()
	j := newJournaled(t)
	j.records(t, life()...)
	j.store.Fail(errors.New("the disk is gone"))
	each := func(admin.Entry) error { return nil }
	for name, call := range map[string]func(context.Context) error{
		"Changes": func(ctx context.Context) error { _, err := j.Changes(ctx, admin.Filter{}, each); return err },
		"Changes of jane": func(ctx context.Context) error {
			_, err := j.Changes(ctx, admin.Filter{User: "jane"}, each)
			return err
		},
		"Change":     func(ctx context.Context) error { _, err := j.Change(ctx, string(j.ids[0])); return err },
		"History":    func(ctx context.Context) error { _, err := j.History(ctx, "jane", each); return err },
		"Verify":     func(ctx context.Context) error { _, err := j.Verify(ctx); return err },
		"Backup":     func(ctx context.Context) error { _, err := j.Backup(ctx, "/backup"); return err },
		"Rekey":      j.Rekey,
		"StoreStats": func(ctx context.Context) error { _, err := j.StoreStats(ctx); return err },
	} {
		if err := call(t.Context()); !errors.Is(err, store.ErrAway) {
			t.Errorf("%s = %v, want ErrAway", name, err)
		}
	}
	if n := len(j.log.FilterMessageSnippet("the operator").All()); n > 0 {
		t.Errorf("the log says that the operator did something %d times", n)
	}
}

// broken is a store whose journal was altered. Backup and Rekey succeed.
type broken struct {
	store.Store

	files []string
	rekey int
}

func (*broken) Verify(context.Context, ...store.Head) (store.Proof, error) {
	return store.Proof{}, &store.BrokenError{Number: 17, What: "the entry was changed"}
}

func (b *broken) Backup(_ context.Context, file string) error {
	b.files = append(b.files, file)
	return nil
}

func (b *broken) Rekey(context.Context) error {
	b.rekey++
	return nil
}

// TestAnAlteredJournalIsAnErrorInTheLog, and heads are checked.
func TestAnAlteredJournalIsAnErrorInTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &fake{store: &broken{Store: storetest.NewMemory(nil)}}, of("acme"))
	_, err := w.Verify(t.Context())
	if found, is := errors.AsType[*admin.BrokenError](err); !is || found.Number != 17 {
		t.Errorf("Verify() = %v", err)
	}
	if lines := w.log.FilterMessage("the journal was altered").All(); len(lines) != 1 || fmt.Sprint(lines[0].ContextMap()) != "map[entry:17 what:the entry was changed]" {
		t.Errorf("the log has %v", lines)
	}
	j := newJournaled(t)
	j.records(t, life()...)
	head, err := j.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := admin.ParseHead(head.String())
	if err != nil || parsed != head {
		t.Errorf("ParseHead() = %v, %v", parsed, err)
	}
	if v, err := j.Verify(t.Context(), parsed); err != nil || v.Head != head {
		t.Errorf("Verify() = %+v, %v", v, err)
	}
	parsed.Link[0]++
	if _, err := j.Verify(t.Context(), head, parsed); !errors.As(err, new(*admin.BrokenError)) {
		t.Errorf("Verify() of another head = %v", err)
	}
	if _, err := admin.ParseHead("x/1-1/zz"); !isInput(err) {
		t.Errorf("ParseHead() = %v", err)
	}
}

// TestTheLogHasWhatAnOperatorDidWithTheStore, and a backup needs a path from the root.
func TestTheLogHasWhatAnOperatorDidWithTheStore(t *testing.T) {
	t.Parallel()
	b := &broken{Store: storetest.NewMemory(nil)}
	w := newWorld(t, &fake{store: b}, of("acme"))
	if _, err := w.Backup(t.Context(), "backup.db"); !isInput(err) || len(b.files) > 0 {
		t.Errorf("Backup() to a file without a directory = %v", err)
	}
	warning, err := w.Backup(t.Context(), "/backup.db")
	if err := errors.Join(err, w.Rekey(t.Context())); err != nil || warning != "" || !slices.Equal(b.files, []string{"/backup.db"}) || b.rekey != 1 {
		t.Errorf("the backups are %v, %q, %v", b.files, warning, err)
	}
	var lines []string
	for _, line := range w.log.All() {
		lines = append(lines, line.Message)
	}
	if want := []string{"the operator wrote a backup of the store", "the operator sealed the store with its newest key"}; !slices.Equal(lines, want) {
		t.Errorf("the log has %q, want %q", lines, want)
	}
}

// TestAnErasureIsOfTheOperator: its entry has the actor of every other command of the operator.
func TestAnErasureIsOfTheOperator(t *testing.T) {
	t.Parallel()
	by := (&tenant.Tenant{}).Operator().Actor
	if want := (change.Actor{Kind: string(by.Kind), Name: by.Name, KeyID: by.KeyID}); store.Eraser() != want {
		t.Errorf("the actor is %+v, want %+v", store.Eraser(), want)
	}
}
