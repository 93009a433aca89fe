package keycloaktest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Stage is when a fault strikes.
type Stage int

// The stages of a call. Between is after the call has read and before it writes; updates and deletions of users,
// creations and new members have it. There the fake mixes two overlapping calls as Keycloak's transactions do.
const (
	Before Stage = iota
	Between
	After
)

// Fault is a fault of a call. Without Drop, Torn and Status, only Hold has an effect.
type Fault struct {
	Op    string // as in Calls; "" for every operation
	Nth   int    // which of the calls with Op, from 1 since Inject; 0 for each
	From  int    // the first call that it strikes, counted like Nth; all later ones are struck too
	Stage Stage  // Before: nothing has happened in Keycloak; After: the call was carried out

	Hold   <-chan struct{} // the call waits until this is closed
	Drop   bool            // the connection ends without an answer
	Torn   bool            // half of the answer arrives; needs Stage After
	Status int             // the status of the answer instead
	Header http.Header
	Body   string
}

// HTML is the answer of a proxy in place of Keycloak.
func HTML(op string, status int) Fault {
	return Fault{
		Op: op, Status: status, Body: "<html><body>Service</body></html>",
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
	}
}

type injected struct {
	Fault
	seen    int
	once    sync.Once
	reached chan struct{} // closed when the fault strikes first
}

// Faults plays faults and lists the calls. The zero value is ready.
type Faults struct {
	mu    sync.Mutex
	calls []string
	armed []*injected
}

// Inject arms a fault until ClearFaults. The channel is closed when a call reaches the fault, before it waits for Hold.
func (f *Faults) Inject(fault Fault) (reached <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := &injected{Fault: fault, reached: make(chan struct{})}
	f.armed = append(f.armed, i)
	return i.reached
}

// ClearFaults disarms all faults. Calls that are already held stay held.
func (f *Faults) ClearFaults() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = nil
}

// Calls are the calls since the last ResetCalls in the order of their arrival, such as "GET /users/{id}". "POST /token"
// is the token endpoint, and "GET /" is the realm itself.
func (f *Faults) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// ResetCalls forgets the calls so far.
func (f *Faults) ResetCalls() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = nil
}

// arrive notes a call and finds its faults.
func (f *Faults) arrive(op string) []*injected {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, op)
	var hit []*injected
	for _, i := range f.armed {
		if i.Op != "" && i.Op != op {
			continue
		}
		if i.seen++; i.Nth == i.seen || i.Nth == 0 && i.seen >= i.From {
			hit = append(hit, i)
		}
	}
	return hit
}

// operation names a route without the parts that all routes share.
func operation(r *http.Request) string {
	method := r.Method
	_, path, _ := strings.Cut(r.Pattern, " ")
	path = strings.TrimPrefix(path, adminPrefix)
	switch {
	case r.PathValue("first") == "members":
		path = "/organizations/members/{user}/organizations"
	case r.PathValue("third") == "count":
		path = "/organizations/{id}/members/count"
	case r.PathValue("second") == "members":
		path = "/organizations/{id}/members/{user}"
	case strings.HasPrefix(path, "/organizations/"):
		path = strings.NewReplacer("{organization}", "{id}", "{member}", "{user}", "{below}", "{group}").Replace(path)
	case path == "":
		path = "/"
	case strings.HasSuffix(path, "/token"):
		path = "/token"
	}
	if strings.HasPrefix(path, "/groups/") {
		path = strings.Replace(path, "{group}", "{id}", 1)
	}
	return method + " " + path
}

// wait reports that the fault was reached, and holds the call.
func (i *injected) wait(ctx context.Context) {
	i.once.Do(func() { close(i.reached) })
	if i.Hold == nil {
		return
	}
	select {
	case <-i.Hold:
	case <-ctx.Done():
	}
}

// play plays the faults of a stage. done says that the client has its answer, or that the connection ended.
func play(w http.ResponseWriter, r *http.Request, faults []*injected, stage Stage, answer reply) (done bool) {
	for _, i := range faults {
		if i.Stage != stage {
			continue
		}
		i.wait(r.Context())
		switch {
		case i.Drop:
			hangUp(w, "")
			return true
		case i.Torn:
			body := answer.bytes()
			hangUp(w, fmt.Sprintf("HTTP/1.1 %d OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\n\r\n%s",
				answer.status, max(2, len(body)), body[:len(body)/2]))
			return true
		case i.Status != 0:
			reply{status: i.Status, body: i.Body, header: i.Header}.write(w)
			return true
		}
	}
	return false
}

// hangUp sends some bytes and ends the connection.
func hangUp(w http.ResponseWriter, text string) {
	conn, buffer, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = buffer.WriteString(text)
	_ = buffer.Flush()
	_ = conn.Close()
}
