package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// issuer is one of the test's own, with keys that it serves and counts the reads of.
type issuer struct {
	*httptest.Server
	reads atomic.Int64
	read  chan struct{} // told of each read

	mu     sync.Mutex
	keys   map[string]crypto.Signer
	answer func(w http.ResponseWriter, r *http.Request) bool // in place of the keys, where it answers
	now    time.Time
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{keys: map[string]crypto.Signer{"one": key}, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), read: make(chan struct{}, 100)}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.reads.Add(1)
		defer func() { i.read <- struct{}{} }()
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.answer != nil && i.answer(w, r) {
			return
		}
		set := jose.JSONWebKeySet{}
		for kid, key := range i.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: kid})
		}
		data, _ := json.Marshal(set)
		// What an issuer may have beside, and nobody may sign with.
		beside := `,{"kty":"future","kid":"x"},{"kty":"oct","kid":"shared","k":"` + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("k", 32))) + `"}]`
		_, _ = w.Write([]byte(strings.Replace(string(data), "]", beside, 1)))
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) clock() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.now
}

func (i *issuer) pass(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now = i.now.Add(d)
}

func (i *issuer) answers(f func(http.ResponseWriter, *http.Request) bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = f
}

func (i *issuer) authenticator() *auth.Authenticator {
	return auth.New(auth.Options{Realm: http.DefaultTransport, Other: http.DefaultTransport, Now: i.clock})
}

func (i *issuer) tenant(ofRealm bool) *tenant.Tenant {
	rule := tenant.AccessToken{
		Name: "idp", Issuer: "https://issuer.test/", KeysURL: i.URL, Audience: "bridge", Subject: "sub-1", RequiredScope: "scim", Scopes: tenant.UsersRead,
	}
	if ofRealm {
		rule.Subject, rule.ClientID, rule.OfRealm = "", "client", true
	}
	return &tenant.Tenant{Path: "acme", AccessTokens: []tenant.AccessToken{rule}}
}

// claims are those of a good token for both kinds of rules.
func (i *issuer) claims(change map[string]any) map[string]any {
	out := map[string]any{
		"iss": "https://issuer.test/", "aud": []string{"account", "bridge"}, "sub": "sub-1", "scope": "profile scim", "typ": "Bearer",
		"azp": "client", "client_id": "client", "iat": i.clock().Unix(), "exp": i.clock().Add(time.Hour).Unix(),
	}
	maps.Copy(out, change)
	for name, value := range change {
		if value == nil {
			delete(out, name)
		}
	}
	return out
}

// sign is a token with the claims, signed by the key with the id.
func (i *issuer) sign(t testing.TB, kid string, claims map[string]any) string {
	t.Helper()
	key := i.keys[kid]
	algorithm := jose.RS256
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		algorithm = jose.ES256
	case ed25519.PrivateKey:
		algorithm = jose.EdDSA
	case *rsa.PrivateKey:
		_ = key
	}
	return signWith(t, jose.SigningKey{Algorithm: algorithm, Key: key}, kid, claims)
}

