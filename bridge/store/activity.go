package store

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Activities remember what was asked of the bridge, also in vain. They are no proof: the chain of the journal does not
// link them.
type Activities interface {
	// Act records a request that was answered. It never waits for the database, and it never fails: the row is written
	// with one of the next commits. A row is dropped when too many rows wait, or when the store cannot write; Stats
	// counts such rows. The document must have no password.
	Act(a Activity)
	// Count counts a request that gets no row. It never waits. A crash can lose the counts of the last minute.
	Count(at time.Time, tenant, what string)

	// Activities returns the rows that a query selects, in the order of the query. It stops at the first error. A row
	// that waits is not found: Flush waits until it is written.
	Activities(ctx context.Context, q ActivityQuery) iter.Seq2[Activity, error]
	// Activity returns the row with an id, or ErrNoActivity.
	Activity(ctx context.Context, id string) (Activity, error)
	// Counts returns the counts that a query selects, the oldest first.
	Counts(ctx context.Context, q CountQuery) ([]Count, error)
}

// ErrNoActivity says that the store has no row of such a request.
var ErrNoActivity = errors.New("the activity has no such request")

// Activity is a request of a client or of the operator, as it was answered. An operation of a bulk request that failed
// has a row of its own; see Of.
type Activity struct {
	ID     string        // a UUID of version 7, as change.NewID makes it
	Number int64         // the place among the rows, from 1; the store sets it. Numbers have gaps
	At     time.Time     // when the request arrived
	Took   time.Duration // until the answer was ready; 0 for an operation of a bulk request
	Tenant string        // the path of the tenant
	Realm  string        // the realm of the tenant
	Actor  change.Actor
	Origin change.Origin
	// Of is the ID of the row of the bulk request that this is an operation of; "" for a request.
	Of     string
	Method string
	Route  string // a pattern without ids, such as "/Users/:id"
	// Resource is the resource that the request names or that it made; zero for several resources.
	Resource change.Resource
	Status   int       // of HTTP
	Code     string    // of the error; "" for a success
	Calls    int64     // to Keycloak; 0 for an operation of a bulk request
	Change   change.ID // the last change that the request made or tried; "" for none
	Failed   int       // of a bulk request: the number of operations that failed
	Size     int64     // of the body, in bytes; 0 for an operation of a bulk request

	// Document is what the client sent, with its own names and without passwords; only for a write that was refused or
	// failed. Detail is the detail of the error that the client got; "" without a document.
	Document map[string]any
	Detail   string
	// Lacks is why a write that failed has no document; "" when there is one, or when the client sent none.
	Lacks Lack
	// Password says that the client sent a password, which the document lacks.
	Password bool
	// Erased says that a person was forgotten, so that the document is gone.
	Erased bool
}

// Lack is why there is no document.
type Lack string

// The values of Lack.
const (
	LacksSize    Lack = "size"    // it is larger than MaxDocument
	LacksPeople  Lack = "people"  // it has more names of people than MaxNamed
	LacksNobody  Lack = "nobody"  // it has no name of a person, so that nobody could find it to forget a person
	LacksJSON    Lack = "json"    // it is not valid JSON
	LacksDamaged Lack = "damaged" // it cannot be opened any more
)

// Bounds of a document that is kept.
const (
	// MaxDocument is the largest document, in bytes of JSON. A document of a user has about 2,000 bytes, and the largest
	// body can have megabytes: a client whose large requests fail would soon have used its tenant's share.
	MaxDocument = 64 << 10
	// MaxNamed is the most identifiers of a document. Each of them is written, so that a person can be forgotten.
	MaxNamed = 250
	// MaxResource is the longest id of a resource that a row keeps, in bytes: a client can send a longer one, which names
	// no resource and would not fit into an index.
	MaxResource = 500
	// maxDetail is the longest detail, in bytes.
	maxDetail = 2000
)

// Share is what the rows of one tenant may use. When a tenant has more, its own oldest rows are removed.
type Share struct {
	Rows  int64
	Bytes int64
}

