package scimtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// maxAnswer bounds the body of an answer, in bytes.
const maxAnswer = 32 << 20

// Replayer sends the requests of sequences to one SCIM endpoint.
type Replayer struct {
	Base string // URL of the service root, without a trailing slash
	HTTP *http.Client
	// Made gets the location of every resource that an answer reports as created; nil when nobody needs it.
	Made func(location string)
}

// Replay sends the requests of a sequence in order and returns what was not as expected. vars are the variables at the
// start; Replay adds those that steps save. An error is an error of the network.
func (p Replayer) Replay(ctx context.Context, s Sequence, vars map[string]string) (failures []string, err error) {
	for i, step := range s.Steps {
		got, err := p.exchange(ctx, step.Request, vars)
		if err != nil {
			return failures, fmt.Errorf("step %d: %w", i+1, err)
		}
		where := fmt.Sprintf("step %d, %s %s?%s", i+1, step.Request.Method, step.Request.Path, step.Request.Query)
		for _, problem := range step.judge(got, vars) {
			failures = append(failures, fmt.Sprintf("%s: %s: answer %d %s", where, problem, got.status, got.raw))
		}
	}
	return failures, nil
}

// judge returns what is wrong with an answer, and saves what the step wants to save.
func (s Step) judge(got answer, vars map[string]string) (problems []string) {
	if !slices.Contains(s.Expect.Status, got.status) {
		problems = append(problems, fmt.Sprintf("status %d, want %v", got.status, s.Expect.Status))
	}
	if media := got.header.Get("Content-Type"); got.raw != "" && media != scim.MediaType {
		problems = append(problems, fmt.Sprintf("Content-Type %q", media))
	}
	if got.raw != "" && got.body == nil {
		problems = append(problems, "the body is not JSON")
	}
	if got.status == http.StatusNoContent {
		return problems
	}
	for _, a := range s.Expect.Assert {
		if problem := a.check(got, vars); problem != "" {
			problems = append(problems, problem)
		}
	}
	if got.status >= http.StatusBadRequest {
		return problems // nothing to save
	}
	for name, target := range s.Save {
		if found := find(target, got); len(found) == 1 {
			vars[name] = fmt.Sprint(found[0])
		} else {
			problems = append(problems, "nothing to save as "+name)
		}
	}
	return problems
}

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

func expand(text string, vars map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(v string) string { return vars[v[2:len(v)-1]] })
}

func (p Replayer) exchange(ctx context.Context, r Request, vars map[string]string) (answer, error) {
	target := p.Base + expand(r.Path, vars)
	if query := expand(r.Query, vars); query != "" {
		if r.Readable {
			query = encodeQuery(query)
		}
		target += "?" + query
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, target, strings.NewReader(expand(string(r.Body), vars)))
	if err != nil {
		return answer{}, err
	}
	for name, value := range r.Headers {
		req.Header.Set(name, expand(value, vars))
	}
	res, err := p.HTTP.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close() //nolint:errcheck // it was read, nothing can be lost
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return answer{}, fmt.Errorf("read answer: %w", err)
	}
	got := answer{status: res.StatusCode, header: res.Header, raw: string(data)}
	got.body, _ = decodeJSON(got.raw) // a body that is not JSON is reported by judge
	if p.Made != nil {
		for _, location := range got.made(r) {
			p.Made(location)
		}
	}
	return got, nil
}

// made are the locations of the resources that a POST or a bulk request created.
func (a answer) made(r Request) []string {
	if r.Method == http.MethodPost && a.status == http.StatusCreated {
		return []string{a.header.Get("Location")}
	}
	var out []string
	var bulk struct {
		Operations []struct{ Method, Status, Location string }
	}
	if json.Unmarshal([]byte(a.raw), &bulk) == nil {
		for _, op := range bulk.Operations {
			if op.Method == http.MethodPost && op.Status == "201" {
				out = append(out, op.Location)
			}
		}
	}
	return out
}

// encodeQuery encodes the values of a readable query.
func encodeQuery(query string) string {
	parts := strings.Split(query, "&")
	for i, part := range parts {
		if name, value, ok := strings.Cut(part, "="); ok {
			parts[i] = name + "=" + url.QueryEscape(value)
		}
	}
	return strings.Join(parts, "&")
}
