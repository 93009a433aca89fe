package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth/authtest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// TestSecurity_25_NoTokenIsKept: no file of setup or the commands, and no attribute of an
// organization, has a token, its secret or something that could be a token.
func TestSecurity_25_NoTokenIsKept(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	out, _, _ := command(t, "", "tokens", "new", "--config", b.File, "--output", "json")
	var made app.IssuedToken
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	c := apptest.NewEvery(t, keycloaktest.NewFake(t).Server())
	acme := c.NewToken(t, "acme")
	organization, err := c.Realm.Admin.Organization(t.Context(), c.IDs["acme"])
	if err != nil {
		t.Fatal(err)
	}
	kept := fmt.Sprint(organization)
	for _, dir := range []string{filepath.Dir(b.File), filepath.Dir(c.Realm.File)} {
		files, err := os.ReadDir(dir)
		if err != nil || len(files) < 3 {
			t.Fatalf("%s has %d files, %v", dir, len(files), err)
		}
		for _, file := range files {
			data, err := os.ReadFile(filepath.Join(dir, file.Name()))
			if err != nil {
				t.Fatal(err)
			}
			kept += string(data)
		}
	}
	for _, token := range []string{b.Token, made.Token, acme.Token} {
		secret := strings.Split(token, "_")[2]
		if len(secret) != 32 || strings.Contains(kept, secret) {
			t.Errorf("the secret %s of %s is kept", secret, token)
		}
		if !strings.Contains(kept, apptest.SHA256Of(token)) {
			t.Errorf("the hash of %s is not kept", token)
		}
	}
}

// TestTokensNewRefuses what it cannot do, and says why.
func TestTokensNewRefuses(t *testing.T) {
	t.Parallel()
	c := apptest.NewEvery(t, keycloaktest.NewFake(t).Server())
	args := []string{"tokens", "new", "--config", c.Realm.File}
	for _, bad := range []struct {
		more []string
		code int
		text string
	}{
		{nil, exitUsage, "choose an organization with --organization"},
		{[]string{"--organization", "nope"}, exitFailure, `no organization has the alias "nope"`},
		{[]string{"--organization", "acme", "--name", "a|b"}, exitUsage, "1 to 40 letters"},
		{[]string{"--organization", "acme", "--realm", "other"}, exitUsage, "no such realm serves every organization"},
		{[]string{"--organization", "acme", "--months", "-1"}, exitUsage, "--months must be 0 or more"},
		{[]string{"--organization", "acme", "--output", "xml"}, exitUsage, `"--output" flag: give text or json`},
	} {
		if out, told, code := command(t, "", append(slices.Clone(args), bad.more...)...); code != bad.code || !strings.Contains(told, bad.text) || out != "" {
			t.Errorf("tokens new %v = %d, %s%s, want %d %q", bad.more, code, out, told, bad.code, bad.text)
		}
	}
	out, _, code := command(t, "", append(args, "--organization", "acme", "--months", "0")...)
	if code != 0 || !strings.Contains(out, "/organizations/acme/scim/v2\nToken     ksb_") {
		t.Errorf("tokens new = %d, %s", code, out)
	}
	dir := filepath.Dir(c.Realm.File)
	before, err := os.ReadFile(filepath.Join(dir, app.CredentialKeyName))
	if err != nil {
		t.Fatal(err)
	}
	if _, told, code := command(t, "", "setup", "--url", c.Server.URL, "--realm", c.Realm.Realm, "--admin-user", c.Server.Admin, "--admin-password", c.Server.Password, "--yes", "--all-organizations", "--out", dir); code != 0 {
		t.Fatalf("setup again = %d, %s", code, told)
	}
	if after, err := os.ReadFile(filepath.Join(dir, app.CredentialKeyName)); err != nil || string(after) != string(before) {
		t.Errorf("setup again made another key, which voids all credentials: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, app.SecretName), []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, told, code := command(t, "", append(args, "--organization", "acme")...); code != exitFailure || !strings.Contains(told, "the bridge's own account") {
		t.Errorf("tokens new with a wrong secret = %d, %s", code, told)
	}
}

// busyClients are clients that send requests without a pause, each with a token that may change.
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

// await waits until every client has sent some more requests.
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

// TestSecurity_26_ATokenIsRotatedUnderLoad: clients send requests without a pause. A new token is
// made, the clients change to it one after the other, and the old token is revoked. No request is
// refused before the revocation, and the old token is refused after it. The program runs in its own
// process, and the commands run beside it.
func TestSecurity_26_ATokenIsRotatedUnderLoad(t *testing.T) {
	t.Parallel()
	for _, place := range []string{app.PlaceTenant, admin.InStore} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			rotateUnderLoad(t, place)
		})
	}
}

