package app

import (
	"context"
	"slices"
	"strconv"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
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
	running, missing, err := runningCredentials(ctx, c)
	if err != nil {
		missing = err.Error()
	}
	out := make([]Diagnosis, 0, len(s.List))
	for _, t := range s.List {
		t, suspended := withKept(s.WithTokens(ctx, c, t), running)
		found := realm.Doctor(ctx, s.Clients[t.Realm], t, s.Beside(t)...)
		for i := range found {
			if missing != "" && found[i].Text == realm.NoToken {
				found[i].Text += "; " + missing
			}
		}
		if suspended > 0 {
			found = append(found, realm.Finding{Severity: realm.Warn, Check: "token", Text: "tokens of the store are refused since the store was restored: " + strconv.Itoa(suspended), Fix: "revoke those that clients must no longer use, then accept the others:\n" + t.Command("tokens", "accept")})
		}
		out = append(out, Diagnosis{t.Path, t.Realm, found})
	}
	return out, nil
}

// withKept adds to a tenant the tokens that a running bridge has in its store. It counts those that are suspended.
func withKept(t *tenant.Tenant, running []admin.Credential) (out *tenant.Tenant, suspended int) {
	tokens := slices.Clone(t.Tokens)
	for _, c := range running {
		switch {
		case c.Tenant != t.Path || c.Place != admin.InStore:
			continue
		case c.State == admin.Suspended:
			suspended++
			continue
		}
		kept := tenant.Token{Name: c.Name, KeyID: c.KeyID}
		if c.Expires != nil {
			kept.Expires = *c.Expires
		}
		tokens = append(tokens, kept)
	}
	if len(tokens) == len(t.Tokens) {
		return t, suspended
	}
	return t.WithTokens(tokens), suspended
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
