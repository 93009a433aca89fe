package directory_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// other changes a realm outside the bridge, and knows what is in it.
type other struct {
	apptest.Bridge
	t       *testing.T
	r       *rand.Rand
	org     keycloak.OrganizationID // zero for a realm
	users   []keycloak.UserID
	groups  []keycloak.GroupID
	members map[keycloak.GroupID]map[keycloak.UserID]bool
	joined  map[keycloak.UserID]bool // whether the user joined the organization
	made    int
}

func (o *other) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *other) newUser() {
	o.made++
	id, err := o.Admin.CreateUser(o.t.Context(), keycloak.NewUser{Username: fmt.Sprintf("user%04d", o.made), Enabled: true})
	o.must(err)
	o.users = append(o.users, id)
	if !o.org.IsZero() {
		o.must(o.Admin.AddOrganizationMember(o.t.Context(), o.org, id))
	}
	o.joined[id] = true
}

func (o *other) newGroup() {
	o.made++
	parent := keycloak.GroupID{}
	if !o.org.IsZero() {
		parent = o.org.TopLevel()
	}
	id, err := o.Admin.CreateGroup(o.t.Context(), keycloak.NewGroup{Name: fmt.Sprintf("group%04d", o.made), Parent: parent})
	o.must(err)
	o.groups = append(o.groups, id)
	o.members[id] = map[keycloak.UserID]bool{}
}

// change makes one change, as the turn of the test says.
func (o *other) change() {
	ctx := o.t.Context()
	if len(o.users) < 2 { //nolint:mnd // somebody must be left
		o.newUser()
	}
	i, j := o.r.IntN(len(o.users)), o.r.IntN(len(o.groups))
	user, group := o.users[i], o.groups[j]
	switch o.r.IntN(10) {
	case 0:
		o.newUser()
	case 1:
		o.newGroup()
	case 2:
		o.must(o.Admin.DeleteUser(ctx, user))
		o.users = slices.Delete(o.users, i, i+1)
		delete(o.joined, user)
		for _, members := range o.members {
			delete(members, user)
		}
	case 3:
		o.made++
		o.must(o.Admin.UpdateUser(ctx, user, keycloak.UserUpdate{Username: new(fmt.Sprintf("user%04d", o.made))}))
	case 4:
		g, err := o.Admin.Group(ctx, group)
		o.must(err)
		o.made++
		o.must(o.Admin.UpdateGroup(ctx, g, keycloak.GroupUpdate{Name: new(fmt.Sprintf("group%04d", o.made))}))
	case 5:
		if len(o.groups) > 1 {
			o.must(o.Admin.DeleteGroup(ctx, group))
			o.groups = slices.Delete(o.groups, j, j+1)
			delete(o.members, group)
		}
	case 6:
		o.leaveOrJoin(user)
	case 7, 8:
		if o.joined[user] && !o.members[group][user] {
			o.must(o.Admin.AddMember(ctx, user, group))
			o.members[group][user] = true
		}
	default:
		if o.members[group][user] {
			o.must(o.Admin.RemoveMember(ctx, user, group))
			delete(o.members[group], user)
		}
	}
}

func (o *other) leaveOrJoin(user keycloak.UserID) {
	switch {
	case o.org.IsZero():
	case !o.joined[user]:
		o.must(o.Admin.AddOrganizationMember(o.t.Context(), o.org, user))
		o.joined[user] = true
	default:
		o.must(o.Admin.RemoveOrganizationMember(o.t.Context(), o.org, user))
		delete(o.joined, user)
		for _, members := range o.members {
			delete(members, user)
		}
	}
}

// compare checks the bridge's answers against the state of the realm.
func (o *other) compare() {
	o.t.Helper()
	o.compareList("/Users", "userName", "user", mapKeys(o.joined))
	o.compareList("/Groups", "displayName", "group", ids(o.groups))
	for group, members := range o.members {
		answer := o.Must(o.t, http.MethodGet, "/Groups/"+group.String(), "")
		list, _ := answer["members"].([]any)
		got := map[string]string{}
		for _, member := range list {
			m := member.(map[string]any)
			got[fmt.Sprint(m["value"])] = fmt.Sprint(m["display"])
		}
		want := map[string]string{}
		for id := range members {
			u, err := o.Admin.User(o.t.Context(), id)
			o.must(err)
			want[id.String()] = u.Username
		}
		if diff := cmp.Diff(want, got); diff != "" {
			o.t.Fatalf("the members of a group are others (-want +got):\n%s", diff)
		}
	}
}

