package scim

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Encode writes a value as JSON, with its object members in a stable order and without
// escaping characters for HTML. Documents and answers are written here and not by
// encoding/json, whose reflection was half of all allocations of a read.
func Encode(value any) ([]byte, error) {
	return appendValue(make([]byte, 0, 1024), value)
}

func appendValue(b []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case string:
		return jsontext.AppendQuote(b, v)
	case map[string]any:
		return appendObject(b, v)
	case []any:
		return appendArray(b, v)
	case []string:
		return appendArray(b, v)
	case []map[string]any:
		return appendArray(b, v)
	default: // numbers as they were written, and what is no part of a document
		data, err := json.Marshal(v)
		return append(b, data...), err
	}
}

func appendObject(b []byte, object map[string]any) (_ []byte, err error) {
	var few [16]string // keeps the names of most objects off the heap
	names := few[:0]
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = jsontext.AppendQuote(b, name); err != nil {
			return nil, err
		}
		b = append(b, ':')
		if b, err = appendValue(b, object[name]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendArray[T any](b []byte, array []T) (_ []byte, err error) {
	b = append(b, '[')
	for i, element := range array {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendValue(b, element); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}
