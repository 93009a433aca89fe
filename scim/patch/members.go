package patch

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// Members is what operations do to the members of a group, without knowledge of the present members. Add and Remove
// have ids as the client wrote them, each id once and never in both.
type Members struct {
	// Replace says that Add is the whole new list, and Remove is empty. Otherwise Add and Remove are the difference.
	Replace bool
	Add     []string
	Remove  []string

	// Matching are the filters of paths such as members[display eq "Jane"]. A present member that matches a filter is
	// removed too, unless Add has the member. With Replace the list is empty.
	Matching []filter.Expr
}

// IsEmpty reports whether nothing is to be changed.
func (m Members) IsEmpty() bool {
	return !m.Replace && len(m.Add) == 0 && len(m.Remove) == 0 && len(m.Matching) == 0
}

// memberDelta is what the operations so far do to members.
type memberDelta struct {
	replace      bool
	adds, leaves ordered
	matching     []filter.Expr
}

func (m *memberDelta) add(ids []string) {
	for _, id := range ids {
		m.leaves.remove(id)
		m.adds.add(id)
	}
}

func (m *memberDelta) remove(ids []string) {
	for _, id := range ids {
		if m.adds.remove(id); !m.replace {
			m.leaves.add(id)
		}
	}
}

func (m *memberDelta) become(ids []string) {
	*m = memberDelta{replace: true}
	m.add(ids)
}

func (m *memberDelta) result() Members {
	return Members{Replace: m.replace, Add: m.adds.list(), Remove: m.leaves.list(), Matching: m.matching}
}

// ordered is a list of ids, each once, in the order of their addition.
type ordered struct {
	at  map[string]int // places in ids
	ids []string       // also removed ids
}

func (o *ordered) add(id string) {
	if _, ok := o.at[id]; ok {
		return
	}
	if o.at == nil {
		o.at = map[string]int{}
	}
	o.at[id] = len(o.ids)
	o.ids = append(o.ids, id)
}

func (o *ordered) remove(id string) { delete(o.at, id) }

func (o *ordered) list() []string {
	if len(o.at) == 0 {
		return nil
	}
	out := make([]string, 0, len(o.at))
	for i, id := range o.ids {
		if at, ok := o.at[id]; ok && at == i {
			out = append(out, id)
		}
	}
	return out
}

// maxMatching bounds the filter terms that are compared with each member of a group.
const maxMatching = 100

func termsOf(filters []filter.Expr) int {
	n := 0
	for _, e := range filters {
		n += filter.Terms(e)
	}
	return n
}

// apply carries out one operation whose path names members.
func (m *memberDelta) apply(op Operation, path filter.Path) error {
	if path.Sub != "" || path.Attr.Sub != "" { // else members.display would mean all members
		return scim.BadRequest(scim.CodeImmutable, scim.MutabilityErr, "the sub-attributes of members cannot be changed; add or remove the member")
	}
	if path.Filter != nil {
		return m.applyFiltered(op, path.Filter)
	}
	switch op.Op {
	case Add, Replace:
		if !op.HasValue {
			return scim.BadRequest(scim.CodePatchMembers, scim.InvalidValue, "%s of members needs a value", op.Op)
		}
		ids, err := MemberIDs(op.Value)
		if err != nil {
			return err
		}
		if op.Op == Add {
			m.add(ids)
		} else {
			m.become(ids)
		}
	case Remove:
		return m.removeListed(op)
	}
	return nil
}

// removeListed removes the members in the value, as Entra and others send it. Only without a value does "remove
// members" mean all members (RFC 7644 section 3.5.2.2).
func (m *memberDelta) removeListed(op Operation) error {
	if !op.HasValue {
		m.become(nil)
		return nil
	}
	if op.Value == nil {
		return scim.BadRequest(scim.CodePatchMembers, scim.InvalidValue, "remove of members with the value null is ambiguous; leave the value out to remove all members, or list those to remove")
	}
	ids, err := MemberIDs(op.Value)
	if err == nil {
		m.remove(ids)
	}
	return err
}

