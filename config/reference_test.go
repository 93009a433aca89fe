package config

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the generated part of the mapping's reference page")

// TestMappingReferencePageIsGenerated: what stands between the marks of the page is what
// the types say.
func TestMappingReferencePageIsGenerated(t *testing.T) {
	t.Parallel()
	const page, begin, end = "../docs/reference/mapping.md", "<!-- generated from the types -->\n", "<!-- end of what is generated -->"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	shown, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no marks", page)
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+begin+MappingReference()+"\n"+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(MappingReference()+"\n", shown); diff != "" {
		t.Errorf("%s (-types +page), write it with go test ./config -update:\n%s", page, diff)
	}
}
