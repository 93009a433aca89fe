package config

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// realmReserved are the characters that Keycloak allows in no realm name
// (org.keycloak.utils.ReservedCharValidator, 26.x).
const realmReserved = `:/?#@!$&()*+,;=[]\`

// realmName returns why a name cannot be the name of a realm, or nil. The name is part of the path
// of every call to the Admin API.
func realmName(name string) *fault {
	switch {
	case name == "master":
		return &fault{"the realm master cannot be served", "Its clients can reach every realm; make a realm for your users"}
	case strings.Contains(name, "${"):
		return &fault{"has ${...} in it, and nothing is expanded in this file", "Write the name itself"}
	case strings.ContainsAny(name, realmReserved):
		return &fault{"a realm's name must not have any of " + realmReserved, "Write the name as the Keycloak console shows it"}
	}
	return identifier(name)
}

// identifier returns why a name cannot be the name of something in Keycloak, or nil.
func identifier(name string) *fault {
	const hint = "Write it as the Keycloak console shows it"
	switch {
	case name == "" || name == "." || name == "..":
		return &fault{"is not a name", hint}
	case strings.ContainsAny(name, `/\`):
		return &fault{"a name must not have a slash", hint}
	case strings.ContainsFunc(name, unicode.IsControl) || strings.TrimSpace(name) != name:
		return &fault{"a name must not have a control character, or a blank at its beginning or end", hint}
	case utf8.RuneCountInString(name) > 255:
		return &fault{"is longer than 255 characters", hint}
	}
	return nil
}
