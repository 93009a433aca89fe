package keycloak

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/sync/singleflight"
)

// Credentials are how the bridge authenticates to Keycloak.
type Credentials interface {
	// form completes the form of a token request. issuer gets the issuer of the realm.
	form(ctx context.Context, form url.Values, issuer func(context.Context) (string, error)) error
}

type clientSecret struct{ id, secret string }

// ClientSecret authenticates a confidential client with its secret, in the body of the request. HTTP Basic would need
// the values form-encoded first, which is easy to get wrong.
func ClientSecret(clientID, secret string) Credentials { return clientSecret{clientID, secret} }

func (c clientSecret) form(_ context.Context, form url.Values, _ func(context.Context) (string, error)) error {
	form.Set("grant_type", "client_credentials")
	form.Set("client_id", c.id)
	form.Set("client_secret", c.secret)
	return nil
}

type privateKeyJWT struct {
	id, keyID string
	key       crypto.Signer
}

// PrivateKeyJWT authenticates a confidential client with a signed assertion (RFC 7523, private_key_jwt). The key is RSA
// (RS256) or ECDSA on P-256, P-384 or P-521 (ES256, ES384, ES512). keyID goes into the header, unless it is "".
func PrivateKeyJWT(clientID string, key crypto.Signer, keyID string) Credentials {
	return privateKeyJWT{id: clientID, key: key, keyID: keyID}
}

// assertionLife is how long an assertion is valid. Keycloak allows 15 s of skew.
const assertionLife = 60 * time.Second

func (p privateKeyJWT) form(ctx context.Context, form url.Values, issuer func(context.Context) (string, error)) error {
	audience, err := issuer(ctx)
	if err != nil {
		return err
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails, see crypto/rand
	now := time.Now()
	header := new(jose.SignerOptions).WithType("JWT")
	if p.keyID != "" {
		header.WithHeader("kid", p.keyID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: p.algorithm(), Key: p.key}, header)
	var signed string
	if err == nil {
		signed, err = jwt.Signed(signer).Claims(map[string]any{
			"iss": p.id, "sub": p.id, "aud": audience, "jti": hex.EncodeToString(id[:]),
			"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
		}).Serialize()
	}
	if err != nil {
		return fmt.Errorf("sign the client assertion: %w", err)
	}
	form.Set("grant_type", "client_credentials")
	form.Set("client_id", p.id)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", signed)
	return nil
}

func (p privateKeyJWT) algorithm() jose.SignatureAlgorithm {
	key, ok := p.key.Public().(*ecdsa.PublicKey)
	if !ok {
		return jose.RS256
	}
	switch key.Curve.Params().BitSize {
	case 384:
		return jose.ES384
	case 521:
		return jose.ES512
	}
	return jose.ES256
}

type password struct{ user, password string }

// Password authenticates an administrator through the client admin-cli, for setup.
func Password(user, pass string) Credentials { return password{user, pass} }

func (p password) form(_ context.Context, form url.Values, _ func(context.Context) (string, error)) error {
	form.Set("grant_type", "password")
	form.Set("client_id", "admin-cli")
	form.Set("username", p.user)
	form.Set("password", p.password)
	return nil
}

// tokenSource hands out access tokens. It caches a token, and one caller renews it for all at 80 % of its life.
type tokenSource struct {
	http        *http.Client
	realmURL    string // …/realms/{realm}
	credentials Credentials

	flight singleflight.Group
	mu     sync.Mutex
	token  string
	renew  time.Time
	issuer string
	ahead  time.Duration // see Client.Ahead
}

// get returns a token. stale is a token that Keycloak refused, or "". When the cached token is stale, another is
// fetched.
func (s *tokenSource) get(ctx context.Context, stale string) (string, error) {
	if token := s.current(stale); token != "" {
		return token, nil
	}
	// All waiting callers share the fetch, so it continues when the caller that started it leaves.
	result := s.flight.DoChan("token", func() (any, error) {
		if token := s.current(stale); token != "" { // another fetch has ended since the check above
			return token, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenTimeout)
		defer cancel()
		return s.fetch(withOp(ctx, "fetch token"))
	})
	select {
	case r := <-result:
		token, _ := r.Val.(string)
		return token, r.Err
	case <-ctx.Done():
		return "", unavailable("wait for a token: %w", ctx.Err())
	}
}

// current is the cached token, or "" when it is stale or must be renewed.
func (s *tokenSource) current(stale string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == stale || !time.Now().Before(s.renew) {
		return ""
	}
	return s.token
}

const (
	tokenTimeout  = 15 * time.Second
	renewalShare  = 0.8
	leastLifetime = time.Second
)

type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"` // seconds
}

