package apply_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

var (
	ordeals    = flag.Int("faults", 80, "how many faults the fault suite injects")
	kills      = flag.Int("kills", 6, "how many times the fault suite kills the bridge")
	ordealSeed = flag.Uint64("faults-seed", 1, "the seed of the fault suite")
)

// TestFaults: a client writes and reads while calls to Keycloak fail in every way, and repeats
// requests that were not acknowledged, as identity providers do. Every answer is correct or reports an
// outage. In the end Keycloak stores exactly what the client meant. After every attempt the journal has what Keycloak has.
func TestFaults(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	proxy := keycloaktest.NewProxy(t, server)
	c := apptest.NewStoredCustomers(t, proxy.Server(), func(c *config.Config) {
		c.Server.RequestTimeout = config.Duration(2 * time.Second) // ends a request whose call hangs
	})
	all := 0
	for i, at := range []apptest.Bridge{c.Realm, c.Of["acme"]} {
		o := newFaultRun(t, at, proxy, []string{"r", "o"}[i])
		o.journal = newFaultJournal(at.App.Admin)
		o.suffer(t, *ordeals/2)
		o.compare(t)
		o.verify(t)
		all += o.struck
	}
	t.Logf("%d faults struck, of seed %d", all, *ordealSeed)
	if all < *ordeals {
		t.Errorf("%d faults struck of %d", all, *ordeals)
	}
}

// TestKills: the bridge is killed during any of its calls, and started again. After the start no change is open, and
// the journal has what Keycloak has.
func TestKills(t *testing.T) {
	t.Parallel()
	proxy := keycloaktest.NewProxy(t, keycloaktest.Real(t))
	victim := apptest.NewServed(t, proxy.Server(), apptest.Replaced(t, "      - tokensFile:", "      - removalBrake: { max: 100% }\n        tokensFile:"))
	o := newFaultRun(t, victim.Bridge, proxy, "k")
	o.journal = newFaultJournal(apptest.Control(t, victim.File))
	o.mortal, o.journal.mortal = true, true
	o.arm = func() func() bool {
		struck := o.atCall(func() {
			_ = victim.Cmd.Process.Kill() // a process that stays alive would not free its port
			victim.Rest()
			_ = victim.Cmd.Wait()
		})
		return func() bool {
			killed := struck()
			if killed {
				victim.Start(t)
				o.settled(t)
			}
			return killed
		}
	}
	o.suffer(t, *kills)
	o.compare(t)
	o.verify(t)
	t.Logf("killed %d times, with seed %d", o.struck, *ordealSeed)
	if o.struck < *kills {
		t.Errorf("killed %d times of %d", o.struck, *kills)
	}
}

func newFaultRun(t *testing.T, at apptest.Bridge, proxy *keycloaktest.Proxy, prefix string) *faultRun {
	t.Helper()
	o := &faultRun{
		Bridge: at, proxy: proxy, prefix: prefix, users: map[string]*ordealUser{}, groups: map[string]*ordealGroup{},
		random: rand.New(rand.NewPCG(*ordealSeed, uint64(prefix[0]))),
	}
	o.arm = o.failCall
	return o
}

