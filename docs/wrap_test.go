package docs

import (
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	t.Parallel()
	long := strings.TrimSpace(strings.Repeat("word ", 24))                                                       // 119 characters
	first, rest := strings.TrimSpace(strings.Repeat("word ", 20)), strings.TrimSpace(strings.Repeat("word ", 4)) // 99 and 19
	for page, want := range map[string]string{
		"# " + long + "\n":                   "# " + long + "\n",
		"| " + long + " |\n":                 "| " + long + " |\n",
		"```\n" + long + "\n```\n" + long:    "```\n" + long + "\n```\n" + first + "\n" + rest,
		long + "\nshort\n\nshort":            first + "\n" + rest + " short\n\nshort",
		"- " + long + "\n- short":            "- " + first[5:] + "\n  word " + rest + "\n- short",
		"1. " + long + "\n2. short":          "1. " + first[5:] + "\n   word " + rest + "\n2. short",
		"> " + long:                          "> " + first[5:] + "\n> word " + rest,
		"short\nshort\n":                     "short\nshort\n",
		"- short\n  " + long + "\n\n" + rest: "- short " + first[10:] + "\n  word word " + rest + "\n\n" + rest,
	} {
		if got := Wrap(page); got != want {
			t.Errorf("Wrap(%q) =\n%s\nwant\n%s", page, got, want)
		}
		if again := Wrap(Wrap(page)); again != Wrap(page) {
			t.Errorf("a page that is wrapped changes:\n%s", again)
		}
	}
}
