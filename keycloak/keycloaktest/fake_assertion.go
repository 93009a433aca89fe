package keycloaktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const clientJWT = "client-jwt"

// checkAssertion checks a signed assertion (RFC 7523) against the client's keys. Each assertion is valid once.
func (c *call) checkAssertion(cl *client, form url.Values) error {
	if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return oauth(http.StatusUnauthorized, "unauthorized_client", badClient)
	}
	parsed, err := jwt.ParseSigned(form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return oauth(http.StatusUnauthorized, "unauthorized_client", badClient)
	}
	key, err := publicKey(cl.attributes["jwks.string"])
	if err != nil {
		return notModelled("such a key: " + err.Error())
	}
	claims := jwt.Claims{}
	if err := parsed.Claims(key, &claims); err != nil {
		return oauth(http.StatusBadRequest, "invalid_client", "Client authentication with signed JWT failed: Signature on JWT token failed validation")
	}
	err = claims.Validate(jwt.Expected{Issuer: cl.clientID, Subject: cl.clientID, AnyAudience: jwt.Audience{c.issuer(c.realm)}, Time: time.Now()})
	switch {
	case err != nil || claims.Expiry == nil:
		return notModelled(fmt.Sprintf("such an assertion: %v", err))
	case claims.ID == "" || c.f.used[claims.ID]:
		return notModelled("assertion without a new jti")
	}
	c.f.used[claims.ID] = true
	return nil
}

// publicKey is the first key of a JWK set.
func publicKey(jwks string) (any, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(jwks), &set); err != nil {
		return nil, err
	}
	if len(set.Keys) == 0 {
		return nil, errors.New("no key")
	}
	return set.Keys[0].Key, nil
}
