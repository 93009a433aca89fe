package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Why a credential is refused. The client is told which, as none of it tells
// whether a token exists to who has not got it.
var (
	ErrMissing = errors.New("no bearer token was sent; enter the token of this endpoint in the client")
	ErrInvalid = errors.New("the bearer token is not valid for this endpoint; compare the token and the URL with those that its operator gave")
	// ErrBare is an ErrInvalid whose header held the token alone. It says nothing of the tenant's policy.
	ErrBare = fmt.Errorf("%w; it came without the word Bearer: send \"Bearer \" and the token, or ask the operator of this endpoint to take it as it is", ErrInvalid)
	// ErrBasic is an ErrInvalid that came by Basic. It says nothing of the tenant's policy either.
	ErrBasic = fmt.Errorf("%w; it came as the password of Basic: send it as Authorization: Bearer, or ask the operator of this endpoint to take Basic, which takes no access tokens", ErrInvalid)
	// ErrBrowser says that a page of a browser sent Basic, whoever's it is. A browser adds by itself what it
	// remembers of Basic, also to a request that a page of somebody else makes.
	ErrBrowser = errors.New("a browser sent this (it has the header Origin or Sec-Fetch-Site), and from a browser Basic is not taken; call from a program, or send the token as Authorization: Bearer")
	ErrExpired = errors.New("the bearer token has expired; ask the operator of this endpoint for a new one")
	ErrDoubled = errors.New("the token is preceded by \"Bearer\" twice; leave the word out in the client's token field")
	// ErrUnavailable says that it cannot be known now whether a credential is good.
	ErrUnavailable = errors.New("what the bearer token is checked with cannot be read now; try again")
)

// Authenticator finds whose credentials are. It is safe for concurrent use.
type Authenticator struct {
	tokens Tokens
	keys   *keys
	cache  verified
	now    func() time.Time
}

// New makes an Authenticator.
func New(o Options) *Authenticator {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tokens == nil {
		o.Tokens = TenantTokens{}
	}
	return &Authenticator{tokens: o.Tokens, keys: newKeys(o), now: o.Now}
}

// onStack is the length up to which hashing a token allocates nothing, in bytes.
const onStack = 2 << 10

// Authenticate finds whose an Authorization header is. With cheap it does no more than to
// compare hashes: an access token that was not seen before is refused then.
//
// The errors are those above, and wrap the cause for the log, which holds no secret.
func (a *Authenticator) Authenticate(ctx context.Context, t *tenant.Tenant, header string, cheap bool) (tenant.Principal, error) {
	token, form, err := read(t, header)
	if err != nil {
		return tenant.Principal{}, err
	}
	sum, now := sha256.Sum256(append(make([]byte, 0, onStack), token...)), a.now()
	found, err := a.tokens.Token(ctx, t, sum)
	switch {
	case form == formBasic && !t.Policy.BasicAuth: // whatever the token is
		return tenant.Principal{}, form.refusal(refusal(token))
	case err != nil:
		return tenant.Principal{}, refused{ErrUnavailable, "the token cannot be looked up: " + err.Error()}
	case found != nil:
		if found.Expired(now) {
			return tenant.Principal{}, refused{ErrExpired, "the token " + found.Name + " expired"}
		}
		return tenant.Principal{Tenant: t, Actor: tenant.Actor{Kind: tenant.ActorClient, Name: found.Name, KeyID: found.KeyID}, Scopes: found.Scopes}, nil
	case len(t.AccessTokens) > 0 && form != formBasic && isJWT(token):
		return a.accessToken(ctx, t, token, sum, now, cheap)
	}
	return tenant.Principal{}, form.refusal(unknown(token))
}

// untaken is unknown for a token that came by Basic to a tenant that does not take it.
func refusal(token string) error {
	if _, err := KeyID(token); err != nil {
		return err
	}
	return refuse("Basic came, and the tenant has no basicAuth")
}

// unknown says what can be said of a token that is nobody's.
func unknown(token string) error {
	switch id, err := KeyID(token); {
	case err != nil:
		return err
	case id != "":
		return refused{ErrInvalid, "the token with the key id " + id + " is not one of the tenant's"}
	case isJWT(token):
		return refused{ErrInvalid, "the tenant takes no access tokens"}
	}
	return refused{ErrInvalid, "the token is not one of the tenant's"}
}

// refused is an error for the client with a cause for the log.
type refused struct {
	error

	cause string
}

func (r refused) Unwrap() error { return r.error }

// Cause is what the log may know of a refusal beyond what the client is told, nil for nothing.
func Cause(err error) error {
	if r, ok := errors.AsType[refused](err); ok {
		return errors.New(r.cause)
	}
	return nil
}

func refuse(format string, args ...any) error {
	return refused{ErrInvalid, fmt.Sprintf(format, args...)}
}
