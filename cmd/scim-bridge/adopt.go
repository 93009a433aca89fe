package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

func newAdopt() *cobra.Command {
	var file, path, output string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "adopt", Short: "Take over the accounts that were there before a tenant, or say what that would do", Args: cobra.NoArgs,
		Long: `Have a running bridge take over, for a tenant, the accounts that no tenant owns: of all users
of the realm or, for a tenant of an organization, of its members. Names, addresses and
passwords stay as they are. Prints what becomes of each account and why, and with --dry-run
what would; nothing is written then. It can be repeated: what is adopted stays so.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return adopt(cmd, file, path, output, dryRun) },
	}
	configFlag(cmd, &file)
	tenantFlag(cmd, &path)
	outputFlag(cmd, &output)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "write nothing, and say what would be done")
	return cmd
}

func adopt(cmd *cobra.Command, file, path, output string, dryRun bool) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	socket, t, err := runningTenant(cmd, file, path)
	if err != nil {
		return err
	}
	var sum adoptions
	err = control.Adoptions(cmd.Context(), socket, t.Path, dryRun, func(line json.RawMessage) error {
		return sum.add(cmd.OutOrStdout(), line, output)
	})
	if output == "text" {
		sum.print(cmd.OutOrStdout(), dryRun)
	}
	return err
}

// adoptions counts what became of accounts.
type adoptions struct{ adopted, linked, refused, own int }

// add counts an adoption and prints it, but for an account that was the tenant's already.
func (s *adoptions) add(out io.Writer, line json.RawMessage, output string) error {
	var a bridge.Adoption
	if err := json.Unmarshal(line, &a); err != nil {
		return err
	}
	outcome := string(a.Outcome)
	switch a.Outcome {
	case bridge.Own:
		s.own++
	case bridge.Refused:
		s.refused++
	case bridge.Adopted:
		s.adopted++
	}
	if a.Linked {
		s.linked++
		outcome += ", linked"
	}
	var err error
	switch {
	case output == "json":
		_, err = fmt.Fprintln(out, string(line))
	case a.Outcome == bridge.Own:
	case a.Reason != "":
		_, err = fmt.Fprintf(out, "%s  %s: %s: %s\n", a.ID, a.UserName, outcome, a.Reason)
	default:
		_, err = fmt.Fprintf(out, "%s  %s: %s\n", a.ID, a.UserName, outcome)
	}
	return err
}

func (s *adoptions) print(out io.Writer, dryRun bool) {
	note := ""
	if dryRun {
		note = "; nothing was changed"
	}
	fmt.Fprintf(out, "%d adopted (%d linked), %d refused, %d the tenant's already%s\n", s.adopted, s.linked, s.refused, s.own, note)
}

// adopt is what a running bridge does for the command.
func (a *app) adopt(ctx context.Context, t *tenant.Tenant, dryRun bool, each func(any) error) error {
	return a.service.Adopt(ctx, t, dryRun, func(one bridge.Adoption) error { return each(one) })
}
