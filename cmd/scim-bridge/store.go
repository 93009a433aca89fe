package main

import (
	"bufio"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

func newStore() *cobra.Command {
	cmd := &cobra.Command{Use: "store", Short: "Take care of the store of a running bridge, over admin.socket", Args: cobra.NoArgs}
	cmd.AddCommand(newStoreCheck(), newStoreBackup(), newStoreForget(), newStoreNewkey(), newStoreRekey(), newStoreRestore())
	return cmd
}

// storeChecked is the result of store check.
type storeChecked struct {
	Verified admin.Verified `json:"verified"`
	Size     admin.Stats    `json:"size"`
}

func newStoreCheck() *cobra.Command {
	var file string
	var o output
	cmd := &cobra.Command{
		Use: "check", Short: "Check the store of a running bridge, and show its size", Args: cobra.NoArgs,
		Long: `Check that nobody altered the journal in the store of a running bridge, as scim-bridge audit verify
does. Show the size of the store, and the changes that have not ended or wait to be written.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			running, err := newRunning(cmd, file)
			if err != nil {
				return err
			}
			var c storeChecked
			if c.Size, err = running.StoreStats(cmd.Context()); err != nil {
				return err
			}
			if c.Verified, err = running.Verify(cmd.Context()); err != nil {
				return altered(cmd, o, err)
			}
			warn(cmd, c.Verified.Warning)
			lines := append([]app.Line{{Name: "journal", Text: "as it was written"}}, sizeLines(c.Size)...)
			return printRecord(cmd.OutOrStdout(), o, c, append(lines, verifiedLines(c.Verified, 0)...))
		},
	}
	configFlag(cmd, &file)
	outputFlag(cmd, &o, asCSV)
	return cmd
}

// sizeLines shows the size of a store.
func sizeLines(s admin.Stats) []app.Line {
	open := strconv.FormatInt(s.Open, 10)
	if s.Open > 0 {
		open += ", the oldest since " + (time.Duration(s.Oldest) * time.Millisecond).String()
	}
	return []app.Line{
		{Name: "bytes", Text: strconv.FormatInt(s.Bytes, 10)},
		{Name: "open changes", Text: open},
		{Name: "waiting", Text: strconv.FormatInt(s.Waiting, 10)},
		{Name: "requests", Text: strconv.FormatInt(s.Requests, 10)},
		{Name: "dropped", Text: strconv.FormatInt(s.Dropped, 10)},
	}
}

func newStoreBackup() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "backup FILE", Short: "Write a copy of the store of a running bridge to a new file", Args: exactly("the file to write"),
		Long: `Write a copy of the store of a running bridge to a new file, while the bridge works. The bridge
writes the file, so it must be able to write into the directory, and the volume needs room for a
second copy of the store.

Names and values are sealed in the copy. Keep the key file (store.keyFile) too, in another place:
without it, nobody can read the copy.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			running, err := newRunning(cmd, file)
			if err != nil {
				return err
			}
			name, err := filepath.Abs(args[0]) // the bridge has another working directory
			if err != nil {
				return err
			}
			warning, err := running.Backup(cmd.Context(), name)
			if err != nil {
				return err
			}
			warn(cmd, warning)
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the store is copied to %s; it can be read only with the key file of the store (store.keyFile), which is not part of it\n", printable(name))
			return err
		},
	}
	configFlag(cmd, &file)
	return cmd
}

