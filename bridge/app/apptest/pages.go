package apptest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Replaced returns an edit that replaces a text. The test fails when the text is missing.
func Replaced(t *testing.T, old, next string) func(string) string {
	t.Helper()
	return func(text string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("there is no %q in\n%s", old, text)
		}
		return strings.Replace(text, old, next, 1)
	}
}

// Statusz returns what /statusz says about the configuration.
func (b Bridge) Statusz(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	b.App.Health.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/statusz", nil))
	var page struct{ Config string }
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
		t.Fatal(err)
	}
	return page.Config
}

// Metric returns the line of a metric.
func (b Bridge) Metric(t *testing.T, begin string) string {
	t.Helper()
	w := httptest.NewRecorder()
	b.App.Health.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, begin) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// SHA256Of returns a hash in the form that configurations use.
func SHA256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
