package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// resourceKind is what a command reads.
type resourceKind struct {
	name, endpoint string
	columns        []string // that list shows
	sortBy         string
	named          string // the attribute that get takes in place of an id
}

func newUsers() *cobra.Command {
	return newResources(resourceKind{"users", "/Users", []string{"userName", "active", "name.givenName", "name.familyName", "emails.value", "id"}, "userName", scim.AttrUserName})
}

func newGroups() *cobra.Command {
	return newResources(resourceKind{"groups", "/Groups", []string{"displayName", "externalId", "id"}, "displayName", scim.AttrDisplayName})
}

func newResources(k resourceKind) *cobra.Command {
	cmd := &cobra.Command{Use: k.name, Short: "Read the " + k.name + " of a tenant as its clients see them", Args: cobra.NoArgs}
	cmd.AddCommand(newResourcesList(k), newResourcesGet(k))
	return cmd
}

// listFlags are the flags of list.
type listFlags struct {
	config, tenant, output string
	filter, sortBy         string
	columns                []string
	descending             bool
	limit                  int
}

func newResourcesList(k resourceKind) *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List the " + k.name + " of a tenant", Args: cobra.NoArgs,
		Long: `List the ` + k.name + ` of a tenant as its clients see them, from Keycloak and with the
configuration alone: neither a running bridge nor a token is needed. Long ones say on
standard error how far they are.

table aligns the columns; csv and json are for programs: json is an array of whole resources,
or with --columns of those attributes.`,
		Example: `  scim-bridge ` + k.name + ` list --filter '` + k.named + ` co "smith"' --sort-by meta.lastModified --descending`,
		RunE:    func(cmd *cobra.Command, _ []string) error { return listResources(cmd, k, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.filter, "filter", "", "a SCIM `filter` that they match")
	flags.StringVar(&f.sortBy, "sort-by", k.sortBy, "the `attribute` to sort by")
	flags.BoolVar(&f.descending, "descending", false, "begin with the greatest")
	flags.StringSliceVar(&f.columns, "columns", k.columns, "the `attributes` to show")
	flags.IntVar(&f.limit, "limit", 0, "show so many at most; 0 for all")
	flags.StringVar(&f.output, "output", "table", "how to print them: table, json or csv")
	configFlag(cmd, &f.config)
	tenantFlag(cmd, &f.tenant)
	return cmd
}

func newResourcesGet(k resourceKind) *cobra.Command {
	var file, path string
	cmd := &cobra.Command{
		Use: "get ID|" + strings.ToUpper(k.named), Short: "Print one of the " + k.name + " of a tenant as JSON", Args: exactly("the id or the " + k.named),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := newReader(cmd, k, file, path)
			if err != nil {
				return err
			}
			return r.get(cmd.Context(), cmd.OutOrStdout(), args[0])
		},
	}
	configFlag(cmd, &file)
	tenantFlag(cmd, &path)
	return cmd
}

// reader reads the resources of one tenant.
type reader struct {
	kind    resourceKind
	call    bridge.Call
	rt      *scim.ResourceType
	service *bridge.Service
	tell    io.Writer // how far it is
}

// commandPage is how many resources a page has that a command reads.
const commandPage = 200

func newReader(cmd *cobra.Command, k resourceKind, file, path string) (reader, error) {
	c, err := load(cmd, file)
	if err != nil {
		return reader{}, err
	}
	transport, err := app.NewTransport(c.Keycloak)
	if err != nil {
		return reader{}, err
	}
	s, err := app.Select(cmd.Context(), c, path, transport)
	if err != nil {
		return reader{}, err
	}
	t, err := s.One()
	if err != nil {
		return reader{}, err
	}
	if err := look(cmd.Context(), t, s.Beside(t), s.Clients[t.Realm]); err != nil {
		return reader{}, err
	}
	service := bridge.New(keycloak.NewRealms(s.Clients), bridge.Options{
		Log: zap.NewNop(), MaxResults: commandPage, CursorTimeout: time.Hour, Directory: directory.Options{MaxMemory: c.Index.MaxMemoryBytes},
	})
	rt := t.Mapping.User
	if k.endpoint != rt.Endpoint {
		rt = t.Mapping.Group
	}
	return reader{k, bridge.Call{By: t.Operator(), Endpoint: k.endpoint}, rt, service, cmd.ErrOrStderr()}, nil
}

// get prints the resource with an id, or else the one with a name.
func (r reader) get(ctx context.Context, out io.Writer, text string) error {
	r.call.ID = text
	answer, err := r.service.Get(ctx, r.call)
	if e, ok := errors.AsType[*scim.Error](err); ok && e.Status == http.StatusNotFound {
		var found bridge.Answer
		found, err = r.service.List(ctx, r.call, bridge.Query{Filter: filter.String(&filter.Compare{
			Path: scim.AttrPath{Name: r.kind.named}, Op: filter.Eq, Value: text,
		})})
		list, _ := found.Body["Resources"].([]map[string]any)
		switch {
		case err != nil:
		case len(list) == 0:
			return fmt.Errorf("the tenant %s has none of the id or %s %q", r.call.By.Tenant.Path, r.kind.named, text)
		case len(list) > 1:
			return fmt.Errorf("the tenant %s has several of the %s %q: give an id", r.call.By.Tenant.Path, r.kind.named, text)
		default:
			answer.Body = list[0]
		}
	}
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(answer.Body)
}

