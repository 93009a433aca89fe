package auth

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

const (
	// fresh is how long the bridge uses the keys of an issuer without a new read. A key that the
	// issuer withdraws stays valid this long.
	fresh = 10 * time.Minute
	// floor is the least time between two reads of an issuer's keys, whatever requests need.
	floor = 10 * time.Second
	// fetchTime is the longest time for a read.
	fetchTime = 5 * time.Second
	// maxKeySet is the largest answer with keys, in bytes.
	maxKeySet = 1 << 20
)

// Options say where tokens are looked up, and how the keys of issuers are read.
type Options struct {
	Tokens Tokens // nil for TenantTokens
	// Used gets each credential that is accepted, by its tenant; may be nil. Many requests call it at the same time.
	Used func(t *tenant.Tenant, by tenant.Actor)

	Realm http.RoundTripper // for the keys of Keycloak
	Other http.RoundTripper // for the keys of other issuers
	Now   func() time.Time  // nil for time.Now
}

// source is the place of an issuer's keys (RFC 7517).
type source struct {
	url   string
	realm bool // the issuer is Keycloak
}

// keys has the keys of all issuers.
type keys struct {
	options Options

	mu   sync.Mutex
	sets map[source]*keySet
}

func newKeys(o Options) *keys {
	return &keys{options: o, sets: map[source]*keySet{}}
}

// keySet has the keys of one issuer from the last successful read. They stay while the issuer
// cannot be reached.
type keySet struct {
	flight singleflight.Group

	mu    sync.Mutex
	known map[string]*jose.JSONWebKey // public keys by kid
	read  time.Time                   // time of the last successful read
	tried time.Time                   // time of the last try
	err   error                       // error of the last try
}

// find returns an issuer's public key with an id. It reads the keys again when the id is unknown,
// at most once in floor. When the keys are older than fresh, it reads them in the background.
func (k *keys) find(ctx context.Context, from source, kid string) (*jose.JSONWebKey, error) {
	if kid == "" {
		return nil, refuse("an access token does not say which key signed it")
	}
	set := k.set(from)
	key, again := set.find(kid, k.options.Now())
	switch {
	case key != nil && again:
		go k.refresh(context.WithoutCancel(ctx), from, set)
		return key, nil
	case key == nil && again:
		k.refresh(ctx, from, set)
		key, _ = set.find(kid, k.options.Now())
	}
	if key != nil {
		return key, nil
	}
	set.mu.Lock()
	defer set.mu.Unlock()
	if set.err != nil {
		return nil, refused{ErrUnavailable, "the keys of an issuer cannot be read: " + set.err.Error()}
	}
	return nil, refuse("an access token is signed by a key that its issuer does not have")
}

func (k *keys) set(from source) *keySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sets[from] == nil {
		k.sets[from] = &keySet{}
	}
	return k.sets[from]
}

// find returns the key, nil for an unknown key, and whether the keys must be read again.
func (s *keySet) find(kid string, now time.Time) (key *jose.JSONWebKey, again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key = s.known[kid]
	return key, now.Sub(s.tried) >= floor && (key == nil || now.Sub(s.read) >= fresh)
}

// late reports whether the keys were read within the last floor.
func (s *keySet) late(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Sub(s.tried) < floor
}

// refresh reads the keys once for all requests that wait for them. The read continues when a
// request ends.
func (k *keys) refresh(ctx context.Context, from source, set *keySet) {
	done := set.flight.DoChan("", func() (any, error) {
		now := k.options.Now()
		if set.late(now) {
			return nil, nil //nolint:nilnil // another read has ended meanwhile
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
		defer cancel()
		known, err := k.fetch(ctx, from)
		set.mu.Lock()
		defer set.mu.Unlock()
		set.tried, set.err = now, err
		if err == nil {
			set.known, set.read = known, now
		}
		return nil, nil //nolint:nilnil // the set has it
	})
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// fetch reads the keys. A redirect is an error: a server that can redirect could name any address.
func (k *keys) fetch(ctx context.Context, from source) (map[string]*jose.JSONWebKey, error) {
	client := &http.Client{
		Transport:     k.options.Other,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if from.realm {
		client.Transport = k.options.Realm
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // the body was read completely
	data, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers %s", from.url, res.Status)
	case len(data) > maxKeySet:
		return nil, fmt.Errorf("%s answers with more than %d bytes", from.url, maxKeySet)
	}
	return parseKeys(data)
}

var errNoKeys = errors.New("the set has no public key for signatures with an id")

// parseKeys reads a JWK set. It leaves out keys of other kinds and for other uses, and keys that
// are too short to be safe.
func parseKeys(data []byte) (map[string]*jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("the answer is not a JWK set: %w", err)
	}
	out := map[string]*jose.JSONWebKey{}
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(text); err == nil && key.Valid() && key.IsPublic() && key.KeyID != "" && key.Use != "enc" && longEnough(key.Key) {
			out[key.KeyID] = &key
		}
	}
	if len(out) == 0 {
		return nil, errNoKeys
	}
	return out, nil
}

// longEnough refuses RSA keys that are shorter than RFC 7518 section 3.3 allows for signatures.
func longEnough(key any) bool {
	const bits = 2048
	public, isRSA := key.(*rsa.PublicKey)
	return !isRSA || public.N.BitLen() >= bits
}
