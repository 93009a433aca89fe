package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"go.uber.org/zap/zapcore"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth/authtest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// change writes a file beside the configuration anew, and applies it.
func (b testBridge) change(t *testing.T, name string, edit func(string) string) {
	t.Helper()
	b.write(t, name, edit)
	b.app.Reload()
}

// replaced is an edit that has to find what it replaces.
func replaced(t *testing.T, old, next string) func(string) string {
	t.Helper()
	return func(text string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("there is no %q in\n%s", old, text)
		}
		return strings.Replace(text, old, next, 1)
	}
}

// statusz is what the page says of the configuration.
func (b testBridge) statusz(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	b.app.Health.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/statusz", nil))
	var page struct{ Config string }
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
		t.Fatal(err)
	}
	return page.Config
}

// metric is the line of a metric.
func (b testBridge) metric(t *testing.T, begin string) string {
	t.Helper()
	w := httptest.NewRecorder()
	b.app.Health.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, begin) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// TestTheConfigurationIsAppliedWhileTheBridgeRuns: tokens, scopes, policies, tenants, realms and
// their credentials. What a tenant has found of its realm stays.
func TestTheConfigurationIsAppliedWhileTheBridgeRuns(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := newBridgeOn(t, fake.Server(), nil)
	const bearer = "another-token-0"
	other := b.with(bearer)
	other.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	b.change(t, "tokens.yaml", func(s string) string { return s + tokenEntry(bearer, "reads", `["users:read"]`) })
	fake.ResetCalls()
	other.must(t, http.MethodGet, "/Users", "")
	if detail := other.refused(t, http.StatusForbidden, http.MethodPost, "/Users", `{"userName":"xavier"}`); !strings.Contains(detail, "lacks the scope users:write") {
		t.Errorf("the refusal says %q", detail)
	}
	b.change(t, "tokens.yaml", replaced(t, `["users:read"]`, `["users:read", "users:write"]`))
	other.create(t, "/Users", `{"userName":"xavier"}`)

	b.change(t, "config.yaml", replaced(t, "      - tokensFile:", "      - access: read-only\n        tokensFile:"))
	b.must(t, http.MethodGet, "/Users", "")
	b.refused(t, http.StatusForbidden, http.MethodPost, "/Users", `{"userName":"yvonne"}`)
	b.refused(t, http.StatusForbidden, http.MethodPost, "/Groups", `{"displayName":"y"}`)
	b.change(t, "config.yaml", replaced(t, "access: read-only", "access: paused"))
	if detail := b.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", ""); !strings.Contains(detail, "paused") {
		t.Errorf("a paused tenant says %q", detail)
	}
	b.with("wrong").refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "") // nobody else learns of it
	b.change(t, "config.yaml", replaced(t, "access: paused", "access: full"))
	b.create(t, "/Users", `{"userName":"yvonne"}`)

	b.change(t, "config.yaml", replaced(t, "        # For Okta", "        path: renamed\n        # For Okta"))
	b.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	renamed := b.at("renamed")
	renamed.Token = b.Token
	renamed.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "") // nobody looked yet
	b.look(t)
	renamed.must(t, http.MethodGet, "/Users", "")
	if got := b.metric(t, `scim_bridge_tenant_fit{tenant="`+b.realm+`"}`); got != "" {
		t.Errorf("a tenant that is gone has the metric %s", got)
	}
	if b.statusz(t) != "" || b.metric(t, "scim_bridge_config_applied ") != "scim_bridge_config_applied 1" {
		t.Errorf("/statusz says %q", b.statusz(t))
	}
}

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// tokenEntry is an entry of a file of tokens.
func tokenEntry(text, name, scopes string) string {
	return "  - name: " + name + "\n    sha256: " + sha256Of(text) + "\n    scopes: " + scopes + "\n"
}

