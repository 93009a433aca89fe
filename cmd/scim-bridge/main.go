package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:])) }

// run runs the command line and returns the exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	return ended(os.Stderr, cmd, err)
}

// ended prints how a command ended, and returns the exit code.
func ended(out io.Writer, cmd *cobra.Command, err error) int {
	if err == nil {
		return 0
	}
	coded := codeOf(err)
	if coded.err != nil {
		fmt.Fprintln(out, "scim-bridge:", coded.err)
	}
	if hint := hintFor(err); hint != "" {
		fmt.Fprintln(out, "scim-bridge:", hint)
	}
	if coded.code == exitUsage {
		fmt.Fprintf(out, "See '%s --help'.\n", cmd.CommandPath())
	}
	return coded.code
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "scim-bridge",
		Short:         "SCIM 2.0 for Keycloak: identity providers push users and groups, Keycloak holds them",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(wrongFlag)
	root.AddCommand(newServe(), newCheck(), newValidate(), newMapping(), newSetup(), newDoctor(), newTenantsCommand(), newTokens(), newAdopt(), newUsers(), newGroups(), newChanges(), newActivity(), newHistory(), newAudit(), newStore(), newImport(), newExport(), newExplain(), newDemo(), newConformance(), newSimulate(), newProbe(), newMan(root), newVersion())
	root.InitDefaultCompletionCmd() // now, because newMan and strict need the completion commands
	strictHelp(root)
	strict(root)
	return root
}
