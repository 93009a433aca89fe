package keycloaktest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

const clientJWT = "client-jwt"

// checkAssertion checks a signed assertion (RFC 7523) against the client's keys. Each assertion is valid once.
func (c *call) checkAssertion(cl *client, form url.Values) error {
	if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return oauth(http.StatusUnauthorized, "unauthorized_client", badClient)
	}
	claims := jwt.RegisteredClaims{}
	key := func(*jwt.Token) (any, error) { return publicKey(cl.attributes["jwks.string"]) }
	_, err := jwt.ParseWithClaims(form.Get("client_assertion"), &claims, key,
		jwt.WithValidMethods([]string{"RS256", "ES256"}), jwt.WithExpirationRequired(),
		jwt.WithIssuer(cl.clientID), jwt.WithSubject(cl.clientID), jwt.WithAudience(c.issuer(c.realm)))
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return oauth(http.StatusUnauthorized, "unauthorized_client", badClient)
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return oauth(http.StatusBadRequest, "invalid_client", "Client authentication with signed JWT failed: Signature on JWT token failed validation")
	case err != nil:
		return notModelled("such assertion: " + err.Error())
	case claims.ID == "" || c.f.used[claims.ID]:
		return notModelled("assertion without a new jti")
	}
	c.f.used[claims.ID] = true
	return nil
}

// publicKey is the first key of a JWK set: RSA, or ECDSA on P-256.
func publicKey(jwks string) (any, error) {
	var set struct {
		Keys []struct{ Kty, N, E, X, Y string }
	}
	if err := json.Unmarshal([]byte(jwks), &set); err != nil {
		return nil, err
	}
	if len(set.Keys) == 0 {
		return nil, errors.New("no key")
	}
	k := set.Keys[0]
	decode := base64.RawURLEncoding.DecodeString
	if k.Kty == "RSA" {
		n, modulusErr := decode(k.N)
		e, exponentErr := decode(k.E)
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, errors.Join(modulusErr, exponentErr)
	}
	x, xErr := decode(k.X)
	y, yErr := decode(k.Y)
	if err := errors.Join(xErr, yErr); err != nil {
		return nil, err
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
}