func signWith(t testing.TB, key jose.SigningKey, kid string, claims any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, new(jose.SignerOptions).WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestAccessTokens: what is bound to the issuer, the audience and the client is taken, and
// nothing else is (security plan 27).
func TestAccessTokens(t *testing.T) {
	t.Parallel()
	const hour = 3600
	i := newIssuer(t)
	now := i.clock().Unix()
	for name, c := range map[string]struct {
		change map[string]any
		realm  error // at a tenant that takes tokens of its realm
		other  error // at one that takes those of another issuer
	}{
		"a good token":                       {nil, nil, nil},
		"one audience as a text":             {map[string]any{"aud": "bridge"}, nil, nil},
		"scopes as a list":                   {map[string]any{"scope": nil, "scp": []string{"scim", "x"}}, nil, nil},
		"scopes of Entra":                    {map[string]any{"scope": nil, "scp": "x scim"}, nil, nil},
		"another issuer":                     {map[string]any{"iss": "https://issuer.test"}, auth.ErrInvalid, auth.ErrInvalid},
		"no issuer":                          {map[string]any{"iss": nil}, auth.ErrInvalid, auth.ErrInvalid},
		"another audience":                   {map[string]any{"aud": "account"}, auth.ErrInvalid, auth.ErrInvalid},
		"no audience":                        {map[string]any{"aud": nil}, auth.ErrInvalid, auth.ErrInvalid},
		"another subject":                    {map[string]any{"sub": "sub-2"}, nil, auth.ErrInvalid},
		"no subject":                         {map[string]any{"sub": nil}, nil, auth.ErrInvalid},
		"another client":                     {map[string]any{"azp": "other", "client_id": "other"}, auth.ErrInvalid, nil},
		"a person's own login by the client": {map[string]any{"client_id": nil}, auth.ErrInvalid, nil},
		"an ID token":                        {map[string]any{"typ": "ID"}, auth.ErrInvalid, nil},
		"a scope that only begins so":        {map[string]any{"scope": "scimx"}, auth.ErrInvalid, auth.ErrInvalid},
		"no scope":                           {map[string]any{"scope": nil}, auth.ErrInvalid, auth.ErrInvalid},
		"expired":                            {map[string]any{"exp": now - hour}, auth.ErrExpired, auth.ErrExpired},
		"expired within the leeway":          {map[string]any{"exp": now - 29}, nil, nil},
		"expired beyond the leeway":          {map[string]any{"exp": now - 30}, auth.ErrExpired, auth.ErrExpired},
		"no end":                             {map[string]any{"exp": nil}, auth.ErrInvalid, auth.ErrInvalid},
		"not yet valid":                      {map[string]any{"nbf": now + hour}, auth.ErrInvalid, auth.ErrInvalid},
		"made later":                         {map[string]any{"iat": now + hour}, auth.ErrInvalid, auth.ErrInvalid},
		"bound to a key":                     {map[string]any{"cnf": map[string]any{"jkt": "x"}}, auth.ErrInvalid, auth.ErrInvalid},
		"claims of other types":              {map[string]any{"aud": 1}, auth.ErrInvalid, auth.ErrInvalid},
		"more than 16 kB":                    {map[string]any{"x": strings.Repeat("x", 16<<10)}, auth.ErrInvalid, auth.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for ofRealm, want := range map[bool]error{true: c.realm, false: c.other} {
				token := i.sign(t, "one", i.claims(c.change))
				p, err := i.authenticator().Authenticate(t.Context(), i.tenant(ofRealm), "Bearer "+token, false)
				if !errors.Is(err, want) {
					t.Errorf("of the realm %t: %v, %v, want %v", ofRealm, err, auth.Cause(err), want)
				}
				if want == nil && (p.Name != "idp" || p.Scopes != tenant.UsersRead) {
					t.Errorf("of the realm %t: the principal is %+v", ofRealm, p)
				}
			}
		})
	}
}

// TestForgedAccessTokens: no signature, one by what is public, one by a key of another's, one
// that is not of the text.
func TestForgedAccessTokens(t *testing.T) {
	t.Parallel()
	i, mallory := newIssuer(t), newIssuer(t)
	claims := i.claims(nil)
	good, other := i.sign(t, "one", claims), i.sign(t, "one", i.claims(map[string]any{"jti": "1"}))
	public, err := x509.MarshalPKIXPublicKey(i.keys["one"].Public())
	if err != nil {
		t.Fatal(err)
	}
	body := func(header string) string {
		data, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(data) + "."
	}
	for name, token := range map[string]string{
		"alg none":                      body(`{"alg":"none","kid":"one"}`),
		"alg None":                      body(`{"alg":"None","kid":"one"}`) + "x",
		"HMAC with the public key":      signWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: public}, "one", claims),
		"HMAC with a key in the set":    signWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("k", 32))}, "shared", claims),
		"a key of somebody else":        mallory.sign(t, "one", claims),
		"no kid":                        signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: i.keys["one"]}, "", claims),
		"an unknown kid":                signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: i.keys["one"]}, "two", claims),
		"the signature of another text": other[:strings.LastIndex(other, ".")] + good[strings.LastIndex(good, "."):],
		"no signature":                  good[:strings.LastIndex(good, ".")+1],
		"cut":                           good[:len(good)-1],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := i.authenticator().Authenticate(t.Context(), i.tenant(false), "Bearer "+token, false); !errors.Is(err, auth.ErrInvalid) {
				t.Errorf("Authenticate() = %v, %v, want ErrInvalid", err, auth.Cause(err))
			}
		})
	}
	if _, err := i.authenticator().Authenticate(t.Context(), i.tenant(false), "Bearer "+good, false); err != nil {
		t.Errorf("the token that was not forged = %v, %v", err, auth.Cause(err))
	}
}

