package server

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// newEcho registers the route table with Echo. Echo only does the routing; its binder, errors and path parameters are
// not used.
func newEcho(s *Server) http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = addressOf(s.options.TrustedProxies)
	e.Pre(trimSlash)
	for _, at := range roots() {
		for _, rt := range routes() {
			answer := func(c echo.Context) error {
				s.answer(c.Response(), c.Request(), rt.path, func(ctx context.Context, of *asked) (bridge.Result, error) {
					return s.serve(ctx, c.Response(), c.Request(), c.RealIP(), at, rt, of)
				})
				return nil
			}
			e.Add(rt.method, at.pattern+rt.path, answer)
			if rt.method == http.MethodGet { // RFC 9110 section 9.3.2: same as GET, without the body
				e.Add(http.MethodHead, at.pattern+rt.path, answer)
			}
		}
	}
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		s.answer(c.Response(), c.Request(), "unknown", func(context.Context, *asked) (bridge.Result, error) {
			return bridge.Result{}, routingError(err)
		})
	}
	return e
}

// addressOf returns the function that finds the client's address. It is the address of the peer, or the nearest
// address that trusted proxies report. An X-Forwarded-For from the client itself has no effect.
func addressOf(trusted []netip.Prefix) echo.IPExtractor {
	if len(trusted) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range trusted {
		options = append(options, echo.TrustIPRange(&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}

// trimSlash treats a path with a slash at its end like the path without the slash, because people type the URLs of
// tenants.
func trimSlash(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		u.Path = strings.TrimRight(u.Path, "/")
		u.RawPath = strings.TrimRight(u.RawPath, "/")
		return next(c)
	}
}

// routingError turns Echo's errors about routes into SCIM errors. Echo sets the Allow header of a 405.
func routingError(err error) error {
	if he, ok := err.(*echo.HTTPError); ok && he.Code == http.StatusMethodNotAllowed { //nolint:errorlint // Echo returns it bare
		return &scim.Error{Code: code.Method, Status: http.StatusMethodNotAllowed, Detail: "this endpoint does not support the method; the Allow header lists the supported methods"}
	}
	return &scim.Error{Code: scim.CodeNoEndpoint, Status: http.StatusNotFound, Detail: "there is no such endpoint; the service root is /realms/{tenant}/scim/v2 or /realms/{realm}/organizations/{alias}/scim/v2", Cause: err}
}
