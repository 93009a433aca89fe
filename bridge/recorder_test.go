package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestWhatCannotBeRecordedIsNotBegun: no request of any kind reaches Keycloak. The client gets the Recorder's error
// when it is one for clients.
func TestWhatCannotBeRecordedIsNotBegun(t *testing.T) {
	t.Parallel()
	for name := range newRecordedService(t).changing() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			for code, refuses := range map[scim.Code]error{
				"store-away":      &scim.Error{Code: "store-away", Status: http.StatusServiceUnavailable, Detail: "repeat the request later"},
				scim.CodeInternal: errors.New("the disk is full"),
			} {
				o.forget()
				o.refuses = refuses
				err := o.changing()[name](t.Context())
				if told, is := errors.AsType[*scim.Error](err); name != "adopt" && (!is || told.Code != code) || err == nil && code == scim.CodeInternal {
					t.Errorf("it ended with %v, want %s", err, code)
				}
				if writes := o.written(); len(writes) > 0 || len(o.intended) == 0 || len(o.settled) > 0 {
					t.Errorf("Keycloak was told %v; intended %d, settled %d", writes, len(o.intended), len(o.settled))
				}
			}
		})
	}
}

// TestEveryChangeIsRecordedBeforeItsFirstCall and settled after its last call, each change by itself.
func TestEveryChangeIsRecordedBeforeItsFirstCall(t *testing.T) {
	t.Parallel()
	for name := range newRecordedService(t).changing() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			o.writes = func() {
				if o.open() != 1 {
					t.Errorf("a call while %d changes are open", o.open())
				}
			}
			o.intends = func() {
				if len(o.intended) > len(o.settled) {
					t.Error("a change is begun before the one before it is settled")
				}
			}
			if err := o.changing()[name](t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(o.intended) == 0 || o.open() != 0 {
				t.Errorf("intended %d, of which %d are open", len(o.intended), o.open())
			}
		})
	}
}

