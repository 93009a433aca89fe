package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
)

var (
	commandText = regexp.MustCompile("(?m)(?:^|`)(?:bin/)?scim-bridge ([a-z][^`\n]*)")
	makeText    = regexp.MustCompile("(?m)(?:^|`)make ([a-z-]+)")
)

// TestEveryCommandOfTheDocsExists: the pages use only commands, flags and make targets that exist.
func TestEveryCommandOfTheDocsExists(t *testing.T) {
	t.Parallel()
	makefile := apptest.ReadPage(t, "../../Makefile")
	seen := 0
	pages, err := docs.Pages(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range pages {
		for _, m := range commandText.FindAllStringSubmatch(text, -1) {
			seen++
			cmd, args, err := newRoot().Find(strings.Fields(m[1]))
			if err == nil && cmd.Name() != "scim-bridge" {
				err = cmd.ParseFlags(flagsOnly(args))
			}
			if errors.Is(err, pflag.ErrHelp) { // every command has --help
				err = nil
			}
			if err == nil && cmd.HasSubCommands() {
				err = cobra.NoArgs(cmd, args)
			}
			if err != nil || cmd.Name() == "scim-bridge" {
				t.Errorf("%s: %q: %v", path, m[0], err)
			}
		}
		for _, m := range makeText.FindAllStringSubmatch(text, -1) {
			seen++
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s: there is no target %q", path, m[1])
			}
		}
	}
	if seen < 15 {
		t.Errorf("only %d commands were found", seen)
	}
}

// flagsOnly drops the words of prose after a command.
func flagsOnly(args []string) []string {
	for i, arg := range args {
		if !strings.HasPrefix(arg, "-") && (i == 0 || !strings.HasPrefix(args[i-1], "-")) {
			return args[:i]
		}
	}
	return args
}

// TestEveryTestThatAPageNamesExists: the pages about security and about the store name a test for each claim.
func TestEveryTestThatAPageNamesExists(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	for _, file := range apptest.TestFiles(t) {
		for _, match := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(apptest.ReadPage(t, file), -1) {
			there[match[1]] = true
		}
	}
	for page, atLeast := range map[string]int{"explanation/security.md": 40, "explanation/store.md": 20, "adr/0012-the-store.md": 5} {
		named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(apptest.ReadPage(t, "../../docs/"+page), -1)
		if len(named) < atLeast {
			t.Errorf("%s names %d tests", page, len(named))
		}
		for _, match := range named {
			if !there[match[1]] {
				t.Errorf("%s names %s, which is no test", page, match[1])
			}
		}
	}
}

// TestTheCommandPageIsGenerated: the page has every command and flag of the program, with the
// program's texts.
func TestTheCommandPageIsGenerated(t *testing.T) {
	t.Parallel()
	apptest.CompareGenerated(t, "../../docs/reference/cli.md", pageOfCommands(newRoot()))
}

// pageOfCommands is the reference of a command and of the commands below it.
func pageOfCommands(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# Commands\n\nGenerated from the program; `--help` of each command says the same, and `scim-bridge man` writes manual pages. The exit code is 0 when all went well, 1 for a failure,\n" +
		"2 for a wrong usage, and 3 when a file has problems. `scim-bridge completion bash`, `zsh`, `fish` and `powershell` print a script that completes commands and flags.\n")
	cell := func(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if !cmd.HasSubCommands() && !cmd.Hidden && cmd.Name() != "help" {
			fmt.Fprintf(&b, "\n## %s\n\n```\n%s\n```\n\n%s\n", cmd.CommandPath(), cmd.UseLine(), cmp.Or(cmd.Long, cmd.Short+"."))
			flags := "\n| flag | default | |\n| --- | --- | --- |\n"
			cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
				if f.Name == "help" {
					return
				}
				name, usage := pflag.UnquoteUsage(f)
				standard := ""
				if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" {
					standard = "`" + f.DefValue + "`"
				}
				b.WriteString(flags)
				flags = ""
				fmt.Fprintf(&b, "| `--%s` | %s | %s |\n", cell(strings.TrimSpace(f.Name+" "+name)), standard, cell(usage))
			})
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(root)
	return b.String()
}
