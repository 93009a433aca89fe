package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// side is one of the sides that are compared.
type side int

const (
	bridge side = iota
	native
	admin
	// proxy is a reverse proxy before the Admin API that does nothing else. It shows the least cost of
	// a second hop.
	proxy
	// stateless is a second bridge, without a store. It only writes.
	stateless
	sides
)

// asker asks a side once and counts what the answer has: users, or members of groups. i is
// different each time.
type asker func(ctx context.Context, r *realm, s side, i int) (int, error)

// question is asked of all sides that can answer it.
type question struct {
	name string
	each int // how often it is asked in a round
	want int // the expected count; -1 when the count does not matter
	of   [sides]asker
	// stir makes this many changes: burstSize before the first time that the question is asked, and
	// one before each time. A question to a realm without changes has no stir.
	stir func(ctx context.Context, r *realm, n int) error
}

// burstSize is the number of changes of memberships in a burst.
const burstSize = 200

// paths asks for one path after the other, each below the root of the side.
func paths(of func(r *realm, i int) []string) asker {
	return func(ctx context.Context, r *realm, s side, i int) (int, error) {
		n := 0
		for _, path := range of(r, i) {
			found, err := r.get(ctx, s, path)
			if err != nil {
				return n, err
			}
			n += found.count()
		}
		return n, nil
	}
}

// path asks for one path.
func path(of func(r *realm, i int) string) asker {
	return paths(func(r *realm, i int) []string { return []string{of(r, i)} })
}

// answer has the parts of an answer that are counted.
type answer struct {
	list       []json.RawMessage // of the Admin API
	ID         string            `json:"id"`
	UserName   string            `json:"userName"`
	Username   string            `json:"username"`
	Resources  []json.RawMessage
	Members    []json.RawMessage `json:"members"`
	NextCursor string            `json:"nextCursor"`
	Total      int               `json:"totalResults"`
}

func (a answer) count() int {
	n := len(a.list) + len(a.Resources) + len(a.Members)
	if a.UserName+a.Username != "" {
		n++
	}
	return n
}

// get asks a side for a path below its root.
func (r *realm) get(ctx context.Context, s side, path string) (answer, error) {
	data, err := r.send(ctx, s, http.MethodGet, path, nil)
	if err != nil {
		return answer{}, err
	}
	var out answer
	if data[0] == '[' {
		err = json.Unmarshal(data, &out.list)
	} else {
		err = json.Unmarshal(data, &out)
	}
	return out, err
}

// some returns a user for a round.
func some(r *realm, i int) int { return i * 7919 % r.users }

func filtered(text string) string { return "/Users?filter=" + url.QueryEscape(text) }

// numbered replaces # with the number of a user.
func numbered(text string, r *realm, i int) string {
	return strings.ReplaceAll(text, "#", fmt.Sprintf("%06d", some(r, i)))
}

const pageSize = 100

func userQuestions() []question {
	scim := func(format string) asker {
		return path(func(r *realm, i int) string { return filtered(numbered(format, r, i)) + "&count=100" })
	}
	floor := func(format string) asker {
		return path(func(r *realm, i int) string { return "/users?briefRepresentation=false&" + numbered(format, r, i) })
	}
	get := func(format string) asker {
		return path(func(r *realm, i int) string { return fmt.Sprintf(format, r.ids[some(r, i)]) })
	}
	both := func(a, floor asker) [sides]asker { return [sides]asker{a, a, floor, floor} }
	return []question{
		{name: "get a user", each: 40, want: 1, of: both(get("/Users/%s"), get("/users/%s"))},
		{name: "userName eq", each: 20, want: 1, of: both(scim(`userName eq "user#@acme.test"`), floor("exact=true&username=user#@acme.test"))},
		{name: "externalId eq, hit", each: 20, want: 1, of: both(scim(`externalId eq "ext-#"`), floor("q=externalId:ext-#"))},
		{name: "externalId eq, miss", each: 20, want: 0, of: both(scim(`externalId eq "none-#"`), floor("q=externalId:none-#"))},
		{name: "compound filter, 90 hits", each: 4, want: 90, of: both(scim(`userName sw "user0001" and active eq true`), floor("username=user0001&enabled=true&max=100"))},
	}
}