// TestEveryChangeIsSettledHoweverItEnds: once, in a context that has not ended. A Recorder that fails does not change
// the answer.
func TestEveryChangeIsSettledHoweverItEnds(t *testing.T) {
	t.Parallel()
	breaks := func() { panic("a step") } //nolint:forbidigo // what it is about
	for name, c := range map[string]struct {
		verb   string
		fault  keycloaktest.Fault
		before func(o *recordedService, cancel func())
		fails  bool
		want   []string // outcome, steps done, reason
	}{
		"all goes well":                 {verb: "patch", want: []string{"done 1"}},
		"nothing is to be done":         {verb: "patch with the same", want: []string{"done 0"}},
		"Keycloak fails":                {verb: "patch", fault: keycloaktest.Fault{Op: "PUT /users/{id}", Status: 500}, fails: true, want: []string{"failed 0 update_user: unknown"}},
		"Keycloak refuses":              {verb: "patch", fault: keycloaktest.Fault{Op: "PUT /users/{id}", Status: 400}, fails: true, want: []string{"failed 0 update_user: invalid"}},
		"Keycloak hangs up":             {verb: "patch", fault: keycloaktest.Fault{Op: "PUT /users/{id}", Drop: true}, fails: true, want: []string{"failed 0 update_user: unavailable"}},
		"a later step fails":            {verb: "deactivate", fault: keycloaktest.Fault{Op: "POST /users/{id}/logout", Status: 500}, fails: true, want: []string{"failed 1 end_sessions: unknown"}},
		"a creation is undone":          {verb: "create a group", fault: keycloaktest.Fault{Op: "PUT /users/{id}/groups/{group}", Status: 500}, fails: true, want: []string{"failed 0 add_member: unknown"}},
		"a creation is in vain":         {verb: "take over", want: []string{"failed 0 create_user: conflict", "done 1"}},
		"the rights cannot be read":     {verb: "delete", fault: keycloaktest.Fault{Op: "GET /users/{id}/role-mappings/clients/{client}/composite", Status: 500}, fails: true, want: []string{"refused 0 list effective roles: unknown (status 500)"}},
		"the client gives up":           {verb: "patch", before: func(o *recordedService, cancel func()) { o.writes = cancel }, fails: true, want: []string{"failed 0 update_user: unavailable"}},
		"the client gave up before":     {verb: "patch", before: func(o *recordedService, cancel func()) { o.intends = cancel }, fails: true, want: []string{"failed 0 update_user: unavailable"}},
		"a call panics":                 {verb: "patch", before: func(o *recordedService, _ func()) { o.writes = breaks }, fails: true, want: []string{"failed 0 update_user: it broke off"}},
		"parallel calls panic":          {verb: "replace members", before: func(o *recordedService, _ func()) { o.writes = breaks }, fails: true, want: []string{"failed 0 remove_member: it broke off"}},
		"the request panics":            {verb: "patch", before: func(o *recordedService, _ func()) { o.steps = breaks }, fails: true, want: []string{"unknown 0 it broke off"}},
		"the Recorder fails at the end": {verb: "patch", before: func(o *recordedService, _ func()) { o.forgets = errors.New("the disk is full") }, want: []string{"done 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			if c.fault.Op != "" {
				o.fake.Inject(c.fault)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.before != nil {
				c.before(o, cancel)
			}
			err := survived(func() error { return o.changing()[c.verb](ctx) })
			if (err != nil) != c.fails {
				t.Errorf("the request ended with %v", err)
			}
			var got []string
			for i, one := range o.settled {
				line := fmt.Sprint(one.Outcome, " ", one.Done)
				if one.Reason != "" {
					line += " " + one.Reason
				}
				got = append(got, line)
				if o.ended[i] != nil || (o.errs[i] != nil) != (one.Outcome != change.Done) {
					t.Errorf("%s is settled with %v, in a context that ended with %v", line, o.errs[i], o.ended[i])
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || len(o.intended) != len(o.settled) {
				t.Errorf("of %d that were intended (-want +settled):\n%s", len(o.intended), diff)
			}
		})
	}
}

// survived is how a request ends, also when it panics.
func survived(request func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return request()
}

// TestAChangeNamesItsAuthorAndItsResource: before and after a change is made, its record says who makes it, by which
// entry point, and what happens to which resource.
func TestAChangeNamesItsAuthorAndItsResource(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		op             change.Op
		before, after  map[string]any // the checked values of the documents; nil for no document
		added, removed string         // who joins or leaves the group; "" for nobody
	}{
		"create":              {op: change.Created, after: map[string]any{"userName": "joe", "active": true}},
		"patch":               {op: change.Updated, before: map[string]any{"title": "Boss"}, after: map[string]any{"title": "Clerk"}},
		"patch with the same": {op: change.Updated, before: map[string]any{"title": "Boss"}, after: map[string]any{"title": "Boss"}},
		"replace":             {op: change.Updated, before: map[string]any{"title": "Boss"}, after: map[string]any{"title": "Clerk"}},
		"deactivate":          {op: change.Deactivated, before: map[string]any{"active": true}, after: map[string]any{"active": false, "title": "Boss"}},
		"delete":              {op: change.Deleted, before: map[string]any{"userName": "jane"}},
		"take over":           {op: change.Adopted, after: map[string]any{"userName": "ann"}},
		"create a group":      {op: change.Created, after: map[string]any{"displayName": "other", "members": nil}, added: "ann"},
		"add a member":        {op: change.Updated, added: "ann"}, // this does not read the group
		"replace members":     {op: change.Updated, before: map[string]any{"displayName": "team"}, after: map[string]any{"displayName": "team", "members": nil}, added: "ann", removed: "jane"},
		"rename a group":      {op: change.Updated, before: map[string]any{"displayName": "team"}, after: map[string]any{"displayName": "squad"}},
		"delete a group":      {op: change.Deleted, before: map[string]any{"displayName": "team"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			if err := o.changing()[name](t.Context()); err != nil {
				t.Fatal(err)
			}
			intended, settled := o.intended[len(o.intended)-1], o.settled[len(o.settled)-1]
			if actor := (change.Actor{Kind: "client", Name: "entra", KeyID: "k1"}); settled.Actor != actor || settled.Origin != change.Request || settled.Tenant != "acme" || settled.Realm != o.tenant.Realm {
				t.Errorf("who and where: %+v", settled)
			}
			if settled.Op != want.op || settled.Resource.ID == "" || settled.Resource.Type == "" || len(settled.Steps) != settled.Done {
				t.Errorf("what: %+v, want %s", settled, want.op)
			}
			for _, one := range []struct {
				what string
				want map[string]any
				got  scim.Document
			}{{"before", want.before, settled.Before}, {"after", want.after, settled.After}} {
				if (one.want == nil) != (one.got == nil) {
					t.Errorf("%s: %v", one.what, one.got)
				}
				for attribute, value := range one.want {
					if one.got[attribute] != value {
						t.Errorf("%s: %s is %v, want %v", one.what, attribute, one.got[attribute], value)
					}
				}
			}
			ids := map[string][]string{"": nil, "ann": {o.ann}, "jane": {o.jane}}
			if diff := cmp.Diff(ids[want.added], settled.MembersAdded) + cmp.Diff(ids[want.removed], settled.MembersRemoved); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
			settled.Outcome, settled.Done = intended.Outcome, intended.Done
			if intended.Resource.ID == "" { // the group was created
				settled.Resource.ID = ""
			}
			if diff := cmp.Diff(intended, settled); diff != "" {
				t.Errorf("what was intended is settled as something else (-intended +settled):\n%s", diff)
			}
		})
	}
}

// TestAUserWhoComesBackIsReactivated by the same attribute that ended the access.
func TestAUserWhoComesBackIsReactivated(t *testing.T) {
	t.Parallel()
	o := newRecordedService(t)
	for _, verb := range []string{"deactivate", "deactivate", "reactivate"} {
		if err := o.changing()[verb](t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var got []change.Op
	for _, one := range o.settled {
		got = append(got, one.Op)
	}
	if diff := cmp.Diff([]change.Op{change.Deactivated, change.Updated, change.Reactivated}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAChangeNamesItsEntryPoint: an operation of a bulk request has the origin bulk, unless an import sends it.
func TestAChangeNamesItsEntryPoint(t *testing.T) {
	t.Parallel()
	o := newRecordedService(t)
	for _, origin := range []change.Origin{change.Request, change.Import} {
		call := o.call("", "")
		call.Origin = origin
		body := map[string]any{"Operations": []any{map[string]any{"method": "POST", "path": "/Users", "bulkId": "1", "data": map[string]any{"userName": "by-" + string(origin)}}}}
		if _, err := o.service.Bulk(t.Context(), call, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.changing()["adopt"](t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []change.Origin
	for _, one := range o.settled {
		got = append(got, one.Origin)
	}
	if diff := cmp.Diff([]change.Origin{change.Bulk, change.Import, change.Adopt}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if one := o.settled[2]; one.Op != change.Adopted || one.Resource.ID != o.ann || one.Actor.Kind != "operator" {
		t.Errorf("the adoption is %+v", one)
	}
}

// TestARefusedAdoptionIsNotAChange: the operator gets the reason, and nothing is recorded, because nothing was to be
// done.
func TestARefusedAdoptionIsNotAChange(t *testing.T) {
	t.Parallel()
	o := newRecordedService(t)
	o.tenant.Owner.Shared = true                               // so that not all accounts belong to the tenant
	if err := o.changing()["adopt"](t.Context()); err != nil { // adopts all that can be adopted
		t.Fatal(err)
	}
	o.makeAccount("joe", map[string][]string{mapping.AttrOwner: {"other"}})
	o.forget()
	told := 0
	err := o.service.Adopt(t.Context(), o.tenant.Operator(), bridge.AdoptOptions{}, func(a bridge.Adoption) error {
		if a.Outcome == bridge.Refused {
			told++
		}
		return nil
	})
	if err != nil || told != 1 {
		t.Fatalf("%d are refused, %v", told, err)
	}
	if len(o.intended)+len(o.settled) > 0 {
		t.Errorf("recorded: %+v", o.settled)
	}
}

func TestACreationThatCannotBeUndoneSaysWhatStays(t *testing.T) {
	t.Parallel()
	o := newRecordedService(t)
	o.fake.Inject(keycloaktest.Fault{Op: "PUT /users/{id}/groups/{group}", Status: http.StatusInternalServerError})
	o.fake.Inject(keycloaktest.Fault{Op: "DELETE /groups/{id}", Status: http.StatusForbidden})
	if err := o.changing()["create a group"](t.Context()); err == nil {
		t.Fatal("the creation succeeds")
	}
	if got := o.settled[0]; got.Outcome != change.Failed || got.Done != 1 || got.Resource.ID == "" {
		t.Errorf("settled as %+v, want one step that stays", got)
	}
}

// TestWhoComesBackIsRecordedWithWhatWasThere before.
func TestWhoComesBackIsRecordedWithWhatWasThere(t *testing.T) {
	t.Parallel()
	o := newRecordedService(t)
	o.tenant.Policy.Rehire, o.tenant.Policy.ExternalID = config.RehireRevive, config.ExternalIDUnique
	joe := o.create("/Users", map[string]any{"userName": "joe", "externalId": "7", "title": "Boss"})
	patch := map[string]any{"Operations": []any{map[string]any{"op": "replace", "path": "active", "value": false}}}
	if _, err := o.service.Patch(t.Context(), o.call("/Users", joe), patch); err != nil {
		t.Fatal(err)
	}
	join := map[string]any{"Operations": []any{map[string]any{"op": "add", "path": "members", "value": []any{map[string]any{"value": joe}}}}}
	if _, err := o.service.Patch(t.Context(), o.call("/Groups", o.team), join); err != nil {
		t.Fatal(err)
	}
	o.forget()
	if again := o.create("/Users", map[string]any{"userName": "joe", "externalId": "7", "title": "Clerk"}); again != joe {
		t.Fatalf("the creation makes %s, want %s", again, joe)
	}
	got := o.settled[len(o.settled)-1]
	if got.Op != change.Reactivated || got.Before["title"] != "Boss" || got.Before["active"] != false || got.After["title"] != "Clerk" || got.After["active"] != true {
		t.Errorf("settled as %+v", got)
	}
	if leaves := slices.ContainsFunc(got.Steps, func(step string) bool { return strings.HasPrefix(step, "remove_member") }); !leaves || got.MembersRemoved != nil {
		t.Errorf("the user leaves the team: %t, and that is told as one of a group: %v", leaves, got.MembersRemoved)
	}
}

// TestWhatLeavesATenantAndComesBackIsRecordedAsThat, for users and groups.
func TestWhatLeavesATenantAndComesBackIsRecordedAsThat(t *testing.T) {
	t.Parallel()
	ops := func(o *recordedService) []change.Op {
		var out []change.Op
		for _, one := range o.settled {
			if one.Outcome == change.Done {
				out = append(out, one.Op)
			}
		}
		return out
	}
	for name, c := range map[string]struct {
		policy func(*tenant.Policy)
		verbs  []string
		last   func(o *recordedService)
		want   []change.Op
	}{
		"a user by name": {
			func(p *tenant.Policy) { p.OnDelete, p.OwnedOnly = config.OnDeleteLeave, true },
			[]string{"delete"},
			func(o *recordedService) { o.create("/Users", map[string]any{"userName": "jane"}) },
			[]change.Op{change.Left, change.Joined},
		},
		"a user by externalId": {func(p *tenant.Policy) {
			p.OnDelete, p.OwnedOnly, p.Rehire, p.ExternalID = config.OnDeleteDisable, true, config.RehireRevive, config.ExternalIDUnique
		}, []string{"identify", "delete"}, func(o *recordedService) { o.create("/Users", map[string]any{"userName": "jane", "externalId": "7"}) }, []change.Op{change.Updated, change.Left, change.Joined}},
		"a group": {
			func(p *tenant.Policy) { p.OnDelete = config.OnDeleteLeave },
			[]string{"delete a group"},
			func(o *recordedService) { o.create("/Groups", map[string]any{"displayName": "team"}) },
			[]change.Op{change.Left, change.Joined},
		},
		"a group that nobody owns": {func(*tenant.Policy) {}, nil, func(o *recordedService) {
			if _, err := o.admin.CreateGroup(o.t.Context(), keycloak.NewGroup{Name: "old"}); err != nil {
				o.t.Fatal(err)
			}
			o.create("/Groups", map[string]any{"displayName": "old"})
		}, []change.Op{change.Adopted}},
		"what was taken over": {func(*tenant.Policy) {}, []string{"adopt"}, func(o *recordedService) {
			if err := o.service.Adopt(o.t.Context(), o.tenant.Operator(), bridge.AdoptOptions{Undo: true}, func(bridge.Adoption) error { return nil }); err != nil {
				o.t.Fatal(err)
			}
		}, []change.Op{change.Adopted, change.Left}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			c.policy(&o.tenant.Policy)
			changing := o.changing()
			changing["identify"] = func(ctx context.Context) error {
				body := map[string]any{"Operations": []any{map[string]any{"op": "replace", "path": "externalId", "value": "7"}}}
				_, err := o.service.Patch(ctx, o.call("/Users", o.jane), body)
				return err
			}
			for _, verb := range c.verbs {
				if err := changing[verb](t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			c.last(o)
			if diff := cmp.Diff(c.want, ops(o)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