// TestKeycloakIsRestarted: Keycloak is killed, stopped and paused during calls, and comes back.
func TestKeycloakIsRestarted(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a Keycloak")
	}
	server, err := keycloaktest.StartIn(t.Context(), keycloaktest.Version(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	proxy := keycloaktest.NewProxy(t, server.Server)
	o := newFaultRun(t, apptest.NewBridgeOn(t, proxy.Server(), func(c *config.Config) {
		c.Server.RequestTimeout = config.Duration(2 * time.Second)
	}), proxy, "s")
	ways, next := []struct{ do, mend func() error }{
		{server.Kill, func() error { return server.Restart(t.Context()) }},
		{server.Pause, server.Resume},
		{server.Stop, func() error { return server.Restart(t.Context()) }},
		{server.Pause, server.Resume},
	}, 0
	o.arm = func() func() bool {
		way := ways[next%len(ways)]
		var err error
		struck := o.atCall(func() { err = way.do() })
		return func() bool {
			if !struck() {
				return false
			}
			next++
			if err = errors.Join(err, way.mend()); err != nil {
				t.Fatal(err)
			}
			return true
		}
	}
	o.suffer(t, len(ways))
	o.compare(t)
	if o.struck < len(ways) {
		t.Errorf("Keycloak was hit %d times of %d", o.struck, len(ways))
	}
}

// ordealUser is a user as the client means it.
type ordealUser struct {
	id, title string
	active    bool
}

// ordealGroup is a group as the client means it: the names of its members.
type ordealGroup struct {
	id      string
	members map[string]bool
}

// faultRun is a client at a tenant while faults happen.
type faultRun struct {
	apptest.Bridge

	proxy  *keycloaktest.Proxy
	random *rand.Rand
	prefix string
	users  map[string]*ordealUser
	groups map[string]*ordealGroup
	struck int
	made   int
	// arm arms a fault for the next request. The returned function disarms it, repairs what it
	// broke, and reports whether the fault happened.
	arm func() (struck func() bool)
	// mortal says that the bridge may be killed, so a request may have no answer.
	mortal  bool
	journal *faultJournal // nil for a bridge without a store
}

// lies reports whether an error is not an outage.
func (o *faultRun) lies(err error) bool {
	status := client.StatusOf(err)
	return err != nil && status < http.StatusInternalServerError && (status != 0 || !o.mortal)
}

// suffer continues until so many faults have happened.
func (o *faultRun) suffer(t *testing.T, faults int) {
	t.Helper()
	works := []func(*testing.T){o.createUser, o.createUser, o.putUser, o.patchUser, o.activate, o.deleteUser, o.createGroup, o.addMember, o.removeMember, o.putGroup, o.deleteGroup, o.bulk, o.readUser, o.find, o.readGroup}
	for turns := 0; o.struck < faults && !t.Failed() && turns < 10*faults; turns++ {
		works[o.random.IntN(len(works))](t)
	}
	o.proxy.ClearFaults()
}

// failCall is a fault of the network, or of a proxy between the bridge and Keycloak.
func (o *faultRun) failCall() (struck func() bool) {
	fault := keycloaktest.Fault{Nth: 1 + o.random.IntN(4), Stage: o.stage()}
	var held chan struct{}
	switch o.random.IntN(12) {
	case 0:
		fault.Status, fault.Body, fault.Header = http.StatusBadGateway, "<html>bad gateway</html>", http.Header{"Content-Type": {"text/html"}}
	case 1:
		fault.Status = http.StatusServiceUnavailable
	case 2, 3:
		fault.Stage, fault.Torn = keycloaktest.After, true
	case 4:
		held = make(chan struct{})
		fault.Hold, fault.Drop = held, true
	default:
		fault.Drop = true
	}
	reached := o.proxy.Inject(fault)
	if o.random.IntN(3) == 0 { // and nothing gets through afterwards
		o.proxy.Inject(keycloaktest.Fault{From: fault.Nth + 1, Drop: true})
	}
	return func() bool {
		o.proxy.ClearFaults()
		if held != nil {
			close(held)
		}
		select {
		case <-reached:
			return true
		default:
			return false
		}
	}
}

// atCall does something to a program during a call, at random before or after Keycloak has carried
// out the call. The returned function reports whether that happened.
func (o *faultRun) atCall(do func()) (struck func() bool) {
	held, idle, done := make(chan struct{}), make(chan struct{}), make(chan bool, 1)
	reached := o.proxy.Inject(keycloaktest.Fault{Nth: 1 + o.random.IntN(4), Stage: o.stage(), Hold: held, Drop: o.random.IntN(2) == 0})
	go func() {
		select {
		case <-reached:
		case <-idle:
			select {
			case <-reached:
			default:
				done <- false
				return
			}
		}
		do()
		close(held)
		done <- true
	}()
	return func() bool {
		close(idle)
		o.proxy.ClearFaults()
		return <-done
	}
}

func (o *faultRun) stage() keycloaktest.Stage {
	if o.random.IntN(2) == 0 {
		return keycloaktest.After
	}
	return keycloaktest.Before
}

// hurt arms a fault. The returned function disarms it, and counts it if it happened.
func (o *faultRun) hurt() (over func()) {
	disarm := o.arm()
	return func() {
		if disarm() {
			o.struck++
		}
	}
}

// once sends a request during which a fault may happen. An error is an outage or one of the
// statuses in truly.
func (o *faultRun) once(t *testing.T, method, path, body string, truly ...int) (map[string]any, error) {
	t.Helper()
	o.proxy.ResetCalls()
	over := o.hurt()
	answer, err := o.Send(t, method, path, body)
	over()
	if o.lies(err) && !slices.Contains(truly, client.StatusOf(err)) {
		t.Errorf("%s %s was told %v during a fault of %v", method, path, err, o.proxy.Calls())
	}
	if method == http.MethodPut || method == http.MethodPatch || method == http.MethodDelete {
		o.attempted(t, path, err)
	}
	return answer, err
}

// do sends a request until it is acknowledged. A repetition may find that the work is done.
func (o *faultRun) do(t *testing.T, method, path, body string, done ...int) map[string]any {
	t.Helper()
	answer, err := o.once(t, method, path, body)
	for tries := 0; err != nil; tries++ {
		if tries == 3 {
			t.Fatalf("%s %s: %v, with no fault any more", method, path, err)
		}
		answer, err = o.Send(t, method, path, body)
		o.attempted(t, path, err)
		if slices.Contains(done, client.StatusOf(err)) {
			return nil
		}
	}
	return answer
}

func (o *faultRun) name() string {
	o.made++
	return fmt.Sprintf("%s%d@acme.test", o.prefix, o.made)
}

// anyOf returns a random entry.
func anyOf[V any](o *faultRun, of map[string]V) (string, V, bool) {
	names := make([]string, 0, len(of))
	for name := range of {
		names = append(names, name)
	}
	if len(names) == 0 {
		var none V
		return "", none, false
	}
	slices.Sort(names)
	name := names[o.random.IntN(len(names))]
	return name, of[name], true
}

func (u *ordealUser) body(name string) string {
	return fmt.Sprintf(`{"userName":"%s","externalId":"x-%s","title":"%s","active":%t,"emails":[{"value":"%s","primary":true}]}`, name, name, u.title, u.active, name)
}

// settle creates a resource. A resource from an earlier POST is looked up and must be complete.
func (o *faultRun) settle(t *testing.T, endpoint, attribute, name, body string, before ...int) string {
	t.Helper()
	answer, err := o.once(t, http.MethodPost, endpoint, body, before...)
	for tries := 0; err != nil && client.StatusOf(err) != http.StatusConflict; tries++ {
		if tries == 3 {
			t.Fatalf("POST %s: %v, with no fault any more", endpoint, err)
		}
		answer, err = o.Send(t, http.MethodPost, endpoint, body)
	}
	acknowledged := err == nil
	if !acknowledged {
		found, err := o.Find(t.Context(), endpoint, fmt.Sprintf(`%s eq "%s"`, attribute, name), "")
		if err != nil || len(found) != 1 {
			t.Fatalf("%s %s is in use, and a look finds %v, %v", endpoint, name, found, err)
		}
		answer = found[0]
	}
	id, _ := answer["id"].(string)
	o.createdAt(t, endpoint+"/"+id, acknowledged)
	return id
}

func (o *faultRun) createUser(t *testing.T) {
	t.Helper()
	u, name := &ordealUser{title: "new", active: true}, o.name()
	u.id = o.settle(t, "/Users", "userName", name, u.body(name))
	o.users[name] = u
}

func (o *faultRun) putUser(t *testing.T) {
	t.Helper()
	if name, u, ok := anyOf(o, o.users); ok {
		o.made++
		u.title = fmt.Sprint("put ", o.made)
		o.do(t, http.MethodPut, "/Users/"+u.id, u.body(name))
	}
}

func (o *faultRun) patchUser(t *testing.T) {
	t.Helper()
	if _, u, ok := anyOf(o, o.users); ok {
		o.made++
		u.title = fmt.Sprint("patched ", o.made)
		o.do(t, http.MethodPatch, "/Users/"+u.id, apptest.PatchBody(`{"op":"replace","path":"title","value":"`+u.title+`"}`))
	}
}

func (o *faultRun) activate(t *testing.T) {
	t.Helper()
	if _, u, ok := anyOf(o, o.users); ok {
		u.active = !u.active
		o.do(t, http.MethodPatch, "/Users/"+u.id, apptest.PatchBody(fmt.Sprintf(`{"op":"replace","path":"active","value":%t}`, u.active)))
	}
}

func (o *faultRun) deleteUser(t *testing.T) {
	t.Helper()
	if name, u, ok := anyOf(o, o.users); ok && len(o.users) > 5 {
		o.do(t, http.MethodDelete, "/Users/"+u.id, "", http.StatusNotFound)
		delete(o.users, name)
		for _, g := range o.groups {
			delete(g.members, name)
		}
	}
}

// some returns a few users.
func (o *faultRun) some() map[string]bool {
	out := map[string]bool{}
	for range o.random.IntN(6) {
		if name, _, ok := anyOf(o, o.users); ok {
			out[name] = true
		}
	}
	return out
}

func (o *faultRun) groupBody(name string, members map[string]bool) string {
	var list []string
	for member := range members {
		list = append(list, `{"value":"`+o.users[member].id+`"}`)
	}
	slices.Sort(list)
	return fmt.Sprintf(`{"displayName":"%s","members":[%s]}`, name, strings.Join(list, ","))
}

func (o *faultRun) createGroup(t *testing.T) {
	t.Helper()
	g, name := &ordealGroup{members: o.some()}, o.name()
	g.id = o.settle(t, "/Groups", "displayName", name, o.groupBody(name, g.members))
	o.groups[name] = g
}

func (o *faultRun) addMember(t *testing.T) {
	t.Helper()
	_, g, ok := anyOf(o, o.groups)
	if more := o.some(); ok && len(more) > 0 {
		var list []string
		for name := range more {
			g.members[name] = true
			list = append(list, `{"value":"`+o.users[name].id+`"}`)
		}
		o.do(t, http.MethodPatch, "/Groups/"+g.id, apptest.PatchBody(`{"op":"add","path":"members","value":[`+strings.Join(list, ",")+`]}`))
	}
}

func (o *faultRun) removeMember(t *testing.T) {
	t.Helper()
	if _, g, ok := anyOf(o, o.groups); ok {
		if name, _, ok := anyOf(o, g.members); ok {
			delete(g.members, name)
			o.do(t, http.MethodPatch, "/Groups/"+g.id, apptest.PatchBody(`{"op":"remove","path":"members[value eq \"`+o.users[name].id+`\"]"}`))
		}
	}
}

func (o *faultRun) putGroup(t *testing.T) {
	t.Helper()
	if name, g, ok := anyOf(o, o.groups); ok {
		g.members = o.some()
		o.do(t, http.MethodPut, "/Groups/"+g.id, o.groupBody(name, g.members))
	}
}

func (o *faultRun) deleteGroup(t *testing.T) {
	t.Helper()
	if name, g, ok := anyOf(o, o.groups); ok {
		o.do(t, http.MethodDelete, "/Groups/"+g.id, "", http.StatusNotFound)
		delete(o.groups, name)
	}
}

// bulk creates users and a group of them with one request. It repeats failed operations one by one.
func (o *faultRun) bulk(t *testing.T) {
	t.Helper()
	var operations, members []string
	names := []string{o.name(), o.name(), o.name()}
	for i, name := range names {
		operations = append(operations, fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"u%d","data":%s}`, i, (&ordealUser{title: "bulk", active: true}).body(name)))
		members = append(members, fmt.Sprintf(`{"value":"bulkId:u%d"}`, i))
	}
	group := o.name()
	operations = append(operations, fmt.Sprintf(`{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"%s","members":[%s]}}`, group, strings.Join(members, ",")))
	answer, err := o.once(t, http.MethodPost, "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[`+strings.Join(operations, ",")+`]}`)
	ids := map[string]string{}
	if err == nil {
		list, _ := answer["Operations"].([]any)
		if len(list) != len(operations) {
			t.Errorf("%d results of %d operations", len(list), len(operations))
		}
		for _, element := range list {
			result := element.(map[string]any)
			location, _ := result["location"].(string)
			switch status := result["status"].(string); {
			case status == "201":
				ids[result["bulkId"].(string)] = location[strings.LastIndexByte(location, '/')+1:]
			case status < "500" && status != "409": // 409 is the status for an operation that refers to a failed operation
				t.Errorf("an operation of a bulk request was told %v during a fault", result)
			}
		}
	}
	for i, name := range names {
		u := &ordealUser{title: "bulk", active: true, id: ids[fmt.Sprint("u", i)]}
		if u.id == "" {
			u.id = o.settle(t, "/Users", "userName", name, u.body(name), http.StatusConflict)
		} else {
			o.createdAt(t, "/Users/"+u.id, true)
		}
		o.users[name] = u
	}
	g := &ordealGroup{id: ids["g"], members: map[string]bool{names[0]: true, names[1]: true, names[2]: true}}
	if g.id == "" {
		g.id = o.settle(t, "/Groups", "displayName", group, o.groupBody(group, g.members), http.StatusConflict)
	} else {
		o.createdAt(t, "/Groups/"+g.id, true)
	}
	o.groups[group] = g
}

