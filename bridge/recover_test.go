package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// kept is a change as a store gives it back.
func kept(t *testing.T, c change.Change) change.Change {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var out change.Change
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// interrupt intends a change that is not begun.
func (o *recordedService) interrupt(run func(context.Context) error) change.Change {
	o.t.Helper()
	o.forget()
	o.refuses = errors.New("the process ended")
	_ = run(o.t.Context())
	o.refuses = nil
	if len(o.intended) != 1 {
		o.t.Fatalf("%d changes were intended", len(o.intended))
	}
	return kept(o.t, o.intended[0])
}

// cut carries out a change whose calls are lost from a write on: the first is 1. A call at the stage After is carried
// out.
func (o *recordedService) cut(write int, stage keycloaktest.Stage, run func(context.Context) error) change.Change {
	o.t.Helper()
	o.forget()
	var n atomic.Int64 // members join and leave at the same time
	o.writes = func() {
		if n.Add(1) == int64(write) {
			o.fake.Inject(keycloaktest.Fault{Nth: 1, Stage: stage, Drop: true})
			o.fake.Inject(keycloaktest.Fault{From: 2, Drop: true})
		}
	}
	_ = run(o.t.Context())
	o.writes = nil
	o.fake.ClearFaults()
	if len(o.intended) == 0 {
		o.t.Fatal("no change was intended")
	}
	return kept(o.t, o.intended[len(o.intended)-1])
}

// recovered settles a change, and checks what never changes.
func (o *recordedService) recovered(c change.Change) change.Change {
	o.t.Helper()
	o.fake.ResetCalls()
	got, err := o.service.Recover(o.t.Context(), c)
	if err != nil {
		o.t.Fatal(err)
	}
	if writes := o.written(); len(writes) > 0 {
		o.t.Errorf("it wrote %v", writes)
	}
	if got.ID != c.ID || got.ID == "" || !got.Recovered || !got.Begun.Equal(c.Begun) || got.Op != c.Op || got.Actor != c.Actor || !slices.Equal(got.Steps, c.Steps) {
		o.t.Errorf("the change became another: %+v", got)
	}
	if (got.Reason == "") != (got.Outcome == change.Done) {
		o.t.Errorf("%s has the reason %q", got.Outcome, got.Reason)
	}
	return got
}

// want compares how a change ended.
func wantEnd(t *testing.T, what string, got change.Change, want change.Outcome, done int) {
	t.Helper()
	if got.Outcome != want || got.Done != done {
		t.Errorf("%s: it ended as %s after %d steps (%s), want %s after %d", what, got.Outcome, got.Done, got.Reason, want, done)
	}
}

// TestAnInterruptedChangeThatKeycloakHas is done, for every kind of change.
func TestAnInterruptedChangeThatKeycloakHas(t *testing.T) {
	t.Parallel()
	for name := range newRecordedService(t).changing() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			if err := o.changing()[name](t.Context()); err != nil {
				t.Fatal(err)
			}
			c, settled := kept(t, o.intended[len(o.intended)-1]), kept(t, o.settled[len(o.settled)-1])
			got := o.recovered(c)
			wantEnd(t, name, got, change.Done, len(c.Steps))
			settled.Recovered = true
			if diff := cmp.Diff(settled, kept(t, got)); diff != "" {
				t.Errorf("it ended otherwise than without an interruption (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnInterruptedChangeThatWasNotBegun failed, and nothing joined or left. A change that changes nothing is done.
func TestAnInterruptedChangeThatWasNotBegun(t *testing.T) {
	t.Parallel()
	for name := range newRecordedService(t).changing() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			if name == "reactivate" {
				if err := o.changing()["deactivate"](t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			run := o.changing()[name]
			if name == "take over" { // the creation fails first
				o.forget()
				o.fake.Inject(keycloaktest.Fault{Op: "PUT /users/{id}", Drop: true})
				_ = run(t.Context())
				o.fake.ClearFaults()
			}
			c := change.Change{}
			if name == "take over" {
				c = kept(t, o.intended[1])
			} else {
				c = o.interrupt(run)
			}
			got := o.recovered(c)
			if name == "patch with the same" {
				wantEnd(t, name, got, change.Done, 0)
				return
			}
			wantEnd(t, name, got, change.Failed, 0)
			if got.MembersAdded != nil || got.MembersRemoved != nil {
				t.Errorf("joined %v, left %v", got.MembersAdded, got.MembersRemoved)
			}
			if c.Op == change.Created && (got.After != nil || got.Resource.ID != "") {
				t.Errorf("it made %s: %v", got.Resource.ID, got.After)
			}
			if c.Before != nil && !cmp.Equal(c.Before, kept(t, got).After) {
				t.Errorf("Keycloak has %v, want %v", got.After, c.Before)
			}
		})
	}
}

// TestAnInterruptedChangeOfWhatIsOtherNow is unknown: an administrator changed the resource meanwhile.
func TestAnInterruptedChangeOfWhatIsOtherNow(t *testing.T) {
	t.Parallel()
	retitled := func(o *recordedService) {
		if err := o.changing()["patch"](o.t.Context()); err != nil {
			o.t.Fatal(err)
		}
		o.adminSend("PUT", "/users/"+o.jane, func(user map[string]any) { user["firstName"] = "Janet" })
	}
	renamed := func(o *recordedService) {
		o.adminSend("PUT", "/groups/"+o.team, func(group map[string]any) { group["name"] = "gang" })
	}
	for name, other := range map[string]func(o *recordedService){
		"patch": retitled, "patch with the same": retitled, "replace": retitled, "deactivate": retitled, "reactivate": retitled, "delete": retitled,
		"rename a group": renamed, "replace members": renamed, "delete a group": renamed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			c := o.interrupt(o.changing()[name])
			other(o)
			got := o.recovered(c)
			wantEnd(t, name, got, change.Unknown, 0)
			if got.After["name"] == nil && got.After["displayName"] != "gang" {
				t.Errorf("it shows %v", got.After)
			}
		})
	}
}

// adminSend changes a resource as an administrator does.
func (o *recordedService) adminSend(method, path string, edit func(map[string]any)) {
	o.t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(o.realm.Send(o.t, http.MethodGet, path, "")), &object); err != nil {
		o.t.Fatal(err)
	}
	edit(object)
	data, err := json.Marshal(object)
	if err != nil {
		o.t.Fatal(err)
	}
	o.realm.Send(o.t, method, path, string(data))
}

