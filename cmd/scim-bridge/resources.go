package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// resourceKind is what a command reads.
type resourceKind struct {
	app.ResourceKind

	columns []string // that list shows
	sortBy  string
}

func newUsers() *cobra.Command {
	return newResources(resourceKind{app.ResourceKind{Name: "users", Endpoint: "/Users", Named: scim.AttrUserName}, []string{"userName", "active", "name.givenName", "name.familyName", "emails.value", "id"}, "userName"})
}

func newGroups() *cobra.Command {
	return newResources(resourceKind{app.ResourceKind{Name: "groups", Endpoint: "/Groups", Named: scim.AttrDisplayName}, []string{"displayName", "externalId", "id"}, "displayName"})
}

func newResources(k resourceKind) *cobra.Command {
	cmd := &cobra.Command{Use: k.Name, Short: "Read the " + k.Name + " of a tenant as its clients see them", Args: cobra.NoArgs}
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
		Use: "list", Short: "List the " + k.Name + " of a tenant", Args: cobra.NoArgs,
		Long: `List the ` + k.Name + ` of a tenant as its clients see them, from Keycloak and with the
configuration alone: neither a running bridge nor a token is needed. Long ones say on
standard error how far they are.

table aligns the columns; csv and json are for programs: json is an array of whole resources,
or with --columns of those attributes.`,
		Example: `  scim-bridge ` + k.Name + ` list --filter '` + k.Named + ` co "smith"' --sort-by meta.lastModified --descending`,
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
		Use: "get ID|" + strings.ToUpper(k.Named), Short: "Print one of the " + k.Name + " of a tenant as JSON", Args: exactly("the id or the " + k.Named),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := newReader(cmd, k, file, path)
			if err != nil {
				return err
			}
			resource, err := r.Get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			encoder := json.NewEncoder(cmd.OutOrStdout())
			encoder.SetIndent("", "  ")
			return encoder.Encode(resource)
		},
	}
	configFlag(cmd, &file)
	tenantFlag(cmd, &path)
	return cmd
}

// newReader reads from the tenant that is meant.
func newReader(cmd *cobra.Command, k resourceKind, file, path string) (*app.Reader, error) {
	c, err := load(cmd, file)
	if err != nil {
		return nil, err
	}
	return app.NewReader(cmd.Context(), c, path, k.ResourceKind)
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
	columns, err := r.Columns(f.columns)
	if err != nil {
		return err
	}
	o := app.ListOptions{Filter: f.filter, SortBy: f.sortBy, Descending: f.descending, Limit: f.limit, Attributes: f.columns}
	if f.output == "json" && !cmd.Flags().Changed("columns") {
		o.Attributes = nil
	}
	p := formats[f.output](cmd.OutOrStdout(), f.columns)
	tell := func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), text) }
	if err := r.List(cmd.Context(), o, tell, func(object map[string]any) error { return p.row(object, columns) }); err != nil {
		return err
	}
	return p.end()
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
