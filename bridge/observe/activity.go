package observe

import (
	"sync"
	"time"
)

// LastRequest is the last request of a client of a tenant.
type LastRequest struct {
	At     time.Time `json:"at"`
	Client string    `json:"client"` // the name of its credential
	Method string    `json:"method"`
	Route  string    `json:"route"` // a pattern
	Status int       `json:"status"`
	Code   string    `json:"code,omitempty"` // of the error
}

// Activity knows the last request of each tenant. Its zero value is ready and safe for concurrent
// use.
type Activity struct {
	mu   sync.Mutex
	last map[string]LastRequest
}

// Answered keeps a request of the tenant at a path, when it is the last.
func (a *Activity) Answered(tenant string, r LastRequest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == nil {
		a.last = map[string]LastRequest{}
	}
	if r.At.After(a.last[tenant].At) {
		a.last[tenant] = r
	}
}

// Last is the last request of the tenant at a path, nil for none since the start.
func (a *Activity) Last(tenant string) *LastRequest {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last, ok := a.last[tenant]; ok {
		return &last
	}
	return nil
}

// Forget drops a tenant that is gone.
func (a *Activity) Forget(tenant string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.last, tenant)
}
