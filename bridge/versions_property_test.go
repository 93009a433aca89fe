package bridge_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// versioned is a group as its changes leave it, with the versions of its states.
type versioned struct {
	apptest.Bridge
	t       *testing.T
	r       *rand.Rand
	id      keycloak.GroupID
	path    string
	name    string
	members map[string]string // user names by id
	users   map[string]string // all users
	full    map[string]string // the version of a state with members
	cheap   map[string]string // the version of a state without members
}

// state is the group as text, with members or without.
func (v *versioned) state(members bool) string {
	if !members {
		return v.name
	}
	var list []string
	for _, id := range slices.Sorted(maps.Keys(v.members)) {
		list = append(list, id+" "+v.members[id])
	}
	return v.name + ": " + strings.Join(list, ", ")
}

// look reads the group: each state has one version, and each version belongs to one state.
func (v *versioned) read() {
	v.t.Helper()
	for _, kind := range []struct {
		query   string
		members bool
		seen    map[string]string
	}{{"", true, v.full}, {"?excludedAttributes=members", false, v.cheap}} {
		r := expect(v.t, v.Bridge, http.StatusOK, "GET", v.path+kind.query, "")
		tag, state := r.version(v.t), v.state(kind.members)
		if before, ok := kind.seen[state]; ok && before != tag {
			v.t.Fatalf("%s had the version %s, and has %s", state, before, tag)
		}
		for other, before := range kind.seen {
			if before == tag && other != state {
				v.t.Fatalf("%s and %s have the version %s", other, state, tag)
			}
		}
		kind.seen[state] = tag
		if got := apptest.MemberIDs(r.body); kind.members && !slices.Equal(got, slices.Sorted(maps.Keys(v.members))) {
			v.t.Fatalf("the members are %v, want %s", got, state)
		}
	}
}

// condition is the present version or an older version. holds says that it is the present version.
func (v *versioned) condition() (tag string, holds bool) {
	members := v.r.IntN(2) == 0
	seen := map[bool]map[string]string{true: v.full, false: v.cheap}[members]
	states := slices.Sorted(maps.Keys(seen))
	state := states[v.r.IntN(len(states))]
	if v.r.IntN(2) == 0 {
		state = v.state(members)
	}
	return seen[state], state == v.state(members)
}

// change makes one change, and checks whether a condition allows it.
func (v *versioned) change() {
	v.t.Helper()
	ids := slices.Sorted(maps.Keys(v.users))
	id := ids[v.r.IntN(len(ids))]
	user, err := keycloak.ParseUserID(id)
	if err != nil {
		v.t.Fatal(err)
	}
	write := func(method, body string, done func()) {
		tag, holds := v.condition()
		r := send(v.t, v.Bridge, method, v.path, body, "If-Match", tag)
		if success := r.status < http.StatusMultipleChoices; success != holds || !success && r.status != http.StatusPreconditionFailed {
			v.t.Fatalf("%s %s in the state %s by the version %s = %d %v, and it is that: %v", method, body, v.state(true), tag, r.status, r.body, holds)
		}
		if holds {
			done()
		}
		if tag := r.header.Get("ETag"); holds && tag != "" {
			if now := expect(v.t, v.Bridge, http.StatusOK, "GET", v.path, "").version(v.t); tag != now && tag != expect(v.t, v.Bridge, http.StatusOK, "GET", v.path+"?excludedAttributes=members", "").version(v.t) {
				v.t.Fatalf("%s %s is answered with the version %s, which is none of %s", method, body, tag, v.state(true))
			}
		}
	}
	switch v.r.IntN(7) {
	case 0:
		write("PATCH", apptest.PatchBody(`{"op":"add","path":"members","value":`+apptest.MemberList([]string{id})+`}`), func() { v.members[id] = v.users[id] })
	case 1:
		write("PATCH", apptest.PatchBody(`{"op":"remove","path":"members[value eq \"`+id+`\"]"}`), func() { delete(v.members, id) })
	case 2:
		name := fmt.Sprintf("Team %d", v.r.IntN(3))
		write("PATCH", apptest.PatchBody(`{"op":"replace","path":"displayName","value":"`+name+`"}`), func() { v.name = name })
	case 3:
		to := ids[:v.r.IntN(len(ids)+1)]
		body := `{"displayName":"` + v.name + `","members":[]}`
		if len(to) > 0 {
			body = `{"displayName":"` + v.name + `","members":` + apptest.MemberList(to) + `}`
		}
		write("PUT", body, func() {
			v.members = map[string]string{}
			for _, id := range to {
				v.members[id] = v.users[id]
			}
		})
	case 4, 5: // a change in the console
		change := v.Admin.AddMember
		if _, in := v.members[id]; in {
			change = v.Admin.RemoveMember
			delete(v.members, id)
		} else {
			v.members[id] = v.users[id]
		}
		if err := change(v.t.Context(), user, v.id); err != nil {
			v.t.Fatal(err)
		}
	default:
		v.users[id] = fmt.Sprintf("%s-%d", strings.SplitN(v.users[id], "-", 2)[0], v.r.IntN(2))
		v.Must(v.t, "PATCH", "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"userName","value":"`+v.users[id]+`"}`))
		if _, in := v.members[id]; in {
			v.members[id] = v.users[id]
		}
	}
}

// TestVersionsOfAGroupFollowItsState, whoever changes the group. A write succeeds with the versions of the present
// state, and with no other version.
func TestVersionsOfAGroupFollowItsState(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil, "--change-feed")
			for of, b := range c.BothTenants() {
				v := &versioned{Bridge: b, t: t, r: rand.New(rand.NewPCG(7, uint64(len(of)))), name: "Team 0", members: map[string]string{}, users: map[string]string{}, full: map[string]string{}, cheap: map[string]string{}}
				for i := range 4 {
					v.users[b.Create(t, "/Users", fmt.Sprintf(`{"userName":"%s%d"}`, of, i))] = fmt.Sprintf("%s%d", of, i)
				}
				id := b.Create(t, "/Groups", `{"displayName":"Team 0"}`)
				v.id, v.path = c.GroupID(t, of, id), "/Groups/"+id
				steps := 120
				if name == "real" {
					steps = 40
				}
				for range steps {
					v.read()
					v.change()
				}
			}
		})
	}
}
