package main

import (
	"context"
	"fmt"
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
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	coded := codeOf(err)
	if coded.err != nil {
		fmt.Fprintln(os.Stderr, "scim-bridge:", coded.err)
	}
	if hint := hintFor(err); hint != "" {
		fmt.Fprintln(os.Stderr, "scim-bridge:", hint)
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
	root.AddCommand(newServe(), newCheck(), newValidate(), newMapping(), newSetup(), newDoctor(), newTenantsCommand(), newTokens(), newAdopt(), newUsers(), newGroups(), newImport(), newExport(), newExplain(), newDemo(), newConformance(), newSimulate(), newProbe(), newMan(root), newVersion())
	root.InitDefaultCompletionCmd() // now, as its commands are looked for before the program runs
	strict(root)
	return root
}
