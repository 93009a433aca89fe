package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// The files of testdata/idp-traffic are recorded request sequences of identity
// providers with assertions; each file's "conventions" explain the format.

var update = flag.Bool("update", false, "write the pages that tests generate")

type traffic struct {
	IDP       string     `json:"idp"`
	Sequences []sequence `json:"sequences"`
}

type sequence struct {
	Name  string `json:"name"`
	Steps []step `json:"steps"`
}

type step struct {
	Request struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Query   string            `json:"query"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"request"`
	Expect struct {
		Status []int       `json:"status"`
		Assert []assertion `json:"assert"`
	} `json:"expect"`
	Save map[string]string `json:"save"`
}

type assertion struct {
	Target string          `json:"target"`
	Op     string          `json:"op"`
	Value  json.RawMessage `json:"value"`
}

// notYet are the sequences that do not concern users and groups of a realm, with
// the reason. A sequence listed here that passes is a failure of this test.
func notYet() map[string]string {
	return map[string]string{
		"entra/oauth-client-credentials":           "the bridge has no token endpoint: tokens are static until issue 8",
		"entra/oauth-workload-identity-federation": "the bridge has no token endpoint: tokens are static until issue 8",
	}
}

// TestIdPTraffic replays every recorded sequence against a realm of its own.
func TestIdPTraffic(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/idp-traffic/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded traffic: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		for _, s := range readTraffic(t, file).Sequences {
			id := name + "/" + s.Name
			t.Run(id, func(t *testing.T) {
				t.Parallel()
				reason, later := notYet()[id]
				failures := replay(t, s)
				switch {
				case later && len(failures) == 0:
					t.Errorf("passes, though it is listed as not yet: %s", reason)
				case later:
					t.Logf("not yet: %s", reason)
				default:
					for _, f := range failures {
						t.Error(f)
					}
				}
			})
		}
	}
}

// TestIdPTrafficIsListed keeps the page of sequences and results; go test -update
// writes it. That a result is true is what TestIdPTraffic is for.
func TestIdPTrafficIsListed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/idp-traffic/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	page.WriteString("# Recorded requests of identity providers\n\nReplayed against a real Keycloak by every run of `make test`.\n\n| sequence | result |\n| --- | --- |\n")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		for _, s := range readTraffic(t, file).Sequences {
			result := "pass"
			if reason, later := notYet()[name+"/"+s.Name]; later {
				result = "not yet: " + reason
			}
			fmt.Fprintf(&page, "| %s/%s | %s |\n", name, s.Name, result)
		}
	}
	const path = "../../docs/reference/idp-traffic.md"
	if *update {
		if err := os.WriteFile(path, []byte(page.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if readPage(t, path) != page.String() {
		t.Error("docs/reference/idp-traffic.md is not what the sequences say; run go test -update")
	}
}

func readTraffic(t *testing.T, file string) traffic {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out traffic
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// replay runs a sequence and returns what was not as expected.
func replay(t *testing.T, s sequence) (failures []string) {
	t.Helper()
	b := newBridge(t, func(c *config.Config) {
		for _, realm := range c.Realms {
			realm.Tenants[0].BareToken = true // Okta's header mode
		}
	})
	vars := map[string]string{"token": b.Token, "base": b.Base, "basic": "dXNlcjpwYXNzd29yZA=="}
	for i, st := range s.Steps {
		where := fmt.Sprintf("step %d, %s %s?%s", i+1, st.Request.Method, st.Request.Path, st.Request.Query)
		status, header, body, raw := exchangeStep(t, b.Base, st, vars)
		if !slices.Contains(st.Expect.Status, status) {
			failures = append(failures, fmt.Sprintf("%s: status %d, want %v: %s", where, status, st.Expect.Status, raw))
		}
		if media := header.Get("Content-Type"); raw != "" && media != "application/scim+json" {
			failures = append(failures, fmt.Sprintf("%s: Content-Type %q", where, media))
		}
		if status == http.StatusNoContent {
			continue
		}
		for _, a := range st.Expect.Assert {
			if problem := check(a, header, body, vars); problem != "" {
				failures = append(failures, fmt.Sprintf("%s: %s: %s", where, problem, raw))
			}
		}
		if status >= http.StatusBadRequest {
			continue // expected, and nothing to save
		}
		for name, target := range st.Save {
			if found := find(target, body); len(found) == 1 {
				vars[name] = fmt.Sprint(found[0])
			} else {
				failures = append(failures, fmt.Sprintf("%s: nothing to save as %s: %s", where, name, raw))
			}
		}
	}
	return failures
}

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

func expand(text string, vars map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(v string) string { return vars[v[2:len(v)-1]] })
}

func exchangeStep(t *testing.T, base string, st step, vars map[string]string) (int, http.Header, any, string) {
	t.Helper()
	target := base + expand(st.Request.Path, vars)
	if st.Request.Query != "" {
		target += "?" + expand(st.Request.Query, vars)
	}
	req, err := http.NewRequestWithContext(t.Context(), st.Request.Method, target, strings.NewReader(expand(string(st.Request.Body), vars)))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range st.Request.Headers {
		req.Header.Set(name, expand(value, vars))
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var body any
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	if err := decoder.Decode(&body); err != nil && len(data) > 0 {
		t.Errorf("the body is no JSON: %s", data)
	}
	return res.StatusCode, res.Header, body, string(data)
}

// check returns what is wrong with an answer, "" for nothing.
func check(a assertion, header http.Header, body any, vars map[string]string) string {
	var want any
	if len(a.Value) > 0 {
		decoder := json.NewDecoder(strings.NewReader(expand(string(a.Value), vars)))
		decoder.UseNumber()
		if err := decoder.Decode(&want); err != nil {
			return err.Error()
		}
	}
	var found []any
	if name, ok := strings.CutPrefix(a.Target, "header:"); ok {
		found = []any{header.Get(name)}
	} else {
		found = find(a.Target, body)
	}
	if holds(a, found, want) {
		return ""
	}
	return fmt.Sprintf("%s %s %s, got %v", a.Target, a.Op, a.Value, found)
}

func holds(a assertion, found []any, want any) bool {
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
	if len(found) != 1 {
		return false
	}
	got, text := found[0], fmt.Sprint(found[0])
	switch a.Op {
	case "eq":
		return fmt.Sprintf("%T%v", got, got) == fmt.Sprintf("%T%v", want, want)
	case "ne":
		return fmt.Sprintf("%T%v", got, got) != fmt.Sprintf("%T%v", want, want)
	case "eqi":
		return strings.EqualFold(text, fmt.Sprint(want))
	case "starts_with":
		return strings.HasPrefix(text, fmt.Sprint(want))
	case "ends_with":
		return strings.HasSuffix(text, fmt.Sprint(want))
	case "len":
		list, ok := got.([]any)
		return ok && fmt.Sprint(len(list)) == fmt.Sprint(want)
	case "gte":
		one, err1 := strconv.ParseFloat(text, 64)
		two, err2 := strconv.ParseFloat(fmt.Sprint(want), 64)
		return err1 == nil && err2 == nil && one >= two
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

// containsAny looks into an array that the target names, or at what a wildcard found.
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

var pathStep = regexp.MustCompile(`^(?:\.(\w+)|\['([^']+)'\]|\[(\d+)\]|(\[\*\])|\[\?\(@\.(\w+)=='([^']*)'\)\])`)

// find evaluates the part of JSONPath that the files use.
func find(target string, body any) []any {
	found := []any{body}
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
