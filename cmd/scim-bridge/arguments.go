package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// exactly checks that a command gets exactly one argument. what names the argument in the error.
func exactly(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return errors.New("give " + what + " and nothing else")
		}
		return nil
	}
}

// wrongFlag turns a wrong flag into a usage error. When a group of commands does not know the flag,
// the error names a misspelled command before the flag.
func wrongFlag(cmd *cobra.Command, err error) error {
	if before := cmd.Flags().Args(); cmd.HasSubCommands() && len(before) > 0 {
		err = unknownCommand(cmd, before[0])
	} else if unknown, is := errors.AsType[*pflag.NotExistError](err); is {
		err = maybe(err, "--", nearestFlag(cmd, unknown))
	}
	return codedError{exitUsage, err}
}

// nearestFlag returns the flag that was probably meant, or "". After one dash, as in -config, pflag
// reads a word as flags of one letter.
func nearestFlag(cmd *cobra.Command, unknown *pflag.NotExistError) string {
	if letters := unknown.GetSpecifiedShortnames(); letters != "" {
		word, _, _ := strings.Cut(letters, "=")
		if cmd.Flags().Lookup(word) == nil {
			return ""
		}
		return word
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	return config.Nearest(unknown.GetSpecifiedName(), known)
}

// unknownCommand returns the error that a group of commands does not have a command of this name.
func unknownCommand(group *cobra.Command, name string) error {
	var known []string
	for _, cmd := range group.Commands() {
		if cmd.IsAvailableCommand() {
			known = append(known, cmd.Name())
		}
	}
	return maybe(cobra.NoArgs(group, []string{name}), "", config.Nearest(name, known))
}

// maybe adds to an error the word that was probably meant. meant is "" when nothing is similar.
func maybe(err error, before, meant string) error {
	if meant == "" {
		return err
	}
	return fmt.Errorf("%w; did you mean %s%s?", err, before, meant)
}

// noArguments returns the error that a command takes no arguments. The error names the flag for the
// given text.
func noArguments(cmd *cobra.Command, given string) error {
	err := fmt.Errorf("%s takes no arguments", strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" "))
	if flag := flagFor(cmd, given); flag != "" {
		return fmt.Errorf("%w; use --%s for %q", err, flag, given)
	}
	return fmt.Errorf("%w, and %q is an argument", err, given)
}

// flagFor returns the flag of a command that takes such a text, or "".
func flagFor(cmd *cobra.Command, text string) (name string) {
	ext := filepath.Ext(text)
	wanted := []string{"tenant", "realm"}
	switch {
	case strings.Contains(text, "://"):
		wanted = []string{"url"}
	case ext == ".yaml" || ext == ".json" || ext == ".jsonl":
		wanted = []string{"payload", "file"}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if filepath.Ext(f.DefValue) == ext {
				wanted = []string{f.Name}
			}
		})
	}
	for _, name := range wanted {
		if cmd.Flags().Lookup(name) != nil {
			return name
		}
	}
	return ""
}

// strict turns wrong arguments of a command, and of all commands below it, into a usage error.
// Without strict, Cobra answers a misspelled command of "tenants" with help and exit code 0, and a
// script treats that as a success.
func strict(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
	check := cmd.Args
	if cmd.HasSubCommands() {
		check = cobra.NoArgs
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		switch none := cobra.NoArgs(cmd, args); {
		case err == nil:
			return nil
		case cmd.HasSubCommands():
			err = unknownCommand(cmd, args[0])
		case none != nil && none.Error() == err.Error():
			err = noArguments(cmd, args[0])
		}
		return codedError{exitUsage, err}
	}
}

// strictHelp turns help for an unknown command into a usage error. Cobra would show the help of the
// nearest group.
func strictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"})
	help.Args = func(_ *cobra.Command, args []string) error {
		group, rest, err := root.Find(args)
		if err == nil && len(rest) > 0 {
			err = unknownCommand(group, rest[0])
		}
		return err
	}
}
