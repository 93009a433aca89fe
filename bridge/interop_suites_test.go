package bridge_test

import (
	"encoding/json"
	"errors"
	"os/exec"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
)

// scimSanity is the directory that pins the suite.
const scimSanity = "../tools/scim-sanity"

// interopSuites are the Python suites, with the function that runs each at a tenant.
func interopSuites(t *testing.T) map[string]func(t *testing.T, b apptest.Bridge, domain string) []interopResult {
	t.Helper()
	tester, sanity := newPython(t), newPythonOf(t, scimSanity)
	return map[string]func(t *testing.T, b apptest.Bridge, domain string) []interopResult{
		"scim2-tester": func(t *testing.T, b apptest.Bridge, _ string) []interopResult {
			t.Helper()
			return interopTester(t, tester, b)
		},
		"scim-sanity": func(t *testing.T, b apptest.Bridge, domain string) []interopResult {
			t.Helper()
			return interopSanity(t, sanity, b, domain)
		},
	}
}

// interopTester returns a result for each check of scim2-tester. A check covers several attributes. It is a fault of
// the suite when it found only wrong errors.
func interopTester(t *testing.T, python string, b apptest.Bridge) (out []interopResult) {
	t.Helper()
	at := map[string]int{}
	for _, f := range scim2Findings(t, python, b) {
		if f.Status == "SKIPPED" {
			continue
		}
		i, ok := at[f.check()]
		if !ok {
			i = len(out)
			at[f.check()] = i
			out = append(out, interopResult{Group: f.Type, Operation: f.Title, Outcome: "pass"})
		}
		switch {
		case !f.isError():
		case f.among(wrongFindings()) < 0:
			t.Errorf("%s: %s", f.check(), f.Reason)
		default:
			out[i].Outcome, out[i].Detail = "fault", whyWrong(t, f.check())
		}
	}
	return out
}

// whyWrong is the reason why an error of scim2-tester is wrong.
func whyWrong(t *testing.T, check string) string {
	t.Helper()
	switch check {
	case "check_remove_attribute User":
		return "it removes active; a user of Keycloak is enabled or not, and the bridge does not guess"
	case "check_add_attribute Group", "check_replace_attribute Group":
		return "it wants members back exactly as sent, without the display that RFC 7643 section 4.2 lets the service provider add"
	}
	t.Errorf("%s is listed as wrong without a reason", check)
	return ""
}

// wrongOfSanity are the checks of scim-sanity that fail because of a fault of the suite, with the reason.
func wrongOfSanity() map[string]string {
	return map[string]string{
		"PATCH /Groups/{id} add member": "it adds a member that does not exist, fake-member-id, and wants 200; the bridge refuses it (a tenant with `unknownMembers: ignore` leaves it out)",
	}
}

// interopSanity runs scim-sanity.
func interopSanity(t *testing.T, python string, b apptest.Bridge, domain string) (out []interopResult) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, "-m", "scim_sanity", "probe", b.Base, "--token", b.Token, "--json-output", "--i-accept-side-effects", "--user-domain", domain)
	data, err := cmd.Output() // it exits with 1 after a failed check
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var report struct {
		Results []struct{ Name, Status, Message, Phase string } `json:"results"`
	}
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatalf("scim-sanity printed %q: %v", data, err)
	}
	for _, r := range report.Results {
		result := interopResult{Group: r.Phase, Operation: r.Name, Outcome: r.Status}
		switch r.Status {
		case "pass":
		case "skip":
			result.Outcome = "none"
		case "fail":
			if result.Outcome, result.Detail = "fault", wrongOfSanity()[r.Name]; result.Detail != "" {
				break
			}
			fallthrough
		default:
			t.Errorf("%s: %s: %s: %s", r.Phase, r.Name, r.Status, r.Message)
		}
		out = append(out, result)
	}
	const least = 20
	if len(out) < least {
		t.Errorf("%d checks, want at least %d", len(out), least)
	}
	return out
}
