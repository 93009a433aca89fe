package mapping

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// step is a compiled transform. Either each or all is set.
type step struct {
	name  string // name of the transform
	each  *eachStep
	all   *allStep
	folds bool // values that differ only in case become equal
}

// eachStep works on every value by itself. An error says what is wrong with the value; it continues
// a sentence that begins with the attribute's name.
type eachStep struct {
	in  func(string) (string, error)
	out func(string) string
}

// allStep works on all values of an attribute at once.
type allStep struct {
	in  func([]string) ([]string, error)
	out func([]string) []string

	splits bool // makes several values of one value
	joins  bool // makes one value of several values
}

func asIs(text string) string { return text }

func changed(f func(string) string) func(string) (string, error) {
	return func(text string) (string, error) { return f(text), nil }
}

// compileStep makes a step of a transform of config.TransformDocs. It leaves out json, which
// belongs to the rule.
func compileStep(t config.Transform) step {
	switch t.Name {
	case "trim":
		return step{each: &eachStep{changed(strings.TrimSpace), asIs}}
	case "lower":
		return step{each: &eachStep{changed(strings.ToLower), asIs}, folds: true}
	case "upper":
		return step{each: &eachStep{changed(strings.ToUpper), asIs}, folds: true}
	case "prefix":
		return step{each: &eachStep{
			changed(func(text string) string { return t.Text + text }),
			func(text string) string { return strings.TrimPrefix(text, t.Text) },
		}}
	case "suffix":
		return step{each: &eachStep{
			changed(func(text string) string { return text + t.Text }),
			func(text string) string { return strings.TrimSuffix(text, t.Text) },
		}}
	case "map":
		return step{each: mapStep(t.Pairs)}
	case "default":
		return step{all: &allStep{in: defaultTo(t.Text), out: same}}
	case "constant":
		return step{all: &allStep{in: func([]string) ([]string, error) { return []string{t.Text}, nil }, out: same}}
	case "split":
		return step{all: splitStep(t.Text)}
	case "join":
		return step{all: joinStep(t.Text)}
	}
	return step{}
}

func same(values []string) []string { return values }

func defaultTo(text string) func([]string) ([]string, error) {
	return func(values []string) ([]string, error) {
		if len(values) == 0 {
			return []string{text}, nil
		}
		return values, nil
	}
}

func mapStep(pairs []config.Pair) *eachStep {
	in, out := map[string]string{}, map[string]string{}
	names := make([]string, len(pairs))
	for i, p := range pairs {
		in[p.From], out[p.To], names[i] = p.To, p.From, p.From
	}
	return &eachStep{
		in: func(text string) (string, error) {
			to, ok := in[text]
			if !ok {
				return "", scim.BadRequest(scim.CodeValue, scim.InvalidValue, "must be one of %s", strings.Join(names, ", "))
			}
			return to, nil
		},
		out: func(text string) string {
			if from, ok := out[text]; ok {
				return from
			}
			return text
		},
	}
}

// splitStep leaves out blank parts and duplicates, which Keycloak would not keep. It makes at most
// as many values as a client may send.
func splitStep(separator string) *allStep {
	return &allStep{
		splits: true,
		in: func(values []string) ([]string, error) {
			var parts []string
			seen := texts{}
			for _, text := range values {
				for part := range strings.SplitSeq(text, separator) {
					if part = strings.TrimSpace(part); part != "" && !seen.in(parts, part) {
						parts = append(parts, part)
					}
					if len(parts) > scim.MaxValues {
						return nil, scim.BadRequest(scim.CodeTooManyValues, scim.InvalidValue, "can have at most %d values separated by %q", scim.MaxValues, separator)
					}
				}
			}
			return parts, nil
		},
		out: func(values []string) []string {
			if len(values) == 0 {
				return nil
			}
			return []string{strings.Join(values, separator)}
		},
	}
}

func joinStep(separator string) *allStep {
	return &allStep{
		joins: true,
		in: func(values []string) ([]string, error) {
			for _, text := range values {
				if strings.Contains(text, separator) {
					return nil, scim.BadRequest(scim.CodeValue, scim.InvalidValue, "cannot have a value that contains %q, because Keycloak stores the values joined by it", separator)
				}
			}
			if len(values) == 0 {
				return nil, nil
			}
			return []string{strings.Join(values, separator)}, nil
		},
		out: func(values []string) []string {
			if len(values) == 0 {
				return nil
			}
			return strings.Split(values[0], separator)
		},
	}
}

// steps are the transforms of a rule in the order of the file.
type steps []step

// in converts values for Keycloak.
func (s steps) in(values []string) ([]string, error) {
	for _, step := range s {
		if step.all != nil {
			var err error
			if values, err = step.all.in(values); err != nil {
				return nil, err
			}
			continue
		}
		for i, text := range values {
			changed, err := step.each.in(text)
			if err != nil {
				return nil, err
			}
			values[i] = changed
		}
	}
	return values, nil
}

// out converts values back. It may change the slice.
func (s steps) out(values []string) []string {
	for _, step := range slices.Backward(s) {
		if step.all != nil {
			values = step.all.out(values)
			continue
		}
		for i, text := range values {
			values[i] = step.each.out(text)
		}
	}
	return values
}

// one returns the form in which a single text is stored; ok is false when the text is refused.
func (s steps) one(text string) (stored string, ok bool) {
	values, err := s.in([]string{text})
	if err != nil || len(values) != 1 {
		return "", false
	}
	return values[0], true
}

func (s steps) split() bool {
	return slices.ContainsFunc(s, func(s step) bool { return s.all != nil && s.all.splits })
}

func (s steps) join() bool {
	return slices.ContainsFunc(s, func(s step) bool { return s.all != nil && s.all.joins })
}
