package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newCheck() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "check", Short: "Check a configuration file and print every problem", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := load(cmd, file); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), file+": no problem")
			return nil
		},
	}
	configFlag(cmd, &file)
	return cmd
}
