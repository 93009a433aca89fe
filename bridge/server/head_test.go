package server

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestHEADAnswersAsGETWithoutABody goes through every route with a GET. A HEAD has the same status and headers as the
// GET (RFC 9110 section 9.3.2), also when it is refused.
func TestHEADAnswersAsGETWithoutABody(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	h := newEcho(s)
	for _, r := range routes() {
		if r.method != http.MethodGet {
			continue
		}
		path := strings.ReplaceAll("/realms/acme/scim/v2"+r.path, ":id", "x")
		for _, credential := range []string{"", "Bearer x"} {
			answer := func(method string) *httptest.ResponseRecorder {
				req := httptest.NewRequestWithContext(t.Context(), method, path, nil)
				req.Header.Set("Authorization", credential)
				req.Header.Set("X-Request-Id", "one")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, req)
				return w
			}
			get, head := answer(http.MethodGet), answer(http.MethodHead)
			if head.Code != get.Code || head.Body.Len() != 0 {
				t.Errorf("HEAD %s with %q = %d with %d bytes, want %d without a body", path, credential, head.Code, head.Body.Len(), get.Code)
			}
			if diff := cmp.Diff(get.Header(), head.Header()); diff != "" {
				t.Errorf("HEAD %s with %q has other headers than GET (-GET +HEAD):\n%s", path, credential, diff)
			}
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodHead, "/realms/acme/scim/v2/Bulk", nil))
	if allow := w.Header().Get("Allow"); w.Code != http.StatusMethodNotAllowed || strings.Contains(allow, http.MethodHead) || w.Body.Len() != 0 {
		t.Errorf("HEAD of a path without GET = %d, Allow %q, %d bytes, want 405 without a body", w.Code, allow, w.Body.Len())
	}
}

// TestABodyThatCannotBeReadNamesNoOtherCause: the time to read it can end, and a chunk can be damaged.
func TestABodyThatCannotBeReadNamesNoOtherCause(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{io.ErrUnexpectedEOF, os.ErrDeadlineExceeded, errors.New("invalid byte in chunk length")} {
		told, ok := errors.AsType[*scim.Error]((&exchange{}).bodyError(cause))
		if !ok || told.Status != http.StatusBadRequest || strings.Contains(told.Detail, "length") || !errors.Is(told, cause) {
			t.Errorf("%v is told as %v", cause, told)
		}
	}
}
