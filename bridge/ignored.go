package bridge

import (
	"slices"

	"go.uber.org/zap"
)

// otherAttribute is the name under which attributes outside the core schemas are counted, because their names come from
// a client.
const otherAttribute = "other"

// dropped counts the values that the mapping leaves out, and logs each attribute of a tenant once.
func (s *Service) dropped(r *request, names []string) {
	for _, name := range s.ignored(names) {
		if _, told := s.loggedOnce.LoadOrStore(r.Tenant.Path+" "+name, true); !told {
			s.options.Log.Warn("an attribute without a rule is left out, because the mapping has unmapped: drop; this is logged once",
				zap.String("tenant", r.Tenant.Path), zap.String("attribute", name))
		}
	}
}

// ignored counts attributes whose values are left out, and returns the names under which they are counted.
func (s *Service) ignored(names []string) []string {
	out := slices.Clone(names)
	for i, name := range out {
		if path, err := s.core.Resolve(name); err != nil || !path.Known() {
			out[i] = otherAttribute
		}
		s.options.Observer.Ignored(out[i], 1)
	}
	return out
}
