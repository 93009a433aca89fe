package scimtest

import (
	"bufio"
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// The checks are text files, one for each section of the checklist:
//
//	# What must hold
//	items: 47 48            of the checklist
//	profile: strict         only for a service provider that says so (optional)
//	needs: etag             only where ServiceProviderConfig has it (optional; "!" negates)
//	POST /Users?count=1     a request; the values of its query need no encoding
//	> If-Match: ${version}  a header
//	{"userName":"${name}"}  its body, on one line
//	= 201 200               the status
//	$.id nonempty           assertions
//	save id $.id            a variable for later steps
//
// These variables are set from the start: name, which is unique for the check, the URNs User, Group, Enterprise,
// PatchOp, Search, BulkRequest and BulkResponse, and token.

//go:embed checks/*.txt
var checkFiles embed.FS

// Check is one behaviour that a service provider must show.
type Check struct {
	Name    string // what must hold
	Section string // the name of its file
	Items   []int  // of the checklist, see Items
	Profile string // "" for every profile, else "tolerant" or "strict"
	Needs   string // a feature of ServiceProviderConfig, with "!" in front when it must be absent; "" for any
	Sequence
}

// Checks reads all checks, in the order of files and lines. An error means that a file of this package is wrong.
func Checks() ([]Check, error) {
	files, err := checkFiles.ReadDir("checks")
	if err != nil {
		return nil, err
	}
	var all []Check
	for _, file := range files {
		data, err := checkFiles.ReadFile(path.Join("checks", file.Name()))
		if err != nil {
			return nil, err
		}
		checks, err := parse(strings.TrimSuffix(file.Name(), ".txt"), string(data))
		if err != nil {
			return nil, fmt.Errorf("checks/%s:%w", file.Name(), err)
		}
		all = append(all, checks...)
	}
	return all, nil
}

// parse reads the checks of one file.
func parse(section, text string) ([]Check, error) {
	var checks []Check
	lines := bufio.NewScanner(strings.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if name, ok := strings.CutPrefix(line, "# "); ok {
			checks = append(checks, Check{Name: name, Section: section, Sequence: Sequence{Name: name}})
			continue
		}
		if line == "" {
			continue
		}
		if len(checks) == 0 {
			return nil, fmt.Errorf("%d: a line before the first check", number)
		}
		if err := checks[len(checks)-1].line(line); err != nil {
			return nil, fmt.Errorf("%d: %w", number, err)
		}
	}
	return checks, lines.Err()
}

// methods are the words with which a line of a request begins.
func methods() []string { return []string{"GET", "POST", "PUT", "PATCH", "DELETE"} }

func (c *Check) line(line string) (err error) {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case word == "items:":
		c.Items, err = integers(rest)
		return err
	case word == "profile:":
		c.Profile = rest
	case word == "needs:":
		c.Needs = rest
	case slices.Contains(methods(), word):
		target, query, _ := strings.Cut(rest, "?")
		c.Steps = append(c.Steps, Step{Request: Request{
			Method: word, Path: target, Query: query, Readable: true,
			Headers: map[string]string{"Authorization": "Bearer ${token}", "Accept": "application/scim+json"},
		}})
	case len(c.Steps) == 0:
		return fmt.Errorf("%q comes before any request", line)
	default:
		return c.Steps[len(c.Steps)-1].line(word, rest, line)
	}
	return nil
}

// line reads a line that follows the line of a request.
func (s *Step) line(word, rest, line string) (err error) {
	switch {
	case word == ">":
		name, value, _ := strings.Cut(rest, ":")
		s.Request.Headers[name] = strings.TrimSpace(value)
	case strings.HasPrefix(line, "{") && s.Request.Body == nil:
		s.Request.Body = json.RawMessage(line)
		if s.Request.Headers["Content-Type"] == "" {
			s.Request.Headers["Content-Type"] = "application/scim+json"
		}
	case word == "=":
		s.Expect.Status, err = integers(rest)
	case word == "save":
		name, target, _ := strings.Cut(rest, " ")
		if s.Save == nil {
			s.Save = map[string]string{}
		}
		s.Save[name] = target
	default:
		op, value, _ := strings.Cut(rest, " ")
		a := Assertion{Target: word, Op: op}
		if value != "" {
			a.Value = json.RawMessage(value)
		}
		if !a.valid() {
			return fmt.Errorf("%q is not an assertion", line)
		}
		s.Expect.Assert = append(s.Expect.Assert, a)
	}
	return err
}

func integers(text string) ([]int, error) {
	var out []int
	for word := range strings.FieldsSeq(text) {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}
