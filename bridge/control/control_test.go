package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

func TestTheSocketTellsTheTenantsAndNoSecret(t *testing.T) {
	t.Parallel()
	id, err := keycloak.ParseOrganizationID("5f6f6a3e")
	if err != nil {
		t.Fatal(err)
	}
	expires := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	acme := &tenant.Tenant{
		Path: "saas/organizations/acme", Realm: "saas", Organization: tenant.Organization{ID: id, Alias: "acme"}, BaseURL: "https://x/realms/saas/organizations/acme/scim/v2",
		Owner: mapping.Owner{Key: "5f6f6a3e", Organization: true}, Mapping: mapping.Default(scim.Tolerant), Tokens: []tenant.Token{{Name: "okta", SHA256: [32]byte{1}, Expires: expires}},
		Policy: tenant.Policy{Policies: config.Policies{UnknownMembers: "refuse", OnDelete: "leave", Adopt: "never", Domains: "any"}},
	}
	acme.SetFitness(tenant.Fitness{Disabled: true})
	saas := &tenant.Tenant{
		Path: "saas", Realm: "saas", Owner: mapping.Owner{Key: "realm"}, Mapping: mapping.Default(scim.Strict),
		Policy: tenant.Policy{OwnedOnly: true, Policies: config.Policies{UnknownMembers: "ignore", OnDelete: "disable", Adopt: "unowned"}},
	}
	registry, err := tenant.NewRegistry(acme, saas)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "control.sock")
	listener, err := control.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var looks atomic.Int64
	server := &http.Server{Handler: control.Handler(registry, func() { looks.Add(1) }, adoptSome, guard.NewBrake(time.Now, &guard.MemoryLedger{}), revokeNone, http.NotFoundHandler()), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket = %v, %v, want mode 0600", info.Mode(), err)
	}
	if err := control.Look(t.Context(), path); err != nil || looks.Load() != 1 {
		t.Errorf("Look() = %v after %d looks", err, looks.Load())
	}
	got, err := control.Tenants(t.Context(), path)
	if err != nil || len(got) != 2 {
		t.Fatalf("Tenants() = %v, %v, want two", got, err)
	}
	schemas := got[1].Schemas
	want := []control.Tenant{
		{Path: "saas", Realm: "saas", Key: "realm", Scope: "owned", Profile: "strict", Problem: "the realm was not checked yet", Fix: "scim-bridge doctor --tenant saas", UnknownMembers: "ignore", OnDelete: "disable", Adopt: "unowned", RemovalBrake: "off", Tokens: []control.Token{}, Schemas: schemas},
		{
			Path: "saas/organizations/acme", URL: acme.BaseURL, Realm: "saas", Organization: "acme", OrganizationID: "5f6f6a3e", Key: "5f6f6a3e", Scope: "organization",
			Profile: "tolerant", Fit: true, Disabled: true, UnknownMembers: "refuse", OnDelete: "leave", Adopt: "never", Domains: "any", RemovalBrake: "off", Tokens: []control.Token{{Name: "okta", Expires: &expires}}, Schemas: schemas,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(schemas) < 3 {
		t.Errorf("Tenants() (-want +got):\n%s", diff)
	}
	var lines []string
	err = control.Adoptions(t.Context(), path, "saas", control.AdoptMode{DryRun: true, Undo: true}, func(line json.RawMessage) error { lines = append(lines, string(line)); return nil })
	if err == nil || err.Error() != "Keycloak is away" || !slices.Equal(lines, []string{`{"dryRun":true,"tenant":"saas","undo":true,"userName":"one"}`, `{"dryRun":true,"tenant":"saas","undo":true,"userName":"two"}`}) {
		t.Errorf("Adoptions() = %v, %v", lines, err)
	}
	if err := control.Adoptions(t.Context(), path, "nope", control.AdoptMode{}, nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("Adoptions() of no tenant = %v", err)
	}
	if err := control.Revoke(t.Context(), path, "saas", "a|b&c"); err == nil || err.Error() != "saas has no room for a|b&c" {
		t.Errorf("Revoke() = %v", err)
	}
	if err := control.Revoke(t.Context(), path, "", ""); err != nil {
		t.Errorf("Revoke() = %v", err)
	}
	if err := control.Revoke(t.Context(), path+"x", "", ""); !errors.Is(err, control.ErrAbsent) {
		t.Errorf("Revoke() where no bridge runs = %v, want ErrAbsent", err)
	}
	if _, err := control.Listen(t.Context(), path); !errors.Is(err, control.ErrInUse) {
		t.Errorf("a second bridge on the socket = %v, want ErrInUse", err)
	}
}

// TestWhatABridgeLeftIsTakenOver, and nothing else is.
func TestWhatABridgeLeftIsTakenOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "control.sock")
	first, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if u, ok := first.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // as a process that was killed
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Tenants(t.Context(), path); err == nil || !strings.Contains(err.Error(), "no bridge answers on "+path) {
		t.Errorf("Tenants() of a bridge that is gone = %v", err)
	}
	second, err := control.Listen(t.Context(), path)
	if err != nil {
		t.Fatalf("Listen() on what a bridge left = %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("what is left is %v, %v", left, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Listen(t.Context(), file); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("Listen() on a file = %v", err)
	}
}

func revokeNone(_ context.Context, realm, revocation string) error {
	if realm == "" {
		return nil
	}
	return errors.New(realm + " has no room for " + revocation)
}

// adoptSome tells of two accounts and fails at a third, of the tenant saas.
func adoptSome(_ context.Context, t *tenant.Tenant, mode control.AdoptMode, each func(any) error) error {
	for _, name := range []string{"one", "two"} {
		if err := each(map[string]any{"userName": name, "tenant": t.Path, "dryRun": mode.DryRun, "undo": mode.Undo}); err != nil {
			return err
		}
	}
	return errors.New("Keycloak is away")
}
