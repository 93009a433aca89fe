package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Options are what a Server needs besides the service. TrustedProxies and Operator are optional.
type Options struct {
	Tenants   *tenant.Registry
	Auth      *auth.Authenticator
	PublicURL string // of the bridge, without a trailing slash
	ErrorDocs string // the URL of the page that explains errors; "" for none
	Log       *zap.Logger
	Metrics   *observe.Metrics
	Tracer    *observe.Tracer
	Activity  *tenant.Activity
	MaxBody   int64         // bytes
	Timeout   time.Duration // for one request, upstream calls included
	// TrustedProxies are the proxies whose X-Forwarded-For gives the client's address.
	TrustedProxies []netip.Prefix
	// FailuresPerMinute is how many requests without a valid credential one address may send.
	FailuresPerMinute int
	// Bodies is the memory budget for request bodies. Several handlers may share it.
	Bodies *Bodies

	// Requests remembers the requests; nil for nobody. MaxKept is the largest body that it gets, in bytes.
	Requests Requests
	MaxKept  int64

	// Operator means that only the operator of the bridge can reach the handler. Requests need no credential and may
	// do everything.
	Operator bool
}

// Server answers SCIM requests over HTTP.
type Server struct {
	service *bridge.Service
	options Options
	limits  limits
}

// New makes the handler of the SCIM listener.
func New(service *bridge.Service, o Options) http.Handler {
	return newEcho(&Server{service: service, options: o, limits: newLimits(o.FailuresPerMinute)})
}

// serve answers a request on a route. It finds the tenant and checks the credential and its scopes before it reads
// anything else. address is the client's address.
func (s *Server) serve(ctx context.Context, w http.ResponseWriter, r *http.Request, address string, at root, rt route, of *asked) (bridge.Result, error) {
	segments, ok := split(r.URL.EscapedPath())
	if !ok || len(segments) != strings.Count(at.pattern+rt.path, "/") {
		return bridge.Result{}, scim.NoEndpoint()
	}
	path := at.path(segments)
	of.route = rt
	if strings.HasSuffix(rt.path, "/:id") {
		of.id = segments[len(segments)-1]
	}
	if rt.path == "/ServiceProviderConfig" && strings.Join(r.Header.Values("Authorization"), "") == "" {
		// RFC 7643 section 5: readable without credentials, for any name of a tenant.
		return s.service.AnyServiceProviderConfig(tenant.BaseURL(s.options.PublicURL, path)), nil
	}
	principal, err := s.authenticate(ctx, path, r, address)
	if err == nil {
		of.by = principal
		ctx = observe.FromContext(ctx).Traced(ctx)
		err = s.authorise(ctx, principal, rt)
	}
	if err != nil {
		return bridge.Result{}, err
	}
	t := principal.Tenant
	defer func() { s.limits.leave(t, time.Now()) }()
	params, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return bridge.Result{}, err
	}
	if params.Has("filter") && rt.method != http.MethodGet && !t.Mapping.Profile().Takes(scim.FilterOnWrite) {
		return bridge.Result{}, scim.BadRequest(scim.CodeQuery, scim.InvalidSyntax, "a filter in the URL is only possible with GET; send the filter in the body of a POST to /.search")
	}
	x := &exchange{request: r, writer: w, maxBody: s.options.MaxBody, params: params, asked: of}
	x.call = bridge.Call{
		By: principal, Endpoint: rt.endpoint, Origin: s.origin(),
		Attributes: x.names("attributes"), Excluded: x.names("excludedAttributes"), Return: preferredReturn(r.Header.Values("Prefer")),
		Conditions: bridge.Conditions{IfMatch: conditions(r, "If-Match"), IfNoneMatch: conditions(r, "If-None-Match")}, ID: of.id,
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	return rt.handle(ctx, s, x)
}

// origin says how a request arrived: requests to the operator's handler are imports.
func (s *Server) origin() change.Origin {
	if s.options.Operator {
		return change.Import
	}
	return change.Request
}

// conditions joins the entity tags of a header that can occur several times.
func conditions(r *http.Request, name string) string { return strings.Join(r.Header.Values(name), ",") }

// split returns the segments of a path: realms, tenant, scim, v2, endpoint, id, or more of them. Each segment is
// unescaped once. ok is false when a segment is empty or cannot be unescaped.
func split(escaped string) (segments []string, ok bool) {
	for part := range strings.SplitSeq(strings.Trim(escaped, "/"), "/") {
		segment, err := url.PathUnescape(part)
		if err != nil || segment == "" {
			return nil, false
		}
		segments = append(segments, segment)
	}
	return segments, true
}

