package bridge

import (
	"context"
	"net/http"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// checkUnique refuses a value that another resource has, with 409. Keycloak knows no
// unique attributes, so the value is looked up among the tenant's resources, and no other
// request of the tenant may write it in this process until this one ends.
func (s *Service) checkUnique(ctx context.Context, r *request, unique []mapping.Unique, before, after scim.Document) error {
	for _, u := range unique {
		value := u.Value(after)
		if value == "" || value == u.Value(before) {
			continue
		}
		if err := s.lock(ctx, r, r.Endpoint+" "+r.Tenant.Party.Key+" "+u.Path.String()+" "+strings.ToLower(value)); err != nil {
			return err
		}
		found, err := r.kind.find(ctx, r, directory.Query{Filter: &filter.Compare{Path: u.Path, Op: filter.Eq, Value: value}, Start: 1, Count: 2})
		if err != nil {
			return err
		}
		for _, other := range found.Resources {
			if other.ID != r.ID {
				return takenError{id: other.ID, told: &scim.Error{
					Code: codeTaken, Status: http.StatusConflict, Type: scim.UniqueValue,
					Detail: "another resource has this value of " + u.Path.String() + ", which must be unique; give it another one",
				}}
			}
		}
	}
	return nil
}

// end releases what the request holds.
func (r *request) end() {
	for _, release := range r.atEnd {
		release()
	}
	r.atEnd = nil
}
