package filter

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Key is a value in the form in which it is compared. Equal values have equal keys, and keys sort like the values (RFC
// 7644 section 3.4.2.2). Texts are compared without case unless the attribute is caseExact, and user names also without
// width and composition (RFC 7643 section 4.1.1). Times are compared as instants, numbers by size. ok is false for a
// value of another type, which equals nothing.
func Key(a *scim.Attribute, value any) (key string, ok bool) {
	switch v := value.(type) {
	case bool:
		return strconv.FormatBool(v), a.Type == scim.TypeBoolean
	case json.Number:
		if a.Type != scim.TypeInteger && a.Type != scim.TypeDecimal {
			return "", false
		}
		return numberKey(v.String())
	case string:
		return textKey(a, v)
	}
	return "", false
}

func textKey(a *scim.Attribute, text string) (key string, ok bool) {
	switch a.Type {
	case scim.TypeDateTime:
		return timeKey(text)
	case scim.TypeString, scim.TypeReference, scim.TypeBinary:
	case scim.TypeBoolean, scim.TypeInteger, scim.TypeDecimal, scim.TypeComplex:
		return "", false
	}
	switch {
	case a.CaseExact:
	case a.Name == scim.AttrUserName:
		text = prepare(text)
	default: // as Keycloak compares in a look-up
		text = strings.ToLower(text)
	}
	return text, true
}

func timeKey(text string) (key string, ok bool) {
	t, err := time.Parse(time.RFC3339Nano, text)
	return t.UTC().Format("2006-01-02T15:04:05.000000000"), err == nil
}

// maxExponent bounds the exponents of numbers that can be compared.
const maxExponent = 1_000_000_000

// numberKey writes a JSON number as a text, so that texts sort like the numbers: its sign, its exponent, its digits.
// Those of a negative number are complemented.
func numberKey(text string) (key string, ok bool) {
	text, negative := strings.CutPrefix(text, "-")
	mantissa, power, _ := strings.Cut(strings.ToLower(text), "e")
	exponent := 0
	if power != "" {
		var err error
		if exponent, err = strconv.Atoi(power); err != nil || exponent > maxExponent || exponent < -maxExponent {
			return "", false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent += len(digits) - len(fraction)
	digits = strings.TrimRight(digits, "0")
	switch {
	case digits == "":
		return "1", true
	case !negative:
		return fmt.Sprintf("2%010d%s", exponent+2*maxExponent, digits), true
	}
	// of two negative numbers the longer is less, so the end must sort after every digit
	return "0" + complement(fmt.Sprintf("%010d%s", exponent+2*maxExponent, digits)) + "~", true
}

func complement(digits string) string {
	return strings.Map(func(r rune) rune { return '0' + '9' - r }, digits)
}

// Holds reports whether the operator holds between a key and want. Ne is the opposite of Eq.
func (op Op) Holds(key, want string) bool {
	switch op {
	case Eq:
		return key == want
	case Ne:
		return key != want
	case Co:
		return strings.Contains(key, want)
	case Sw:
		return strings.HasPrefix(key, want)
	case Ew:
		return strings.HasSuffix(key, want)
	case Gt:
		return key > want
	case Ge:
		return key >= want
	case Lt:
		return key < want
	case Le:
		return key <= want
	}
	return false
}

// prepare makes the form in which user names are compared: Unicode's full case folding and composition, also beyond
// ASCII.
func prepare(text string) string {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return norm.NFC.String(cases.Fold().String(width.Fold.String(text)))
		}
	}
	return strings.ToLower(text)
}
