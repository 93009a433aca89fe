package server

import (
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
)

// preferredReturn is what the client wants in the answer, from the values of the header Prefer (RFC 7240); "" without
// a preference. The first of several preferences counts, and unknown preferences are ignored.
func preferredReturn(headers []string) bridge.Return {
	for _, preference := range splitOutside(strings.Join(headers, ","), ',') {
		token := splitOutside(preference, ';')[0] // its parameters have no meaning
		name, value, _ := strings.Cut(token, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "return") {
			continue
		}
		switch r := bridge.Return(strings.ToLower(strings.Trim(strings.TrimSpace(value), `"`))); r {
		case bridge.ReturnRepresentation, bridge.ReturnMinimal:
			return r
		}
		return ""
	}
	return ""
}

// splitOutside splits a text at each separator outside quoted strings (RFC 9110 section 5.6.4).
func splitOutside(text string, separator byte) []string {
	var out []string
	quoted, from := false, 0
	for i := 0; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++ // the escaped character
		case text[i] == '"':
			quoted = !quoted
		case text[i] == separator && !quoted:
			out, from = append(out, text[from:i]), i+1
		}
	}
	return append(out, text[from:])
}
