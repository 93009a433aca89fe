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

// Revocation is the value of mapping.AttrRevoked that takes a token of an organization back:
//
//	<the organization's id>|<SHA-256 of the token>|<seconds since 1970 of its end, or nothing>|<key id, or nothing>
//
// The entry of the token in the organization's attributes stays signed and good for ever, and
// who may edit organizations can write it again.
func Revocation(organization keycloak.OrganizationID, t tenant.Token) string {
	end := ""
	if !t.Expires.IsZero() && t.KeyID != "" { // a token of another server may have had an entry with another end
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

// ErrRevocation says that a text is none that Revocation makes.
var ErrRevocation = errors.New("not a revocation of a token")

// clockSkew is how far the clocks of those who write revocations may be apart.
const clockSkew = 24 * time.Hour

// Revoke takes a token of an organization back, by the text of Revocation, for as long as it
// would have been good. Revocations of tokens that ended are dropped on that occasion.
func Revoke(ctx context.Context, c *keycloak.Client, text string, now time.Time) error {
	if !revocation.MatchString(text) {
		return ErrRevocation
	}
	return Remember(ctx, c, mapping.AttrRevoked, func(values []string) ([]string, error) {
		values = slices.DeleteFunc(values, func(value string) bool { return ended(value, now) })
		if len(values) >= maxRemembered && !slices.Contains(values, text) {
			return nil, fmt.Errorf("%d revoked tokens that did not end are remembered already, and there is room for no more, so that this one is not revoked: put another text into the realm's credentialKeyFile, which voids all tokens of its organizations, remove the attribute's values in Keycloak, and make new tokens", maxRemembered)
		}
		return append(values, text), nil
	})
}

// ended reports whether the token of a revocation is refused for its end anyhow.
func ended(value string, now time.Time) bool {
	parts := revocation.FindStringSubmatch(value)
	if parts == nil || parts[3] == "" {
		return false
	}
	end, err := strconv.ParseInt(parts[3], 10, 64)
	return err == nil && time.Unix(end, 0).Add(clockSkew).Before(now)
}

// Revoked are the tokens of organizations that were taken back.
type Revoked map[string]bool

// ReadRevoked reads which tokens of a realm's organizations were taken back.
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

// Has reports whether a token of an organization, by its id, was taken back.
func (r Revoked) Has(organization string, t tenant.Token) bool {
	return r[organization+"|"+hex.EncodeToString(t.SHA256[:])]
}
