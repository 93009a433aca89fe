package bridge_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// patchCase is a document and a PATCH of it.
type patchCase struct {
	Document map[string]any `json:"document"`
	Patch    map[string]any `json:"patch"`
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// newPatchCase makes a PATCH from the shapes that RFC 7644 section 3.5.2 describes. It leaves out what a profile
// handles in another way than scim2-models; see the targets.
func newPatchCase(r *rand.Rand, profile scim.Profile) patchCase {
	doc := map[string]any{
		"schemas": []any{scim.UserURN, scim.EnterpriseUserURN}, "userName": "u", "title": "t", "active": true,
		"name": map[string]any{"givenName": "g", "familyName": "f"},
		"emails": []any{
			map[string]any{"value": "a@example.com", "type": "work", "primary": true},
			map[string]any{"value": "b@example.com", "type": "home"},
		},
		scim.EnterpriseUserURN: map[string]any{"department": "d", "employeeNumber": "1"},
	}
	var operations []any
	for range 1 + r.IntN(3) {
		o := newPatchOperation(r, profile)
		operations = append(operations, o)
		if o["op"] == "remove" && o["path"] == "userName" {
			break // the bridge checks required attributes at the end, so the attribute may come back
		}
	}
	return patchCase{doc, map[string]any{"schemas": []any{scim.PatchOpURN}, "Operations": operations}}
}

func newPatchOperation(r *rand.Rand, profile scim.Profile) map[string]any {
	targets := patchTargets(r)
	if profile == scim.Strict {
		targets = append(targets, strictPatchTargets(r)...)
	} else {
		targets = append(targets, tolerantPatchTargets(r)...)
	}
	t := pick(r, targets...)
	o := map[string]any{"op": pick(r, "add", "replace", "remove")}
	if t.path != "" {
		o["path"] = t.path
	}
	if o["op"] != "remove" {
		o["value"] = t.value()
	}
	if t.path == "name" && profile == scim.Strict && o["op"] == "replace" {
		o["op"] = "add" // the interoperability profile replaces the whole value, RFC 7644 merges
	}
	return o
}

// patchTarget is a path with a function that makes a value for it.
type patchTarget struct {
	path  string
	value func() any
}

func patchText(r *rand.Rand) func() any {
	return func() any { return pick(r, "x", "y", "Zoë", "t", "d") }
}

// patchEmail is a new address, because the bridge merges a repeated one.
func patchEmail(r *rand.Rand) any {
	e := map[string]any{"value": fmt.Sprintf("%c%d@example.com", 'a'+r.IntN(4), r.Uint32()), "type": pick(r, "work", "home", "other")}
	if r.IntN(3) == 0 {
		e["primary"] = true
	}
	return e
}

func patchObject(r *rand.Rand, names ...string) func() any {
	return func() any { return map[string]any{pick(r, names...): patchText(r)()} }
}

func patchFilter(r *rand.Rand) string {
	return "emails[" + pick(r, `type eq "work"`, `type eq "home"`, `type eq "none"`, `value ew "@example.com"`, `primary eq true`,
		`value sw "b" or type eq "work"`, `not (type eq "work")`, `type pr and value co "a"`) + "]"
}

func patchTargets(r *rand.Rand) []patchTarget {
	text, filter, urn := patchText(r), patchFilter(r), scim.EnterpriseUserURN
	return []patchTarget{
		{"title", text},
		{"TITLE", text},
		{"nickName", text},
		{"userName", text},
		{"title.x", text},
		{"name.givenName", text},
		{"name.honorificPrefix", text},
		{"id", text},
		{"meta.created", text},
		{scim.UserURN + ":title", text},
		{urn + ":department", text},
		{urn + ":costCenter", text},
		{"active", func() any { return pick(r, true, false) }},
		{"name", patchObject(r, "givenName", "middleName")},
		{urn, patchObject(r, "division", "department")},
		{"emails", func() any { return []any{patchEmail(r)} }},
		{"phoneNumbers", func() any { return []any{map[string]any{"value": fmt.Sprint("+", r.Uint32()), "type": "work"}} }},
		{filter + ".value", func() any { return fmt.Sprintf("%d@example.com", r.Uint32()) }},
		{filter + ".display", text},
	}
}

// strictPatchTargets are refused under the strict profile and kept under the tolerant
// one.
func strictPatchTargets(r *rand.Rand) []patchTarget {
	return []patchTarget{
		{"unknown", patchText(r)},
		{"emails.unknown", patchText(r)},
	}
}

// tolerantPatchTargets contradict the interoperability profile that the strict profile follows.
func tolerantPatchTargets(r *rand.Rand) []patchTarget {
	return []patchTarget{
		{patchFilter(r), func() any { return patchEmail(r) }},
		{"", patchObject(r, "title", "nickName", "displayName")},
		{"", func() any { return map[string]any{"emails": []any{patchEmail(r)}} }},
		{"", func() any { return map[string]any{"name": patchObject(r, "middleName")()} }},
		{"", func() any { return map[string]any{scim.EnterpriseUserURN: patchObject(r, "costCenter")()} }},
	}
}

// patched is the bridge's result for a case.
func (c patchCase) patched(t *testing.T, profile scim.Profile) (map[string]any, error) {
	t.Helper()
	rt := scim.UserType().Under(profile)
	doc, err := rt.Canonical(decoded(t, c.Document))
	if err != nil {
		t.Fatal(err)
	}
	ops, err := patch.Decode(rt, decoded(t, c.Patch))
	if err != nil {
		return nil, err
	}
	result, err := patch.Apply(t.Context(), rt, doc, ops)
	return result.Document, err
}

func decoded(t *testing.T, value map[string]any) map[string]any {
	t.Helper()
	data, err := scim.Encode(value)
	if err != nil {
		t.Fatal(err)
	}
	object, err := scim.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// TestPatchAgreesWithAnotherEngine: scim2-models, an independent implementation, has the same result for the same
// PATCH, or both refuse it.
func TestPatchAgreesWithAnotherEngine(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs scim2-models")
	}
	python := newPython(t)
	for _, profile := range []scim.Profile{scim.Tolerant, scim.Strict} {
		t.Run(profile.String(), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(7644, 352)) // the same cases every time
			cases := make([]patchCase, 1000)
			for i := range cases {
				cases[i] = newPatchCase(r, profile)
			}
			refused := 0
			for i, theirs := range patchedByOthers(t, python, profile, cases) {
				ours, err := cases[i].patched(t, profile)
				if problem := disagreement(ours, err, theirs); problem != "" {
					t.Errorf("%v\n%s", cases[i].Patch["Operations"], problem)
				}
				if err != nil {
					refused++
				}
			}
			if refused < len(cases)/10 || refused > len(cases)/2 {
				t.Errorf("%d of %d are refused, which compares little", refused, len(cases))
			}
		})
	}
}

