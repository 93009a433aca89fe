package auth

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

const (
	// leeway is the allowed difference between the clocks of an issuer and of the bridge.
	leeway = 30 * time.Second
	// maxToken is the largest access token that is parsed, in bytes.
	maxToken = 16 << 10
)

// algorithms are the algorithms with public keys. The algorithm none, and HMAC with a public text
// as its key, prove nothing.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

// isJWT reports whether a token has the form of a signed JWT.
func isJWT(token string) bool {
	return strings.HasPrefix(token, "ey") && strings.Count(token, ".") == 2
}

// Claims are the claims of an access token that the bridge reads.
type Claims struct {
	jwt.Claims

	Type            string         `json:"typ"`       // of Keycloak's tokens: Bearer, ID, Refresh
	AuthorizedParty string         `json:"azp"`       // OpenID Connect; Entra v2
	AppID           string         `json:"appid"`     // Entra v1
	ClientID        string         `json:"client_id"` // RFC 9068; Keycloak: only in tokens of service accounts
	Scope           string         `json:"scope"`     // separated by blanks
	SCP             scopeClaim     `json:"scp"`       // Entra, Okta
	Confirmation    map[string]any `json:"cnf"`       // the token is bound to a key (RFC 7800)
}

// scopeClaim is a text with blanks, or a list.
type scopeClaim []string

// UnmarshalJSON reads both forms.
func (s *scopeClaim) UnmarshalJSON(data []byte) error {
	var list jwt.Audience // a text or a list of texts
	err := list.UnmarshalJSON(data)
	for _, text := range list {
		*s = append(*s, strings.Fields(text)...)
	}
	return err
}

// accessToken returns the principal of an access token. It first checks everything that needs no
// key, so that nobody can make the bridge fetch keys or check signatures for a token that it
// refuses anyway.
func (a *Authenticator) accessToken(ctx context.Context, t *tenant.Tenant, token string, sum [sha256.Size]byte, now time.Time, cheap bool) (tenant.Principal, error) {
	if rule := a.cache.get(t, sum, now); rule != nil {
		return principal(t, rule), nil
	}
	switch {
	case cheap:
		return tenant.Principal{}, refuse("an access token was not checked, because too many were refused before")
	case len(token) > maxToken:
		return tenant.Principal{}, refuse("an access token is longer than %d bytes", maxToken)
	}
	parsed, claims, err := ParseClaims(token)
	if err != nil {
		return tenant.Principal{}, err
	}
	rule, err := match(t.AccessTokens, claims, now)
	if err != nil {
		return tenant.Principal{}, err
	}
	header := parsed.Headers[0]
	key, err := a.keys.find(ctx, source{rule.KeysURL, rule.OfRealm}, header.KeyID)
	if err != nil {
		return tenant.Principal{}, err
	}
	if key.Algorithm != "" && key.Algorithm != header.Algorithm {
		return tenant.Principal{}, refuse("an access token for %s is signed with an algorithm that its key does not allow", rule.Name)
	}
	if err := parsed.Claims(key.Key, new(Claims)); err != nil {
		return tenant.Principal{}, refuse("an access token for %s is not signed by its issuer", rule.Name)
	}
	a.cache.put(t, sum, rule, claims.Expiry.Time(), now)
	return principal(t, rule), nil
}

func principal(t *tenant.Tenant, rule *tenant.AccessToken) tenant.Principal {
	return tenant.Principal{Tenant: t, Actor: tenant.Actor{Kind: tenant.ActorClient, Name: rule.Name}, Scopes: rule.Scopes}
}

// ParseClaims reads an access token and does not check its signature.
func ParseClaims(token string) (*jwt.JSONWebToken, Claims, error) {
	var claims Claims
	parsed, err := jwt.ParseSigned(token, algorithms())
	if err == nil {
		err = parsed.UnsafeClaimsWithoutVerification(&claims)
	}
	if err != nil {
		return nil, claims, refuse("an access token is malformed, or has no signature by a public key")
	}
	return parsed, claims, nil
}

// match returns the rule that a token fits.
func match(rules []tenant.AccessToken, claims Claims, now time.Time) (*tenant.AccessToken, error) {
	err := refuse("the issuer of an access token is not an issuer of the tenant")
	for i := range rules {
		if rules[i].Issuer != claims.Issuer {
			continue
		}
		if err = Fits(&rules[i], claims, now); err == nil {
			return &rules[i], nil
		}
	}
	return nil, err
}

