package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// outputFlag says how a command prints its result.
func outputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVar(output, "output", "text", "how to print the result: text or json")
}

func checkOutput(output string) error {
	if output != "text" && output != "json" {
		return codedError{exitUsage, errors.New("--output is text or json")}
	}
	return nil
}
