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
)

// Wrap breaks the lines of a page that are too long, except code, tables and headings.
func Wrap(page string) string {
	lines := strings.Split(page, "\n")
	var out []string
	inCode := false
	for i := 0; i < len(lines); {
		if fence := strings.HasPrefix(strings.TrimSpace(lines[i]), "```"); fence || inCode || apart.MatchString(lines[i]) {
			inCode = inCode != fence
			out = append(out, lines[i])
			i++
			continue
		}
		end := i + 1
		for end < len(lines) && !apart.MatchString(lines[end]) && begins.FindStringSubmatch(lines[end])[1] == strings.Repeat(" ", indentation(lines[end])) && !strings.HasPrefix(strings.TrimSpace(lines[end]), "```") {
			end++
		}
		out = append(out, wrap(lines[i:end])...)
		i = end
	}
	return strings.Join(out, "\n")
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
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns {
			out, line = append(out, line), next+word
			continue
		}
		line += " " + word
	}
	return append(out, line)
}
