package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// federated refuses, before anything is written, a change of a user that the user's federation would not accept. A
// refused deactivation still ends the sessions, and the refusal says so: Keycloak cannot do anything else.
func (s *Service) federated(ctx context.Context, r *request, cur current, ch planned) error {
	refused, ok := errors.AsType[guard.FederatedError](guard.Federated(r.fitness, cur.user, ch.plan))
	if !ok {
		return nil
	}
	ended := ""
	if sessions := sessionsOf(ch.plan); ch.ends && len(sessions) > 0 && refused.Keeps(guard.KeepsEnabled) {
		err := s.ends(ctx, r, cur)
		if err == nil {
			_, err = s.apply(ctx, r, &planned{plan: sessions, op: change.Updated})
		}
		if err != nil {
			return err
		}
		ended = "the user's sessions were ended, but the user can log in again until the directory refuses the login; "
	}
	out := r.federationKeeps(refused, r.keptNames(refused, cur, ch), ended)
	if ch.ends && !refused.Keeps(guard.KeepsEnabled) {
		out.Detail += "; to deactivate the user, send a change of only active"
	}
	return out
}

// federatedSince refuses a change that Keycloak refused because of the account's user federation, by the current state
// of the provider. The provider may have appeared or changed since the last check. It makes a call, only for such an
// account.
func (s *Service) federatedSince(ctx context.Context, r *request, cur current, ch planned, err error) error {
	failed, ok := errors.AsType[*apply.Error](err)
	if !ok || cur.user.FederationLink == "" || failed.Done > 0 || keycloak.KindOf(err) != keycloak.Invalid {
		return err
	}
	list, failure := r.client.Federations(ctx)
	if failure != nil {
		return err
	}
	r.fitness.Federations = map[string]keycloak.Federation{}
	for _, f := range list {
		r.fitness.Federations[f.ID] = f
	}
	return cmp.Or(s.federated(ctx, r, cur, ch), err)
}

// federatedCreation refuses a new user when Keycloak would write the user to a directory and keep no copy. Keycloak
// would then store only the names, without the owner and without the inactive state (measured on 26.7.5).
func (r *request) federatedCreation() error {
	if r.Endpoint != endpointUsers {
		return nil
	}
	for _, f := range r.fitness.Federations {
		if f.LDAP && f.Enabled && f.Registers && !f.Imports {
			return scim.Forbidden(code.FederationKeeps, "nothing was changed: new users would only be in %s, which cannot store all values of SCIM; ask the operator to switch the provider's Sync Registrations off or its Import users on",
				r.federationName(f))
		}
	}
	return nil
}

// sessionsOf are the steps of a plan that end sessions.
func sessionsOf(p plan.Plan) plan.Plan {
	return slices.DeleteFunc(slices.Clone(p), func(s plan.Step) bool { return !plan.Is[plan.EndSessions](s) })
}

// federatedRemoval explains why a user of a federation cannot be deleted. err is the error so far.
func (r *request) federatedRemoval(cur current, p plan.Plan, err error) error {
	federation, ok := r.fitness.Federations[cur.user.FederationLink]
	told, refused := errors.AsType[*scim.Error](err)
	switch {
	case !ok || err != nil && !refused:
		return err
	case refused && told.Code == code.NotCreatedHere && r.organization().IsZero():
		return r.federationKeeps(guard.FederatedError{ID: cur.user.ID, Federation: federation, Refused: []guard.Refusal{guard.KeepsAccount}}, nil, "")
	case refused:
		return err
	}
	kept, ok := errors.AsType[guard.FederatedError](guard.Federated(r.fitness, cur.user, p))
	if !ok {
		return nil
	}
	return r.federationKeeps(kept, r.keptNames(kept, cur, planned{after: cur}), "")
}

// keptNames are the attributes that a change would change and that come from the federation.
func (r *request) keptNames(e guard.FederatedError, cur current, ch planned) []string {
	var out []string
	for _, refused := range e.Refused {
		switch refused {
		case guard.KeepsUsername:
			out = append(out, scim.AttrUserName)
		case guard.KeepsEmail:
			out = append(out, scim.AttrEmails)
		case guard.KeepsFirstName:
			out = append(out, scimName("firstName"))
		case guard.KeepsLastName:
			out = append(out, scimName("lastName"))
		case guard.KeepsEnabled:
			out = append(out, scim.AttrActive)
		case guard.KeepsPassword:
			out = append(out, scim.AttrPassword)
		case guard.KeepsAttributes:
			out = append(out, r.differing(cur, ch.after)...)
		case guard.KeepsAccount, guard.KeepsGroups, guard.KeepsMembership, guard.KeepsRoles:
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// differing are the attributes of a user, without its fields, that a change would change.
func (r *request) differing(before, after current) []string {
	shown, err := r.Tenant.Mapping.UserResource(r.Tenant.Owner, after.user)
	if err != nil { // the names are then not known
		return []string{"attributes"}
	}
	old, now := flat(before.resource.Document), flat(shown.Document)
	var out []string
	for _, values := range []map[string]any{old, now} {
		for name := range values {
			field := name == scim.AttrUserName || name == scim.AttrActive || name == scim.AttrName+".givenName" || name == scim.AttrName+".familyName"
			if !field && !reflect.DeepEqual(old[name], now[name]) {
				out = append(out, name)
			}
		}
	}
	if len(out) == 0 {
		out = []string{"attributes"}
	}
	return out
}

// flat are the values of a document by their paths. Extensions and parts of complex attributes count separately.
func flat(doc scim.Document) map[string]any {
	out := map[string]any{}
	for name, value := range doc {
		object, parts := value.(map[string]any)
		separator := "."
		if strings.Contains(name, ":") {
			separator = ":"
		}
		if !parts {
			out[name] = value
		}
		for part, inner := range object {
			out[name+separator+part] = inner
		}
	}
	return out
}

// federatedTaken adds the remedy to the error of a creation that met a user of a federation. Only a tenant that sees
// all users of the realm gets it.
func (s *Service) federatedTaken(ctx context.Context, r *request, state mapping.UserState, failure error) error {
	sees := r.organization().IsZero() && !r.Tenant.Policy.OwnedOnly
	if len(r.fitness.Federations) == 0 || !sees || r.Endpoint != endpointUsers || keycloak.KindOf(failure) != keycloak.Conflict {
		return failure
	}
	queries := []struct {
		attribute string
		query     keycloak.UserQuery
	}{
		{scim.AttrUserName, keycloak.UserQuery{Username: state.Username}},
		{"the primary e-mail address", keycloak.UserQuery{Email: state.Email}},
	}
	for _, q := range queries {
		if q.query.Username == "" && q.query.Email == "" {
			continue
		}
		list, err := r.client.Users(ctx, q.query)
		if err != nil || len(list) != 1 {
			continue
		}
		if federation, ok := r.fitness.Federations[list[0].FederationLink]; ok {
			r.rememberName(list[0].ID, list[0].Username)
			return &scim.Error{
				Code: code.Taken, Status: http.StatusConflict, Type: scim.UniqueValue, Cause: failure,
				Detail: fmt.Sprintf("%s belongs to the user %s, who comes from %s and is already a user of this endpoint; find the user by a filter on %s and use that id, or send another value",
					q.attribute, r.shown(endpointUsers, list[0].ID), r.federationName(federation), scim.AttrUserName),
			}
		}
	}
	return failure
}
