package prose

import (
	"regexp"
	"strings"
)

// idiom is a turn of phrase that had to be read twice, or a word that hides what it means.
type idiom struct {
	keys    []string // a text with the idiom has one of them, in small letters: a search for them is cheap
	pattern *regexp.Regexp
	remedy  string // what to write instead
}

//nolint:gochecknoglobals // a table of constants
var idioms = []idiom{
	is("none", `(?:is|are|was|were|be|has|have|had|takes?|makes?|gives?|gets?|finds?|keeps?|holds?) none`, `name what is missing: "has no token", "is not a token"`),
	is("none", `none of (?:them|it|those|these)`, `name the things: "no token"`),
	is("alone", `alone`, `"only", or "by itself"`),
	is("whom", `whom`, `name the person or the program, or write "that"`),
	is("who", `(?:of|to|for|by|from|with|than|as|at|on|about|and|or|but|whether|where|when|unless|if) who`, `name the person or the program: "a client that"`),
	is("no more", `no more(?: than)?`, `"no longer", or "at most"`),
	is("over", `(?:is|are|was|were|be) over`, `"has ended", or "has expired"`),
	is("lest upon thereby thereof whereby therein want way reckon be|it ever shall", `lest|upon|thereby|thereof|whereby|therein|for want of|by any way|reckon\w*|be it|as ever|shall`, `a plain word: "so that not", "on", "by this", "without", "in any way", "estimate", "must", "will"`),
	is("'s", `nobody's|somebody else's|everybody's|whoever's`, `name the owner: "has no owner", "another tenant's"`),
	is("say said tell told", `(?:says?|said|tells?|told) of`, `"about", "reports", "names"`),
	is("told", `(?:is|are|was|were|be|been) told`, `"gets", "learns", or say who tells it`),
	is("but", `but for|all but|none but|nothing but|nobody but`, `"except", "only"`),
	is("has|it have|it had|it has|them have|them had|them", `as (?:\w+ ){1,5}ha(?:s|ve|d) (?:it|them)`, `"as it is in …"`),
	is("look", `(?:a|last|next|old|first|second) look`, `"a check", "a read"`),
	is("stand stood", `stands?(?: (?:in|at|on|first|last|there|beside|behind|above|below|before|here|once|by))?|stood`, `"is", "is written", "exists"; "represents" for "stands for"`),
	is("take took taking", `takes? back|took back|taken back|taking back|takes? it back`, `"revoke", "undo"`),
	is("let", `lets? go of`, `"releases", "gives up"`),
	is("go went", `go(?:es)? on(?: with)?|went on`, `"continues"`),
	is("what|there", `what there (?:is|are)`, `name what it is`),
	{[]string{"who "}, regexp.MustCompile(`^Who [^?]*$`), `begin with what you mean: "A client that", "A user who"`},
}

// is is an idiom of whole words. The keys have blanks between them, and a | for a blank within one.
func is(keys, words, remedy string) idiom {
	out := idiom{pattern: regexp.MustCompile(`(?i)(?:^|[^\w'-])(?:` + words + `)(?:$|[^\w'-])`), remedy: remedy}
	for key := range strings.FieldsSeq(keys) {
		out.keys = append(out.keys, strings.ReplaceAll(key, "|", " "))
	}
	return out
}

// find is the idiom in a text, "" for none. lower is the text in small letters.
func (i idiom) find(text, lower string) string {
	for _, key := range i.keys {
		if strings.Contains(lower, key) {
			return i.pattern.FindString(text)
		}
	}
	return ""
}
