package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan(root *cobra.Command) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "man", Short: "Write a manual page for each command", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			date := time.Unix(0, 0).UTC()
			if built, err := time.Parse(time.RFC3339, thisBuild().Time); err == nil {
				date = built
			}
			root.DisableAutoGenTag = true
			return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &date, Source: "scim-bridge " + buildVersion(), Manual: "scim-bridge"}, dir)
		},
	}
	cmd.Flags().StringVar(&dir, "out", ".", "the `directory` for the pages")
	return cmd
}
