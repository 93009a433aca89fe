package config

import "strconv"

// RenderMapping returns the text of a mapping file, with notes as comments. It writes the schemas
// with the types, values and Keycloak attributes of their attributes, and the rules of users
// without transforms.
func RenderMapping(m Mapping, notes []string) string {
	var w writer
	w.line("# Mapping file of scim-bridge. Every key: docs/reference/mapping.md")
	w.line("# Find problems with: scim-bridge validate -f FILE")
	for _, note := range notes {
		w.line("# Not converted: %s", oneLineOf(note))
	}
	w.line("version: %d", MappingVersion)
	if len(m.Schemas) > 0 {
		w.line("schemas:")
	}
	for _, s := range m.Schemas {
		w.line("  %s:", strconv.Quote(s.Name))
		w.key(4, "resource", string(s.Value.Resource))
		w.line("    attributes:")
		for _, a := range s.Value.Attributes {
			w.line("      %s:", strconv.Quote(a.Name))
			w.key(8, "type", string(a.Value.Type))
			if a.Value.MultiValued {
				w.line("        multiValued: true")
			}
			w.key(8, "keycloak", string(a.Value.Keycloak))
		}
	}
	if len(m.Users.Attributes) > 0 {
		w.line("users:")
		w.line("  attributes:")
	}
	for _, r := range m.Users.Attributes {
		w.line("    %s: { keycloak: %s }", strconv.Quote(r.Name), strconv.Quote(string(r.Value.Keycloak)))
	}
	return w.String()
}

// oneLineOf returns a text without line breaks, which would end a comment.
func oneLineOf(text string) string {
	quoted := strconv.Quote(text)
	return quoted[1 : len(quoted)-1]
}
