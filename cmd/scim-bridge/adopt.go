package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// adoptFlags are the flags of adopt.
type adoptFlags struct {
	file, path string
	output     output
	mode       admin.AdoptOptions
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
	var sum adoptions
	p := newReport(cmd.OutOrStdout(), f.output, adoptionText, adoptionColumns())
	err = running.Adopt(cmd.Context(), t.Path, f.mode, func(a admin.Adoption) error {
		sum.add(a)
		return p.print(a)
	})
	if f.output == asText {
		printAdoptions(cmd.OutOrStdout(), sum, f.mode)
	}
	return err
}

// opens says what the tenant's client may do from an adoption on, or may not any more.
func opens(t admin.Tenant, mode admin.AdoptOptions) string {
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

func adoptionColumns() []column[admin.Adoption] {
	return []column[admin.Adoption]{
		{"type", func(a admin.Adoption) string { return a.Type }},
		{"id", func(a admin.Adoption) string { return a.ID }},
		{"name", func(a admin.Adoption) string { return a.Name }},
		{"outcome", func(a admin.Adoption) string { return string(a.Outcome) }},
		{"linked", func(a admin.Adoption) string { return strconv.FormatBool(a.Linked) }},
		{"changes", func(a admin.Adoption) string { return strings.Join(a.Changes, ", ") }},
		{"reason", func(a admin.Adoption) string { return a.Reason }},
		{"unproven", func(a admin.Adoption) string { return a.Unproven }},
	}
}

// adoptionText is an adoption for people, "" for one that is of no interest.
func adoptionText(a admin.Adoption) string {
	if a.Outcome == admin.Own && a.Reason == "" {
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

// adoptions counts what became of accounts and groups.
type adoptions struct{ adopted, linked, refused, own, released, unproven int }

func (s *adoptions) add(a admin.Adoption) {
	switch a.Outcome {
	case admin.Own:
		s.own++
	case admin.Refused:
		s.refused++
	case admin.Adopted:
		s.adopted++
	case admin.Released:
		s.released++
	}
	if a.Linked {
		s.linked++
	}
	if a.Unproven != "" {
		s.unproven++
	}
}

func printAdoptions(out io.Writer, s adoptions, mode admin.AdoptOptions) {
	note := ""
	if mode.DryRun {
		note = "; nothing was changed"
	}
	if mode.Undo {
		fmt.Fprintf(out, "%d given back, %d refused%s\n", s.released, s.refused, note)
		return
	}
	fmt.Fprintf(out, "%d adopted (%d linked), %d refused, %d the tenant's already%s\n", s.adopted, s.linked, s.refused, s.own, note)
	if s.unproven > 0 {
		fmt.Fprintf(out, "Look whose %d of them are: whoever registered an account keeps its password, and can log in as the person whom the identity provider means. In Keycloak, switch Email verified on for an account that is that person's; reset the password of any other one, or delete it\n", s.unproven)
	}
}