func (o *other) compareList(endpoint, name, part string, want []string) {
	o.t.Helper()
	query := url.Values{"filter": {name + ` co "` + part + `"`}, "sortBy": {name}, "count": {"1000"}, "attributes": {name}}
	list, _ := o.Must(o.t, http.MethodGet, endpoint+"?"+query.Encode(), "")["Resources"].([]any)
	var got []string
	for _, resource := range list {
		got = append(got, fmt.Sprint(resource.(map[string]any)["id"]))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		o.t.Fatalf("%s are others than Keycloak has (-want +got):\n%s", endpoint, diff)
	}
}

func ids(list []keycloak.GroupID) []string {
	out := make([]string, len(list))
	for i, id := range list {
		out[i] = id.String()
	}
	return out
}

func mapKeys(users map[keycloak.UserID]bool) []string {
	var out []string
	for id := range users {
		out = append(out, id.String())
	}
	return out
}

// TestTheFeedTellsWhatOthersChange: random changes outside the bridge show at once in sorted and
// filtered lists and among the members of groups, although no index is read again. This holds for a
// tenant of the realm and for a tenant of an organization.
func TestTheFeedTellsWhatOthersChange(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		for _, kind := range []string{"realm", "organization"} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				o := newOther(t, start(t), kind == "organization")
				o.Pass(time.Millisecond)
				for range map[string]int{"fake": 200, "real": 50}[name] {
					o.compare()
					for range 1 + o.r.IntN(3) {
						o.change()
					}
				}
			})
		}
	}
}

func newOther(t *testing.T, server keycloaktest.Server, organization bool) *other {
	t.Helper()
	const seed = 4
	o := &other{t: t, r: rand.New(rand.NewPCG(seed, seed)), members: map[keycloak.GroupID]map[keycloak.UserID]bool{}, joined: map[keycloak.UserID]bool{}}
	if organization {
		if keycloaktest.OlderThan("26.6") {
			t.Skip("groups of organizations came with 26.6")
		}
		c := apptest.NewCustomers(t, server, nil, "--change-feed")
		o.Bridge, o.org = c.Of["acme"], c.IDs["acme"]
	} else {
		o.Bridge = apptest.NewBridgeOn(t, server, nil, "--change-feed")
	}
	if !o.App.Watcher.Tenants.All()[0].Fitness().Feed {
		t.Fatal("setup made no change feed")
	}
	for range 4 {
		o.newUser()
		o.newGroup()
	}
	return o
}

