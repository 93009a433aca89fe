package realm

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Known is which groups and users the names of a realm's configuration meant when they were first
// looked up: the bridge stays with those, whatever is called so later. What the configuration does
// not name any more is forgotten. The bridge's own service account keeps it over a restart.
type Known struct {
	mu     sync.Mutex
	ids    map[string]string // by kind and name, see key
	loaded bool
	writes bool // whether Keycloak is told what becomes known
}

// Kinds of what has a name.
const (
	kindGroup = "group"
	kindUser  = "user"
)

// key is under what an id is known, and what stands in front of it in Keycloak.
func key(kind, name string) string { return kind + "|" + name }

// load reads what is remembered, once.
func (k *Known) load(ctx context.Context, c *keycloak.Client) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.loaded {
		return nil
	}
	values, err := Remembered(ctx, c, mapping.AttrProtected)
	if err != nil {
		return err
	}
	k.ids, k.loaded = map[string]string{}, true
	for _, v := range values {
		if i := strings.LastIndex(v, "|"); i > 0 { // what is no such value was not written by the bridge
			k.ids[v[:i]] = v[i+1:]
		}
	}
	return nil
}

// keep forgets all but what is wanted, and has Keycloak keep the rest.
func (k *Known) keep(ctx context.Context, c *keycloak.Client, wanted map[string]bool) error {
	k.mu.Lock()
	var values []string
	forgot := false
	for name, id := range k.ids {
		if wanted[name] {
			values = append(values, name+"|"+id)
		} else {
			delete(k.ids, name)
			forgot = true
		}
	}
	k.mu.Unlock()
	if !k.writes || len(values) == 0 && !forgot {
		return nil
	}
	return Remember(ctx, c, mapping.AttrProtected, func([]string) ([]string, error) { return values, nil })
}

func (k *Known) get(name string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ids[name]
}

func (k *Known) set(name, id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ids == nil {
		k.ids = map[string]string{}
	}
	k.ids[name] = id
}

// entity is a group or a user, as Keycloak has it now.
type entity struct {
	id     string
	name   string // a path, or a user name
	parent string // of a group
}

// named is what a name of the configuration stands for.
type named struct {
	entity // zero for nothing

	// problem and warning say what is wrong, as what follows the name in a sentence, and fix what to do.
	problem, warning, fix string
}

// resolver finds out what names stand for, each once.
type resolver struct {
	c     *keycloak.Client
	known *Known

	mu    sync.Mutex
	found map[string]named
}

func newResolver(c *keycloak.Client, known *Known) *resolver {
	return &resolver{c: c, known: known, found: map[string]named{}}
}

// group finds the group that a path, or an id behind "id:", stands for.
func (r *resolver) group(ctx context.Context, name string) (named, error) {
	return r.resolve(ctx, kindGroup, name, r.groupByID, r.groupByPath)
}

// user finds the user that a user name, or an id behind "id:", stands for.
func (r *resolver) user(ctx context.Context, name string) (named, error) {
	return r.resolve(ctx, kindUser, name, r.userByID, r.userByName)
}

// lookUp finds something; nothing is the zero entity.
type lookUp func(ctx context.Context, text string) (entity, error)

func (r *resolver) resolve(ctx context.Context, kind, name string, byID, byName lookUp) (named, error) {
	r.mu.Lock()
	out, again := r.found[key(kind, name)]
	r.mu.Unlock()
	if again {
		return out, nil
	}
	var err error
	if id, is := strings.CutPrefix(name, config.NamedByID); is {
		if out.entity, err = byID(ctx, id); out.id == "" {
			out.problem = "does not exist"
		}
	} else {
		out, err = r.byName(ctx, kind, name, byID, byName)
	}
	if err != nil {
		return named{}, fmt.Errorf("find %s %q: %w", kind, name, err)
	}
	r.mu.Lock()
	r.found[key(kind, name)] = out
	r.mu.Unlock()
	return out, nil
}

