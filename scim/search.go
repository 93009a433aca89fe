package scim

import (
	"encoding/json"
	"math"
	"strconv"
)

// SearchRequest is the body of a POST to /.search (RFC 7644 section 3.4.3, RFC 9865 section 3).
type SearchRequest struct {
	Attributes []string // nil when absent
	Excluded   []string // excludedAttributes; nil when absent
	Filter     string   // "" for none
	SortBy     string   // "" for none
	SortOrder  string   // "" for none
	Cursor     *string  // nil when absent
	StartIndex *int     // nil when absent
	Count      *int     // nil when absent
}

// DecodeSearch reads a SearchRequest. A member of the wrong type is a 400 *Error with
// InvalidSyntax.
func DecodeSearch(p Profile, object map[string]any) (SearchRequest, error) {
	var s SearchRequest
	if err := p.CheckMessage(object, SearchRequestURN); err != nil {
		return s, err
	}
	var err error
	if s.Attributes, err = textsOf(object, "attributes"); err != nil {
		return s, err
	}
	if s.Excluded, err = textsOf(object, "excludedAttributes"); err != nil {
		return s, err
	}
	if s.StartIndex, err = Integer(object, "startIndex"); err != nil {
		return s, err
	}
	if s.Count, err = Integer(object, "count"); err != nil {
		return s, err
	}
	for name, to := range map[string]*string{"filter": &s.Filter, "sortBy": &s.SortBy, "sortOrder": &s.SortOrder} {
		if *to, _, err = Text(object, name); err != nil {
			return s, err
		}
	}
	cursor, given, err := Text(object, "cursor")
	if given {
		s.Cursor = &cursor
	}
	return s, err
}

// Text is a member of a message as a string; given is false when it is absent or null. One that
// is no string is a 400 *Error with InvalidSyntax.
func Text(object map[string]any, name string) (text string, given bool, err error) {
	value, _ := Member(object, name)
	if value == nil {
		return "", false, nil
	}
	text, given = value.(string)
	if !given {
		return "", false, BadRequest(CodeQuery, InvalidSyntax, "%s must be a string", name)
	}
	return text, true, nil
}

func textsOf(object map[string]any, name string) ([]string, error) {
	value, _ := Member(object, name)
	if value == nil {
		return nil, nil
	}
	list, ok := value.([]any)
	out := make([]string, 0, len(list))
	for _, element := range list {
		text, isText := element.(string)
		ok = ok && isText
		out = append(out, text)
	}
	if !ok {
		return nil, BadRequest(CodeQuery, InvalidSyntax, "%s must be an array of strings", name)
	}
	return out, nil
}

// Integer is a member of a message as a number, nil when it is absent. One that is no whole
// number is a 400 *Error with InvalidSyntax; one out of 32 bits is the nearest that is in them.
func Integer(object map[string]any, name string) (*int, error) {
	value, _ := Member(object, name)
	if value == nil {
		return nil, nil
	}
	number, _ := value.(json.Number)
	n, err := strconv.ParseFloat(number.String(), 64)
	if err != nil || n != math.Trunc(n) {
		return nil, BadRequest(CodeQuery, InvalidSyntax, "%s must be a whole number", name)
	}
	i := int(min(max(n, math.MinInt32), math.MaxInt32))
	return &i, nil
}
