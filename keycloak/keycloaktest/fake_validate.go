package keycloaktest

import (
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
)

// fieldError is one complaint of the user profile.
type fieldError struct {
	Field        string `json:"field"`
	ErrorMessage string `json:"errorMessage"`
	Params       []any  `json:"params"`
}

func complaint(field, code string, params ...any) fieldError {
	return fieldError{Field: field, ErrorMessage: code, Params: append([]any{field}, params...)}
}

// validate checks one value of an attribute. nil means that the value is valid.
type validate func(field, value string) *fieldError

// defaultLength bounds values of attributes that have no validator for the length.
const defaultLength = `{"min":0,"max":2048}`

// validator makes the validator with a name and a configuration of the profile.
func validator(name string, config json.RawMessage) (validate, error) {
	switch name {
	case "length":
		return lengthValidator(config)
	case "email":
		return emailValidator, nil
	case "username-prohibited-characters":
		return matching(usernameCharacters.MatchString, "error-username-invalid-character"), nil
	case "person-name-prohibited-characters":
		return matching(personCharacters.MatchString, "error-person-name-invalid-character"), nil
	case "up-username-not-idn-homograph":
		return matching(latin, "error-username-invalid-character"), nil
	}
	return nil, errors.New("unknown")
}

// Characters that 26.7 refuses in user names and in names of people.
var (
	usernameCharacters = regexp.MustCompile("^[^<>&\"'\\s\\v\u00a0\u0085\u2028\u2029$%!#?§,;:*~/\\\\|^=\\[\\]{}()`[:cntrl:]]+$")
	personCharacters   = regexp.MustCompile("^[^<>&\"\\v\\n\\f\\r\u0085\u2028\u2029$%!#?§;*~/\\\\|^=\\[\\]{}()[:cntrl:]]+$")
)

func matching(good func(string) bool, code string) validate {
	return func(field, value string) *fieldError {
		if good(value) {
			return nil
		}
		c := complaint(field, code)
		return &c
	}
}

// latin reports whether a value has only Latin letters and characters that belong to no script.
func latin(value string) bool {
	for _, r := range value {
		if !unicode.Is(unicode.Latin, r) && !unicode.Is(unicode.Common, r) {
			return false
		}
	}
	return true
}

// units is the length of a text as Java and Keycloak's database count it.
func units(text string) int { return len(utf16.Encode([]rune(text))) }

func lengthValidator(config json.RawMessage) (validate, error) {
	var bounds struct {
		Min json.Number `json:"min"`
		Max json.Number `json:"max"`
	}
	if err := json.Unmarshal(config, &bounds); err != nil {
		return nil, err
	}
	least, noMin := bounds.Min.Int64()
	most, noMax := bounds.Max.Int64()
	if noMin != nil && noMax != nil {
		return nil, errors.New("no bounds")
	}
	return func(field, value string) *fieldError {
		n := int64(units(strings.TrimSpace(value)))
		if (noMin != nil || n >= least) && (noMax != nil || n <= most) {
			return nil
		}
		c := complaint(field, "error-invalid-length", least, most)
		switch {
		case noMin != nil:
			c = complaint(field, "error-invalid-length-too-long", nil, most)
		case noMax != nil:
			c = complaint(field, "error-invalid-length-too-short", least, nil)
		}
		return &c
	}, nil
}

var (
	localPart  = regexp.MustCompile("^(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\uffff-]+(?:\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\uffff-]+)*|\"[^\"\\r\\n]+\")$")
	domainPart = regexp.MustCompile("^(?:[A-Za-z0-9\u0080-\uffff]+(?:-+[A-Za-z0-9\u0080-\uffff]+)*(?:\\.[A-Za-z0-9\u0080-\uffff]+(?:-+[A-Za-z0-9\u0080-\uffff]+)*)*|\\[[0-9.]+\\])$")
)

func emailValidator(field, value string) *fieldError {
	i := strings.LastIndexByte(value, '@')
	if i > 0 && units(value[:i]) <= 64 && localPart.MatchString(value[:i]) && domainPart.MatchString(value[i+1:]) && shortLabels(value[i+1:]) {
		return nil
	}
	c := complaint(field, "error-invalid-email", value)
	return &c
}

// shortLabels checks a rule of the domain name system: at most 63 bytes in a label.
func shortLabels(domain string) bool {
	for label := range strings.SplitSeq(domain, ".") {
		if len(label) > 63 {
			return false
		}
	}
	return len(domain) <= 255
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }

// check applies all validators of a declared attribute.
func (d *declared) check(values []string) []fieldError {
	if len(values) == 0 {
		if d.required() {
			return []fieldError{complaint(d.Name, "error-user-attribute-required")}
		}
		return nil
	}
	if !d.MultiValued && len(values) > 1 {
		return []fieldError{complaint(d.Name, "error-invalid-multivalued-size", 0, 1)}
	}
	validations := d.Validations
	if _, bounded := validations["length"]; !bounded {
		validations = map[string]json.RawMessage{"length": json.RawMessage(defaultLength)}
		maps.Copy(validations, d.Validations)
	}
	return checkValues(d.Name, values, validations)
}

func checkValues(field string, values []string, validations map[string]json.RawMessage) []fieldError {
	var out []fieldError
	for _, name := range []string{"length", "email", "username-prohibited-characters", "person-name-prohibited-characters", "up-username-not-idn-homograph"} {
		config, ok := validations[name]
		if !ok {
			continue
		}
		v, err := validator(name, config)
		if err != nil {
			continue // the profile was checked when it was written
		}
		for _, value := range values {
			if c := v(field, value); c != nil {
				out = append(out, *c)
				break
			}
		}
	}
	return out
}
