package observe

import (
	"context"
	"sync"
	"sync/atomic"
)

type key struct{}

// Request collects the facts about a request for its log line.
type Request struct {
	ID      string // X-Request-Id
	TraceID string // the id of its trace; "" without a trace
	Tenant  string // its path
	Client  string // the name of the client's credential
	KeyID   string // of the credential, when it is a static token
	calls   atomic.Int64

	mu               sync.Mutex // operations of a bulk request run at the same time
	change, resource string
	traced           func(context.Context) context.Context // nil without a Tracer
}

// Traced begins the span of the request; call it when the client is known. Calls with the returned context belong to
// the client's trace.
func (r *Request) Traced(ctx context.Context) context.Context {
	if r.traced == nil {
		return ctx
	}
	return r.traced(ctx)
}

// WithRequest puts the request into the context.
func WithRequest(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, key{}, r)
}

// FromContext is the request of the context, or nil.
func FromContext(ctx context.Context) *Request {
	r, _ := ctx.Value(key{}).(*Request)
	return r
}

// CountCall counts a call to Keycloak for the request of the context, if there is a request.
func CountCall(ctx context.Context) {
	if r := FromContext(ctx); r != nil {
		r.calls.Add(1)
	}
}

// Calls is how many calls to Keycloak the request has made.
func (r *Request) Calls() int64 { return r.calls.Load() }

// Changed says which change the request makes or has made, and the id of its resource; "" while that is not known. Of
// several changes the request remembers the last.
func (r *Request) Changed(change, resource string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change, r.resource = change, resource
}

// Change is what Changed said last; "" for a request that changes nothing.
func (r *Request) Change() (change, resource string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.change, r.resource
}
