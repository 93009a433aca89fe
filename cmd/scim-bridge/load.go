package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "config.yaml", "the configuration `file`")
}

// printProblems prints each problem and, for a mapping file, the line that has the problem.
func printProblems(out io.Writer, problems []config.Problem) {
	for _, p := range problems {
		fmt.Fprintln(out, p)
		if p.Excerpt != "" {
			line := strconv.Itoa(p.Line)
			fmt.Fprintf(out, "  %s | %s\n  %s | %s^\n", line, p.Excerpt, strings.Repeat(" ", len(line)), strings.Repeat(" ", max(0, p.Column-1)))
		}
	}
}

// load reads the configuration of a command that opens or checks the store, and prints its problems.
func load(cmd *cobra.Command, file string) (config.Config, error) {
	return loaded(cmd, file, config.Load)
}

// loadUnkeyed reads the configuration of a command that never opens the store, and prints its problems. The command
// works without the keys of the store.
func loadUnkeyed(cmd *cobra.Command, file string) (config.Config, error) {
	return loaded(cmd, file, config.LoadUnkeyed)
}

func loaded(cmd *cobra.Command, file string, read func(string) (config.Config, []config.Problem)) (config.Config, error) {
	c, problems := read(file)
	if len(problems) == 0 {
		problems = app.MappingProblems(c)
	}
	return c, wrong(cmd, problems)
}

// wrong prints the problems of a file. It returns an error when there are some.
func wrong(cmd *cobra.Command, problems []config.Problem) error {
	printProblems(cmd.ErrOrStderr(), problems)
	if len(problems) > 0 {
		return codedError{code: exitProblems}
	}
	return nil
}

// tenantFlag adds the flag that names a tenant of the configuration.
func tenantFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "tenant", "", "the `path` of a tenant in the configuration, or REALM/organizations/ALIAS for an organization with its own tokens; default: all tenants, or, for a command about one tenant, the only tenant")
}

// problemsOf prints the problems of a file when an error has them.
func problemsOf(cmd *cobra.Command, err error) error {
	if of, is := errors.AsType[app.ProblemsError](err); is {
		return wrong(cmd, of.Problems)
	}
	return err
}
