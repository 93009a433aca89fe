package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func pages(t *testing.T) map[string]string {
	t.Helper()
	out, err := Pages(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var (
	code    = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	anchor  = regexp.MustCompile(`<a id="([^"]+)">`)
)

// anchors are the names that a link to a page may have after its #, as GitHub makes them.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		name := strings.ToLower(match[1])
		name = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(name, "$1")
		name = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(name, "")
		out[strings.ReplaceAll(name, " ", "-")] = true
	}
	for _, match := range anchor.FindAllStringSubmatch(text, -1) {
		out[match[1]] = true
	}
	return out
}

// TestEveryLinkLeadsSomewhere in the repository: to a file that exists, and to a heading or an anchor in it.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	all := pages(t)
	seen := 0
	for page, text := range all {
		prose := code.ReplaceAllString(text, "")
		for _, match := range link.FindAllStringSubmatch(prose, -1) {
			target, fragment, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, ":") {
				continue // a link to another server: the test asks nothing on the network
			}
			seen++
			to := page
			if target != "" {
				to = filepath.Join(filepath.Dir(page), target)
			}
			if _, err := os.Stat(filepath.Join("..", to)); err != nil {
				t.Errorf("%s links to %s: %v", page, match[1], err)
			} else if fragment != "" && !anchors(all[to])[fragment] {
				t.Errorf("%s links to %s, and that page has no such heading", page, match[1])
			}
		}
	}
	if seen < 200 {
		t.Errorf("only %d links were found", seen)
	}
}

// TestEveryPageIsInTheIndex: each page has a link from another page.
func TestEveryPageIsInTheIndex(t *testing.T) {
	t.Parallel()
	all := pages(t)
	linked := map[string]bool{}
	for page, text := range all {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(match[1], "#")
			linked[filepath.Join(filepath.Dir(page), target)] = true
		}
	}
	for page := range all {
		inDirectory := linked[filepath.Dir(page)] // docs/adr
		if strings.HasPrefix(page, "docs/") && page != "docs/README.md" && !linked[page] && !inDirectory {
			t.Errorf("no page links to %s", page)
		}
	}
}

// TestEveryGuideToAProviderHasTheSameHeadings, so that a reader who knows one guide knows all. Each guide names files of
// recorded requests that exist. Before the operator's part it names nothing that only the operator knows.
func TestEveryGuideToAProviderHasTheSameHeadings(t *testing.T) {
	t.Parallel()
	const operator = "For the operator"
	want := []string{
		"You need", "Steps", "Check", "When something fails", "Stop",
		operator, "Before you send the URL", "Attributes", "Check in Keycloak", "Quirks", "Troubleshoot", "Revoke the token", "Tested with",
	}
	extra := map[string]bool{"With OAuth": true, "The template": true} // below the steps
	seen := 0
	for page, text := range pages(t) {
		if !strings.HasPrefix(page, "docs/guides/identity-providers/") {
			continue
		}
		seen++
		var got []string
		for _, match := range heading.FindAllStringSubmatch(text, -1) {
			if !extra[match[1]] {
				got = append(got, match[1])
			}
		}
		if len(got) == 0 || !slices.Equal(got[1:], want) {
			t.Errorf("%s has the headings %q", page, got)
		}
		customers, _, _ := strings.Cut(text, "\n## "+operator+"\n")
		customers = link.ReplaceAllString(customers, "]") // the path of a file is not a word of the text
		if word := Internal(customers); word != "" {
			t.Errorf("%s names %q before the operator's part", page, word)
		}
		for _, file := range regexp.MustCompile("`(bridge/[^`]+)`").FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join("..", file[1])); err != nil {
				t.Errorf("%s was tested with %v", page, err)
			}
		}
	}
	if seen < 11 {
		t.Errorf("only %d guides were found", seen)
	}
}

// TestEveryGoFileOfAPageExists: a page that names a file by its name, or the end of its path.
func TestEveryGoFileOfAPageExists(t *testing.T) {
	t.Parallel()
	files := []string{}
	err := filepath.WalkDir("..", func(name string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(name) == ".go" {
			files = append(files, "/"+filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([\\w/]+\\.go)(?::\\d+)?`")
	seen := 0
	for page, text := range pages(t) {
		for _, match := range named.FindAllStringSubmatch(text, -1) {
			seen++
			if !slices.ContainsFunc(files, func(file string) bool { return strings.HasSuffix(file, "/"+match[1]) }) {
				t.Errorf("%s names %s, which does not exist", page, match[1])
			}
		}
	}
	if seen < 20 {
		t.Errorf("the pages name %d files: are these all?", seen)
	}
}