// DefaultShare is the share of each tenant. The rows are those of 30 days with 8,000 writes a day. The bytes are those
// of these rows, or of 2,000 documents of the largest size: about half a minute of a client that does nothing else.
var DefaultShare = Share{Rows: 250_000, Bytes: 128 << 20}

// RowSize is about what a row uses in the database without its document, in bytes.
const RowSize = 400

// ActivityQuery selects rows. The zero value selects all, oldest first.
type ActivityQuery struct {
	Tenant   string // the path of the tenant; "" for all
	Resource string // the id of the resource; "" for all
	// Person selects the rows whose document names the person, and the rows of every user that the journal or such a
	// row names. Nil for all.
	Person *Person
	Code   string // of the error; "" for all
	Of     string // the ID of the row of a bulk request, for its operations; "" for all
	Class  int    // the first digit of the status; 0 for all
	Failed bool   // only requests that were refused or failed
	// Since and Until bound the time of the request: Since is included, Until is not. The zero time is no bound.
	Since, Until time.Time
	After        int64 // the number of the last row that was read; rows behind it in the order follow
	Newest       bool  // newest first
	Limit        int   // the most rows; 0 for all
}

// Reads is what Count calls a read that succeeded. Other texts are the codes of errors.
const Reads = "read"

// Count is how many requests of a tenant got no row in a span of time.
type Count struct {
	At     time.Time     // when the span begins
	Span   time.Duration // a minute, or an hour when it is older than a day
	Tenant string        // the path of the tenant; "" for a path without a tenant
	What   string        // Reads, or the code of an error
	N      int64
}

// Compare orders counts: by time, tenant and what they count.
func (c Count) Compare(other Count) int {
	return cmp.Or(c.At.Compare(other.At), cmp.Compare(c.Span, other.Span), cmp.Compare(c.Tenant, other.Tenant), cmp.Compare(c.What, other.What))
}

// CountQuery selects counts. The zero value selects all.
type CountQuery struct {
	Tenant       string // the path of the tenant; "" for all
	Since, Until time.Time
}

// Bounded is a row within the bounds of a document, as a store keeps it, and the identifiers of the people that its
// document names. text is the document with the detail as JSON, for DocumentOf; nil without a document.
func (a Activity) Bounded() (out Activity, text []byte, named []Identifier) {
	if len(a.Resource.ID) > MaxResource {
		a.Resource.ID = strings.ToValidUTF8(a.Resource.ID[:MaxResource], "") + "…"
	}
	if a.Document == nil {
		a.Detail = ""
		return a, nil, nil
	}
	if len(a.Detail) > maxDetail {
		a.Detail = strings.ToValidUTF8(a.Detail[:maxDetail], "") + "…"
	}
	named = NamedIn(a.Document)
	text, err := scim.Encode(map[string]any{nameDocument: a.Document, nameDetail: a.Detail})
	switch {
	case err != nil || len(text) > MaxDocument+2*maxDetail:
		a.Lacks = LacksSize
	case len(named) > MaxNamed:
		a.Lacks = LacksPeople
	case len(named) == 0 && a.Resource.ID == "" && a.Resource.Type != typeGroup:
		a.Lacks = LacksNobody
	default:
		return a, text, named
	}
	a.Document, a.Detail = nil, ""
	return a, nil, nil
}

// typeGroup is the type of groups, whose documents are about no person unless they have members.
const typeGroup = "Group"

// The members of the text of Bounded.
const (
	nameDocument = "document"
	nameDetail   = "detail"
)

// DocumentOf reads the text of Bounded.
func DocumentOf(text []byte) (document map[string]any, detail string, err error) {
	const levels = scim.MaxDepth + 2
	object, err := scim.DecodeStored(text, levels)
	if err != nil {
		return nil, "", err
	}
	document, is := object[nameDocument].(map[string]any)
	if !is {
		return nil, "", errors.New("the text has no document")
	}
	detail, _ = object[nameDetail].(string)
	return document, detail, nil
}

// Erase removes what a row has of people.
func (a *Activity) Erase() {
	a.Document, a.Detail, a.Lacks, a.Erased = nil, "", "", true
}
