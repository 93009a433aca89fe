package tenant

import (
	"sync"
	"time"
)

// Request is a request of a client of a tenant, as it was answered.
type Request struct {
	At     time.Time `json:"at"`
	Client string    `json:"client"` // the name of its credential
	Method string    `json:"method"`
	Route  string    `json:"route"` // a pattern, without ids
	Status int       `json:"status"`
	Code   string    `json:"code,omitempty"` // of the error, "" for a success
}

// Activity knows the last request of each tenant, and the last one that failed. Its zero value is
// ready and safe for concurrent use.
type Activity struct {
	mu   sync.Mutex
	last map[string]latest // by the path of the tenant
}

// latest are the last requests of one tenant; the time of one that was not made yet is zero.
type latest struct{ any, failed Request }

// Answered keeps a request of the tenant at a path when it is the last.
func (a *Activity) Answered(path string, r Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == nil {
		a.last = map[string]latest{}
	}
	of := a.last[path]
	if r.At.After(of.any.At) {
		of.any = r
	}
	if r.Code != "" && r.At.After(of.failed.At) {
		of.failed = r
	}
	a.last[path] = of
}

// Last are the last request of the tenant at a path and the last one that failed, each nil when
// the tenant had no such request since the start.
func (a *Activity) Last(path string) (request, failed *Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.last[path]
	if !of.any.At.IsZero() {
		request = &of.any
	}
	if !of.failed.At.IsZero() {
		failed = &of.failed
	}
	return request, failed
}

// Forget drops a tenant that is gone.
func (a *Activity) Forget(path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.last, path)
}
