package bridge_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// interopSources is the Maven project with the client libraries and the operations of each. Its compiler is a library
// too, so the Java runtime that Keycloak needs is enough.
const interopSources = "../tools/interop"

// interopPageSize is small, so that a walk with few users has several pages.
const interopPageSize = 5

// interopTime bounds a program whose threads do not end.
const interopTime = 15 * time.Minute

// The results of all libraries, and the page made from them.
const (
	interopResults = "../docs/reference/interop.json"
	interopPage    = "../docs/reference/interop.md"
)

// interopResult is the result of an operation, or of a check of a suite, at a kind of tenant.
type interopResult struct {
	Library   string `json:"library"`
	Tenant    string `json:"tenant"`
	Group     string `json:"group"`
	Operation string `json:"operation"`
	Outcome   string `json:"outcome"` // "pass", "none" (the library has no call for it) or "fault" (a fault of the library, explained in detail)
	Detail    string `json:"detail,omitempty"`
}

// interopLibraries are the modules of the project and the names of their libraries.
func interopLibraries() map[string]string {
	return map[string]string{
		"scim-sdk": "scim-sdk-client", "unboundid": "UnboundID SCIM 2 SDK",
		"keycloak-models": "keycloak-scim-core", "connid": "ConnId SCIM bundle",
	}
}

// interopRun collects the results of the libraries and suites.
type interopRun struct {
	mu  sync.Mutex
	all []interopResult
}

func (r *interopRun) add(library, tenant string, found []interopResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range found {
		f.Library, f.Tenant = library, tenant
		r.all = append(r.all, f)
	}
}

// TestInterop runs the operations of tools/interop with each client library, and the Python suites, at a tenant of a
// realm and at one of an organization. Only listed faults of libraries may fail, and the results must be those of the
// page; make interop writes the page.
func TestInterop(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	var run interopRun
	t.Run("libraries", func(t *testing.T) {
		classes := buildInterop(t)
		for module, library := range interopLibraries() {
			t.Run(module, func(t *testing.T) {
				t.Parallel()
				eachInteropTenant(t, server, interopPageSize, func(t *testing.T, c apptest.Customers, b apptest.Bridge, tenant, domain string) {
					t.Helper()
					run.add(library, tenant, runInterop(t, classes, module, b, domain, serveWitness(t, c, tenant == "organization")))
				})
			})
		}
		for suite, found := range interopSuites(t) {
			t.Run(suite, func(t *testing.T) {
				t.Parallel()
				eachInteropTenant(t, server, config.Default().Server.MaxResults, func(t *testing.T, _ apptest.Customers, b apptest.Bridge, tenant, domain string) {
					t.Helper()
					run.add(suite, tenant, found(t, b, domain))
				})
			})
		}
	})
	if !t.Failed() {
		compareInterop(t, run.all)
	}
}

// eachInteropTenant runs a function at a tenant of a realm and at one of its organizations. Their pages have at most
// that many resources.
func eachInteropTenant(t *testing.T, server keycloaktest.Server, most int, do func(t *testing.T, c apptest.Customers, b apptest.Bridge, tenant, domain string)) {
	t.Helper()
	c := apptest.NewCustomers(t, server, func(c *config.Config) {
		c.Server.MaxResults = most
		hidePagination(c)
		apptest.TakeAnyDomain(c)                                                             // suites invent addresses
		apptest.EachTenant(func(t *config.Tenant) { t.PatchResponse = config.PatchFull })(c) // scim-sdk-client treats a 204 as a failure
	})
	t.Run("realm", func(t *testing.T) { t.Parallel(); do(t, c, c.Realm, "realm", "realm.test") })
	t.Run("organization", func(t *testing.T) { t.Parallel(); do(t, c, c.Of["acme"], "organization", "acme.test") })
}

// buildInterop compiles the project into the cache.
func buildInterop(t *testing.T) (dir string) {
	t.Helper()
	sources := os.DirFS(interopSources)
	sum := sha256.New()
	err := fs.WalkDir(sources, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(sources, name)
		fmt.Fprintf(sum, "%s %d\n%s", name, len(data), data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	dir, err = keycloaktest.Cached("interop-"+hex.EncodeToString(sum.Sum(nil)[:6]), func(dir string) error {
		if err := os.CopyFS(dir, sources); err != nil {
			return err
		}
		out, err := exec.CommandContext(t.Context(), "mvn", "-q", "-B", "-f", dir, "compile").CombinedOutput()
		if err != nil {
			return fmt.Errorf("compile %s with Maven: %w\n%s", interopSources, err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// runInterop runs the program of a library and returns its results. It reports failures to the test.
func runInterop(t *testing.T, classes, module string, b apptest.Bridge, domain, witness string) (found []interopResult) {
	t.Helper()
	target := filepath.Join(classes, module, "target")
	path := []string{filepath.Join(classes, "suite", "target", "classes"), filepath.Join(target, "classes"), filepath.Join(target, "lib", "*")}
	ctx, cancel := context.WithTimeout(t.Context(), interopTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", strings.Join(path, string(os.PathListSeparator)), "interop.Main")
	cmd.Env = append(os.Environ(), "SCIM_BASE="+b.Base, "SCIM_TOKEN="+b.Token, "SCIM_DOMAIN="+domain, fmt.Sprintf("SCIM_MAX_RESULTS=%d", interopPageSize), "WITNESS="+witness)
	var told bytes.Buffer
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, told.String())
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var r interopResult
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("it printed %q: %v", lines.Text(), err)
		}
		if r.Outcome == "fail" {
			t.Errorf("%s: %s: %s", r.Group, r.Operation, r.Detail)
		}
		found = append(found, r)
	}
	const least = 40
	if len(found) < least {
		t.Errorf("%d operations, want at least %d:\n%s", len(found), least, told.String())
	}
	return found
}
