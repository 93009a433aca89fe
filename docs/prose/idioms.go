package prose

import "regexp"

// idiom is a turn of phrase that had to be read twice, or a word that hides what it means.
type idiom struct {
	pattern *regexp.Regexp
	remedy  string // what to write instead
}

//nolint:gochecknoglobals // a table of constants
var idioms = []idiom{
	is(`(?:is|are|was|were|be|has|have|had|takes?|makes?|gives?|gets?|finds?|keeps?|holds?) none`, `name what is missing: "has no token", "is not a token"`),
	is(`none of (?:them|it|those|these)`, `name the things: "no token"`),
	is(`alone`, `"only", or "by itself"`),
	is(`whom`, `name the person or the program, or write "that"`),
	is(`(?:of|to|for|by|from|with|than|as|at|on|about|and|or|but|whether|where|when|unless|if) who`, `name the person or the program: "a client that"`),
	is(`no more(?: than)?`, `"no longer", or "at most"`),
	is(`(?:is|are|was|were|be) over`, `"has ended", or "has expired"`),
	is(`lest|upon|thereby|thereof|whereby|therein|for want of|by any way|reckon\w*|be it|as ever|shall`, `a plain word: "so that not", "on", "by this", "without", "in any way", "estimate", "must", "will"`),
	is(`nobody's|somebody else's|everybody's|whoever's`, `name the owner: "has no owner", "another tenant's"`),
	is(`(?:says?|said|tells?|told) of`, `"about", "reports", "names"`),
	is(`(?:is|are|was|were|be|been) told`, `"gets", "learns", or say who tells it`),
	is(`but for|all but|none but|nothing but|nobody but`, `"except", "only"`),
	is(`as (?:\w+ ){1,5}ha(?:s|ve|d) (?:it|them)`, `"as it is in …"`),
	is(`(?:a|last|next|old|first|second) look`, `"a check", "a read"`),
	is(`stands?(?: (?:in|at|on|first|last|there|beside|behind|above|below|before|here|once|by))?|stood`, `"is", "is written", "exists"; "represents" for "stands for"`),
	is(`takes? back|took back|taken back|taking back|takes? it back`, `"revoke", "undo"`),
	is(`lets? go of`, `"releases", "gives up"`),
	is(`go(?:es)? on(?: with)?|went on`, `"continues"`),
	is(`what there (?:is|are)`, `name what it is`),
	{regexp.MustCompile(`^Who [^?]*$`), `begin with what you mean: "A client that", "A user who"`},
}

// is is an idiom of whole words.
func is(words, remedy string) idiom {
	return idiom{regexp.MustCompile(`(?i)(?:^|[^\w'-])(?:` + words + `)(?:$|[^\w'-])`), remedy}
}
