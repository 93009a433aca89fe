package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestWrongArgumentsAreAWrongUse: every command, and every group of commands, ends with 2 and says
// what is wrong, as the page of commands has it.
func TestWrongArgumentsAreAWrongUse(t *testing.T) {
	t.Parallel()
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		args := strings.Fields(cmd.CommandPath() + " no-such-argument too-many")[1:]
		if out, told, code := command(t, "", args...); code != exitUsage || told == "" || out != "" {
			t.Errorf("%v: ended with %d, not %d: %s%s", args, code, exitUsage, out, told)
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
	for _, c := range []struct{ args, says string }{
		{"lfit", `unknown command "lfit"`},
		{"tenants lfit", `unknown command "lfit" for "scim-bridge tenants"`},
		{"tenants lfit --config config.yaml", `unknown command "lfit" for "scim-bridge tenants"`},
		{"--config config.yaml tenants", "unknown flag: --config"},
		{"tenants list --confg config.yaml", "unknown flag: --confg"},
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
