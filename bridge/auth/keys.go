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
)

const (
	// fresh is how long the keys of an issuer are taken as they were read: so long does a key
	// live on that the issuer withdraws.
	fresh = 10 * time.Minute
	// floor is the least time between two reads of an issuer's keys, whatever is asked for.
	floor = 10 * time.Second
	// fetchTime bounds one read.
	fetchTime = 5 * time.Second
	// maxKeySet bounds the answer with the keys, in bytes.
	maxKeySet = 1 << 20
)

// Options say where tokens are looked up, and how keys of issuers are read.
type Options struct {
	Tokens Tokens // nil for TenantTokens

	Realm http.RoundTripper // for keys of Keycloak
	Other http.RoundTripper // for those of other issuers
	Now   func() time.Time  // nil for time.Now
}

// source is where an issuer has its keys (RFC 7517).
type source struct {
	url   string
	realm bool // it is Keycloak
}

// keys are the keys of issuers.
type keys struct {
	options Options

	mu   sync.Mutex
	sets map[source]*keySet
}

func newKeys(o Options) *keys {
	return &keys{options: o, sets: map[source]*keySet{}}
}

// keySet are the keys of one issuer as they were read last. Those that were read once stay
// while the issuer cannot be reached.
type keySet struct {
	flight singleflight.Group

	mu    sync.Mutex
	known map[string]*jose.JSONWebKey // public keys by kid
	read  time.Time                   // when they were read
	tried time.Time                   // when that was tried last
	err   error                       // of that
}

// find is the public key of an issuer with an id. The keys are read again when the id is
// unknown, at most once in floor, and beside the requests when they are older than fresh.
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

// look is the key, nil for an unknown one, and whether the keys shall be read again.
func (s *keySet) find(kid string, now time.Time) (key *jose.JSONWebKey, again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key = s.known[kid]
	return key, now.Sub(s.tried) >= floor && (key == nil || now.Sub(s.read) >= fresh)
}

// late reports whether the keys were read too shortly before.
func (s *keySet) late(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Sub(s.tried) < floor
}

// refresh reads the keys, once for all who ask at a time. Who asks may go away meanwhile.
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

// fetch reads the keys. A redirect is an error: who can redirect could name any address.
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
	defer res.Body.Close() //nolint:errcheck // it was read, nothing can be lost
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

var errNoKeys = errors.New("there is no public key with an id for signatures")

// parseKeys reads a JWK set. Keys of other kinds and for other uses are left out, and those that anybody could find
// out.
func parseKeys(data []byte) (map[string]*jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("the answer is no JWK set: %w", err)
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

// longEnough refuses RSA keys that are shorter than signatures by them may be (RFC 7518 section 3.3).
func longEnough(key any) bool {
	const bits = 2048
	public, isRSA := key.(*rsa.PublicKey)
	return !isRSA || public.N.BitLen() >= bits
}
