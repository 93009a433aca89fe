package control_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// bridgeOf is a running bridge without Keycloak. It has a realm, an organization, and the tenant that represents all
// organizations.
type bridgeOf struct{ refreshed atomic.Int64 }

func (*bridgeOf) Unapplied() string { return "" }

func (*bridgeOf) Outage(string) bool { return false }

func (*bridgeOf) Feeds() map[string]time.Duration { return nil }

func (*bridgeOf) Indexes() []admin.Index { return nil }

func (b *bridgeOf) Refresh() { b.refreshed.Add(1) }

func (*bridgeOf) ReadKeys() error { return nil }

func (*bridgeOf) Late() int { return 0 }

func (*bridgeOf) Revoke(_ context.Context, realm, revocation string) error {
	if realm == "" {
		return nil
	}
	return errors.New(realm + " has no room for " + revocation)
}

// Adopt reports two accounts and then fails. For the tenant of an organization it fails at once.
func (*bridgeOf) Adopt(_ context.Context, by tenant.Principal, o admin.AdoptOptions, each func(admin.Adoption) error) error {
	if by.Tenant.Organization.Alias != "" {
		return errors.New("the tenant is read-only")
	}
	for _, name := range []string{"one", "two"} {
		if err := each(admin.Adoption{Type: "User", Name: name, Outcome: admin.Own, Linked: o.DryRun, Reason: strconv.FormatBool(o.Undo)}); err != nil {
			return err
		}
	}
	return errors.New("Keycloak is away")
}

// servedRegistry has a realm, an organization, and the tenant that represents all organizations.
func servedRegistry(tb testing.TB) *tenant.Registry {
	tb.Helper()
	saas := &tenant.Tenant{Path: "saas", Realm: "saas", Mapping: mapping.Default(scim.Tolerant), Tokens: []tenant.Token{{Name: "okta", SHA256: [32]byte{1}, Expires: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}}}
	saas.Policy.RemovalBrake = config.RemovalBrake{Max: 20, Window: config.Duration(time.Hour), Floor: 3}
	acme := &tenant.Tenant{Path: "saas/organizations/acme", Realm: "saas", Organization: tenant.Organization{Alias: "acme"}, Mapping: mapping.Default(scim.Tolerant)}
	every := &tenant.Tenant{Path: "saas/organizations/*", Realm: "saas", Organization: tenant.Organization{Alias: tenant.EveryOrganization}, Mapping: mapping.Default(scim.Tolerant)}
	registry, err := tenant.NewRegistry(saas, acme, every)
	if err != nil {
		tb.Fatal(err)
	}
	return registry
}

// served serves a bridge with one realm and one organization on a socket. It returns a client of the socket, the
// bridge and its views.
func served(t *testing.T) (control.Client, *bridgeOf, *admin.Admin) {
	t.Helper()
	return servedWith(t, nil)
}

