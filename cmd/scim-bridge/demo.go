package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/simulate"
)

// demo shows the main job of the bridge: two simulated identity providers write through the bridge
// into a real Keycloak.
type demo struct {
	url, user, password string // of Keycloak's administrator
	realm               string
	once                bool // end after the table

	out    io.Writer
	dir    string
	admin  *keycloak.Client
	made   app.Installed
	bridge *client.Client
}

func newDemo() *cobra.Command {
	d := demo{
		url: os.Getenv("KEYCLOAK_URL"), user: os.Getenv("KEYCLOAK_ADMIN"), password: os.Getenv("KEYCLOAK_ADMIN_PASSWORD"),
	}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Provision a new realm from a simulated Entra and Okta, and compare what arrived",
		Long: `Create a new realm, set it up and start a bridge. A simulated Entra and a simulated Okta
then provision 200 users and 20 groups, and change, disable and delete some of them. The
command reads the realm back from Keycloak's own Admin API, prints what was sent beside what
arrived, then what the bridge remembers about a deleted user, and keeps everything running until
Ctrl-C.

The command takes Keycloak and its administrator from KEYCLOAK_URL, KEYCLOAK_ADMIN and
KEYCLOAK_ADMIN_PASSWORD. "make demo" starts a Keycloak.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.out = cmd.OutOrStdout()
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&d.realm, "realm", "demo", "the `realm` to create")
	cmd.Flags().BoolVar(&d.once, "once", false, "end after the table")
	return cmd
}

func (d *demo) run(ctx context.Context) (err error) {
	if d.url == "" || d.user == "" || d.password == "" {
		return codedError{exitUsage, errors.New("KEYCLOAK_URL, KEYCLOAK_ADMIN and KEYCLOAK_ADMIN_PASSWORD are needed; \"make demo\" starts a Keycloak and sets these variables")}
	}
	if d.dir, err = os.MkdirTemp("", "scim-bridge-demo-"); err != nil {
		return err
	}
	defer os.RemoveAll(d.dir) //nolint:errcheck // a directory that is left over only costs space
	if err := d.prepare(ctx); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.supervise(ctx) })
	g.Go(func() error {
		err := d.show(ctx)
		if err == nil && !d.once {
			d.invite()
			<-ctx.Done()
		}
		stop()
		return err
	})
	return g.Wait()
}

// prepare creates the realm and the configuration.
func (d *demo) prepare(ctx context.Context) (err error) {
	account := app.Administrator{Realm: "master", Name: d.user, Password: d.password}
	if d.admin, err = account.Client(d.url, d.realm); err != nil {
		return err
	}
	if err := d.admin.CreateRealm(ctx); err != nil {
		return fmt.Errorf("make realm %s: %w", d.realm, err)
	}
	s := app.Setup{URL: d.url, Realm: d.realm, AdminRealm: account.Realm, ClientID: app.DefaultClientID, Relax: true, Usernames: true, Dir: d.dir}
	if s.Listen, err = freeAddress(); err != nil {
		return err
	}
	if s.AdminListen, err = freeAddress(); err != nil {
		return err
	}
	if d.made, err = s.All(ctx, d.admin); err != nil {
		return err
	}
	d.bridge = &client.Client{Base: d.made.BaseURL, Token: d.made.Token, HTTP: &http.Client{Timeout: time.Minute}}
	fmt.Fprintf(d.out, "Realm %s is set up; its SCIM endpoint is %s\n", d.realm, d.made.BaseURL)
	return nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// supervise runs the bridge in a process of its own, and starts the bridge again when the process
// ends: you can kill it, and nothing is lost.
func (d *demo) supervise(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(d.dir, "bridge.log"))
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the last line of the log is not needed
	for ctx.Err() == nil {
		cmd := exec.CommandContext(ctx, self, "serve", "--config", d.made.Config) //nolint:gosec // our own program
		cmd.Stdout, cmd.Stderr = log, log
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.WaitDelay = time.Minute
		if err := cmd.Start(); err != nil {
			return err
		}
		fmt.Fprintf(d.out, "Bridge started as process %d, log in %s\n", cmd.Process.Pid, log.Name())
		if err := cmd.Wait(); ctx.Err() == nil && exitCode(err) == exitProblems {
			return fmt.Errorf("the bridge did not start: %w", err)
		}
	}
	return nil
}

func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return 0
}

// Together the two directories have 200 users and 20 groups.
func entraSize() simulate.Size {
	return simulate.Size{Users: 120, Groups: 12, Change: 30, Disable: 12, Delete: 8, Parallel: 4}
}

func oktaSize() simulate.Size {
	return simulate.Size{Users: 80, Groups: 8, Change: 20, Disable: 10, Parallel: 4}
}

// show provisions both directories at once and compares them with the realm.
func (d *demo) show(ctx context.Context) error {
	start := time.Now()
	directories := make([]simulate.Directory, 2)
	bars := newBars(d.out)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		directories[0], err = simulate.Entra(gctx, d.bridge, "demo", entraSize(), bars.add("Entra"))
		return err
	})
	g.Go(func() (err error) {
		directories[1], err = simulate.Okta(gctx, d.bridge, "demo", oktaSize(), bars.add("Okta"))
		return err
	})
	err := g.Wait()
	bars.stop()
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "Provisioned in %s.\n\n", time.Since(start).Round(100*time.Millisecond))
	held, err := app.ReadBack(ctx, d.admin)
	if err != nil {
		return err
	}
	if err := report(d.out, held.Compare(map[string]simulate.Directory{"Entra": directories[0], "Okta": directories[1]})); err != nil {
		return err
	}
	return d.remember(ctx, directories[0])
}

// remember prints what the bridge remembers about a user who is deleted, as scim-bridge history prints it.
func (d *demo) remember(ctx context.Context, directory simulate.Directory) error {
	i := slices.IndexFunc(directory.Users, func(u *simulate.User) bool { return u.Deleted })
	if i < 0 {
		return nil
	}
	user := directory.Users[i].UserName
	fmt.Fprintf(d.out, "\nThe bridge remembers what it did, also for a user who is deleted:\n\n  scim-bridge history --config %s %s\n\n", d.made.Config, user)
	history := newHistory()
	history.SilenceErrors, history.SilenceUsage = true, true
	history.SetOut(d.out)
	history.SetArgs([]string{"--config", d.made.Config, user})
	return history.ExecuteContext(ctx)
}

// invite prints where the operator can look around.
func (d *demo) invite() {
	fmt.Fprintf(d.out, `
Everything is running. Look around:

  Console   %s/admin/master/console/#/%s/users
            user %s, password %s
  SCIM      %s
            token %s
  Try       curl -H 'Authorization: Bearer %s' '%s/Users?count=2'

Ctrl-C stops everything.
`, d.url, d.realm, d.user, d.password, d.made.BaseURL, d.made.Token, d.made.Token, d.made.BaseURL)
}
