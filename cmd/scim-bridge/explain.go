package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// explainFlags are the flags of explain.
type explainFlags struct {
	mapping, payload, resource string
	config, tenant, live       string
	output                     output
}

func newExplain() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use: "explain", Short: "Show what becomes of a payload: where each attribute goes, and the calls of Keycloak", Args: cobra.NoArgs,
		Long: `Show what the bridge would do with a payload that a client sends: attribute by attribute
where it goes and why, then the calls of Keycloak's Admin API and the answer. Nothing is
written. Secrets are not shown.

Without --against-live it needs no Keycloak: the payload is created in an empty realm.
With it, the payload replaces (or, when it has Operations, patches) the resource with
that id, which is read from the realm of --config and --tenant.

Ends with 1 when the request would be refused, and with 3 when a file has a problem.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return explain(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.mapping, "file", "f", "", "the mapping `file`; default: with --against-live the tenant's, else the built-in mapping")
	flags.StringVar(&f.payload, "payload", "", "the `file` with what a client sends, - for standard input (required)")
	flags.StringVar(&f.resource, "resource", "", "what the payload is, `user|group`; default: what its schemas say, else user")
	flags.StringVar(&f.live, "against-live", "", "the `id` of the resource that the payload changes")
	configFlag(cmd, &f.config)
	tenantFlag(cmd, &f.tenant)
	outputFlag(cmd, &f.output)
	return cmd
}

func explain(cmd *cobra.Command, f explainFlags) error {
	if err := f.check(cmd); err != nil {
		return err
	}
	object, err := f.read(cmd.InOrStdin())
	if err != nil {
		return err
	}
	o := app.ExplainOptions{Tenant: f.tenant, Mapping: f.mapping, Resource: f.resource, Live: f.live}
	if err := o.Check(object); err != nil {
		return err
	}
	var c config.Config
	if f.live != "" {
		if c, err = load(cmd, f.config); err != nil {
			return err
		}
	}
	e, err := app.Explain(cmd.Context(), c, o, object)
	if err != nil {
		return problemsOf(cmd, err)
	}
	if f.output == asJSON {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(e)
	} else {
		printExplanation(cmd.OutOrStdout(), e)
	}
	if err == nil && e.Error != "" {
		return codedError{code: exitFailure}
	}
	return err
}

// check refuses flags that would do nothing.
func (f explainFlags) check(cmd *cobra.Command) error {
	for _, name := range []string{"config", "tenant"} {
		if f.live == "" && cmd.Flags().Changed(name) {
			return codedError{exitUsage, fmt.Errorf("--%s is for --against-live; --file names a mapping file without it", name)}
		}
	}
	return nil
}

// read decodes the payload.
func (f explainFlags) read(in io.Reader) (map[string]any, error) {
	var data []byte
	var err error
	switch f.payload {
	case "":
		return nil, codedError{exitUsage, errors.New("--payload names the file with what a client sends")}
	case "-":
		data, err = io.ReadAll(in)
	default:
		data, err = os.ReadFile(f.payload)
	}
	if err != nil {
		return nil, fmt.Errorf("read the payload: %w", err)
	}
	object, err := scim.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.payload, err)
	}
	return object, nil
}

func printExplanation(out io.Writer, e app.Explanation) {
	fmt.Fprintln(out, e.Request)
	for _, a := range e.Attributes {
		fmt.Fprint(out, "  ", a.Attribute)
		if a.Value != nil {
			fmt.Fprint(out, " = ", compact(a.Value))
		}
		target := "nowhere"
		if a.Target != "" {
			target = a.Target
		}
		fmt.Fprintf(out, "\n      %s -> %s", a.Rule, target)
		if len(a.Stored) > 0 {
			fmt.Fprint(out, " ", compact(a.Stored))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "Calls of Keycloak: %d\n", len(e.Calls))
	for _, c := range e.Calls {
		fmt.Fprintf(out, "  %s %s\n", c.Method, c.Path)
		if c.Body != nil {
			fmt.Fprintln(out, "      "+compact(c.Body))
		}
	}
	if e.Error != "" {
		fmt.Fprintln(out, "Refused:", e.Error)
		return
	}
	fmt.Fprintln(out, "Answer:", e.Status)
}

// compact is a value as JSON in one line.
func compact(value any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}
