package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// target is the subject of a write.
type target struct {
	id string // of a user or a group; "" for a new user
	n  int    // number of an existing or a new user; for other targets it is different each time
}

// write is asked of all sides that can do it, with a new target each time.
type write struct {
	name string
	// each and eight are how often a round has the write: by one client, and by eight at once; 0 for
	// never.
	each, eight int
	// prepare makes this many targets, in the state that the write changes.
	prepare func(ctx context.Context, r *realm, n int) ([]target, error)
	of      [sides]func(ctx context.Context, r *realm, s side, t target) error
}

// atOnce is the number of creations and memberships in one request.
const atOnce = 1000

// aFew is the number of creations of a client that sends them one by one.
const aFew = 100

// fresh returns users that do not exist yet.
func fresh(_ context.Context, r *realm, n int) ([]target, error) {
	out := make([]target, n)
	for i := range out {
		r.next++
		out[i] = target{n: r.users + r.next}
	}
	return out, nil
}

// present returns users that exist, different ones each time.
func present(_ context.Context, r *realm, n int) ([]target, error) {
	out := make([]target, n)
	for i := range out {
		r.next++
		at := r.users - 1 - r.next%(r.users/2) // not the members of the groups
		out[i] = target{r.ids[at], at}
	}
	return out, nil
}

// each does something to targets, several at a time.
func (r *realm) each(ctx context.Context, list []target, do func(ctx context.Context, t target) error) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(fillers)
	for _, t := range list {
		g.Go(func() error { return do(gctx, t) })
	}
	return g.Wait()
}

