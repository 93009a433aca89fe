package server

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

const (
	// mostOfParts is the memory that the parts of any body take at most, however many they are: the
	// number of its values is bounded. A body of the largest size by default takes 64 MiB with it.
	mostOfParts = 48 << 20
	// withoutLimit is the memory limit that is assumed where GOMEMLIMIT gives none.
	withoutLimit = 512 << 20
	// retryBodies is when to come again because of others' bodies, in seconds.
	retryBodies = 1
)

// What parts of a body take in memory until it is answered, in bytes: at most, as measured.
const (
	ofByte   = 4    // the body, its texts, what is sent on, the answer
	ofObject = 1000 // a map of few members, twice: as decoded, as a document
	ofValue  = 150  // as an element of an array or a member of a large object
)

// Bodies is a budget of memory for the bodies of all requests under way. Each tenant has at most
// half of it, so that none keeps the others from it. One body alone is always taken, of a tenant and
// of all.
type Bodies struct {
	limit int64

	mu       sync.Mutex
	used     int64
	byTenant map[string]int64 // by path
}

// NewBodies makes a budget of half of GOMEMLIMIT, or of what is assumed without one.
func NewBodies() *Bodies {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		limit = withoutLimit
	}
	return newBodies(limit / 2) //nolint:mnd // the other half is for everything else
}

func newBodies(limit int64) *Bodies { return &Bodies{limit: limit, byTenant: map[string]int64{}} }

// share is what one request has of the budget.
type share struct {
	of     *Bodies
	tenant string
	size   int64
}

// grow makes the share at least so large. A refusal is a 503: the share stays as it is.
func (s *share) grow(tenant string, size int64) error {
	b, more := s.of, size-s.size
	if more <= 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	all, own := b.used-s.size, b.byTenant[tenant]-s.size // of other requests
	if all > 0 && all+size > b.limit || own > 0 && own+size > b.limit/2 {
		return &scim.Error{
			Code: code.Bodies, Status: http.StatusServiceUnavailable, RetryAfter: retryBodies,
			Detail: "so many large requests are under way that there is no memory for this one, so nothing was done; repeat it after the time of the Retry-After header",
		}
	}
	s.tenant, s.size = tenant, size
	b.used += more
	b.byTenant[tenant] += more
	return nil
}

// release gives the share back.
func (s *share) release() {
	if s.size == 0 {
		return
	}
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.of.used -= s.size
	if s.of.byTenant[s.tenant] -= s.size; s.of.byTenant[s.tenant] == 0 {
		delete(s.of.byTenant, s.tenant)
	}
	s.size = 0
}

// footprint is the memory that a body takes at most until it is answered. It counts signs, also
// those within texts, so that it costs next to nothing and never says too little.
func footprint(body []byte) int64 {
	objects := bytes.Count(body, []byte{'{'})
	values := 1 + bytes.Count(body, []byte{','}) + bytes.Count(body, []byte{'['}) + objects
	return int64(ofByte*len(body) + min(mostOfParts, ofObject*objects+ofValue*values))
}

// String is how much is used, for tests.
func (b *Bodies) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%d of %d by %d tenants", b.used, b.limit, len(b.byTenant))
}