func (o *faultRun) readUser(t *testing.T) {
	t.Helper()
	if name, u, ok := anyOf(o, o.users); ok {
		if got, err := o.once(t, http.MethodGet, "/Users/"+u.id, ""); err == nil && (got["userName"] != name || got["title"] != u.title || got["active"] != u.active) {
			t.Errorf("during a fault %s is %v, want %+v", name, got, u)
		}
	}
}

func (o *faultRun) find(t *testing.T) {
	t.Helper()
	if name, u, ok := anyOf(o, o.users); ok {
		over := o.hurt()
		found, err := o.Find(t.Context(), "/Users", fmt.Sprintf(`userName eq "%s"`, name), "")
		over()
		if err == nil && (len(found) != 1 || found[0]["id"] != u.id) || o.lies(err) {
			t.Errorf("during a fault %s is found as %v, %v", name, found, err)
		}
	}
}

func (o *faultRun) readGroup(t *testing.T) {
	t.Helper()
	if name, g, ok := anyOf(o, o.groups); ok {
		got, err := o.once(t, http.MethodGet, "/Groups/"+g.id, "")
		if members, _ := got["members"].([]any); err == nil && len(members) != len(g.members) {
			t.Errorf("during a fault %s has %d members, want %d", name, len(members), len(g.members))
		}
	}
}

