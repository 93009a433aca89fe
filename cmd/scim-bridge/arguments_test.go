package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestWrongArgumentsAreAWrongUse: every command and every group of commands exits with 2 and prints
// what is wrong, as docs/reference/cli.md says.
func TestWrongArgumentsAreAWrongUse(t *testing.T) {
	t.Parallel()
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		args := strings.Fields(cmd.CommandPath() + " no-such-argument too-many")[1:]
		for _, args := range [][]string{args, append(slices.Clone(args[:len(args)-2]), "--no-such-flag")} {
			out, told, code := command(t, "", args...)
			if code != exitUsage || !strings.HasPrefix(told, "scim-bridge: ") || !strings.HasSuffix(told, "\nSee '"+cmd.CommandPath()+" --help'.\n") || strings.Count(told, "\n") != 2 || out != "" {
				t.Errorf("%v: ended with %d, not %d: %s%s", args, code, exitUsage, out, told)
			}
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
	for _, c := range []struct{ args, says string }{
		{"lfit", `unknown command "lfit"`},
		{"token list", `unknown command "token" for "scim-bridge"; did you mean tokens?`},
		{"user list", `unknown command "user" for "scim-bridge"; did you mean users?`},
		{"help token", `unknown command "token" for "scim-bridge"; did you mean tokens?`},
		{"help tokens lits", `unknown command "lits" for "scim-bridge tokens"; did you mean list?`},
		{"nothing-like-it", `unknown command "nothing-like-it" for "scim-bridge"` + "\n"},
		{"validate mapping.yaml", `scim-bridge: validate takes no arguments; use --file for "mapping.yaml"`},
		{"check my.yaml", `scim-bridge: check takes no arguments; use --config for "my.yaml"`},
		{"explain user.json", `use --payload for "user.json"`},
		{"export all.jsonl", `use --file for "all.jsonl"`},
		{"tenants show acme", `use --tenant for "acme"`},
		{"setup acme", `use --realm for "acme"`},
		{"conformance https://scim.example/scim/v2", `use --url for "https://scim.example/scim/v2"`},
		{"version acme", `scim-bridge: version takes no arguments, and "acme" is an argument`},
		{"tenants list -config config.yaml", `unknown shorthand flag: 'c' in -config; did you mean --config?`},
		{"tenants list -x", `unknown shorthand flag: 'x' in -x` + "\n"},
		{"tenants list --nothing-like-it", "unknown flag: --nothing-like-it\n"},
		{"tenants lfit", `unknown command "lfit" for "scim-bridge tenants"`},
		{"tenants lfit --config config.yaml", `unknown command "lfit" for "scim-bridge tenants"; did you mean lift?`},
		{"--config config.yaml tenants", "unknown flag: --config"},
		{"tenants list --confg config.yaml", "unknown flag: --confg; did you mean --config?"},
		{"import", "give the file and nothing else"},
		{"users get", "give the id or the userName and nothing else"},
		{"groups get", "give the id or the displayName and nothing else"},
		{"simulate", "give entra or okta and nothing else"},
		{"simulate ping", `invalid argument "ping"`},
		{"probe", "requires at least 1 arg"},
		{"tokens revoke", "give the name or the key id of the token and nothing else"},
	} {
		if _, told, code := command(t, "", strings.Fields(c.args)...); code != exitUsage || !strings.Contains(told, c.says) {
			t.Errorf("%s: ended with %d, not %d: %s", c.args, code, exitUsage, told)
		}
	}
}
