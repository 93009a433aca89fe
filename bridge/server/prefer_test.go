package server

import (
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
)

func TestPreferredReturn(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bridge.Return{ // \n separates the lines of the header
		"":                                      "",
		"return=minimal":                        bridge.ReturnMinimal,
		"Return = Representation":               bridge.ReturnRepresentation,
		`return="minimal"`:                      bridge.ReturnMinimal,
		"respond-async, return=minimal":         bridge.ReturnMinimal,
		"return=minimal; foo=\"some, text\"":    bridge.ReturnMinimal,
		"return=minimal, return=representation": bridge.ReturnMinimal, // RFC 7240 section 2: the first counts
		"return=nothing, return=representation": "",
		`foo="x, return=minimal"`:               "",
		`foo="x\", return=minimal"`:             "",
		"handling=strict\nreturn=minimal":       bridge.ReturnMinimal,
		"return":                                "",
		"return=":                               "",
		"returns=minimal":                       "",
		`return="`:                              "",
		"return=minimal\\":                      "",
		";return=minimal":                       "",
		`"`:                                     "",
		`\`:                                     "",
	} {
		if got := preferredReturn(strings.Split(header, "\n")); got != want {
			t.Errorf("Prefer: %s = %q, want %q", header, got, want)
		}
	}
}

func FuzzSplitOutside(f *testing.F) {
	f.Add(`a,"b,c",d`, byte(','))
	f.Add(`"\`, byte(';'))
	f.Fuzz(func(t *testing.T, text string, separator byte) {
		if separator == '"' || separator == '\\' {
			return
		}
		parts := splitOutside(text, separator)
		if got := strings.Join(parts, string([]byte{separator})); got != text {
			t.Errorf("the parts of %q are %q", text, parts)
		}
		if !strings.ContainsAny(text, `"\`) && !slices.Equal(parts, strings.Split(text, string([]byte{separator}))) {
			t.Errorf("the parts of %q are %q", text, parts)
		}
	})
}
