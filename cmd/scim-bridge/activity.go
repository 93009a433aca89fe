package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
)

func newActivity() *cobra.Command {
	cmd := &cobra.Command{Use: "activity", Short: "Ask a running bridge which requests it got, over admin.socket", Args: cobra.NoArgs}
	cmd.AddCommand(newActivityList(), newActivityShow(), newActivityCounts())
	return cmd
}

// activityFlags are the flags of activity list.
type activityFlags struct {
	config       string
	output       output
	filter       admin.RequestFilter
	since, until string
	oldest       bool
}

func newActivityList() *cobra.Command {
	var f activityFlags
	const shown = 50
	cmd := &cobra.Command{
		Use: "list", Short: "List the requests that a running bridge got, the newest first", Args: cobra.NoArgs,
		Long: `List the requests that a running bridge got, the newest first, from its store: each request that
writes, and each request that was refused or failed. An operation of a bulk request that failed has
a row of its own, up to 50 for each bulk request. Reads that succeed, and requests without a valid
credential, are not in the list; scim-bridge activity counts has their number.

Times are in UTC. A time of --since or --until is a date, a time such as 2030-01-31T08:30:00Z, or
how long ago: 24h, 7d. A date means the begin of that day in UTC.`,
		Example: `  scim-bridge activity list --failed --since 24h`,
		RunE:    func(cmd *cobra.Command, _ []string) error { return listActivity(cmd, f) },
	}
	configFlag(cmd, &f.config)
	flags := cmd.Flags()
	flags.StringVar(&f.filter.Tenant, "tenant", "", "the `path` of a tenant; default: all tenants")
	flags.StringVar(&f.filter.Resource, "resource", "", "the `id` of a user or group")
	flags.StringVar(&f.filter.User, "user", "", "requests about one user: an `id`, userName, address or externalId")
	flags.StringVar(&f.filter.Code, "code", "", "only requests with this error `code`, such as value-taken")
	flags.StringVar(&f.filter.Of, "of", "", "only the operations of the bulk request with this `id`")
	flags.BoolVar(&f.filter.Failed, "failed", false, "only requests that were refused or failed")
	addTimes(cmd, "requests", &f.since, &f.until)
	flags.IntVar(&f.filter.Limit, "limit", shown, "list at most this `number`; 0 for all")
	flags.BoolVar(&f.oldest, "oldest", false, "list the oldest request first")
	outputFlag(cmd, &f.output, asCSV)
	return cmd
}

func listActivity(cmd *cobra.Command, f activityFlags) error {
	var err error
	if f.filter.Since, f.filter.Until, err = timesOf(f.since, f.until, time.Now()); err != nil {
		return err
	}
	running, err := newRunning(cmd, f.config)
	if err != nil {
		return err
	}
	f.filter.Newest = !f.oldest
	p := newTable(cmd.OutOrStdout(), f.output, activityColumns(f.output))
	answer, err := running.Requests(cmd.Context(), f.filter, p.print)
	if err != nil {
		return err
	}
	warn(cmd, answer.Warning)
	if f.filter.Limit > 0 && answer.Entries == f.filter.Limit {
		fmt.Fprintf(cmd.ErrOrStderr(), "the list ends at --limit %d; --limit 0 lists all\n", f.filter.Limit)
	}
	return p.end()
}

// activityColumns are the columns of requests. A program gets the parts of the resource as columns of their own.
func activityColumns(o output) []column[admin.Request] {
	resource := []column[admin.Request]{{"resource", func(r admin.Request) string { return resourceText(r.Resource) }}}
	if o == asCSV {
		resource = []column[admin.Request]{
			{"type", func(r admin.Request) string { return r.Resource.Type }},
			{"resource", func(r admin.Request) string { return r.Resource.ID }},
			{"name", func(r admin.Request) string { return r.Resource.Name }},
		}
	}
	return slices.Concat([]column[admin.Request]{
		{"time", func(r admin.Request) string { return timeText(r.At) }},
		{"tenant", func(r admin.Request) string { return r.Tenant }},
		{"actor", func(r admin.Request) string { return actorText(r.Actor) }},
		{"request", requestText},
	}, resource, []column[admin.Request]{
		{"status", func(r admin.Request) string { return strconv.Itoa(r.Status) }},
		{"code", func(r admin.Request) string { return r.Code }},
		{"id", func(r admin.Request) string { return r.ID }},
	})
}

// requestText names what was asked.
func requestText(r admin.Request) string { return strings.TrimSpace(r.Method + " " + r.Route) }

