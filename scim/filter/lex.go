package filter

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// tokenKind is the kind of a token.
type tokenKind byte

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a name, a path, an operator, a literal without quotes
	tokenString           // text holds the value, unescaped
	tokenOpen             // (
	tokenClose            // )
	tokenBegin            // [
	tokenFinish           // ]
	tokenBad              // a malformed string
)

type token struct {
	kind tokenKind
	text string
	pos  int // byte offset
}

// lexer cuts a filter into tokens.
type lexer struct {
	text string
	pos  int
}

func (l *lexer) next() token {
	for l.pos < len(l.text) && isBlank(l.text[l.pos]) {
		l.pos++
	}
	start := l.pos
	if start == len(l.text) {
		return token{kind: tokenEnd, pos: start}
	}
	if kind := punctuation(l.text[start]); kind != tokenEnd {
		l.pos++
		return token{kind: kind, text: l.text[start:l.pos], pos: start}
	}
	if l.text[start] == '"' {
		return l.quoted()
	}
	for l.pos < len(l.text) && isWord(l.text[l.pos]) {
		l.pos++
	}
	return token{kind: tokenWord, text: l.text[start:l.pos], pos: start}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isWord(c byte) bool { return !isBlank(c) && c != '"' && punctuation(c) == tokenEnd }

func punctuation(c byte) tokenKind {
	switch c {
	case '(':
		return tokenOpen
	case ')':
		return tokenClose
	case '[':
		return tokenBegin
	case ']':
		return tokenFinish
	}
	return tokenEnd
}

// quoted reads a JSON string.
func (l *lexer) quoted() token {
	start := l.pos
	escaped := false
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch l.text[l.pos] {
		case '\\':
			escaped = true
			l.pos++
		case '"':
			l.pos++
			return l.unquote(start, escaped)
		}
	}
	l.pos = len(l.text)
	return token{kind: tokenBad, pos: start}
}

func (l *lexer) unquote(start int, escaped bool) token {
	raw := l.text[start:l.pos]
	if !escaped && plain(raw) {
		return token{kind: tokenString, text: raw[1 : len(raw)-1], pos: start}
	}
	var text string
	if json.Unmarshal([]byte(raw), &text) != nil || strings.ContainsRune(text, 0) || loneSurrogate(raw, text) {
		return token{kind: tokenBad, pos: start}
	}
	return token{kind: tokenString, text: text, pos: start}
}

// plain reports whether a quoted text has no control character, which JSON forbids.
func plain(raw string) bool {
	for i := range len(raw) {
		if raw[i] < 0x20 {
			return false
		}
	}
	return true
}

// loneSurrogate reports whether unescaping replaced half of a surrogate pair.
func loneSurrogate(raw, text string) bool {
	return strings.ContainsRune(text, utf8.RuneError) && !strings.ContainsRune(raw, utf8.RuneError) &&
		!strings.Contains(strings.ToLower(raw), `\ufffd`)
}

// Bounds of a filter, checked before it costs anything.
const (
	maxLength  = 8 << 10 // bytes
	maxNesting = 32
	maxTerms   = 100
)

// checkBounds refuses a text that is too long or not clean, before it is parsed.
func checkBounds(text string, kind scim.ErrorType) error {
	switch {
	case len(text) > maxLength:
		return scim.BadRequest(scim.CodeFilterTooLong, kind, "a filter or path can have at most %d bytes, but this one has %d", maxLength, len(text))
	case !utf8.ValidString(text):
		return scim.BadRequest(scim.CodeFilter, kind, "a filter or path must be valid UTF-8")
	case strings.ContainsRune(text, 0):
		return scim.BadRequest(scim.CodeFilter, kind, "a filter or path must not contain a NUL character")
	}
	return nil
}
