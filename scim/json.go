package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth bounds how deep a body may nest; the deepest SCIM message, a bulk
// PATCH with a complex value, needs eight levels.
const MaxDepth = 32

// Decode reads one JSON object strictly: no second value behind it, no
// duplicate names (names are compared without case, RFC 7643 section 2.1), no
// invalid UTF-8, no lone surrogate and no NUL (which PostgreSQL cannot store),
// at most 32 levels. Values are string, bool, json.Number, nil,
// map[string]any and []any. Every refusal is a 400 *Error with InvalidSyntax.
func Decode(body []byte) (map[string]any, error) {
	return DecodeDepth(body, MaxDepth)
}

// DecodeDepth is Decode with a bound of its own on the levels.
func DecodeDepth(body []byte, levels int) (map[string]any, error) {
	// Names that are given twice are found without regard to case, see addFolded.
	d := decoder{Decoder: jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true)), levels: levels}
	value, err := d.value(0)
	if err != nil {
		return nil, syntaxError(err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, BadRequest(InvalidSyntax, "the body must be a JSON object")
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, BadRequest(InvalidSyntax, "the body must end after one JSON object")
	}
	return object, nil
}

// syntaxError words a decoder's error for the client: the library's text may
// repeat the body, so only the kind of fault is told.
func syntaxError(err error) error {
	if scimErr := (*Error)(nil); errors.As(err, &scimErr) {
		return scimErr
	}
	detail := "the body is not valid JSON"
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		detail = "the body ends before the JSON does"
	case strings.Contains(err.Error(), "UTF-8"), strings.Contains(err.Error(), "surrogate"):
		detail = "the body holds text that is not valid Unicode"
	}
	return &Error{Status: 400, Type: InvalidSyntax, Detail: detail, Cause: err}
}

type decoder struct {
	*jsontext.Decoder
	levels int
}

func (d decoder) value(depth int) (any, error) {
	if depth > d.levels {
		return nil, BadRequest(InvalidSyntax, "the body nests deeper than %d levels", d.levels)
	}
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '{':
		return d.object(depth)
	case '[':
		return d.array(depth)
	case '"':
		return checkedString(token.String())
	case '0':
		return json.Number(token.String()), nil
	case 't', 'f':
		return token.Bool(), nil
	default:
		return nil, nil
	}
}

func checkedString(text string) (string, error) {
	if strings.ContainsRune(text, 0) {
		return "", BadRequest(InvalidSyntax, "the body holds a NUL character, which cannot be stored")
	}
	return text, nil
}

func (d decoder) object(depth int) (any, error) {
	object := make(map[string]any)
	var folded map[string]bool
	for d.PeekKind() != '}' {
		token, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		name, err := checkedString(token.String())
		if err != nil {
			return nil, err
		}
		if folded, err = addFolded(folded, object, name); err != nil {
			return nil, err
		}
		if object[name], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return object, err
}

// fewMembers is the size up to which an object's names are compared one by one.
const fewMembers = 8

// addFolded refuses a name that equals another one of its object but for case. folded
// are the names of an object with many members.
func addFolded(folded map[string]bool, object map[string]any, name string) (map[string]bool, error) {
	if len(object) < fewMembers {
		for other := range object {
			if strings.EqualFold(name, other) {
				return nil, givenTwice(name)
			}
		}
		return nil, nil
	}
	if folded == nil {
		folded = make(map[string]bool, 2*fewMembers)
		for other := range object {
			folded[fold(other)] = true
		}
	}
	key := fold(name)
	if folded[key] {
		return nil, givenTwice(name)
	}
	folded[key] = true
	return folded, nil
}

// fold is one form of all names that strings.EqualFold takes for one.
func fold(name string) string { return strings.ToLower(strings.ToUpper(name)) }

func givenTwice(name string) error {
	return BadRequest(InvalidSyntax, "%q is given twice, which differs at most in case", clip(name))
}

func (d decoder) array(depth int) (any, error) {
	array := []any{}
	for d.PeekKind() != ']' {
		value, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := d.ReadToken()
	return array, err
}
