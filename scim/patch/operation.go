package patch

import (
	"strconv"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Op is the "op" of an operation (RFC 7644 section 3.5.2).
type Op string

// The operations of RFC 7644 section 3.5.2.
const (
	Add     Op = "add"
	Remove  Op = "remove"
	Replace Op = "replace"
)

// Operation is one member of "Operations".
type Operation struct {
	Op       Op
	Path     string // "" when absent
	Value    any    // as scim.Decode returns it
	HasValue bool   // whether "value" was given, also as null
}

// clears reports whether the operation unassigns its target. An add of nothing does not.
func (o Operation) clears() bool {
	return o.Op == Remove || o.Op == Replace && scim.IsEmpty(o.Value)
}

// MaxOperations bounds the operations of one request.
const MaxOperations = 1000

// Decode reads the operations of a PatchOp message. Names are compared without case. A malformed message is a
// *scim.Error with InvalidSyntax; the profile decides which messages are malformed.
func Decode(rt *scim.ResourceType, object map[string]any) ([]Operation, error) {
	p := rt.Profile
	if err := p.CheckMessage(object, scim.PatchOpURN); err != nil {
		return nil, err
	}
	list, ok := scim.Member(object, "Operations")
	if !ok {
		return nil, scim.BadRequest(scim.CodePatch, scim.InvalidSyntax, "a PATCH needs \"Operations\"")
	}
	elements, ok := list.([]any)
	if !ok || len(elements) == 0 {
		return nil, scim.BadRequest(scim.CodePatch, scim.InvalidSyntax, "\"Operations\" must be an array with at least one operation")
	}
	if len(elements) > MaxOperations {
		return nil, scim.BadRequest(scim.CodePatchTooLarge, scim.TooMany, "the PATCH has %d operations, more than the %d that are allowed; send several requests", len(elements), MaxOperations)
	}
	ops := make([]Operation, len(elements))
	for i, element := range elements {
		op, err := decodeOne(p, element)
		if err != nil {
			err.Detail = "Operations[" + strconv.Itoa(i) + "]: " + err.Detail
			return nil, err
		}
		ops[i] = op
	}
	return ops, nil
}

func decodeOne(p scim.Profile, element any) (Operation, *scim.Error) {
	object, ok := element.(map[string]any)
	if !ok {
		return Operation{}, scim.BadRequest(scim.CodePatch, scim.InvalidSyntax, "an operation must be an object")
	}
	name, _ := scim.Member(object, "op")
	text, _ := name.(string)
	if p.Takes(scim.AnyOpCase) {
		text = strings.ToLower(text)
	}
	op := Operation{Op: Op(text)}
	switch op.Op {
	case Add, Remove, Replace:
	default:
		return Operation{}, scim.BadRequest(scim.CodePatch, scim.InvalidSyntax, "\"op\" must be add, remove or replace")
	}
	if path, ok := scim.Member(object, "path"); ok && path != nil {
		if op.Path, ok = path.(string); !ok {
			return Operation{}, scim.BadRequest(scim.CodePath, scim.InvalidPath, "\"path\" must be a string")
		}
		op.Path = strings.TrimSpace(op.Path)
	}
	op.Value, op.HasValue = scim.Member(object, "value")
	if op.Path == "" && op.Op != Remove && !p.Takes(scim.PathlessPatch) {
		return Operation{}, scim.BadRequest(scim.CodePatch, scim.InvalidSyntax, "%s needs a \"path\"", op.Op)
	}
	if op.Op == Remove && op.HasValue && !p.Takes(scim.RemoveListed) {
		return Operation{}, scim.BadRequest(scim.CodePatch, scim.InvalidSyntax, "remove must have no \"value\"; select what to remove by a filter in the path")
	}
	return op, nil
}
