// Command run starts a real Keycloak and runs a command beside it:
//
//	run -- go test ./...     the command finds the server in its environment
//	run -up                  start one and leave it running, for development
//	run -down                stop that one
//	run -versions            print the versions that the tests run on, the default first
//
// KEYCLOAK_VERSION and KEYCLOAK_DB choose the version and the database. The server ends with the command, and also when
// this process is interrupted or killed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

func main() {
	up := flag.Bool("up", false, "start a server and leave it running")
	down := flag.Bool("down", false, "stop the server that -up started")
	serve := flag.Bool("serve", false, "start a server, print its environment and wait for a signal")
	versions := flag.Bool("versions", false, "print the versions that the tests run on, the default first")
	flag.Parse()
	if *versions {
		fmt.Println(strings.Join(keycloaktest.Versions(), "\n"))
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	code, err := dispatch(ctx, *up, *down, *serve, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
	}
	if code != 0 {
		stop()
		os.Exit(code) //nolint:gocritic // stop was called
	}
}

func dispatch(ctx context.Context, up, down, serve bool, command []string) (int, error) {
	var err error
	switch {
	case up:
		err = keycloaktest.Up(ctx, os.Stdout)
	case down:
		err = keycloaktest.Down(os.Stdout)
	case serve:
		err = keycloaktest.Serve(ctx, os.Stdout)
	case len(command) > 0:
		return beside(ctx, command)
	default:
		err = errors.New("give a command after --, or -up or -down")
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}

// beside runs the command beside a server and returns its exit code.
func beside(ctx context.Context, command []string) (int, error) {
	server, err := keycloaktest.Start(ctx, keycloaktest.Version())
	if err != nil {
		return 1, err
	}
	fmt.Fprintf(os.Stderr, "run: Keycloak %s at %s\n", server.Version, server.URL)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), append(server.Environ(), keycloaktest.EnvEphemeral+"=true")...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	err = cmd.Run()
	stopped := server.Stop()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(1, exit.ExitCode()), stopped
	}
	if errors.Is(err, context.Canceled) {
		err = nil // it was interrupted, but the command ended without an error
	}
	if err = errors.Join(err, stopped); err != nil {
		return 1, err
	}
	return 0, nil
}
