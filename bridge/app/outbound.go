package app

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// Limits of calls to other servers than Keycloak.
const (
	outboundConnect = 3 * time.Second
	outboundHeader  = 10 * time.Second // until the headers of the answer
	outboundConns   = 8                // per host
)

// outboundTransport makes the transport to other servers than Keycloak. It does not use Keycloak's client certificate
// or certificate authorities.
func outboundTransport(o config.Outbound) (*http.Transport, error) {
	out := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // as net/http documents
	out.DialContext = (&net.Dialer{Timeout: outboundConnect, KeepAlive: 30 * time.Second}).DialContext
	out.TLSHandshakeTimeout, out.ResponseHeaderTimeout = outboundConnect, outboundHeader
	out.MaxIdleConnsPerHost, out.MaxConnsPerHost = outboundConns, outboundConns
	if o.RootCAs != nil {
		if out.TLSClientConfig == nil { // HTTP/2 is switched off by GODEBUG
			out.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		out.TLSClientConfig.RootCAs = o.RootCAs
	}
	if o.Proxy != "" {
		proxy, err := url.Parse(string(o.Proxy))
		if err != nil {
			return nil, err
		}
		out.Proxy = http.ProxyURL(proxy)
	}
	return out, nil
}
