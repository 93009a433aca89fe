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

// DescribeRevocation reads a text that Revocation made. It returns the id of the organization and the
// key id of the token, or "" and "" for another text.
func DescribeRevocation(text string) (organization, keyID string) {
	parts := revocation.FindStringSubmatch(text)
	if parts == nil {
		return "", ""
	}
	return parts[1], parts[4]
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

// Revoked is the set of the revoked tokens of organizations.
type Revoked map[string]bool

// ReadRevoked reads the revoked tokens of a realm's organizations.
func ReadRevoked(ctx context.Context, c *keycloak.Client) (Revoked, error) {
	values, err := Remembered(ctx, c, mapping.AttrRevoked)
	out := Revoked{}
	for _, value := range values {
		if parts := revocation.FindStringSubmatch(value); parts != nil {
			out[parts[1]+"|"+parts[2]] = true
		}
	}
	return out, err
}

// Has reports whether a token of an organization, by the organization's id, was revoked.
func (r Revoked) Has(organization string, t tenant.Token) bool {
	return r[organization+"|"+hex.EncodeToString(t.SHA256[:])]
}
