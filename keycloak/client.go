package keycloak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/go-json-experiment/json"
)

// RealmManagement is the clientId of the client whose roles are the rights of the Admin API.
const RealmManagement = "realm-management"

// Config is the configuration of a Client.
type Config struct {
	BaseURL     string // of Keycloak, such as "https://kc.example/auth"; a slash at the end is dropped
	Realm       Realm
	TokenRealm  Realm // the realm of the credentials; zero means Realm
	Credentials Credentials
	Transport   http.RoundTripper // see NewTransport
	MaxInFlight int               // most calls at the same time; default DefaultMaxInFlight

	// BreakerDelay is how long no call is made when most of the last calls were not answered; default
	// DefaultBreakerDelay.
	BreakerDelay time.Duration

	// Wrap wraps every exchange with Keycloak, also the request of a token; nil for no wrapper. Op has the operation of
	// a request, and its errors are *Error.
	Wrap func(http.RoundTripper) http.RoundTripper
	// Observe gets every call except the requests of tokens; nil when nobody needs it.
	Observe func(ctx context.Context, c Call)
	// ObserveOutage is called when calls stop because of an outage, and when they start again; nil when nobody needs
	// it.
	ObserveOutage func(outage bool)
}

// Call is a call that was made.
type Call struct {
	Op       string // such as "create user"
	Kind     Kind   // "" on success
	Duration time.Duration
}

// Client calls the Admin API of one realm. It is safe for concurrent use.
type Client struct {
	realm   Realm
	url     string // the root of Keycloak
	base    string // …/admin/realms/{realm}
	http    *http.Client
	tokens  *tokenSource
	cloak   *gocloak.GoCloak
	retry   failsafe.Executor[any]
	observe func(context.Context, Call)
	breaker breaker
	own     sync.Mutex // see ChangeOwnValues
}

// New makes a client. It makes no call.
func New(c Config) (*Client, error) {
	base := strings.TrimRight(c.BaseURL, "/")
	if u, err := url.Parse(base); err != nil || u.Scheme == "" || u.Host == "" {
		return nil, fmt.Errorf("%q is not the URL of a Keycloak", c.BaseURL)
	}
	if c.Realm.IsZero() || c.Credentials == nil || c.Transport == nil {
		return nil, errors.New("a client needs a realm, credentials and a transport")
	}
	if c.TokenRealm.IsZero() {
		c.TokenRealm = c.Realm
	}
	if c.Observe == nil {
		c.Observe = func(context.Context, Call) {}
	}
	if c.ObserveOutage == nil {
		c.ObserveOutage = func(bool) {}
	}
	breaker := newBreaker(orDefault(c.BreakerDelay, DefaultBreakerDelay), c.ObserveOutage)
	plain := &http.Client{Transport: newGuard(c.Transport, c.MaxInFlight, breaker)}
	if c.Wrap != nil {
		plain.Transport = c.Wrap(plain.Transport)
	}
	return &Client{
		realm:   c.Realm,
		url:     base,
		base:    base + "/admin/realms/" + c.Realm.escaped(),
		http:    plain,
		tokens:  &tokenSource{http: plain, realmURL: base + "/realms/" + c.TokenRealm.escaped(), credentials: c.Credentials},
		cloak:   newGocloak(base, plain.Transport),
		retry:   failsafe.With(readPolicy()),
		observe: c.Observe,
		breaker: breaker,
	}, nil
}

// newGocloak makes a gocloak with our transport. It has no cookie jar, because cookies would bind all calls to one node
// of a cluster.
func newGocloak(base string, transport http.RoundTripper) *gocloak.GoCloak {
	g := gocloak.NewClient(base)
	g.RestyClient().SetTransport(transport).SetCookieJar(nil).SetDisableWarn(true).SetLogger(silent{})
	return g
}

// silent drops resty's own log lines, which contain URLs. Errors have what matters.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// Of the reads that run at the same time, at most this share may be repetitions, or this number if that is more. When
// every read is repeated, a server that restarts stays down.
const (
	retryShare = 0.2
	retryFew   = 4
)

// readPolicy repeats twice a read that Keycloak did not answer. Nothing else is ever repeated.
func readPolicy() retrypolicy.RetryPolicy[any] {
	return retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return isOutage(err) }).
		WithMaxRetries(2).
		WithBackoff(50*time.Millisecond, 500*time.Millisecond).
		WithJitterFactor(0.2).
		WithBudget(budget.NewBuilder().WithMaxRate(retryShare).WithMinConcurrency(retryFew).Build()).
		ReturnLastFailure().
		Build()
}

