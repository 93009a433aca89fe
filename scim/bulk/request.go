package bulk

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Request is the body of a POST to /Bulk (RFC 7644 section 3.7).
type Request struct {
	// FailOnErrors is the number of errors after which nothing more is done; 0 means no limit.
	FailOnErrors int
	Operations   []Operation
	// ErrorDocs is the URL of the page that explains errors, or ""; see scim.Error.
	ErrorDocs string
	// Results are the results of the operations after Run, in their order; nil for an operation that did not run.
	Results []*Result
}

// Operation is one member of "Operations".
type Operation struct {
	Number   int            // its place in the request, from 0
	Method   string         // POST, PUT, PATCH or DELETE
	BulkID   string         // "" when absent
	Version  string         // the version of the resource that is changed, as in If-Match; "" for any
	Endpoint string         // of the resource type: "/Users"
	ID       string         // of the resource; "bulkId:" and a bulkId until it is resolved; "" for a POST
	Data     map[string]any // the body of a POST, PUT or PATCH

	// Refused is the error of an operation that cannot be carried out, whatever the others do; nil for most operations.
	Refused *scim.Error
}

// prefix begins a reference to a resource that another operation creates (RFC 7644 section 3.7.2).
const prefix = "bulkId:"

// Decode reads a BulkRequest. A request that is not valid gives a *scim.Error: 413 for more than maxOperations
// operations, else 400. A single operation that is not valid is Refused, and the others can be carried out.
func Decode(p scim.Profile, object map[string]any, maxOperations int) (*Request, error) {
	if err := p.CheckMessage(object, scim.BulkRequestURN); err != nil {
		return nil, err
	}
	r := new(Request)
	failOnErrors, err := p.Integer(object, "failOnErrors")
	if err != nil {
		return nil, err
	}
	if failOnErrors != nil {
		if r.FailOnErrors = *failOnErrors; r.FailOnErrors < 1 {
			return nil, scim.BadRequest(scim.CodeBulkOperation, scim.InvalidValue, "failOnErrors must be at least 1; leave it out to continue after errors")
		}
	}
	value, _ := scim.Member(object, "Operations")
	elements, ok := value.([]any)
	if !ok || len(elements) == 0 {
		return nil, scim.BadRequest(scim.CodeBulkOperation, scim.InvalidSyntax, "\"Operations\" must be an array with at least one operation")
	}
	if len(elements) > maxOperations {
		return nil, &scim.Error{
			Code: scim.CodeBulkTooLarge, Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("the request has %d operations, more than maxOperations, which is %d, so nothing was done; send several requests", len(elements), maxOperations),
		}
	}
	r.Operations = make([]Operation, len(elements))
	for i, element := range elements {
		op := &r.Operations[i]
		op.Number = i
		object, ok := element.(map[string]any)
		if !ok {
			op.Refused = scim.BadRequest(scim.CodeBulkOperation, scim.InvalidSyntax, "an operation must be an object")
			continue
		}
		op.Refused, _ = errors.AsType[*scim.Error](op.decode(object))
	}
	r.check()
	return r, nil
}

// decode reads the members of an operation.
func (op *Operation) decode(object map[string]any) (err error) {
	var path string
	for name, to := range map[string]*string{"method": &op.Method, "bulkId": &op.BulkID, "version": &op.Version, "path": &path} {
		var wrong error
		if *to, _, wrong = scim.Text(object, name); wrong != nil { // the other operations are still answered
			err = wrong
		}
	}
	op.Method = strings.ToUpper(op.Method)
	if err != nil {
		return err
	}
	if err := op.decodePath(path); err != nil {
		return err
	}
	data, _ := scim.Member(object, "data")
	var ok bool
	op.Data, ok = data.(map[string]any)
	switch op.Method {
	case http.MethodPost:
		if op.BulkID == "" {
			return scim.BadRequest(scim.CodeBulkOperation, scim.InvalidSyntax, "a POST needs a bulkId")
		}
		if op.ID != "" {
			return scim.BadRequest(scim.CodeBulkOperation, scim.InvalidSyntax, "the path of a POST must be a resource type, such as /Users")
		}
	case http.MethodPut, http.MethodPatch, http.MethodDelete:
		if op.ID == "" {
			return scim.BadRequest(scim.CodeBulkOperation, scim.InvalidSyntax, "the path of a %s must be a resource, such as /Users/{id}", op.Method)
		}
	default:
		return scim.BadRequest(scim.CodeBulkOperation, scim.InvalidSyntax, "method must be POST, PUT, PATCH or DELETE")
	}
	if !ok && op.Method != http.MethodDelete {
		return scim.BadRequest(scim.CodeBulkOperation, scim.InvalidSyntax, "a %s needs \"data\", an object", op.Method)
	}
	if op.Version != "" && op.Method == http.MethodPost {
		return scim.BadRequest(scim.CodeBulkOperation, scim.InvalidSyntax, "a POST must have no version, because it creates the resource; leave the version out")
	}
	return nil
}

// decodePath reads a path relative to the service root: "/Users" or "/Users/{id}".
func (op *Operation) decodePath(text string) error {
	segments := strings.Split(strings.Trim(text, "/"), "/")
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil || plain == "" || strings.ContainsAny(plain, "/?#") || len(segments) > 2 {
			return scim.BadRequest(scim.CodeBulkOperation, scim.InvalidPath, "path must be a resource type or a resource, such as /Users or /Users/{id}")
		}
		segments[i] = plain
	}
	op.Endpoint = "/" + segments[0]
	if len(segments) > 1 {
		op.ID = segments[1]
	}
	return nil
}

// check refuses operations with the bulkId of another operation, and operations that refer to a bulkId that no POST
// has.
func (r *Request) check() {
	count := make(map[string]int)
	for _, op := range r.Operations {
		if op.Method == http.MethodPost {
			count[op.BulkID]++
		}
	}
	for i := range r.Operations {
		op := &r.Operations[i]
		if op.Refused != nil {
			continue
		}
		if op.Method == http.MethodPost && count[op.BulkID] > 1 {
			op.Refused = scim.BadRequest(scim.CodeBulkID, scim.InvalidValue, "%d operations have this bulkId; give each POST a different bulkId", count[op.BulkID])
			continue
		}
		for ref := range op.references() {
			switch count[ref] {
			case 1:
			case 0:
				op.Refused = scim.BadRequest(scim.CodeBulkID, scim.InvalidValue, "a reference by bulkId names no POST of this request, so nothing was done; send the POST in the same request, or name the resource by its id")
			default:
				op.Refused = scim.BadRequest(scim.CodeBulkID, scim.InvalidValue, "a reference by bulkId names several POSTs of this request, so nothing was done; give each POST a different bulkId")
			}
		}
	}
}
