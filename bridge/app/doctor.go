package app

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// Diagnosis is what doctor finds of a tenant.
type Diagnosis struct {
	Tenant   string          `json:"tenant"`
	Realm    string          `json:"realm"`
	Findings []realm.Finding `json:"findings"`
}

// Diagnose looks at the realm of the tenant at a path, with "" at those of all, as Select finds them.
func Diagnose(ctx context.Context, c config.Config, path string) ([]Diagnosis, error) {
	s, err := selectLive(ctx, c, path)
	if err != nil {
		return nil, err
	}
	out := make([]Diagnosis, 0, len(s.List))
	for _, t := range s.List {
		t = s.WithTokens(ctx, c, t)
		out = append(out, Diagnosis{t.Path, t.Realm, realm.Doctor(ctx, s.Clients[t.Realm], t, s.Beside(t)...)})
	}
	return out, nil
}

// Passed is how much is right.
func (d Diagnosis) Passed() int { return d.count(realm.Pass) }

// Warned is how much will refuse requests or is dangerous.
func (d Diagnosis) Warned() int { return d.count(realm.Warn) }

// Failed is how much keeps the tenant from answering.
func (d Diagnosis) Failed() int { return d.count(realm.Fail) }

func (d Diagnosis) count(s realm.Severity) int {
	n := 0
	for _, f := range d.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}
