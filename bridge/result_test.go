package bridge_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// kinds are the kinds of the steps of a plan.
func kinds(p plan.Plan) []plan.Kind {
	var out []plan.Kind
	for _, step := range p {
		out = append(out, plan.KindOf(step))
	}
	return out
}

// TestADryRunComesToWhatTheRequestDoes: it has the same op, plan and change, and it writes and records nothing.
func TestADryRunComesToWhatTheRequestDoes(t *testing.T) {
	t.Parallel()
	for name := range newRecordedService(t).changing() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			o.dry = true
			if err := o.changing()[name](t.Context()); err != nil {
				t.Fatal(err)
			}
			if writes := o.written(); len(writes)+len(o.intended) > 0 {
				t.Errorf("Keycloak was told %v, and %d changes were recorded", writes, len(o.intended))
			}
			dry := o.came
			o.dry = false
			if err := o.changing()[name](t.Context()); err != nil {
				t.Fatal(err)
			}
			if name == "adopt" || name == "take over" { // they concern several resources, and only Keycloak knows whether there are any
				return
			}
			if diff := cmp.Diff(kinds(o.came.Plan), kinds(dry.Plan)); diff != "" || dry.Op != o.came.Op || dry.Change.Outcome != "" || len(dry.Change.Steps) != len(dry.Plan) {
				t.Errorf("%s, %+v, want %s (-want +got):\n%s", dry.Op, dry.Change, o.came.Op, diff)
			}
			if diff := cmp.Diff(o.came.Resource.Document, dry.Resource.Document); diff != "" {
				t.Errorf("the resource (-want +got):\n%s", diff)
			}
			if (dry.Location == "") != (dry.Resource.ID == "") || dry.Resource.ID == "" && dry.Shown[scim.AttrID] != nil {
				t.Errorf("what is not there has the location %q and is shown as %v", dry.Location, dry.Shown)
			}
		})
	}
}

// TestAResultSaysWhatHappenedToTheResource, what was done for it and what was recorded.
func TestAResultSaysWhatHappenedToTheResource(t *testing.T) {
	t.Parallel()
	o := newRecordedService(t)
	read, err := o.service.Get(t.Context(), o.call("/Users", o.jane))
	if err != nil || read.Op != "" || read.Plan != nil || read.Change.Op != "" || read.Shown["title"] != "Boss" || read.Resource.ID != o.jane || read.Version == "" || read.Location == "" {
		t.Errorf("a read is %+v, %v", read, err)
	}
	same := o.call("/Users", o.jane)
	same.IfNoneMatch = read.Version
	if again, err := o.service.Get(t.Context(), same); err != nil || !again.Unchanged || again.Shown != nil || again.Version != read.Version {
		t.Errorf("a read of what the client has is %+v, %v", again, err)
	}
	list, err := o.service.List(t.Context(), o.call("/Users", ""), bridge.Query{})
	if err != nil || list.Op != "" || list.Shown["totalResults"] == nil || list.Resource.ID != "" {
		t.Errorf("a list is %+v, %v", list, err)
	}
	for _, c := range []struct {
		verb  string
		op    change.Op
		kind  plan.Kind
		shown bool
	}{
		{"create", change.Created, "create_user", true},
		{"patch", change.Updated, "update_user", true},
		{"add a member", change.Updated, "add_member", false},
		{"deactivate", change.Deactivated, "update_user", true},
		{"delete", change.Deleted, "delete_user", false},
	} {
		if err := o.changing()[c.verb](t.Context()); err != nil {
			t.Fatal(err)
		}
		if o.came.Op != c.op || len(o.came.Plan) == 0 || plan.KindOf(o.came.Plan[0]) != c.kind || o.came.Change.Outcome != change.Done || o.came.Change.Op != c.op || (o.came.Shown != nil) != c.shown {
			t.Errorf("%s came to %+v", c.verb, o.came)
		}
	}
}

