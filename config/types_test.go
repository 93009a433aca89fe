package config

import (
	"testing"
	"time"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	keys := []string{"url", "caFile", "clientCertFile", "clientKeyFile", "proxy", "connectTimeout", "responseTimeout", "maxInFlight"}
	for name, want := range map[string]string{
		"URL": "url", "ulr": "url", "cafile": "caFile", "CA-File": "caFile", "timeout": "connectTimeout",
		"maxInflights": "maxInFlight", "respnoseTimeuot": "responseTimeout", "prox": "proxy", "cert": "clientCertFile",
		"": "", "x": "", "tracing": "", "é": "",
	} {
		if got := nearest(name, keys); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestDistanceCountsEdits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"ca", "abc", 3}, {"kitten", "sitting", 3},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestURLIsNormalised(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]URL{
		"http://127.0.0.1:8080":       "http://127.0.0.1:8080",
		"https://kc.example.com/":     "https://kc.example.com",
		"HTTPS://kc.example.com/auth": "https://kc.example.com/auth",
		"https://[::1]:8443/auth//":   "https://[::1]:8443/auth",
	} {
		var got URL
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("UnmarshalText(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "kc", "//kc", "http:kc", "http://", "http://:80", "http://kc:", "http://kc:0", "http://kc:65536", "http://u@kc", "http://kc#", "http://kc?", "http://k c", "http://kc/%zz", "file:///x"} {
		if got := new(URL); got.UnmarshalText([]byte(text)) == nil {
			t.Errorf("UnmarshalText(%q) = %q, want an error", text, *got)
		}
	}
}

func TestPublicURLFollowsListen(t *testing.T) {
	t.Parallel()
	for listen, want := range map[Address]URL{
		"127.0.0.1:8081": "http://127.0.0.1:8081", "scim.local:80": "http://scim.local:80", "[::1]:8081": "http://[::1]:8081",
		":8081": "", "0.0.0.0:8081": "", "[::]:8081": "", "127.0.0.1:0": "",
	} {
		if got, ok := listen.base(); got != want || ok != (want != "") {
			t.Errorf("Address(%q).base() = %q, %v, want %q", listen, got, ok, want)
		}
	}
}

func TestExpiryReadsDatesAndTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2030-01-01":                time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
		"2030-01-01T12:00:00Z":      time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC),
		"2030-01-01T12:00:00+02:00": time.Date(2030, 1, 1, 10, 0, 0, 0, time.UTC),
	} {
		var got Expiry
		if err := got.UnmarshalText([]byte(text)); err != nil || !got.Equal(want) {
			t.Errorf("UnmarshalText(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "2030", "2030-13-01", "2030-01-01 12:00", "0001-01-01"} {
		if got := new(Expiry); got.UnmarshalText([]byte(text)) == nil {
			t.Errorf("UnmarshalText(%q) = %v, want an error", text, got)
		}
	}
}

func TestProblemStringLeavesOutWhatIsEmpty(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Problem{
		"c.yaml:3: a.b: is wrong. Fix it": {File: "c.yaml", Line: 3, Path: "a.b", Text: "is wrong", Hint: "Fix it"},
		"c.yaml: a.b: is wrong":           {File: "c.yaml", Path: "a.b", Text: "is wrong"},
		"c.yaml: is wrong":                {File: "c.yaml", Text: "is wrong"},
	} {
		if got := p.String(); got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}
