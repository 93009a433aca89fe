package scim

import (
	"fmt"
	"net/http"
	"strconv"
)

// ErrorType is a "scimType" (RFC 7644 section 3.12, table 9).
type ErrorType string

// The error types of RFC 7644 table 9.
const (
	InvalidFilter ErrorType = "invalidFilter"
	InvalidCursor ErrorType = "invalidCursor" // RFC 9865 section 2, as are the next two
	ExpiredCursor ErrorType = "expiredCursor"
	InvalidCount  ErrorType = "invalidCount"
	TooMany       ErrorType = "tooMany"
	UniqueValue   ErrorType = "uniqueness"
	MutabilityErr ErrorType = "mutability"
	InvalidSyntax ErrorType = "invalidSyntax"
	InvalidPath   ErrorType = "invalidPath"
	NoTarget      ErrorType = "noTarget"
	InvalidValue  ErrorType = "invalidValue"
)

// Error is an error answer (RFC 7644 section 3.12). Detail is shown to the client: it names the attribute and the
// remedy, and no internals. Cause goes to the log only.
type Error struct {
	Code       Code      // has its row in docs/reference/errors.md
	Status     int       // HTTP status, 400 to 599
	Type       ErrorType // HTTP status, 400 to 599
	Detail     string    // for the client
	Remedy     string    // for the log: what the operator can do, without personal data; "" where the page of errors says it all
	RetryAfter int       // seconds for the Retry-After header; 0 means no header
	Cause      error     // for the log; may be nil
}

// Error is the text for the log.
func (e *Error) Error() string {
	text := fmt.Sprintf("%d %s: %s", e.Status, e.Type, e.brief())
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns the cause, for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Cause }

// brief is the detail with the code after it.
func (e *Error) brief() string { return Clip(e.Detail, maxDetail) + " [" + string(e.Code) + "]" }

// Details repeat values that a client sent. These constants bound how much they repeat.
const (
	maxRepeated = 1 << 10 // bytes of one value
	maxDetail   = 2 << 10
)

// detail is fmt.Sprintf with bounded texts.
func detail(format string, args []any) string {
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			args[i] = Clip(v, maxRepeated)
		case error:
			args[i] = Clip(v.Error(), maxRepeated)
		}
	}
	return fmt.Sprintf(format, args...)
}

// Body is the error as the JSON object of RFC 7644 section 3.12, with "status" as a string. docs is the URL of a page
// that explains the codes, each at an anchor of its name. With docs the detail ends in a link to the code, without it
// in the code.
func (e *Error) Body(docs string) map[string]any {
	told := e.brief()
	if docs != "" {
		told += " " + docs + "#" + string(e.Code)
	}
	body := map[string]any{
		AttrSchemas: []string{ErrorURN},
		"status":    strconv.Itoa(e.Status),
		"detail":    told,
	}
	if e.Type != "" {
		body["scimType"] = string(e.Type)
	}
	return body
}

// BadRequest is a 400 with a scimType. format and args make the detail.
func BadRequest(code Code, t ErrorType, format string, args ...any) *Error {
	return &Error{Code: code, Status: http.StatusBadRequest, Type: t, Detail: detail(format, args)}
}

// Forbidden is the 403 for what a client may not change. format and args make the detail.
func Forbidden(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Status: http.StatusForbidden, Detail: detail(format, args)}
}

// NotFound is the 404 for a resource of that type. It is the same for an absent and a foreign resource, and does not
// repeat the id.
func NotFound(resourceType string) *Error {
	return &Error{Code: CodeNotFound, Status: http.StatusNotFound, Detail: resourceType + " not found"}
}

// NoEndpoint is the 404 for a URL without an endpoint, also for the URL of a tenant that does not exist.
func NoEndpoint() *Error {
	return &Error{Code: CodeNoEndpoint, Status: http.StatusNotFound, Detail: "Endpoint not found"}
}
