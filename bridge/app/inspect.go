package app

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// Line is a fact about a token or a tenant, with its name.
type Line struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// InspectToken describes a token and, with a configuration, says which tenants accept it. It makes no call over the
// network.
func InspectToken(token string, c *config.Config, now time.Time) ([]Line, error) {
	out, claims := describeToken(token)
	sum := sha256.Sum256([]byte(token))
	out = append(out, Line{"sha256", hex.EncodeToString(sum[:])})
	if c == nil {
		return out, nil
	}
	tenants, err := Tenants(*c)
	if err != nil {
		return nil, err
	}
	known := false
	for _, t := range tenants {
		lines, said := takes(t, sum, claims, now)
		out, known = append(out, lines...), known || said
	}
	if !known {
		text := "no tenant of the configuration knows this token; the credentials in the attributes of organizations were not checked"
		if c.Store.On() {
			text += ", nor the tokens of the store, which scim-bridge tokens list shows with their key ids"
		}
		out = append(out, Line{"tenants", text})
	}
	return out, nil
}

// describeToken describes a token, and returns the claims of a JWT; nil for other tokens.
func describeToken(token string) ([]Line, *auth.Claims) {
	id, err := auth.KeyID(token)
	switch {
	case err != nil:
		return []Line{{"kind", fmt.Sprintf("incomplete token of scim-bridge: %v", err)}}, nil
	case id != "":
		return []Line{{"kind", "token of scim-bridge"}, {"key id", id}}, nil
	}
	_, claims, err := auth.ParseClaims(token)
	if err != nil {
		return []Line{{"kind", "token of another server"}}, nil
	}
	out := []Line{{"kind", "access token (JWT); its signature was not checked"}}
	for _, line := range []Line{
		{"issuer (iss)", claims.Issuer},
		{"audience (aud)", strings.Join(claims.Audience, " ")},
		{"subject (sub)", claims.Subject},
		{"client (azp)", claims.AuthorizedParty},
		{"client (appid)", claims.AppID},
		{"client (client_id)", claims.ClientID},
		{"scope", strings.TrimSpace(claims.Scope + " " + strings.Join(claims.SCP, " "))},
	} {
		if line.Text != "" {
			out = append(out, line)
		}
	}
	if claims.Expiry != nil {
		out = append(out, Line{"ends (exp)", claims.Expiry.Time().UTC().Format(time.RFC3339)})
	}
	return out, &claims
}

// takes says whether a tenant of the configuration accepts a token. said is false when the tenant knows nothing about
// the token.
func takes(t *tenant.Tenant, sum config.Digest, claims *auth.Claims, now time.Time) (out []Line, said bool) {
	tell := func(format string, args ...any) { out = append(out, Line{t.Path, fmt.Sprintf(format, args...)}) }
	for _, known := range t.Tokens {
		said = said || known.SHA256 == sum
		switch {
		case known.SHA256 != sum:
		case known.Expired(now):
			tell("no: %s expired on %s", known.Name, known.Expires.Format(time.DateOnly))
		default:
			tell("yes, as %s, for %s", known.Name, known.Scopes)
		}
	}
	if claims == nil {
		return out, said
	}
	for i := range t.AccessTokens {
		rule := &t.AccessTokens[i]
		err := auth.Fits(rule, *claims, now)
		switch {
		case rule.Issuer != claims.Issuer:
			tell("no, not as %s: the token has another issuer", rule.Name)
		case err != nil:
			tell("no: %v", auth.Cause(err))
		default:
			tell("yes, if its signature is valid, as %s, for %s", rule.Name, rule.Scopes)
		}
	}
	return out, said || len(t.AccessTokens) > 0
}
