package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestProbeWaitsUntilAllAnswer with success, and refuses what is not a URL.
func TestProbeWaitsUntilAllAnswer(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	starting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/never" || asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer starting.Close()
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"one that answers the second time", []string{starting.URL + "/readyz"}, 0, starting.URL + "/readyz answers"},
		{"one that never does", []string{"--timeout", "10ms", starting.URL + "/never"}, exitFailure, starting.URL + "/never: "},
		{"an address", []string{"127.0.0.1:9091/readyz"}, exitUsage, `"127.0.0.1:9091/readyz" is not a URL of http or https`},
		{"a path", []string{"/readyz"}, exitUsage, `"/readyz" is not a URL of http or https`},
	} {
		out, told, code := command(t, "", append([]string{"probe"}, c.args...)...)
		if code != c.code || !strings.Contains(out+told, c.says) {
			t.Errorf("%s: ended with %d, not %d: %s%s", c.name, code, c.code, out, told)
		}
	}
	if asked.Load() != 2 {
		t.Errorf("/readyz was asked %d times, not 2", asked.Load())
	}
}
