package app

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// Diagnosis is what doctor finds about a tenant.
type Diagnosis struct {
	Tenant   string          `json:"tenant"`
	Realm    string          `json:"realm"`
	Findings []realm.Finding `json:"findings"`
}

// Diagnose checks the realms of the tenants that Select returns for a path.
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

// Passed counts the findings without a problem.
func (d Diagnosis) Passed() int { return d.count(realm.Pass) }

// Warned counts the findings that are dangerous or will make requests fail.
func (d Diagnosis) Warned() int { return d.count(realm.Warn) }

// Failed counts the findings that make the tenant refuse every request.
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
