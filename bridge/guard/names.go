package guard

import (
	"strings"
	"unicode"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Identifiers takes the user name and the address of a new account, held is nil then, or of one
// that is to be changed. What is new must not look like somebody else's: applications, people
// and tokens know a user by these two. At an organization, addresses must be in its verified
// domains too. What an account has already is no reason to refuse another change of it. The
// refusal is a NameError or a DomainError.
//
// An address is said to be verified for verified domains of the organization alone.
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

// change is that of an identifier.
type change struct{ attribute, old, new string }

const emailsValue = scim.AttrEmails + "." + scim.AttrValue

// unchanged reports whether the identifier stays: the bridge writes a user name in one form,
// whatever form the account has it in.
func (c change) unchanged() bool {
	return strings.EqualFold(c.old, c.new) || c.attribute == scim.AttrUserName && c.old != "" && scim.PrepareUserName(c.old) == c.new
}

// look refuses what looks like another identifier, or is one of a service account.
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
	brailleBlank       = '\u2800' // no space to Unicode, and shown as one
)

// joining are the scripts that are not written right without the two joiners of zero width.
var joining = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Mandaic, unicode.Nko, unicode.Mongolian, unicode.Phags_Pa, unicode.Manichaean, unicode.Adlam, unicode.Hanifi_Rohingya,
	unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam,
	unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Balinese, unicode.Javanese, unicode.Sundanese, unicode.Meetei_Mayek, unicode.Chakma,
	unicode.Newa, unicode.Grantha, unicode.Tirhuta,
}

// unclear finds a character by which a text looks like another one: it is not seen at all
// (Default_Ignorable_Code_Point of Unicode), breaks the line, or turns
// the direction of what stands around it. A joiner between letters of a script that needs it
// is none.
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
		case unicode.In(r, unicode.Prepended_Concatenation_Mark): // signs of Arabic and others that are seen
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			return r, true
		}
	}
	return 0, false
}
