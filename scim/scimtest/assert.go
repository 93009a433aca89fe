package scimtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// answer is the answer to a request.
type answer struct {
	status int
	header http.Header
	raw    string
	body   any // of the JSON; nil when there is no JSON
}

// check returns what is wrong with an answer, or "".
func (a Assertion) check(got answer, vars map[string]string) string {
	var want any
	if len(a.Value) > 0 {
		var err error
		if want, err = decodeJSON(string(a.Value)); err != nil {
			return fmt.Sprintf("%s %s %s: %v", a.Target, a.Op, a.Value, err)
		}
	}
	if text, ok := want.(string); ok {
		want = expand(text, vars)
		if found := find(text, got); strings.HasPrefix(text, "$.") && len(found) == 1 {
			want = found[0]
		}
	}
	found := find(a.Target, got)
	if holds(a, found, want) {
		return ""
	}
	return fmt.Sprintf("%s %s %s, got %v", a.Target, a.Op, a.Value, found)
}

func decodeJSON(text string) (value any, err error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}

// valid reports whether the assertion can hold and can fail. A target that nothing can match would be absent
// everywhere.
func (a Assertion) valid() bool {
	switch a.Op {
	case "absent", "absent_or_empty", "present", "nonempty":
		return validTarget(a.Target) && len(a.Value) == 0
	case "contains", "not_contains", "eq", "ne", "eqi", "starts_with", "ends_with", "len", "gte", "type":
		return validTarget(a.Target) && json.Valid(a.Value)
	}
	return false
}

func validTarget(target string) bool {
	if strings.HasPrefix(target, "header:") {
		return true
	}
	rest, ok := strings.CutPrefix(target, "$")
	for ok && rest != "" {
		m := pathStep.FindString(rest)
		ok, rest = m != "", rest[len(m):]
	}
	return ok
}

func holds(a Assertion, found []any, want any) bool {
	switch a.Op {
	case "absent":
		return len(found) == 0
	case "absent_or_empty":
		return len(found) == 0 || isNothing(found[0])
	case "present":
		return len(found) > 0
	case "nonempty":
		return len(found) > 0 && !isNothing(found[0])
	case "contains", "not_contains":
		return containsAny(a.Target, found, want) == (a.Op == "contains")
	}
	return len(found) == 1 && holdsOne(a.Op, found[0], want)
}

func holdsOne(op string, got, want any) bool {
	text := fmt.Sprint(got)
	switch op {
	case "eq", "ne":
		return (fmt.Sprintf("%T%v", got, got) == fmt.Sprintf("%T%v", want, want)) == (op == "eq")
	case "eqi":
		return strings.EqualFold(text, fmt.Sprint(want))
	case "starts_with":
		return strings.HasPrefix(text, fmt.Sprint(want))
	case "ends_with":
		return strings.HasSuffix(text, fmt.Sprint(want))
	case "len":
		list, ok := got.([]any)
		return ok && strconv.Itoa(len(list)) == fmt.Sprint(want)
	case "gte":
		one, noNumber := strconv.ParseFloat(text, 64)
		two, noLimit := strconv.ParseFloat(fmt.Sprint(want), 64)
		return noNumber == nil && noLimit == nil && one >= two
	case "type":
		_, isBool := got.(bool)
		return want == "integer" && isInteger(got) || want == "boolean" && isBool
	}
	return false
}

func isInteger(value any) bool {
	number, ok := value.(json.Number)
	return ok && !strings.ContainsAny(number.String(), ".eE")
}

func isNothing(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	}
	return false
}

// containsAny searches the array or text that the target names, or the values that a wildcard found.
func containsAny(target string, found []any, want any) bool {
	if len(found) == 1 && !strings.Contains(target, "[*]") {
		if list, ok := found[0].([]any); ok {
			found = list
		} else if text, ok := found[0].(string); ok {
			return strings.Contains(text, fmt.Sprint(want))
		}
	}
	return slices.ContainsFunc(found, func(v any) bool { return fmt.Sprint(v) == fmt.Sprint(want) })
}

var pathStep = regexp.MustCompile(`^(?:\.(\$?\w+)|\['([^']+)'\]|\[(\d+)\]|(\[\*\])|\[\?\(@\.(\w+)=='([^']*)'\)\])`)

// find returns the values that a target names.
func find(target string, got answer) []any {
	if name, ok := strings.CutPrefix(target, "header:"); ok {
		if len(got.header.Values(name)) == 0 {
			return nil
		}
		return []any{got.header.Get(name)}
	}
	found := []any{got.body}
	for rest := strings.TrimPrefix(target, "$"); rest != ""; {
		m := pathStep.FindStringSubmatch(rest)
		if m == nil {
			return nil
		}
		rest = rest[len(m[0]):]
		var next []any
		for _, value := range found {
			next = append(next, follow(m, value)...)
		}
		found = next
	}
	return found
}

func follow(m []string, value any) []any {
	if name := m[1] + m[2]; name != "" {
		object, _ := value.(map[string]any)
		if member, ok := object[name]; ok {
			return []any{member}
		}
		return nil
	}
	list, _ := value.([]any)
	if m[4] != "" {
		return list
	}
	if m[3] != "" {
		i, err := strconv.Atoi(m[3])
		if err != nil || i >= len(list) {
			return nil
		}
		return list[i : i+1]
	}
	var out []any
	for _, element := range list {
		if object, ok := element.(map[string]any); ok && object[m[5]] == m[6] {
			out = append(out, element)
		}
	}
	return out
}