// TestTheBridgesOwnCredentialsAreAppliedWhileItRuns: a secret that was renewed in Keycloak is
// taken from its file, and the token of the one before is not kept.
func TestTheBridgesOwnCredentialsAreAppliedWhileItRuns(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := newBridgeOn(t, fake.Server(), nil)
	b.must(t, http.MethodGet, "/Users", "")
	fake.ResetCalls()
	b.app.Reload()
	b.must(t, http.MethodGet, "/Users", "")
	if n := len(fake.Calls()); n != 2 {
		t.Errorf("after a change of nothing a list costs %d calls, want 2: the token is kept", n)
	}
	b.change(t, app.SecretName, func(string) string { return "a-wrong-secret-of-the-client" })
	b.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
}

// TestABadConfigurationChangesNothing and is told: in the log, on /statusz and in the metrics.
func TestABadConfigurationChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
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
		b.change(t, c.file, func(s string) string { before = s; return c.edit(s) })
		if said := b.statusz(t); !strings.Contains(said, c.says) {
			t.Errorf("%s: /statusz says %q, want %q", name, said, c.says)
		}
		if entries := b.lines.FilterLevelExact(zapcore.ErrorLevel).All(); len(entries) != 1 || !strings.Contains(entries[0].ContextMap()["problem"].(string), c.says) {
			t.Errorf("%s: the log says %v", name, entries)
		}
		b.lines.TakeAll()
		if got := b.metric(t, "scim_bridge_config_applied "); got != "scim_bridge_config_applied 0" {
			t.Errorf("%s: %s", name, got)
		}
		b.must(t, http.MethodGet, "/Users", "")
		b.change(t, c.file, func(string) string { return before })
		if said := b.statusz(t); said != "" {
			t.Errorf("%s, mended: /statusz says %q", name, said)
		}
	}
}

// TestWhatNeedsARestart is told, and all else is applied.
func TestWhatNeedsARestart(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	b.change(t, "config.yaml", replaced(t, "keycloak:\n", "log: { level: debug }\nkeycloak:\n  maxInFlight: 7\n"))
	b.change(t, "tokens.yaml", func(s string) string { return s + tokenEntry("another-token-1", "other", "[bulk]") })
	for range 2 { // also after a change of nothing
		if said := b.statusz(t); said != "changes of keycloak, log take effect when the bridge is started again" {
			t.Errorf("/statusz says %q", said)
		}
		b.app.Reload()
	}
	b.with("another-token-1").must(t, http.MethodGet, "/ServiceProviderConfig", "")
}

// TestATenantThatIsAddedWithABadMapping is not served, and those that are there are.
func TestATenantThatIsAddedWithABadMapping(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	bad := mappingFile(t, "version: 1\nusers: { attributes: { titel: { keycloak: t } } }\n")
	b.change(t, "config.yaml", func(s string) string {
		return s + "      - path: second\n        key: second\n        mapping: " + bad + "\n        tokensFile: tokens.yaml\n"
	})
	if said := b.statusz(t); !strings.Contains(said, "the tenant second cannot be added: "+bad+":2") {
		t.Errorf("/statusz says %q", said)
	}
	b.must(t, http.MethodGet, "/Users", "")
	b.at("second").refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
}

// TestAMappingThatIsMended as it was is applied, and is told so.
func TestAMappingThatIsMended(t *testing.T) {
	t.Parallel()
	file := mappingFile(t, "version: 1\n")
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil, "--mapping", file)
	for _, c := range []struct{ text, applied string }{{"version: 2\n", "0"}, {"version: 1\n", "1"}} {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		b.app.Reload()
		metric := `scim_bridge_mapping_applied{tenant="` + b.realm + `"} `
		if got, unapplied := b.metric(t, metric), b.app.Watcher.Tenants.ByPath(b.realm).Unapplied(); got != metric+c.applied || (unapplied == "") != (c.applied == "1") {
			t.Errorf("with %q: %s, %q", c.text, got, unapplied)
		}
		b.must(t, http.MethodGet, "/Users", "")
	}
}

