package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// exactly is for a command that takes one argument.
func exactly(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return errors.New("give " + what + " and nothing else")
		}
		return nil
	}
}

// wrongFlag makes a wrong flag a wrong use. When a group of commands does not know it, a misspelled
// command before it is what is wrong.
func wrongFlag(cmd *cobra.Command, err error) error {
	if before := cmd.Flags().Args(); cmd.HasSubCommands() && len(before) > 0 {
		err = cobra.NoArgs(cmd, before)
	}
	return codedError{exitUsage, err}
}

// strict makes wrong arguments of a command, and of all below it, a wrong use. Without it a script
// that misspells one of "tenants" gets help and a success from Cobra.
func strict(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
	check := cmd.Args
	if cmd.HasSubCommands() {
		check = cobra.NoArgs // which calls what is there an unknown command
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return codedError{exitUsage, err}
		}
		return nil
	}
}
