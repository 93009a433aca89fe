package server

import (
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// maxBuckets is how many tenants or addresses have a bucket before unused buckets are removed. There are never more
// buckets of addresses. There can be more buckets of tenants, because only the operator adds tenants.
const maxBuckets = 10_000

// buckets are token buckets, by the path of a tenant or by an address. A full bucket without running requests is the
// same as no bucket, so it can be removed.
type buckets struct {
	mu     sync.Mutex
	byKey  map[string]*bucket
	swept  time.Time
	shared bool // keys beyond maxBuckets share one bucket
}

type bucket struct {
	limiter  *rate.Limiter
	inFlight int
}

// overflow is the key of the shared bucket.
const overflow = ""

// of returns the bucket of a key. The caller holds mu.
func (b *buckets) of(key string, limit rate.Limit, burst int, now time.Time) *bucket {
	if b.byKey == nil {
		b.byKey = map[string]*bucket{}
	}
	if len(b.byKey) >= maxBuckets && b.byKey[key] == nil {
		b.sweep(now)
		if b.shared && len(b.byKey) >= maxBuckets {
			key = overflow
		}
	}
	found := b.byKey[key]
	if found == nil {
		found = &bucket{limiter: rate.NewLimiter(limit, burst)}
		b.byKey[key] = found
	}
	if found.limiter.Limit() != limit {
		found.limiter.SetLimitAt(now, limit)
		found.limiter.SetBurstAt(now, burst)
	}
	return found
}

// sweep removes unused buckets, at most once a second.
func (b *buckets) sweep(now time.Time) {
	if now.Sub(b.swept) < time.Second {
		return
	}
	b.swept = now
	for key, one := range b.byKey {
		if one.inFlight == 0 && one.limiter.TokensAt(now) >= float64(one.limiter.Burst()) {
			delete(b.byKey, key)
		}
	}
}

// wait is the number of seconds until the bucket has another token, at least one.
func (b *bucket) wait(now time.Time) int {
	missing := 1 - b.limiter.TokensAt(now)
	return max(1, int(math.Ceil(missing/float64(b.limiter.Limit()))))
}

// burstSeconds is the size of a tenant's burst, in seconds of its rate.
const burstSeconds = 2

// limits are the limits of tenants and of addresses.
type limits struct {
	tenants, addresses buckets
	perMinute          int // failures of one address
}

func newLimits(failuresPerMinute int) limits {
	return limits{addresses: buckets{shared: true}, perMinute: failuresPerMinute}
}

// enter counts a request of a tenant. When the request is accepted, why is "" and the caller has to call leave.
// Otherwise why is the reason, and retryAfter the number of seconds to wait.
func (l *limits) enter(t *tenant.Tenant, now time.Time) (retryAfter int, why string) {
	l.tenants.mu.Lock()
	defer l.tenants.mu.Unlock()
	b := l.tenantBucket(t, now)
	switch {
	case b.inFlight >= t.Policy.Limits.InFlight:
		return 1, "in_flight"
	case !b.limiter.AllowN(now, 1):
		return b.wait(now), "rate"
	}
	b.inFlight++
	return 0, ""
}

func (l *limits) tenantBucket(t *tenant.Tenant, now time.Time) *bucket {
	perSecond := t.Policy.Limits.RequestsPerSecond
	return l.tenants.of(t.Path, rate.Limit(perSecond), burstSeconds*perSecond, now)
}

func (l *limits) leave(t *tenant.Tenant, now time.Time) {
	l.tenants.mu.Lock()
	defer l.tenants.mu.Unlock()
	if b := l.tenantBucket(t, now); b.inFlight > 0 {
		b.inFlight--
	}
}

const secondsPerMinute = 60

// failures returns the bucket of an address. The caller holds mu.
func (l *limits) failures(address string, now time.Time) *bucket {
	return l.addresses.of(network(address), rate.Limit(float64(l.perMinute)/secondsPerMinute), l.perMinute, now)
}

// exhausted is the number of seconds until an address may fail again, 0 when it may fail now.
func (l *limits) exhausted(address string, now time.Time) int {
	l.addresses.mu.Lock()
	defer l.addresses.mu.Unlock()
	if l.addresses.byKey[network(address)] == nil && len(l.addresses.byKey) < maxBuckets {
		return 0
	}
	if b := l.failures(address, now); b.limiter.TokensAt(now) < 1 {
		return b.wait(now)
	}
	return 0
}

// fail counts a failure of an address.
func (l *limits) fail(address string, now time.Time) {
	l.addresses.mu.Lock()
	defer l.addresses.mu.Unlock()
	l.failures(address, now).limiter.AllowN(now, 1)
}

// network is the part of an address that identifies a client. With IPv6, every client has a network of 64 bits.
func network(address string) string {
	const site = 64
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	prefix, err := ip.WithZone("").Prefix(site)
	if err != nil {
		return address
	}
	return prefix.String()
}
