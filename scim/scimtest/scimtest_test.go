package scimtest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestChecksSaysWhatIsWrongWithALine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"items: 1":                               "1: a line before the first check",
		"# a\nitems: x":                          "2: strconv",
		"# a\n= 200":                             "2: \"= 200\" comes before any request",
		"# a\nGET /x\n= ok":                      "3: strconv",
		"# a\nGET /x\n= 200\n$.id nonemty":       "4: \"$.id nonemty\" is not an assertion",
		"# a\nGET /x\n= 200\n$.id eq":            "4: \"$.id eq\" is not an assertion",
		"# a\nGET /x\n= 200\n$.id eq x":          "4: \"$.id eq x\" is not an assertion",
		"# a\nGET /x\n= 200\nid nonempty":        "4: \"id nonempty\" is not an assertion",
		"# a\nGET /x\n= 200\n$.a[?(@.b)] absent": "4: \"$.a[?(@.b)] absent\" is not an assertion",
	} {
		if _, err := parse("x", text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("parse(%q) = %v, want %s", text, err, want)
		}
	}
}

// TestEveryAssertionHoldsAndFails: each op is tried on a value for which it is true and on one for which it is false.
func TestEveryAssertionHoldsAndFails(t *testing.T) {
	t.Parallel()
	body, err := decodeJSON(`{"a":"Text","n":2,"t":true,"list":["x","y"],"rows":[{"type":"work","v":"1"},{"type":"home","v":"2"}],"none":[],"same":"Text"}`)
	if err != nil {
		t.Fatal(err)
	}
	got := answer{header: http.Header{"Location": {"http://x/1"}}, body: body}
	for _, c := range []struct{ holds, fails string }{
		{`$.a eq "Text"`, `$.a eq "text"`},
		{`$.n eq 2`, `$.n eq "2"`},
		{`$.a eq "$.same"`, `$.a eq "$.n"`},
		{`$.a eq "${v}"`, `$.n eq "${v}"`},
		{`$.a ne "x"`, `$.a ne "Text"`},
		{`$.a eqi "tEXT"`, `$.a eqi "x"`},
		{`$.a starts_with "Te"`, `$.a starts_with "x"`},
		{`$.a ends_with "xt"`, `$.a ends_with "x"`},
		{`$.list len 2`, `$.list len 1`},
		{`$.list contains "x"`, `$.list contains "z"`},
		{`$.list not_contains "z"`, `$.list not_contains "x"`},
		{`$.rows[*].v contains "2"`, `$.rows[*].v contains "3"`},
		{`$.rows[?(@.type=='home')].v eq "2"`, `$.rows[?(@.type=='other')].v eq "2"`},
		{`$.rows[1].v eq "2"`, `$.rows[2].v eq "2"`},
		{`$.n gte 2`, `$.n gte 3`},
		{`$.n type "integer"`, `$.a type "integer"`},
		{`$.t type "boolean"`, `$.n type "boolean"`},
		{`$.b absent`, `$.a absent`},
		{`$.none absent_or_empty`, `$.list absent_or_empty`},
		{`$.none present`, `$.b present`},
		{`$.a nonempty`, `$.none nonempty`},
		{`header:Location eq "http://x/1"`, `header:ETag present`},
	} {
		for text, want := range map[string]bool{c.holds: true, c.fails: false} {
			target, rest, _ := strings.Cut(text, " ")
			op, value, _ := strings.Cut(rest, " ")
			a := Assertion{Target: target, Op: op, Value: json.RawMessage(value)}
			if !a.valid() {
				t.Errorf("%s is not valid", text)
			}
			if problem := a.check(got, map[string]string{"v": "Text"}); (problem == "") != want {
				t.Errorf("%s = %q, want it to hold: %t", text, problem, want)
			}
		}
	}
}

// TestRunReportsAServerWithoutSCIM distinguishes a server that is not a service provider from a service provider
// that fails checks.
func TestRunReportsAServerWithoutSCIM(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"no JSON":       func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"a wrong token": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusUnauthorized) },
	} {
		server := httptest.NewServer(handler)
		err := Run(t.Context(), Config{Base: server.URL, HTTP: server.Client()}, func(Result) { t.Errorf("%s: a check ran", name) })
		if err == nil || !strings.Contains(err.Error(), "check that this is a SCIM endpoint") {
			t.Errorf("%s: Run() = %v", name, err)
		}
		server.Close()
	}
}
