package docs

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// columns is how many characters a line of a page may have.
const columns = 100

var (
	// begins is what begins a paragraph or an item of a list: its indentation, a quotation's mark, its bullet.
	begins = regexp.MustCompile(`^(\s*(?:> )?(?:[-*] |\d+\. )?)(.*)$`)
	// apart is a line that is no part of a paragraph: a heading, a row of a table, HTML.
	apart = regexp.MustCompile(`^\s*(?:[|#<]|$)`)
	// opens is a word that would make something else of the line that it begins: an item, a heading, a quotation, a
	// row of a table, code, HTML.
	opens = regexp.MustCompile("^(?:[-+*]|-+|=+|#+|\\d{1,9}[.)])$|^(?:[>|]|```|~~~|<[A-Za-z/!])")
	// fence is what begins and ends a block of code.
	fence = regexp.MustCompile("^\\s*(```+)")
)

// Wrap breaks the lines of a page that are too long, except code, tables and headings.
func Wrap(page string) string {
	lines := strings.Split(page, "\n")
	var out []string
	open := "" // the fence of the block of code that is not yet closed
	for i := 0; i < len(lines); {
		mark := fenceOf(lines[i])
		if mark != "" || open != "" || apart.MatchString(lines[i]) {
			switch {
			case open == "":
				open = mark
			case strings.HasPrefix(mark, open):
				open = ""
			}
			out = append(out, lines[i])
			i++
			continue
		}
		end := i + 1
		for end < len(lines) && !apart.MatchString(lines[end]) && begins.FindStringSubmatch(lines[end])[1] == strings.Repeat(" ", indentation(lines[end])) && fenceOf(lines[end]) == "" {
			end++
		}
		out = append(out, wrap(lines[i:end])...)
		i = end
	}
	return strings.Join(out, "\n")
}

// fenceOf is the mark at the beginning of a line that begins or ends a block of code, or "".
func fenceOf(line string) string {
	if match := fence.FindStringSubmatch(line); match != nil {
		return match[1]
	}
	return ""
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// wrap breaks the lines of a paragraph or an item, when one is too long.
func wrap(lines []string) []string {
	fits := true
	for _, line := range lines {
		fits = fits && utf8.RuneCountInString(line) <= columns
	}
	if fits {
		return lines
	}
	match := begins.FindStringSubmatch(lines[0])
	first, words := match[1], strings.Fields(match[2]+" "+strings.Join(lines[1:], " "))
	next := strings.Repeat(" ", utf8.RuneCountInString(first))
	if strings.Contains(first, ">") {
		next = first
	}
	out, line := []string{}, first+words[0]
	for _, word := range words[1:] {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns && !opens.MatchString(word) {
			out, line = append(out, line), next+word
			continue
		}
		line += " " + word
	}
	return append(out, line)
}
