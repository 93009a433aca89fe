package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
)

func newAudit() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Prove or export what a running bridge changed, over admin.socket", Args: cobra.NoArgs}
	cmd.AddCommand(newAuditVerify(), newAuditExport())
	return cmd
}

func newAuditVerify() *cobra.Command {
	var file string
	var heads []string
	var o output
	cmd := &cobra.Command{
		Use: "verify", Short: "Check that nobody altered the journal of a running bridge", Args: cobra.NoArgs,
		Long: `Check that nobody altered the journal in the store of a running bridge. Every entry is linked to
the entry before it, with a key that is not in the database. The command finds an entry that was
changed, removed or inserted.

A journal whose last entries were cut off, or that was replaced by an older copy, has only right
links. To find this, give a head that somebody kept elsewhere: the bridge writes the head of the
journal into its log every few minutes. --head may be given several times.

The exit code is 1 when the journal was altered, and the command names the first altered entry.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return verifyAudit(cmd, file, heads, o) },
	}
	configFlag(cmd, &file)
	cmd.Flags().StringArrayVar(&heads, "head", nil, "a `head` from the log of the bridge")
	outputFlag(cmd, &o, asCSV)
	return cmd
}

func verifyAudit(cmd *cobra.Command, file string, texts []string, o output) error {
	heads := make([]admin.Head, len(texts))
	for i, text := range texts {
		var err error
		if heads[i], err = admin.ParseHead(text); err != nil {
			return codedError{exitUsage, fmt.Errorf("--head: %w", err)}
		}
	}
	running, err := newRunning(cmd, file)
	if err != nil {
		return err
	}
	v, err := running.Verify(cmd.Context(), heads...)
	if err != nil {
		return altered(cmd, o, err)
	}
	warn(cmd, v.Warning)
	return printRecord(cmd.OutOrStdout(), o, v, append([]app.Line{{Name: "journal", Text: "as it was written"}}, verifiedLines(v, len(heads))...))
}

// alteration is what a program reads about a journal that was altered.
type alteration struct {
	Altered struct {
		Entry int64  `json:"entry"` // the number of the first altered entry; 0 when the fault is not in an entry
		What  string `json:"what"`
	} `json:"altered"`
}

// altered adds to the error of a journal that was altered what to do.
func altered(cmd *cobra.Command, o output, err error) error {
	broken, is := errors.AsType[*admin.BrokenError](err)
	if !is {
		return err
	}
	if o == asJSON {
		var out alteration
		out.Altered.Entry, out.Altered.What = broken.Number, broken.What
		if err := json.NewEncoder(cmd.OutOrStdout()).Encode(out); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w; find out who can write the files of the store and has its key, and compare the entries with a backup", err)
}

// verifiedLines says what was checked.
func verifiedLines(v admin.Verified, heads int) []app.Line {
	lines := []app.Line{
		{Name: "entries", Text: strconv.FormatInt(v.Entries, 10)},
		{Name: "erased", Text: strconv.FormatInt(v.Erased, 10) + " of them are about a forgotten person"},
		{Name: "pruned", Text: strconv.FormatInt(v.Pruned, 10) + " older entries are gone after their time"},
	}
	if heads > 0 {
		lines = append(lines, app.Line{Name: "heads", Text: strconv.Itoa(heads) + " given, each is a link of this journal"})
	}
	return append(lines, app.Line{Name: "head", Text: v.Head.String()})
}

func newAuditExport() *cobra.Command {
	var config, name, since, until, tenant string
	cmd := &cobra.Command{
		Use: "export", Short: "Write the journal of a running bridge as JSON lines, the oldest entry first", Args: cobra.NoArgs,
		Long: `Write the entries of the journal of a running bridge as JSON lines, the oldest entry first, with
names, addresses and all values before and after. docs/reference/changes.md describes the fields.

--since and --until select by the time at which a change was recorded. So exports of spans that
follow each other have every change once, also a change that was recorded long after it was made.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f := admin.Filter{Tenant: tenant}
			var err error
			if f.Since, f.Until, err = timesOf(since, until, time.Now()); err != nil {
				return err
			}
			running, err := newRunning(cmd, config)
			if err != nil {
				return err
			}
			return toFile(cmd, name, func(out io.Writer) error {
				lines := json.NewEncoder(out)
				answer, err := running.Changes(cmd.Context(), f, func(e admin.Entry) error { return lines.Encode(e) })
				warn(cmd, answer.Warning)
				return err
			})
		},
	}
	configFlag(cmd, &config)
	addTimes(cmd, "changes that were recorded", &since, &until)
	cmd.Flags().StringVar(&tenant, "tenant", "", "only the changes of the tenant with this `path`")
	cmd.Flags().StringVar(&name, "file", "", "the `file` to write, which must not exist yet; default: standard output")
	return cmd
}
