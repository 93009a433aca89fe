package server

import (
	"net/http"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Requests remembers what was asked. Its methods are called before the client has the whole answer, so they must not
// wait for anything.
type Requests interface {
	// Request gets each write, and each read that was refused or failed, of a client with a good credential or of the
	// operator.
	Request(r Request)
	// Count gets each other request: a read that succeeded, with the code "", or a request without a good credential,
	// with the code of its error. tenant is the path of the tenant; "" when there is no such tenant.
	Count(at time.Time, tenant string, code scim.Code)
}

// Request is a request that was answered.
type Request struct {
	At     time.Time
	Took   time.Duration
	By     tenant.Principal
	Origin change.Origin
	Method string
	Route  string // a pattern without ids
	// Type and ID are the resource that the request names or that it made. ID is "" when it is not known, and when it
	// has not the form of a UUID: a client can write anything there.
	Type, ID string
	Status   int
	Code     scim.Code // of the error; "" for a success
	Calls    int64     // to Keycloak
	Change   string    // the id of the last change; "" for none
	Size     int64     // of the body, in bytes

	// Sent is what a write that was refused or failed has sent.
	Sent Sent
	// Failed is the number of operations of a bulk request that were refused or failed, and Operations are the first of
	// them.
	Failed     int
	Operations []Operation
}

// Sent is what a client has sent.
type Sent struct {
	Document map[string]any // without passwords; nil when the client sent none that is kept
	Password bool           // the client sent a password
	TooLarge bool           // the body is larger than Options.MaxKept
	Invalid  bool           // the body is not valid JSON
	Detail   string         // of the error that the client got
}

// Operation is an operation of a bulk request that was refused or failed.
type Operation struct {
	Method, Route, Type, ID string // as of a Request
	Status                  int
	Code                    scim.Code
	Change                  string // the id of the change that it began; "" for none
	Sent                    Sent
}

// maxOperations is the most operations of one bulk request that are remembered: thousands would say little more, and push
// out other requests.
const maxOperations = 50

// asked is what is known of a request while it is answered.
type asked struct {
	share // of the memory for bodies

	by    tenant.Principal // zero until the credential was found good
	route route
	id    string // in the path, as the client wrote it
	most  int64  // the largest body that is kept
	body  []byte // nil when it is larger
	size  int64
}

// sent keeps the body, if it is small. data is nil when it could not be read; then announced is the only size that is
// known, -1 for none.
func (a *asked) sent(data []byte, announced int64) {
	a.size = max(int64(len(data)), announced, 0)
	if int64(len(data)) <= a.most {
		a.body = data
	}
}

// note tells Requests about a request that was answered.
func (s *Server) note(of *asked, seen *observe.Request, r Request, came bridge.Result, err error) {
	if err != nil {
		r.Code = asSCIM(err).Code
	}
	write := isWrite(of.route)
	if of.by.Tenant == nil || err == nil && !write {
		s.options.Requests.Count(r.At, seen.Tenant, r.Code)
		return
	}
	r.By, r.Origin, r.Size, r.Calls = of.by, s.origin(), of.size, seen.Calls()
	r.Type, r.ID = typeOf(of.route.endpoint), safeID(of.id)
	changed, resource := seen.Change()
	r.Change = changed
	if r.Type != "" && resource != "" { // a bulk request changes several
		r.ID = resource
	}
	if err != nil && write {
		r.Sent = of.document(asSCIM(err))
	}
	r.Failed = len(came.Failed)
	for _, one := range came.Failed[:min(len(came.Failed), maxOperations)] {
		r.Operations = append(r.Operations, s.operation(one))
	}
	s.options.Requests.Request(r)
}

// isWrite reports whether a route changes something.
func isWrite(rt route) bool {
	switch rt.method {
	case http.MethodGet, "":
		return false
	}
	return !strings.HasSuffix(rt.path, "/.search")
}

// typeOf is the resource type of an endpoint; "" for another endpoint.
func typeOf(endpoint string) string {
	switch endpoint {
	case "/Users":
		return "User"
	case "/Groups":
		return "Group"
	}
	return ""
}

// safeID is an id in the form of a UUID; "" for any other text, which can be a name.
func safeID(id string) string {
	if !uuid.MatchString(id) {
		return ""
	}
	return strings.ToLower(id)
}

// document is what the client sent. It is decoded again, because the first document may have been changed.
func (a *asked) document(told *scim.Error) Sent {
	switch {
	case a.size > a.most, told.Code == code.TooLarge:
		return Sent{TooLarge: true}
	case a.size == 0, a.body == nil: // nothing was sent, or not all of it arrived
		return Sent{}
	}
	document, err := scim.Decode(a.body)
	if err != nil {
		return Sent{Invalid: true}
	}
	return sentOf(document, told)
}

// sentOf is a document without its passwords. The detail of an error can repeat what it is about, so it is left out when
// there was a password.
func sentOf(document map[string]any, told *scim.Error) Sent {
	if document == nil {
		return Sent{}
	}
	kept, password := scim.WithoutPasswords(document)
	out := Sent{Document: kept, Password: password}
	if !password {
		out.Detail = told.Detail
	}
	return out
}

// operation is an operation of a bulk request that failed.
func (s *Server) operation(f bridge.FailedOperation) Operation {
	out := Operation{Method: knownMethod(f.Method), Type: typeOf(f.Endpoint), ID: safeID(f.ID), Status: f.Err.Status, Code: f.Err.Code, Change: string(f.Change), Sent: sentOf(f.Data, f.Err)}
	if out.Type == "" {
		return out
	}
	out.Route = f.Endpoint
	if f.Method != http.MethodPost {
		out.Route += "/:id"
	}
	return out
}
