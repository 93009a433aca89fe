package patch

import (
	"strconv"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Op is what an operation does (RFC 7644 section 3.5.2).
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
	Value    any    // as scim.Decode makes it
	HasValue bool   // whether "value" was given, be it null
}

// MaxOperations bounds the operations of one request.
const MaxOperations = 1000

// Decode reads the operations of a PatchOp message. Names and the op are
// compared without case: Entra writes "Add". A message without "schemas" is
// taken (Okta leaves it out at times); one that is otherwise malformed is a
// *scim.Error with InvalidSyntax.
func Decode(object map[string]any) ([]Operation, error) {
	list, ok := scim.Member(object, "Operations")
	if !ok {
		return nil, scim.BadRequest(scim.InvalidSyntax, "a PATCH needs \"Operations\"")
	}
	elements, ok := list.([]any)
	if !ok || len(elements) == 0 {
		return nil, scim.BadRequest(scim.InvalidSyntax, "\"Operations\" must be an array with at least one operation")
	}
	if len(elements) > MaxOperations {
		return nil, scim.BadRequest(scim.TooMany, "%d operations are more than the %d that one PATCH may hold; send several", len(elements), MaxOperations)
	}
	ops := make([]Operation, len(elements))
	for i, element := range elements {
		op, err := decodeOne(element)
		if err != nil {
			err.Detail = "Operations[" + strconv.Itoa(i) + "]: " + err.Detail
			return nil, err
		}
		ops[i] = op
	}
	return ops, nil
}

func decodeOne(element any) (Operation, *scim.Error) {
	object, ok := element.(map[string]any)
	if !ok {
		return Operation{}, scim.BadRequest(scim.InvalidSyntax, "an operation must be an object")
	}
	name, _ := scim.Member(object, "op")
	text, _ := name.(string)
	op := Operation{Op: Op(strings.ToLower(text))}
	switch op.Op {
	case Add, Remove, Replace:
	default:
		return Operation{}, scim.BadRequest(scim.InvalidSyntax, "\"op\" must be add, remove or replace")
	}
	if path, ok := scim.Member(object, "path"); ok && path != nil {
		if op.Path, ok = path.(string); !ok {
			return Operation{}, scim.BadRequest(scim.InvalidPath, "\"path\" must be a string")
		}
		op.Path = strings.TrimSpace(op.Path)
	}
	op.Value, op.HasValue = scim.Member(object, "value")
	return op, nil
}
