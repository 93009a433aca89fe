package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth/authtest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// issuer is an issuer with a clock that the test sets.
type issuer struct {
	*authtest.Issuer

	mu  sync.Mutex
	now time.Time
}

func newIssuer(tb testing.TB) *issuer {
	tb.Helper()
	return &issuer{Issuer: authtest.NewIssuer(tb), now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
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

// claims returns the claims of a valid token for both kinds of rules.
func (i *issuer) claims(change map[string]any) map[string]any {
	out := map[string]any{
		"iss": "https://issuer.test/", "aud": []string{"account", "bridge"}, "sub": "sub-1", "scope": "profile scim", "typ": "Bearer",
		"azp": "client", "client_id": "client", "jti": "trrtcc:1", "iat": i.clock().Unix(), "exp": i.clock().Add(time.Hour).Unix(),
	}
	maps.Copy(out, change)
	for name, value := range change {
		if value == nil {
			delete(out, name)
		}
	}
	return out
}

// TestAccessTokens: only a token that is bound to the issuer, the audience and the client is
// accepted (security plan 27).
func TestAccessTokens(t *testing.T) {
	t.Parallel()
	const hour = 3600
	i := newIssuer(t)
	now := i.clock().Unix()
	for name, c := range map[string]struct {
		change map[string]any
		realm  error // at a tenant that accepts tokens of its realm
		other  error // at a tenant that accepts tokens of another issuer
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
		"a login that looks like the client": {map[string]any{"jti": "onrtro:1"}, auth.ErrInvalid, nil},
		"an exchanged token of the client":   {map[string]any{"jti": "trrtte:1"}, auth.ErrInvalid, nil},
		"a light token of the client":        {map[string]any{"jti": "trltcc:1"}, nil, nil},
		"an id without the grant":            {map[string]any{"jti": "cc"}, auth.ErrInvalid, nil},
		"an id of another form":              {map[string]any{"jti": "xtrrtcc:1"}, auth.ErrInvalid, nil},
		"no id":                              {map[string]any{"jti": nil}, auth.ErrInvalid, nil},
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
				token := i.Sign(t, authtest.FirstKey, i.claims(c.change))
				p, err := i.authenticator().Authenticate(t.Context(), i.tenant(ofRealm), "Bearer "+token, false)
				if !errors.Is(err, want) {
					t.Errorf("of the realm %t: %v, %v, want %v", ofRealm, err, auth.Cause(err), want)
				}
				if want == nil && (p.Actor.Name != "idp" || p.Scopes != tenant.UsersRead) {
					t.Errorf("of the realm %t: the principal is %+v", ofRealm, p)
				}
			}
		})
	}
}

// TestForgedAccessTokens: tokens without a signature, signed with a public text, signed with
// another issuer's key, and with a signature of another text.
func TestForgedAccessTokens(t *testing.T) {
	t.Parallel()
	i, mallory := newIssuer(t), newIssuer(t)
	claims := i.claims(nil)
	good, other := i.Sign(t, authtest.FirstKey, claims), i.Sign(t, authtest.FirstKey, i.claims(map[string]any{"jti": "1"}))
	public, err := x509.MarshalPKIXPublicKey(i.Key(authtest.FirstKey).Public())
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"alg none":                      authtest.Unsigned(t, `{"alg":"none","kid":"one"}`, claims),
		"alg None":                      authtest.Unsigned(t, `{"alg":"None","kid":"one"}`, claims) + "x",
		"HMAC with the public key":      authtest.Sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: public}, "one", claims),
		"HMAC with a key in the set":    authtest.Sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: []byte(authtest.SharedSecret)}, "shared", claims),
		"a key of somebody else":        mallory.Sign(t, authtest.FirstKey, claims),
		"no kid":                        authtest.Sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: i.Key(authtest.FirstKey)}, "", claims),
		"an unknown kid":                authtest.Sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: i.Key(authtest.FirstKey)}, "two", claims),
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

