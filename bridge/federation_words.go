package bridge

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// federationKeeps words a refusal. names are the attributes that cannot be changed, none where it is about
// something else; ended is what was done nevertheless, "" for nothing.
func (r *request) federationKeeps(e guard.FederatedError, names []string, ended string) *scim.Error {
	origin := cmp.Or(ended, "nothing was changed: ") + "the account comes from " + r.federationName(e.Federation) + " and cannot "
	var out *scim.Error
	if len(names) > 0 {
		out = scim.BadRequest(code.Federated, scim.MutabilityErr, "%shave its %s changed over SCIM; %s", origin, strings.Join(names, ", "), remedies(e, "change it in the directory"))
	} else {
		what, remedy := elsewhere(e)
		out = scim.Forbidden(code.FederationKeeps, "%s%s; %s", origin, what, remedies(e, remedy))
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

// federatedFailure words an error of Keycloak that comes from a user federation. It returns nil for any other error.
// guard.Federated refuses most of these changes before they are made. It cannot do so when the provider is no LDAP, when
// the directory does not answer, or when the provider was changed since the last look.
func (r *request) federatedFailure(e *keycloak.Error, err error) *scim.Error {
	failed, _ := errors.AsType[*apply.Error](err)
	if failed == nil {
		return r.federatedAway(e, err)
	}
	joins := plan.ChangesMembers(failed.Step)
	const origin = "the account comes from a user federation of the realm, which "
	user, _ := plan.Target(failed.Step)
	who := r.shown(endpointUsers, user.String())
	var out *scim.Error
	switch {
	case keycloak.FederationAway(err), !joins && e.Kind == keycloak.Unknown && user.Federation() != "":
		out = unavailable(0, err)
		out.Detail = origin + "does not answer, so that Keycloak writes nothing of it; try again later"
	case keycloak.ReadOnlyFederation(err):
		out = scim.BadRequest(code.Federated, scim.MutabilityErr, "%sdoes not let Keycloak write this; change it there", origin)
	case joins && strings.Contains(e.Message, "LDAP group mappings"):
		out = scim.Forbidden(code.FederationKeeps, "the directory has the membership of the user %s and does not let Keycloak end it; remove the member there, or have the operator set the mode of the provider's mapper of groups to LDAP_ONLY", who)
	case joins && e.Kind == keycloak.Unknown && user.Federation() != "":
		out = scim.Forbidden(code.FederationKeeps, "%shas no place for memberships of Keycloak's groups; have the operator switch Import users on for its provider: %s", origin, who)
	case joins && e.Kind == keycloak.Unknown && r.switchedOff() != "":
		out = scim.Forbidden(code.FederationKeeps, "Keycloak cannot make the user %s a member; if the user comes from %s, which is switched off, have the operator switch the provider on in Keycloak", who, r.switchedOff())
	default:
		return nil
	}
	out.Cause = err
	switch {
	case plan.Enables(failed.Step): // of a user who was inactive there were no sessions to speak of
	case failed.Done > 0 && plan.Is[plan.UpdateUser](failed.Step):
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
