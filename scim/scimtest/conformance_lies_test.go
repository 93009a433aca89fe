package scimtest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/scimtest"
)

// lie is one fault of a wrong service provider: it changes requests on their way in, or answers on their way out.
type lie struct {
	request func(*http.Request)
	header  func(*http.Response)
	body    func(map[string]any)
}

// lies are wrong service providers of the kinds that users report.
func lies() map[string]lie {
	const swallowed = "X-Swallowed" // the answer must look as if the request had been carried out
	doesNothing := func(method string, answers int) lie {
		return lie{
			request: func(r *http.Request) {
				if r.Method == method {
					r.Method, r.Body, r.ContentLength = http.MethodGet, http.NoBody, 0
					r.Header.Set(swallowed, method)
				}
			},
			header: func(r *http.Response) {
				if r.Request.Header.Get(swallowed) != "" && r.StatusCode == http.StatusOK {
					r.StatusCode = answers
				}
			},
		}
	}
	ignores := func(parameter string) lie {
		return lie{request: func(r *http.Request) {
			query := r.URL.Query()
			query.Del(parameter)
			r.URL.RawQuery = query.Encode()
		}}
	}
	without := func(header string) lie {
		return lie{header: func(r *http.Response) { r.Header.Del(header) }}
	}
	dropping := func(attribute string) lie {
		return lie{body: func(body map[string]any) { delete(body, attribute) }}
	}
	status := func(from, to int) lie {
		return lie{header: func(r *http.Response) {
			if r.StatusCode == from {
				r.StatusCode = to
			}
		}}
	}
	return map[string]lie{
		"PATCH does nothing":            doesNothing(http.MethodPatch, http.StatusOK),
		"PUT does nothing":              doesNothing(http.MethodPut, http.StatusOK),
		"DELETE does nothing":           doesNothing(http.MethodDelete, http.StatusNoContent),
		"filter is ignored":             ignores("filter"),
		"startIndex is ignored":         ignores("startIndex"),
		"count is ignored":              ignores("count"),
		"attributes is ignored":         ignores("attributes"),
		"excludedAttributes is ignored": ignores("excludedAttributes"),
		"If-Match is ignored":           {request: func(r *http.Request) { r.Header.Del("If-Match") }},
		"If-None-Match is ignored":      {request: func(r *http.Request) { r.Header.Del("If-None-Match") }},
		"no Location":                   without("Location"),
		"no ETag":                       without("ETag"),
		"another media type":            {header: func(r *http.Response) { r.Header.Set("Content-Type", "application/json") }},
		"201 is 200":                    status(http.StatusCreated, http.StatusOK),
		"204 is 200":                    status(http.StatusNoContent, http.StatusOK),
		"404 is 200":                    status(http.StatusNotFound, http.StatusOK),
		"409 is 400":                    status(http.StatusConflict, http.StatusBadRequest),
		"412 is 200":                    status(http.StatusPreconditionFailed, http.StatusOK),
		"401 is 403":                    status(http.StatusUnauthorized, http.StatusForbidden),
		"no schemas":                    dropping("schemas"),
		"no meta":                       dropping("meta"),
		"no members":                    dropping("members"),
		"no scimType":                   dropping("scimType"),
		"no itemsPerPage":               dropping("itemsPerPage"),
		"another totalResults": {body: func(body map[string]any) {
			if total, ok := body["totalResults"].(float64); ok {
				body["totalResults"] = total + 1
			}
		}},
		"the password is returned": {body: func(body map[string]any) {
			if _, user := body["userName"]; user {
				body["password"] = "secret"
			}
		}},
	}
}

// tell is a proxy with the fault.
func (l lie) tell(t *testing.T, base string) string {
	t.Helper()
	target, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	var proxied string // the base URL of the proxy
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			if l.request != nil {
				l.request(r.Out)
			}
		},
		ModifyResponse: func(r *http.Response) error {
			data, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			data = bytes.ReplaceAll(data, []byte(base), []byte(proxied))
			if location := r.Header.Get("Location"); location != "" {
				r.Header.Set("Location", proxied+location[len(base):])
			}
			if l.header != nil {
				l.header(r)
			}
			var body map[string]any
			if l.body != nil && json.Unmarshal(data, &body) == nil {
				l.body(body)
				if data, err = json.Marshal(body); err != nil {
					return err
				}
			}
			if r.StatusCode == http.StatusNoContent {
				data = nil
			}
			r.Body = io.NopCloser(bytes.NewReader(data))
			r.ContentLength = int64(len(data))
			r.Header.Set("Content-Length", strconv.Itoa(len(data)))
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	proxied = server.URL + target.Path
	return proxied
}

// TestConformanceFindsEveryLie: the suite passes behind a proxy without a fault, and fails behind each proxy with one.
// The test does not ask which check finds the fault.
func TestConformanceFindsEveryLie(t *testing.T) {
	t.Parallel()
	all := lies()
	all["none"] = lie{}
	for name, l := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil) // its own bridge: the suites would delete each other's resources
			failed := 0
			err := scimtest.Run(t.Context(), scimtest.Config{
				Base: l.tell(t, b.Base), Token: b.Token, Profile: "tolerant", HTTP: http.DefaultClient,
			}, func(r scimtest.Result) {
				if r.Outcome == scimtest.Fail {
					failed++
					if name == "none" {
						t.Logf("%+v", r)
					}
				}
			})
			if err != nil || (failed > 0) != (name != "none") {
				t.Errorf("%d checks failed, %v", failed, err)
			}
		})
	}
}
