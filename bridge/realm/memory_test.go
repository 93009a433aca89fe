package realm_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestWhatTheBridgeRemembers is stored in its own service account: nothing else of the account
// changes, no two changes mix, and no SCIM client reaches the account.
func TestWhatTheBridgeRemembers(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			own := b.App.Watcher.Realms.Client(b.Realm)
			account, err := own.OwnAccount(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			before, err := own.User(t.Context(), account)
			if err != nil {
				t.Fatal(err)
			}
			remember := func(attribute string, change func([]string) []string) error {
				return realm.Remember(t.Context(), own, attribute, func(values []string) ([]string, error) { return change(values), nil })
			}
			want := func(attribute string, want ...string) {
				t.Helper()
				if got, err := realm.Remembered(t.Context(), own, attribute); err != nil || !slices.Equal(got, want) {
					t.Errorf("Remembered(%s) = %q, %v, want %q", attribute, got, err, want)
				}
			}
			want(mapping.AttrRevoked)
			var wg sync.WaitGroup
			var added []string
			for i := range 10 {
				value := fmt.Sprintf("value-%02d", i)
				added = append(added, value)
				wg.Go(func() {
					if err := remember(mapping.AttrRevoked, func(values []string) []string { return append(values, value) }); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			want(mapping.AttrRevoked, added...)
			if err := remember(mapping.AttrProtected, func([]string) []string { return []string{"group|x|/ops/admins", strings.Repeat("ü", 2048)} }); err != nil {
				t.Error(err)
			}
			want(mapping.AttrRevoked, added...)
			for name, values := range map[string][]string{
				"a value that is too long": {strings.Repeat("x", 2049)}, "an empty value": {""}, "too many": slices.Collect(func(yield func(string) bool) {
					for i := range 5001 {
						_ = yield(fmt.Sprint(i))
					}
				}),
			} {
				if err := remember(mapping.AttrRevoked, func([]string) []string { return values }); err == nil {
					t.Errorf("%s was taken", name)
				}
			}
			no := errors.New("no")
			if err := realm.Remember(t.Context(), own, mapping.AttrRevoked, func([]string) ([]string, error) { return nil, no }); !errors.Is(err, no) {
				t.Errorf("a change that gives up = %v", err)
			}
			if err := remember(mapping.AttrRevoked, func(values []string) []string { return append(values, " ") }); err == nil || !strings.Contains(err.Error(), "scim-bridge setup --url ") || !strings.HasSuffix(err.Error(), " --realm "+b.Realm) {
				t.Errorf("what Keycloak does not keep = %v", err)
			}
			want(mapping.AttrRevoked, added...)
			for _, attribute := range []string{mapping.AttrRevoked, mapping.AttrProtected} {
				if err := remember(attribute, func([]string) []string { return nil }); err != nil {
					t.Error(err)
				}
				want(attribute)
			}
			after, err := own.User(t.Context(), account)
			after.Attributes, before.Attributes = nil, nil
			if err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("the account is %v, %v, and was %v", after, err, before)
			}
			b.Refused(t, http.StatusNotFound, http.MethodPatch, "/Users/"+account.String(), apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
			b.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+account.String(), "")
		})
	}
}

// TestARealmThatDeclaresNotWhatTheBridgeRemembers was set up by an earlier version: it is fit, with
// a warning.
func TestARealmThatDeclaresNotWhatTheBridgeRemembers(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			profile, err := b.Admin.UserProfile(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			profile.Attributes = slices.DeleteFunc(profile.Attributes, func(a keycloak.ProfileAttribute) bool { return a.Name == mapping.AttrRevoked })
			if err := b.Admin.UpdateUserProfile(t.Context(), profile); err != nil {
				t.Fatal(err)
			}
			own, tenant := b.App.Watcher.Realms.Client(b.Realm), b.App.Watcher.Tenants.All()[0]
			report, err := realm.Check(t.Context(), own, tenant, tenant.Mapping, realm.ProtectorOf(own, tenant))
			if err != nil || len(report.Problems()) > 0 || !strings.Contains(strings.Join(report.Warnings(), "\n"), `"scim.revoked" is not declared`) {
				t.Errorf("the look finds %q and %q, %v", report.Problems(), report.Warnings(), err)
			}
			keep := func([]string) ([]string, error) { return []string{"kept"}, nil }
			if err := realm.Remember(t.Context(), own, mapping.AttrRevoked, keep); err != nil {
				t.Error(err)
			}
		})
	}
}