func (s *tokenSource) fetch(ctx context.Context) (string, error) {
	form := url.Values{}
	if err := s.credentials.form(ctx, form, s.discoverIssuer); err != nil {
		return "", err
	}
	var answer tokenAnswer
	err := s.exchange(ctx, http.MethodPost, "/protocol/openid-connect/token", strings.NewReader(form.Encode()), &answer)
	if err != nil {
		return "", err
	}
	if answer.AccessToken == "" {
		return "", unavailable("the token endpoint answered without a token")
	}
	life := max(leastLifetime, time.Duration(float64(answer.ExpiresIn)*renewalShare*float64(time.Second)))
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.token, s.renew = answer.AccessToken, now.Add(life)
	if claims, err := claimsOf(answer.AccessToken); err == nil && claims.Issued > 0 {
		s.ahead = time.Unix(claims.Issued, 0).Sub(now).Truncate(time.Second)
	}
	return answer.AccessToken, nil
}

// discoverIssuer asks for the issuer once. Behind a proxy the issuer differs from the URL that we call.
func (s *tokenSource) discoverIssuer(ctx context.Context) (string, error) {
	s.mu.Lock()
	issuer := s.issuer
	s.mu.Unlock()
	if issuer != "" {
		return issuer, nil
	}
	var answer struct {
		Issuer string `json:"issuer"`
	}
	if err := s.exchange(ctx, http.MethodGet, "/.well-known/openid-configuration", nil, &answer); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issuer = answer.Issuer
	return answer.Issuer, nil
}

func (s *tokenSource) exchange(ctx context.Context, method, path string, body io.Reader, answer any) error {
	req, err := newRequest(ctx, method, s.realmURL+path, body)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := s.http.Do(req)
	if err != nil {
		return tokenError(err)
	}
	defer res.Body.Close() //nolint:errcheck // the guard read it
	if err := json.NewDecoder(res.Body).Decode(answer); err != nil {
		return unavailable("token endpoint: %w", err)
	}
	return nil
}

// NoRealm is Keycloak's text about a realm that does not exist.
const NoRealm = "Realm does not exist"

// Errors when the token endpoint does not exist.
var (
	ErrNoRealm    = errors.New("the realm of the account does not exist")
	ErrNoKeycloak = errors.New("there is no Keycloak at this address, or it is below another path")
)

// tokenError makes every refusal of the token endpoint an error of the credentials (Denied). A 400 there
// (unauthorized_client) says nothing about a caller's values.
func tokenError(err error) error {
	e := asError(err)
	switch {
	case e.Kind != NotFound:
	case e.Message == NoRealm:
		e.Err = ErrNoRealm
	default:
		e.Err = ErrNoKeycloak
	}
	if e.Kind == Invalid || e.Kind == NotFound {
		e.Kind = Denied
	}
	e.Op = "get token"
	return e
}

// accessClaims are the claims that the bridge reads in its own access token.
type accessClaims struct {
	Subject   string `json:"sub"`
	Issued    int64  `json:"iat"` // s
	Resources map[string]struct {
		Roles []string `json:"roles"`
	} `json:"resource_access"`
}

// claimsOf reads our own access token, so its signature need not be checked.
func claimsOf(token string) (claims accessClaims, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims, unavailable("the access token is not a JWT")
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(data, &claims)
	}
	if err != nil {
		return claims, unavailable("the access token is not a JWT: %w", err)
	}
	return claims, nil
}
