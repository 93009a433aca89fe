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
		Use: "adopt", Short: "Adopt the accounts and groups that existed before a tenant, or undo this", Args: cobra.NoArgs,
		Long: `Make a tenant the owner of the accounts and groups that no tenant owns. A running bridge does the
work. These are the accounts of all users of the realm (for a tenant of an organization: of its
members), and the groups of the tenant. The tenant also adopts an account whose owner is no longer
a tenant, or no longer has the user. Names, addresses, passwords, roles and members stay as they are.

The command first says what the identity provider may do after the adoption, and asks. It prints
the result for each account and group, what else changes, and why. With --dry-run it prints what
would happen, and writes nothing.

You can repeat the command: adopted accounts and groups stay adopted. With --undo, the accounts
and groups that the tenant took over have no owner again, and stay as they are.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return adopt(cmd, f) },
	}
	configFlag(cmd, &f.file)
	tenantFlag(cmd, &f.path)
	outputFlag(cmd, &f.output, asCSV)
	cmd.Flags().BoolVar(&f.mode.DryRun, "dry-run", false, "write nothing, and print what would be done")
	cmd.Flags().BoolVar(&f.mode.Undo, "undo", false, "undo an adoption: what the tenant took over has no owner again; accounts and groups stay as they are")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask before the change")
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
			return errors.New("nothing was changed; --dry-run prints what would happen to each account and group")
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

// opens says what the tenant's client may do after an adoption, or may no longer do after an undo.
func opens(t admin.Tenant, mode admin.AdoptOptions) string {
	ends := map[string]string{
		string(config.OnDeleteDelete):  "delete the accounts and the groups",
		string(config.OnDeleteDisable): "disable the accounts and empty the groups, by deleting them over SCIM",
		string(config.OnDeleteLeave):   "release the accounts and the groups, by deleting them over SCIM (they stay in Keycloak)",
	}[t.OnDelete]
	if mode.Undo {
		return fmt.Sprintf("The tenant %s releases the accounts and groups that it took over. Its client can no longer %s, nor rename the groups. Its former changes stay.", t.Path, ends)
	}
	return fmt.Sprintf("The tenant %s takes over the accounts and groups that no tenant owns. After that, its client can change the user names, addresses, names and state of the accounts, rename the groups, and %s (onDelete: %s). --undo releases them.", t.Path, ends, t.OnDelete)
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

// adoptionText returns the sentence about an adoption, and nil when the adoption changes nothing.
func adoptionText(a admin.Adoption) []string {
	if a.Outcome == admin.Own && a.Reason == "" {
		return nil
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
		text += "; check whose account this is: it has " + a.Unproven
	}
	return []string{text}
}

// adoptions counts the outcomes of accounts and groups.
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
		fmt.Fprintf(out, "%d released, %d refused%s\n", s.released, s.refused, note)
		return
	}
	fmt.Fprintf(out, "%d adopted (%d linked), %d refused, %d already owned by the tenant%s\n", s.adopted, s.linked, s.refused, s.own, note)
	if s.unproven > 0 {
		fmt.Fprintf(out, "Find out which person %d of these accounts belong to: the person who registered an account keeps its password, and can log in as the user that the identity provider means. In Keycloak, switch on Email verified for each account that belongs to the right person. Reset the password of every other account, or delete the account\n", s.unproven)
	}
}
