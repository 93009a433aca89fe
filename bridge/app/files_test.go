package app_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth/authtest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestEveryFileOfTheConfigurationIsReadAgainWithoutARestart goes through the types of the configuration. Each field
// that names a file needs a test that changes the file while the bridge runs. The bridge must watch the file.
func TestEveryFileOfTheConfigurationIsReadAgainWithoutARestart(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*testing.T) (b apptest.Bridge, file string){
		"keycloak.caFile":                        keycloakAuthorities,
		"keycloak.clientCertFile":                clientCertificate("client.crt"),
		"keycloak.clientKeyFile":                 clientCertificate("client.key"),
		"outbound.caFile":                        outboundAuthorities,
		"store.keyFile":                          storeKeys,
		"realms.<>.credentials.clientSecretFile": clientSecret,
		"realms.<>.credentials.privateKeyFile":   privateKey,
		"realms.<>.credentialKeyFile":            credentialKey,
		"realms.<>.tenants[].tokensFile":         tokensFile,
	}
	fields := filesOf("", reflect.TypeFor[config.Config]())
	for _, field := range fields {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			taken := cases[field]
			if taken == nil {
				t.Fatalf("no test changes the file that %s names while the bridge runs", field)
			}
			b, file := taken(t)
			if _, watched := b.App.Reload()[filepath.Join(filepath.Dir(b.File), file)]; !watched {
				t.Errorf("the bridge does not watch %s", file)
			}
			if said := b.Statusz(t); said != "" {
				t.Errorf("/statusz says %q", said)
			}
		})
	}
	if len(fields) != len(cases) {
		t.Errorf("%d fields name a file, %d have a test", len(fields), len(cases))
	}
}

// filesOf returns the keys of the configuration that name a file with secrets, keys, tokens or certificates.
func filesOf(path string, t reflect.Type) []string {
	switch {
	case t == reflect.TypeFor[config.File]():
		return []string{path}
	case t.Kind() == reflect.Map:
		return filesOf(path+".<>", t.Elem())
	case t.Kind() == reflect.Slice:
		return filesOf(path+"[]", t.Elem())
	case t.Kind() != reflect.Struct:
		return nil
	}
	var out []string
	for _, field := range reflect.VisibleFields(t) {
		if key, _, _ := strings.Cut(field.Tag.Get("json"), ","); key != "-" && !field.Anonymous && field.IsExported() {
			out = append(out, filesOf(strings.TrimPrefix(path+"."+key, "."), field.Type)...)
		}
	}
	return out
}

// TestEveryKeyThatNamesAFileIsOfTheTypeOfFiles: the test above only finds fields of the type config.File. Mapping
// files have other tests, and the bridge reads neither its socket nor its database as a file.
func TestEveryKeyThatNamesAFileIsOfTheTypeOfFiles(t *testing.T) {
	t.Parallel()
	known := strings.Join(filesOf("", reflect.TypeFor[config.Config]()), " ")
	rows := 0
	for line := range strings.Lines(apptest.ReadPage(t, "../../docs/reference/configuration.md")) {
		key, rest, _ := strings.Cut(strings.TrimPrefix(line, "| `"), "` | ")
		if !strings.HasPrefix(rest, "file |") || strings.HasSuffix(key, "apping") || key == "admin.socket" || key == "store.sqlite.file" {
			continue
		}
		rows++
		if !strings.Contains(known, strings.ReplaceAll(key, "<realm>", "<>")) {
			t.Errorf("%s names a file and its type is not config.File", key)
		}
	}
	if rows == 0 {
		t.Error("no key names a file")
	}
}

func clientSecret(t *testing.T) (apptest.Bridge, string) {
	t.Helper()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	takenUp(t, b, app.SecretName, "a-wrong-secret-of-the-client")
	return b, app.SecretName
}

// storeKeys adds a key, with which everything is sealed anew, and removes the old key, which nothing needs then. A file
// without a key, or without a key that the store needs, is not applied.
func storeKeys(t *testing.T) (apptest.Bridge, string) {
	t.Helper()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), nil, nil)
	b.Create(t, "/Users", `{"userName":"jane"}`)
	newest := config.NewStoreKey() + "\n"
	for keys, want := range map[string]string{"no-key-of-a-store\n": "has no key in line 1", newest: "store.keyFile"} {
		b.EditFile(t, app.StoreKeyName, func(string) string { return keys })
		b.App.Reload()
		if said := b.Statusz(t); !strings.Contains(said, want) || b.App.InForce().Store.Keys.Reveal() != b.Config.Store.Keys.Reveal() {
			t.Errorf("without the key of the store /statusz says %q", said)
		}
	}
	b.EditFile(t, app.StoreKeyName, func(string) string { return b.Config.Store.Keys.Reveal() + newest })
	b.App.Reload()
	if err := b.App.Store().Rekey(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ApplyFile(t, app.StoreKeyName, func(string) string { return newest })
	if n := len(entriesOf(t, b.App.Store())); n != 1 {
		t.Errorf("with the new key %d changes can be read", n)
	}
	return b, app.StoreKeyName
}

