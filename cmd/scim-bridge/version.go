package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker; see buildVersion.
var version string

// build says from what source the program was built.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"` // absent when the program was not built from a checkout
	Time     string `json:"time,omitempty"`   // of the commit, RFC 3339
	Modified bool   `json:"modified"`         // whether the checkout had uncommitted changes
	Go       string `json:"go"`
	Platform string `json:"platform"` // such as linux/amd64
}

func newVersion() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version, the commit and the platform of this program", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := thisBuild()
			if o == asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(b)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "scim-bridge %s\n%s\n%s %s\n", b.Version, b.source(), b.Go, b.Platform)
			return err
		},
	}
	outputFlag(cmd, &o)
	return cmd
}

// buildVersion returns the version from the linker, else the version that Go's module system has.
func buildVersion() string { return thisBuild().Version }

func thisBuild() build {
	b := build{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			b.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.time":
				b.Time = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	if version != "" {
		b.Version = version
	}
	return b
}

func (b build) source() string {
	if b.Commit == "" {
		return "not built from a checkout"
	}
	text := "commit " + b.Commit + " of " + b.Time
	if b.Modified {
		text += ", with changes"
	}
	return text
}
