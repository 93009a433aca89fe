package apply_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// journalViews are the views of the journal of a bridge, in this process (admin.Admin) or in another one
// (control.Client).
type journalViews interface {
	Changes(ctx context.Context, f admin.Filter, each func(admin.Entry) error) (admin.Answer, error)
	Verify(ctx context.Context, heads ...admin.Head) (admin.Verified, error)
	StoreStats(ctx context.Context) (admin.Stats, error)
}

// faultJournal compares the journal with Keycloak after every attempt to write a resource. Only this client writes.
type faultJournal struct {
	journalViews

	mortal bool              // whether the bridge may be killed
	last   map[string]*shown // what Keycloak has of each resource, by its id; nil for a resource that is gone
	seen   map[string]int    // the number of entries of each resource
	// The numbers of entries that were compared: changes that an answer acknowledged, and changes without such an
	// answer that the bridge settled itself or after a restart.
	acknowledged, failed, recovered, unknown int
}

// shown is what the tenant shows of a resource.
type shown struct {
	values  string          // of a user
	members map[string]bool // of a group, by the ids
}

func newFaultJournal(views journalViews) *faultJournal {
	return &faultJournal{journalViews: views, last: map[string]*shown{}, seen: map[string]int{}}
}

// valuesOf are the values of a user that the fault suite changes.
func valuesOf(document map[string]any) string {
	return fmt.Sprint(document["userName"], " ", document["title"], " ", document["active"])
}

// look reads what Keycloak has of a resource.
func (o *faultRun) look(t *testing.T, path string) *shown {
	t.Helper()
	document, err := o.Send(t, http.MethodGet, path, "")
	if client.StatusOf(err) == http.StatusNotFound {
		return nil
	}
	if err != nil {
		t.Fatalf("GET %s: %v, with no fault any more", path, err)
	}
	out := &shown{members: map[string]bool{}}
	if strings.HasPrefix(path, "/Users/") {
		out.values = valuesOf(document)
	}
	list, _ := document["members"].([]any)
	for _, m := range list {
		out.members[m.(map[string]any)["value"].(string)] = true
	}
	return out
}

// entries are the entries of a resource, oldest first.
func (j *faultJournal) entries(t *testing.T, id string) (out []admin.Entry) {
	t.Helper()
	answer, err := j.Changes(t.Context(), admin.Filter{Resource: id}, func(e admin.Entry) error {
		out = append(out, e)
		return nil
	})
	if err != nil || answer.Warning != "" {
		t.Fatalf("the journal of %s: %v, %s", id, err, answer.Warning)
	}
	return out
}

// attempted compares what the journal has of an attempt to write a resource with what Keycloak has: one entry for a
// change that was acknowledged, and at most one for any other.
func (o *faultRun) attempted(t *testing.T, path string, failure error) {
	t.Helper()
	if o.journal == nil || t.Failed() {
		return
	}
	id := path[strings.LastIndexByte(path, '/')+1:]
	before, now := o.journal.last[id], o.look(t, path)
	all := o.journal.entries(t, id)
	fresh := all[o.journal.seen[id]:]
	o.journal.last[id], o.journal.seen[id] = now, len(all)
	if now == nil {
		for _, group := range o.journal.last {
			if group != nil {
				delete(group.members, id)
			}
		}
	}
	if len(fresh) > 1 || failure == nil && len(fresh) != 1 {
		t.Errorf("%s: an attempt that ended with %v has %d entries: %+v", path, failure, len(fresh), fresh)
		return
	}
	for _, e := range fresh {
		if err := o.journal.compare(e, before, now, failure); err != nil {
			t.Errorf("%s: %v\nthe attempt ended with %v\nthe entry is %+v\nKeycloak had %+v and has %+v", path, err, failure, e, before, now)
		}
	}
}

// compare compares the entry of an attempt with what Keycloak had before it and has after it.
func (j *faultJournal) compare(e admin.Entry, before, now *shown, failure error) error {
	if e.Before != nil && e.Resource.Type == "User" && (before == nil || valuesOf(e.Before) != before.values) {
		return errors.New("what was before is wrong")
	}
	switch outcome := change.Outcome(e.Outcome); {
	case failure == nil && (outcome == change.Failed || outcome == change.Refused || e.Recovered && !j.mortal || !e.Recovered && outcome != change.Done):
		return errors.New("an acknowledged change is not done")
	case failure == nil && !e.Recovered: // otherwise the bridge was killed after its answer, and before the end was on the disk
		j.acknowledged++
		return compareDone(e, before, now)
	case !e.Recovered && outcome == change.Done:
		return errors.New("a change without an answer is done")
	case !e.Recovered:
		j.failed++
		return nil
	}
	j.recovered++
	if now != nil && e.After != nil && e.Resource.Type == "User" && valuesOf(e.After) != now.values {
		return errors.New("what Keycloak has is not what was recovered")
	}
	switch change.Outcome(e.Outcome) {
	case change.Done:
		return compareDone(e, before, now)
	case change.Failed:
		if !before.equals(now) {
			return errors.New("a change that Keycloak has failed")
		}
	default:
		j.unknown++
		if e.Reason == "" || len(e.Unseen) == 0 && len(e.Steps) < 2 {
			return errors.New("the end of a single call that can be read is unknown")
		}
	}
	return nil
}

