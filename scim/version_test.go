package scim_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

func linked(pairs [][2]string) string {
	return scim.LinkedVersion(func(yield func(string, string) bool) {
		for _, pair := range pairs {
			if !yield(pair[0], pair[1]) {
				return
			}
		}
	})
}

// TestLinkedVersionsTellSetsApart: the same elements in any order have one version, and other elements have another
// version.
func TestLinkedVersionsTellSetsApart(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[string]string{} // the elements of a version
	for range 5_000 {
		var elements [][2]string
		for id := range 6 {
			if r.IntN(2) == 0 {
				elements = append(elements, [2]string{fmt.Sprint(id), []string{"", "a", "b"}[r.IntN(3)]})
			}
		}
		name, version := fmt.Sprint(elements), linked(elements)
		if other, ok := seen[version]; ok && other != name {
			t.Fatalf("%s and %s have the version %s", name, other, version)
		}
		seen[version] = name
		r.Shuffle(len(elements), func(i, j int) { elements[i], elements[j] = elements[j], elements[i] })
		if again := linked(elements); again != version {
			t.Fatalf("the version of %s is %s and, in another order, %s", name, version, again)
		}
	}
	for _, pair := range [][2][][2]string{
		{{{"1", ""}, {"2", "a"}}, {{"1", "a"}, {"2", ""}}}, {{{"1", "2"}}, {{"12", ""}}}, {{{"1", ""}, {"1", ""}}, nil},
	} {
		if linked(pair[0]) == linked(pair[1]) {
			t.Errorf("%v and %v have one version", pair[0], pair[1])
		}
	}
}

func TestVersionsHaveTwoForms(t *testing.T) {
	t.Parallel()
	r := scim.Resource{Document: scim.Document{"displayName": "Team", "members": []any{"x"}}}
	cheap := r.Version()
	r.Linked = linked(nil)
	full := r.Version()
	other := scim.Resource{Document: scim.Document{"displayName": "Other"}}.Version()
	for tag, want := range map[string][2]bool{ // whether the tag is the same version, and whether it is linking
		cheap: {true, false}, strings.TrimPrefix(cheap, "W/"): {true, false}, full: {false, true}, strings.TrimPrefix(full, "W/"): {false, true},
		other: {false, false}, "": {false, false}, "*": {false, false}, `W/""`: {false, false}, `W/"."`: {false, false}, "W/": {false, false},
		strings.TrimSuffix(full, `"`): {false, true}, // the same as no version
	} {
		if got := [2]bool{scim.SameVersion(tag, cheap), scim.Linking(tag, cheap)}; got != want {
			t.Errorf("%s beside %s: the same and linking are %v, want %v", tag, cheap, got, want)
		}
		if scim.SameVersion(tag, full) != (strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(full, "W/")) {
			t.Errorf("%s beside %s: %v", tag, full, scim.SameVersion(tag, full))
		}
	}
	if cheap != (scim.Resource{Document: scim.Document{"displayName": "Team"}}).Version() {
		t.Error("the version without a linked part is over members")
	}
}