// signed returns a token with exactly this header and these claims, signed with an RSA key by
// RS256.
func signed(tb testing.TB, key crypto.Signer, header, claims string) string {
	tb.Helper()
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	sum := sha256.Sum256([]byte(text))
	signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		tb.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// TestSignedTokensThatSayTwoThings: the issuer signed each token, but another reader could understand
// the token differently. Names of claims differ by case: a mapper can make JTI, but no mapper can make
// jti. A name occurs twice. The header requires an extension that the bridge does not know (RFC 7515
// section 4.1.11).
func TestSignedTokensThatSayTwoThings(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	i.SetKey("short", short)
	const header = `{"alg":"RS256","kid":"one"}`
	with := func(change map[string]any, more string) string {
		data, err := json.Marshal(i.claims(change))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(string(data), "}") + more + "}"
	}
	for name, c := range map[string]struct {
		header, claims string
		key            string
		want           error
	}{
		"as it should be":               {header, with(nil, ""), "one", nil},
		"claims that nobody looks at":   {header, with(nil, `,"JTI":"onrtro:1","AZP":"other","EXP":1,"Iss":"https://other.test/"`), "one", nil},
		"another id in capitals":        {header, with(map[string]any{"jti": "onrtro:1"}, `,"JTI":"trrtcc:1"`), "one", auth.ErrInvalid},
		"another client in capitals":    {header, with(map[string]any{"azp": "other"}, `,"AZP":"client"`), "one", auth.ErrInvalid},
		"another issuer in capitals":    {header, with(map[string]any{"iss": "https://other.test/"}, `,"ISS":"https://issuer.test/"`), "one", auth.ErrInvalid},
		"another audience in capitals":  {header, with(map[string]any{"aud": "other"}, `,"Aud":"bridge"`), "one", auth.ErrInvalid},
		"no end but one in capitals":    {header, with(map[string]any{"exp": nil}, `,"EXP":9999999999`), "one", auth.ErrInvalid},
		"two ids":                       {header, with(map[string]any{"jti": "onrtro:1"}, `,"jti":"trrtcc:1"`), "one", auth.ErrInvalid},
		"two ends":                      {header, with(map[string]any{"exp": 1}, `,"exp":9999999999`), "one", auth.ErrInvalid},
		"two algorithms":                {`{"alg":"none","alg":"RS256","kid":"one"}`, with(nil, ""), "one", auth.ErrInvalid},
		"two key ids":                   {`{"alg":"RS256","kid":"two","kid":"one"}`, with(nil, ""), "one", auth.ErrInvalid},
		"a critical header":             {`{"alg":"RS256","kid":"one","crit":["x"],"x":1}`, with(nil, ""), "one", auth.ErrInvalid},
		"a payload that is not encoded": {`{"alg":"RS256","kid":"one","crit":["b64"],"b64":false}`, with(nil, ""), "one", auth.ErrInvalid},
		"its own key":                   {`{"alg":"RS256","jwk":{"kty":"RSA"}}`, with(nil, ""), "one", auth.ErrInvalid},
		"another way to sign":           {`{"alg":"PS256","kid":"one"}`, with(nil, ""), "one", auth.ErrInvalid},
		"a key of another kind":         {`{"alg":"ES256","kid":"one"}`, with(nil, ""), "one", auth.ErrInvalid},
		"a key that is too short":       {`{"alg":"RS256","kid":"short"}`, with(nil, ""), "short", auth.ErrInvalid},
		"claims that are a list":        {header, "[" + with(nil, "") + "]", "one", auth.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token := signed(t, i.Key(c.key), c.header, c.claims)
			if _, err := i.authenticator().Authenticate(t.Context(), i.tenant(true), "Bearer "+token, false); !errors.Is(err, c.want) {
				t.Errorf("Authenticate() = %v, %v, want %v", err, auth.Cause(err), c.want)
			}
		})
	}
}

// TestAKeySignsInTheWayThatItIsFor: the kind of the key, its curve and its issuer's statement
// decide.
func TestAKeySignsInTheWayThatItIsFor(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.SetKey("wide", wide) // for which the issuer says ES256, because authtest knows no other curve
	for name, token := range map[string]string{
		"PSS with a key for PKCS #1":     authtest.Sign(t, jose.SigningKey{Algorithm: jose.PS256, Key: i.Key(authtest.FirstKey)}, authtest.FirstKey, i.claims(nil)),
		"SHA-512 with a key for SHA-256": authtest.Sign(t, jose.SigningKey{Algorithm: jose.RS512, Key: i.Key(authtest.FirstKey)}, authtest.FirstKey, i.claims(nil)),
		"the algorithm of another curve": authtest.Sign(t, jose.SigningKey{Algorithm: jose.ES384, Key: wide}, "wide", i.claims(nil)),
	} {
		if _, err := i.authenticator().Authenticate(t.Context(), i.tenant(false), "Bearer "+token, false); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%s: %v, %v, want ErrInvalid", name, err, auth.Cause(err))
		}
	}
}

// TestAccessTokensByEveryKindOfKey.
func TestAccessTokensByEveryKindOfKey(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	ec, ecErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, edErr := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(ecErr, edErr); err != nil {
		t.Fatal(err)
	}
	i.SetKey("ec", ec)
	i.SetKey("ed", ed)
	for _, kid := range []string{authtest.FirstKey, "ec", "ed"} {
		if _, err := i.authenticator().Authenticate(t.Context(), i.tenant(false), "Bearer "+i.Sign(t, kid, i.claims(nil)), false); err != nil {
			t.Errorf("%s: %v, %v", kid, err, auth.Cause(err))
		}
	}
}

