package app_test

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap/zapcore"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestTheConfigurationIsAppliedWhileTheBridgeRuns: changes of tokens, scopes, policies, tenants, realms and their
// credentials. A tenant keeps what it knows about its realm.
func TestTheConfigurationIsAppliedWhileTheBridgeRuns(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.NewBridgeOn(t, fake.Server(), nil)
	const bearer = "another-token-0"
	other := b.With(bearer)
	other.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	b.ApplyFile(t, "tokens.yaml", func(s string) string { return s + tokenEntry(bearer, "reads", `["users:read"]`) })
	fake.ResetCalls()
	other.Must(t, http.MethodGet, "/Users", "")
	if detail := other.Refused(t, http.StatusForbidden, http.MethodPost, "/Users", `{"userName":"xavier"}`); !strings.Contains(detail, "lacks the scope users:write") {
		t.Errorf("the refusal says %q", detail)
	}
	b.ApplyFile(t, "tokens.yaml", apptest.Replaced(t, `["users:read"]`, `["users:read", "users:write"]`))
	other.Create(t, "/Users", `{"userName":"xavier"}`)

	b.ApplyFile(t, "config.yaml", apptest.Replaced(t, "      - tokensFile:", "      - access: read-only\n        tokensFile:"))
	b.Must(t, http.MethodGet, "/Users", "")
	b.Refused(t, http.StatusForbidden, http.MethodPost, "/Users", `{"userName":"yvonne"}`)
	b.Refused(t, http.StatusForbidden, http.MethodPost, "/Groups", `{"displayName":"y"}`)
	b.ApplyFile(t, "config.yaml", apptest.Replaced(t, "access: read-only", "access: paused"))
	if detail := b.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", ""); !strings.Contains(detail, "paused") {
		t.Errorf("a paused tenant says %q", detail)
	}
	b.With("wrong").Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "") // other clients cannot see that the tenant is paused
	b.ApplyFile(t, "config.yaml", apptest.Replaced(t, "access: paused", "access: full"))
	b.Create(t, "/Users", `{"userName":"yvonne"}`)

	b.ApplyFile(t, "config.yaml", apptest.Replaced(t, "        # For Okta", "        path: renamed\n        # For Okta"))
	b.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	renamed := b.At("renamed")
	renamed.Token = b.Token
	renamed.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "") // its realm was not checked yet
	b.Check(t)
	renamed.Must(t, http.MethodGet, "/Users", "")
	if got := b.Metric(t, `scim_bridge_tenant_fit{tenant="`+b.Realm+`"}`); got != "" {
		t.Errorf("a tenant that is gone has the metric %s", got)
	}
	if b.Statusz(t) != "" || b.Metric(t, "scim_bridge_config_applied ") != "scim_bridge_config_applied 1" {
		t.Errorf("/statusz says %q", b.Statusz(t))
	}
}

// tokenEntry is an entry of a file of tokens.
func tokenEntry(text, name, scopes string) string {
	return "  - name: " + name + "\n    sha256: " + apptest.SHA256Of(text) + "\n    scopes: " + scopes + "\n"
}

// TestTheBridgesOwnCredentialsAreAppliedWhileItRuns: the bridge reads a secret that was renewed in Keycloak from its
// file, and drops the token of the old secret.
func TestTheBridgesOwnCredentialsAreAppliedWhileItRuns(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.NewBridgeOn(t, fake.Server(), nil)
	b.Must(t, http.MethodGet, "/Users", "")
	fake.ResetCalls()
	b.App.Reload()
	b.Must(t, http.MethodGet, "/Users", "")
	if n := len(fake.Calls()); n != 2 {
		t.Errorf("after a change of nothing a list costs %d calls, want 2: the token is kept", n)
	}
	b.ApplyFile(t, app.SecretName, func(string) string { return "a-wrong-secret-of-the-client" })
	b.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
}

