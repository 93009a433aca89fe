package bridge_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// killRules make every kind of step necessary.
const killRules = `version: 1
grantableRoles: [employee, extra, { client: shop, role: editor }]
users:
  password: accept
  defaultGroups: [/everyone]
  roles:
    - grant: [employee]
    - when: resource.title == "Clerk"
      grant: [extra]
    - when: resource.title == "Editor"
      grant: [{ client: shop, role: editor }]
`

const killGroupRules = `groups:
  roles:
    Staff: [employee]
`

// killFollowing makes roles of users depend on their groups.
const killFollowing = `    - when: groups.exists(g, g.contains("follows"))
      grant: [{ client: shop, role: editor }]
`

// kill is a bridge that is cut off from Keycloak, as a process that is killed, and then recovers its change.
type kill struct {
	apptest.Customers
	*journal

	proxy   *keycloaktest.Proxy
	service *bridge.Service
	people  []string // users of every tenant, unless the tenant of the realm has only its own
	made    int      // number of people so far
}

// newPeople makes other people.
func (k *kill) newPeople(t *testing.T, b apptest.Bridge) {
	t.Helper()
	k.people = nil
	for range 3 {
		k.made++
		k.people = append(k.people, b.Create(t, "/Users", fmt.Sprintf(`{"userName":"person-%d@acme.test"}`, k.made)))
	}
}

// killProbe is a change that is cut off.
type killProbe struct {
	endpoint string
	// prepare makes what the change needs, and returns the id of the changed resource; "" for a creation.
	prepare func(t *testing.T, b apptest.Bridge, name string) string
	run     func(ctx context.Context, call bridge.Call, name string) error
	// hidden says that Keycloak does not show everything, so that the change can be whole and unknown.
	hidden bool
	// password says that the change sets the password killPassword.
	password bool
}

func newKill(t *testing.T, server keycloaktest.Server, rules string, edit func(*config.Config)) *kill {
	t.Helper()
	proxy := keycloaktest.NewProxy(t, server)
	k := &kill{proxy: proxy, journal: &journal{}, Customers: apptest.NewCustomers(t, proxy.Server(), edit)}
	shop, err := k.Realm.Admin.CreateClient(t.Context(), "shop", "")
	if err != nil {
		t.Fatal(err)
	}
	k.Realm.AddRole(t, server, "employee")
	k.Realm.AddRole(t, server, "extra")
	apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+k.Realm.Realm+"/clients/"+shop.String()+"/roles", `{"name":"editor"}`)
	k.Realm.MakeGroup(t, "everyone", keycloak.GroupID{})
	k.Realm.UseMapping(t, k.Realm.Realm, rules+killGroupRules)
	k.Realm.UseMapping(t, tenant.OrganizationPath(k.Realm.Realm, "acme"), rules)
	k.newPeople(t, k.Of["acme"])
	watcher := k.Realm.App.Watcher
	k.service = bridge.New(watcher.Realms, bridge.Options{Log: zap.NewNop(), Tenants: watcher.Tenants, Recorder: k.journal, MaxResults: 100, Directory: directory.Options{MaxMemory: 1 << 20}})
	return k
}

// call is a call of a client of a bridge's tenant.
func (k *kill) call(t *testing.T, b apptest.Bridge, endpoint, id string) bridge.Call {
	t.Helper()
	by := tenant.Principal{Tenant: k.Realm.App.Watcher.Tenants.ByPath(b.Path(t)), Actor: tenant.Actor{Kind: tenant.ActorClient, Name: "entra"}, Scopes: tenant.AllScopes}
	return bridge.Call{By: by, Endpoint: endpoint, ID: id, Origin: change.Request}
}

