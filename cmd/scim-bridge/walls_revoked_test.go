package main

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestSecurity_44_ARevokedTokenStaysRevoked: somebody who may edit organizations writes the token's
// signed entry again. They write it at once, after a restart, with other scopes, at another
// organization, and at an organization that has the alias now.
func TestSecurity_44_ARevokedTokenStaysRevoked(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewEvery(t, start(t))
			acme, kept := c.NewToken(t, "acme"), c.NewToken(t, "acme")
			old := entries(t, c, "acme")
			revoked, ours := old[0], sha256.Sum256([]byte(acme.Token))
			if !strings.Contains(revoked, hex.EncodeToString(ours[:])) {
				revoked = old[1]
			}
			key := []byte(c.Realm.Config.Realms[c.Realm.Realm].CredentialKey.Reveal())
			token, err := auth.ReadEntry(key, c.IDs["acme"].String(), revoked)
			if err != nil {
				t.Fatal(err)
			}
			c.Check(t)
			acme.Must(t, http.MethodGet, "/Users", "")
			if out, told, code := command(t, "", "tokens", "revoke", "--config", c.Realm.File, "--organization", "acme", token.KeyID); code != 0 {
				t.Fatalf("tokens revoke = %d, %s%s", code, out, told)
			}
			c.Check(t)
			acme.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")

			write(t, c, "acme", old...)
			acme.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			kept.Must(t, http.MethodGet, "/Users", "")
			token.Scopes, token.Expires = tenant.UsersRead, time.Now().AddDate(9, 0, 0) // another entry of the same token
			other, err := auth.Entry(key, c.IDs["acme"].String(), token)
			if err != nil {
				t.Fatal(err)
			}
			write(t, c, "acme", other, revoked)
			acme.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			write(t, c, "globex", old...)
			acme.At(c.Realm.Realm+"/organizations/globex").Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			write(t, c, "acme", old...)
			again := apptest.NewTestApp(t, c.Realm.Config) // after a restart
			again.Watcher.Check(t.Context())
			if got := again.Watcher.Tenants.ByPath(tenant.OrganizationPath(c.Realm.Realm, "acme")); got == nil || len(got.Tokens) != 1 || got.Tokens[0].SHA256 != sha256.Sum256([]byte(kept.Token)) {
				t.Errorf("after a restart the tenant is %+v, want one with the other token", got)
			}
			args := []string{"--config", c.Realm.File, "--organization", "acme"}
			if out, told, code := command(t, "", append([]string{"tokens", "list"}, args...)...); code != 0 || strings.Contains(out, token.KeyID) {
				t.Errorf("tokens list = %d, %s%s, want it without the revoked one", code, out, told)
			}
			sum := hex.EncodeToString(token.SHA256[:])
			if _, told, code := command(t, "", append([]string{"tokens", "new", "--sha256", sum}, args...)...); code != exitUsage || !strings.Contains(told, "was revoked") {
				t.Errorf("tokens new of the revoked one = %d, %s", code, told)
			}
			if err := c.Realm.Admin.DeleteOrganization(t.Context(), c.IDs["acme"]); err != nil {
				t.Fatal(err)
			}
			c.AddOrganization(t, c.Realm.Admin, "acme")
			write(t, c, "acme", old...)
			for _, client := range []apptest.Bridge{acme, kept} {
				client.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			}
		})
	}
}

// TestSecurity_44_ARevocationIsBounded: the bridge forgets revocations of expired tokens and keeps
// the others. A revocation beyond the limit is refused with a remedy, and the token stays valid.
func TestSecurity_44_ARevocationIsBounded(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewEvery(t, start(t))
			acme := c.NewToken(t, "acme")
			c.Check(t)
			own := c.Realm.App.Watcher.Realms.Client(c.Realm.Realm)
			var others []string
			for i := range 5000 {
				others = append(others, realm.Revocation(c.IDs["globex"], tenant.Token{SHA256: [32]byte{byte(i), byte(i >> 8)}}))
			}
			remember := func(values ...string) {
				t.Helper()
				if err := realm.Remember(t.Context(), own, mapping.AttrRevoked, func([]string) ([]string, error) { return values, nil }); err != nil {
					t.Fatal(err)
				}
			}
			remember(others...)
			id, err := auth.KeyID(acme.Token)
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"tokens", "revoke", "--config", c.Realm.File, "--organization", "acme", id}
			if out, told, code := command(t, "", args...); code != exitFailure || !strings.Contains(told, "there is no room for another") || !strings.Contains(told, "credentialKeyFile") || out != "" {
				t.Errorf("a revocation too many = %d, %s%s", code, out, told)
			}
			c.Check(t)
			acme.Must(t, http.MethodGet, "/Users", "")
			ended := realm.Revocation(c.IDs["acme"], tenant.Token{KeyID: "ended", Expires: time.Now().AddDate(0, 0, -2)})
			endless := realm.Revocation(c.IDs["acme"], tenant.Token{SHA256: [32]byte{1}, Expires: time.Now().AddDate(0, 0, -2)}) // a token of another server
			remember(append([]string{ended, endless, "not ours"}, others[:4997]...)...)
			if out, told, code := command(t, "", args...); code != 0 {
				t.Errorf("a revocation in the place of one that ended = %d, %s%s", code, out, told)
			}
			values, err := realm.Remembered(t.Context(), own, mapping.AttrRevoked)
			if err != nil || slices.Contains(values, ended) || !slices.Contains(values, endless) || !slices.Contains(values, "not ours") || len(values) != 5000 {
				t.Errorf("then %d values are remembered, %v", len(values), err)
			}
			c.Check(t)
			acme.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
		})
	}
}