// TestKeysOfAnIssuer are read once, once more for an unknown id but at most every ten seconds, and
// never for a token that is refused anyway.
func TestKeysOfAnIssuer(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	a, acme := i.authenticator(), i.tenant(false)
	try := func(kid string, change map[string]any) error {
		t.Helper()
		key := i.Key(authtest.FirstKey)
		_, err := a.Authenticate(t.Context(), acme, "Bearer "+authtest.Sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: key}, kid, i.claims(change)), false)
		return err
	}
	expect := func(what string, err, want error, reads int64) {
		t.Helper()
		if !errors.Is(err, want) || i.Reads.Load() != reads {
			t.Errorf("%s: %v, %v after %d reads, want %v after %d", what, err, auth.Cause(err), i.Reads.Load(), want, reads)
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
	i.SetKey("two", i.Key(authtest.FirstKey))
	expect("a new key", try("two", nil), nil, 3)
	i.pass(time.Hour)
	i.Answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	for len(i.Read) > 0 {
		<-i.Read
	}
	if err := try("one", map[string]any{"jti": "2"}); err != nil {
		t.Errorf("a known key while the issuer is out of order: %v, %v", err, auth.Cause(err))
	}
	<-i.Read // in the background
	i.pass(10 * time.Second)
	if err := try("three", nil); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("an unknown id while the issuer is out of order: %v, want ErrUnavailable", err)
	}
	if err := try("one", map[string]any{"jti": "3"}); err != nil {
		t.Errorf("a known key after its issuer was found out of order: %v, %v", err, auth.Cause(err))
	}
}

// TestAnIssuerOutOfOrder gives no refusal, and its redirects are not followed.
func TestAnIssuerOutOfOrder(t *testing.T) {
	t.Parallel()
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(secret.Close)
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, secret.URL, http.StatusFound) },
		"no JSON":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"no keys":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
		"an endless answer": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		},
		"a connection that breaks": func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = conn.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			token := "Bearer " + i.Sign(t, authtest.FirstKey, i.claims(nil))
			i.Answers(answer)
			a := i.authenticator()
			if _, err := a.Authenticate(t.Context(), i.tenant(false), token, false); !errors.Is(err, auth.ErrUnavailable) {
				t.Errorf("Authenticate() = %v, %v, want ErrUnavailable", err, auth.Cause(err))
			}
			i.Answers(nil)
			i.pass(10 * time.Second)
			if _, err := a.Authenticate(t.Context(), i.tenant(false), token, false); err != nil {
				t.Errorf("Authenticate() once it is in order = %v, %v", err, auth.Cause(err))
			}
		})
	}
}

// TestAnAccessTokenThatWasChecked is accepted again without its issuer, for its own tenant, until
// the token or the rules of the tenant end. It needs no check, also when all other tokens are
// refused without a check.
func TestAnAccessTokenThatWasChecked(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	a, acme := i.authenticator(), i.tenant(false)
	token := "Bearer " + i.Sign(t, authtest.FirstKey, i.claims(map[string]any{"exp": i.clock().Add(8 * time.Minute).Unix()}))
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
	token := "Bearer " + i.Sign(t, authtest.FirstKey, i.claims(nil))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := a.Authenticate(context.WithoutCancel(t.Context()), acme, token, false); err != nil {
				t.Error(err, auth.Cause(err))
			}
		})
	}
	wg.Wait()
	if n := i.Reads.Load(); n != 1 {
		t.Errorf("the keys were read %d times", n)
	}
}

func FuzzAuthenticate(f *testing.F) {
	i := newIssuer(f)
	for _, header := range []string{"Bearer x", "Bearer " + i.Sign(f, authtest.FirstKey, i.claims(nil)), "Bearer ey..", "Bearer ksb_0123abCD_0123456789abcdefghijABCDEFGHIJxy_000000", "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(header)
	}
	a, acme := i.authenticator(), i.tenant(false)
	acme.Policy.BareToken = true
	good := i.Sign(f, authtest.FirstKey, i.claims(nil))
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
	a, acme, header := i.authenticator(), i.tenant(true), "Bearer "+i.Sign(b, authtest.FirstKey, i.claims(map[string]any{"padding": strings.Repeat("x", 600)}))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(b.Context(), acme, header, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewAccessToken(b *testing.B) {
	i := newIssuer(b)
	acme, header := i.tenant(true), "Bearer "+i.Sign(b, authtest.FirstKey, i.claims(nil))
	a := i.authenticator()
	b.ReportAllocs()
	for b.Loop() {
		acme.AccessTokens = append([]tenant.AccessToken(nil), acme.AccessTokens...) // new rules
		if _, err := a.Authenticate(b.Context(), acme, header, false); err != nil {
			b.Fatal(err)
		}
	}
}
