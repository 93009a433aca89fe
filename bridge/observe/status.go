package observe

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Status is what /statusz says. Its JSON is for programs, its page for people.
type Status struct {
	Version string    `json:"version"`
	Now     time.Time `json:"now"`
	Started time.Time `json:"started"`
	// Config says why the configuration files as they are now are not applied, "" when they are.
	Config  string         `json:"config,omitempty"`
	Realms  []RealmStatus  `json:"realms"`
	Tenants []TenantStatus `json:"tenants"`
}

// RealmStatus is one realm on /statusz.
type RealmStatus struct {
	Realm string `json:"realm"`
	// Outage says that no calls are made, as Keycloak did not answer most of the last.
	Outage bool `json:"outage"`
	// FeedAge is how long ago the realm's admin events were read, in seconds; absent when nobody
	// follows them.
	FeedAge *float64 `json:"feedAgeSeconds,omitempty"`
}

// TenantStatus is one tenant on /statusz.
type TenantStatus struct {
	Tenant      string        `json:"tenant"` // its path
	URL         string        `json:"url"`    // of its service root
	Realm       string        `json:"realm"`
	Fit         bool          `json:"fit"`
	Problem     string        `json:"problem,omitempty"` // why it is not fit
	Warning     string        `json:"warning,omitempty"` // why it refuses users though it is fit
	Fix         string        `json:"fix,omitempty"`     // what to do about a problem or a warning
	Mapping     string        `json:"mapping,omitempty"` // why the mapping file as it is now is not applied
	Access      string        `json:"access"`            // full, read-only or paused
	Brake       string        `json:"removalBrake"`      // off, clear, holding or lifted, and why or until when
	Last        *LastRequest  `json:"lastRequest,omitempty"`
	Credentials []Credential  `json:"credentials"` // null of what has none by its kind
	Indexes     []IndexStatus `json:"indexes,omitempty"`
}

// What may trouble a tenant, the least first.
const (
	troubleNone = iota
	troubleWarned
	troubleMapping
	troubleWrites
	troubleUnfit
)

// Trouble is the greater, the more the tenant needs somebody: 0 for one that answers everything.
func (t TenantStatus) Trouble() int {
	switch {
	case !t.Fit:
		return troubleUnfit
	case t.Problem != "":
		return troubleWrites
	case t.Mapping != "":
		return troubleMapping
	case t.Warning != "" || t.Credentials != nil && len(t.Credentials) == 0:
		return troubleWarned
	}
	return troubleNone
}

// Credential is one of a tenant on /statusz.
type Credential struct {
	Name    string     `json:"name"`
	KeyID   string     `json:"keyID,omitempty"`
	Expires *time.Time `json:"expires,omitempty"` // absent: never, or as each access token says
	State   string     `json:"state"`             // Good, Expires or Expired
}

// The states of credentials.
const (
	Good    = "good"
	Expires = "expires" // soon
	Expired = "expired"
)

// IndexStatus is an index of a tenant on /statusz.
type IndexStatus struct {
	Type      string  `json:"type"`
	Resources int     `json:"resources"`
	Bytes     int     `json:"bytes"`
	Age       float64 `json:"ageSeconds"` // since the last whole scan began
}

// status answers a browser with a page and everybody else with JSON.
func (h *Health) status(w http.ResponseWriter, r *http.Request) {
	status, out, kind := h.look(r.Context()), strings.Builder{}, "application/json"
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		kind = "text/html; charset=utf-8"
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		out.WriteString(statusPage(status))
	} else {
		encoder := json.NewEncoder(&out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(status); err != nil {
			say(w, http.StatusInternalServerError, "status cannot be shown\n")
			return
		}
	}
	w.Header().Set("Content-Type", kind)
	say(w, http.StatusOK, out.String())
}