// made returns users that it has just created.
func made(ctx context.Context, r *realm, n int) ([]target, error) {
	list, err := fresh(ctx, r, n)
	if err != nil {
		return nil, err
	}
	if err := r.each(ctx, list, func(ctx context.Context, t target) error { return createBeneath(ctx, r, admin, t) }); err != nil {
		return nil, err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(fillers)
	for i, t := range list {
		g.Go(func() error {
			var found []struct {
				ID string `json:"id"`
			}
			data, err := r.send(gctx, admin, http.MethodGet, fmt.Sprintf("/users?exact=true&username=user%06d@acme.test", t.n), nil)
			if err == nil {
				err = json.Unmarshal(data, &found)
			}
			if err == nil && len(found) == 1 {
				list[i].id = found[0].ID
			}
			return err
		})
	}
	return list, g.Wait()
}

// enabled returns existing users that can be deactivated.
func enabled(ctx context.Context, r *realm, n int) ([]target, error) {
	list, err := present(ctx, r, n)
	if err != nil {
		return nil, err
	}
	return list, r.each(ctx, list, func(ctx context.Context, t target) error {
		_, err := r.send(ctx, admin, http.MethodPut, "/users/"+t.id, map[string]any{"enabled": true})
		return err
	})
}

// strangers returns existing users that are not members of a group.
func strangers(group func(*realm) string) func(context.Context, *realm, int) ([]target, error) {
	return func(ctx context.Context, r *realm, n int) ([]target, error) {
		list, err := present(ctx, r, n)
		if err != nil {
			return nil, err
		}
		return list, r.each(ctx, list, func(ctx context.Context, t target) error {
			_, err := r.send(ctx, admin, http.MethodDelete, "/users/"+t.id+"/groups/"+group(r), nil)
			return err
		})
	}
}

// empty returns new groups without members.
func empty(ctx context.Context, r *realm, n int) ([]target, error) {
	out := make([]target, n)
	for i := range out {
		r.next++
		id, err := r.group(ctx, fmt.Sprintf("empty %d", r.next), nil)
		if err != nil {
			return nil, err
		}
		out[i] = target{id, r.next}
	}
	return out, nil
}

// send sends a request to a side, for a path below its root.
func (r *realm) send(ctx context.Context, s side, method, path string, body any) ([]byte, error) {
	root, bearer := r.bridgeURL, r.bridgeToken
	switch s {
	case bridge:
	case stateless:
		root, bearer = r.statelessURL, r.statelessToken
	default:
		var err error
		if bearer, err = r.native(ctx); err != nil {
			return nil, err
		}
		root = map[side]string{native: r.nativeURL(), admin: r.keycloak + "/admin/realms/" + r.name, proxy: r.proxyURL + "/admin/realms/" + r.name}[s]
	}
	return r.ask(ctx, method, root+path, bearer, body)
}

// createBeneath makes the call that the bridge makes for the same user.
func createBeneath(ctx context.Context, r *realm, s side, t target) error {
	text := strings.ReplaceAll(r.sample, fmt.Sprintf("%06d", sampleUser), fmt.Sprintf("%06d", t.n))
	_, err := r.send(ctx, s, http.MethodPost, "/users", json.RawMessage(text))
	return err
}

// sampleUser is the number of the user whose representation is a template for other users.
const sampleUser = 777

// takeSample reads what the bridge stores for a user.
func (r *realm) takeSample(ctx context.Context) error {
	data, err := r.send(ctx, admin, http.MethodGet, "/users/"+r.ids[sampleUser], nil)
	if err != nil {
		return err
	}
	var user map[string]any
	if err := json.Unmarshal(data, &user); err != nil {
		return err
	}
	for name := range user {
		if !slices.Contains([]string{"username", "email", "firstName", "lastName", "enabled", "emailVerified", "attributes"}, name) {
			delete(user, name)
		}
	}
	data, err = json.Marshal(user)
	r.sample = string(data)
	return err
}

// changed returns a user with another title.
func changed(t target) map[string]any {
	user := newUser(t.n)
	user["title"] = "Title " + strconv.FormatInt(time.Now().UnixNano(), 36)
	return user
}

// changeBeneath reads a user and writes it with another title.
func changeBeneath(ctx context.Context, r *realm, s side, t target) error {
	data, err := r.send(ctx, s, http.MethodGet, "/users/"+t.id, nil)
	if err != nil {
		return err
	}
	var user map[string]any
	if err := json.Unmarshal(data, &user); err != nil {
		return err
	}
	user["attributes"].(map[string]any)["title"] = []any{changed(t)["title"]}
	_, err = r.send(ctx, s, http.MethodPut, "/users/"+t.id, user)
	return err
}

func patchOf(op, path string, value any) map[string]any {
	return map[string]any{
		"schemas":    []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
		"Operations": []any{map[string]any{"op": op, "path": path, "value": value}},
	}
}

// calls makes calls of the Admin API for a target. The target's id replaces %s.
func calls(list ...string) func(context.Context, *realm, side, target) error {
	return func(ctx context.Context, r *realm, s side, t target) error {
		for _, call := range list {
			method, path, _ := strings.Cut(call, " ")
			var body any
			if method == http.MethodPut {
				body = map[string]any{"enabled": false}
			}
			if _, err := r.send(ctx, s, method, strings.ReplaceAll(path, "%s", t.id), body); err != nil {
				return err
			}
		}
		return nil
	}
}

func memberValues(ids []string) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = map[string]any{"value": id}
	}
	return out
}