// everywhere cuts a change off before and after each of its calls, and recovers it each time.
func (k *kill) everywhere(t *testing.T, b apptest.Bridge, label string, p killProbe) {
	t.Helper()
	id := p.prepare(t, b, label)
	k.intended = nil
	if err := p.run(t.Context(), k.call(t, b, p.endpoint, id), label); err != nil {
		t.Fatalf("%s: without an interruption: %v", label, err)
	}
	last := k.intended[len(k.intended)-1]
	want := k.shape(t, b, p, or(id, k.settled[len(k.settled)-1].Resource.ID), label)
	seen := map[change.Outcome]int{}
	for _, stage := range []keycloaktest.Stage{keycloaktest.Before, keycloaktest.After} {
		for n := 1; ; n++ {
			who := fmt.Sprintf("cut-%d-%d-%s", stage, n, label)
			id := p.prepare(t, b, who)
			before := k.shape(t, b, p, id, who)
			k.intended = nil
			k.proxy.Inject(keycloaktest.Fault{Nth: n, Stage: stage, Drop: true})
			k.proxy.Inject(keycloaktest.Fault{From: n + 1, Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"1"}}}) // so that no call is repeated
			err := p.run(t.Context(), k.call(t, b, p.endpoint, id), who)
			k.proxy.ClearFaults()
			if err == nil {
				break
			}
			if len(k.intended) == 0 || k.intended[len(k.intended)-1].Op != last.Op {
				continue // it was cut off before the change was intended
			}
			c := kept(t, k.intended[len(k.intended)-1])
			got, err := k.service.Recover(t.Context(), c)
			if err != nil {
				t.Errorf("%s, cut off at call %d (%v): %v", label, n, stage, err)
				continue
			}
			seen[got.Outcome]++
			k.check(t, b, p, killed{what: fmt.Sprintf("%s, cut off at call %d (%v)", label, n, stage), who: who, id: id, before: before, want: want, intended: c}, got)
		}
	}
	if seen[change.Failed]+seen[change.Unknown] == 0 || seen[change.Done] == 0 && !p.hidden {
		t.Errorf("%s ended as %v, which proves little", label, seen)
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// killed is what was cut off. The shapes are those before the change, and those that a whole change would have.
type killed struct {
	what, who, id, before, want string
	intended                    change.Change
}

// check compares what was recovered with Keycloak.
func (k *kill) check(t *testing.T, b apptest.Bridge, p killProbe, was killed, got change.Change) {
	t.Helper()
	now := k.shape(t, b, p, was.id, was.who)
	whole := now == was.want
	switch {
	case whole && p.hidden && strings.Contains(got.Reason, "does not show"):
	case whole && got.Outcome != change.Done:
		t.Errorf("%s: it ended as %s (%s), and Keycloak has all of it", was.what, got.Outcome, got.Reason)
	case !whole && got.Outcome == change.Done:
		t.Errorf("%s: it is done, and Keycloak has\n%s\nwant\n%s", was.what, now, was.want)
	case got.Outcome == change.Failed && now != was.before:
		t.Errorf("%s: it failed, and Keycloak has\n%s\nbefore\n%s", was.what, now, was.before)
	case now == was.before && !whole && got.Outcome != change.Failed && !p.hidden:
		t.Errorf("%s: it ended as %s (%s), and Keycloak has nothing of it", was.what, got.Outcome, got.Reason)
	}
	if was.intended.Op == change.Created && (got.Resource.ID == "") != (now == "") {
		t.Errorf("%s: it made %q, and Keycloak has %s", was.what, got.Resource.ID, now)
	}
	if p.endpoint == "/Groups" {
		in := k.members(t, b, got.Resource.ID)
		wantAdded := slices.DeleteFunc(slices.Clone(was.intended.MembersAdded), func(id string) bool { return !slices.Contains(in, id) })
		wantRemoved := slices.DeleteFunc(slices.Clone(was.intended.MembersRemoved), func(id string) bool { return slices.Contains(in, id) })
		if got.Resource.ID == "" {
			wantRemoved = nil
		}
		if !slices.Equal(got.MembersAdded, wantAdded) || !slices.Equal(got.MembersRemoved, wantRemoved) {
			t.Errorf("%s: joined %v, want %v; left %v, want %v", was.what, got.MembersAdded, wantAdded, got.MembersRemoved, wantRemoved)
		}
	}
}

// groupOf is the id of a group of a bridge's tenant.
func (k *kill) groupOf(t *testing.T, b apptest.Bridge, id string) keycloak.GroupID {
	t.Helper()
	of := "organization"
	if b.Base == k.Realm.Base {
		of = "realm"
	}
	return k.GroupID(t, of, id)
}

// members are the ids of the members of a group, or nobody.
func (k *kill) members(t *testing.T, b apptest.Bridge, id string) []string {
	t.Helper()
	if id == "" {
		return nil
	}
	list, err := b.Admin.Members(t.Context(), k.groupOf(t, b, id), 0, 100)
	if err != nil && keycloak.KindOf(err) != keycloak.NotFound {
		t.Fatal(err)
	}
	var out []string
	for _, u := range list {
		out = append(out, u.ID)
	}
	slices.Sort(out)
	return out
}