// answer runs work and writes its result, also when work panics. No other function writes a response.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, pattern string, work func(context.Context, *asked) (bridge.Result, error)) {
	start := time.Now()
	seen := &observe.Request{ID: requestID(r)}
	traced := s.options.Tracer.Request(seen, r.Header, knownMethod(r.Method), pattern, start)
	s.options.Metrics.InFlight(1)
	defer s.options.Metrics.InFlight(-1)
	of := &asked{share: share{of: s.options.Bodies}, most: s.options.MaxKept}
	defer of.release()
	ctx := observe.WithRequest(r.Context(), seen)
	came, err := s.guarded(func() (bridge.Result, error) { return work(ctx, of) })
	w.Header().Set("X-Request-Id", seen.ID)
	status := s.write(w, r.Method, came, err)
	took := time.Since(start)
	failed := ""
	if err != nil {
		failed = string(asSCIM(err).Code)
	}
	if failed == string(code.Bodies) {
		s.options.Metrics.Throttled(seen.Tenant, "memory")
	}
	traced(status, failed)
	s.options.Metrics.Request(pattern, knownMethod(r.Method), status, took)
	if seen.Client != "" && !s.options.Operator {
		s.options.Metrics.Answered(seen.Tenant, status, start)
		s.options.Activity.Answered(seen.Tenant, tenant.Request{At: start, Client: seen.Client, Method: knownMethod(r.Method), Route: pattern, Status: status, Code: failed})
	}
	s.log(seen, r, pattern, status, err, took)
	if s.options.Requests != nil {
		s.note(of, seen, Request{At: start, Took: took, Method: knownMethod(r.Method), Route: pattern, Status: status}, came, err)
	}
}

// knownMethod limits the values of a label, because a client can invent methods.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "OTHER"
}

// guarded turns a panic into an error, so that one request cannot end the process.
func (s *Server) guarded(work func() (bridge.Result, error)) (came bridge.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return work()
}

// StatusOf is the HTTP status for a result, by the method of the request.
func StatusOf(method string, of bridge.Result) int {
	switch {
	case of.Unchanged:
		return http.StatusNotModified
	case of.Shown == nil:
		return http.StatusNoContent
	case of.Op != "" && method == http.MethodPost: // without an Op, the request is a search or a bulk request
		return http.StatusCreated
	}
	return http.StatusOK
}

// write sends a result or an error, and returns the status. A HEAD gets no body.
func (s *Server) write(w http.ResponseWriter, method string, of bridge.Result, err error) int {
	status, body := StatusOf(method, of), of.Shown
	if err != nil {
		e := asSCIM(err)
		status, body = e.Status, e.Body(s.options.ErrorDocs)
		if e.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(e.RetryAfter))
		}
		if c, ok := errors.AsType[challenge](err); ok {
			w.Header().Set("WWW-Authenticate", `Bearer realm="scim"`+c.params)
		}
	}
	if of.Location != "" {
		w.Header().Set("Location", of.Location)
	}
	if of.Version != "" {
		w.Header().Set("ETag", of.Version)
	}
	if of.Op != "" && method != http.MethodDelete && err == nil { // the answer depends on the header Prefer
		w.Header().Set("Vary", "Prefer")
		if of.Honoured != "" {
			w.Header().Set("Preference-Applied", "return="+string(of.Honoured))
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	if body == nil {
		w.WriteHeader(status)
		return status
	}
	data, err := scim.Encode(body)
	if err != nil {
		failed := &scim.Error{Code: scim.CodeInternal, Status: http.StatusInternalServerError, Detail: "the answer cannot be encoded; ask the operator of this endpoint"}
		status = failed.Status
		data, _ = scim.Encode(failed.Body(s.options.ErrorDocs)) // only texts, so no error
	}
	w.Header().Set("Content-Type", scim.MediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	if method != http.MethodHead {
		_, _ = w.Write(data) // a client that went away needs no answer
	}
	return status
}

func asSCIM(err error) *scim.Error {
	if e, ok := errors.AsType[*scim.Error](err); ok {
		return e
	}
	return &scim.Error{Code: scim.CodeInternal, Status: http.StatusInternalServerError, Detail: "the request failed inside this endpoint; ask the operator of this endpoint, whose log has the reason", Cause: err}
}

// log writes one line for a request, without personal data. It contains no path and no query, and an id only in the
// form of a UUID.
func (s *Server) log(seen *observe.Request, r *http.Request, pattern string, status int, err error, took time.Duration) {
	fields := []zap.Field{
		zap.String("req_id", seen.ID), zap.String("tenant", seen.Tenant), zap.String("client", seen.Client), zap.String("key_id", seen.KeyID),
		zap.String("method", observe.Method(r.Method)), zap.String("route", pattern), zap.String("id", loggedID(r)),
		zap.String("trace_id", seen.TraceID), zap.Int("status", status), zap.Int64("kc_calls", seen.Calls()),
		zap.Float64("dur_ms", float64(took.Microseconds())/1000),
	}
	if err == nil {
		s.options.Log.Info("request", fields...)
		return
	}
	e := asSCIM(err)
	fields = append(fields, zap.String("code", string(e.Code)), zap.String("scim_type", string(e.Type)))
	if e.Remedy != "" {
		fields = append(fields, zap.String("remedy", e.Remedy))
	}
	if e.Status >= http.StatusInternalServerError {
		s.options.Log.Error("request", append(fields, zap.NamedError("cause", e.Cause))...)
		return
	}
	switch e.Status {
	case http.StatusForbidden:
		s.options.Log.Warn("request", append(fields, zap.NamedError("cause", e.Cause))...)
	case http.StatusUnauthorized, http.StatusTooManyRequests:
		s.options.Log.Info("request", append(fields, zap.NamedError("cause", e.Cause))...)
	default:
		s.options.Log.Info("request", fields...)
	}
}

var (
	uuid      = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	plainText = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

func loggedID(r *http.Request) string {
	path := strings.TrimSuffix(r.URL.Path, "/")
	id := path[strings.LastIndexByte(path, '/')+1:]
	if uuid.MatchString(id) {
		return id
	}
	return ""
}

// requestID is the id that the client gave the request when it has a safe form, or else a new id.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); plainText.MatchString(id) {
		return id
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}
