package app

import (
	"context"
	"encoding/json"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
)

// Adoption is what becomes of an account or a group.
type Adoption = bridge.Adoption

// OwnAlready is the outcome of what is the tenant's already.
const OwnAlready = bridge.Own

// Adoptions counts what became of accounts and groups.
type Adoptions struct{ Adopted, Linked, Refused, Own, Released, Unproven int }

// Adopt has accounts and groups taken over for a tenant, or given back. Each is told as it comes, as it is and as a line of
// JSON.
func (r Running) Adopt(ctx context.Context, t control.Tenant, mode control.AdoptMode, each func(Adoption, json.RawMessage) error) (sum Adoptions, err error) {
	err = control.Adoptions(ctx, r.socket, t.Path, mode, func(line json.RawMessage) error {
		var a Adoption
		if err := json.Unmarshal(line, &a); err != nil {
			return err
		}
		sum.add(a)
		return each(a, line)
	})
	return sum, err
}

func (s *Adoptions) add(a Adoption) {
	switch a.Outcome {
	case bridge.Own:
		s.Own++
	case bridge.Refused:
		s.Refused++
	case bridge.Adopted:
		s.Adopted++
	case bridge.Released:
		s.Released++
	}
	if a.Linked {
		s.Linked++
	}
	if a.Unproven != "" {
		s.Unproven++
	}
}
