package keycloak

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// DefaultMaxInFlight is how many calls are under way at once when nobody says.
const DefaultMaxInFlight = 64

// TransportConfig is how to reach Keycloak. Zero values take the defaults.
type TransportConfig struct {
	CAFile          string        // PEM; trusted besides the system's
	ClientCertFile  string        // PEM; with ClientKeyFile
	ClientKeyFile   string        // PEM
	Proxy           string        // URL; none from the environment, which may not see admin tokens
	MaxInFlight     int           // connections kept; DefaultMaxInFlight
	ConnectTimeout  time.Duration // 3 s
	ResponseTimeout time.Duration // until the header of an answer; 10 s
}

// NewTransport makes a transport that keeps as many connections as calls may be
// under way: the default of net/http keeps two and opens hundreds in a burst.
func NewTransport(c TransportConfig) (*http.Transport, error) {
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = DefaultMaxInFlight
	}
	tlsConfig, err := c.tls()
	if err != nil {
		return nil, err
	}
	proxy, err := c.proxy()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: orDefault(c.ConnectTimeout, 3*time.Second), KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 proxy,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       tlsConfig,
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

func (c TransportConfig) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("CA file: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CA file %s holds no certificate in PEM", c.CAFile)
		}
		config.RootCAs = pool
	}
	if c.ClientCertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.ClientCertFile, c.ClientKeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}
