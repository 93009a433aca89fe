package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// adoptFlags are the flags of adopt.
type adoptFlags struct {
	file, path string
	output     output
	mode       control.AdoptMode
	yes        bool
}

func newAdopt() *cobra.Command {
	var f adoptFlags
	cmd := &cobra.Command{
		Use: "adopt", Short: "Take over the accounts and groups that were there before a tenant, or give them back", Args: cobra.NoArgs,
		Long: `Have a running bridge take over, for a tenant, what no tenant owns: the accounts of all users
of the realm or, for a tenant of an organization, of its members, and the groups of the tenant;
also accounts whose owner is no tenant any more, or does not have the user any more.
Names, addresses, passwords, roles and members stay as they are. Says first what the identity
provider may do with them from then on, and asks. Prints what becomes of each account and group,
what else changes, and why; with --dry-run what would, and nothing is written then.

It can be repeated: what is adopted stays so. With --undo what the tenant took over is nobody's
again, and stays as it is.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return adopt(cmd, f) },
	}
	configFlag(cmd, &f.file)
	tenantFlag(cmd, &f.path)
	outputFlag(cmd, &f.output, asCSV)
	cmd.Flags().BoolVar(&f.mode.DryRun, "dry-run", false, "write nothing, and say what would be done")
	cmd.Flags().BoolVar(&f.mode.Undo, "undo", false, "give back what the tenant took over; accounts and groups stay as they are")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do it without asking")
	return cmd
}

func adopt(cmd *cobra.Command, f adoptFlags) error {
	running, t, err := runningTenant(cmd, f.file, f.path)
	if err != nil {
		return err
	}
	if !f.mode.DryRun && !f.yes {
		in := &asker{in: bufio.NewReader(cmd.InOrStdin()), out: cmd.ErrOrStderr()}
		fmt.Fprintln(in.out, opens(t, f.mode))
		if !in.yes("Do this?") {
			return errors.New("nothing was changed; --dry-run says what would be done to each")
		}
	}
	p := newReport(cmd.OutOrStdout(), f.output, adoptionText, adoptionColumns())
	sum, err := running.Adopt(cmd.Context(), t, f.mode, func(a app.Adoption, line json.RawMessage) error { return p.print(adopted{a, line}) })
	if f.output == asText {
		printAdoptions(cmd.OutOrStdout(), sum, f.mode)
	}
	return err
}

// opens says what the tenant's client may do from an adoption on, or may not any more.
func opens(t control.Tenant, mode control.AdoptMode) string {
	ends := map[string]string{
		string(config.OnDeleteDelete):  "delete the accounts and the groups",
		string(config.OnDeleteDisable): "disable the accounts, and empty the groups, by deleting them",
		string(config.OnDeleteLeave):   "give the accounts and the groups up by deleting them, which leaves them as they are",
	}[t.OnDelete]
	if mode.Undo {
		return fmt.Sprintf("The tenant %s gives back the accounts and groups that it took over. Its client can no longer %s, nor rename the groups. What it did before stays.", t.Path, ends)
	}
	return fmt.Sprintf("The tenant %s takes over the accounts and groups that no tenant owns. From then on its client can change the user names, addresses, names and state of the accounts, rename the groups, and %s (onDelete: %s). --undo gives them back.", t.Path, ends, t.OnDelete)
}

// adopted is an adoption. As JSON it is what the bridge said, also what a bridge of another version says beyond that.
type adopted struct {
	app.Adoption
	json.RawMessage
}

func adoptionColumns() []column[adopted] {
	return []column[adopted]{
		{"type", func(a adopted) string { return a.Type }},
		{"id", func(a adopted) string { return a.ID }},
		{"name", func(a adopted) string { return a.Name }},
		{"outcome", func(a adopted) string { return string(a.Outcome) }},
		{"linked", func(a adopted) string { return strconv.FormatBool(a.Linked) }},
		{"changes", func(a adopted) string { return strings.Join(a.Changes, ", ") }},
		{"reason", func(a adopted) string { return a.Reason }},
		{"unproven", func(a adopted) string { return a.Unproven }},
	}
}

// adoptionText is an adoption for people, "" for one that is of no interest.
func adoptionText(a adopted) string {
	if a.Outcome == app.OwnAlready && a.Reason == "" {
		return ""
	}
	text := fmt.Sprintf("%s  %s %s: %s", a.ID, strings.ToLower(a.Type), a.Name, a.Outcome)
	if a.Linked {
		text += ", linked"
	}
	if a.Reason != "" {
		text += ": " + a.Reason
	}
	if len(a.Changes) > 0 {
		text += "; changes: " + strings.Join(a.Changes, ", ")
	}
	if a.Unproven != "" {
		text += "; look whose it is: it has " + a.Unproven
	}
	return text
}

func printAdoptions(out io.Writer, s app.Adoptions, mode control.AdoptMode) {
	note := ""
	if mode.DryRun {
		note = "; nothing was changed"
	}
	if mode.Undo {
		fmt.Fprintf(out, "%d given back, %d refused%s\n", s.Released, s.Refused, note)
		return
	}
	fmt.Fprintf(out, "%d adopted (%d linked), %d refused, %d the tenant's already%s\n", s.Adopted, s.Linked, s.Refused, s.Own, note)
	if s.Unproven > 0 {
		fmt.Fprintf(out, "Look whose %d of them are: whoever registered an account keeps its password, and can log in as the person whom the identity provider means. In Keycloak, switch Email verified on for an account that is that person's; reset the password of any other one, or delete it\n", s.Unproven)
	}
}
