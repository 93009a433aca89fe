package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
)

//go:embed console.css
var stylesheet string

// Statusz answers a browser with the status page and every other program with JSON. view is the method Status of
// admin.Admin.
func Statusz(view func(context.Context) admin.Status) http.Handler {
	// The policy permits only the page's own style, by its hash: no other text on the page can act as a style.
	sum := sha256.Sum256([]byte(stylesheet))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var out bytes.Buffer
		kind, err := "application/json", error(nil)
		if status := view(r.Context()); strings.Contains(r.Header.Get("Accept"), "text/html") {
			kind, err = "text/html; charset=utf-8", statusPage(status).Render(r.Context(), &out)
			w.Header().Set("Content-Security-Policy", policy)
		} else {
			encoder := json.NewEncoder(&out)
			encoder.SetIndent("", "  ")
			err = encoder.Encode(status)
		}
		if err != nil {
			http.Error(w, "the status cannot be shown", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(out.Bytes()) // a client that went away needs no answer
	})
}

// The classes of console.css.
const (
	bad  = "bad"
	soon = "soon"
	good = "good"
)

// state is the text for the state of a tenant, and its class.
func state(s admin.State) (text, class string) {
	switch s {
	case admin.Unfit:
		return "not ready (503)", bad
	case admin.Fit:
		return "ready", good
	case admin.ReadOnly, admin.Paused:
	}
	return string(s), soon
}

// problemClass is the class of a problem: a warning when the tenant still answers some requests.
func problemClass(p admin.Problem) string {
	if p.Effect == admin.NoUsers || p.Effect == admin.Disabled {
		return soon
	}
	return bad
}

// seconds is a duration in whole seconds.
func seconds(s float64) string { return age(time.Duration(s * float64(time.Second))) }

// age is a duration in whole seconds.
func age(d time.Duration) string { return d.Round(time.Second).String() }
