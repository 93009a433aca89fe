package scim

import (
	"strings"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

// PrepareUserName is the form in which user names are stored and compared: prepared
// by the profile UsernameCaseMapped of PRECIS (RFC 7644 section 5, RFC 8265 section
// 3.3), so that names that look alike in width, case or composition are one. A name
// that the profile refuses, as one with a blank, is composed and lower-cased alone.
func PrepareUserName(text string) string {
	if prepared, err := precis.UsernameCaseMapped.String(text); err == nil {
		return prepared
	}
	return strings.ToLower(norm.NFC.String(text))
}