// TestAnInterruptedChangeOfWhatIsGone is unknown, or done when it should be gone.
func TestAnInterruptedChangeOfWhatIsGone(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]change.Outcome{
		"patch": change.Unknown, "deactivate": change.Unknown, "delete": change.Done, "take over": change.Unknown, "adopt": change.Unknown,
		"rename a group": change.Unknown, "replace members": change.Unknown, "add a member": change.Failed, "delete a group": change.Done,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			var c change.Change
			if name == "take over" {
				c = o.cut(2, keycloaktest.Before, o.changing()[name])
			} else {
				c = o.interrupt(o.changing()[name])
			}
			for _, path := range []string{"/users/" + o.jane, "/users/" + o.ann, "/groups/" + o.team} {
				o.realm.Send(t, http.MethodDelete, path, "")
			}
			got := o.recovered(c)
			if got.Outcome != want || got.After != nil || got.MembersAdded != nil || !slices.Equal(got.MembersRemoved, c.MembersRemoved) {
				t.Errorf("it ended as %s (%s): %+v", got.Outcome, got.Reason, got)
			}
		})
	}
}

// TestAnInterruptedChangeThatKeycloakHasInPart is unknown, and names the users that joined and left.
func TestAnInterruptedChangeThatKeycloakHasInPart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		run            string
		write          int
		stage          keycloaktest.Stage
		reason         string
		added, removed bool // whether ann is a member, and whether jane is no member
	}{
		"a group without its members":           {run: "create a group", write: 2, reason: "its creation has not ended"},
		"a group with its mark":                 {run: "create a group", write: 3, reason: "its creation has not ended", added: true},
		"a user who left before the other came": {run: "replace members", write: 2, reason: "neither the state before", removed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			intended := o.cut(c.write, c.stage, o.changing()[c.run])
			if c.run == "replace members" { // the two run at the same time
				o.realm.Send(t, http.MethodPut, "/users/"+o.jane+"/groups/"+o.team, "")
				o.realm.Send(t, http.MethodDelete, "/users/"+o.ann+"/groups/"+o.team, "")
				o.realm.Send(t, http.MethodDelete, "/users/"+o.jane+"/groups/"+o.team, "")
			}
			got := o.recovered(intended)
			wantEnd(t, name, got, change.Unknown, 0)
			if !strings.Contains(got.Reason, c.reason) || got.Resource.ID == "" || got.After == nil {
				t.Errorf("%s of %s: %v", got.Reason, got.Resource.ID, got.After)
			}
			if c.added != slices.Equal(got.MembersAdded, []string{o.ann}) || c.removed != slices.Equal(got.MembersRemoved, []string{o.jane}) {
				t.Errorf("joined %v, left %v", got.MembersAdded, got.MembersRemoved)
			}
		})
	}
}

