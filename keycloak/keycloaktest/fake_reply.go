package keycloaktest

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
)

// reply is an answer. A nil body means no body.
type reply struct {
	status   int
	body     any
	location string
	bare     bool // a success without a charset
	header   http.Header
	quiet    bool // nothing changed, so there is no event
}

func done() (reply, error) { return reply{status: http.StatusNoContent}, nil }

// unchanged answers a call that had nothing to do.
func unchanged() (reply, error) { return reply{status: http.StatusNoContent, quiet: true}, nil }

func found(body any) (reply, error) { return reply{status: http.StatusOK, body: body}, nil }

func (r reply) bytes() []byte {
	switch body := r.body.(type) {
	case nil:
		return nil
	case string: // a fault's own body
		return []byte(body)
	default:
		data, err := json.Marshal(body)
		if err != nil {
			return []byte(strconv.Quote(err.Error()))
		}
		return data
	}
}

// write sends the answer. Keycloak names a charset only in successes.
func (r reply) write(w http.ResponseWriter) {
	data := r.bytes()
	h := w.Header()
	if data != nil {
		h.Set("Content-Type", "application/json")
		if r.status == http.StatusOK && !r.bare {
			h.Set("Content-Type", "application/json;charset=UTF-8")
		}
	}
	if r.location != "" {
		h.Set("Location", r.location)
	}
	maps.Copy(h, r.header)
	w.WriteHeader(r.status)
	_, _ = w.Write(data) // an error means that the client has left
}

// failure is an error answer.
type failure struct{ reply reply }

func (f *failure) Error() string { return string(f.reply.bytes()) }

type errorText struct {
	Error string `json:"error"`
}

type errorMessage struct {
	ErrorMessage string `json:"errorMessage"`
}

type described struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func fail(status int, body any) error { return &failure{reply{status: status, body: body}} }

// The shapes of Keycloak's errors.

func refuse(status int, text string) error  { return fail(status, errorText{text}) }
func message(status int, text string) error { return fail(status, errorMessage{text}) }

func oauth(status int, code, text string) error { return fail(status, described{code, text}) }

func unauthorized() error { return refuse(http.StatusUnauthorized, "HTTP 401 Unauthorized") }
func forbidden() error    { return refuse(http.StatusForbidden, "HTTP 403 Forbidden") }
func badNumber() error    { return refuse(http.StatusNotFound, "HTTP 404 Not Found") }
func noUser() error       { return refuse(http.StatusNotFound, "User not found") }
func noGroup() error      { return refuse(http.StatusNotFound, "Could not find group by id") }

// broke is Keycloak's answer when it throws an exception.
func broke() error {
	return oauth(http.StatusInternalServerError, "unknown_error", "For more on this error consult the server log.")
}

// raced is the answer when a unique constraint of the database is violated.
func raced() error { return oauth(http.StatusConflict, "conflict", "Duplicate resource error") }

func notJSON(code string) error {
	return oauth(http.StatusBadRequest, code, "Cannot parse the JSON")
}

// notModelled answers a call that the fake does not know. Keycloak has no such answer; the fake must not guess.
func notModelled(what string) error {
	return refuse(http.StatusNotImplemented, "the fake knows no "+what)
}

// asReply makes an answer of a handler's error.
func asReply(err error) reply {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.reply
	}
	return reply{status: http.StatusInternalServerError, body: errorText{err.Error()}}
}
