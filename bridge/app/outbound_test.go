package app

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// status asks for a URL with the transport of a configuration, and returns 0 for no answer.
func status(t *testing.T, o config.Outbound, url string) int {
	t.Helper()
	transport, err := outboundTransport(o)
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	if transport.ResponseHeaderTimeout == 0 || transport.TLSHandshakeTimeout == 0 || transport.DialContext == nil {
		t.Error("a call is not bounded in time")
	}
	res, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}

// TestOthersAreReachedAsTheOperatorSays: with the operator's certificate authorities, and through the operator's
// proxy.
func TestOthersAreReachedAsTheOperatorSays(t *testing.T) {
	t.Parallel()
	teapot := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	private := httptest.NewTLSServer(teapot)
	t.Cleanup(private.Close)
	proxy := httptest.NewServer(teapot)
	t.Cleanup(proxy.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(private.Certificate())
	for name, c := range map[string]struct {
		outbound config.Outbound
		url      string
		want     int
	}{
		"an authority that nobody named": {config.Outbound{}, private.URL, 0},
		"one that the operator named":    {config.Outbound{RootCAs: trusted}, private.URL, http.StatusTeapot},
		"by a proxy":                     {config.Outbound{Proxy: config.ProxyURL(proxy.URL)}, "http://issuer.invalid/keys", http.StatusTeapot},
	} {
		if got := status(t, c.outbound, c.url); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestOthersAreReachedWithoutHTTP2: Go's setting to switch HTTP/2 off leaves the transport without a TLS
// configuration. The setting only works from the start of a process.
func TestOthersAreReachedWithoutHTTP2(t *testing.T) {
	t.Parallel()
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOthersAreReachedAsTheOperatorSays$")
	again.Env = append(os.Environ(), "GODEBUG=http2client=0")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("%v\n%.600s", err, out)
	}
}