// TestABadConfigurationChangesNothing: the problem is in the log, on /statusz and in the metrics.
func TestABadConfigurationChangesNothing(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	for name, c := range map[string]struct {
		file string
		edit func(string) string
		says string
	}{
		"no YAML":           {"config.yaml", func(string) string { return "{" }, "config.yaml:1"},
		"an unknown key":    {"config.yaml", func(s string) string { return s + "relms: {}\n" }, "relms: unknown key"},
		"a bad token":       {"tokens.yaml", func(s string) string { return s + "  - name: x\n    sha256: abc\n" }, "tokens.yaml:"},
		"no file":           {app.SecretName, func(string) string { return "" }, "is empty"},
		"a section lost":    {"config.yaml", func(s string) string { return strings.Replace(s, "credentials:", "account:", 1) }, "credentials"},
		"a second of a key": {"config.yaml", func(s string) string { return s + "realms: {}\n" }, "realms"},
	} {
		var before string
		b.ApplyFile(t, c.file, func(s string) string { before = s; return c.edit(s) })
		if said := b.Statusz(t); !strings.Contains(said, c.says) {
			t.Errorf("%s: /statusz says %q, want %q", name, said, c.says)
		}
		if entries := b.Lines.FilterLevelExact(zapcore.ErrorLevel).All(); len(entries) != 1 || !strings.Contains(entries[0].ContextMap()["problem"].(string), c.says) {
			t.Errorf("%s: the log says %v", name, entries)
		}
		b.Lines.TakeAll()
		if got := b.Metric(t, "scim_bridge_config_applied "); got != "scim_bridge_config_applied 0" {
			t.Errorf("%s: %s", name, got)
		}
		b.Must(t, http.MethodGet, "/Users", "")
		b.ApplyFile(t, c.file, func(string) string { return before })
		if said := b.Statusz(t); said != "" {
			t.Errorf("%s, mended: /statusz says %q", name, said)
		}
	}
}

// TestWhatNeedsARestart: /statusz names the sections that need a restart. All other changes are applied.
func TestWhatNeedsARestart(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	b.ApplyFile(t, "config.yaml", apptest.Replaced(t, "keycloak:\n", "log: { level: debug }\nmetrics: { tenants: all }\noutbound: { proxy: \"http://127.0.0.1:9\" }\nkeycloak:\n  maxInFlight: 7\n"))
	b.ApplyFile(t, "tokens.yaml", func(s string) string { return s + tokenEntry("another-token-1", "other", "[bulk]") })
	for range 2 { // also when nothing was changed since
		if said := b.Statusz(t); said != "changes of metrics, log, keycloak, outbound take effect when the bridge is started again" {
			t.Errorf("/statusz says %q", said)
		}
		b.App.Reload()
	}
	b.With("another-token-1").Must(t, http.MethodGet, "/ServiceProviderConfig", "")
}

// TestATenantThatIsAddedWithABadMapping: the new tenant is not served, and the other tenants are.
func TestATenantThatIsAddedWithABadMapping(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	bad := apptest.MappingFile(t, "version: 1\nusers: { attributes: { titel: { keycloak: t } } }\n")
	b.ApplyFile(t, "config.yaml", func(s string) string {
		return s + "      - path: second\n        key: second\n        mapping: " + bad + "\n        tokensFile: tokens.yaml\n"
	})
	if said := b.Statusz(t); !strings.Contains(said, "the tenant second cannot be added: "+bad+":2") {
		t.Errorf("/statusz says %q", said)
	}
	b.Must(t, http.MethodGet, "/Users", "")
	b.At("second").Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
}

