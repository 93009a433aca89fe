package guard

import (
	"strings"
	"unicode"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Identifiers checks the user name and the address of a new account (held is nil) or of an account
// that is to be changed. It fails with a NameError or a DomainError.
//
// A new value must not look like the identifier of another account, because applications, people
// and tokens know a user by these two. At an organization, addresses must also be in its verified
// domains. A value that the account has already does not block other changes of the account.
//
// An address counts as verified only in the verified domains of the organization.
func Identifiers(t *tenant.Tenant, f tenant.Fitness, held *keycloak.User, s *mapping.UserState) error {
	organization := !t.Organization.ID.IsZero()
	if organization {
		s.EmailVerified = s.EmailVerified && f.IsVerified(s.Email)
	}
	was := keycloak.User{}
	if held != nil {
		was = *held
	}
	for _, c := range []change{{scim.AttrUserName, was.Username, s.Username}, {emailsValue, was.Email, s.Email}} {
		if c.unchanged() {
			continue
		}
		err := c.check(organization)
		if err == nil && organization && !t.Policy.TakesAnyDomain() {
			err = c.domain(f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// change is the change of an identifier.
type change struct{ attribute, old, new string }

const emailsValue = scim.AttrEmails + "." + scim.AttrValue

// unchanged reports whether the identifier stays the same. The bridge writes user names in one
// normal form, and the account may have the name in another form.
func (c change) unchanged() bool {
	return strings.EqualFold(c.old, c.new) || c.attribute == scim.AttrUserName && c.old != "" && scim.PrepareUserName(c.old) == c.new
}

// check refuses a value that looks like another identifier or like the name of a service account.
func (c change) check(organization bool) error {
	local, _, address := strings.Cut(c.new, "@")
	switch r, bad := unclear(c.new); {
	case bad:
		return NameError{Attribute: c.attribute, Fault: Unseen, Character: r}
	case strings.TrimFunc(c.new, unicode.IsSpace) != c.new:
		return NameError{Attribute: c.attribute, Fault: Blank}
	case organization && address && (strings.Count(c.new, "@") > 1 || strings.Contains(local, `"`)):
		return NameError{Attribute: c.attribute, Fault: SecondAddress}
	case c.attribute == scim.AttrUserName && strings.HasPrefix(strings.ToLower(c.new), keycloak.ServiceAccountPrefix):
		return NameError{Attribute: c.attribute, Fault: ServiceAccount}
	}
	return nil
}

const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
	brailleBlank       = '\u2800' // Unicode does not count it as a space, but it looks like a space
)

// joining lists the scripts that need the two joiners of zero width for correct spelling.
var joining = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Mandaic, unicode.Nko, unicode.Mongolian, unicode.Phags_Pa, unicode.Manichaean, unicode.Adlam, unicode.Hanifi_Rohingya,
	unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam,
	unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Balinese, unicode.Javanese, unicode.Sundanese, unicode.Meetei_Mayek, unicode.Chakma,
	unicode.Newa, unicode.Grantha, unicode.Tirhuta,
}

// unclear finds a character that makes a text look like another text. Such a character is invisible
// (Default_Ignorable_Code_Point of Unicode), breaks the line, or changes the direction of the text
// around it. A joiner between letters of a script that needs joiners is allowed.
func unclear(text string) (rune, bool) {
	runes := []rune(text)
	letter := func(i int) bool { return i >= 0 && i < len(runes) && unicode.In(runes[i], unicode.L, unicode.M) }
	joins := func(i int) bool { return letter(i) && unicode.In(runes[i], joining...) }
	for i, r := range runes {
		switch {
		case r == zeroWidthNonJoiner, r == zeroWidthJoiner:
			if !letter(i-1) || !joins(i+1) {
				return r, true
			}
		case r == brailleBlank:
			return r, true
		case unicode.In(r, unicode.Prepended_Concatenation_Mark): // signs of Arabic and other scripts that readers can see
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			return r, true
		}
	}
	return 0, false
}
