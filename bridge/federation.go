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
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// federated refuses a change of a user that the user's federation would not take, before anything of it is
// written. A deactivation that it does not take ends the sessions nevertheless, and the refusal says so:
// it is all that Keycloak can do.
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
		ended = "the user's sessions were ended, and the user can log in again until the directory refuses it; "
	}
	out := r.federationKeeps(refused, r.keptNames(refused, cur, ch), ended)
	if ch.ends && !refused.Keeps(guard.KeepsEnabled) {
		out.Detail += "; to deactivate the user, send a change of active alone"
	}
	return out
}

// federatedSince words a refusal of Keycloak by the user federation of the account as it is now: the provider may have come
// or changed since the last look. It takes a call, of such an account alone.
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
// would then store the names alone, not whose the account is nor that it is inactive (measured on 26.7.5).
func (r *request) federatedCreation() error {
	if r.Endpoint != endpointUsers {
		return nil
	}
	for _, f := range r.fitness.Federations {
		if f.LDAP && f.Enabled && f.Registers && !f.Imports {
			return scim.Forbidden(codeFederationKeeps, "nothing was changed: new users of the realm are kept by %s alone, which has no place for what SCIM stores with a user; have the operator switch the provider's Sync Registrations off or its Import users on in Keycloak",
				r.federationName(f))
		}
	}
	return nil
}

// sessionsOf are the steps of a plan that end sessions.
func sessionsOf(p plan.Plan) plan.Plan {
	return slices.DeleteFunc(slices.Clone(p), func(s plan.Step) bool { return s.Kind != plan.EndSessions })
}

