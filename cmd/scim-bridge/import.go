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
		Use: "import FILE", Short: "Have a running bridge create the users and groups of a file", Args: exactly("the file"),
		Long: `Have a running bridge create the users and groups of a file, by bulk requests over
admin.socket. A file of JSON lines holds a SCIM resource a line, as scim-bridge export
writes it. A CSV file names attributes in its first line, as userName, name.givenName or
emails[type eq "work"].value, and has a resource a line below it.

The id of a row is by what other rows refer to it, as members and as managers. The
resource gets an id of its own.

Every row that is not imported is printed with the reason, and the command ends with 1. It
can be repeated: it goes on where it was, after a mistake in the file was corrected too.
What is done is noted in a file beside FILE, which goes when nothing is left to do.`,
		RunE: func(cmd *cobra.Command, args []string) error { return importFile(cmd, f, args[0]) },
	}
	configFlag(cmd, &f.config)
	tenantFlag(cmd, &f.tenant)
	flags := cmd.Flags()
	choiceFlag(cmd, &f.format, "format", "", "what the file is; the default is by its name", transfer.FormatJSONLines, transfer.FormatCSV)
	flags.StringVar(&f.journal, "journal", "", "the `file` that notes what is done; the default is FILE.TENANT.journal")
	flags.BoolVar(&f.update, "update", false, "replace users and groups that are there already, in place of reporting them")
	flags.BoolVar(&f.dryRun, "dry-run", false, "read the file and report rows that are none, and change nothing")
	outputFlag(cmd, &f.output, asCSV)
	return cmd
}

func importFile(cmd *cobra.Command, f importFlags, name string) error {
	if f.format == "" {
		f.format = strings.TrimPrefix(filepath.Ext(name), ".")
	}
	if f.format != transfer.FormatJSONLines && f.format != transfer.FormatCSV {
		return codedError{exitUsage, errors.New("--format says what the file is: jsonl or csv")}
	}
	file, err := os.Open(name) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was read
	running, t, err := runningTenant(cmd, f.config, f.tenant)
	if err != nil {
		return err
	}
	report := newReport(cmd.OutOrStdout(), f.output, unimportedText, unimportedColumns())
	i := &transfer.Importer{Client: clientOf(running, t), Update: f.update, Report: func(u transfer.Unimported) {
		_ = report.print(u) // the count on standard error is what matters
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
		return fmt.Errorf("%d rows are imported: %w; the same command goes on from here", done, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d rows are imported, %d not\n", done, failed)
	return leftRows(failed)
}

// leftRows is the end of an import that left rows.
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
				return "" // it was not sent
			}
			return strconv.Itoa(u.Status)
		}},
		{"reason", func(u transfer.Unimported) string { return u.Reason }},
	}
}

// unimportedText says of a row why it is not imported.
func unimportedText(u transfer.Unimported) string {
	text := fmt.Sprintf("line %d", u.Line)
	if u.Name != "" {
		text += fmt.Sprintf(" (%q)", u.Name)
	}
	if u.Status != 0 {
		text += fmt.Sprintf(": %d", u.Status)
	}
	return text + ": " + u.Reason
}