// TestABulkDryRunWritesNothing either: each operation is planned by itself. An operation that refers to a resource that
// the dry run does not create is refused.
func TestABulkDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	o := newRecordedService(t)
	o.dry = true
	manager := func(id string) map[string]any { return map[string]any{"manager": map[string]any{"value": id}} }
	operation := func(method, path, bulkID string, data map[string]any) any {
		out := map[string]any{"method": method, "path": path}
		if bulkID != "" {
			out["bulkId"] = bulkID
		}
		if data != nil {
			out["data"] = data
		}
		return out
	}
	came, err := o.service.Bulk(t.Context(), o.call("", ""), map[string]any{"Operations": []any{
		operation("POST", "/Users", "joe", map[string]any{"userName": "joe"}),
		operation("PUT", "/Users/"+o.jane, "", map[string]any{"userName": "jane", "title": "Clerk"}),
		operation("POST", "/Groups", "crew", map[string]any{"displayName": "crew", "members": []any{map[string]any{"value": "bulkId:joe"}}}),
		operation("POST", "/Users", "a", map[string]any{"userName": "a", scim.EnterpriseUserURN: manager("bulkId:b")}),
		operation("POST", "/Users", "b", map[string]any{"userName": "b", scim.EnterpriseUserURN: manager("bulkId:a")}),
		operation("DELETE", "/Groups/"+o.team, "", nil),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if writes := o.written(); len(writes)+len(o.intended) > 0 {
		t.Errorf("Keycloak was told %v, and %d changes were recorded", writes, len(o.intended))
	}
	var got []any
	operations, _ := came.Shown["Operations"].([]map[string]any)
	for _, one := range operations {
		got = append(got, one["status"])
		if one["method"] == "POST" && one["location"] != nil {
			t.Errorf("what was not made is at %v", one["location"])
		}
	}
	if diff := cmp.Diff([]any{"201", "200", "409", "409", "409", "204"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestADryRunRemovesNobody for the removal brake, and reports when the brake holds.
func TestADryRunRemovesNobody(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"delete", "deactivate"} {
		o := newRecordedService(t)
		o.tenant.Policy.RemovalBrake = config.RemovalBrake{Max: 1, Window: config.Duration(time.Hour), Floor: 1}
		o.later = time.Hour // the brake does not count users that the tenant has just created
		another := o.create("/Users", map[string]any{"userName": "joe"})
		o.dry = true
		if err := o.changing()[verb](t.Context()); err != nil {
			t.Fatal(err)
		}
		o.dry = false
		if _, err := o.service.Delete(t.Context(), o.call("/Users", another)); err != nil {
			t.Errorf("%s: a removal after a dry run of another: %v", verb, err)
		}
		o.dry = true
		err := o.changing()[verb](t.Context())
		if brake, _ := o.service.Brake().State(t.Context(), o.tenant); !held(err) || brake != "clear" {
			t.Errorf("%s: a dry run of what the brake holds: %v, and then the brake is %s", verb, err, brake)
		}
		o.dry = false
		if err := o.changing()[verb](t.Context()); !held(err) {
			t.Errorf("%s: what the brake holds: %v", verb, err)
		}
	}
}

func held(err error) bool {
	told, is := errors.AsType[*scim.Error](err)
	return is && told.Code == "removal-held"
}

// TestWhatIsWrittenIsInTheNextList from an index, even when the index was made a moment ago.
func TestWhatIsWrittenIsInTheNextList(t *testing.T) {
	t.Parallel()
	for endpoint, c := range map[string]struct {
		sort  string
		verbs []string
		want  [][]any
	}{
		"/Users":  {"title", []string{"create", "patch", "delete"}, [][]any{{"Boss", nil}, {"Boss", nil, nil}, {"Clerk", nil, nil}, {nil, nil}}},
		"/Groups": {"displayName", []string{"create a group", "rename a group", "delete a group"}, [][]any{{"team"}, {"other", "team"}, {"other", "squad"}, {"other"}}},
	} {
		o := newRecordedService(t)
		titles := func() []any {
			list, err := o.service.List(t.Context(), o.call(endpoint, ""), bridge.Query{SortBy: c.sort})
			if err != nil {
				t.Fatal(err)
			}
			var out []any
			resources, _ := list.Shown["Resources"].([]map[string]any)
			for _, r := range resources {
				out = append(out, r[c.sort])
			}
			return out
		}
		got := [][]any{titles()}
		for _, verb := range c.verbs {
			if err := o.changing()[verb](t.Context()); err != nil {
				t.Fatal(err)
			}
			got = append(got, titles())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", endpoint, diff)
		}
	}
}
