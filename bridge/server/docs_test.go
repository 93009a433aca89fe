package server

import (
	"os"
	"strings"
	"testing"
)

// TestEveryRouteIsDocumented: the page of endpoints has every route, and no other.
func TestEveryRouteIsDocumented(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/reference/endpoints.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 || !strings.Contains(cells[1], "`/") && !strings.Contains(cells[1], "service root") {
			continue
		}
		for path := range strings.SplitSeq(cells[1], ",") {
			path = strings.Trim(strings.TrimSpace(path), "`")
			if path == "the service root" {
				path = ""
			}
			for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
				if strings.Contains(cells[2], method) || strings.Contains(cells[2], "501") {
					documented[method+" "+path] = true
				}
			}
		}
	}
	for _, r := range Routes() {
		name := r.Method + " " + strings.NewReplacer("/Schemas/:id", "/Schemas/{urn}", ":id", "{id}").Replace(r.Path)
		if !documented[name] {
			t.Errorf("%s is not documented", name)
		}
		delete(documented, name)
	}
	if len(documented) > 0 {
		t.Errorf("the page documents routes that do not exist: %v", documented)
	}
}
