package bridge_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestSessionsThatAreLeftAreNotTheEndOfSessions: a deactivation is done when its user has no session.
func TestSessionsThatAreLeftAreNotTheEndOfSessions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		offline bool
		write   int
		want    change.Outcome
	}{
		"online, disabled":     {false, 2, change.Unknown},
		"online, logged out":   {false, 3, change.Done},
		"offline, disabled":    {true, 2, change.Unknown},
		"offline, not revoked": {true, 3, change.Unknown},
		"offline, revoked":     {true, 9, change.Done},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			o.adminSend(http.MethodPut, "/users/"+o.jane, func(u map[string]any) {
				u["email"], u["firstName"], u["lastName"], u["credentials"] = "jane@acme.test", "Jane", "Lee", []any{map[string]any{"type": "password", "value": "pw"}}
			})
			o.realm.LogIn(t, "jane", "pw", c.offline)
			got := o.recovered(o.cut(c.write, keycloaktest.Before, o.changing()["deactivate"]))
			if got.Outcome != c.want || got.Outcome == change.Unknown && !strings.Contains(got.Reason, "the end of the sessions") {
				t.Errorf("it ended as %s (%s), want %s", got.Outcome, got.Reason, c.want)
			}
		})
	}
}

// TestAPasswordAloneIsNotSettled, because Keycloak does not show it. With another value it is one call.
func TestAPasswordAloneIsNotSettled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		title      string
		made       bool
		want       change.Outcome
		unseen     []change.Part
		wantReason string
	}{
		"alone, made":          {"Boss", true, change.Unknown, []change.Part{change.Password}, "the new password"},
		"alone, not made":      {"Boss", false, change.Unknown, []change.Part{change.Password}, "the new password"},
		"with a title":         {"Clerk", true, change.Done, []change.Part{change.Password}, ""},
		"with a title, not so": {"Clerk", false, change.Failed, []change.Part{change.Password}, "interrupted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			o.tenant.Mapping = mappingOf(t, "version: 1\nusers: { password: accept }\n")
			run := func(ctx context.Context) error {
				_, err := o.service.Replace(ctx, o.call("/Users", o.jane), map[string]any{"userName": "jane", "title": c.title, "password": "Correct-horse-1"})
				return err
			}
			stage := keycloaktest.Before
			if c.made {
				stage = keycloaktest.After
			}
			intended := o.cut(1, stage, run)
			if !slices.Equal(intended.Unseen, c.unseen) {
				t.Errorf("unseen are %v", intended.Unseen)
			}
			got := o.recovered(intended)
			if got.Outcome != c.want || !strings.Contains(got.Reason, c.wantReason) {
				t.Errorf("it ended as %s (%s), want %s", got.Outcome, got.Reason, c.want)
			}
		})
	}
}

// TestWhatNobodyCanReadIsUnknown, and no error: the tenant is gone or another one has its path, or the resource is
// protected or damaged. What was intended stays.
func TestWhatNobodyCanReadIsUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		run     string
		prepare func(o *recordedService, c *change.Change)
		reason  string
	}{
		"a tenant that is gone":    {"patch", func(_ *recordedService, c *change.Change) { c.Tenant = "gone" }, "the tenant does not exist"},
		"another realm":            {"patch", func(_ *recordedService, c *change.Change) { c.Realm = "gone" }, "the tenant does not exist"},
		"another organization":     {"patch", func(_ *recordedService, c *change.Change) { c.Organization.ID = "gone" }, "the tenant does not exist"},
		"another type":             {"patch", func(_ *recordedService, c *change.Change) { c.Resource.Type = "Device" }, "does not know this type"},
		"an id that cannot be one": {"patch", func(_ *recordedService, c *change.Change) { c.Resource.ID = "a/b" }, "not an id"},
		"no id":                    {"patch", func(_ *recordedService, c *change.Change) { c.Resource.ID = "" }, "not an id"},
		"a protected user":         {"patch", func(o *recordedService, _ *change.Change) { o.protect(o.jane, "") }, "protected"},
		"a protected group":        {"add a member", func(o *recordedService, _ *change.Change) { o.protect("", o.team) }, "protected"},
		"a damaged user": {"patch", func(o *recordedService, _ *change.Change) {
			o.adminSend(http.MethodPut, "/users/"+o.jane, func(u map[string]any) {
				u["attributes"].(map[string]any)["scim.remainder"] = []string{"realm|x"}
			})
		}, "cannot be read"},
		"a user without a name":  {"create", func(_ *recordedService, c *change.Change) { delete(c.After, "userName") }, "mapping"},
		"a group without a name": {"create a group", func(_ *recordedService, c *change.Change) { delete(c.After, "displayName") }, "mapping"},
		"no document":            {"create", func(_ *recordedService, c *change.Change) { c.After = nil }, "not an id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			intended := o.interrupt(o.changing()[c.run])
			c.prepare(o, &intended)
			got := o.recovered(intended)
			if got.Outcome != change.Unknown || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("it ended as %s (%s)", got.Outcome, got.Reason)
			}
			if !cmp.Equal(got.After, intended.After) || !slices.Equal(got.MembersAdded, intended.MembersAdded) {
				t.Errorf("what was intended is now %v, %v", got.After, got.MembersAdded)
			}
		})
	}
}