func newStoreForget() *cobra.Command {
	var file, user string
	var yes bool
	cmd := &cobra.Command{
		Use: "forget", Short: "Erase what the store of a running bridge has about a person", Args: cobra.NoArgs,
		Long: `Erase what the store of a running bridge has about a person: names, addresses, all values before
and after, and memberships, in every change about the person. Also erase the documents of requests
that name the person, and the documents that clients sent last. The changes and requests stay, without what
they say about the person, and scim-bridge audit verify still succeeds. Nobody can undo this.

Keycloak is not changed. Delete the account first: the bridge records later changes of it again.
Backups that were made before still have the person. The command shows what it will erase, and
asks.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return forget(cmd, file, user, yes) },
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&user, "user", "", "the person: an `id`, a userName, an address or an externalId (required)")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func forget(cmd *cobra.Command, file, user string, yes bool) error {
	if user == "" {
		return codedError{exitUsage, errors.New("--user is required: it names the person to erase")}
	}
	running, err := newRunning(cmd, file)
	if err != nil {
		return err
	}
	found, telling, err := oneUser(cmd, running, user)
	if err != nil {
		return err
	}
	if telling == 0 && len(found.Applied) == 0 && found.Requests == 0 {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "nothing was erased: the store has nothing about %s\n", printable(strconv.Quote(user)))
		return err
	}
	in := &asker{in: bufio.NewReader(cmd.InOrStdin()), out: cmd.ErrOrStderr()}
	who := strconv.Quote(user) + " (only changes without a user)"
	if len(found.Users) == 1 {
		who = "the user " + knownText(found.Users[0])
	}
	fmt.Fprintln(in.out, printable("This erases about "+who+":"))
	for _, text := range erasedTexts(user, telling, found) {
		fmt.Fprintln(in.out, "  -", printable(text))
	}
	fmt.Fprintln(in.out, "Nobody can undo this. The ids, the times, the tenants and the clients of changes and requests stay.")
	if !yes && !in.yes("Erase this?") {
		return errors.New("nothing was erased")
	}
	n, err := running.Forget(cmd.Context(), user)
	if err != nil {
		return err
	}
	from := strconv.Itoa(n) + " changes and requests"
	if n == 1 {
		from = "1 change or request"
	}
	if len(found.Applied) > 0 {
		from += ", and the last documents"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "erased the person from %s\n", from)
	return err
}

// erasedTexts lists what an erasure erases. The store also finds requests by former names of the person, so their number
// is not known before.
func erasedTexts(user string, telling int, found admin.Found) []string {
	var out []string
	if telling > 0 {
		out = append(out, changes(telling)+": names, addresses, the values before and after, memberships, steps and reasons")
	}
	out = append(out, fmt.Sprintf("every request that names the person (%q finds %d): the document that the client sent, and the detail of the error", user, found.Requests))
	if n := len(found.Applied); n > 0 {
		out = append(out, counted(n, "last document")+": the values that clients sent last, kept for each tenant")
	}
	return out
}

func newStoreNewkey() *cobra.Command {
	return &cobra.Command{
		Use: "newkey", Short: "Print a new key for the key file of a store", Args: cobra.NoArgs,
		Long: `Print a new key: a line for the key file of a store (store.keyFile). For a new store it is the only
line. To replace a key, append the line to the file and run scim-bridge store rekey. Afterwards the
older lines can be removed.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), config.NewStoreKey())
			return err
		},
	}
}

func newStoreRekey() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "rekey", Short: "Seal the store of a running bridge with the newest key of its key file", Args: cobra.NoArgs,
		Long: `Seal everything in the store of a running bridge again, with the newest key of its key file (the
last line). The bridge reads the file first. Afterwards the older keys are not needed for this
store. Backups that were made before still need them.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			running, err := newRunning(cmd, file)
			if err == nil {
				err = running.Rekey(cmd.Context())
			}
			if err == nil {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "everything is sealed with the newest key; only backups that were made before need the older keys")
			}
			return err
		},
	}
	configFlag(cmd, &file)
	return cmd
}

func newStoreRestore() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "restore BACKUP", Short: "Make the store of a configuration from a backup, while no bridge runs", Args: exactly("the file of the backup"),
		Long: `Make the store of a configuration from a backup, while no bridge runs. The configuration names the
file of the store (store.sqlite.file), which must not exist, and the key file, which must have the
keys of the backup. The command checks first that nobody altered the backup.

The journal of the restored store lacks what happened after the backup. Keycloak and the users and
groups in it do not change.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := load(cmd, file)
			if err != nil {
				return err
			}
			if c.Admin.Socket != "" {
				if _, err := (control.Client{Socket: c.Admin.Socket}).Tenants(cmd.Context()); !errors.Is(err, control.ErrAbsent) {
					return errors.New("a bridge runs with this configuration and uses the store; stop it first")
				}
			}
			if err := app.RestoreStore(cmd.Context(), c, args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is the store of the backup; scim-bridge serve uses it. It refuses the tokens of the store until you run scim-bridge tokens accept\n", printable(c.Store.SQLite.File))
			return err
		},
	}
	configFlag(cmd, &file)
	return cmd
}
