package scim

import (
	"encoding/json"
	"math"
	"strconv"
)

// SearchRequest is the body of a POST to /.search (RFC 7644 section 3.4.3). sortBy and
// sortOrder are ignored as in a URL: ServiceProviderConfig says that there is no sort.
type SearchRequest struct {
	Attributes []string // nil when absent
	Excluded   []string // excludedAttributes; nil when absent
	Filter     string   // "" for none
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
	if s.StartIndex, err = integerOf(object, "startIndex"); err != nil {
		return s, err
	}
	if s.Count, err = integerOf(object, "count"); err != nil {
		return s, err
	}
	value, _ := Member(object, "filter")
	text, ok := value.(string)
	if value != nil && !ok {
		return s, BadRequest(InvalidSyntax, "filter must be a string")
	}
	s.Filter = text
	return s, nil
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
		return nil, BadRequest(InvalidSyntax, "%s must be an array of strings", name)
	}
	return out, nil
}

func integerOf(object map[string]any, name string) (*int, error) {
	value, _ := Member(object, name)
	if value == nil {
		return nil, nil
	}
	number, _ := value.(json.Number)
	n, err := strconv.ParseFloat(number.String(), 64)
	if err != nil || n != math.Trunc(n) {
		return nil, BadRequest(InvalidSyntax, "%s must be a whole number", name)
	}
	i := int(min(max(n, math.MinInt32), math.MaxInt32))
	return &i, nil
}