// applyFiltered applies an operation with a path such as members[value eq "a" or value eq "b"]. ConnId also sends a
// value, which repeats the same ids. A remove can also select members by display or type, as members[display eq "a"];
// these members must be looked up.
func (m *memberDelta) applyFiltered(op Operation, e filter.Expr) error {
	ids, ok := selectedIDs(e, nil)
	switch {
	case ok:
	case op.Op != Remove || !selectable(e):
		return scim.BadRequest(scim.CodePatchMembers, scim.InvalidFilter, `select members by "value eq", joined by "or"; a remove can also select each member by "display eq", with or without "type eq"`)
	case m.replace || len(m.adds.at) > 0:
		return scim.BadRequest(scim.CodePatchMembers, scim.InvalidFilter, "a remove that selects members by display cannot follow an operation that adds members; send it before that operation, or in a request of its own")
	case termsOf(m.matching)+filter.Terms(e) > maxMatching:
		return scim.BadRequest(scim.CodePatchTooLarge, scim.TooMany, "the operations select members by more than %d terms in one PATCH, so nothing was changed; select members by their ids", maxMatching)
	default:
		m.matching = append(m.matching, e)
		return nil
	}
	switch op.Op {
	case Remove:
		m.remove(ids)
	case Add, Replace:
		m.add(ids)
	}
	return nil
}

// selectable reports whether a filter names each member that it means by id or display, in plain eq terms. A filter
// that does not name its members is refused.
func selectable(e filter.Expr) bool {
	switch e := e.(type) {
	case *filter.Or:
		return !slices.ContainsFunc(e.Terms, func(term filter.Expr) bool { return !selectable(term) })
	case *filter.And:
		return slices.ContainsFunc(e.Terms, selectable) && !slices.ContainsFunc(e.Terms, func(term filter.Expr) bool {
			return !selectable(term) && !isType(term)
		})
	case *filter.Compare:
		return e.Op == filter.Eq && e.Value != nil && (e.Path.Name == scim.AttrValue || e.Path.Name == scim.AttrDisplay)
	}
	return false
}

func isType(e filter.Expr) bool {
	c, ok := e.(*filter.Compare)
	return ok && c.Op == filter.Eq && c.Path.Name == scim.AttrType
}

func selectedIDs(e filter.Expr, ids []string) ([]string, bool) {
	switch e := e.(type) {
	case *filter.Or:
		for _, term := range e.Terms {
			var ok bool
			if ids, ok = selectedIDs(term, ids); !ok {
				return nil, false
			}
		}
		return ids, true
	case *filter.Compare:
		id, ok := e.Value.(string)
		return append(ids, id), ok && e.Op == filter.Eq && e.Path.Name == scim.AttrValue
	default:
		return nil, false
	}
}

// MemberIDs reads the ids of members in every shape that clients send: an array of objects with a value, an array of
// strings, a single object or string, or {"members": …}. The id of a member of another type than User begins with
// NoUser. A member without a value gives a *scim.Error with InvalidValue.
func MemberIDs(value any) ([]string, error) {
	if wrapper, ok := value.(map[string]any); ok {
		if inner, ok := scim.Member(wrapper, scim.AttrMembers); ok {
			value = inner
		}
	}
	elements, ok := value.([]any)
	if !ok && value != nil {
		elements = []any{value}
	}
	var ids []string
	for _, element := range elements {
		id, err := memberID(element)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// NoUser begins the id of a member that is not a user but a group. No user has such an id.
const NoUser = "group "

func memberID(element any) (string, error) {
	prefix := ""
	if object, ok := element.(map[string]any); ok {
		if kind, ok := scim.Member(object, scim.AttrType); ok && kind != nil && !isUser(kind) {
			prefix = NoUser
		}
		element, _ = scim.Member(object, scim.AttrValue)
	}
	id, ok := element.(string)
	if !ok || id == "" {
		return "", scim.BadRequest(scim.CodePatchMembers, scim.InvalidValue, "a member needs a \"value\" with the id of a user")
	}
	return prefix + id, nil
}

func isUser(kind any) bool {
	text, ok := kind.(string)
	return ok && (text == "" || strings.EqualFold(text, "User"))
}

// Distinct are the ids, each once, in the order of their first mention.
func Distinct(ids []string) []string {
	var o ordered
	for _, id := range ids {
		o.add(id)
	}
	return o.ids
}