// TestAccessTokensByEveryKindOfKey.
func TestAccessTokensByEveryKindOfKey(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	ec, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, err2 := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	i.keys["ec"], i.keys["ed"] = ec, ed
	for kid := range i.keys {
		if _, err := i.authenticator().Authenticate(t.Context(), i.tenant(false), "Bearer "+i.sign(t, kid, i.claims(nil)), false); err != nil {
			t.Errorf("%s: %v, %v", kid, err, auth.Cause(err))
		}
	}
}

// TestKeysOfAnIssuer are read once, once more for an unknown id and no more than every ten
// seconds, and never for what would be refused anyhow.
func TestKeysOfAnIssuer(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	a, acme := i.authenticator(), i.tenant(false)
	try := func(kid string, change map[string]any) error {
		t.Helper()
		key := i.keys["one"]
		_, err := a.Authenticate(t.Context(), acme, "Bearer "+signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: key}, kid, i.claims(change)), false)
		return err
	}
	expect := func(what string, err, want error, reads int64) {
		t.Helper()
		if !errors.Is(err, want) || i.reads.Load() != reads {
			t.Errorf("%s: %v, %v after %d reads, want %v after %d", what, err, auth.Cause(err), i.reads.Load(), want, reads)
		}
	}
	expect("another subject", try("one", map[string]any{"sub": "x"}), auth.ErrInvalid, 0)
	expect("another issuer", try("one", map[string]any{"iss": i.URL}), auth.ErrInvalid, 0)
	expect("the first", try("one", nil), nil, 1)
	for range 100 {
		expect("a flood of unknown ids", try("flood", nil), auth.ErrInvalid, 1)
	}
	expect("a known id", try("one", map[string]any{"jti": "1"}), nil, 1)
	i.pass(10 * time.Second)
	expect("an unknown id later", try("flood", nil), auth.ErrInvalid, 2)
	expect("another unknown id at once", try("flood2", nil), auth.ErrInvalid, 2)
	i.pass(10 * time.Second)
	i.mu.Lock()
	i.keys["two"] = i.keys["one"]
	i.mu.Unlock()
	expect("a new key", try("two", nil), nil, 3)
	i.pass(time.Hour)
	i.answers(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true })
	for len(i.read) > 0 {
		<-i.read
	}
	if err := try("one", map[string]any{"jti": "2"}); err != nil {
		t.Errorf("a known key while the issuer is out of order: %v, %v", err, auth.Cause(err))
	}
	<-i.read // beside the request
	i.pass(10 * time.Second)
	if err := try("three", nil); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("an unknown id while the issuer is out of order: %v, want ErrUnavailable", err)
	}
}

// TestAnIssuerOutOfOrder is no refusal, and where it leads elsewhere it is not followed.
func TestAnIssuerOutOfOrder(t *testing.T) {
	t.Parallel()
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(secret.Close)
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"a redirect": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, secret.URL, http.StatusFound)
			return true
		},
		"no JSON": func(w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write([]byte("<html>")); return true },
		"no keys": func(w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write([]byte(`{"keys":[]}`)); return true },
		"an endless answer": func(w http.ResponseWriter, r *http.Request) bool {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return true
				}
			}
			return true
		},
		"a connection that breaks": func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			token := "Bearer " + i.sign(t, "one", i.claims(nil))
			i.answers(answer)
			a := i.authenticator()
			if _, err := a.Authenticate(t.Context(), i.tenant(false), token, false); !errors.Is(err, auth.ErrUnavailable) {
				t.Errorf("Authenticate() = %v, %v, want ErrUnavailable", err, auth.Cause(err))
			}
			i.answers(nil)
			i.pass(10 * time.Second)
			if _, err := a.Authenticate(t.Context(), i.tenant(false), token, false); err != nil {
				t.Errorf("Authenticate() once it is in order = %v, %v", err, auth.Cause(err))
			}
		})
	}
}

