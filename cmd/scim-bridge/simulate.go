package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/simulate"
)

// simulation has the flags of the command simulate.
type simulation struct {
	endpointFlags
	simulate.Run

	output output
}

func newSimulate() *cobra.Command {
	var s simulation
	names := scim.SortedNames(simulate.Providers())
	cmd := &cobra.Command{
		Use:   "simulate " + strings.Join(names, "|"),
		Short: "Provision invented people at a SCIM endpoint as Entra or Okta would, and check what arrived",
		Long: `Send an endpoint, of this bridge or any other, what Entra or Okta really sends: the test of
the connection, look-ups, users, groups and members. Changes of a quarter of the users follow,
then deactivations of a tenth and, as Entra, deletions of a twentieth. The command repeats for a
minute what an outage refuses. Then it reads everything back, and prints what differs from what
it sent.

The people are invented. Their user names begin with --prefix; by default this is a new prefix
for each run. The users and groups stay at the endpoint unless you give --delete.

The token comes from --token-file, else from --token, else from SCIM_TOKEN. The exit code is 1
when something differs.`,
		Args: cobra.MatchAll(exactly(strings.Join(names, " or ")), cobra.OnlyValidArgs), ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			s.Provider = args[0]
			return s.run(cmd)
		},
	}
	flags := cmd.Flags()
	s.add(flags)
	flags.StringVar(&s.Prefix, "prefix", "", "the `text` with which the user names begin; the same text continues an earlier run")
	flags.IntVar(&s.Users, "users", 50, "the `number` of users")
	flags.IntVar(&s.Groups, "groups", 5, "the `number` of groups")
	flags.IntVar(&s.Parallel, "parallel", 4, "the `number` of requests at once")
	flags.BoolVar(&s.Remove, "delete", false, "delete the users and groups at the end; a removal brake of the endpoint may stop this")
	outputFlag(cmd, &s.output, asCSV)
	return cmd
}

func (s *simulation) run(cmd *cobra.Command) (err error) {
	s.Base, s.Token, err = s.read()
	switch {
	case err != nil:
	case s.Users < 1 || s.Groups < 0 || s.Parallel < 1:
		err = errors.New("--users and --parallel must be at least 1, and --groups at least 0")
	}
	if err != nil {
		return codedError{exitUsage, err}
	}
	if _, err := url.Parse(s.Base); err != nil {
		return codedError{exitUsage, errors.New("--url is not a URL")}
	}
	bars := newBars(cmd.ErrOrStderr())
	s.Progress = bars.add
	report, err := s.Play(cmd.Context())
	bars.stop()
	if err != nil && !report.Made() {
		return fmt.Errorf("%w; nothing was made", err)
	}
	if err != nil {
		return fmt.Errorf("%w; what was made stays; --prefix %s continues the run", err, report.Prefix)
	}
	if err := printReport(cmd, report, s.output); err != nil {
		return err
	}
	if len(report.Wrong) > 0 {
		return codedError{code: exitFailure, err: fmt.Errorf("%d values differ from what was sent", len(report.Wrong))}
	}
	return nil
}

func printReport(cmd *cobra.Command, r simulate.Report, o output) error {
	out := cmd.OutOrStdout()
	if o == asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	if err := printTable(out, o, requestColumns(), r.Requests); err != nil {
		return err
	}
	if o == asCSV {
		out = cmd.ErrOrStderr() // the text that follows is not a row
	}
	for _, line := range r.Wrong {
		fmt.Fprintln(out, "WRONG", line)
	}
	if len(r.Wrong) == 0 {
		fmt.Fprintf(out, "%d users, %d groups and %d memberships are as %s sent them\n", r.Users, r.Groups, r.Memberships, r.Provider)
	}
	fmt.Fprintf(out, "their names begin with %s\n", r.Prefix)
	return nil
}

func requestColumns() []column[simulate.Requests] {
	milliseconds := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
	return []column[simulate.Requests]{
		{"request", func(q simulate.Requests) string { return q.Request }},
		{"sent", func(q simulate.Requests) string { return strconv.Itoa(q.Sent) }},
		{"succeeded", func(q simulate.Requests) string { return strconv.Itoa(q.Succeeded) }},
		{"refused", func(q simulate.Requests) string { return strconv.Itoa(q.Refused) }},
		{"failed", func(q simulate.Requests) string { return strconv.Itoa(q.Failed) }},
		{"median ms", func(q simulate.Requests) string { return milliseconds(q.Median) }},
		{"slowest ms", func(q simulate.Requests) string { return milliseconds(q.Slowest) }},
	}
}
