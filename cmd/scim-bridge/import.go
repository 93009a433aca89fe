package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// importFlags are the flags of import.
type importFlags struct {
	config, tenant, format, journal, output string
	update, dryRun                          bool
}

func newImport() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Have a running bridge create the users and groups of a file", Args: exactly("the file"),
		Long: `Have a running bridge create the users and groups of a file, by bulk requests over
admin.socket. A file of JSON lines holds a SCIM resource a line, as scim-bridge export
writes it. A CSV file names attributes in its first line, as userName, name.givenName or
emails[type eq "work"].value, and has a resource a line below it.

The id of a row is by what other rows refer to it, as members and as managers. The
resource gets an id of its own.

Every row that is not imported is printed with the reason, and the command ends with 1. It
can be repeated: it goes on where it was, after a mistake in the file was corrected too.
What is done is noted in a file beside FILE, which goes when nothing is left to do.`,
		RunE: func(cmd *cobra.Command, args []string) error { return importFile(cmd, f, args[0]) },
	}
	configFlag(cmd, &f.config)
	tenantFlag(cmd, &f.tenant)
	flags := cmd.Flags()
	flags.StringVar(&f.format, "format", "", "what the file is: jsonl or csv; the default is by its name")
	flags.StringVar(&f.journal, "journal", "", "the `file` that notes what is done; the default is FILE.TENANT.journal")
	flags.BoolVar(&f.update, "update", false, "replace users and groups that are there already, in place of reporting them")
	flags.BoolVar(&f.dryRun, "dry-run", false, "read the file and report rows that are none, and change nothing")
	outputFlag(cmd, &f.output)
	return cmd
}

func importFile(cmd *cobra.Command, f importFlags, name string) error {
	if err := checkOutput(f.output); err != nil {
		return err
	}
	if f.format == "" {
		f.format = strings.TrimPrefix(filepath.Ext(name), ".")
	}
	if f.format != "jsonl" && f.format != "csv" {
		return codedError{exitUsage, errors.New("--format says what the file is: jsonl or csv")}
	}
	file, err := os.Open(name) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was read
	socket, t, err := runningTenant(cmd, f.config, f.tenant)
	if err != nil {
		return err
	}
	i := &importer{client: operatorClient(socket, t), update: f.update, report: importReport{out: cmd.OutOrStdout(), json: f.output == "json"}}
	read := func(each func(row) error, bad func(int, error)) error {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return readRows(file, f.format, each, bad)
	}
	if f.dryRun {
		if err := i.check(read); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%d rows can be sent, %d not; nothing was changed\n", i.rows, i.report.failed)
		return i.report.err()
	}
	if f.journal == "" {
		f.journal = name + "." + strings.ReplaceAll(t.Path, "/", "_") + ".journal"
	}
	if i.journal, err = openJournal(f.journal, t.URL); err != nil {
		return err
	}
	defer i.journal.close()
	bars := newBars(cmd.ErrOrStderr())
	i.advance = bars.add("import")
	err = i.run(cmd.Context(), read)
	bars.stop()
	if err != nil {
		return fmt.Errorf("%d rows are imported: %w; the same command goes on from here", i.done, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d rows are imported, %d not\n", i.done, i.report.failed)
	if err := i.report.err(); err != nil {
		return err
	}
	return i.journal.remove() // it has served
}

// operatorClient speaks to a tenant of the bridge on a socket, as its operator.
func operatorClient(socket string, t control.Tenant) *client.Client {
	return &client.Client{Base: control.Root(t.Path), Agent: "scim-bridge", HTTP: control.Client(socket)}
}

// importReport prints the rows that are not imported.
type importReport struct {
	out    io.Writer
	json   bool
	failed int
}

// failedRow is a line of the report in JSON.
type failedRow struct {
	Line   int    `json:"line"`
	Name   string `json:"name,omitempty"`   // userName or displayName
	Status int    `json:"status,omitempty"` // of the answer; absent when the row was not sent
	Reason string `json:"reason"`
}

func (r *importReport) fail(f failedRow) {
	r.failed++
	if r.json {
		if data, err := json.Marshal(f); err == nil { // texts and numbers always encode
			fmt.Fprintln(r.out, string(data))
		}
		return
	}
	text := fmt.Sprintf("line %d", f.Line)
	if f.Name != "" {
		text += fmt.Sprintf(" (%q)", f.Name)
	}
	if f.Status != 0 {
		text += fmt.Sprintf(": %d", f.Status)
	}
	fmt.Fprintln(r.out, text+": "+f.Reason)
}

func (r *importReport) err() error {
	if r.failed == 0 {
		return nil
	}
	return codedError{code: exitFailure, err: fmt.Errorf("%d rows are left; correct them and run the same command again", r.failed)}
}

// importer imports the rows of a file.
type importer struct {
	client  *client.Client
	journal *journal
	update  bool

	advance func(done, all int) // shows how far it is
	report  importReport
	done    int
	unsent  int // rows that failed after the file was checked

	operations int // of one request
	payload    int // bytes of one request
	rows       int
	lines      map[string]int    // of rows, by their ids and by the keys of their content
	ids        map[string]string // of resources, by the ids of their rows; "" for one that is not there
	managers   []reference       // that users get when all are there
}

// reference is a manager who had no id yet when the user was made.
type reference struct {
	of      row
	id      string // of the user
	manager string // id of the manager's row
}

// source reads a file from its beginning.
type source func(each func(row) error, bad func(line int, why error)) error

// check finds the rows that are none, the ids that rows have, and how many there are.
func (i *importer) check(read source) error {
	i.ids, i.lines = map[string]string{}, map[string]int{}
	return read(func(r row) error {
		_, name := r.name()
		if at, twice := i.lines[r.key]; twice {
			i.report.fail(failedRow{Line: r.line, Name: name, Reason: fmt.Sprintf("it is the same as line %d", at)})
			return nil
		}
		if at, twice := i.lines[idLine(r)]; twice && r.id() != "" {
			i.report.fail(failedRow{Line: r.line, Name: name, Reason: fmt.Sprintf("line %d has the same id", at)})
			return nil
		}
		i.lines[r.key], i.lines[idLine(r)] = r.line, r.line
		if id := r.id(); id != "" {
			i.ids[id] = ""
		}
		i.rows++
		return nil
	}, func(line int, why error) {
		i.report.fail(failedRow{Line: line, Reason: reasonOf(why)})
	})
}

// idLine is the id of a row in lines.
func idLine(r row) string { return "id " + r.id() }

// reasonOf is what is wrong with a row, without the wording for HTTP.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*scim.Error](err); ok {
		return e.Detail
	}
	return err.Error()
}

