package keycloak

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// DefaultMaxInFlight is the most calls at the same time, unless the configuration says otherwise.
const DefaultMaxInFlight = 64

// TransportConfig is how to reach Keycloak. Zero values mean the defaults.
type TransportConfig struct {
	RootCAs           *x509.CertPool   // trusted roots of the server's chain; nil means the system's
	ClientCertificate *tls.Certificate // for mutual TLS, or nil
	Proxy             string           // URL; the environment is ignored, because its proxy must not see admin tokens
	MaxInFlight       int              // connections kept; DefaultMaxInFlight
	ConnectTimeout    time.Duration    // 3 s
	ResponseTimeout   time.Duration    // until the header of an answer; 10 s
}

// NewTransport makes a transport that keeps as many connections as there can be calls at the same time. The default of
// net/http keeps two and opens hundreds in a burst.
func NewTransport(c TransportConfig) (*http.Transport, error) {
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = DefaultMaxInFlight
	}
	proxy, err := c.proxy()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: orDefault(c.ConnectTimeout, 3*time.Second), KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 proxy,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       c.tls(),
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: orDefault(c.ResponseTimeout, 10*time.Second),
		MaxIdleConns:          2 * c.MaxInFlight,
		MaxIdleConnsPerHost:   c.MaxInFlight,
		MaxConnsPerHost:       c.MaxInFlight,
		IdleConnTimeout:       55 * time.Second, // below the usual 60 s of proxies
		ForceAttemptHTTP2:     true,
	}, nil
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d <= 0 {
		return fallback
	}
	return d
}

func (c TransportConfig) proxy() (func(*http.Request) (*url.URL, error), error) {
	if c.Proxy == "" {
		return nil, nil
	}
	u, err := url.Parse(c.Proxy)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return http.ProxyURL(u), nil
}

func (c TransportConfig) tls() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.RootCAs}
	if c.ClientCertificate != nil {
		config.Certificates = []tls.Certificate{*c.ClientCertificate}
	}
	return config
}
