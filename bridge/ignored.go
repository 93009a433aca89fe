package bridge

import (
	"slices"

	"go.uber.org/zap"
)

// otherAttribute counts the attributes that no core schema knows as one, as their names
// are a client's.
const otherAttribute = "other"

// dropped counts what the mapping leaves out, and logs each attribute of a tenant once.
func (s *Service) dropped(r *request, names []string) {
	for _, name := range s.ignored(names) {
		if _, told := s.loggedOnce.LoadOrStore(r.Tenant.Path+" "+name, true); !told {
			s.options.Log.Warn("an attribute without a rule is left out from now on, as the mapping's unmapped: drop says",
				zap.String("tenant", r.Tenant.Path), zap.String("attribute", name))
		}
	}
}

// ignored counts attributes whose values are left out, and returns the names under which it does.
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