// Fits checks that the claims of an access token fit the client of a rule. The Cause of its error
// names the claim that does not fit.
func Fits(rule *tenant.AccessToken, c Claims, now time.Time) error {
	wrong := func(what string) error { return refuse("an access token for %s has %s", rule.Name, what) }
	switch {
	case c.Expiry == nil:
		return wrong("no expiry")
	case !now.Before(c.Expiry.Time().Add(leeway)):
		return refused{ErrExpired, "an access token for " + rule.Name + " expired"}
	case c.NotBefore != nil && now.Add(leeway).Before(c.NotBefore.Time()), c.IssuedAt != nil && now.Add(leeway).Before(c.IssuedAt.Time()):
		return wrong("a time in the future: compare the clocks")
	case !c.Audience.Contains(rule.Audience):
		return wrong("another audience")
	case rule.Subject != "" && c.Subject != rule.Subject:
		return wrong("another subject")
	case rule.ClientID != "" && !slices.Contains([]string{c.AuthorizedParty, c.AppID, c.ClientID}, rule.ClientID):
		return wrong("another client")
	case rule.OfRealm && (c.Type != "Bearer" || c.AuthorizedParty != rule.ClientID || c.ClientID != rule.ClientID):
		return wrong("another client, or belongs to a person and not to a service account")
	case rule.OfRealm && !ofClientCredentials(c.ID):
		return wrong("a jti of another grant than client credentials")
	case rule.RequiredScope != "" && !slices.Contains(append(strings.Fields(c.Scope), c.SCP...), rule.RequiredScope):
		return wrong("not the required scope")
	case len(c.Confirmation) > 0:
		return wrong("a binding to a key of the client, which the bridge cannot check")
	}
	return nil
}

// ofClientCredentials reports whether the id of a token of Keycloak, such as "trrtcc:…", says that
// the client credentials grant gave the token. The id begins with two characters each for the
// session, the kind of token and the grant (DefaultTokenContextEncoderProvider, Keycloak 26.2 and
// newer).
//
// A person who may only register a client can let it put the user's names into azp, client_id, aud
// and sub. A person's login then looks like the service account of another client. No mapper
// changes jti (measured on 26.4, 26.6 and 26.7). In a token of the registered client's own service
// account, the name begins with service-account-; config refuses such a name for a client.
func ofClientCredentials(id string) bool {
	const length, grant = 6, "cc"
	context, _, ok := strings.Cut(id, ":")
	return ok && len(context) == length && strings.HasSuffix(context, grant)
}

const (
	// remembered is how long the bridge does not check a valid token again.
	remembered = 5 * time.Minute
	// maxRemembered bounds the remembered tokens of all tenants.
	maxRemembered = 10_000
)

// verified remembers valid access tokens, by tenant and hash.
type verified struct {
	mu     sync.RWMutex
	tokens map[verifiedKey]verifiedToken
}

type verifiedKey struct {
	path string // of the tenant
	sum  [sha256.Size]byte
}

type verifiedToken struct {
	rule  *tenant.AccessToken
	until time.Time
}

// get returns the rule that a token fits. It returns nil when the token must be checked, also after
// the rules of the tenant were loaded again.
func (v *verified) get(t *tenant.Tenant, sum [sha256.Size]byte, now time.Time) *tenant.AccessToken {
	v.mu.RLock()
	token, ok := v.tokens[verifiedKey{t.Path, sum}]
	v.mu.RUnlock()
	if !ok || !now.Before(token.until) {
		return nil
	}
	for i := range t.AccessTokens {
		if &t.AccessTokens[i] == token.rule {
			return token.rule
		}
	}
	return nil
}

func (v *verified) put(t *tenant.Tenant, sum [sha256.Size]byte, rule *tenant.AccessToken, end, now time.Time) {
	if limit := now.Add(remembered); end.After(limit) {
		end = limit
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tokens == nil || len(v.tokens) >= maxRemembered { // every token can be checked again
		v.tokens = map[verifiedKey]verifiedToken{}
	}
	v.tokens[verifiedKey{t.Path, sum}] = verifiedToken{rule, end}
}
