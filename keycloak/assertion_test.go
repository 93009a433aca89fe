package keycloak_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestTheClientAssertion of RFC 7523, for every kind of key: header, claims, and a signature that the standard library
// verifies.
func TestTheClientAssertion(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]crypto.Signer{"RS256": key}
	for alg, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		if keys[alg], err = ecdsa.GenerateKey(curve, rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	for alg, key := range keys {
		for _, kid := range []string{"", "2026"} {
			t.Run(fmt.Sprint(alg, " ", kid), func(t *testing.T) {
				t.Parallel()
				var assertions []string
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					switch {
					case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
						_, _ = w.Write([]byte(`{"issuer":"https://sso.acme.test/realms/acme"}`))
					case strings.HasSuffix(r.URL.Path, "/token"):
						if r.FormValue("client_id") != "bridge" || r.FormValue("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
							t.Errorf("the form is %v", r.Form)
						}
						assertions = append(assertions, r.FormValue("client_assertion"))
						_, _ = w.Write([]byte(`{"access_token":"token","expires_in":60}`))
					default:
						w.WriteHeader(http.StatusNoContent)
					}
				}))
				defer server.Close()
				for range 2 {
					c := newClient(t, &stub{Server: server}, func(c *keycloak.Config) { c.Credentials = keycloak.PrivateKeyJWT("bridge", key, kid) })
					if err := c.LogoutUser(t.Context(), userID(t, "u1")); err != nil {
						t.Fatal(err)
					}
				}
				ids := map[any]bool{}
				for _, text := range assertions {
					ids[checkAssertion(t, text, alg, kid, key.Public())] = true
				}
				if len(ids) != 2 {
					t.Errorf("%d assertions have %d ids", len(assertions), len(ids))
				}
			})
		}
	}
}

// checkAssertion looks at an assertion and returns its id.
func checkAssertion(t *testing.T, text, alg, kid string, key crypto.PublicKey) any {
	t.Helper()
	var parts [3][]byte
	for i, part := range strings.SplitN(text, ".", 3) {
		var err error
		if parts[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			t.Fatal(err)
		}
	}
	var header, claims map[string]any
	if err := json.Unmarshal(parts[0], &header); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(parts[1], &claims); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint(map[string]any{"alg": alg, "typ": "JWT"})
	if kid != "" {
		want = fmt.Sprint(map[string]any{"alg": alg, "typ": "JWT", "kid": kid})
	}
	issued, _ := claims["iat"].(float64)
	expires, _ := claims["exp"].(float64)
	if fmt.Sprint(header) != want || claims["iss"] != "bridge" || claims["sub"] != "bridge" || claims["aud"] != "https://sso.acme.test/realms/acme" || expires-issued != 60 || time.Since(time.Unix(int64(issued), 0)) > time.Hour {
		t.Errorf("the assertion is %v %v", header, claims)
	}
	if !verifies(key, alg, text[:strings.LastIndex(text, ".")], parts[2]) {
		t.Errorf("the signature of %s is not one by %s", text, alg)
	}
	return claims["jti"]
}

func verifies(key crypto.PublicKey, alg, text string, signature []byte) bool {
	short, middle, long := sha256.Sum256([]byte(text)), sha512.Sum384([]byte(text)), sha512.Sum512([]byte(text))
	sum := map[string][]byte{"RS256": short[:], "ES256": short[:], "ES384": middle[:], "ES512": long[:]}[alg]
	switch key := key.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum, signature) == nil
	case *ecdsa.PublicKey:
		size := (key.Params().BitSize + 7) / 8
		return len(signature) == 2*size && ecdsa.Verify(key, sum, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:]))
	}
	return false
}