func (r *realm) writes() []write {
	type does = func(context.Context, *realm, side, target) error
	scim := func(method, path string, body func(t target) any) does {
		return func(ctx context.Context, r *realm, s side, t target) error {
			object := body(t)
			if user, ok := object.(map[string]any); ok && s == native && method == http.MethodPut {
				user["id"] = t.id // Keycloak's own SCIM requires the id
			}
			_, err := r.send(ctx, s, method, strings.ReplaceAll(path, "%s", t.id), object)
			return err
		}
	}
	whole := func(t target) any { return changed(t) }
	title := func(t target) any { return patchOf("replace", "title", changed(t)["title"]) }
	off := func(target) any { return patchOf("replace", "active", false) }
	one := func(t target) any { return patchOf("add", "members", memberValues([]string{t.id})) }
	join := func(group string) does {
		return func(ctx context.Context, r *realm, s side, t target) error {
			_, err := r.send(ctx, s, http.MethodPut, "/users/"+t.id+"/groups/"+group, nil)
			return err
		}
	}
	live := "GET /users/%s/role-mappings/clients/" + r.management + "/composite"
	small, crowd := func(r *realm) string { return r.small }, func(r *realm) string { return r.crowd }
	create := scim(http.MethodPost, "/Users", func(t target) any { return newUser(t.n) })
	return []write{
		{"create a user", 10, 80, fresh, [sides]does{create, create, createBeneath, createBeneath}},
		{"PUT a user", 10, 80, present, [sides]does{scim(http.MethodPut, "/Users/%s", whole), scim(http.MethodPut, "/Users/%s", whole), changeBeneath, changeBeneath}},
		{"PATCH a user", 10, 80, present, [sides]does{scim(http.MethodPatch, "/Users/%s", title), scim(http.MethodPatch, "/Users/%s", title), changeBeneath, changeBeneath}},
		{"deactivate a user (native: sessions stay)", 10, 80, enabled, [sides]does{
			scim(http.MethodPatch, "/Users/%s", off), scim(http.MethodPatch, "/Users/%s", off), calls("GET /users/%s", live, "PUT /users/%s", "POST /users/%s/logout", "GET /users/%s/consents"), nil,
		}},
		{"delete a user", 10, 80, made, [sides]does{
			scim(http.MethodDelete, "/Users/%s", func(target) any { return nil }), scim(http.MethodDelete, "/Users/%s", func(target) any { return nil }), calls("GET /users/%s", live, "DELETE /users/%s"), nil,
		}},
		{"add one member to a group of 10", 20, 80, strangers(small), [sides]does{scim(http.MethodPatch, "/Groups/"+r.small, one), scim(http.MethodPatch, "/Groups/"+r.small, one), join(r.small), join(r.small)}},
		{fmt.Sprintf("add one member to a group of %d", r.crowded()), 20, 80, strangers(crowd), [sides]does{scim(http.MethodPatch, "/Groups/"+r.crowd, one), scim(http.MethodPatch, "/Groups/"+r.crowd, one), join(r.crowd), join(r.crowd)}},
		{"1,000 members by one PATCH", 1, 0, empty, [sides]does{addAll, addAll, addAllBeneath, nil}},
		{"1,000 creations by one Bulk", 1, 0, fresh, [sides]does{createAll, nil, createAllBeneath, nil}},
		{"1,000 creations one by one", 1, 0, fresh, [sides]does{oneByOne(atOnce, create), nil, nil, nil}},
		{"100 creations one by one", 1, 0, fresh, [sides]does{oneByOne(aFew, create), oneByOne(aFew, create), oneByOne(aFew, createBeneath), oneByOne(aFew, createBeneath)}},
	}
}

// crowded returns the number of members of the large group.
func (r *realm) crowded() int { return min(r.users/2, 10_000) } //nolint:mnd // the other users can join

func addAll(ctx context.Context, r *realm, s side, t target) error {
	_, err := r.send(ctx, s, http.MethodPatch, "/Groups/"+t.id, patchOf("add", "members", memberValues(r.ids[:atOnce])))
	return err
}

