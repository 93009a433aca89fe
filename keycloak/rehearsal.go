package keycloak

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
)

// Rehearsal is a transport for explain, which shows the calls of the Admin API with their bodies. It records the calls,
// sends reads on, and answers writes itself, as Keycloak does when they succeed. A dry run (bridge.Call) makes the
// plan; carrying out the plan over this transport turns steps into calls. It is safe for concurrent use.
type Rehearsal struct {
	// Base takes the reads. nil is a realm where every user who is requested by id exists, and nothing else.
	Base http.RoundTripper

	mu    sync.Mutex
	calls []RehearsedCall
}

// RehearsedCall is a call of the Admin API.
type RehearsedCall struct {
	Method string `json:"method"`
	Path   string `json:"path"` // with the query, readable
	Body   any    `json:"body,omitempty"`
}

// Ids of the resources that a rehearsal creates.
const (
	RehearsedUser  = "ID-OF-THE-NEW-USER"
	RehearsedGroup = "ID-OF-THE-NEW-GROUP"
)

// Calls are the calls since the last time, except requests of tokens. They contain the sent values, secrets too.
func (r *Rehearsal) Calls() []RehearsedCall {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// RoundTrip implements http.RoundTripper.
func (r *Rehearsal) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.Contains(req.URL.Path, "/admin/realms/") {
		if r.Base == nil { // the request of a token
			return answer(req, http.StatusOK, `{"access_token":"rehearsal","expires_in":300}`), nil
		}
		return r.Base.RoundTrip(req)
	}
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		if err := req.Body.Close(); err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	if err := r.record(req, body); err != nil {
		return nil, err
	}
	switch {
	case req.Method != http.MethodGet:
		return written(req), nil
	case r.Base != nil:
		return r.Base.RoundTrip(req)
	}
	return nothing(req), nil
}

func (r *Rehearsal) record(req *http.Request, body []byte) error {
	call := RehearsedCall{Method: req.Method, Path: req.URL.Path}
	if text, err := url.QueryUnescape(req.URL.RawQuery); err == nil && text != "" {
		call.Path += "?" + text
	}
	if len(body) > 0 {
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&call.Body); err != nil {
			return errors.Join(errors.New("the body of a call is not JSON"), err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
	return nil
}

func answer(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

// written is the answer to a successful write.
func written(req *http.Request) *http.Response {
	created := map[string]string{"users": RehearsedUser, "groups": RehearsedGroup, "children": RehearsedGroup}
	id, ok := created[path.Base(req.URL.Path)]
	if req.Method != http.MethodPost || !ok {
		return answer(req, http.StatusNoContent, "")
	}
	res := answer(req, http.StatusCreated, "")
	res.Header.Set("Location", req.URL.String()+"/"+id)
	return res
}

// nothing answers a read in an empty realm, where every user who is requested by id exists.
func nothing(req *http.Request) *http.Response {
	if ids, ok := strings.CutPrefix(req.URL.Query().Get("search"), "id:"); ok {
		users := []map[string]string{}
		for id := range strings.FieldsSeq(ids) {
			users = append(users, map[string]string{"id": id, "username": id})
		}
		if data, err := json.Marshal(users); err == nil {
			return answer(req, http.StatusOK, string(data))
		}
	}
	return answer(req, http.StatusOK, "[]")
}