// patchedByOthers are the results of scim2-models for the cases.
func patchedByOthers(t *testing.T, python string, profile scim.Profile, cases []patchCase) []map[string]any {
	t.Helper()
	var input, told bytes.Buffer
	for _, c := range cases {
		if err := json.NewEncoder(&input).Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), python, filepath.Join(scim2Tester, "patch.py"), profile.String())
	cmd.Stdin, cmd.Stderr = &input, &told
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("patch.py: %v\n%s", err, told.String())
	}
	var results []map[string]any
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		result, err := scim.Decode(lines.Bytes())
		if err != nil {
			t.Fatalf("patch.py printed %q: %v", lines.Text(), err)
		}
		results = append(results, result)
	}
	if len(results) != len(cases) {
		t.Fatalf("patch.py answered %d of %d cases", len(results), len(cases))
	}
	return results
}

// disagreement is the difference between our result and theirs, or "".
func disagreement(ours map[string]any, err error, theirs map[string]any) string {
	reason, refused := theirs["error"].(string)
	switch {
	case refused && err != nil:
		return ""
	case refused:
		return fmt.Sprintf("they refuse: %s\nwe make %v", reason, ours)
	case err != nil:
		return fmt.Sprintf("we refuse: %v\nthey make %v", err, theirs)
	}
	delete(ours, "schemas")
	delete(theirs, "schemas")
	if diff := cmp.Diff(theirs, ours); diff != "" {
		return "theirs -, ours +:\n" + diff
	}
	return ""
}