// servedWith is served for a bridge with a store.
func servedWith(t *testing.T, s store.Store) (control.Client, *bridgeOf, *admin.Admin) {
	t.Helper()
	registry := servedRegistry(t)
	path := filepath.Join(t.TempDir(), "control.sock")
	listener, err := control.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	b := &bridgeOf{}
	a := admin.New(admin.Options{Now: time.Now, Log: zap.NewNop(), Tenants: registry, Activity: &tenant.Activity{}, Bridge: b, Brake: guard.NewBrake(time.Now, &guard.MemoryLedger{}), Adopter: b, Store: s})
	operator := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	server := &http.Server{Handler: control.Handler(a, operator), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return control.Client{Socket: path}, b, a
}

// TestTheSocketHasTheViewsOfAnOperator: the socket returns the views unchanged, and only the user of the process can
// open it.
func TestTheSocketHasTheViewsOfAnOperator(t *testing.T) {
	t.Parallel()
	c, _, a := served(t)
	if info, err := os.Stat(c.Socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket = %v, %v, want mode 0600", info.Mode(), err)
	}
	got, err := c.Tenants(t.Context())
	if diff := cmp.Diff(a.Tenants(t.Context()), got); diff != "" || err != nil || len(got) != 3 {
		t.Errorf("Tenants() = %v (-want +got):\n%s", err, diff)
	}
	for _, path := range []string{"saas", "saas/organizations/acme", "saas/organizations/*", "", "nope&tenant=saas"} {
		for name, of := range map[string][2]func(context.Context, string) (admin.Tenant, error){"Tenant": {a.Tenant, c.Tenant}, "Endpoint": {a.Endpoint, c.Endpoint}} {
			want, wantErr := of[0](t.Context(), path)
			got, err := of[1](t.Context(), path)
			_, none := errors.AsType[admin.NoTenantError](err)
			if diff := cmp.Diff(want, got); diff != "" || none != (wantErr != nil) || none && err.Error() != wantErr.Error() {
				t.Errorf("%s(%q) = %v, want %v (-want +got):\n%s", name, path, err, wantErr, diff)
			}
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, control.Root("saas")+"/Users", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.HTTP().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "/realms/saas/scim/v2/Users" {
		t.Errorf("the operator's handler got the path %q, %v", body, err)
	}
	if _, err := control.Listen(t.Context(), c.Socket); !errors.Is(err, control.ErrInUse) {
		t.Errorf("a second bridge on the socket = %v, want ErrInUse", err)
	}
}

// TestTheSocketHasTheVerbsOfAnOperator: the client also gets the errors of the verbs.
func TestTheSocketHasTheVerbsOfAnOperator(t *testing.T) {
	t.Parallel()
	c, b, _ := served(t)
	if err := c.Refresh(t.Context()); err != nil || b.refreshed.Load() != 1 {
		t.Errorf("Refresh() = %v after %d checks", err, b.refreshed.Load())
	}
	if lifted, err := c.Lift(t.Context(), "saas"); err != nil || lifted.Path != "saas" || !strings.HasPrefix(lifted.RemovalBrake, "lifted until 20") {
		t.Errorf("Lift() = %+v, %v", lifted, err)
	}
	if _, err := c.Lift(t.Context(), "saas/organizations/*"); err == nil || !strings.Contains(err.Error(), "saas/organizations/acme") {
		t.Errorf("Lift() of all organizations = %v", err)
	}
	var names []string
	each := func(a admin.Adoption) error {
		names = append(names, fmt.Sprint(a.Name, a.Outcome, a.Linked, a.Reason))
		return nil
	}
	err := c.Adopt(t.Context(), "saas", admin.AdoptOptions{DryRun: true, Undo: true}, each)
	if err == nil || err.Error() != "Keycloak is away" || !slices.Equal(names, []string{"oneowntruetrue", "twoowntruetrue"}) {
		t.Errorf("Adopt() = %v, %v", names, err)
	}
	names = nil
	if err := c.Adopt(t.Context(), "saas", admin.AdoptOptions{}, each); err == nil || !slices.Equal(names, []string{"oneownfalsefalse", "twoownfalsefalse"}) {
		t.Errorf("Adopt() = %v, %v", names, err)
	}
	for path, want := range map[string]string{"saas/organizations/acme": "the tenant is read-only", "nope": `the bridge has no tenant "nope"`} {
		if err := c.Adopt(t.Context(), path, admin.AdoptOptions{}, each); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Adopt() of %s = %v, want %s", path, err, want)
		}
	}
	if err := c.Revoke(t.Context(), "saas", "a|b&c"); err == nil || err.Error() != "saas has no room for a|b&c" {
		t.Errorf("Revoke() = %v", err)
	}
	if err := c.Revoke(t.Context(), "", ""); err != nil {
		t.Errorf("Revoke() = %v", err)
	}
	if err := (control.Client{Socket: c.Socket + "x"}).Revoke(t.Context(), "", ""); !errors.Is(err, control.ErrAbsent) {
		t.Errorf("Revoke() where no bridge runs = %v, want ErrAbsent", err)
	}
}

// TestAnAnswerThatCannotBeRead: the client reports another program on the socket, not a refusal of a bridge.
func TestAnAnswerThatCannotBeRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control.sock")
	listener, err := control.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	if _, err := (control.Client{Socket: path}).Tenants(t.Context()); err == nil || !strings.Contains(err.Error(), "answers 404") {
		t.Errorf("Tenants() = %v", err)
	}
}

// TestABridgeThatBreaksOffIsReported with the cause, and without a URL that only the two programs use.
func TestABridgeThatBreaksOffIsReported(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control.sock")
	listener, err := control.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	breaks := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }) //nolint:forbidigo // net/http then closes the connection
	server := &http.Server{Handler: breaks, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	if _, err := (control.Client{Socket: path}).Tenants(t.Context()); err == nil || err.Error() != "no bridge answers on "+path+": EOF" {
		t.Errorf("Tenants() = %v", err)
	}
}

// TestWhatABridgeLeftIsTakenOver: a bridge replaces the socket of a bridge that ended, and no other file.
func TestWhatABridgeLeftIsTakenOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "control.sock")
	first, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if u, ok := first.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // a killed process also leaves the file
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := (control.Client{Socket: path}).Tenants(t.Context()); err == nil || err.Error() != "no bridge answers on "+path+"; scim-bridge serve with the same configuration starts one" {
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
		t.Errorf("the directory still contains %v, %v", left, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Listen(t.Context(), file); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("Listen() on a file = %v", err)
	}
}