// compare compares everything that Keycloak stores with what the client means.
func (o *faultRun) compare(t *testing.T) {
	t.Helper()
	want, got := map[string]string{}, map[string]string{}
	for name, u := range o.users {
		want[name] = fmt.Sprint(u.id, " ", u.title, " ", u.active)
	}
	byID := map[string]string{}
	for first := 0; ; first += 100 {
		users, err := o.Admin.Users(t.Context(), keycloak.UserQuery{First: first, Max: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range users {
			if !strings.HasPrefix(u.Username, o.prefix) {
				continue
			}
			shown := o.Must(t, http.MethodGet, "/Users/"+u.ID, "")
			got[u.Username] += fmt.Sprint(u.ID, " ", shown["title"], " ", u.Enabled)
			byID[u.ID] = u.Username
			if owner := u.Attributes[mapping.AttrOwner]; len(owner) != 1 {
				t.Errorf("%s is half-made: its owner is %v", u.Username, owner)
			}
		}
		if len(users) < 100 {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the users are not those that the client means (-want +got):\n%s", diff)
	}
	wantGroups, gotGroups := map[string]string{}, map[string]string{}
	for name, g := range o.groups {
		wantGroups[name] = fmt.Sprint(g.id, " ", sortedNames(g.members))
	}
	for _, name := range o.Names(t, "/Groups?count=1000") {
		if !strings.HasPrefix(name, o.prefix) { // the groups of an organization live there
			continue
		}
		found, err := o.Find(t.Context(), "/Groups", fmt.Sprintf(`displayName eq "%s"`, name), "")
		if err != nil || len(found) != 1 {
			t.Fatalf("%s is found as %v, %v", name, found, err)
		}
		members := map[string]bool{}
		list, _ := found[0]["members"].([]any)
		for _, m := range list {
			members[byID[m.(map[string]any)["value"].(string)]] = true
		}
		gotGroups[name] = fmt.Sprint(found[0]["id"], " ", sortedNames(members))
	}
	if diff := cmp.Diff(wantGroups, gotGroups); diff != "" {
		t.Errorf("the groups are not those that the client means (-want +got):\n%s", diff)
	}
}

func sortedNames(set map[string]bool) []string {
	var out []string
	for name := range set {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
