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
	// mostOfParts is the maximum memory for the parts of one body, because the number of its values is limited. With
	// it, a body of the largest default size needs 64 MiB.
	mostOfParts = 48 << 20
	// withoutLimit is the assumed memory limit when GOMEMLIMIT is not set.
	withoutLimit = 512 << 20
	// retryBodies is the Retry-After when other bodies use the memory, in seconds.
	retryBodies = 1
)

// The maximum memory for the parts of a body until the answer is sent, in bytes, as measured.
const (
	ofByte   = 4    // the body, its texts, the calls to Keycloak, the answer
	ofObject = 1000 // two small maps: the decoded object and the document
	ofValue  = 150  // an element of an array, or a member of a large object
)

// Bodies is a memory budget for the bodies of all running requests. A tenant gets at most half of it, so that no
// tenant can block the others. A body may exceed half of the budget when its tenant has no other body, and the whole
// budget when no other tenant has a body either.
type Bodies struct {
	limit int64

	mu       sync.Mutex
	used     int64
	byTenant map[string]int64 // by path
}

// NewBodies makes a budget of half of GOMEMLIMIT, or of half of the assumed limit.
func NewBodies() *Bodies {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		limit = withoutLimit
	}
	return newBodies(limit / 2) //nolint:mnd // the other half is for everything except bodies
}

func newBodies(limit int64) *Bodies { return &Bodies{limit: limit, byTenant: map[string]int64{}} }

// share is the part of the budget that one request uses.
type share struct {
	of     *Bodies
	tenant string
	size   int64
}

// grow increases the share to at least size. When there is no memory it returns a 503, and the share does not change.
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
			Detail: "this endpoint processes many large requests at the moment and has no memory for this one, so nothing was done; repeat the request after the time in the Retry-After header",
		}
	}
	s.tenant, s.size = tenant, size
	b.used += more
	b.byTenant[tenant] += more
	return nil
}

// release returns the share to the budget.
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

// footprint is the maximum memory that a body needs until the answer is sent. It only counts characters, also inside
// texts: this is fast, and the result is never too small.
func footprint(body []byte) int64 {
	objects := bytes.Count(body, []byte{'{'})
	values := 1 + bytes.Count(body, []byte{','}) + bytes.Count(body, []byte{'['}) + objects
	return int64(ofByte*len(body) + min(mostOfParts, ofObject*objects+ofValue*values))
}

// String is how much memory is used, for tests.
func (b *Bodies) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%d of %d by %d tenants", b.used, b.limit, len(b.byTenant))
}