func newActivityShow() *cobra.Command {
	var file string
	var o output
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show everything about one request, with the document that was refused", Args: exactly("the id of the request, as activity list shows it"),
		Long: `Show everything about one request. A request to write that was refused or failed has the document
that the client sent, without passwords, and the command that sends it again as the operator. The
command needs curl and jq. Remove the cause first, or run the first line, correct document.json and
run the second line.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			running, err := newRunning(cmd, file)
			if err != nil {
				return err
			}
			r, err := running.Request(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return printRecord(cmd.OutOrStdout(), o, r, requestLines(r, file, running.Socket))
		},
	}
	configFlag(cmd, &file)
	outputFlag(cmd, &o, asCSV)
	return cmd
}

// requestLines are the properties of a request, without those that are empty.
func requestLines(r admin.Request, file, socket string) []app.Line {
	key, resource, failed := "", resourceText(r.Resource), ""
	if r.Actor.KeyID != "" {
		key = ", key id " + r.Actor.KeyID
	}
	if r.Resource.Name != "" && r.Resource.ID != "" {
		resource += ", id " + r.Resource.ID
	}
	if r.Failed > 0 {
		failed = fmt.Sprintf("%d; scim-bridge activity list --of %s lists them", r.Failed, r.ID)
	}
	lines := []app.Line{
		{Name: "id", Text: r.ID},
		{Name: "time", Text: timeText(r.At)},
		{Name: "actor", Text: actorText(r.Actor) + key},
		{Name: "interface", Text: r.Origin},
		{Name: "tenant", Text: r.Tenant},
		{Name: "realm", Text: r.Realm},
		{Name: "request", Text: requestText(r)},
		{Name: "bulk request", Text: r.Of},
		{Name: "resource", Text: resource},
		{Name: "status", Text: strconv.Itoa(r.Status)},
		{Name: "code", Text: r.Code},
		{Name: "detail", Text: r.Detail},
		{Name: "change", Text: r.Change},
		{Name: "operations that failed", Text: failed},
	}
	if r.Of == "" {
		lines = append(lines,
			app.Line{Name: "took", Text: strconv.FormatFloat(r.TookMillis, 'f', -1, 64) + " ms"},
			app.Line{Name: "calls to Keycloak", Text: strconv.FormatInt(r.Calls, 10)},
			app.Line{Name: "bytes", Text: strconv.FormatInt(r.Size, 10)})
	}
	lines = append(lines, app.Line{Name: "note", Text: r.Missing}, app.Line{Name: "document", Text: documentText(r.Document)}, app.Line{Name: "send again", Text: strings.Join(againTexts(r, file, socket), "\n")})
	return slices.DeleteFunc(lines, func(l app.Line) bool { return l.Text == "" })
}

// documentText is a document as indented JSON; "" for no document.
func documentText(document map[string]any) string {
	if document == nil {
		return ""
	}
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil { // impossible: it comes from JSON
		return err.Error()
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		lines[i] = printable(line) // so that only the end of a line begins a line
	}
	return strings.Join(lines, "\n")
}

// againTexts are the lines of a command that sends a request again as the operator. They can be pasted into a shell of
// any directory. The document is in a file between the two steps, so that the operator can correct it.
func againTexts(r admin.Request, file, socket string) []string {
	if r.Path == "" {
		return nil
	}
	send := "curl --fail-with-body --silent --show-error --unix-socket " + shellQuoted(absolute(socket)) + " -X " + r.Method
	var out []string
	if r.Document != nil {
		out = append(out, "scim-bridge activity show --config "+shellQuoted(absolute(file))+" --output json "+r.ID+" | jq --exit-status .document >document.json &&")
		send += " -H 'Content-Type: application/scim+json' --data @document.json"
	}
	return append(out, send+" "+shellQuoted(control.Root(r.Tenant)+r.Path))
}

// absolute is the name of a file for a shell in another directory.
func absolute(file string) string {
	if name, err := filepath.Abs(file); err == nil {
		return name
	}
	return file
}

// shellQuoted is a text as one word for a shell.
func shellQuoted(text string) string {
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-:") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func newActivityCounts() *cobra.Command {
	var file, tenant, since, until string
	var o output
	cmd := &cobra.Command{
		Use: "counts", Short: "Show how many requests a running bridge only counted", Args: cobra.NoArgs,
		Long: `Show how many requests a running bridge only counted: reads that succeeded, and requests without a
valid credential, by the code of their error. There is a number for each minute of the last day and
for each hour before. A request to a path without a tenant has no tenant.`,
		Example: `  scim-bridge activity counts --since 1h`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, to, err := timesOf(since, until, time.Now())
			if err != nil {
				return err
			}
			running, err := newRunning(cmd, file)
			if err != nil {
				return err
			}
			counts, err := running.RequestCounts(cmd.Context(), tenant, from, to)
			if err != nil {
				return err
			}
			return printTable(cmd.OutOrStdout(), o, countColumns(), counts)
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&tenant, "tenant", "", "the `path` of a tenant; default: all tenants")
	addTimes(cmd, "requests", &since, &until)
	outputFlag(cmd, &o, asCSV)
	return cmd
}

func countColumns() []column[admin.RequestCount] {
	return []column[admin.RequestCount]{
		{"from", func(c admin.RequestCount) string { return timeText(c.From) }},
		{"until", func(c admin.RequestCount) string { return timeText(c.Until) }},
		{"tenant", func(c admin.RequestCount) string { return c.Tenant }},
		{"what", func(c admin.RequestCount) string { return c.What }},
		{"requests", func(c admin.RequestCount) string { return strconv.FormatInt(c.Count, 10) }},
	}
}
