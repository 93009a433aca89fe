// Package authtest is an issuer of access tokens for tests: keys that it serves, and tokens that
// it signs with them. It stands for Entra and other identity providers.
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

	Reads atomic.Int64  // of the keys
	Read  chan struct{} // told of each

	mu     sync.Mutex
	keys   map[string]crypto.Signer
	answer func(w http.ResponseWriter, r *http.Request)
}

// FirstKey is the id of the key that an Issuer begins with, an RSA one.
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
	_, _ = w.Write([]byte(strings.Replace(string(data), "]", beside(), 1))) // who went away is told nothing
}

// SharedSecret is a secret that the set holds beside the public keys, as no issuer should.
const SharedSecret = "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"

// beside is what may stand in a set, and nobody may sign with.
func beside() string {
	return `,{"kty":"future","kid":"x"},{"kty":"oct","kid":"shared","k":"` + base64.RawURLEncoding.EncodeToString([]byte(SharedSecret)) + `"}]`
}

// Answers has the issuer answer so in place of its keys, with nil again with its keys.
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

// Key is a key of the issuer.
func (i *Issuer) Key(kid string) crypto.Signer {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[kid]
}

// Sign is a token with the claims, signed by a key of the issuer.
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

// Sign is a token with the claims, signed by any key.
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

// Unsigned is a token with a header of the caller's and no signature.
func Unsigned(tb testing.TB, header string, claims map[string]any) string {
	tb.Helper()
	data, err := json.Marshal(claims)
	if err != nil {
		tb.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(data) + "."
}
