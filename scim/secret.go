package scim

import "strings"

// WithoutPasswords is a copy of a message without passwords, to be kept. The message is as its client sent it and need
// not be valid: a resource, a PATCH or a bulk request. found reports whether a password was left out. In doubt, a value
// is left out. So is every member whose name has the word "password" in any case, and every value of an object that has
// the name of the password as a text. The path of a PATCH operation is such a text.
func WithoutPasswords(message map[string]any) (kept map[string]any, found bool) {
	s := new(strainer)
	return s.object(message), s.found
}

// strainer leaves out passwords.
type strainer struct{ found bool }

func (s *strainer) object(object map[string]any) map[string]any {
	secret := false // the other members of the object are a password
	for name, value := range object {
		if text, is := value.(string); is && (secretName(text) || isPath(name) && saysPassword(text)) {
			secret = true
		}
	}
	out := make(map[string]any, len(object))
	for name, value := range object {
		text, isText := value.(string)
		switch {
		case secret && isText && !saysPassword(name) && saysPassword(text):
			out[name] = AttrPassword // a path can have a filter with the password
		case saysPassword(name), secret && !isLabel(name):
			s.found = true
		default:
			out[name] = s.value(value)
		}
	}
	return out
}

func (s *strainer) value(value any) any {
	switch v := value.(type) {
	case map[string]any:
		return s.object(v)
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = s.value(one)
		}
		return out
	case string:
		if isJSON(v) && saysPassword(v) { // a client that encodes an object twice
			s.found = true
			return ""
		}
	}
	return value
}

// saysPassword reports whether a text has the word "password" in any case.
func saysPassword(text string) bool { return strings.Contains(FoldName(text), AttrPassword) }

// secretName reports whether a text is the name of the password.
func secretName(text string) bool { return FoldName(strings.TrimSpace(text)) == AttrPassword }

// isPath reports whether a member is the path of a PATCH operation.
func isPath(name string) bool { return FoldName(name) == "path" }

// isLabel reports whether a member of an operation says what its other members are.
func isLabel(name string) bool {
	switch FoldName(name) {
	case "op", "path", "method", "bulkid":
		return true
	}
	return false
}

// isJSON reports whether a text may be an object or an array.
func isJSON(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n")
	return strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")
}