// TestAnotherCreationOfTheNameIsNotTheInterruptedOne: a client repeats a creation before the first is settled, or the
// name was taken before.
func TestAnotherCreationOfTheNameIsNotTheInterruptedOne(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(o *recordedService, again func()){
		"repeated": func(_ *recordedService, again func()) { again() },
		"by hand": func(o *recordedService, _ func()) {
			o.makeAccount("joe", nil)
			o.realm.Send(o.t, http.MethodPost, "/groups", `{"name":"other"}`)
		},
	} {
		for _, kind := range []string{"create", "create a group"} {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				o := newRecordedService(t)
				c := o.interrupt(o.changing()[kind])
				c.Begun = c.Begun.Add(-time.Second) // the other came a second later
				prepare(o, func() {
					if err := o.changing()[kind](t.Context()); err != nil {
						t.Fatal(err)
					}
				})
				got := o.recovered(c)
				wantEnd(t, name, got, change.Failed, 0)
				if got.Resource.ID != "" || got.After != nil {
					t.Errorf("it made %s: %v", got.Resource.ID, got.After)
				}
			})
		}
	}
}

// TestAnInterruptedReleaseIsRecovered: an account and a group that were adopted lose their owner again, and the tenant
// still sees them.
func TestAnInterruptedReleaseIsRecovered(t *testing.T) {
	t.Parallel()
	o := newRecordedService(t)
	o.realm.Send(t, http.MethodPost, "/groups", `{"name":"old"}`)
	if err := o.changing()["adopt"](t.Context()); err != nil {
		t.Fatal(err)
	}
	undo := func() []change.Change {
		o.forget()
		_ = o.service.Adopt(t.Context(), o.tenant.Operator(), bridge.AdoptOptions{Undo: true}, func(bridge.Adoption) error { return nil })
		return o.intended
	}
	o.refuses = errors.New("the process ended")
	first := undo()
	o.refuses = nil
	wantEnd(t, "not begun", o.recovered(kept(t, first[0])), change.Failed, 0)
	released := undo()
	if len(released) != 2 {
		t.Fatalf("%d were released", len(released))
	}
	for _, c := range released {
		got := o.recovered(kept(t, c))
		wantEnd(t, c.Resource.Type, got, change.Done, 1)
		if got.After == nil {
			t.Errorf("the %s is gone", c.Resource.Type)
		}
	}
}
