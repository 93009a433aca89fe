package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// The reasons for refusing a credential. The client gets the reason. A client without a token cannot
// learn from any reason whether a token exists.
var (
	ErrMissing = errors.New("no bearer token was sent; enter the token of this endpoint in the client")
	ErrInvalid = errors.New("the bearer token is not valid for this endpoint; check the token and the URL that you got from its operator")
	// ErrBare is an ErrInvalid whose header had only the token. It says nothing about the tenant's
	// policy.
	ErrBare = fmt.Errorf("%w; it was sent without \"Bearer\" before it: send \"Bearer\", a blank and the token, or ask the operator of this endpoint to accept the token without \"Bearer\"", ErrInvalid)
	// ErrBasic is an ErrInvalid for a token that came by Basic. It says nothing about the tenant's
	// policy either.
	ErrBasic = fmt.Errorf("%w; it was sent as the password of Basic: send it as Authorization: Bearer, or ask the operator of this endpoint to accept Basic; an access token is never accepted as a password", ErrInvalid)
	// ErrBrowser says that a web page in a browser sent Basic, with a valid token or not. A browser sends
	// remembered Basic credentials by itself, also with requests of other web pages.
	ErrBrowser = errors.New("a browser sent this request (it has the header Origin or Sec-Fetch-Site), and Basic is not accepted from a browser; send the request from a program, or send the token as Authorization: Bearer")
	ErrExpired = errors.New("the bearer token has expired; ask the operator of this endpoint for a new one")
	ErrDoubled = errors.New("the header has \"Bearer\" twice before the token; enter only the token in the client's token field")
	// ErrSuspended is an ErrInvalid for a token that waits until the operator accepts it. Only who has the token learns
	// of it.
	ErrSuspended = fmt.Errorf("%w; it is suspended, because the operator restored a backup: ask the operator of this endpoint to accept the token again", ErrInvalid)
	// ErrUnavailable says that the bridge cannot check the credential now.
	ErrUnavailable = errors.New("the bearer token cannot be checked now; try again")
)

// Authenticator finds the principal of a credential. It is safe for concurrent use.
type Authenticator struct {
	tokens Tokens
	keys   *keys
	cache  verified
	used   func(*tenant.Tenant, tenant.Actor)
	now    func() time.Time
}

// New returns an Authenticator.
func New(o Options) *Authenticator {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tokens == nil {
		o.Tokens = TenantTokens{}
	}
	if o.Used == nil {
		o.Used = func(*tenant.Tenant, tenant.Actor) {}
	}
	return &Authenticator{tokens: o.Tokens, keys: newKeys(o), used: o.Used, now: o.Now}
}

// onStack is the length in bytes up to which hashing a token allocates nothing.
const onStack = 2 << 10

// Authenticate returns the principal of an Authorization header. With cheap it only compares
// hashes: it then refuses an access token that it has not checked before.
//
// The errors are those above. They wrap the cause for the log, which has no secret.
func (a *Authenticator) Authenticate(ctx context.Context, t *tenant.Tenant, header string, cheap bool) (tenant.Principal, error) {
	token, form, err := read(t, header)
	if err != nil {
		return tenant.Principal{}, err
	}
	out, err := a.principal(ctx, t, token, form, cheap)
	if err == nil {
		a.used(t, out.Actor)
	}
	return out, err
}

// principal is Authenticate for the token of a header.
func (a *Authenticator) principal(ctx context.Context, t *tenant.Tenant, token string, form form, cheap bool) (tenant.Principal, error) {
	sum, now := sha256.Sum256(append(make([]byte, 0, onStack), token...)), a.now()
	found, unknowable := a.tokens.Token(ctx, t, sum)
	switch {
	case form == formBasic && !t.Policy.BasicAuth: // whatever the token is
		return tenant.Principal{}, form.refusal(refusal(token))
	case errors.Is(unknowable, ErrSuspended):
		return tenant.Principal{}, refused{ErrSuspended, unknowable.Error()}
	case found != nil:
		if found.Expired(now) {
			return tenant.Principal{}, refused{ErrExpired, "the token " + found.Name + " expired"}
		}
		return tenant.Principal{Tenant: t, Actor: tenant.Actor{Kind: tenant.ActorClient, Name: found.Name, KeyID: found.KeyID}, Scopes: found.Scopes}, nil
	case len(t.AccessTokens) > 0 && form != formBasic && isJWT(token):
		out, err := a.accessToken(ctx, t, token, sum, now, cheap)
		if err == nil || unknowable == nil {
			return out, err
		}
	}
	err := unknown(token)
	if unknowable != nil && !errors.Is(err, ErrTypo) { // nobody could know a token that was not copied whole
		return tenant.Principal{}, refused{ErrUnavailable, "the token cannot be looked up: " + unknowable.Error()}
	}
	return tenant.Principal{}, form.refusal(err)
}

// refusal returns the error for a token that was sent by Basic to a tenant without basicAuth.
func refusal(token string) error {
	if _, err := KeyID(token); err != nil {
		return err
	}
	return refuse("the token was sent as the password of Basic, and the tenant has no basicAuth")
}

// unknown returns the error for a token that the tenant does not have.
func unknown(token string) error {
	switch id, err := KeyID(token); {
	case err != nil:
		return err
	case id != "":
		return refused{ErrInvalid, "the token with the key id " + id + " does not belong to the tenant"}
	case isJWT(token):
		return refused{ErrInvalid, "the tenant accepts no access tokens"}
	}
	return refused{ErrInvalid, "the token does not belong to the tenant"}
}

// refused is an error for the client with a cause for the log.
type refused struct {
	error

	cause string
}

func (r refused) Unwrap() error { return r.error }

// Cause returns what the log may show about a refusal and the client does not get. It returns nil
// when there is nothing.
func Cause(err error) error {
	if r, ok := errors.AsType[refused](err); ok {
		return errors.New(r.cause)
	}
	return nil
}

func refuse(format string, args ...any) error {
	return refused{ErrInvalid, fmt.Sprintf(format, args...)}
}
