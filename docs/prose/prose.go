// Package prose checks the language of comments, messages and pages: plain sentences, without the idioms that had to
// be read twice.
package prose

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// maxWords is how many words a sentence may have.
const maxWords = 35

// idiomsFile has the words that no other file may have.
const idiomsFile = "docs/prose/idioms.go"

// Problem is a sentence that must be written again.
type Problem struct {
	Text

	Found  string // what is wrong in it
	Remedy string // what to write instead
}

// String is the problem in a line.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d: %q: %s", p.File, p.Line, p.Found, p.Remedy)
}

// Check are the problems of all texts below a root.
func Check(root fs.FS) ([]Problem, error) {
	texts, err := Texts(root)
	var out []Problem
	for _, text := range texts {
		if text.File != idiomsFile {
			out = append(out, problems(text)...)
		}
	}
	return out, err
}

func problems(text Text) []Problem {
	var out []Problem
	lower := strings.ToLower(text.Text)
	for _, idiom := range idioms {
		if found := idiom.find(text.Text, lower); found != "" {
			out = append(out, Problem{text, found, idiom.remedy})
		}
	}
	for _, sentence := range Sentences(text.Text) {
		if n := len(strings.Fields(sentence)); n > maxWords {
			out = append(out, Problem{text, clip(sentence), fmt.Sprintf("a sentence of %d words: make two of it, of at most %d words", n, maxWords)})
		}
	}
	return out
}

// clip is the beginning of a sentence.
func clip(sentence string) string {
	const shown = 60
	if len(sentence) <= shown {
		return sentence
	}
	return strings.ToValidUTF8(sentence[:shown], "") + "…"
}

// end is where a sentence ends: before the next one's first letter. A colon or a semicolon parts two statements too.
var end = regexp.MustCompile(`(?:[.!?]["')]*) `)

// Sentences are the sentences of a text.
func Sentences(text string) []string {
	var out []string
	for {
		at := end.FindStringIndex(text)
		if at == nil {
			if text != "" {
				out = append(out, text)
			}
			return out
		}
		out, text = append(out, text[:at[1]-1]), text[at[1]:]
	}
}