func rotateUnderLoad(t *testing.T, place string) {
	t.Helper()
	const applied = "the configuration was changed and is applied"
	s := apptest.NewServed(t, keycloaktest.NewFake(t).Server())
	apptest.Bridge{File: s.File}.EditFile(t, "config.yaml", apptest.Replaced(t, "      - tokensFile:", "      - limits: { requestsPerSecond: 100000 }\n        tokensFile:"))
	s.Await(t, applied)
	l := newBusyClients(t, s.Base, s.Token, 4)
	l.await()
	out, told, code := command(t, "", "tokens", "new", "--config", s.File, "--place", place, "--output", "json")
	var made app.IssuedToken
	if err := json.Unmarshal([]byte(out), &made); code != 0 || err != nil || made.Token == s.Token || made.Todo != "" {
		t.Fatalf("tokens new ended with %d, %v: %s%s", code, err, out, told)
	}
	if place == app.PlaceTenant { // the store needs no time
		s.Await(t, applied)
	}
	for i := range l.tokens {
		l.await()
		l.tokens[i].Store(&made.Token)
	}
	l.await() // the requests with the old token are answered
	if out, told, code := command(t, "", "tokens", "revoke", "idp", "--config", s.File); code != 0 {
		t.Fatalf("tokens revoke ended with %d: %s%s", code, out, told)
	}
	s.Await(t, applied)
	for range 3 {
		if _, err := s.Do(t.Context(), http.MethodGet, "/Schemas", nil); client.StatusOf(err) != http.StatusUnauthorized {
			t.Errorf("the old token = %v after its end, want 401", err)
		}
		l.await()
	}
	l.stop()
	if place == admin.InStore {
		if out, told, code := command(t, "", "tokens", "revoke", made.KeyID, "--config", s.File); code != 0 || !strings.Contains(out, "refuses the token now") {
			t.Fatalf("tokens revoke ended with %d: %s%s", code, out, told)
		}
		if _, err := s.With(made.Token).Do(t.Context(), http.MethodGet, "/Schemas", nil); client.StatusOf(err) != http.StatusUnauthorized {
			t.Errorf("the token of the store = %v after its end, want 401", err)
		}
	}
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.Rest()
	if err := s.Cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestTokensOfATenant: tokens are made, listed, inspected and revoked in the tenant's file. When
// the tenant has no file, or another program writes the file, the operator learns what to do.
func TestTokensOfATenant(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	run := func(stdin string, want int, args ...string) string {
		t.Helper()
		out, told, code := command(t, stdin, append([]string{"tokens", args[0], "--config", b.File}, args[1:]...)...)
		if code != want {
			t.Fatalf("tokens %v ended with %d, want %d: %s%s", args, code, want, out, told)
		}
		return out + told
	}
	var made app.IssuedToken
	if err := json.Unmarshal([]byte(run("", 0, "new", "--scope", "users:read,groups:read", "--months", "0", "--name", "reader", "--output", "json")), &made); err != nil {
		t.Fatal(err)
	}
	b.App.Reload()
	b.With(made.Token).Must(t, http.MethodGet, "/Users", "")
	list := run("", 0, "list")
	for _, want := range []string{"reader  " + made.KeyID + "  never", "good   users:read groups:read", "users:read users:write groups:read groups:write bulk"} {
		if !strings.Contains(list, want) {
			t.Errorf("tokens list lacks %q:\n%s", want, list)
		}
	}
	if inspected := run(made.Token+"\n", 0, "inspect"); !strings.Contains(inspected, "key id  ") || !strings.Contains(inspected, "yes, as reader, for users:read groups:read") || strings.Contains(inspected, made.Token) {
		t.Errorf("tokens inspect says %s", inspected)
	}
	if inspected := run(made.Token[:50]+"\n", 0, "inspect"); !strings.Contains(inspected, "incomplete token") || strings.Contains(inspected, "yes") {
		t.Errorf("tokens inspect of half a token says %s", inspected)
	}
	if inspected := run("of-another-server\n", 0, "inspect"); !strings.Contains(inspected, "no tenant of the configuration knows this token") || !strings.Contains(inspected, apptest.SHA256Of("of-another-server")) {
		t.Errorf("tokens inspect of an unknown token says %s", inspected)
	}
	run("", 0, "new", "--sha256", apptest.SHA256Of("of-another-server"), "--name", "taken-over")
	b.App.Reload()
	b.With("of-another-server").Must(t, http.MethodGet, "/Users", "")
	for _, bad := range [][]string{
		{"new", "--sha256", apptest.SHA256Of("of-another-server")},
		{"new", "--sha256", apptest.SHA256Of("")},
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
	b.App.Reload()
	b.With(made.Token).Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	run("", 0, "revoke", "idp")
	run("", 0, "revoke", "taken-over")
	b.App.Reload()
	b.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	if said := b.Statusz(t); said != "" {
		t.Errorf("without a token /statusz says %q", said)
	}
	file := filepath.Join(filepath.Dir(b.File), app.TokensName)
	if err := os.Rename(file, file+".origin"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(app.TokensName+".origin", file); err != nil {
		t.Fatal(err)
	}
	if told := run("", 0, "new"); !strings.Contains(told, "Add this to tokens in the origin of "+file) || !strings.Contains(told, "    sha256: ") {
		t.Errorf("tokens new in a file that is mounted says %s", told)
	}
	b.EditFile(t, "config.yaml", apptest.Replaced(t, "tokensFile: \"tokens.yaml\"", "tokens: [{ name: inline, sha256: "+strings.Repeat("ab", 32)+" }] "))
	if told := run("", 0, "new"); !strings.Contains(told, "Add this to realms."+b.Realm+".tenants[0].tokens in "+b.File) {
		t.Errorf("tokens new without a file says %s", told)
	}
	if told := run("", exitFailure, "revoke", "inline"); !strings.Contains(told, "the token is in "+b.File+":") {
		t.Errorf("tokens revoke without a file says %s", told)
	}
}

// TestTokensInspectOfAnAccessToken prints the claims, and why a tenant does not accept the token.
func TestTokensInspectOfAnAccessToken(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	b.EditFile(t, "config.yaml", apptest.Replaced(t, "      - tokensFile:", `      - accessTokens: [{ name: jwt, issuer: "`+apptest.TestIssuer+`", jwksURL: "https://issuer.test/keys", audience: bridge, subject: sub-1 }]`+"\n        tokensFile:"))
	issuer := authtest.NewIssuer(t)
	for want, change := range map[string]map[string]any{
		"yes, if its signature is valid, as jwt": nil, "has another audience": {"aud": "x"}, "the token has another issuer": {"iss": "https://x.test"}, "has another subject": {"sub": "x"},
	} {
		out, told, code := command(t, issuer.Sign(t, "one", apptest.IssuerClaims(change))+"\n", "tokens", "inspect", "--config", b.File)
		if code != 0 || !strings.Contains(out, want) || !strings.Contains(out, "its signature was not checked") {
			t.Errorf("tokens inspect ended with %d: %s%s, want %q", code, out, told, want)
		}
	}
}

// TestTokensOfAnOrganization are made, listed and revoked in the organization's attributes, and the
// running bridge learns of it.
func TestTokensOfAnOrganization(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewEvery(t, start(t))
			acme, second := c.NewToken(t, "acme"), c.NewToken(t, "acme")
			c.Check(t)
			out, told, code := command(t, "", "tokens", "list", "--config", c.Realm.File, "--output", "json")
			var list []admin.Credential
			if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list) != 2 || list[0].Tenant != c.Realm.Realm+"/organizations/acme" {
				t.Fatalf("tokens list ended with %d, %v: %s%s", code, err, out, told)
			}
			acme.Must(t, http.MethodGet, "/Users", "")
			if out, told, code := command(t, "", "tokens", "revoke", "--config", c.Realm.File, "--organization", "acme", list[0].KeyID); code != 0 {
				t.Fatalf("tokens revoke ended with %d: %s%s", code, out, told)
			}
			c.Check(t)
			statuses := map[bool]int{}
			for _, b := range []apptest.Bridge{acme, second} {
				_, err := b.Send(t, http.MethodGet, "/Users", "")
				statuses[err == nil]++
			}
			if statuses[true] != 1 || statuses[false] != 1 {
				t.Errorf("after one of two tokens was revoked %v are good", statuses)
			}
		})
	}
}
