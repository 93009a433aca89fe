package config

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// realmReserved are the characters that Keycloak takes in no realm name
// (org.keycloak.utils.ReservedCharValidator, 26.x).
const realmReserved = `:/?#@!$&()*+,;=[]\`

// realmName says why a name can't be that of a realm, or returns nil. The name
// stands in the path of every call to the Admin API.
func realmName(name string) *fault {
	switch {
	case name == "master":
		return &fault{"the realm master can't be served", "Its clients can reach every realm; make a realm for your users"}
	case strings.Contains(name, "${"):
		return &fault{"holds ${...}, and nothing is expanded in this file", "Write the name itself"}
	case strings.ContainsAny(name, realmReserved):
		return &fault{"a realm's name has none of " + realmReserved, "Write the name as the Keycloak console shows it"}
	}
	return identifier(name)
}

// identifier says why a name of something in Keycloak can't be right.
func identifier(name string) *fault {
	const hint = "Write it as the Keycloak console shows it"
	switch {
	case name == "" || name == "." || name == "..":
		return &fault{"is not a name", hint}
	case strings.ContainsAny(name, `/\`):
		return &fault{"a name holds no slash", hint}
	case strings.ContainsFunc(name, unicode.IsControl) || strings.TrimSpace(name) != name:
		return &fault{"a name holds no control character and neither begins nor ends with a blank", hint}
	case utf8.RuneCountInString(name) > 255:
		return &fault{"is longer than 255 characters", hint}
	}
	return nil
}