func listResources(cmd *cobra.Command, k resourceKind, f listFlags) error {
	formats := map[string]func(io.Writer, []string) printer{"table": newTable, "csv": newCSV, "json": newJSON}
	if formats[f.output] == nil {
		return codedError{exitUsage, errors.New("--output is table, json or csv")}
	}
	r, err := newReader(cmd, k, f.config, f.tenant)
	if err != nil {
		return err
	}
	columns, err := r.columns(f.columns)
	if err != nil {
		return err
	}
	whole := f.output == "json" && !cmd.Flags().Changed("columns")
	if !whole {
		r.call.Attributes = f.columns
	}
	p := formats[f.output](cmd.OutOrStdout(), f.columns)
	if err := r.walk(cmd.Context(), f, func(object map[string]any) error {
		return p.row(object, columns)
	}); err != nil {
		return err
	}
	return p.end()
}

// columns are the attributes of some names.
func (r reader) columns(names []string) ([]scim.AttrPath, error) {
	out := make([]scim.AttrPath, len(names))
	for i, name := range names {
		path, err := r.rt.Resolve(name)
		if err != nil || !path.Known() {
			return nil, codedError{exitUsage, fmt.Errorf("--columns: %s have no attribute %q", r.kind.name, name)}
		}
		out[i] = path
	}
	return out, nil
}

// walk shows the resources one after the other. While an index is made it waits.
func (r reader) walk(ctx context.Context, f listFlags, show func(map[string]any) error) error {
	order := map[bool]string{true: "descending"}[f.descending]
	for cursor, shown := "", 0; ; {
		count := commandPage
		if f.limit > 0 {
			count = min(count, f.limit-shown)
		}
		answer, err := r.service.List(ctx, r.call, bridge.Query{Filter: f.filter, SortBy: f.sortBy, SortOrder: order, Count: &count, Cursor: &cursor})
		if e, ok := errors.AsType[*scim.Error](err); ok && e.Status == http.StatusServiceUnavailable && errors.Is(err, directory.ErrIndexing) && ctx.Err() == nil {
			fmt.Fprintln(r.tell, e.Detail)
			continue
		}
		if err != nil {
			return err
		}
		list, _ := answer.Body["Resources"].([]map[string]any)
		for _, object := range list {
			if err := show(object); err != nil {
				return err
			}
			if shown++; shown == f.limit {
				return nil
			}
		}
		var more bool
		if cursor, more = answer.Body["nextCursor"].(string); !more {
			return nil
		}
		if shown%1000 == 0 {
			fmt.Fprintf(r.tell, "%d of %v\n", shown, answer.Body["totalResults"])
		}
	}
}

// printer prints resources.
type printer interface {
	row(object map[string]any, columns []scim.AttrPath) error
	end() error
}

// texts are the values of columns.
func texts(object map[string]any, columns []scim.AttrPath) []string {
	out := make([]string, len(columns))
	for i, path := range columns {
		var parts []string
		for _, value := range filter.Values(path, object) {
			text, ok := value.(string)
			if !ok {
				data, _ := scim.Encode(value) // a value of a document always encodes
				text = string(data)
			}
			parts = append(parts, text)
		}
		out[i] = strings.Join(parts, ", ")
	}
	return out
}

type textTable struct{ w *tabwriter.Writer }

func newTable(out io.Writer, names []string) printer {
	const gap = 2
	w := tabwriter.NewWriter(out, 0, 0, gap, ' ', 0)
	fmt.Fprintln(w, strings.ToUpper(strings.Join(names, "\t")))
	return textTable{w}
}

// row keeps what could command a terminal out of it.
func (p textTable) row(object map[string]any, columns []scim.AttrPath) error {
	cells := texts(object, columns)
	for i, text := range cells {
		cells[i] = strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return unicode.ReplacementChar
		}, text)
	}
	_, err := fmt.Fprintln(p.w, strings.Join(cells, "\t"))
	return err
}

func (p textTable) end() error { return p.w.Flush() }

type csvTable struct{ w *csv.Writer }

func newCSV(out io.Writer, names []string) printer {
	w := csv.NewWriter(out)
	_ = w.Write(names) // Error says so at the end
	return csvTable{w}
}

func (p csvTable) row(object map[string]any, columns []scim.AttrPath) error {
	return p.w.Write(texts(object, columns))
}

func (p csvTable) end() error {
	p.w.Flush()
	return p.w.Error()
}

type jsonArray struct {
	out   io.Writer
	shown int
}

func newJSON(out io.Writer, _ []string) printer { return &jsonArray{out: out} }

func (p *jsonArray) row(object map[string]any, _ []scim.AttrPath) error {
	data, err := json.Marshal(object)
	if err != nil {
		return err
	}
	begin := "[\n"
	if p.shown++; p.shown > 1 {
		begin = ",\n"
	}
	_, err = fmt.Fprint(p.out, begin, string(data))
	return err
}

func (p *jsonArray) end() error {
	text := "\n]"
	if p.shown == 0 {
		text = "[]"
	}
	_, err := fmt.Fprintln(p.out, text)
	return err
}