// TestSecurity_44_ARunningBridgeRevokes itself, so that no two changes of the remembered
// revocations mix.
func TestSecurity_44_ARunningBridgeRevokes(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewEvery(t, start(t))
			file := c.Realm.Controlled(t)
			acme := c.NewToken(t, "acme")
			old := entries(t, c, "acme")
			id, err := auth.KeyID(acme.Token)
			if err != nil {
				t.Fatal(err)
			}
			if out, told, code := command(t, "", "tokens", "revoke", "--config", file, "--organization", "acme", id); code != 0 || !strings.Contains(out, "applies the change within two seconds") {
				t.Fatalf("tokens revoke = %d, %s%s", code, out, told)
			}
			write(t, c, "acme", old...)
			acme.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			revocation := realm.Revocation(c.IDs["acme"], tenant.Token{})
			for _, bad := range [][2]string{{"nope", revocation}, {c.Realm.Realm, "x"}, {c.Realm.Realm, revocation + "|"}} {
				if err := c.Realm.App.Admin.Revoke(t.Context(), bad[0], bad[1]); err == nil {
					t.Errorf("Revoke(%q) was done", bad)
				}
			}
		})
	}
}

// entries returns the credentials in the attributes of an organization.
func entries(t *testing.T, c apptest.Customers, alias string) []string {
	t.Helper()
	o, err := c.Realm.Admin.Organization(t.Context(), c.IDs[alias])
	if err != nil {
		t.Fatal(err)
	}
	return o.Attributes[auth.AttrCredentials]
}

// write changes the attributes as somebody who may edit organizations does, and waits until the
// bridge has read them.
func write(t *testing.T, c apptest.Customers, alias string, entries ...string) {
	t.Helper()
	if err := c.Realm.Admin.SetOrganizationAttribute(t.Context(), c.IDs[alias], auth.AttrCredentials, entries); err != nil {
		t.Fatal(err)
	}
	c.Check(t)
}

// TestSecurity_44_ARevocationLastsAsLongAsEveryEntry: a token may have several signed entries with
// different ends, and somebody could write each of them again.
func TestSecurity_44_ARevocationLastsAsLongAsEveryEntry(t *testing.T) {
	t.Parallel()
	c := apptest.NewEvery(t, keycloaktest.NewFake(t).Server())
	acme := c.NewToken(t, "acme")
	key := []byte(c.Realm.Config.Realms[c.Realm.Realm].CredentialKey.Reveal())
	first := entries(t, c, "acme")[0]
	token, err := auth.ReadEntry(key, c.IDs["acme"].String(), first)
	if err != nil {
		t.Fatal(err)
	}
	later := token
	later.Expires = token.Expires.AddDate(5, 0, 0).Truncate(time.Second)
	second, err := auth.Entry(key, c.IDs["acme"].String(), later)
	if err != nil {
		t.Fatal(err)
	}
	write(t, c, "acme", first, second)
	acme.Must(t, http.MethodGet, "/Users", "")
	if _, told, code := command(t, "", "tokens", "revoke", "--config", c.Realm.File, "--organization", "acme", token.KeyID); code != 0 {
		t.Fatalf("tokens revoke = %d, %s", code, told)
	}
	values, err := realm.Remembered(t.Context(), c.Realm.App.Watcher.Realms.Client(c.Realm.Realm), mapping.AttrRevoked)
	if want := realm.Revocation(c.IDs["acme"], later); err != nil || !slices.Equal(values, []string{want}) {
		t.Errorf("remembered is %q, %v, want %q", values, err, want)
	}
}