// TestAMappingThatIsMended: a mapping that gets its old text again counts as applied.
func TestAMappingThatIsMended(t *testing.T) {
	t.Parallel()
	file := apptest.MappingFile(t, "version: 1\n")
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil, "--mapping", file)
	for _, c := range []struct{ text, applied string }{{"version: 2\n", "0"}, {"version: 1\n", "1"}} {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		b.App.Reload()
		metric := `scim_bridge_mapping_applied{tenant="` + b.Realm + `"} `
		if got, unapplied := b.Metric(t, metric), b.App.Watcher.Tenants.ByPath(b.Realm).Unapplied(); got != metric+c.applied || (unapplied == "") != (c.applied == "1") {
			t.Errorf("with %q: %s, %q", c.text, got, unapplied)
		}
		b.Must(t, http.MethodGet, "/Users", "")
	}
}

// TestOrganizationsAreServedAndNotAnyMore: a change of the configuration starts and ends the service of
// organizations.
func TestOrganizationsAreServedAndNotAnyMore(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	c := apptest.NewEvery(t, fake.Server())
	acme := c.NewToken(t, "acme")
	c.Check(t)
	acme.Must(t, http.MethodGet, "/Users", "")
	c.Realm.ApplyFile(t, "config.yaml", apptest.Replaced(t, `organizations: "*"`, "organizations: { access: paused }"))
	c.Check(t)
	acme.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
	release, looked := make(chan struct{}), make(chan struct{})
	held := fake.Inject(keycloaktest.Fault{Op: "GET /organizations", Nth: 2, Hold: release}) // the second list; a check makes the first
	go func() {
		c.Realm.App.Watcher.Check(context.WithoutCancel(t.Context()))
		close(looked)
	}()
	<-held
	c.Realm.ApplyFile(t, "config.yaml", func(s string) string {
		s = strings.Replace(s, "    organizations: { access: paused }\n", "    tenants: [{ tokens: [{ name: x, sha256: "+strings.Repeat("ab", 32)+" }] }]\n", 1)
		return strings.Replace(s, `    credentialKeyFile: "credential-key"`+"\n", "", 1)
	})
	if said := c.Realm.Statusz(t); said != "" {
		t.Fatalf("/statusz says %q", said)
	}
	acme.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	close(release)
	<-looked // the result of the check that began before the change is dropped
	acme.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	c.Check(t)
	acme.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
}

// TestARealmThatGoesWhileItIsLookedAt: removing a realm during its check ends only this check, whichever call the
// check makes at that moment.
func TestARealmThatGoesWhileItIsLookedAt(t *testing.T) {
	t.Parallel()
	for nth := 1; nth <= 12; nth++ {
		t.Run(strconv.Itoa(nth), func(t *testing.T) {
			t.Parallel()
			fake := keycloaktest.NewFake(t)
			b := apptest.NewBridgeOn(t, fake.Server(), nil)
			release, looked := make(chan struct{}), make(chan struct{})
			held := fake.Inject(keycloaktest.Fault{Nth: nth, Hold: release})
			go func() {
				b.App.Watcher.Check(context.WithoutCancel(t.Context()))
				close(looked)
			}()
			<-held
			b.ApplyFile(t, "config.yaml", apptest.Replaced(t, `"`+b.Realm+`":`, `"another-realm":`))
			close(release)
			<-looked
			b.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			if got := b.Metric(t, `scim_bridge_tenant_fit{tenant="`+b.Realm+`"}`); got != "" {
				t.Errorf("the tenant that is gone has the metric %s", got)
			}
		})
	}
}

// TestFilesAreAppliedOneAfterTheOther: a program that embeds the bridge may apply a configuration while the bridge
// watches its files.
func TestFilesAreAppliedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	var wg sync.WaitGroup
	watching, stop := context.WithCancel(t.Context())
	wg.Go(func() { // ends with the context
		if err := b.App.WatchFiles(watching); err != nil {
			t.Error(err)
		}
	})
	for range 2 {
		wg.Go(func() { b.App.Reload() })
		wg.Go(func() { b.App.Apply(b.Config) })
	}
	b.Must(t, http.MethodGet, "/Users", "")
	stop()
	wg.Wait()
}
