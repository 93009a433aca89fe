package patch

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

const (
	// maxWork bounds the work of one PATCH. Each of its operations reads all values of an attribute. The unit is a
	// value that is read, counted as often as a filter compares it. Five hundred operations on five hundred values of
	// three parts reach the bound.
	maxWork = 1_000_000
	// copied is the additional work for a value that an operation copies into several elements: each copy is stored and
	// returned.
	copied = 16
	// unit is the number of bytes of text that count as the work of one value.
	unit = 16
)

// work is a PATCH that is being applied.
type work struct {
	ctx     context.Context //nolint:containedctx // of one call, see Apply
	rt      *scim.ResourceType
	doc     scim.Document
	members memberDelta
	names   map[string]folded // see namesOf
	left    int               // of maxWork; what the operations may still spend
}

func newWork(ctx context.Context, rt *scim.ResourceType, doc scim.Document) *work {
	return &work{ctx: ctx, rt: rt, doc: doc, left: maxWork}
}

// spend refuses a PATCH that reads too many values. Operations and values each have a bound, but their product needs
// one too.
func (w *work) spend(n int) error {
	if w.left -= n; w.left >= 0 {
		return nil
	}
	return scim.BadRequest(scim.CodePatchTooLarge, scim.TooMany, "the operations read more values than one PATCH may read, so nothing was changed; send the operations in several requests")
}

// weight is the work of reading a value.
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

// folded are the names of an object by their folded forms. An object never has two names that differ in case only.
type folded map[string]string

func foldedNames(object map[string]any) folded {
	out := make(folded, len(object))
	for name := range object {
		out[scim.FoldName(name)] = name
	}
	return out
}

// remove removes a member that no schema knows, in any case.
func (f folded) remove(object map[string]any, name string) {
	key := scim.FoldName(name)
	if old, ok := f[key]; ok {
		delete(object, old)
		delete(f, key)
	}
}

// set gives the member a value. Its name keeps its spelling.
func (f folded) set(object map[string]any, name string, value any) {
	key := scim.FoldName(name)
	if old, ok := f[key]; ok {
		name = old
	}
	object[name], f[key] = value, name
}
