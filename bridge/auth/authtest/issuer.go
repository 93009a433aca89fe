// Package authtest is an issuer of access tokens for tests. It serves keys and signs tokens with
// them, in place of Entra and other identity providers.
package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Issuer serves the public keys of an issuer at its URL, on loopback until the test ends.
type Issuer struct {
	*httptest.Server

	Reads atomic.Int64  // number of reads of the keys
	Read  chan struct{} // gets a value for each read

	mu     sync.Mutex
	keys   map[string]crypto.Signer
	answer func(w http.ResponseWriter, r *http.Request)
}

// FirstKey is the id of the first key of an Issuer, an RSA key.
const FirstKey = "one"

// NewIssuer starts an issuer.
func NewIssuer(tb testing.TB) *Issuer {
	tb.Helper()
	const bits, reads = 2048, 1000
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		tb.Fatal(err)
	}
	i := &Issuer{keys: map[string]crypto.Signer{FirstKey: key}, Read: make(chan struct{}, reads)}
	i.Server = httptest.NewServer(http.HandlerFunc(i.serve))
	tb.Cleanup(i.Close)
	return i
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.Reads.Add(1)
	defer func() { i.Read <- struct{}{} }()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.answer != nil {
		i.answer(w, r)
		return
	}
	set := jose.JSONWebKeySet{}
	for kid, key := range i.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig", Algorithm: string(algorithm(key))})
	}
	data, err := json.Marshal(set)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, _ = w.Write([]byte(strings.Replace(string(data), "]", beside(), 1))) // a client that is gone needs no answer
}

// SharedSecret is a secret that the set has besides the public keys, as no issuer should.
const SharedSecret = "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"

// beside returns keys that may be in a set, and that must verify nothing.
func beside() string {
	return `,{"kty":"future","kid":"x"},{"kty":"oct","kid":"shared","k":"` + base64.RawURLEncoding.EncodeToString([]byte(SharedSecret)) + `"}]`
}

// Answers lets the issuer answer with f instead of its keys. With nil the issuer answers with its
// keys again.
func (i *Issuer) Answers(f func(http.ResponseWriter, *http.Request)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = f
}

// SetKey adds a key.
func (i *Issuer) SetKey(kid string, key crypto.Signer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys[kid] = key
}

// Key returns a key of the issuer.
func (i *Issuer) Key(kid string) crypto.Signer {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[kid]
}

// Sign returns a token with the claims, signed by a key of the issuer.
func (i *Issuer) Sign(tb testing.TB, kid string, claims map[string]any) string {
	tb.Helper()
	key := i.Key(kid)
	return Sign(tb, jose.SigningKey{Algorithm: algorithm(key), Key: key}, kid, claims)
}

func algorithm(key crypto.Signer) jose.SignatureAlgorithm {
	switch key.(type) {
	case *ecdsa.PrivateKey:
		return jose.ES256
	case ed25519.PrivateKey:
		return jose.EdDSA
	}
	return jose.RS256
}

// Sign returns a token with the claims, signed by any key.
func Sign(tb testing.TB, key jose.SigningKey, kid string, claims map[string]any) string {
	tb.Helper()
	signer, err := jose.NewSigner(key, new(jose.SignerOptions).WithType("JWT").WithHeader("kid", kid))
	if err != nil {
		tb.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// Unsigned returns a token with the caller's header and no signature.
func Unsigned(tb testing.TB, header string, claims map[string]any) string {
	tb.Helper()
	data, err := json.Marshal(claims)
	if err != nil {
		tb.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(data) + "."
}