func pageQuestions() []question {
	at := func(format string, first int) asker {
		return path(func(r *realm, i int) string { return fmt.Sprintf(format, r.users*9/10-i%7*pageSize+first) })
	}
	same := func(text string) asker { return path(func(*realm, int) string { return text }) }
	sorted := "&count=100&sortBy=name.familyName"
	return []question{
		{name: "first page of 100", each: 3, want: pageSize, of: [sides]asker{same("/Users?count=100"), same("/Users?count=100"), same("/users?max=100&briefRepresentation=false"), nil}},
		{name: "deep page of 100", each: 3, want: pageSize, of: [sides]asker{at("/Users?count=100&startIndex=%d", 1), at("/Users?count=100&startIndex=%d", 1), at("/users?first=%d&max=100&briefRepresentation=false", 0), nil}},
		{name: "sorted page of 100", each: 3, want: pageSize, of: [sides]asker{at("/Users?startIndex=%d"+sorted, 1), at("/Users?startIndex=%d"+sorted, 1), nil, nil}},
		{name: "filtered, sorted page of 100", each: 3, want: pageSize, of: [sides]asker{same(filtered(`title co "7" or active eq false`) + sorted), same(filtered(`title co "7" or active eq false`) + sorted), nil, nil}},
		{name: "page of 100 by cursor", each: 3, want: pageSize, of: [sides]asker{same("/Users?count=100&cursor="), nil, nil, nil}},
	}
}

func groupQuestions() []question {
	group := func(format string, id func(*realm) string) asker {
		return path(func(r *realm, _ int) string { return fmt.Sprintf(format, id(r)) })
	}
	team, small := func(r *realm) string { return r.team }, func(r *realm) string { return r.small }
	members := func(id func(*realm) string, n int) asker {
		return paths(func(r *realm, _ int) []string {
			out := []string{"/groups/" + id(r)}
			for first := 0; first < n; first += pageSize {
				out = append(out, fmt.Sprintf("/groups/%s/members?first=%d&max=%d&briefRepresentation=true", id(r), first, pageSize))
			}
			return out
		})
	}
	return []question{
		{name: "group without members", each: 20, want: 0, of: [sides]asker{group("/Groups/%s?excludedAttributes=members", team), group("/Groups/%s", team), group("/groups/%s", team), group("/groups/%s", team)}},
		{name: "group of 10 members", each: 10, want: 10, of: [sides]asker{group("/Groups/%s", small), group("/Groups/%s?attributes=members", small), members(small, 10), nil}},
		{name: "group of 10 members in a burst of changes", each: 10, want: 10, of: [sides]asker{group("/Groups/%s", small), group("/Groups/%s?attributes=members", small), members(small, 10), nil}, stir: stir},
		{name: "group of 1,000 members", each: 2, want: inGroup, of: [sides]asker{group("/Groups/%s", team), group("/Groups/%s?attributes=members", team), members(team, inGroup), nil}},
	}
}

// stir lets a user join the crowd and leave it again, so that this many memberships change. The
// feed of admin events reports each change. The members of the group of ten stay.
func stir(ctx context.Context, r *realm, n int) error {
	user := "/users/" + r.ids[r.users-1] + "/groups/" + r.crowd
	for range n {
		r.stirred++
		method := http.MethodPut
		if r.stirred%2 == 0 {
			method = http.MethodDelete
		}
		if _, err := r.send(ctx, admin, method, user, nil); err != nil {
			return err
		}
	}
	return nil
}

// walk reads all users. It is asked once.
func walk() question {
	byIndex := func(page func(first int) string) asker {
		return func(ctx context.Context, r *realm, s side, _ int) (int, error) {
			n := 0
			for {
				part, err := r.get(ctx, s, page(n))
				if err != nil || part.count() == 0 {
					return n, err
				}
				n += part.count()
			}
		}
	}
	byCursor := func(ctx context.Context, r *realm, s side, _ int) (int, error) {
		n := 0
		for cursor := ""; ; {
			part, err := r.get(ctx, s, "/Users?count=1000&cursor="+cursor)
			n += part.count()
			if cursor = part.NextCursor; err != nil || cursor == "" {
				return n, err
			}
		}
	}
	return question{name: "walk of all users", each: 1, want: -1, of: [sides]asker{
		byCursor,
		byIndex(func(first int) string { return fmt.Sprintf("/Users?count=100&startIndex=%d", first+1) }),
		byIndex(func(first int) string {
			return fmt.Sprintf("/users?first=%d&max=100&briefRepresentation=false", first)
		}),
		nil,
	}}
}