// TestAnAccessTokenThatWasChecked is known again without its issuer, for its own tenant, while
// it lasts and the rules of the tenant do, and without any work when all else is refused.
func TestAnAccessTokenThatWasChecked(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	a, acme := i.authenticator(), i.tenant(false)
	token := "Bearer " + i.sign(t, "one", i.claims(map[string]any{"exp": i.clock().Add(8 * time.Minute).Unix()}))
	try := func(to *tenant.Tenant, cheap bool) error {
		_, err := a.Authenticate(t.Context(), to, token, cheap)
		return err
	}
	if err := try(acme, true); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("an unknown token, cheaply: %v, want ErrInvalid", err)
	}
	if err := errors.Join(try(acme, false), try(acme, true)); err != nil {
		t.Error(err)
	}
	other := i.tenant(false)
	other.Path, other.AccessTokens[0].Subject = "other", "sub-2"
	again := i.tenant(false)
	again.AccessTokens[0].Subject = "sub-2"
	for name, to := range map[string]*tenant.Tenant{"another tenant": other, "the tenant with other rules": again} {
		if err := try(to, false); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	i.pass(5 * time.Minute)
	if err := try(acme, true); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("after five minutes, cheaply: %v, want ErrInvalid", err)
	}
	if err := try(acme, false); err != nil {
		t.Errorf("after five minutes: %v", err)
	}
	i.pass(4 * time.Minute)
	if err := try(acme, false); !errors.Is(err, auth.ErrExpired) {
		t.Errorf("after its end: %v, want ErrExpired", err)
	}
}

// TestManyAtOnce read the keys once.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	a, acme := i.authenticator(), i.tenant(true)
	token := "Bearer " + i.sign(t, "one", i.claims(nil))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := a.Authenticate(context.WithoutCancel(t.Context()), acme, token, false); err != nil {
				t.Error(err, auth.Cause(err))
			}
		})
	}
	wg.Wait()
	if n := i.reads.Load(); n != 1 {
		t.Errorf("the keys were read %d times", n)
	}
}

func FuzzAuthenticate(f *testing.F) {
	i := newIssuer(f)
	for _, header := range []string{"Bearer x", "Bearer " + i.sign(f, "one", i.claims(nil)), "Bearer ey..", "Bearer ksb_0123abCD_0123456789abcdefghijABCDEFGHIJxy_000000", "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(header)
	}
	a, acme := i.authenticator(), i.tenant(false)
	acme.Policy.BareToken = true
	good := i.sign(f, "one", i.claims(nil))
	f.Fuzz(func(t *testing.T, header string) {
		if p, err := a.Authenticate(t.Context(), acme, header, false); err == nil && !strings.Contains(header, good[:strings.LastIndex(good, ".")]) {
			t.Errorf("%q is %+v", header, p)
		}
	})
}

func BenchmarkStaticToken(b *testing.B) {
	text, _, sum := auth.NewToken()
	acme := &tenant.Tenant{Tokens: []tenant.Token{{Name: "old"}, {Name: "idp", SHA256: sum}}}
	a, header := auth.New(auth.Options{}), "Bearer "+text
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(b.Context(), acme, header, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCachedAccessToken(b *testing.B) {
	i := newIssuer(b)
	a, acme, header := i.authenticator(), i.tenant(true), "Bearer "+i.sign(b, "one", i.claims(map[string]any{"padding": strings.Repeat("x", 600)}))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(b.Context(), acme, header, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewAccessToken(b *testing.B) {
	i := newIssuer(b)
	acme, header := i.tenant(true), "Bearer "+i.sign(b, "one", i.claims(nil))
	a := i.authenticator()
	b.ReportAllocs()
	for b.Loop() {
		acme.AccessTokens = append([]tenant.AccessToken(nil), acme.AccessTokens...) // other rules
		if _, err := a.Authenticate(b.Context(), acme, header, false); err != nil {
			b.Fatal(err)
		}
	}
}
