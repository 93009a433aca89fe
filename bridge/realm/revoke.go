package realm

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Revocation returns the value of mapping.AttrRevoked that revokes a token of an organization:
//
//	<the organization's id>|<SHA-256 of the token>|<when it expires, in seconds since 1970, or nothing>|<key id, or nothing>
//
// The value is needed because the entry of the token in the organization's attributes remains
// signed and valid, and anybody who may edit organizations can write the entry again.
func Revocation(organization keycloak.OrganizationID, t tenant.Token) string {
	end := ""
	if !t.Expires.IsZero() && t.KeyID != "" { // a token of another server may have had an entry with another expiry
		end = strconv.FormatInt(t.Expires.Unix(), 10)
	}
	return strings.Join([]string{organization.String(), hex.EncodeToString(t.SHA256[:]), end, t.KeyID}, "|")
}

var revocation = regexp.MustCompile(`^([^|]{1,64})\|([0-9a-f]{64})\|([0-9]{0,12})\|([0-9A-Za-z]{0,64})$`)

// ErrRevocation reports a text that Revocation did not make.
var ErrRevocation = errors.New("not a revocation of a token")

// clockSkew is how far the clocks of the machines that write revocations may differ.
const clockSkew = 24 * time.Hour

// Revoke revokes a token of an organization, by the text of Revocation, for as long as the token
// would be valid. It also drops revocations of tokens that have expired.
func Revoke(ctx context.Context, c *keycloak.Client, text string, now time.Time) error {
	if !revocation.MatchString(text) {
		return ErrRevocation
	}
	return Remember(ctx, c, mapping.AttrRevoked, func(values []string) ([]string, error) {
		values = slices.DeleteFunc(values, func(value string) bool { return ended(value, now) })
		if len(values) >= maxRemembered && !slices.Contains(values, text) {
			return nil, fmt.Errorf("this token is not revoked: %d revoked tokens that have not expired are stored already, and there is no room for another. Put another text into the realm's credentialKeyFile, which invalidates all tokens of its organizations, remove the attribute's values in Keycloak, and make new tokens", maxRemembered)
		}
		return append(values, text), nil
	})
}

// ended reports whether the token of a revocation has expired.
func ended(value string, now time.Time) bool {
	parts := revocation.FindStringSubmatch(value)
	if parts == nil || parts[3] == "" {
		return false
	}
	end, err := strconv.ParseInt(parts[3], 10, 64)
	return err == nil && time.Unix(end, 0).Add(clockSkew).Before(now)
}

// Revoked has the revoked tokens of organizations.
type Revoked map[string]RevokedToken

// RevokedToken is a revocation.
type RevokedToken struct {
	Organization string // the id
	SHA256       [32]byte
	KeyID        string    // "" for a token without a key id
	Expires      time.Time // the end of the token; the zero time when it is not known
}

// ReadRevoked reads the revoked tokens of a realm's organizations.
func ReadRevoked(ctx context.Context, c *keycloak.Client) (Revoked, error) {
	values, err := Remembered(ctx, c, mapping.AttrRevoked)
	out := Revoked{}
	for _, value := range values {
		if one, ok := ParseRevocation(value); ok {
			key := revokedKey(one.Organization, one.SHA256)
			if before, again := out[key]; again && (before.Expires.IsZero() || before.Expires.After(one.Expires)) && !one.Expires.IsZero() {
				one = before
			}
			out[key] = one
		}
	}
	return out, err
}

// ParseRevocation reads a text that Revocation made. ok is false for another text.
func ParseRevocation(text string) (out RevokedToken, ok bool) {
	parts := revocation.FindStringSubmatch(text)
	if parts == nil {
		return out, false
	}
	out.Organization, out.KeyID = parts[1], parts[4]
	if _, err := hex.Decode(out.SHA256[:], []byte(parts[2])); err != nil { // impossible: the text has 64 such digits
		return out, false
	}
	if end, err := strconv.ParseInt(parts[3], 10, 64); err == nil {
		out.Expires = time.Unix(end, 0)
	}
	return out, true
}

// Has reports whether a token of an organization, by the organization's id, was revoked.
func (r Revoked) Has(organization string, t tenant.Token) bool {
	_, has := r[revokedKey(organization, t.SHA256)]
	return has
}

func revokedKey(organization string, sum [32]byte) string {
	return organization + "|" + hex.EncodeToString(sum[:])
}