func tokensFile(t *testing.T) (apptest.Bridge, string) {
	t.Helper()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	other := b.With("a-token-that-is-new")
	other.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	b.ApplyFile(t, app.TokensName, func(s string) string { return s + tokenEntry(other.Token, "other", `["users:read"]`) })
	other.Must(t, http.MethodGet, "/Users", "")
	return b, app.TokensName
}

func credentialKey(t *testing.T) (apptest.Bridge, string) {
	t.Helper()
	c := apptest.NewEvery(t, keycloaktest.NewFake(t).Server())
	acme := c.NewToken(t, "acme")
	c.Check(t)
	acme.Must(t, http.MethodGet, "/Users", "")
	var before string
	c.Realm.ApplyFile(t, app.CredentialKeyName, func(s string) string { before = s; return strings.Repeat("another", 10) })
	c.Check(t)
	acme.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	c.Realm.ApplyFile(t, app.CredentialKeyName, func(string) string { return before })
	c.Check(t)
	acme.Must(t, http.MethodGet, "/Users", "")
	return c.Realm, app.CredentialKeyName
}

// takenUp fails the test unless the bridge works with a file, fails with another content, and works again with the
// old content.
func takenUp(t *testing.T, b apptest.Bridge, file, other string) {
	t.Helper()
	b.Must(t, http.MethodGet, "/Users", "")
	var before string
	b.ApplyFile(t, file, func(s string) string { before = s; return other })
	b.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
	b.ApplyFile(t, file, func(string) string { return before })
	b.Must(t, http.MethodGet, "/Users", "")
}

func privateKey(t *testing.T) (apptest.Bridge, string) {
	t.Helper()
	const file, id = "client-key.pem", "signed"
	server := keycloaktest.NewFake(t).Server()
	realm, admin := apptest.NewEmptyRealm(t, server)
	key, text := newSigningKey(t)
	encode := base64.RawURLEncoding.EncodeToString
	body, err := json.Marshal(map[string]any{
		"clientId": id, "serviceAccountsEnabled": true, "clientAuthenticatorType": "client-jwt", "attributes": map[string]string{
			"use.jwks.string": "true", "jwks.string": fmt.Sprintf(`{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"k1","n":%q,"e":"AQAB"}]}`, encode(key.N.Bytes())),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+realm+"/clients", string(body))
	made := apptest.RunSetup(t, server, realm, "--client-id", id)
	writeBeside(t, made.Config, map[string]string{file: text})
	editConfig(t, made.Config, apptest.Replaced(t, `clientSecretFile: "secret"`, "privateKeyFile: "+file))
	b := apptest.NewBridgeOf(t, server, made, realm, admin, nil)
	_, other := newSigningKey(t)
	takenUp(t, b, file, other)
	return b, file
}

func newSigningKey(t *testing.T) (key *rsa.PrivateKey, text string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key, keyPEM(t, key)
}

func keyPEM(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// pair is a self-signed certificate with its key.
type pair struct {
	tls.Certificate

	serial    int64
	cert, key string // as PEM
}

func newPair(t *testing.T, serial int64) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		Certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, serial: serial,
		cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), key: keyPEM(t, key),
	}
}

// encrypted is a proxy with a self-signed certificate.
type encrypted struct {
	url    string
	own    pair
	serial atomic.Int64 // of the last client's certificate; 0 for no certificate
}

// newEncrypted starts a TLS proxy for another server.
func newEncrypted(t *testing.T, behind string) *encrypted {
	t.Helper()
	target, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	out := &encrypted{own: newPair(t, 1)}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out.serial.Store(0)
		if len(r.TLS.PeerCertificates) > 0 {
			out.serial.Store(r.TLS.PeerCertificates[0].SerialNumber.Int64())
		}
		proxy.ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{out.own.Certificate}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	out.url = "https://localhost:" + port
	return out
}

