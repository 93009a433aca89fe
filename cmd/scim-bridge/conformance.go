package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/scimtest"
)

// conformanceFlags are the flags of conformance.
type conformanceFlags struct {
	endpointFlags

	profile, output string
}

func newConformance() *cobra.Command {
	var f conformanceFlags
	cmd := &cobra.Command{
		Use:   "conformance",
		Short: "Check a SCIM endpoint against the RFCs",
		Long: `Check a SCIM endpoint against RFC 7643 and RFC 7644. It creates users and groups whose
names begin with "scimtest-" and deletes them again, so give it an endpoint that no
identity provider watches.

The token comes from --token-file, else from --token, else from SCIM_TOKEN. Ends with 1
when a check fails.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return conformance(cmd, f) },
	}
	flags := cmd.Flags()
	f.add(flags)
	flags.StringVar(&f.profile, "profile", scim.Tolerant.String(), "what to hold the endpoint to: tolerant or strict")
	flags.StringVar(&f.output, "output", "text", "how to print the results: text or json, an object a line")
	return cmd
}

func conformance(cmd *cobra.Command, f conformanceFlags) error {
	base, token, err := f.read()
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return codedError{exitUsage, err}
	}
	counts := map[scimtest.Outcome]int{}
	err = scimtest.Run(cmd.Context(), scimtest.Config{
		Base: base, Token: token, Profile: f.profile, HTTP: &http.Client{Timeout: time.Minute},
	}, func(r scimtest.Result) {
		counts[r.Outcome]++
		f.print(cmd, r)
	})
	if err != nil {
		return err
	}
	failed := counts[scimtest.Fail]
	fmt.Fprintf(cmd.ErrOrStderr(), "%d passed, %d failed, %d skipped\n", counts[scimtest.Pass], failed, counts[scimtest.Skip])
	if failed > 0 {
		return codedError{code: exitFailure, err: fmt.Errorf("%d checks failed", failed)}
	}
	return nil
}

// check looks at the flags that are its own.
func (f conformanceFlags) check() error {
	switch {
	case f.profile != scim.Tolerant.String() && f.profile != scim.Strict.String():
		return errors.New("--profile is tolerant or strict")
	case f.output != "text" && f.output != "json":
		return errors.New("--output is text or json")
	}
	return nil
}

func (f conformanceFlags) print(cmd *cobra.Command, r scimtest.Result) {
	out := cmd.OutOrStdout()
	if f.output == "json" {
		line := map[string]any{"section": r.Check.Section, "check": r.Check.Name, "items": r.Check.Items, "outcome": r.Outcome, "details": r.Details}
		if data, err := json.Marshal(line); err == nil { // texts and numbers always encode
			fmt.Fprintln(out, string(data))
		}
		return
	}
	fmt.Fprintf(out, "%s  %s: %s\n", r.Outcome, r.Check.Section, r.Check.Name)
	for _, detail := range r.Details {
		fmt.Fprintln(out, "      "+detail)
	}
}
