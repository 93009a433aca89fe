package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

func newExport() *cobra.Command {
	var config, tenant, file string
	cmd := &cobra.Command{
		Use: "export", Short: "Write the users and groups of a tenant of a running bridge as JSON lines", Args: cobra.NoArgs,
		Long: `Write the users and groups of a tenant as JSON lines, users first, as a running bridge shows
them over admin.socket: what scim-bridge import reads. Passwords are not part of it, as
nobody can read them.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return export(cmd, config, tenant, file) },
	}
	configFlag(cmd, &config)
	tenantFlag(cmd, &tenant)
	cmd.Flags().StringVar(&file, "file", "", "the `file` to write, which must not be there yet; the default is standard output")
	return cmd
}

func export(cmd *cobra.Command, config, path, name string) (err error) {
	socket, t, err := runningTenant(cmd, config, path)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if name != "" {
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names it
		if err != nil {
			return err
		}
		defer func() {
			if err = errors.Join(err, file.Close()); err != nil {
				err = errors.Join(err, os.Remove(name)) // half of a tenant looks like all of it
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
	}{{"users", "/Users", 100}, {"groups", "/Groups", 20}} { // a group is as large as it has members
		e := exporter{client: operatorClient(socket, t), out: buffer, advance: bars.add(of.name)}
		if err := e.export(cmd.Context(), of.endpoint, of.page); err != nil {
			return err
		}
	}
	return buffer.Flush()
}

// exporter writes the resources of one type.
type exporter struct {
	client  *client.Client
	out     io.Writer
	advance func(done, all int)
}

func (e exporter) export(ctx context.Context, endpoint string, page int) error {
	done, cursor := 0, ""
	for {
		answer, err := e.page(ctx, endpoint+fmt.Sprintf("?count=%d&cursor=%s", page, url.QueryEscape(cursor)))
		if err != nil {
			return err
		}
		all, err := scim.Integer(answer, "totalResults")
		if err != nil || all == nil {
			return errors.New("the bridge does not tell how many there are")
		}
		list, _ := answer["Resources"].([]any)
		for _, element := range list {
			object, _ := element.(map[string]any)
			delete(object, scim.AttrMeta)
			delete(object, scim.AttrGroups)
			data, err := scim.Encode(object)
			if err == nil {
				_, err = e.out.Write(append(data, '\n'))
			}
			if err != nil {
				return err
			}
		}
		done += len(list)
		e.advance(done, max(done, *all))
		var more bool
		if cursor, more = answer["nextCursor"].(string); !more {
			return nil
		}
	}
}

// page reads a page, again as long as the answer may be another one the next time.
func (e exporter) page(ctx context.Context, path string) (map[string]any, error) {
	for try := 1; ; try++ {
		answer, err := e.client.Do(ctx, http.MethodGet, path, nil)
		if err == nil {
			return answer, nil
		}
		if err := waitFor(ctx, try, err); err != nil {
			return nil, err
		}
	}
}
