package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// MaxDepth bounds the nesting of a body. The deepest SCIM message, a bulk PATCH with a complex value, needs eight
	// levels.
	MaxDepth = 32
	// MaxBodyValues bounds the JSON values of a body. Each object, array, string, number, boolean and null counts. A
	// value of a few bytes takes hundreds of bytes of memory. A list of members that fills the largest body has fewer
	// values.
	MaxBodyValues = 100_000
)

// ReservedName is a name that no member of a body may have. Stored documents use it for members that no client sent.
const ReservedName = "@"

// Decode reads one JSON object strictly. It refuses a second value after the object, duplicate names (compared without
// case, RFC 7643 section 2.1), ReservedName, invalid UTF-8, a lone surrogate, NUL (which PostgreSQL cannot store) and
// more than 32 levels. Values are string, bool, json.Number, nil, map[string]any and []any. A refusal is a 400 *Error
// with InvalidSyntax; more than MaxBodyValues values are a 413.
func Decode(body []byte) (map[string]any, error) {
	return decode(body, decoder{levels: MaxDepth, values: MaxBodyValues})
}

// DecodeStored is Decode for a text of Encode, with a given number of levels. Of two members whose names differ in case
// only, it keeps the last.
func DecodeStored(text []byte, levels int) (map[string]any, error) {
	return decode(text, decoder{levels: levels, values: math.MaxInt, trusted: true})
}

func decode(body []byte, d decoder) (map[string]any, error) {
	pooled, _ := decoders.Get().(*jsontext.Decoder)
	defer func() {
		pooled.Reset(nothing) // a body may hold secrets
		decoders.Put(pooled)
	}()
	// addFolded finds duplicate names, without regard to case.
	pooled.Reset(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
	d.Decoder = pooled
	value, err := d.value(0)
	if err != nil {
		return nil, syntaxError(err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, BadRequest(CodeBody, InvalidSyntax, "the body must be a JSON object")
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, BadRequest(CodeBody, InvalidSyntax, "the body must end after one JSON object")
	}
	return object, nil
}

// syntaxError makes the client's error of a decoder's error. It names only the kind of fault, because the library's
// text may repeat the body.
func syntaxError(err error) error {
	if scimErr := (*Error)(nil); errors.As(err, &scimErr) {
		return scimErr
	}
	detail := "the body is not valid JSON"
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		detail = "the body ends before the JSON does"
	case strings.Contains(err.Error(), "UTF-8"), strings.Contains(err.Error(), "surrogate"):
		detail = "the body contains text that is not valid Unicode"
	}
	return &Error{Code: CodeBody, Status: http.StatusBadRequest, Type: InvalidSyntax, Detail: detail, Cause: err}
}

// decoders are reused, because each holds a stack of names.
var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// nothing is an empty input for a decoder that is not in use.
var nothing = strings.NewReader("")

type decoder struct {
	*jsontext.Decoder
	levels  int
	values  int // values that may still come
	trusted bool
}

func (d *decoder) value(depth int) (any, error) {
	if depth > d.levels {
		return nil, BadRequest(CodeBody, InvalidSyntax, "the body nests deeper than %d levels; send flatter values", d.levels)
	}
	if d.values--; d.values < 0 {
		return nil, &Error{
			Code: CodeBodyValues, Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("the body has more than %d JSON values, so nothing was done; send fewer values at once", MaxBodyValues),
		}
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
		return "", BadRequest(CodeBody, InvalidSyntax, "the body contains a NUL character, which cannot be stored; remove it")
	}
	return text, nil
}

func (d *decoder) object(depth int) (any, error) {
	object := make(map[string]any)
	var folded map[string]bool
	for d.PeekKind() != '}' {
		name, err := d.name()
		if err != nil {
			return nil, err
		}
		if !d.trusted {
			if name == ReservedName {
				return nil, BadRequest(CodeBody, InvalidSyntax, "the body has a member named %q, which is not the name of an attribute; leave it out", name)
			}
			if folded, err = addFolded(folded, object, name); err != nil {
				return nil, err
			}
		}
		if object[name], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return object, err
}

// name reads the name of a member. Those of common attributes cost no allocation.
func (d *decoder) name() (string, error) {
	raw, err := d.ReadValue()
	if err != nil {
		return "", err
	}
	if len(raw) > 2 {
		if known, ok := commonNames[string(raw[1:len(raw)-1])]; ok {
			return known, nil
		}
	}
	var name []byte
	if name, err = jsontext.AppendUnquote(nil, raw); err != nil {
		return "", err
	}
	return checkedString(string(name))
}

// commonNames are the attribute names that most bodies have.
var commonNames = func() map[string]string {
	out := map[string]string{}
	for _, s := range []*Schema{UserSchema(), EnterpriseUserSchema(), GroupSchema()} {
		out[s.ID] = s.ID
		for _, a := range s.Attributes {
			out[a.Name] = a.Name
			for _, sub := range a.SubAttributes {
				out[sub.Name] = sub.Name
			}
		}
	}
	return out
}()

// fewMembers is the number of members up to which names are compared one by one.
const fewMembers = 8

// addFolded refuses a name that another member of the object has in any case. folded are the names of an object with
// many members.
func addFolded(folded map[string]bool, object map[string]any, name string) (map[string]bool, error) {
	if len(object) < fewMembers {
		for other := range object {
			if strings.EqualFold(name, other) {
				return nil, duplicateMember(name)
			}
		}
		return nil, nil
	}
	if folded == nil {
		folded = make(map[string]bool, 2*fewMembers)
		for other := range object {
			folded[FoldName(other)] = true
		}
	}
	key := FoldName(name)
	if folded[key] {
		return nil, duplicateMember(name)
	}
	folded[key] = true
	return folded, nil
}

// FoldName is the form in which names of attributes are compared: equal for names that differ in case only (RFC 7643
// section 2.1).
func FoldName(name string) string { return strings.ToLower(strings.ToUpper(name)) }

func duplicateMember(name string) error {
	return BadRequest(CodeBody, InvalidSyntax, "%q is given twice (names are compared without case); send it once", clip(name))
}

func (d *decoder) array(depth int) (any, error) {
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
