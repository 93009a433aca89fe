package bridge_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// scim2Tester is the directory of the pinned suite and its runner.
const scim2Tester = "../tools/scim2-tester"

// finding is one result of scim2-tester, a line of check.py.
type finding struct {
	Status string `json:"status"`
	Title  string `json:"title"`
	Type   string `json:"type"` // of the resource
	Reason string `json:"reason"`
}

// wrongFinding is a finding of scim2-tester that is not an error of the bridge.
type wrongFinding struct{ check, part string }

// wrongFindings are the wrong findings for every tenant.
func wrongFindings() []wrongFinding {
	return []wrongFinding{
		// A user of Keycloak is either enabled or disabled; the bridge refuses to guess.
		{"check_remove_attribute User", "active cannot be removed"},
		// It expects members back exactly as sent, without the display name that RFC 7643 section 4.2 lets the service
		// provider add.
		{"check_add_attribute Group", "display='"},
		{"check_replace_attribute Group", "display='"},
	}
}

// wrongOfTheMapping are the wrong findings for testdata/mapping.yaml.
func wrongOfTheMapping() []wrongFinding {
	return append(wrongFindings(),
		// It expects a whole extension back as sent: with an attribute that is never returned (pin), and without an
		// attribute that the service provider sets (mailHost).
		wrongFinding{"check_add_attribute User", "for '" + apptest.HRURN + "'."},
		wrongFinding{"check_add_attribute User", "for '" + apptest.ITURN + "'."},
		wrongFinding{"check_replace_attribute User", "for '" + apptest.HRURN + "'."},
		wrongFinding{"check_replace_attribute User", "for '" + apptest.ITURN + "'."},
		// It adds the whole extension first, and then each of its attributes. It expects that a value added to several
		// is then the only one, and that an attribute that can be set once changes.
		wrongFinding{"check_add_attribute User", "for '" + apptest.HRURN + ":badges'"},
		wrongFinding{"check_add_attribute User", "for '" + apptest.ITURN + ":accounts'"},
		wrongFinding{"check_add_attribute User", apptest.HRURN + ":hired is already set and cannot be changed"},
		wrongFinding{"check_remove_attribute User", apptest.HRURN + ":hired is already set and cannot be changed"},
	)
}

// TestSCIM2TesterFindsNoError runs an independent suite on an empty realm, with the built-in mapping and with schemas
// and rules of a file.
func TestSCIM2TesterFindsNoError(t *testing.T) {
	t.Parallel()
	python := newPython(t)
	t.Run("built-in mapping", func(t *testing.T) {
		t.Parallel()
		runSCIM2Tester(t, python, apptest.NewBridge(t, hidePagination), wrongFindings())
	})
	t.Run("mapping file", func(t *testing.T) {
		t.Parallel()
		runSCIM2Tester(t, python, apptest.NewMappedBridge(t, keycloaktest.Real(t), hidePagination), wrongOfTheMapping())
	})
}

// hidePagination: scim2-tester refuses attributes that RFC 7643 does not have.
func hidePagination(c *config.Config) { c.Server.HidePagination = true }

// scim2Findings are the results of scim2-tester at a tenant.
func scim2Findings(t *testing.T, python string, b apptest.Bridge) (found []finding) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, filepath.Join(scim2Tester, "check.py"), b.Base)
	cmd.Env = append(os.Environ(), "SCIM_TOKEN="+b.Token)
	var told bytes.Buffer
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("check.py: %v\n%s", err, told.String())
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var f finding
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			t.Fatalf("check.py printed %q: %v", lines.Text(), err)
		}
		found = append(found, f)
	}
	return found
}

// check is the name under which a wrong finding is listed.
func (f finding) check() string { return f.Title + " " + f.Type }

// isError reports whether the finding is an error.
func (f finding) isError() bool { return f.Status == "ERROR" || f.Status == "CRITICAL" }

// among is the place of the finding in a list of wrong findings, or -1.
func (f finding) among(wrong []wrongFinding) int {
	return slices.IndexFunc(wrong, func(w wrongFinding) bool { return w.check == f.check() && strings.Contains(f.Reason, w.part) })
}

func runSCIM2Tester(t *testing.T, python string, b apptest.Bridge, wrong []wrongFinding) {
	t.Helper()
	seen, counts := map[wrongFinding]bool{}, map[string]int{}
	for _, f := range scim2Findings(t, python, b) {
		counts[f.Status]++
		if !f.isError() {
			continue
		}
		if i := f.among(wrong); i >= 0 {
			seen[wrong[i]] = true
			continue
		}
		t.Errorf("%s: %s: %s", f.Status, f.check(), f.Reason)
	}
	for _, w := range wrong {
		if !seen[w] {
			t.Errorf("%v is excluded and was not reported", w)
		}
	}
	const least = 100 // it has 133 checks
	if counts["SUCCESS"] < least {
		t.Errorf("results = %v, want at least %d successes", counts, least)
	}
	t.Logf("results: %v", counts)
}

// newPython is an interpreter for scim2-tester.
func newPython(t *testing.T) string {
	t.Helper()
	return newPythonOf(t, scim2Tester)
}

// newPythonOf is an interpreter with the packages that the requirements.txt of a directory pins, in the cache.
func newPythonOf(t *testing.T, dir string) string {
	t.Helper()
	requirements := filepath.Join(dir, "requirements.txt")
	pinned, err := os.ReadFile(requirements)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(pinned)
	made, err := keycloaktest.Cached(filepath.Base(dir)+"-"+hex.EncodeToString(sum[:6]), func(dir string) error {
		return newVenv(t.Context(), dir, requirements)
	})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(made, "bin", "python")
}

func newVenv(ctx context.Context, dir, requirements string) error {
	if out, err := exec.CommandContext(ctx, "python3", "-m", "venv", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("python3 with venv is needed to run suites of Python (on Debian: apt-get install python3 python3-venv): %w\n%s", err, out)
	}
	pip := exec.CommandContext(ctx, filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "-q", "--no-deps", "-r", requirements)
	if out, err := pip.CombinedOutput(); err != nil {
		return fmt.Errorf("install %s: %w\n%s", requirements, err, out)
	}
	return nil
}
