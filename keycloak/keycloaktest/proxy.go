package keycloaktest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// Proxy is in front of a server and plays faults of a network, or of a server that is killed. It does not support the
// stage Between.
type Proxy struct {
	Faults

	server Server
	to     *url.URL
	front  *httptest.Server
}

// NewProxy starts a proxy on loopback, which ends with the test.
func NewProxy(tb testing.TB, s Server) *Proxy {
	tb.Helper()
	to, err := url.Parse(s.URL)
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{server: s, to: to}
	routes := new(Fake).mux() // for the names of the calls
	p.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, r.Pattern = routes.Handler(r)
		p.serve(w, r)
	}))
	tb.Cleanup(func() { p.front.CloseClientConnections(); p.front.Close() })
	return p
}

// Server is how to reach the server through the proxy.
func (p *Proxy) Server() Server {
	s := p.server
	s.URL = p.front.URL
	return s
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	faults := p.arrive(operation(r))
	body, err := io.ReadAll(r.Body)
	if err != nil || play(w, r, faults, Before, reply{}) {
		return
	}
	answer, err := p.forward(r, body)
	switch {
	case err != nil:
		hangUp(w, "")
	case !play(w, r, faults, After, answer):
		answer.write(w)
	}
}

// forward sends a call on, even if the client leaves. The host is still the proxy's, because Keycloak builds its own
// URLs from it.
func (p *Proxy) forward(r *http.Request, body []byte) (reply, error) {
	out := r.Clone(context.WithoutCancel(r.Context()))
	out.RequestURI, out.URL.Scheme, out.URL.Host = "", p.to.Scheme, p.to.Host
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.Header.Del("Accept-Encoding") // the transport sets it and unpacks
	res, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	data, err := io.ReadAll(res.Body)
	res.Header.Del("Content-Length") // the body may have been compressed
	answer := reply{status: res.StatusCode, header: res.Header}
	if len(data) > 0 {
		answer.body = string(data)
	}
	return answer, err
}
