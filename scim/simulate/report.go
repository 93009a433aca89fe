package simulate

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// Providers are the functions that play an identity provider, by its name.
func Providers() map[string]func(ctx context.Context, c *client.Client, prefix string, size Size, progress func(done, all int)) (Directory, error) {
	return map[string]func(context.Context, *client.Client, string, Size, func(done, all int)) (Directory, error){
		"entra": Entra, "okta": Okta,
	}
}

// Run is a simulation: a provider provisions invented people, and then everything is read back.
type Run struct {
	Provider    string // one of Providers
	Base, Token string // of the endpoint
	Prefix      string // of the user names; "" makes a new prefix
	Users       int
	Groups      int
	Parallel    int  // most requests at the same time
	Remove      bool // delete the users and groups at the end
	// Progress makes the progress function of one task.
	Progress func(task string) func(done, all int)
}

// Report is the result of a simulation.
type Report struct {
	Provider    string     `json:"provider"`
	Prefix      string     `json:"prefix"` // of the user names
	Users       int        `json:"users"`
	Groups      int        `json:"groups"`
	Memberships int        `json:"memberships"`
	Requests    []Requests `json:"requests"`
	Wrong       []string   `json:"wrong"` // differences from what was sent, a sentence each
}

// The shares of the users that are changed, disabled and deleted.
const (
	changeOne  = 4
	disableOne = 10
	deleteOne  = 20
)

// Made reports whether the endpoint created something.
func (r Report) Made() bool {
	return slices.ContainsFunc(r.Requests, func(one Requests) bool {
		return strings.HasPrefix(one.Request, http.MethodPost+" ") && one.Succeeded > 0
	})
}

// Play runs a simulation. When it fails, the report has the prefix with which another run can continue with the created
// users.
func (r Run) Play(ctx context.Context) (out Report, err error) {
	if r.Prefix == "" {
		r.Prefix = "sim-" + strings.ToLower(rand.Text()[:8])
	}
	out = Report{Provider: r.Provider, Prefix: r.Prefix, Wrong: []string{}}
	root, err := url.Parse(r.Base)
	if err != nil {
		return out, err
	}
	took := &stopwatch{base: root.Path, next: http.DefaultTransport, requests: map[string]*Requests{}}
	defer func() { out.Requests = took.table() }()
	c := &client.Client{Base: r.Base, Token: r.Token, HTTP: &http.Client{Timeout: time.Minute, Transport: took}}
	size := Size{Users: r.Users, Groups: r.Groups, Parallel: r.Parallel, Change: r.Users / changeOne, Disable: r.Users / disableOne, Delete: r.Users / deleteOne}
	directory, err := Providers()[r.Provider](ctx, c, r.Prefix, size, r.Progress(r.Provider))
	if err != nil {
		return out, err
	}
	wrong, err := Verify(ctx, c, directory, r.Parallel, r.Progress("verify"))
	if err != nil {
		return out, err
	}
	out.Users, out.Groups, out.Wrong = len(directory.Users), len(directory.Groups), append(out.Wrong, wrong...)
	for _, g := range directory.Groups {
		out.Memberships += len(g.Members)
	}
	if r.Remove {
		err = Remove(ctx, c, directory, r.Parallel, r.Progress("delete"))
	}
	return out, err
}

// Requests are the requests of one kind.
type Requests struct {
	Request   string  `json:"request"` // such as "POST /Users"
	Sent      int     `json:"sent"`
	Succeeded int     `json:"succeeded"`
	Refused   int     `json:"refused"` // 4xx
	Failed    int     `json:"failed"`  // 5xx, or no answer
	Median    float64 `json:"medianMS"`
	Slowest   float64 `json:"slowestMS"`

	times []time.Duration
}

// stopwatch counts the requests that it forwards and measures their time.
type stopwatch struct {
	base     string // the path of the service root
	next     http.RoundTripper
	mu       sync.Mutex
	requests map[string]*Requests
}

// RoundTrip implements http.RoundTripper.
func (s *stopwatch) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	res, err := s.next.RoundTrip(req)
	took := time.Since(start)
	kind, _, one := strings.Cut(strings.TrimPrefix(req.URL.Path, s.base+"/"), "/")
	switch {
	case req.URL.Query().Has("filter"):
		kind += "?filter"
	case one:
		kind += "/{id}"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	kind = req.Method + " /" + kind
	r := s.requests[kind]
	if r == nil {
		r = &Requests{Request: kind}
		s.requests[kind] = r
	}
	r.Sent++
	r.times = append(r.times, took)
	switch {
	case err != nil || res.StatusCode >= http.StatusInternalServerError:
		r.Failed++
	case res.StatusCode >= http.StatusBadRequest:
		r.Refused++
	default:
		r.Succeeded++
	}
	return res, err
}

// table are the requests by their kinds.
func (s *stopwatch) table() []Requests {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Requests, 0, len(s.requests))
	for _, kind := range scim.SortedNames(s.requests) {
		r := *s.requests[kind]
		slices.Sort(r.times)
		r.Median, r.Slowest = milliseconds(r.times[len(r.times)/2]), milliseconds(r.times[len(r.times)-1])
		out = append(out, r)
	}
	return out
}

func milliseconds(d time.Duration) float64 {
	const tenths = 100 * time.Microsecond
	return float64(d.Round(tenths)) / float64(time.Millisecond)
}
