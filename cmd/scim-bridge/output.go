package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// output is how a command prints its result.
type output string

const (
	asText output = "text"
	asJSON output = "json"
	asCSV  output = "csv" // of commands that print a table
)

// outputFlag says how a command prints its result: a command that prints a table can print it as CSV too.
func outputFlag(cmd *cobra.Command, o *output, more ...output) {
	choiceFlag(cmd, o, "output", asText, "how to print the result", append([]output{asText, asJSON}, more...)...)
}

// choice is the value of a flag that takes one of some words, and refuses every other one.
type choice[T ~string] struct {
	value *T
	words []string
}

// choiceFlag adds a flag that takes one of some words. Help shows the words as its placeholder, and a shell completes
// them.
func choiceFlag[T ~string](cmd *cobra.Command, value *T, name string, standard T, usage string, of ...T) {
	words := make([]string, len(of))
	for i, word := range of {
		words[i] = string(word)
	}
	*value = standard
	cmd.Flags().Var(choice[T]{value, words}, name, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
}

func (c choice[T]) String() string {
	if c.value == nil { // pflag asks an empty one
		return ""
	}
	return string(*c.value)
}

func (c choice[T]) Type() string { return strings.Join(c.words, "|") }

func (c choice[T]) Set(text string) error {
	if !slices.Contains(c.words, text) {
		return errors.New("give " + listOr(c.words))
	}
	*c.value = T(text)
	return nil
}

// listOr lists words, as "a, b or c".
func listOr(words []string) string {
	if len(words) < 2 { //nolint:mnd // "or" stands between two
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
