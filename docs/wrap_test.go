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

// TestWrapBeginsNoBlock: a word that begins a list, a heading, a quotation or a table stays in its paragraph, and a
// fence of four ends with four.
func TestWrapBeginsNoBlock(t *testing.T) {
	t.Parallel()
	text := strings.TrimSpace(strings.Repeat("word ", 20)) // 99 characters
	for _, word := range []string{"-", "+", "*", "#", "##", ">", ">=", "1.", "26.", "2)", "|", "```", "<b>", "---", "==="} {
		for line := range strings.Lines(Wrap(text + " " + word + " end " + text)) {
			if strings.HasPrefix(line, word) {
				t.Errorf("a line begins with %q: %q", word, line)
			}
		}
	}
	code := "````\n```\n" + text + " " + text + "\n```\n````\n"
	if got := Wrap(code); got != code {
		t.Errorf("Wrap(%q) =\n%s", code, got)
	}
}
