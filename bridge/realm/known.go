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

// Known holds, for each group and user that a realm's configuration names, the id that the first
// look-up found. The bridge keeps these ids, whatever has the names later. It forgets names that the
// configuration no longer contains. The attributes of the bridge's own service account keep the ids
// over a restart.
type Known struct {
	mu     sync.Mutex
	ids    map[string]string // by kind and name, see key
	loaded bool
	writes bool // whether new ids are written to Keycloak
}

// Kinds of things with a name.
const (
	kindGroup = "group"
	kindUser  = "user"
)

// key is the key of an id in Known, and the prefix of its stored value in Keycloak.
func key(kind, name string) string { return kind + "|" + name }

// load reads the stored ids, once.
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
		if i := strings.LastIndex(v, "|"); i > 0 { // other values were not written by the bridge
			k.ids[v[:i]] = v[i+1:]
		}
	}
	return nil
}

// keep forgets all keys that are not wanted, and stores the rest in Keycloak.
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

// entity is a group or a user, with its present name in Keycloak.
type entity struct {
	id     string
	name   string // a path or a user name
	parent string // of a group
}

// named is the group or user that a name of the configuration means.
type named struct {
	entity // zero when nothing was found

	// problem and warning say what is wrong; each continues a sentence that begins with the name.
	// fix is the remedy.
	problem, warning, fix string
}

// resolver finds out what names mean, and looks each up once.
type resolver struct {
	c     *keycloak.Client
	known *Known

	mu    sync.Mutex
	found map[string]named
}

func newResolver(c *keycloak.Client, known *Known) *resolver {
	return &resolver{c: c, known: known, found: map[string]named{}}
}

// group finds the group of a path, or of an id after "id:".
func (r *resolver) group(ctx context.Context, name string) (named, error) {
	return r.resolve(ctx, kindGroup, name, r.groupByID, r.groupByPath)
}

// user finds the user of a user name, or of an id after "id:".
func (r *resolver) user(ctx context.Context, name string) (named, error) {
	return r.resolve(ctx, kindUser, name, r.userByID, r.userByName)
}

// lookUp finds a group or a user. It returns the zero entity when it finds nothing.
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

// byName returns the group or user that the name meant at the first look-up. When no first look-up is
// stored, it returns the group or user that has the name now. When another group or user has the name
// now, it reports a problem.
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
		out.problem = fmt.Sprintf("is now another %s, %s: the former %[1]s, %[3]s, %[4]s", kind, now.id, first, stays)
		out.fix = fmt.Sprintf("write the id of the %s that you mean in place of its name, %q", kind, config.NamedByID+now.id)
		if held.id != "" {
			out.fix += fmt.Sprintf(" or %q", config.NamedByID+first)
		}
	case held.id == "":
		out.problem = "no longer exists: its id was " + first
		out.fix = "remove the name, or write the id of its replacement as \"" + config.NamedByID + "ID\"; the bridge does not accept a new " + kind + " with the same name"
	default:
		out.warning = stays + ": the bridge still means the same " + kind + ", by its id"
		out.fix = fmt.Sprintf("write its id in place of its name, %q", config.NamedByID+first)
	}
	return out, err
}

func (r *resolver) groupByID(ctx context.Context, text string) (entity, error) {
	id, err := keycloak.ParseGroupID(text)
	if err != nil {
		return entity{}, nil //nolint:nilerr // nothing has such an id
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
		return entity{}, nil //nolint:nilerr // nothing has such an id
	}
	u, err := r.c.User(ctx, id)
	if keycloak.KindOf(err) == keycloak.NotFound {
		return entity{}, nil
	}
	if keycloak.KindOf(err) == keycloak.Denied { // a permission hides the user: the id exists, and only lists show the name
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

// ids returns the ids that were found for names, for a finding.
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

// wanted returns the keys in Known of all protected names and of all names in mappings.
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
