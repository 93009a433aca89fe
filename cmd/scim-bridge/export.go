package main

import (
	"bufio"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/transfer"
)

func newExport() *cobra.Command {
	var config, tenant, file string
	cmd := &cobra.Command{
		Use: "export", Short: "Write the users and groups of a tenant of a running bridge as JSON lines", Args: cobra.NoArgs,
		Long: `Write the users and groups of a tenant as JSON lines, users first, as a running bridge shows
them over admin.socket. The command scim-bridge import reads this file. The file has no
passwords, because nobody can read them.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return export(cmd, config, tenant, file) },
	}
	configFlag(cmd, &config)
	tenantFlag(cmd, &tenant)
	cmd.Flags().StringVar(&file, "file", "", "the `file` to write, which must not exist yet; default: standard output")
	return cmd
}

func export(cmd *cobra.Command, config, path, name string) (err error) {
	running, t, err := runningTenant(cmd, config, path)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if name != "" {
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
		if err != nil {
			return err
		}
		defer func() {
			if err = errors.Join(err, file.Close()); err != nil {
				err = errors.Join(err, os.Remove(name)) // an incomplete file looks like a complete one
			}
		}()
		out = file
	}
	bars := newBars(cmd.ErrOrStderr())
	defer bars.stop()
	buffer := bufio.NewWriter(out)
	for _, of := range []struct {
		name, endpoint string
		page           int
	}{{"users", "/Users", 100}, {"groups", "/Groups", 20}} { // groups can have many members, so the pages are smaller
		e := transfer.Exporter{Client: clientOf(running, t), Out: buffer, Advance: bars.add(of.name)}
		if err := e.Export(cmd.Context(), of.endpoint, of.page); err != nil {
			return err
		}
	}
	return buffer.Flush()
}
