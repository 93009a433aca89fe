package tenant_test

import (
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// TestPathsThatAPermissionCouldMean: Keycloak compares paths as texts, and a name may
// contain slashes.
func TestPathsThatAPermissionCouldMean(t *testing.T) {
	t.Parallel()
	alone, below, prefix := tenant.Alike{Path: "/a/b"}, tenant.Alike{Path: "/a/b", Below: true}, tenant.Alike{Path: "/a/b", Below: true, Prefix: true}
	for path, want := range map[string][3]bool{
		"":       {},
		"/":      {},
		"/a":     {true, true, true}, // a group b below it would have the path
		"/a/b":   {true, true, true},
		"/a/b/c": {false, true, true},
		"/a/bc":  {false, false, true},
		"/a/c":   {},
		"/x/a/b": {},
		"/A/b":   {},
	} {
		for i, alike := range []tenant.Alike{alone, below, prefix} {
			p := &tenant.Protected{Alike: []tenant.Alike{alike}}
			if got := p.Takes(path); got != want[i] {
				t.Errorf("%+v takes %q: %t, want %t", alike, path, got, want[i])
			}
		}
	}
	if (*tenant.Protected)(nil).Takes("/a/b") {
		t.Error("nothing takes a path")
	}
}
