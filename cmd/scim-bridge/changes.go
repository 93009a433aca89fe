package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

func newChanges() *cobra.Command {
	cmd := &cobra.Command{Use: "changes", Short: "Ask a running bridge what it changed, over admin.socket", Args: cobra.NoArgs}
	cmd.AddCommand(newChangesList(), newChangesShow())
	return cmd
}

// changesFlags are the flags of changes list.
type changesFlags struct {
	config       string
	output       output
	filter       admin.Filter
	since, until string
	oldest       bool
}

func newChangesList() *cobra.Command {
	var f changesFlags
	const shown = 50
	cmd := &cobra.Command{
		Use: "list", Short: "List the changes that a running bridge made, the newest first", Args: cobra.NoArgs,
		Long: `List the changes that a running bridge made or tried to make, from its store, the newest first.
Times are in UTC. A time of --since or --until is a date, a time such as 2030-01-31T08:30:00Z, or
how long ago: 24h, 7d. A date means the begin of that day in UTC.

The list shows when each change was made. Its order, --since and --until follow the times at which
the changes were recorded: at once, or later when the store did not answer, or when the bridge ended
during the change.

The list has the name of a user or group at the time of the change. It has only the id of a group
whose members changed. scim-bridge changes show prints everything about one change.`,
		Example: `  scim-bridge changes list --op deactivated --since 7d`,
		RunE:    func(cmd *cobra.Command, _ []string) error { return listChanges(cmd, f) },
	}
	configFlag(cmd, &f.config)
	flags := cmd.Flags()
	flags.StringVar(&f.filter.Tenant, "tenant", "", "the `path` of a tenant; default: all tenants")
	flags.StringVar(&f.filter.Resource, "resource", "", "the `id` of a user or group")
	flags.StringVar(&f.filter.User, "user", "", "everything about one user: an `id`, userName, address or externalId")
	choiceFlag(cmd, &f.filter.Op, "op", "", "only this operation", admin.Ops()...)
	choiceFlag(cmd, &f.filter.Outcome, "outcome", "", "only changes that ended like this", admin.Outcomes()...)
	addTimes(cmd, "changes that were recorded", &f.since, &f.until)
	flags.IntVar(&f.filter.Limit, "limit", shown, "list at most this `number`; 0 for all")
	flags.BoolVar(&f.oldest, "oldest", false, "list the oldest change first")
	outputFlag(cmd, &f.output, asCSV)
	return cmd
}

func listChanges(cmd *cobra.Command, f changesFlags) error {
	var err error
	if f.filter.Since, f.filter.Until, err = timesOf(f.since, f.until, time.Now()); err != nil {
		return err
	}
	running, err := newRunning(cmd, f.config)
	if err != nil {
		return err
	}
	f.filter.Newest = !f.oldest
	p := newTable(cmd.OutOrStdout(), f.output, entryColumns(f.output))
	answer, err := running.Changes(cmd.Context(), f.filter, p.print)
	if err != nil {
		return err
	}
	warn(cmd, answer.Warning)
	if f.filter.Limit > 0 && answer.Entries == f.filter.Limit {
		fmt.Fprintf(cmd.ErrOrStderr(), "the list ends at --limit %d; --limit 0 lists all\n", f.filter.Limit)
	}
	return p.end()
}

// warn prints that an answer lacks the newest changes.
func warn(cmd *cobra.Command, warning string) {
	if warning != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "Warning:", printable(warning))
	}
}

// addTimes adds the flags that bound the time of what a command lists. what names it, such as "requests".
func addTimes(cmd *cobra.Command, what string, since, until *string) {
	cmd.Flags().StringVar(since, "since", "", "only "+what+" from this `time` on: a date, a time, or how long ago (24h, 7d)")
	cmd.Flags().StringVar(until, "until", "", "only "+what+" before this `time`")
}

// timesOf reads the times of --since and --until. The zero time is no bound.
func timesOf(since, until string, now time.Time) (from, to time.Time, err error) {
	if from, err = timeOf("since", since, now); err == nil {
		to, err = timeOf("until", until, now)
	}
	if err == nil && since != "" && until != "" && !from.Before(to) {
		err = codedError{exitUsage, fmt.Errorf("--since (%s) must be before --until (%s)", timeText(from), timeText(to))}
	}
	return from, to, err
}

