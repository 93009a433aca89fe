package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// output is the format in which a command prints its result.
type output string

const (
	asText output = "text"
	asJSON output = "json"
	asCSV  output = "csv" // only for commands that print a table
)

// outputFlag adds --output. Commands that print a table pass asCSV as well.
func outputFlag(cmd *cobra.Command, o *output, more ...output) {
	choiceFlag(cmd, o, "output", asText, "how to print the result", append([]output{asText, asJSON}, more...)...)
}

// choice is the value of a flag that accepts only some words.
type choice[T ~string] struct {
	value *T
	words []string
}

// choiceFlag adds a flag that accepts only some words. Help shows the words, and the shell
// completes them.
func choiceFlag[T ~string](cmd *cobra.Command, value *T, name string, standard T, usage string, of ...T) {
	words := make([]string, len(of))
	for i, word := range of {
		words[i] = string(word)
	}
	*value = standard
	cmd.Flags().Var(choice[T]{value, words}, name, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // fails only for an unknown flag
}

func (c choice[T]) String() string {
	if c.value == nil { // pflag calls String on an empty value
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

// listOr lists words as "a, b or c".
func listOr(words []string) string {
	if len(words) < 2 { //nolint:mnd // "or" needs two words
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