// isOutage reports whether another try may reach Keycloak.
func isOutage(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == Unavailable && e.RetryAfter == 0 &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

type opKey struct{}

func withOp(ctx context.Context, op string) context.Context {
	return context.WithValue(ctx, opKey{}, op)
}

// Op is the operation of an exchange with Keycloak, such as "create user", taken from the context of the request.
func Op(ctx context.Context) string {
	op, _ := ctx.Value(opKey{}).(string)
	return op
}

// Outage reports whether calls are stopped because Keycloak did not answer most of the last calls.
func (c *Client) Outage() bool { return c.breaker.IsOpen() }

// URL is the root of Keycloak, without a slash at its end.
func (c *Client) URL() string { return c.url }

// Realm is the realm of the client.
func (c *Client) Realm() Realm { return c.realm }

// call makes one call with a token. When Keycloak no longer accepts the token, it makes the call again with a new one.
// That is safe: Keycloak checks the token before it does anything.
func (c *Client) call(ctx context.Context, op string, try func(ctx context.Context, token string) error) error {
	ctx = withOp(ctx, op)
	token, err := c.tokens.get(ctx, "")
	if err != nil {
		return named(op, err)
	}
	err = c.observed(ctx, op, token, try)
	if e := asError(err); e == nil || e.Status != http.StatusUnauthorized {
		return named(op, err)
	}
	if token, err = c.tokens.get(ctx, token); err != nil {
		return named(op, err)
	}
	return named(op, c.observed(ctx, op, token, try))
}

func (c *Client) observed(ctx context.Context, op, token string, try func(context.Context, string) error) error {
	start := time.Now()
	err := try(ctx, token)
	call := Call{Op: op, Duration: time.Since(start)}
	if e := asError(err); e != nil {
		call.Kind = e.Kind
	}
	c.observe(ctx, call)
	return err
}

// named adds the operation to an error.
func named(op string, err error) error {
	e := asError(err)
	if e == nil {
		return nil
	}
	if e.Op == "" {
		e.Op = op
	}
	return e
}

// asError is the *Error in the chain, or a new one for the error.
func asError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &Error{Kind: Unavailable, Err: err}
	}
	return &Error{Kind: Unknown, Err: err}
}

// viaGocloak makes a call of gocloak. It returns the guard's error in place of gocloak's.
func (c *Client) viaGocloak(ctx context.Context, op string, try func(ctx context.Context, token string) error) error {
	return c.call(ctx, op, func(ctx context.Context, token string) error {
		var seen capture
		err := try(context.WithValue(ctx, captureKey{}, &seen), token)
		if seen.err != nil {
			return seen.err
		}
		return err
	})
}

// maxPath bounds a path with its query, in bytes. Keycloak answers 414 beyond 32 KiB (measured), and proxies in front
// of Keycloak accept 8 KiB by default.
const maxPath = 6 << 10

// get reads path with query into out, and repeats the read during an outage. A value that is too long for a URL is
// ErrNotSearchable.
func (c *Client) get(ctx context.Context, op, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	if len(path) > maxPath {
		return &Error{Op: op, Kind: Invalid, Err: ErrNotSearchable}
	}
	var last error
	err := c.retry.WithContext(ctx).Run(func() error {
		last = c.call(ctx, op, func(ctx context.Context, token string) error {
			_, err := c.send(ctx, token, http.MethodGet, path, nil, out)
			return torn(err)
		})
		return last
	})
	if errors.Is(err, budget.ErrExceeded) {
		err = last
	}
	return named(op, err)
}

// torn makes an error of an unfinished answer Unavailable, so that a read is repeated. Keycloak then says that it
// cannot parse JSON, although a GET has no body. This happens when a user is deleted while Keycloak lists the members
// of an organization (measured on 26.7.4).
func torn(err error) error {
	if e := asError(err); e != nil && e.Kind == Invalid && strings.Contains(e.Message, "Cannot parse the JSON") {
		e.Kind = Unavailable
	}
	return err
}

// write sends a change with a body.
func (c *Client) write(ctx context.Context, op, method, path string, body any) error {
	_, err := c.change(ctx, op, method, path, body)
	return err
}

// create sends a body with POST and returns the last segment of the Location: the id of the created resource, or ""
// when the answer has no Location.
func (c *Client) create(ctx context.Context, op, path string, body any) (string, error) {
	header, err := c.change(ctx, op, http.MethodPost, path, body)
	if err != nil {
		return "", err
	}
	location := header.Get("Location")
	return location[strings.LastIndexByte(location, '/')+1:], nil
}

// bare sends a change without a body.
func (c *Client) bare(ctx context.Context, op, method, path string) error {
	return c.call(ctx, op, func(ctx context.Context, token string) error {
		_, err := c.send(ctx, token, method, path, nil, nil)
		return err
	})
}

func (c *Client) change(ctx context.Context, op, method, path string, body any) (header http.Header, err error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, &Error{Op: op, Kind: Invalid, Err: fmt.Errorf("encode: %w", err)}
	}
	err = c.call(ctx, op, func(ctx context.Context, token string) (err error) {
		header, err = c.send(ctx, token, method, path, data, nil)
		return err
	})
	return header, err
}

func (c *Client) send(ctx context.Context, token, method, path string, body []byte, out any) (http.Header, error) {
	req, err := newRequest(ctx, method, c.base+path, bodyReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // the guard read it
	if out == nil {
		return res.Header, nil
	}
	if err := json.UnmarshalRead(res.Body, out); err != nil {
		return nil, unavailable("decode answer: %w", err)
	}
	return res.Header, nil
}

// bodyReader keeps a nil body a nil reader.
func bodyReader(body []byte) io.Reader {
	if body == nil {
		return http.NoBody
	}
	return bytes.NewReader(body)
}

func newRequest(ctx context.Context, method, target string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, &Error{Kind: Invalid, Err: err}
	}
	return req, nil
}
