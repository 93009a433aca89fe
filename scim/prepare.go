package scim

import (
	"strings"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

// PrepareUserName is the form in which user names are stored and compared. Names that differ only in width, case or
// composition get the same form. The form is the profile UsernameCaseMapped of PRECIS (RFC 7644 section 5, RFC 8265
// section 3.3). A name that the profile refuses, such as a name with a blank, is only composed and lower-cased.
func PrepareUserName(text string) string {
	if prepared, err := precis.UsernameCaseMapped.String(text); err == nil {
		return prepared
	}
	return strings.ToLower(norm.NFC.String(text))
}