// TestOrganizationsAreServedAndNotAnyMore as the configuration says.
func TestOrganizationsAreServedAndNotAnyMore(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	c := newEvery(t, fake.Server())
	acme := c.token(t, "acme")
	c.look(t)
	acme.must(t, http.MethodGet, "/Users", "")
	c.realm.change(t, "config.yaml", replaced(t, `organizations: "*"`, "organizations: { access: paused }"))
	c.look(t)
	acme.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
	release, looked := make(chan struct{}), make(chan struct{})
	held := fake.Inject(keycloaktest.Fault{Op: "GET /organizations", Nth: 2, Hold: release}) // the list: the first is that of a check
	go func() {
		c.realm.app.Watcher.Look(context.WithoutCancel(t.Context()))
		close(looked)
	}()
	<-held
	c.realm.change(t, "config.yaml", func(s string) string {
		s = strings.Replace(s, "    organizations: { access: paused }\n", "    tenants: [{ tokens: [{ name: x, sha256: "+strings.Repeat("ab", 32)+" }] }]\n", 1)
		return strings.Replace(s, `    credentialKeyFile: "credential-key"`+"\n", "", 1)
	})
	if said := c.realm.statusz(t); said != "" {
		t.Fatalf("/statusz says %q", said)
	}
	acme.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	close(release)
	<-looked // what was found before the change comes too late
	acme.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	c.look(t)
	acme.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
}

// busyClients is clients that ask without a pause, each with a token that may change.
type busyClients struct {
	t      *testing.T
	base   string
	tokens []atomic.Pointer[string]
	group  sync.WaitGroup

	mu    sync.Mutex
	more  *sync.Cond
	sent  int
	ended bool
}

func newBusyClients(t *testing.T, base, token string, clients int) *busyClients {
	t.Helper()
	l := &busyClients{t: t, base: base, tokens: make([]atomic.Pointer[string], clients)}
	l.more = sync.NewCond(&l.mu)
	for i := range l.tokens {
		l.tokens[i].Store(&token)
		l.group.Go(func() { l.run(i) })
	}
	t.Cleanup(l.stop)
	return l
}

func (l *busyClients) run(i int) {
	for l.next() {
		c := client.Client{Base: l.base, Token: *l.tokens[i].Load(), HTTP: http.DefaultClient}
		_, err := c.Do(context.Background(), http.MethodGet, "/Schemas", nil)
		l.mu.Lock()
		l.sent++
		if err != nil && !l.ended {
			l.t.Errorf("after %d requests one is refused: %v", l.sent, err)
			l.ended = true
		}
		l.more.Broadcast()
		l.mu.Unlock()
	}
}

func (l *busyClients) next() bool {
	const most = 1_000_000
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.ended && l.sent < most
}

// await waits until every client has sent some more.
func (l *busyClients) await() {
	const each = 25
	l.mu.Lock()
	defer l.mu.Unlock()
	for until := l.sent + each*len(l.tokens); l.sent < until && !l.ended; {
		l.more.Wait()
	}
}

func (l *busyClients) stop() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.group.Wait()
}

