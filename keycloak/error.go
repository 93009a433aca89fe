package keycloak

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind is what an error means for the caller.
type Kind string

// The kinds of errors.
const (
	NotFound Kind = "not_found"
	// NoOrganization means that the organization of a call does not exist, or that the realm has Organizations switched
	// off. It says nothing about the user or group of the call.
	NoOrganization Kind = "no_organization"
	Conflict       Kind = "conflict"
	Invalid        Kind = "invalid"      // 400: Keycloak refuses the values
	Denied         Kind = "denied"       // 401 after a new token, 403
	RateLimited    Kind = "rate_limited" // 429
	Unavailable    Kind = "unavailable"  // no answer, or an answer of another program
	Unknown        Kind = "unknown"      // 500 and everything else
)

// These are the values of Error.Missing: what is missing when a membership call is NotFound. Only Keycloak's text says
// so.
const (
	MissingUser  = "user"
	MissingGroup = "group"
)

// Error is a call that did not succeed.
type Error struct {
	Op         string // the operation, such as "create user"
	Kind       Kind
	Status     int           // 0 when there was no answer
	RetryAfter time.Duration // 0 when Keycloak named none
	Message    string        // Keycloak's text; may hold personal data
	Missing    string        // of NotFound: MissingUser, MissingGroup or ""
	Fields     []FieldError  // of a 400 by the user profile
	Err        error         // the cause when there was no answer
}

// FieldError is one complaint of the realm's user profile.
type FieldError struct {
	Field  string   // Keycloak's name: "username", "email", an attribute
	Code   string   // a message key such as "error-invalid-email"
	Params []string // beginning with the field's name
}

// Error is the text for the log: operation, kind, status and fields. It leaves out Keycloak's text, which may repeat
// values.
func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s (status %d)", e.Op, e.Kind, e.Status)
	for _, f := range e.Fields {
		text.WriteString(" " + f.Field + "=" + f.Code)
	}
	if e.Err != nil {
		text.WriteString(": " + e.Err.Error())
	}
	return text.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// StatusOf is the HTTP status of an *Error in the chain, or 0.
func StatusOf(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// KindOf is the kind of an *Error in the chain, or "".
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// MessageOf is Keycloak's text in an *Error in the chain, or "". It may hold personal data.
func MessageOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Message
	}
	return ""
}

// unavailable is the error for a missing or improper answer.
func unavailable(format string, args ...any) *Error {
	return &Error{Kind: Unavailable, Err: fmt.Errorf(format, args...)}
}

// fromStatus makes an error of an answer with a status of 300 or more.
func fromStatus(status int, header http.Header, body []byte) *Error {
	e := &Error{Kind: kindOf(status), Status: status, RetryAfter: retryAfter(header)}
	e.parse(body)
	if status == http.StatusRequestURITooLong || status == http.StatusRequestHeaderFieldsTooLarge { // from a proxy whose limit is below maxPath
		e.Kind, e.Err = Invalid, ErrNotSearchable
	}
	if e.Kind == Invalid && e.Message == "Duplicate resource error" { // when users are added to a group of an organization in parallel (measured on 26.7.4)
		e.Kind = Conflict
	}
	e.missing(strings.ToLower(e.Message))
	return e
}

// missing sets what is missing. A resource of another organization, or of no organization, counts as missing too:
// Keycloak answers 400 with a text that would reveal that the resource exists.
func (e *Error) missing(text string) {
	switch {
	case e.Kind == NotFound && (strings.Contains(text, "organization not found") || strings.Contains(text, "organizations not enabled")):
		e.Kind = NoOrganization
	case e.Kind == Invalid && (strings.Contains(text, "does not belong to the organization") || strings.Contains(text, "organization related group")):
		e.Kind, e.Missing = NotFound, MissingGroup
	case e.Kind == Invalid && strings.Contains(text, "not member of the organization"):
		e.Kind, e.Missing = NotFound, MissingUser
	case e.Kind != NotFound:
	case strings.Contains(text, "user not found"), strings.Contains(text, "user does not exist"):
		e.Missing = MissingUser
	case strings.Contains(text, "group"):
		e.Missing = MissingGroup
	}
}

// sameID refuses an answer about another resource than the requested one. The error is NotFound when only a loose
// comparison finds the id (see segment.IsCanonical).
func sameID(op, missing string, asked segment, answered string) error {
	switch {
	case answered == asked.text:
		return nil
	case !asked.IsCanonical():
		return &Error{Op: op, Kind: NotFound, Missing: missing, Err: errors.New("the resource has another id")}
	default:
		return &Error{Op: op, Kind: Unavailable, Err: errors.New("the answer has another id")}
	}
}

func kindOf(status int) Kind {
	switch status {
	case http.StatusNotFound:
		return NotFound
	case http.StatusConflict:
		return Conflict
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return Invalid
	case http.StatusUnauthorized, http.StatusForbidden:
		return Denied
	case http.StatusTooManyRequests:
		return RateLimited
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return Unavailable
	}
	if status < http.StatusBadRequest {
		return Unavailable // a redirect, to a login page or a proxy
	}
	return Unknown
}

// retryAfter reads seconds or an HTTP date.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// errorBody has the fields of all four shapes of Keycloak's errors:
//
//	{"errorMessage": "…"}
//	{"error": "…", "error_description": "…"}
//	{"field": "…", "errorMessage": "…", "params": […]}
//	{"errors": [ {field, errorMessage, params}, … ]}
type errorBody struct {
	ErrorMessage string      `json:"errorMessage"`
	Error        string      `json:"error"`
	Description  string      `json:"error_description"`
	Field        string      `json:"field"`
	Params       []any       `json:"params"`
	Errors       []errorBody `json:"errors"`
}

func (e *Error) parse(body []byte) {
	var b errorBody
	if json.Unmarshal(body, &b) != nil {
		return // not an error of Keycloak; the status must be enough
	}
	for _, part := range append([]errorBody{b}, b.Errors...) {
		if part.Field != "" {
			e.Fields = append(e.Fields, FieldError{Field: part.Field, Code: part.ErrorMessage, Params: texts(part.Params)})
		}
	}
	switch {
	case b.ErrorMessage != "":
		e.Message = b.ErrorMessage
	case b.Description != "":
		e.Message = b.Error + ": " + b.Description
	default:
		e.Message = b.Error
	}
}

func texts(params []any) []string {
	out := make([]string, len(params))
	for i, p := range params {
		out[i] = fmt.Sprint(p)
	}
	return out
}