// TestAnOutageIsAnErrorOfRecover, so that the caller tries again, and so are a realm that is not fit and a realm
// without a client. A paused tenant is read.
func TestAnOutageIsAnErrorOfRecover(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(o *recordedService)
		fails   bool
	}{
		"an outage": {func(o *recordedService) { o.fake.Inject(keycloaktest.Fault{Op: "GET /users/{id}", Status: 503}) }, true},
		"no rights": {func(o *recordedService) { o.fake.Inject(keycloaktest.Fault{Op: "GET /users/{id}", Status: 403}) }, true},
		"not fit": {func(o *recordedService) {
			f := o.tenant.Fitness()
			f.Problem = "the realm is not fit"
			o.tenant.SetFitness(f)
		}, true},
		"paused": {func(o *recordedService) { o.tenant.Policy.Access = config.AccessPaused }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRecordedService(t)
			intended := o.interrupt(o.changing()["patch"])
			c.prepare(o)
			got, err := o.service.Recover(t.Context(), intended)
			if (err != nil) != c.fails {
				t.Errorf("it ended with %+v, %v", got, err)
			}
			_, err = o.service.Observe(t.Context(), "acme", o.team, []string{o.ann})
			if fit := name == "not fit"; (err != nil) != fit {
				t.Errorf("Observe = %v", err)
			}
		})
	}
}

// TestObserveSaysWhoIsAMember now, and names the others.
func TestObserveSaysWhoIsAMember(t *testing.T) {
	t.Parallel()
	o := newRecordedService(t)
	nobody := "00000000-0000-0000-0000-000000000000"
	for name, c := range map[string]struct {
		path, group    string
		asked          []string
		added, removed []string
		outcome        change.Outcome
		reason         string
	}{
		"a member and others":   {"acme", o.team, []string{o.ann, o.jane, nobody}, []string{o.jane}, []string{o.ann, nobody}, change.Done, ""},
		"a group that is gone":  {"acme", nobody, []string{o.jane, o.ann}, nil, []string{o.jane, o.ann}, change.Done, ""},
		"a tenant that is gone": {"gone", o.team, []string{o.jane}, nil, nil, change.Unknown, "the tenant"},
		"not an id":             {"acme", "a/b", []string{o.jane}, nil, nil, change.Unknown, "not an id"},
	} {
		got, err := o.service.Observe(t.Context(), c.path, c.group, c.asked)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got.Outcome != c.outcome || !strings.Contains(got.Reason, c.reason) || !slices.Equal(got.MembersAdded, c.added) || !slices.Equal(got.MembersRemoved, c.removed) {
			t.Errorf("%s: %+v", name, got)
		}
		if actor := (change.Actor{Kind: "system", Name: "scim-bridge"}); got.Actor != actor || got.ID == "" || got.Begun.IsZero() || got.Origin != change.Observation || got.Op != change.Observed ||
			got.Resource != (change.Resource{Type: "Group", ID: c.group}) || got.Tenant != c.path || got.Recovered || got.Steps != nil || c.path == "acme" && got.Realm != o.tenant.Realm {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if writes := o.written(); len(writes) > 0 || len(o.intended) > 0 {
		t.Errorf("it wrote %v, and recorded %v", writes, o.intended)
	}
}

// TestAChangeHasAnIDAndATimeWhenItIsRecorded. A dry run has neither, because it is not recorded.
func TestAChangeHasAnIDAndATimeWhenItIsRecorded(t *testing.T) {
	t.Parallel()
	for _, dry := range []bool{false, true} {
		o := newRecordedService(t)
		o.dry = dry
		seen := map[change.ID]bool{}
		for _, verb := range []string{"create", "create a group", "patch", "deactivate", "add a member"} {
			if err := o.changing()[verb](t.Context()); err != nil {
				t.Fatal(err)
			}
			got := o.came.Change
			if dry {
				if got.ID != "" || !got.Begun.IsZero() {
					t.Errorf("a dry run of %s has %s, %s", verb, got.ID, got.Begun)
				}
				continue
			}
			if _, err := change.ParseID(string(got.ID)); err != nil || seen[got.ID] || got.Begun.IsZero() {
				t.Errorf("%s: %s (%v), %s", verb, got.ID, err, got.Begun)
			}
			seen[got.ID] = true
			unseen := map[string][]change.Part{"deactivate": {change.Sessions}}
			if !slices.Equal(got.Unseen, unseen[verb]) {
				t.Errorf("%s: nobody sees %v", verb, got.Unseen)
			}
		}
	}
}

// protect protects a user or a group, as the last read of the realm would.
func (o *recordedService) protect(user, group string) {
	f := o.tenant.Fitness()
	p := *f.Protected
	p.Users, p.Groups = map[string]bool{user: true}, map[string]bool{group: true}
	f.Protected = &p
	o.tenant.SetFitness(f)
}

// mappingOf compiles a mapping file.
func mappingOf(t *testing.T, text string) *mapping.Mapping {
	t.Helper()
	file, source := config.ParseMapping("mapping.yaml", []byte(text))
	m, problems := mapping.Compile(file, source, scim.Tolerant)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return m
}