// run imports: users, their managers as far as they came later, and groups, which have users as members.
func (i *importer) run(ctx context.Context, read source) error {
	if err := i.check(read); err != nil {
		return err
	}
	if err := i.learnLimits(ctx); err != nil {
		return err
	}
	if err := i.create(ctx, read, "/Users"); err != nil {
		return err
	}
	if err := i.appoint(ctx); err != nil {
		return err
	}
	return i.create(ctx, read, "/Groups")
}

const (
	// mostOperations keeps a request far from its time limit.
	mostOperations = 200
	// envelope is what a request needs beside its operations, in bytes.
	envelope = 1 << 10
)

func (i *importer) learnLimits(ctx context.Context) error {
	config, err := i.client.Do(ctx, http.MethodGet, "/ServiceProviderConfig", nil)
	if err != nil {
		return err
	}
	bulk, _ := config["bulk"].(map[string]any)
	operations, _ := scim.Integer(bulk, "maxOperations")
	payload, _ := scim.Integer(bulk, "maxPayloadSize")
	if operations == nil || payload == nil {
		return errors.New("the bridge does not tell the limits of its bulk requests")
	}
	i.operations, i.payload = min(*operations, mostOperations), *payload-envelope
	return nil
}

// create makes the resources of one type.
func (i *importer) create(ctx context.Context, read source, endpoint string) error {
	b := i.newBatch()
	err := read(func(r row) error {
		if r.endpoint != endpoint || i.lines[r.key] != r.line {
			return nil // of another type, or reported
		}
		if id, done := i.journal.done[r.key]; done {
			i.succeed(r, id)
			return nil
		}
		data, later, why := i.resolve(r)
		if why != "" {
			i.fail(r, 0, why)
			return nil
		}
		return b.add(ctx, operation{row: r, method: http.MethodPost, path: endpoint, data: data, later: later})
	}, func(int, error) {})
	if err != nil {
		return err
	}
	return b.send(ctx)
}

// resolve is what a row sends, with ids of resources in the place of ids of rows. later is the
// row of a manager who is not there yet; why, what the row cannot be sent for.
func (i *importer) resolve(r row) (data map[string]any, later, why string) {
	data = maps.Clone(r.object)
	for _, name := range []string{scim.AttrID, scim.AttrMeta, scim.AttrGroups} { // read-only
		delete(data, name)
	}
	if members, ok := data[scim.AttrMembers].([]any); ok {
		list := make([]any, len(members))
		for n, member := range members {
			object, _ := member.(map[string]any)
			text, _ := object[scim.AttrValue].(string)
			id, known := i.ids[text]
			switch {
			case !known:
				list[n] = member
			case id == "":
				return nil, "", fmt.Sprintf("its member %s is a row that was not imported", text)
			default:
				list[n] = map[string]any{scim.AttrValue: id}
			}
		}
		data[scim.AttrMembers] = list
	}
	enterprise, _ := data[scim.EnterpriseUserURN].(map[string]any)
	manager, _ := enterprise[scim.AttrManager].(map[string]any)
	text, _ := manager[scim.AttrValue].(string)
	id, known := i.ids[text]
	if !known {
		return data, "", ""
	}
	copied := maps.Clone(enterprise)
	if id == "" {
		delete(copied, scim.AttrManager)
		later = text
	} else {
		copied[scim.AttrManager] = map[string]any{scim.AttrValue: id}
	}
	data[scim.EnterpriseUserURN] = copied
	return data, later, ""
}

// appoint gives users the managers who came after them.
func (i *importer) appoint(ctx context.Context) error {
	b := i.newBatch()
	for _, m := range i.managers {
		id := i.ids[m.manager]
		if id == "" {
			i.fail(m.of, 0, fmt.Sprintf("the user is there without its manager %s, which is a row that was not imported", m.manager))
			continue
		}
		patch := map[string]any{scim.AttrSchemas: []any{scim.PatchOpURN}, "Operations": []any{map[string]any{
			"op": "add", "path": scim.EnterpriseUserURN + ":" + scim.AttrManager, "value": map[string]any{scim.AttrValue: id},
		}}}
		if err := b.add(ctx, operation{row: m.of, method: http.MethodPatch, path: "/Users/" + m.id, data: patch}); err != nil {
			return err
		}
	}
	i.managers = nil
	return b.send(ctx)
}

func (i *importer) succeed(r row, id string) {
	if r.id() != "" {
		i.ids[r.id()] = id
	}
	i.done++
	i.advance(i.done+i.unsent, i.rows)
}

func (i *importer) fail(r row, status int, reason string) {
	_, name := r.name()
	i.report.fail(failedRow{Line: r.line, Name: name, Status: status, Reason: reason})
	i.unsent++
	i.advance(i.done+i.unsent, i.rows)
}
