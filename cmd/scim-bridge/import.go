package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/transfer"
)

// importFlags are the flags of import.
type importFlags struct {
	config, tenant, journal string
	format                  string
	output                  output
	update, dryRun          bool
}

func newImport() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Create the users and groups of a file in a running bridge", Args: exactly("the file"),
		Long: `Create the users and groups of a file in a running bridge, by bulk requests over
admin.socket. A file of JSON lines has a SCIM resource on each line, as scim-bridge export
writes it. The first line of a CSV file names attributes, such as userName, name.givenName or
emails[type eq "work"].value. Each line below it has a resource.

Other rows refer to a row by the id in the file, for example as a member or a manager. The
resource gets a new id.

The command prints each row that is not imported, with the reason, and the exit code is 1. You
can repeat the command, also after you corrected the file: it continues where it stopped. A
journal beside FILE has the rows that are done. The command deletes the journal when no row is
left.`,
		RunE: func(cmd *cobra.Command, args []string) error { return importFile(cmd, f, args[0]) },
	}
	configFlag(cmd, &f.config)
	tenantFlag(cmd, &f.tenant)
	flags := cmd.Flags()
	choiceFlag(cmd, &f.format, "format", "", "the format of the file; default: the extension of its name", transfer.FormatJSONLines, transfer.FormatCSV)
	flags.StringVar(&f.journal, "journal", "", "the `file` that has the rows that are done; default: FILE.TENANT.journal")
	flags.BoolVar(&f.update, "update", false, "replace users and groups that exist already, instead of reporting them")
	flags.BoolVar(&f.dryRun, "dry-run", false, "read the file, report the rows that cannot be sent, and change nothing")
	outputFlag(cmd, &f.output, asCSV)
	return cmd
}

func importFile(cmd *cobra.Command, f importFlags, name string) error {
	if f.format == "" {
		f.format = strings.TrimPrefix(filepath.Ext(name), ".")
	}
	if f.format != transfer.FormatJSONLines && f.format != transfer.FormatCSV {
		return codedError{exitUsage, errors.New("--format is required for a file of this name: jsonl or csv")}
	}
	file, err := os.Open(name) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // the file is only read
	running, t, err := runningTenant(cmd, f.config, f.tenant)
	if err != nil {
		return err
	}
	report := newReport(cmd.OutOrStdout(), f.output, unimportedText, unimportedColumns())
	i := &transfer.Importer{Client: clientOf(running, t), Update: f.update, Report: func(u transfer.Unimported) {
		_ = report.print(u) // the exit code and the count on standard error report failures
	}}
	rows := transfer.File{In: file, Format: f.format}
	if f.dryRun {
		good, bad, err := i.Check(rows)
		if err == nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "%d rows can be sent, %d not; nothing was changed\n", good, bad)
			err = leftRows(bad)
		}
		return err
	}
	if f.journal == "" {
		f.journal = name + "." + strings.ReplaceAll(t.Path, "/", "_") + ".journal"
	}
	bars := newBars(cmd.ErrOrStderr())
	i.Advance = bars.add("import")
	done, failed, err := i.Run(cmd.Context(), rows, f.journal, t.URL)
	bars.stop()
	switch {
	case errors.Is(err, transfer.ErrJournal):
		return codedError{exitUsage, fmt.Errorf("--journal: %w", err)}
	case err != nil:
		return fmt.Errorf("%d rows are imported: %w; the same command continues from here", done, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d rows are imported, %d not\n", done, failed)
	return leftRows(failed)
}

// leftRows returns the error of an import with n rows that are not imported.
func leftRows(n int) error {
	if n == 0 {
		return nil
	}
	return codedError{code: exitFailure, err: fmt.Errorf("%d rows are left; correct them and run the same command again", n)}
}

func unimportedColumns() []column[transfer.Unimported] {
	return []column[transfer.Unimported]{
		{"line", func(u transfer.Unimported) string { return strconv.Itoa(u.Line) }},
		{"name", func(u transfer.Unimported) string { return u.Name }},
		{"status", func(u transfer.Unimported) string {
			if u.Status == 0 {
				return "" // the row was not sent
			}
			return strconv.Itoa(u.Status)
		}},
		{"reason", func(u transfer.Unimported) string { return u.Reason }},
	}
}

// unimportedText returns the sentence that says why a row is not imported.
func unimportedText(u transfer.Unimported) []string {
	text := fmt.Sprintf("line %d", u.Line)
	if u.Name != "" {
		text += fmt.Sprintf(" (%q)", u.Name)
	}
	if u.Status != 0 {
		text += fmt.Sprintf(": %d", u.Status)
	}
	return []string{text + ": " + u.Reason}
}
