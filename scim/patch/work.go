package patch

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

const (
	// maxWork bounds the work of one PATCH, whose operations each look at all values of an
	// attribute: in values looked at, each as often as a filter compares it. Five hundred operations on
	// five hundred values of three parts are as many.
	maxWork = 1_000_000
	// copied is how much more an operation works for a value that it puts into several elements:
	// what it writes is stored, and answered.
	copied = 16
	// unit is how many bytes of text are the work of one value.
	unit = 16
)

// work is a PATCH under way.
type work struct {
	ctx     context.Context //nolint:containedctx // of one call, see Apply
	rt      *scim.ResourceType
	doc     scim.Document
	members memberDelta
	names   map[string]folded // see namesOf
	left    int               // of maxWork
}

func newWork(ctx context.Context, rt *scim.ResourceType, doc scim.Document) *work {
	return &work{ctx: ctx, rt: rt, doc: doc, left: maxWork}
}

// spend refuses a PATCH whose operations look at too many values, each of which is bounded while
// their product is not.
func (w *work) spend(n int) error {
	if w.left -= n; w.left >= 0 {
		return nil
	}
	return scim.BadRequest(scim.CodePatchTooLarge, scim.TooMany, "the operations up to this one look at more values than those of one PATCH may, so nothing was changed; send them in several requests")
}

// weight is the work of looking at a value.
func weight(value any) int {
	switch v := value.(type) {
	case string:
		return 1 + len(v)/unit
	case []any:
		return 1 + weightOf(v)
	case map[string]any:
		n := 1
		for name, member := range v {
			n += len(name)/unit + weight(member)
		}
		return n
	}
	return 1
}

func weightOf(values []any) int {
	n := 0
	for _, value := range values {
		n += weight(value)
	}
	return n
}

// folded are the names of an object by their folded form: an object never holds two names that
// differ in case only.
type folded map[string]string

func foldedNames(object map[string]any) folded {
	out := make(folded, len(object))
	for name := range object {
		out[scim.FoldName(name)] = name
	}
	return out
}

// remove removes a member that no schema knows whatever its case.
func (f folded) remove(object map[string]any, name string) {
	key := scim.FoldName(name)
	if old, ok := f[key]; ok {
		delete(object, old)
		delete(f, key)
	}
}

// set gives it a value. Its name stays as it is spelled.
func (f folded) set(object map[string]any, name string, value any) {
	key := scim.FoldName(name)
	if old, ok := f[key]; ok {
		name = old
	}
	object[name], f[key] = value, name
}
