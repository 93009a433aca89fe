package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/transfer"
)

// exportFlags are the flags of export.
type exportFlags struct {
	config, tenant, file, user string
}

func newExport() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use: "export", Short: "Write the users and groups of a tenant of a running bridge as JSON lines", Args: cobra.NoArgs,
		Long: `Write the users and groups of a tenant as JSON lines, users first, as a running bridge shows
them over admin.socket. The command scim-bridge import reads this file. The file has no
passwords, because nobody can read them.

With --user, write everything that the store of the bridge has about one person, for a person who
asks which data you have: each line is a change, with the values before and after. Of the members of
a group, the lines name only this person. Then there is a line for each request about the person,
with the document that was refused. The last lines are the values that clients sent last. With
--tenant, only the lines of this tenant. When the store has nothing about the person, the command
writes no file, and its exit code is 1.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("user") {
				return exportUser(cmd, f)
			}
			return export(cmd, f)
		},
	}
	configFlag(cmd, &f.config)
	tenantFlag(cmd, &f.tenant)
	cmd.Flags().StringVar(&f.file, "file", "", "the `file` to write, which must not exist yet; default: standard output")
	cmd.Flags().StringVar(&f.user, "user", "", "write what the store has about one person: an `id`, a userName, an address or an externalId")
	return cmd
}

func export(cmd *cobra.Command, f exportFlags) error {
	running, t, err := runningTenant(cmd, f.config, f.tenant)
	if err != nil {
		return err
	}
	return toFile(cmd, f.file, func(out io.Writer) error {
		bars := newBars(cmd.ErrOrStderr())
		defer bars.stop()
		for _, of := range []struct {
			name, endpoint string
			page           int
		}{{"users", "/Users", 100}, {"groups", "/Groups", 20}} { // groups can have many members, so the pages are smaller
			e := transfer.Exporter{Client: clientOf(running, t), Out: out, Advance: bars.add(of.name)}
			if err := e.Export(cmd.Context(), of.endpoint, of.page); err != nil {
				return err
			}
		}
		return nil
	})
}

// exportUser writes what the store has about one person. It writes nothing when several users are found: a person gets
// only the own data.
func exportUser(cmd *cobra.Command, f exportFlags) error {
	running, err := newRunning(cmd, f.config)
	if err != nil {
		return err
	}
	if f.tenant != "" {
		if _, err := running.Endpoint(cmd.Context(), f.tenant); err != nil {
			return err
		}
	}
	if _, _, err := oneUser(cmd, running, f.user); err != nil {
		return err
	}
	return toFile(cmd, f.file, func(out io.Writer) error {
		lines := countedLines{Encoder: json.NewEncoder(out)}
		found, err := running.History(cmd.Context(), f.user, func(e admin.Entry) error {
			e.Differences = nil // the values are in before and after
			if f.tenant != "" && e.Tenant != f.tenant {
				return nil
			}
			return lines.Encode(e)
		})
		if err == nil {
			_, err = running.Requests(cmd.Context(), admin.RequestFilter{User: f.user, Tenant: f.tenant}, func(r admin.Request) error { return lines.Encode(requestLine{ownRequest(r)}) })
		}
		for _, one := range found.Applied {
			if err == nil && (f.tenant == "" || one.Tenant == f.tenant) {
				err = lines.Encode(appliedLine{one})
			}
		}
		if err == nil && found.Warning != "" {
			err = fmt.Errorf("the export would be incomplete: %s", found.Warning)
		}
		if err == nil && len(found.Users) > 1 { // since the check
			err = errors.New("--user names several users now; give the id of one of them")
		}
		if err == nil && lines.n == 0 {
			err = nothingAbout(f)
		}
		return err
	})
}

// countedLines writes lines of JSON, and counts them.
type countedLines struct {
	*json.Encoder

	n int
}

// Encode writes a line.
func (l *countedLines) Encode(value any) error {
	l.n++
	return l.Encoder.Encode(value)
}

// nothingAbout is the error when the store has nothing about a person: an empty file would look like an answer.
func nothingAbout(f exportFlags) error {
	at := ""
	if f.tenant != "" {
		at = " at the tenant " + f.tenant
	}
	return fmt.Errorf("nothing was written: the store has nothing about %q%s. Check the id, userName, address or externalId. Changes that are older than store.retention are gone, and so is a person that scim-bridge store forget erased", f.user, at)
}

// requestLine is a line with a request.
type requestLine struct {
	Request admin.Request `json:"request"`
}

// ownRequest leaves out a document that can name other people.
func ownRequest(r admin.Request) admin.Request {
	if r.Document != nil && r.Resource.Type != "User" {
		r.Document, r.Detail, r.Path, r.Missing = nil, "", "", "the document is left out, because it can name other people"
	}
	return r
}

// appliedLine is a line with the values that a client sent last.
type appliedLine struct {
	Applied admin.Applied `json:"applied"`
}

// toFile lets write write a new file that only this user can read, or standard output when the name is "". After an
// error it removes the file.
func toFile(cmd *cobra.Command, name string, write func(io.Writer) error) (err error) {
	out := cmd.OutOrStdout()
	if name != "" {
		file, opened := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
		switch {
		case errors.Is(opened, os.ErrExist):
			return fmt.Errorf("%s exists: move it away, or name another file", name)
		case opened != nil:
			return opened
		}
		defer func() {
			if err = errors.Join(err, file.Close()); err != nil {
				err = errors.Join(err, os.Remove(name)) // an incomplete file looks like a complete one
			}
		}()
		out = file
	}
	buffer := bufio.NewWriter(out)
	if err := write(buffer); err != nil {
		return err
	}
	return buffer.Flush()
}
