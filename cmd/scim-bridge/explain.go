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
		Use: "explain", Short: "Show what the bridge would do with a payload: the target of each attribute, and the calls to Keycloak", Args: cobra.NoArgs,
		Long: `Show what the bridge would do with a payload from a client: the target of each attribute
and the reason, then the calls to Keycloak's Admin API and the answer. The command writes
nothing and shows no secrets.

Without --against-live the command needs no Keycloak: it creates the payload in an empty
realm. With --against-live ID, the payload replaces the resource with this id, or patches the
resource when the payload has Operations. The command reads the resource from the realm of
--config and --tenant.

The exit code is 1 when the request would be refused, and 3 when a file has a problem.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return explain(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.mapping, "file", "f", "", "the mapping `file`; default: with --against-live the tenant's mapping, else the built-in mapping")
	flags.StringVar(&f.payload, "payload", "", "the `file` with the payload that a client sends, or - for standard input (required)")
	flags.StringVar(&f.resource, "resource", "", "the kind of the payload, `user|group`; default: the kind that its schemas name, else user")
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
		if c, err = loadUnkeyed(cmd, f.config); err != nil {
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

// check refuses flags that would have no effect.
func (f explainFlags) check(cmd *cobra.Command) error {
	for _, name := range []string{"config", "tenant"} {
		if f.live == "" && cmd.Flags().Changed(name) {
			return codedError{exitUsage, fmt.Errorf("--%s needs --against-live; without --against-live, use --file to name a mapping file", name)}
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
		return nil, codedError{exitUsage, errors.New("--payload is required: it names the file with the payload that a client sends")}
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
	fmt.Fprintf(out, "Calls to Keycloak: %d\n", len(e.Calls))
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

// compact returns a value as JSON on one line.
func compact(value any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}
