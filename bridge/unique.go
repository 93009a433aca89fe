package bridge

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// checkUnique refuses, with 409, a value that another resource has. Keycloak has no unique attributes, so the value is
// looked up among the tenant's resources. No other request of the tenant can write the value in this process until this
// request ends.
func (s *Service) checkUnique(ctx context.Context, r *request, unique []mapping.Unique, before, after scim.Document) error {
	changed, err := s.lockUnique(ctx, r, unique, before, after)
	if err != nil {
		return err
	}
	return s.unused(ctx, r, changed, after)
}

// lockUnique locks the values that a change writes, and returns their attributes.
func (s *Service) lockUnique(ctx context.Context, r *request, unique []mapping.Unique, before, after scim.Document) ([]mapping.Unique, error) {
	changed := slices.DeleteFunc(slices.Clone(unique), func(u mapping.Unique) bool {
		value := u.Value(after)
		return value == "" || value == u.Value(before)
	})
	names := make([]string, len(changed))
	for i, u := range changed {
		names[i] = r.Endpoint + " " + r.Tenant.Owner.Key + " " + u.Path.String() + " " + strings.ToLower(u.Value(after))
	}
	return changed, s.lock(ctx, r, names...)
}

// unused refuses the values of attributes that another resource has. The values are locked.
func (s *Service) unused(ctx context.Context, r *request, changed []mapping.Unique, after scim.Document) error {
	for _, u := range changed {
		found, err := r.kind.find(ctx, r, directory.Query{Filter: &filter.Compare{Path: u.Path, Op: filter.Eq, Value: u.Value(after)}, Start: 1, Count: 2})
		if err != nil {
			return err
		}
		for _, other := range found.Resources {
			switch {
			case other.ID == r.ID:
			case u.IsExternalID():
				return r.externalIDTaken(other)
			default:
				return takenError{id: other.ID, refusal: &scim.Error{
					Code: code.Taken, Status: http.StatusConflict, Type: scim.UniqueValue,
					Detail: "another resource has this value of " + u.Path.String() + ", which must be unique; send another value",
				}}
			}
		}
	}
	return nil
}

// uniqueOfUsers are the attributes whose values only one user of the tenant may have.
func (r *request) uniqueOfUsers() []mapping.Unique {
	out := r.Tenant.Mapping.UserUnique()
	if r.Tenant.Policy.OneExternalID() {
		out = append(out, r.Tenant.Mapping.ExternalIDUnique())
	}
	return out
}

// externalIDTaken refuses the externalId of another user.
func (r *request) externalIDTaken(other scim.Resource) error {
	detail := "another user has this externalId, and no two users may share it; send another externalId, or change the externalId of the other user first"
	if r.ID == "" && other.Document[scim.AttrActive] == false && !r.Tenant.Policy.Revives() {
		detail = "a deactivated user has this externalId, and no two users may share it; reactivate that user, give it another externalId, or ask the operator to let a POST use the accounts of deactivated users again"
	}
	return takenError{id: other.ID, externalID: true, refusal: &scim.Error{Code: code.ExternalIDTaken, Status: http.StatusConflict, Type: scim.UniqueValue, Detail: detail}}
}