// addAllBeneath makes the same checks and additions as the bridge, and as many at a time.
func addAllBeneath(ctx context.Context, r *realm, s side, t target) error {
	const batch, checks = 50, 4
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(checks)
	for part := range slices.Chunk(r.ids[:atOnce], batch) {
		g.Go(func() error {
			_, err := r.send(gctx, s, http.MethodGet, "/users?briefRepresentation=true&max=100&search=id:"+strings.Join(part, "+"), nil)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	members := make([]target, atOnce)
	for i, id := range r.ids[:atOnce] {
		members[i] = target{id, i}
	}
	return r.each(ctx, members, func(ctx context.Context, m target) error {
		_, err := r.send(ctx, s, http.MethodPut, "/users/"+m.id+"/groups/"+t.id, nil)
		return err
	})
}

// thousand returns new users.
func thousand(r *realm) []target {
	list, _ := fresh(context.Background(), r, atOnce) // never fails
	return list
}

func createAll(ctx context.Context, r *realm, s side, _ target) error {
	var operations []any
	for _, t := range thousand(r) {
		operations = append(operations, map[string]any{"method": http.MethodPost, "path": "/Users", "bulkId": strconv.Itoa(t.n), "data": newUser(t.n)})
	}
	data, err := r.send(ctx, s, http.MethodPost, "/Bulk", map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:BulkRequest"}, "Operations": operations})
	if err == nil && strings.Count(string(data), `"status":"201"`) != atOnce {
		err = fmt.Errorf("not every user was created: %.500s", data)
	}
	return err
}

func createAllBeneath(ctx context.Context, r *realm, s side, _ target) error {
	return r.each(ctx, thousand(r), func(ctx context.Context, t target) error { return createBeneath(ctx, r, s, t) })
}

// oneByOne creates this many users, one after the other.
func oneByOne(n int, create func(context.Context, *realm, side, target) error) func(context.Context, *realm, side, target) error {
	return func(ctx context.Context, r *realm, s side, _ target) error {
		list, _ := fresh(ctx, r, n) // never fails
		for _, t := range list {
			if err := create(ctx, r, s, t); err != nil {
				return err
			}
		}
		return nil
	}
}

// measureWrites does every write on each side in turn, round by round. The first round is only to
// warm up.
func (p *report) measureWrites(ctx context.Context) error {
	if err := errors.Join(p.realm.takeSample(ctx), p.realm.openCommits(ctx)); err != nil {
		return err
	}
	defer p.realm.commits.Close() //nolint:errcheck // nobody needs the file
	for _, w := range p.realm.writes() {
		if !strings.Contains(w.name, p.only) {
			continue
		}
		fmt.Fprintln(os.Stderr, "write:", w.name)
		w.of[stateless] = w.of[bridge]
		var took [sides][]time.Duration
		var rates [sides][]float64
		for round := range p.rounds + 1 {
			for i := range sides {
				s := (i + side(round)) % sides // no side is always the one after another
				if w.of[s] == nil {
					continue
				}
				alone, rate, err := p.realm.do(ctx, w, s, func(took time.Duration) { p.commits = append(p.commits, took) })
				if err != nil {
					return fmt.Errorf("%s, side %d: %w", w.name, s, err)
				}
				if round > 0 {
					took[s], rates[s] = append(took[s], alone...), append(rates[s], rate)
				}
			}
		}
		out := row{name: w.name, unsupported: w.of[native] == nil}
		for s := range sides {
			out.warm[s], out.rate[s] = median(took[s]), median(rates[s])
		}
		p.written = append(p.written, out)
	}
	return nil
}

// do does a write by one client and by eight at once. It returns the time for each, and the writes
// a second. Before each write of a bridge by one client it makes a durable commit, which committed gets.
func (r *realm) do(ctx context.Context, w write, s side, committed func(time.Duration)) (took []time.Duration, rate float64, err error) {
	list, err := w.prepare(ctx, r, w.each)
	if err != nil {
		return nil, 0, err
	}
	for _, t := range list {
		if s == bridge || s == stateless {
			took, err := r.commit(ctx)
			if err != nil {
				return nil, 0, err
			}
			committed(took)
		}
		began := time.Now()
		if err := w.of[s](ctx, r, s, t); err != nil {
			return nil, 0, err
		}
		took = append(took, time.Since(began))
	}
	if w.eight == 0 {
		return took, 0, nil
	}
	if list, err = w.prepare(ctx, r, w.eight); err != nil {
		return nil, 0, err
	}
	began := time.Now()
	err = r.each(ctx, list, func(ctx context.Context, t target) error { return w.of[s](ctx, r, s, t) })
	return took, float64(w.eight) / time.Since(began).Seconds(), err
}