// byName stays with what the name meant first. What bears the name now counts when nothing is
// known, and tells of a mistake when it is something else.
func (r *resolver) byName(ctx context.Context, kind, name string, byID, byName lookUp) (named, error) {
	first := r.known.get(key(kind, name))
	if first == "" {
		now, err := byName(ctx, name)
		if err != nil || now.id == "" {
			return named{problem: "does not exist"}, err
		}
		r.known.set(key(kind, name), now.id)
		return named{entity: now}, nil
	}
	held, err := byID(ctx, first)
	if err != nil || held.name == name || held.id != "" && kind == kindUser && strings.EqualFold(held.name, name) {
		return named{entity: held}, err
	}
	now, err := byName(ctx, name)
	if held.name == "" && now.id == held.id {
		held = now
	}
	out := named{entity: held}
	stays := "is gone"
	switch {
	case held.id != "" && held.name == "":
		stays = "has another name now"
	case held.id != "":
		stays = fmt.Sprintf("is called %q now", held.name)
	}
	switch {
	case err != nil, now.id != "" && now.id == held.id:
	case now.id != "":
		out.problem = fmt.Sprintf("is another %s now, %s: the one that it was, %s, %s", kind, now.id, first, stays)
		out.fix = fmt.Sprintf("write the id of the %s that is meant in place of its name, %q", kind, config.NamedByID+now.id)
		if held.id != "" {
			out.fix += fmt.Sprintf(" or %q", config.NamedByID+first)
		}
	case held.id == "":
		out.problem = "does not exist any more: it was " + first
		out.fix = "remove the name, or write the id of the one that shall be in its place, as \"" + config.NamedByID + "ID\": the name alone stays with the one that is gone"
	default:
		out.warning = stays + ": the bridge stays with it, by its id"
		out.fix = fmt.Sprintf("write its id in place of its name, %q", config.NamedByID+first)
	}
	return out, err
}

func (r *resolver) groupByID(ctx context.Context, text string) (entity, error) {
	id, err := keycloak.ParseGroupID(text)
	if err != nil {
		return entity{}, nil //nolint:nilerr // nothing has it
	}
	return groupEntity(r.c.Group(ctx, id))
}

func (r *resolver) groupByPath(ctx context.Context, path string) (entity, error) {
	return groupEntity(r.c.GroupByPath(ctx, path))
}

func groupEntity(g keycloak.Group, err error) (entity, error) {
	if keycloak.KindOf(err) == keycloak.NotFound {
		return entity{}, nil
	}
	return entity{g.ID, g.Path, g.ParentID}, err
}

func (r *resolver) userByID(ctx context.Context, text string) (entity, error) {
	id, err := keycloak.ParseUserID(text)
	if err != nil {
		return entity{}, nil //nolint:nilerr // nothing has it
	}
	u, err := r.c.User(ctx, id)
	if keycloak.KindOf(err) == keycloak.NotFound {
		return entity{}, nil
	}
	if keycloak.KindOf(err) == keycloak.Denied { // by a permission: somebody has the id, and lists alone tell the name
		return entity{id: id.String()}, nil
	}
	return entity{id: u.ID, name: u.Username}, err
}

func (r *resolver) userByName(ctx context.Context, name string) (entity, error) {
	users, err := r.c.Users(ctx, keycloak.UserQuery{Username: name, Max: 1})
	if err != nil || len(users) == 0 {
		return entity{}, err
	}
	return entity{id: users[0].ID, name: users[0].Username}, nil
}

// ids are those of what was found under names, for a finding.
func (r *resolver) ids(kind string, names []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, name := range names {
		if n := r.found[key(kind, name)]; n.id != "" {
			out = append(out, n.name+" is "+config.NamedByID+n.id)
		}
	}
	return out
}

// wanted are the names of what is protected and of all mappings, as Known has them.
func wanted(users, groups []string, mappings []*mapping.Mapping) map[string]bool {
	out := map[string]bool{}
	want := func(kind string, names []string) {
		for _, name := range names {
			if !strings.HasPrefix(name, config.NamedByID) {
				out[key(kind, name)] = true
			}
		}
	}
	want(kindUser, users)
	want(kindGroup, groups)
	for _, m := range mappings {
		want(kindGroup, m.Groups())
	}
	return out
}