// federatedRemoval is why a user of a federation cannot be deleted; err is what was found so far.
func (r *request) federatedRemoval(cur current, p plan.Plan, err error) error {
	federation, ok := r.fitness.Federations[cur.user.FederationLink]
	told, refused := errors.AsType[*scim.Error](err)
	switch {
	case !ok || err != nil && !refused:
		return err
	case refused && told.Code == codeNotCreatedHere && r.organization().IsZero():
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

// federationKeeps words a refusal. names are the attributes that cannot be changed, none where it is about
// something else; ended is what was done nevertheless, "" for nothing.
func (r *request) federationKeeps(e guard.FederatedError, names []string, ended string) *scim.Error {
	origin := cmp.Or(ended, "nothing was changed: ") + "the account comes from " + r.federationName(e.Federation) + " and cannot "
	var out *scim.Error
	if len(names) > 0 {
		out = scim.BadRequest(codeFederated, scim.MutabilityErr, "%shave its %s changed over SCIM; %s", origin, strings.Join(names, ", "), remedies(e, "change it in the directory"))
	} else {
		what, remedy := elsewhere(e)
		out = scim.Forbidden(codeFederationKeeps, "%s%s; %s", origin, what, remedies(e, remedy))
	}
	out.Cause = e
	return out
}

// elsewhere is what cannot be done beside changes of attributes, and the remedy outside of Keycloak, "" for
// none.
func elsewhere(e guard.FederatedError) (what, remedy string) {
	switch {
	case e.Keeps(guard.KeepsGroups):
		return "be a member of a group of Keycloak's", ""
	case e.Keeps(guard.KeepsMembership):
		return "be a member of an organization", ""
	case e.Keeps(guard.KeepsRoles):
		return "have roles of Keycloak's", ""
	case e.Federation.Enabled && e.Federation.Imports:
		return "be deleted", "delete it in the directory, or deactivate the user"
	}
	return "be deleted", "delete it in the directory"
}

// remedies adds to one what the operator can set.
func remedies(e guard.FederatedError, remedy string) string {
	var settings, out []string
	readOnly := e.Federation.LDAP && e.Federation.EditMode == keycloak.EditReadOnly
	copied := e.Keeps(guard.KeepsEnabled, guard.KeepsUsername, guard.KeepsEmail, guard.KeepsAttributes, guard.KeepsGroups, guard.KeepsMembership, guard.KeepsRoles)
	switch {
	case !e.Federation.Enabled:
		settings = append(settings, "switch the provider on")
	case readOnly && e.Keeps(guard.KeepsUsername, guard.KeepsEmail, guard.KeepsFirstName, guard.KeepsLastName): // a synchronisation undoes UNSYNCED
		settings = append(settings, "set the provider's edit mode to WRITABLE")
	case readOnly && e.Keeps(guard.KeepsAttributes, guard.KeepsPassword):
		settings = append(settings, "set the provider's edit mode to WRITABLE or UNSYNCED")
	}
	if e.Federation.Enabled && e.Federation.LDAP && !e.Federation.Imports && copied {
		settings = append(settings, "switch its Import users on")
	}
	if remedy != "" {
		out = append(out, remedy)
	}
	if len(settings) > 0 {
		out = append(out, "have the operator "+strings.Join(settings, " and ")+" in Keycloak")
	}
	return strings.Join(out, ", or ")
}

// federationName names a provider to a client of the realm. To a customer's it is nobody's business.
func (r *request) federationName(f keycloak.Federation) string {
	if !r.organization().IsZero() {
		return "a user federation of the realm"
	}
	return fmt.Sprintf("the user federation %q", f.Name)
}

// keptNames are the attributes that a change would have given other values, and that the federation keeps.
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

// differing are the attributes of a user beside its fields that a change gives other values.
func (r *request) differing(before, after current) []string {
	shown, err := r.Tenant.Mapping.UserResource(r.Tenant.Party, after.user)
	if err != nil { // they cannot be named
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

// flat are the values of a document by their paths, extensions and parts of complex attributes each.
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

// federatedMembers are those of some members that can be written. Others are refused, or left out, as the
// tenant's policy says of members that SCIM may not write.
func (k groupKind) federatedMembers(r *request, members []guard.Member) ([]guard.Member, error) {
	var first *guard.FederatedError
	var ids []string
	out := slices.DeleteFunc(members, func(m guard.Member) bool {
		refused, ok := errors.AsType[guard.FederatedError](guard.FederatedMember(r.fitness, m.ID))
		if !ok {
			return false
		}
		if first == nil {
			first = &refused
		}
		ids = append(ids, refused.ID)
		return true
	})
	switch {
	case first == nil:
	case r.Tenant.Policy.IgnoresUnknownMembers():
		k.ignored(r, len(ids))
	default:
		told := r.federationKeeps(*first, nil, "")
		told.Detail += ": " + r.shownAll(ids, scim.UserType().Name)
		return nil, told
	}
	return out, nil
}

// federatedTaken says of a creation that met a user of a federation what helps. Only a tenant that sees all
// users of the realm is told.
func (s *Service) federatedTaken(ctx context.Context, r *request, doc scim.Document, failure error) error {
	sees := r.organization().IsZero() && !r.Tenant.Policy.OwnedOnly
	if len(r.fitness.Federations) == 0 || !sees || r.Endpoint != endpointUsers || keycloak.KindOf(failure) != keycloak.Conflict {
		return failure
	}
	state, err := r.Tenant.Mapping.UserState(r.Tenant.Party, doc)
	if err != nil {
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
			r.keepName(list[0].ID, list[0].Username)
			return &scim.Error{
				Code: codeTaken, Status: http.StatusConflict, Type: scim.UniqueValue, Cause: failure,
				Detail: fmt.Sprintf("%s is that of the user %s, who comes from %s and is a user of this endpoint already; find the user by a filter on %s and use that id, or send another value",
					q.attribute, r.shown(endpointUsers, list[0].ID), r.federationName(federation), scim.AttrUserName),
			}
		}
	}
	return failure
}

// federatedFailure words an error of Keycloak that comes from a user federation. It returns nil for any other error.
// guard.Federated refuses most of these changes before they are made. It cannot do so when the provider is no LDAP, when
// the directory does not answer, or when the provider was changed since the last look.
func (r *request) federatedFailure(e *keycloak.Error, err error) *scim.Error {
	failed, _ := errors.AsType[*apply.Error](err)
	if failed == nil {
		return r.federatedAway(e, err)
	}
	joins := failed.Step.Kind == plan.AddMember || failed.Step.Kind == plan.RemoveMember
	const origin = "the account comes from a user federation of the realm, which "
	user := failed.Step.User
	who := r.shown(endpointUsers, user.String())
	var out *scim.Error
	switch {
	case keycloak.FederationAway(err), !joins && e.Kind == keycloak.Unknown && user.Federation() != "":
		out = unavailable(0, err)
		out.Detail = origin + "does not answer, so that Keycloak writes nothing of it; try again later"
	case keycloak.ReadOnlyFederation(err):
		out = scim.BadRequest(codeFederated, scim.MutabilityErr, "%sdoes not let Keycloak write this; change it there", origin)
	case joins && strings.Contains(e.Message, "LDAP group mappings"):
		out = scim.Forbidden(codeFederationKeeps, "the directory has the membership of the user %s and does not let Keycloak end it; remove the member there, or have the operator set the mode of the provider's mapper of groups to LDAP_ONLY", who)
	case joins && e.Kind == keycloak.Unknown && user.Federation() != "":
		out = scim.Forbidden(codeFederationKeeps, "%shas no place for memberships of Keycloak's groups; have the operator switch Import users on for its provider: %s", origin, who)
	case joins && e.Kind == keycloak.Unknown && r.switchedOff() != "":
		out = scim.Forbidden(codeFederationKeeps, "Keycloak cannot make the user %s a member; if the user comes from %s, which is switched off, have the operator switch the provider on in Keycloak", who, r.switchedOff())
	default:
		return nil
	}
	out.Cause = err
	switch {
	case failed.Step.Enables(): // of a user who was inactive there were no sessions to speak of
	case failed.Done > 0 && failed.Step.Kind == plan.UpdateUser:
		out.Detail += "; the user's sessions were ended"
	case failed.Done > 0:
		out.Detail += "; the other changes of the request were made"
	}
	return out
}

// switchedOff names a provider that is, "" for none.
func (r *request) switchedOff() string {
	for _, f := range r.fitness.Federations {
		if !f.Enabled {
			return r.federationName(f)
		}
	}
	return ""
}

// federatedAway is a read of a user whom Keycloak does not keep that failed, nil for another error: Keycloak
// answers 500 when the directory does not answer.
func (r *request) federatedAway(e *keycloak.Error, err error) *scim.Error {
	id, _ := keycloak.ParseUserID(r.ID) // else zero, of no federation
	if r.Endpoint != endpointUsers || e.Kind != keycloak.Unknown || id.Federation() == "" {
		return nil
	}
	out := unavailable(0, err)
	out.Detail = "Keycloak cannot read the user, whom a directory alone has: the directory does not answer; try again later"
	return out
}