// TestCallsWithAChangeFeed: known resources are not read again, however many there are.
func TestCallsWithAChangeFeed(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.CallBridge{Bridge: apptest.NewBridgeOn(t, fake.Server(), nil, "--change-feed"), Fake: fake}
	b.Pass(time.Millisecond)
	apptest.CreateUsers(t, b.Bridge, 130)
	group := b.Create(t, "/Groups", `{"displayName":"Team"}`)
	list, _ := b.Must(t, http.MethodGet, "/Users?count=1000&attributes=id", "")["Resources"].([]any)
	for _, user := range list {
		id := fmt.Sprint(user.(map[string]any)["id"])
		b.Must(t, http.MethodPatch, "/Groups/"+group, `{"Operations":[{"op":"add","path":"members","value":[{"value":"`+id+`"}]}]}`)
	}
	const events, look, one, count = "GET /admin-events", "GET /users", "GET /groups/{id}", "GET /users/count"
	first := fmt.Sprint(list[0].(map[string]any)["id"])
	for _, c := range []struct {
		name string
		work func()
		want []string
	}{
		{"the first search makes the index", func() { b.Must(t, http.MethodGet, "/Users?sortBy=title&count=10", "") }, []string{events, look, look, look, count, count, look}},
		{"the next one reads its page alone", func() { b.Must(t, http.MethodGet, "/Users?sortBy=userName&count=10", "") }, []string{events, look}},
		{"another filter too", func() { b.Must(t, http.MethodGet, "/Users?filter=userName+co+%22user%22&count=60", "") }, []string{events, look, look}},
		{"nothing that matches needs no page", func() { b.Must(t, http.MethodGet, "/Users?filter=userName+co+%22nobody%22", "") }, []string{events}},
		{"the first look at a group reads its members", func() { b.Must(t, http.MethodGet, "/Groups/"+group, "") }, []string{one, events, "GET /groups/{id}/members", "GET /groups/{id}/members"}},
		{"the next one does not", func() { b.Must(t, http.MethodGet, "/Groups/"+group, "") }, []string{one, events}},
		{"nor once somebody left", func() {
			b.Must(t, http.MethodPatch, "/Groups/"+group, `{"Operations":[{"op":"remove","path":"members[value eq \"`+first+`\"]"}]}`)
			members, _ := b.Must(t, http.MethodGet, "/Groups/"+group, "")["members"].([]any)
			if len(members) != len(list)-1 {
				t.Errorf("the group has %d members, want %d", len(members), len(list)-1)
			}
		}, []string{"DELETE /users/{id}/groups/{group}", one, events}},
		{"who changed is read once", func() {
			b.Must(t, http.MethodPatch, "/Users/"+first, `{"Operations":[{"op":"replace","path":"title","value":"A"}]}`)
			b.Must(t, http.MethodGet, "/Users?sortBy=title&count=1", "")
			b.Must(t, http.MethodGet, "/Users?sortBy=title&count=1", "")
		}, []string{"GET /users/{id}", "PUT /users/{id}", events, look, look, events, look}},
	} {
		want := slices.Sorted(slices.Values(c.want))
		if diff := cmp.Diff(want, b.Calls(c.work), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: other calls (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestAFeedThatFails: an outage is an error, and then the feed continues where it was. A feed that
// Keycloak refuses is not used.
func TestAFeedThatFails(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.CallBridge{Bridge: apptest.NewBridgeOn(t, fake.Server(), nil, "--change-feed"), Fake: fake}
	b.Pass(time.Millisecond)
	apptest.CreateUsers(t, b.Bridge, 60)
	const query, events = "/Users?sortBy=userName&filter=title+pr", "GET /admin-events"
	b.Must(t, http.MethodGet, query, "")
	fake.Inject(keycloaktest.Fault{Op: events, Status: http.StatusServiceUnavailable})
	_, err := b.Send(t, http.MethodGet, query, "")
	var e *client.Error
	if !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable {
		t.Errorf("without an answer about events a search = %v, want 503", err)
	}
	fake.ClearFaults()
	if got := b.Calls(func() { b.Must(t, http.MethodGet, query, "") }); len(got) != 3 { // the events and two batches
		t.Errorf("after the outage a search makes other calls: %v", got)
	}
	fake.Inject(keycloaktest.Fault{Op: events, Status: http.StatusForbidden, Body: `{"error":"HTTP 403 Forbidden"}`})
	if _, err := b.Admin.CreateUser(t.Context(), keycloak.NewUser{Username: "another", Enabled: true, Attributes: map[string][]string{}}); err != nil {
		t.Fatal(err)
	}
	b.Pass(time.Hour) // without a feed the index is too old
	if found := b.Must(t, http.MethodGet, "/Users?sortBy=userName&filter=userName+co+%22a%22", ""); fmt.Sprint(found["totalResults"]) != "1" {
		t.Errorf("without a feed %v users are found, want the one that somebody else made", found["totalResults"])
	}
}

// TestAnIndexNamesWhoCannotBeRead: an answer that would contain a user with damaged attributes is
// an error, until the user is repaired.
func TestAnIndexNamesWhoCannotBeRead(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	apptest.CreateUsers(t, b, 3)
	text := b.Create(t, "/Users", `{"userName":"damaged","phoneNumbers":[{"value":"1"}]}`)
	id, err := keycloak.ParseUserID(text)
	if err != nil {
		t.Fatal(err)
	}
	user, err := b.Admin.User(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	write := func(remainder []string) {
		attributes := maps.Clone(user.Attributes)
		attributes["scim.remainder"] = remainder
		if err := b.Admin.UpdateUser(t.Context(), id, keycloak.UserUpdate{
			Username: &user.Username, Email: &user.Email, FirstName: &user.FirstName, LastName: &user.LastName, Attributes: attributes,
		}); err != nil {
			t.Fatal(err)
		}
	}
	whole := user.Attributes["scim.remainder"]
	write([]string{whole[0][:len(whole[0])-3]})
	_, err = b.Send(t, http.MethodGet, "/Users?filter=title+pr&sortBy=title", "")
	var e *client.Error
	if !errors.As(err, &e) || e.Status != http.StatusInternalServerError || !strings.Contains(e.Detail, text) {
		t.Errorf("a search among users of whom one is damaged = %v, want 500 that names it", err)
	}
	write(whole)
	if found := b.Must(t, http.MethodGet, "/Users?filter=title+pr&sortBy=title", ""); fmt.Sprint(found["totalResults"]) != "3" {
		t.Errorf("once it is mended %v users are found, want 3", found["totalResults"])
	}
}

// TestWhoLeavesAnOrganizationLeavesItsGroups, also when the user joins again before the next
// request.
func TestWhoLeavesAnOrganizationLeavesItsGroups(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOther(t, start(t), true)
			o.Pass(time.Millisecond)
			user, group := o.users[0], o.groups[0]
			o.must(o.Admin.AddMember(t.Context(), user, group))
			o.members[group][user] = true
			o.compare()
			o.leaveOrJoin(user)
			o.leaveOrJoin(user)
			o.compare()
		})
	}
}

// TestAFeedThatWasOff reports nothing about the time when it was off, so everything is read again.
func TestAFeedThatWasOff(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	o := newOther(t, server, false)
	o.Pass(time.Millisecond)
	o.compare()
	apptest.AdminPut(t, server, "/admin/realms/"+o.Realm, `{"adminEventsEnabled":false}`)
	o.App.Watcher.Check(t.Context())
	o.Must(t, http.MethodGet, "/Groups/"+o.groups[0].String(), "")
	o.must(o.Admin.AddMember(t.Context(), o.users[0], o.groups[0]))
	o.members[o.groups[0]][o.users[0]] = true
	o.newUser()
	apptest.AdminPut(t, server, "/admin/realms/"+o.Realm, `{"adminEventsEnabled":true}`)
	o.App.Watcher.Check(t.Context())
	o.compare()
}

// TestTheIndexCannotAnswerATermAboutMembers: when Keycloak cannot look up the other terms, the filter is
// refused. It is never answered without its terms on members.
func TestTheIndexCannotAnswerATermAboutMembers(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	user := b.Create(t, "/Users", `{"userName":"jane"}`)
	b.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+user+`"}]}`)
	for text, want := range map[string]string{
		`members.value eq "` + user + `" or externalId eq "a"`:     "",
		`members.value eq "` + user + `" or externalId eq "a\\"`:   "invalidFilter",
		`members.value eq "` + user + `" and externalId eq "a\\"`:  "",
		`not (members.value eq "` + user + `")`:                    "invalidFilter",
		`members.value eq "` + user + `" or displayName co "team"`: "invalidFilter",
	} {
		_, err := b.Send(t, http.MethodGet, "/Groups?filter="+url.QueryEscape(text), "")
		var e *client.Error
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (!errors.As(err, &e) || e.Type != want):
			t.Errorf("%s: %v, want 400 %s", text, err, want)
		}
	}
}

// TestAWarmIndexIsThereBeforeAnybodyAsks, and the feed of its realm is followed.
func TestAWarmIndexIsThereBeforeAnybodyAsks(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.CallBridge{Bridge: apptest.NewBridgeOn(t, fake.Server(), nil, "--change-feed"), Fake: fake}
	b.Pass(time.Nanosecond) // the loop below reads the clock often
	apptest.CreateUsers(t, b.Bridge, 3)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go b.App.Service.MaintainIndexes(ctx, b.App.Watcher.Tenants, true)
	for len(b.App.Service.Directory().Status()) < 2 || len(b.App.Service.Directory().Feeds()) == 0 {
		runtime.Gosched() // until the users, the groups and the events were read
	}
	got := b.Calls(func() { b.Must(t, http.MethodGet, "/Users?sortBy=userName", "") })
	if diff := cmp.Diff([]string{"GET /admin-events", "GET /users"}, got); diff != "" {
		t.Errorf("the first search makes other calls (-want +got):\n%s", diff)
	}
}