// TestSecurity_26_ATokenIsRotatedUnderLoad: while clients ask without a pause a token is made,
// the clients take it one after the other, and the old one is revoked. No request is refused,
// and from its end on the old one is. The program runs as its own process, and the commands
// beside it.
func TestSecurity_26_ATokenIsRotatedUnderLoad(t *testing.T) {
	t.Parallel()
	const applied = "the configuration was changed and is applied"
	s := newServed(t, keycloaktest.NewFake(t).Server())
	testBridge{file: s.file}.write(t, "config.yaml", replaced(t, "      - tokensFile:", "      - limits: { requestsPerSecond: 100000 }\n        tokensFile:"))
	s.await(t, applied)
	l := newBusyClients(t, s.Base, s.Token, 4)
	l.await()
	out, told, code := command(t, "", "tokens", "new", "--config", s.file, "--output", "json")
	var made app.IssuedToken
	if err := json.Unmarshal([]byte(out), &made); code != 0 || err != nil || made.Token == s.Token || made.Todo != "" {
		t.Fatalf("tokens new ended with %d, %v: %s%s", code, err, out, told)
	}
	s.await(t, applied)
	for i := range l.tokens {
		l.await()
		l.tokens[i].Store(&made.Token)
	}
	l.await() // what was sent with the old one is answered
	if out, told, code := command(t, "", "tokens", "revoke", "idp", "--config", s.file); code != 0 {
		t.Fatalf("tokens revoke ended with %d: %s%s", code, out, told)
	}
	s.await(t, applied)
	for range 3 {
		if _, err := s.Do(t.Context(), http.MethodGet, "/Schemas", nil); client.StatusOf(err) != http.StatusUnauthorized {
			t.Errorf("the old token = %v after its end, want 401", err)
		}
		l.await()
	}
	l.stop()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.rest()
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestTokensOfATenant: made, listed, inspected and revoked in its file; where it has none, or one
// that something else makes, the operator is told what to do.
func TestTokensOfATenant(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	run := func(stdin string, want int, args ...string) string {
		t.Helper()
		out, told, code := command(t, stdin, append([]string{"tokens", args[0], "--config", b.file}, args[1:]...)...)
		if code != want {
			t.Fatalf("tokens %v ended with %d, want %d: %s%s", args, code, want, out, told)
		}
		return out + told
	}
	var made app.IssuedToken
	if err := json.Unmarshal([]byte(run("", 0, "new", "--scope", "users:read,groups:read", "--months", "0", "--name", "reader", "--output", "json")), &made); err != nil {
		t.Fatal(err)
	}
	b.app.Reload()
	b.with(made.Token).must(t, http.MethodGet, "/Users", "")
	list := run("", 0, "list")
	for _, want := range []string{"reader  " + made.KeyID + "  never", "good   users:read groups:read", "users:read users:write groups:read groups:write bulk"} {
		if !strings.Contains(list, want) {
			t.Errorf("tokens list lacks %q:\n%s", want, list)
		}
	}
	if inspected := run(made.Token+"\n", 0, "inspect"); !strings.Contains(inspected, "key id  ") || !strings.Contains(inspected, "yes, as reader, for users:read groups:read") || strings.Contains(inspected, made.Token) {
		t.Errorf("tokens inspect says %s", inspected)
	}
	if inspected := run(made.Token[:50]+"\n", 0, "inspect"); !strings.Contains(inspected, "not whole") || strings.Contains(inspected, "yes") {
		t.Errorf("tokens inspect of half a token says %s", inspected)
	}
	if inspected := run("of-another-server\n", 0, "inspect"); !strings.Contains(inspected, "none of the configuration knows it") || !strings.Contains(inspected, sha256Of("of-another-server")) {
		t.Errorf("tokens inspect of an unknown token says %s", inspected)
	}
	run("", 0, "new", "--sha256", sha256Of("of-another-server"), "--name", "taken-over")
	b.app.Reload()
	b.with("of-another-server").must(t, http.MethodGet, "/Users", "")
	for _, bad := range [][]string{
		{"new", "--sha256", sha256Of("of-another-server")},
		{"new", "--sha256", sha256Of("")},
		{"new", "--sha256", "x"},
		{"new", "--name", "reader"},
		{"new", "--scope", "all"},
		{"new", "--tenant", "nope"},
		{"revoke", "nobody"},
		{"revoke"},
		{"revoke", "a", "b"},
		{"list", "--output", "xml"},
		{"list", "--tenant", "a", "--organization", "b"},
	} {
		run("", exitUsage, bad...)
	}
	run("", 0, "revoke", made.KeyID)
	b.app.Reload()
	b.with(made.Token).refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	run("", 0, "revoke", "idp")
	run("", 0, "revoke", "taken-over")
	b.app.Reload()
	b.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	if said := b.statusz(t); said != "" {
		t.Errorf("without a token /statusz says %q", said)
	}
	file := filepath.Join(filepath.Dir(b.file), app.TokensName)
	if err := os.Rename(file, file+".origin"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(app.TokensName+".origin", file); err != nil {
		t.Fatal(err)
	}
	if told := run("", 0, "new"); !strings.Contains(told, "Add this to tokens in the origin of "+file) || !strings.Contains(told, "    sha256: ") {
		t.Errorf("tokens new in a file that is mounted says %s", told)
	}
	b.write(t, "config.yaml", replaced(t, "tokensFile: \"tokens.yaml\"", "tokens: [{ name: inline, sha256: "+strings.Repeat("ab", 32)+" }] "))
	if told := run("", 0, "new"); !strings.Contains(told, "Add this to realms."+b.realm+".tenants[0].tokens in "+b.file) {
		t.Errorf("tokens new without a file says %s", told)
	}
	if told := run("", exitFailure, "revoke", "inline"); !strings.Contains(told, "the token stands in "+b.file+":") {
		t.Errorf("tokens revoke without a file says %s", told)
	}
}

// TestTokensInspectOfAnAccessToken says what stands in it, and why a tenant does not take it.
func TestTokensInspectOfAnAccessToken(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	b.write(t, "config.yaml", replaced(t, "      - tokensFile:", `      - accessTokens: [{ name: jwt, issuer: "`+testIssuer+`", jwksURL: "https://issuer.test/keys", audience: bridge, subject: sub-1 }]`+"\n        tokensFile:"))
	issuer := authtest.NewIssuer(t)
	for want, change := range map[string]map[string]any{
		"yes when its signature is good, as jwt": nil, "has another audience": {"aud": "x"}, "the issuer is another one": {"iss": "https://x.test"}, "has another subject": {"sub": "x"},
	} {
		out, told, code := command(t, issuer.Sign(t, "one", issuerClaims(change))+"\n", "tokens", "inspect", "--config", b.file)
		if code != 0 || !strings.Contains(out, want) || !strings.Contains(out, "its signature was not checked") {
			t.Errorf("tokens inspect ended with %d: %s%s, want %q", code, out, told, want)
		}
	}
}

// TestTokensOfAnOrganization are made, listed and revoked in its attributes, and the bridge that
// runs here is told.
func TestTokensOfAnOrganization(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newEvery(t, start(t))
			acme, second := c.token(t, "acme"), c.token(t, "acme")
			c.look(t)
			out, told, code := command(t, "", "tokens", "list", "--config", c.realm.file, "--output", "json")
			var list []app.ListedToken
			if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list) != 2 || list[0].Tenant != c.realm.realm+"/organizations/acme" {
				t.Fatalf("tokens list ended with %d, %v: %s%s", code, err, out, told)
			}
			acme.must(t, http.MethodGet, "/Users", "")
			if out, told, code := command(t, "", "tokens", "revoke", "--config", c.realm.file, "--organization", "acme", list[0].KeyID); code != 0 {
				t.Fatalf("tokens revoke ended with %d: %s%s", code, out, told)
			}
			c.look(t)
			statuses := map[bool]int{}
			for _, b := range []testBridge{acme, second} {
				_, err := b.send(t, http.MethodGet, "/Users", "")
				statuses[err == nil]++
			}
			if statuses[true] != 1 || statuses[false] != 1 {
				t.Errorf("after one of two tokens was revoked %v are good", statuses)
			}
		})
	}
}

// TestARealmThatGoesWhileItIsLookedAt ends the look at it and nothing else, whatever call the
// look is at.
func TestARealmThatGoesWhileItIsLookedAt(t *testing.T) {
	t.Parallel()
	for nth := 1; nth <= 12; nth++ {
		t.Run(strconv.Itoa(nth), func(t *testing.T) {
			t.Parallel()
			fake := keycloaktest.NewFake(t)
			b := newBridgeOn(t, fake.Server(), nil)
			release, looked := make(chan struct{}), make(chan struct{})
			held := fake.Inject(keycloaktest.Fault{Nth: nth, Hold: release})
			go func() {
				b.app.Watcher.Look(context.WithoutCancel(t.Context()))
				close(looked)
			}()
			<-held
			b.change(t, "config.yaml", replaced(t, `"`+b.realm+`":`, `"another-realm":`))
			close(release)
			<-looked
			b.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			if got := b.metric(t, `scim_bridge_tenant_fit{tenant="`+b.realm+`"}`); got != "" {
				t.Errorf("the tenant that is gone has the metric %s", got)
			}
		})
	}
}
