package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Why a credential is refused. The client is told which, as none of it tells
// whether a token exists.
var (
	ErrMissing = errors.New("no bearer token was sent")
	ErrInvalid = errors.New("the bearer token is not valid for this endpoint")
	ErrDoubled = errors.New("the token is preceded by \"Bearer\" twice; leave the word out in the client's token field")
)

// scheme is the authentication scheme of RFC 6750, compared without case
// (RFC 9110 section 11.1).
const scheme = "Bearer "

// Bearer takes the token out of an Authorization header. A header that holds the
// token alone is taken where the tenant's policy says so (Okta's header mode).
func Bearer(t *tenant.Tenant, header string) (string, error) {
	header = strings.TrimSpace(header)
	token, ok := cutScheme(header)
	if !ok && t.Policy.BareToken && !strings.Contains(header, " ") {
		token = header
	}
	if token == "" {
		return "", ErrMissing
	}
	if _, again := cutScheme(token); again {
		return "", ErrDoubled
	}
	return token, nil
}

func cutScheme(header string) (string, bool) {
	if len(header) < len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	return strings.TrimSpace(header[len(scheme):]), true
}

// Authenticate finds whose the header is. Every token of the tenant is compared,
// so that the time tells nothing about which one came close.
func Authenticate(t *tenant.Tenant, header string, now time.Time) (tenant.Principal, error) {
	token, err := Bearer(t, header)
	if err != nil {
		return tenant.Principal{}, err
	}
	sum := sha256.Sum256([]byte(token))
	found := -1
	for i := range t.Tokens {
		if subtle.ConstantTimeCompare(sum[:], t.Tokens[i].SHA256[:]) == 1 {
			found = i
		}
	}
	if found < 0 || expired(t.Tokens[found], now) {
		return tenant.Principal{}, ErrInvalid
	}
	return tenant.Principal{Tenant: t, Name: t.Tokens[found].Name}, nil
}

func expired(t tenant.Token, now time.Time) bool {
	return !t.Expires.IsZero() && !now.Before(t.Expires)
}
