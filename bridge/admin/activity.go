package admin

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// NoRequestError means that the activity has no such request.
type NoRequestError struct{ Text string }

// Error implements error.
func (e NoRequestError) Error() string { return e.Text }

// Request is the operator's view of a request that was answered, or of an operation of a bulk request that failed. It
// has personal data.
type Request struct {
	ID         string    `json:"id"`
	Number     int64     `json:"number"` // its place in the activity
	At         time.Time `json:"at"`     // when it arrived
	TookMillis float64   `json:"tookMillis"`
	Tenant     string    `json:"tenant"` // its path
	Realm      string    `json:"realm"`
	Actor      Actor     `json:"actor"`
	Origin     string    `json:"origin"`       // a value of change.Origin
	Of         string    `json:"of,omitempty"` // for an operation: the id of the bulk request
	Method     string    `json:"method"`
	Route      string    `json:"route"` // a pattern without ids
	Resource   Resource  `json:"resource"`
	Status     int       `json:"status"`
	Code       string    `json:"code,omitempty"` // of the error
	Calls      int64     `json:"calls"`          // to Keycloak
	Change     string    `json:"change,omitempty"`
	Failed     int       `json:"failed,omitempty"` // of a bulk request: the operations that failed
	Size       int64     `json:"size"`             // of the body, in bytes

	// Detail and Document are only there for a write that was refused or failed.
	Detail   string         `json:"detail,omitempty"`
	Document map[string]any `json:"document,omitempty"`
	// Missing says why a request that was refused or failed has no document or no detail, or not all of it; "" when
	// nothing is missing.
	Missing string `json:"missing,omitempty"`
	// Path is the path of the request below the endpoint, when it is known and the request can be sent again.
	Path string `json:"path,omitempty"`
}

func requestOf(a store.Activity) Request {
	out := Request{
		ID: a.ID, Number: a.Number, At: inUTC(a.At), TookMillis: float64(a.Took.Microseconds()) / 1000, Tenant: a.Tenant, Realm: a.Realm, Actor: Actor(a.Actor), Origin: string(a.Origin), Of: a.Of,
		Method: a.Method, Route: a.Route, Resource: Resource{Type: a.Resource.Type, ID: a.Resource.ID, Name: sentName(a.Document)}, Status: a.Status, Code: a.Code, Calls: a.Calls, Change: string(a.Change),
		Failed: a.Failed, Size: a.Size, Detail: a.Detail, Document: a.Document, Missing: missing(a),
	}
	if a.Document != nil || a.Method == http.MethodDelete && a.Code != "" {
		out.Path = pathOf(a)
	}
	return out
}

// sentName is the name in a document as a client wrote it; "" without a name.
func sentName(document map[string]any) string {
	for _, attribute := range []string{scim.AttrUserName, scim.AttrDisplayName} {
		if value, _ := scim.Member(document, attribute); value != nil {
			if name, is := value.(string); is {
				return name
			}
		}
	}
	return ""
}

// pathOf is the path of a request below the endpoint; "" when the id is not known.
func pathOf(a store.Activity) string {
	if !strings.HasSuffix(a.Route, "/:id") {
		return a.Route
	}
	if a.Resource.ID == "" {
		return ""
	}
	return strings.TrimSuffix(a.Route, ":id") + a.Resource.ID
}

// missing says what is missing in a row.
func missing(a store.Activity) string {
	var texts []string
	switch a.Lacks {
	case store.LacksSize:
		texts = append(texts, "the document was too large to keep")
	case store.LacksPeople:
		texts = append(texts, "the document named too many people to keep it")
	case store.LacksNobody:
		texts = append(texts, "the document was not kept, because it had no userName, address, externalId or id by which a person could be forgotten")
	case store.LacksJSON:
		texts = append(texts, "the body was not valid JSON")
	case store.LacksDamaged:
		texts = append(texts, "the document cannot be opened: somebody changed the store")
	}
	if a.Password {
		texts = append(texts, "the client sent a password, which is never kept")
	}
	if a.Code != "" && a.Document == nil && !a.Erased {
		texts = append(texts, "the detail of the error is only kept with a document, because it can name a person; docs/reference/errors.md explains the code")
	}
	if a.Erased {
		texts = append(texts, "a person was erased")
	}
	return strings.Join(texts, "; ")
}

