package scim

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
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

// DecodeSearch reads a SearchRequest. A member of the wrong type is a 400 *Error with InvalidSyntax; the profile
// decides which types are accepted.
func DecodeSearch(p Profile, object map[string]any) (SearchRequest, error) {
	var s SearchRequest
	if err := p.CheckMessage(object, SearchRequestURN); err != nil {
		return s, err
	}
	var err error
	if s.Attributes, err = p.namesOf(object, "attributes"); err != nil {
		return s, err
	}
	if s.Excluded, err = p.namesOf(object, "excludedAttributes"); err != nil {
		return s, err
	}
	if s.StartIndex, err = p.Integer(object, "startIndex"); err != nil {
		return s, err
	}
	if s.Count, err = p.Integer(object, "count"); err != nil {
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

// Text is a member of a message as a string. given is false when the member is absent or null. Another value than a
// string is a 400 *Error with InvalidSyntax.
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

// namesOf are the names of attributes in a member of a message, or nil.
func (p Profile) namesOf(object map[string]any, name string) ([]string, error) {
	value, _ := Member(object, name)
	if value == nil {
		return nil, nil
	}
	joined := p.Takes(AttributesText)
	if text, isText := value.(string); isText && joined {
		return Names(text), nil
	}
	list, ok := value.([]any)
	var out []string
	for _, element := range list {
		text, isText := element.(string)
		ok = ok && isText
		switch {
		case !joined:
			out = append(out, text)
		case len(out) <= maxNames: // longer lists are refused
			out = append(out, Names(text)...)
		}
	}
	if !ok {
		return nil, BadRequest(CodeQuery, InvalidSyntax, "%s must be an array of strings", name)
	}
	return out, nil
}

// Names splits a text at its commas and drops blank names; it returns nil without names. Of a text with more names than
// a request may have, it returns one name more than that.
func Names(text string) []string {
	var out []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
		if len(out) > maxNames {
			break
		}
	}
	return out
}

// Integer is a member of a message as a number, or nil when it is absent. A number that is not whole is a 400 *Error
// with InvalidSyntax. A number beyond 32 bits becomes the nearest that fits.
func Integer(object map[string]any, name string) (*int, error) {
	value, _ := Member(object, name)
	if value == nil {
		return nil, nil
	}
	number, _ := value.(json.Number)
	i, ok := WholeNumber(number.String())
	if !ok {
		return nil, BadRequest(CodeQuery, InvalidSyntax, "%s must be a whole number", name)
	}
	return &i, nil
}

// Integer is the same for a message of a client that may send the number as text, when the profile accepts that.
func (p Profile) Integer(object map[string]any, name string) (*int, error) {
	value, _ := Member(object, name)
	text, isText := value.(string)
	if !isText || !p.Takes(NumberText) {
		return Integer(object, name)
	}
	if text == "" {
		return nil, nil
	}
	i, ok := WholeNumber(text)
	if !ok {
		return nil, BadRequest(CodeQuery, InvalidSyntax, "%s must be a whole number", name)
	}
	return &i, nil
}

// WholeNumber reads a number as JSON writes it (RFC 8259 section 6). It also accepts a fraction of zero. A number beyond
// 32 bits becomes the greatest or the smallest number of 32 bits.
func WholeNumber(text string) (int, bool) {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || digits[0] < '0' || digits[0] > '9' || !json.Valid([]byte(text)) {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n != math.Trunc(n) {
		return 0, false
	}
	return int(min(max(n, math.MinInt32), math.MaxInt32)), true
}