// compareDone compares an entry of a change that Keycloak has.
func compareDone(e admin.Entry, before, now *shown) error {
	switch op := change.Op(e.Op); {
	case (op == change.Deleted || op == change.Left) != (now == nil):
		return errors.New("the operation is wrong")
	case now == nil:
		return nil
	case e.Resource.Type == "User" && (e.After == nil || valuesOf(e.After) != now.values):
		return errors.New("what is after it is wrong")
	case e.Resource.Type == "User" && op != change.Created && op != change.Joined && e.Before == nil:
		return errors.New("what was before is missing")
	}
	want := map[string]bool{}
	if before != nil {
		want = maps.Clone(before.members)
	}
	for _, id := range e.MembersAdded {
		want[id] = true
	}
	for _, id := range e.MembersRemoved {
		delete(want, id)
	}
	if !maps.Equal(want, now.members) {
		return fmt.Errorf("the members are %v, and by the journal %v", slices.Sorted(maps.Keys(now.members)), slices.Sorted(maps.Keys(want)))
	}
	return nil
}

func (s *shown) equals(other *shown) bool {
	if s == nil || other == nil {
		return s == other
	}
	return s.values == other.values && maps.Equal(s.members, other.members)
}

// createdAt compares the journal of a new resource with Keycloak. acknowledged says that a POST was answered with 201;
// otherwise an earlier POST without an answer made the resource.
func (o *faultRun) createdAt(t *testing.T, path string, acknowledged bool) {
	t.Helper()
	if o.journal == nil || t.Failed() {
		return
	}
	id := path[strings.LastIndexByte(path, '/')+1:]
	now, all := o.look(t, path), o.journal.entries(t, id)
	o.journal.last[id], o.journal.seen[id] = now, len(all)
	var done []admin.Entry
	for _, e := range all {
		if e.Outcome == string(change.Done) {
			done = append(done, e)
		}
		if e.Recovered {
			o.journal.recovered++
		}
	}
	switch {
	case len(done) > 1, acknowledged && (len(done) != 1 || done[0].Recovered && !o.mortal || all[len(all)-1].ID != done[0].ID):
		t.Errorf("%s was created, answered with 201: %v. The journal has %+v", path, acknowledged, all)
	case !acknowledged && o.mortal && len(done) != 1: // whoever killed the bridge lost the answer, so the restart settled the change
		t.Errorf("%s was created before the bridge was killed. The journal has %+v", path, all)
	case len(done) == 1:
		if err := compareDone(done[0], resumed(done[0], now), now); err != nil {
			t.Errorf("%s: %v\nthe entry is %+v\nKeycloak has %+v", path, err, done[0], now)
		}
	}
	if acknowledged {
		o.journal.acknowledged++
	}
}

// resumed is what a creation found that completed an earlier one, whose members are in the entry of the earlier one; nil
// for a creation that found nothing.
func resumed(e admin.Entry, now *shown) *shown {
	if now == nil || len(e.Steps) > 0 && strings.HasPrefix(e.Steps[0], "create_") {
		return nil
	}
	out := &shown{members: maps.Clone(now.members)}
	for _, id := range e.MembersAdded {
		delete(out.members, id)
	}
	return out
}

// settled fails the test unless every change has ended.
func (o *faultRun) settled(t *testing.T) {
	t.Helper()
	if stats, err := o.journal.StoreStats(t.Context()); err != nil || stats.Open > 0 || stats.Waiting > 0 {
		t.Errorf("after a restart %d changes are open and %d wait: %v", stats.Open, stats.Waiting, err)
	}
}

// verify checks the whole journal.
func (o *faultRun) verify(t *testing.T) {
	t.Helper()
	o.settled(t)
	proof, err := o.journal.Verify(t.Context())
	if err != nil || proof.Warning != "" || proof.Erased+proof.Pruned > 0 {
		t.Errorf("the journal: %+v, %v", proof, err)
	}
	j := o.journal
	t.Logf("%d entries: compared %d acknowledged changes, %d that failed, %d that were recovered, of which the end of %d is unknown", proof.Entries, j.acknowledged, j.failed, j.recovered, j.unknown)
	if j.acknowledged == 0 {
		t.Error("no change was compared")
	}
}