// RequestFilter selects requests. The zero value selects all, oldest first.
type RequestFilter struct {
	Tenant       string // the path of a tenant; "" for all
	Resource     string // the id of a resource; "" for all
	User         string // a text that identifies a person, as for History; "" for all
	Code         string // of the error; "" for all
	Of           string // the id of a bulk request, for its operations; "" for all
	Failed       bool   // only requests that were refused or failed
	Since, Until time.Time
	Newest       bool  // newest first
	Limit        int   // the most requests; 0 for all
	After        int64 // the number of the last request that was read; requests behind it in the order follow
}

func (f RequestFilter) check() error {
	return Filter{Limit: f.Limit, After: f.After, Since: f.Since, Until: f.Until}.check()
}

// Requests calls each with every request that a filter selects.
func (a *Admin) Requests(ctx context.Context, f RequestFilter, each func(Request) error) (Answer, error) {
	var out Answer
	err := f.check()
	if err == nil {
		out.Warning, err = a.fresh(ctx)
	}
	if err != nil {
		return out, err
	}
	q := store.ActivityQuery{Tenant: f.Tenant, Resource: f.Resource, Code: f.Code, Of: f.Of, Failed: f.Failed, Since: f.Since, Until: f.Until, After: f.After, Newest: f.Newest, Limit: f.Limit}
	if f.User != "" {
		if q.Person, err = a.person(ctx, f.User); err != nil {
			return out, err
		}
	}
	for one, err := range a.o.Store.Activities(ctx, q) {
		if err != nil {
			return out, err
		}
		if err := each(requestOf(one)); err != nil {
			return out, err
		}
		out.Entries++
	}
	if out.Entries == 0 && f.Tenant != "" { // a tenant that was removed from the configuration still has requests
		_, err = a.endpoint(f.Tenant)
	}
	return out, err
}

// Request returns the request with an id.
func (a *Admin) Request(ctx context.Context, id string) (Request, error) {
	if _, err := change.ParseID(id); err != nil {
		return Request{}, InputError{"the id of a request looks like 01938c2e-7b1a-7c3d-9e4f-0123456789ab: scim-bridge activity list shows the ids"}
	}
	warning, err := a.fresh(ctx)
	if err != nil {
		return Request{}, err
	}
	one, err := a.o.Store.Activity(ctx, id)
	if errors.Is(err, store.ErrNoActivity) {
		why := "it may be older than store.retention.activity, or the tenant had too many requests since"
		return Request{}, NoRequestError{"the activity has no request " + id + ": " + cmp.Or(warning, why)}
	}
	if err != nil {
		return Request{}, err
	}
	return requestOf(one), nil
}

// RequestCount is how many requests of a tenant are only counted, in a span of time.
type RequestCount struct {
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Tenant string    `json:"tenant"` // its path; "" for a path without a tenant
	What   string    `json:"what"`   // "read", or the code of the error of a request without a valid credential
	Count  int64     `json:"count"`
}

// RequestCounts returns how many requests of a tenant are only counted; "" is every tenant. The zero time is no bound.
func (a *Admin) RequestCounts(ctx context.Context, tenant string, since, until time.Time) ([]RequestCount, error) {
	if a.o.Store == nil {
		return nil, ErrNoStore
	}
	if err := (Filter{Since: since, Until: until}).check(); err != nil {
		return nil, err
	}
	counts, err := a.o.Store.Counts(ctx, store.CountQuery{Tenant: tenant, Since: since, Until: until})
	if err != nil {
		return nil, err
	}
	out := []RequestCount{}
	for _, c := range counts {
		out = append(out, RequestCount{From: c.At, Until: c.At.Add(c.Span), Tenant: c.Tenant, What: c.What, Count: c.N})
	}
	if len(out) == 0 && tenant != "" {
		_, err = a.endpoint(tenant)
	}
	return out, err
}