func timeOf(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && !t.IsZero() {
			return t, nil
		}
	}
	var ago config.Duration
	if err := ago.UnmarshalText([]byte(text)); err == nil && ago >= 0 {
		return now.Add(-time.Duration(ago)), nil
	}
	return time.Time{}, codedError{exitUsage, fmt.Errorf("--%s: %.40q is not a time; write a date like 2030-01-31, a time like 2030-01-31T08:30:00Z, or how long ago like 24h or 7d", flag, text)}
}

func newChangesShow() *cobra.Command {
	var file string
	var o output
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show everything about one change, with each value before and after", Args: exactly("the id of the change, as changes list shows it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			running, err := newRunning(cmd, file)
			if err != nil {
				return err
			}
			e, err := running.Change(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return printRecord(cmd.OutOrStdout(), o, e, entryLines(e))
		},
	}
	configFlag(cmd, &file)
	outputFlag(cmd, &o, asCSV)
	return cmd
}

func newHistory() *cobra.Command {
	var file string
	var o output
	cmd := &cobra.Command{
		Use: "history USER", Short: "Show everything that a running bridge changed about a user, the oldest change first", Args: exactly("the id, the userName, an address or the externalId of the user"),
		Long: `Show everything that a running bridge changed about a user, from its store: who changed what and
when, each value before and after, and the groups that the user joined or left. The user may be
deleted. USER is the id in Keycloak, a userName, an address or an externalId, which the user has or
had.

Different users can have had the same name, or the same externalId at different tenants. The command
then shows the changes of all of them, and lists the users at the end. With an id it shows only one.`,
		RunE: func(cmd *cobra.Command, args []string) error { return showHistory(cmd, file, args[0], o) },
	}
	configFlag(cmd, &file)
	outputFlag(cmd, &o, asCSV)
	return cmd
}

func showHistory(cmd *cobra.Command, file, user string, o output) error {
	running, err := newRunning(cmd, file)
	if err != nil {
		return err
	}
	p := newReport(cmd.OutOrStdout(), o, historyText, append(entryColumns(o), changedColumn()))
	found, err := running.History(cmd.Context(), user, p.print)
	if err != nil {
		return err
	}
	warn(cmd, found.Warning)
	notes := cmd.OutOrStdout()
	switch {
	case o == asText:
	case len(found.Users) == 1:
		return p.end() // a program needs no note
	default:
		notes = cmd.ErrOrStderr() // a note is not an entry
	}
	for _, line := range foundTexts(found, user) {
		fmt.Fprintln(notes, printable(line))
	}
	return p.end()
}

// foundTexts says whose changes were found.
func foundTexts(found admin.Found, user string) []string {
	switch {
	case found.Entries == 0 && len(found.Applied) > 0:
		return []string{fmt.Sprintf("the store has no change about %q, because all are older than store.retention; scim-bridge export --user writes the last values", user)}
	case found.Entries == 0:
		return []string{fmt.Sprintf("the store has no change about %q: changes that are older than store.retention are gone, and so is everything about a person that scim-bridge store forget erased. A change of a membership names a user only by the id, which scim-bridge users get prints", user)}
	case len(found.Users) == 0:
		return []string{changes(found.Entries) + " without a user, such as a creation that Keycloak refused"}
	case len(found.Users) == 1:
		return []string{fmt.Sprintf("%s about the user %s", changes(found.Entries), knownText(found.Users[0]))}
	}
	out := []string{fmt.Sprintf("%q names %d users; the id of one shows only that user:", user, len(found.Users))}
	for _, u := range found.Users {
		out = append(out, fmt.Sprintf("  %s: %s, the last at %s", knownText(u), changes(u.Entries), timeText(u.Last)))
	}
	return out
}

// knownText names a user of the journal.
func knownText(u admin.Known) string {
	text := u.ID
	if u.Name != "" {
		text += " (" + u.Name + ")"
	}
	return text + " in the realm " + u.Realm
}

// changes is a number of changes with its noun.
func changes(n int) string { return counted(n, "change") }

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// oneUser returns what the journal has about a user, and the entries that still say something about the user. It is an
// error when the text names several users.
func oneUser(cmd *cobra.Command, running control.Client, user string) (found admin.Found, telling int, err error) {
	found, err = running.History(cmd.Context(), user, func(e admin.Entry) error {
		if e.Op != "erased" && (!e.Erased || len(e.MembersAdded)+len(e.MembersRemoved) > 0) {
			telling++
		}
		return nil
	})
	if err == nil && len(found.Users) > 1 {
		for _, line := range foundTexts(found, user) {
			fmt.Fprintln(cmd.ErrOrStderr(), printable(line))
		}
		err = codedError{exitUsage, errors.New("--user names several users; give the id of one of them")}
	}
	return found, telling, err
}