// writeBeside writes files into the directory of a configuration.
func writeBeside(t *testing.T, file string, texts map[string]string) {
	t.Helper()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(filepath.Dir(file), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// editConfig changes a configuration before a bridge is made from it.
func editConfig(t *testing.T, file string, edit func(string) string) {
	t.Helper()
	apptest.Bridge{File: file}.EditFile(t, filepath.Base(file), edit)
}

// newEncryptedBridge makes a bridge that reaches Keycloak over TLS, with files beside its configuration.
func newEncryptedBridge(t *testing.T, keys string, files map[string]string) (apptest.Bridge, *encrypted) {
	t.Helper()
	server := keycloaktest.NewFake(t).Server()
	realm, admin := apptest.NewEmptyRealm(t, server)
	made := apptest.RunSetup(t, server, realm)
	front := newEncrypted(t, server.URL)
	files["ca.pem"] = front.own.cert
	writeBeside(t, made.Config, files)
	editConfig(t, made.Config, apptest.Replaced(t, fmt.Sprintf("  url: %q", server.URL), fmt.Sprintf("  url: %q\n  caFile: ca.pem%s", front.url, keys)))
	return apptest.NewBridgeOf(t, server, made, realm, admin, nil), front
}

func keycloakAuthorities(t *testing.T) (apptest.Bridge, string) {
	t.Helper()
	b, _ := newEncryptedBridge(t, "", map[string]string{})
	takenUp(t, b, "ca.pem", newPair(t, 2).cert)
	return b, "ca.pem"
}

// clientCertificate changes the certificate and the key, which only work together. The named file is changed last.
func clientCertificate(last string) func(t *testing.T) (apptest.Bridge, string) {
	return func(t *testing.T) (apptest.Bridge, string) {
		t.Helper()
		first, second := newPair(t, 11), newPair(t, 12)
		b, front := newEncryptedBridge(t, "\n  clientCertFile: client.crt\n  clientKeyFile: client.key", map[string]string{"client.crt": first.cert, "client.key": first.key})
		sent := func(when string, want pair) {
			t.Helper()
			b.Must(t, http.MethodGet, "/Users", "")
			if got := front.serial.Load(); got != want.serial {
				t.Errorf("%s the bridge shows Keycloak the certificate %d, want %d", when, got, want.serial)
			}
		}
		sent("at the start", first)
		texts := map[string]string{"client.crt": second.cert, "client.key": second.key}
		for name, text := range texts {
			if name != last {
				b.ApplyFile(t, name, func(string) string { return text })
			}
		}
		if said := b.Statusz(t); !strings.Contains(said, "do not belong together") {
			t.Errorf("with one of two new files /statusz says %q", said)
		}
		sent("with one of two new files", first)
		b.ApplyFile(t, last, func(string) string { return texts[last] })
		sent("with both", second)
		return b, last
	}
}

// outboundAuthorities uses access tokens of an issuer whose certificate is trusted later. The test needs two issuers,
// because the bridge waits before it asks again for keys that it could not read.
func outboundAuthorities(t *testing.T) (apptest.Bridge, string) {
	t.Helper()
	server := keycloaktest.NewFake(t).Server()
	realm, admin := apptest.NewEmptyRealm(t, server)
	made := apptest.RunSetup(t, server, realm)
	issuer := authtest.NewIssuer(t)
	front := newEncrypted(t, issuer.URL)
	writeBeside(t, made.Config, map[string]string{"others.pem": newPair(t, 2).cert})
	entry := func(name string) string {
		return fmt.Sprintf("          - { name: %[1]s, issuer: %[2]q, jwksURL: %[3]q, audience: %[1]s, subject: sub-1, scopes: [\"users:read\"] }\n", name, apptest.TestIssuer, front.url+"/"+name)
	}
	editConfig(t, made.Config, func(s string) string {
		return strings.Replace(s, "realms:\n", "outbound: { caFile: others.pem }\nrealms:\n", 1) + "        accessTokens:\n" + entry("first") + entry("second")
	})
	b := apptest.NewBridgeOf(t, server, made, realm, admin, nil)
	as := func(name string) apptest.Bridge {
		return b.With(issuer.Sign(t, authtest.FirstKey, apptest.IssuerClaims(map[string]any{"aud": name})))
	}
	as("first").Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
	b.ApplyFile(t, "others.pem", func(string) string { return front.own.cert })
	as("second").Must(t, http.MethodGet, "/Users", "")
	return b, "others.pem"
}
