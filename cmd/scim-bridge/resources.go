package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// resourceKind is the kind of resource that a command reads.
type resourceKind struct {
	app.ResourceKind

	columns []string // that the command list shows
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
	config, tenant string
	output         output
	filter, sortBy string
	columns        []string
	descending     bool
	limit          int
}

func newResourcesList(k resourceKind) *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List the " + k.Name + " of a tenant", Args: cobra.NoArgs,
		Long: `List the ` + k.Name + ` of a tenant as its clients see them. The command reads Keycloak with the
configuration: it needs no running bridge and no token. A long list reports its progress on
standard error.

The format text aligns the columns. The formats csv and json are for programs. json is an array
of whole resources or, with --columns, of these attributes. In csv, a ' is before each cell that
a spreadsheet would run, such as =1+1. json has every value unchanged.`,
		Example: `  scim-bridge ` + k.Name + ` list --filter '` + k.Named + ` co "smith"' --sort-by meta.lastModified --descending`,
		RunE:    func(cmd *cobra.Command, _ []string) error { return listResources(cmd, k, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.filter, "filter", "", "a SCIM `filter` that the "+k.Name+" must match")
	flags.StringVar(&f.sortBy, "sort-by", k.sortBy, "the `attribute` to sort by")
	flags.BoolVar(&f.descending, "descending", false, "list the greatest value first")
	flags.StringSliceVar(&f.columns, "columns", k.columns, "the `attributes` to show")
	flags.IntVar(&f.limit, "limit", 0, "show at most this `number`; 0 for all")
	outputFlag(cmd, &f.output, asCSV)
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

// newReader returns a reader of the tenant that the flags name.
func newReader(cmd *cobra.Command, k resourceKind, file, path string) (*app.Reader, error) {
	c, err := loadUnkeyed(cmd, file)
	if err != nil {
		return nil, err
	}
	return app.NewReader(cmd.Context(), c, path, k.ResourceKind)
}

func listResources(cmd *cobra.Command, k resourceKind, f listFlags) error {
	r, err := newReader(cmd, k, f.config, f.tenant)
	if err != nil {
		return err
	}
	columns, err := r.Columns(f.columns)
	if err != nil {
		return err
	}
	o := app.ListOptions{Filter: f.filter, SortBy: f.sortBy, Descending: f.descending, Limit: f.limit, Attributes: f.columns}
	if f.output == asJSON && !cmd.Flags().Changed("columns") {
		o.Attributes = nil
	}
	p := newTable(cmd.OutOrStdout(), f.output, attributeColumns(f.columns, columns))
	tell := func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), text) }
	if err := r.List(cmd.Context(), o, tell, p.print); err != nil {
		return err
	}
	return p.end()
}

// attributeColumns makes a column for each attribute, under the name in --columns.
func attributeColumns(names []string, paths []scim.AttrPath) []column[map[string]any] {
	out := make([]column[map[string]any], len(names))
	for i, name := range names {
		out[i] = column[map[string]any]{name, func(object map[string]any) string { return textOf(object, paths[i]) }}
	}
	return out
}

// textOf returns the values that a resource has at a path, separated by commas.
func textOf(object map[string]any, path scim.AttrPath) string {
	var parts []string
	for _, value := range filter.Values(path, object) {
		text, ok := value.(string)
		if !ok {
			data, _ := scim.Encode(value) // a value of a document always encodes
			text = string(data)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
