package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/simulate"
)

// simulation is the command simulate.
type simulation struct {
	endpointFlags

	provider string
	prefix   string
	size     simulate.Size
	remove   bool
	output   string
}

// providers plays an identity provider by its name.
func providers() map[string]func(context.Context, *client.Client, string, simulate.Size, func(done, all int)) (simulate.Directory, error) {
	return map[string]func(context.Context, *client.Client, string, simulate.Size, func(done, all int)) (simulate.Directory, error){
		"entra": simulate.Entra, "okta": simulate.Okta,
	}
}

func newSimulate() *cobra.Command {
	var s simulation
	names := scim.SortedNames(providers())
	cmd := &cobra.Command{
		Use:   "simulate " + strings.Join(names, "|"),
		Short: "Provision invented people at a SCIM endpoint as Entra or Okta would, and check what arrived",
		Long: `Send an endpoint, of this bridge or any other, what Entra or Okta really sends: the test of
the connection, look-ups, users, groups, members, then changes of a quarter of the users,
deactivations of a tenth and, as Entra, deletions of a twentieth. What an outage refuses
is repeated for a minute. Then read everything back and say what is not as it was sent.

The people are invented; their user names begin with --prefix, by default one that no run
had before. They stay at the endpoint unless --delete is given.

The token comes from --token-file, else from --token, else from SCIM_TOKEN. Ends with 1
when something is not as it was sent.`,
		Args: cobra.MatchAll(exactly(strings.Join(names, " or ")), cobra.OnlyValidArgs), ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			s.provider = args[0]
			return s.run(cmd)
		},
	}
	flags := cmd.Flags()
	s.add(flags)
	flags.StringVar(&s.prefix, "prefix", "", "what the user names begin with; a run is taken up again under the same one")
	flags.IntVar(&s.size.Users, "users", 50, "how many users")
	flags.IntVar(&s.size.Groups, "groups", 5, "how many groups")
	flags.IntVar(&s.size.Parallel, "parallel", 4, "how many requests at once")
	flags.BoolVar(&s.remove, "delete", false, "delete the users and groups in the end; the endpoint may hold so many removals")
	flags.StringVar(&s.output, "output", "table", "how to print the report: table or json")
	return cmd
}

// The shares of the users that are changed, disabled and deleted.
const (
	changeOne  = 4
	disableOne = 10
	deleteOne  = 20
)

func (s *simulation) run(cmd *cobra.Command) error {
	base, token, err := s.read()
	switch {
	case err != nil:
	case s.size.Users < 1 || s.size.Groups < 0 || s.size.Parallel < 1:
		err = errors.New("--users and --parallel are at least 1, --groups is not negative")
	case s.output != "table" && s.output != "json":
		err = errors.New("--output is table or json")
	}
	if err != nil {
		return codedError{exitUsage, err}
	}
	if s.prefix == "" {
		s.prefix = "sim-" + strings.ToLower(rand.Text()[:8])
	}
	s.size.Change, s.size.Disable, s.size.Delete = s.size.Users/changeOne, s.size.Users/disableOne, s.size.Users/deleteOne
	root, err := url.Parse(base)
	if err != nil {
		return codedError{exitUsage, errors.New("--url is no URL")}
	}
	took := &stopwatch{base: root.Path, next: http.DefaultTransport, requests: map[string]*requests{}}
	c := &client.Client{Base: base, Token: token, HTTP: &http.Client{Timeout: time.Minute, Transport: took}}
	bars := newBars(cmd.ErrOrStderr())
	report, err := s.play(cmd.Context(), c, bars)
	bars.stop()
	if err != nil {
		return fmt.Errorf("%w; what was made stays, --prefix %s goes on with it", err, s.prefix)
	}
	report.Requests = took.table()
	if err := report.print(cmd.OutOrStdout(), s.output); err != nil {
		return err
	}
	if len(report.Wrong) > 0 {
		return codedError{code: exitFailure, err: fmt.Errorf("%d things are not as they were sent", len(report.Wrong))}
	}
	return nil
}

func (s *simulation) play(ctx context.Context, c *client.Client, bars *bars) (simulationReport, error) {
	out := simulationReport{Provider: s.provider, Prefix: s.prefix, Wrong: []string{}}
	directory, err := providers()[s.provider](ctx, c, s.prefix, s.size, bars.add(s.provider))
	if err != nil {
		return out, err
	}
	wrong, err := simulate.Verify(ctx, c, directory, s.size.Parallel, bars.add("verify"))
	if err != nil {
		return out, err
	}
	out.Users, out.Groups, out.Wrong = len(directory.Users), len(directory.Groups), append(out.Wrong, wrong...)
	for _, g := range directory.Groups {
		out.Memberships += len(g.Members)
	}
	if s.remove {
		err = simulate.Remove(ctx, c, directory, s.size.Parallel, bars.add("delete"))
	}
	return out, err
}

// simulationReport is what a simulation came to.
type simulationReport struct {
	Provider    string     `json:"provider"`
	Prefix      string     `json:"prefix"` // of the user names
	Users       int        `json:"users"`
	Groups      int        `json:"groups"`
	Memberships int        `json:"memberships"`
	Requests    []requests `json:"requests"`
	Wrong       []string   `json:"wrong"` // what is not as it was sent, a sentence each
}

func (r simulationReport) print(out io.Writer, format string) error {
	if format == "json" {
		return json.NewEncoder(out).Encode(r)
	}
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"Request", "Sent", "Succeeded", "Refused", "Failed", "Median ms", "Slowest ms"})
	for _, q := range r.Requests {
		t.AppendRow(table.Row{q.Request, q.Sent, q.Succeeded, q.Refused, q.Failed, q.Median, q.Slowest})
	}
	t.Render()
	for _, line := range r.Wrong {
		fmt.Fprintln(out, "WRONG", line)
	}
	if len(r.Wrong) == 0 {
		fmt.Fprintf(out, "%d users, %d groups and %d memberships are as %s sent them\n", r.Users, r.Groups, r.Memberships, r.Provider)
	}
	fmt.Fprintf(out, "their names begin with %s\n", r.Prefix)
	return nil
}

// requests are those of one kind.
type requests struct {
	Request   string  `json:"request"` // as "POST /Users"
	Sent      int     `json:"sent"`
	Succeeded int     `json:"succeeded"`
	Refused   int     `json:"refused"` // 4xx
	Failed    int     `json:"failed"`  // 5xx, or no answer
	Median    float64 `json:"medianMS"`
	Slowest   float64 `json:"slowestMS"`

	times []time.Duration
}

// stopwatch counts the requests that go through it, and takes their time.
type stopwatch struct {
	base     string // the path of the service root
	next     http.RoundTripper
	mu       sync.Mutex
	requests map[string]*requests
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
		r = &requests{Request: kind}
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
func (s *stopwatch) table() []requests {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]requests, 0, len(s.requests))
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
