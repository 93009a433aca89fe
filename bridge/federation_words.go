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

// federationKeeps makes the error of a refusal. names are the attributes that cannot be changed, or empty when the
// refusal is about something else. ended says what was done nevertheless, or is "".
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

// elsewhere says what else cannot be done, and the remedy outside of Keycloak, or "".
func elsewhere(e guard.FederatedError) (what, remedy string) {
	switch {
	case e.Keeps(guard.KeepsGroups):
		return "be a member of a group of Keycloak", ""
	case e.Keeps(guard.KeepsMembership):
		return "be a member of an organization", ""
	case e.Keeps(guard.KeepsRoles):
		return "have roles of Keycloak", ""
	case e.Federation.Enabled && e.Federation.Imports:
		return "be deleted", "delete it in the directory, or deactivate the user"
	}
	return "be deleted", "delete it in the directory"
}

// remedies adds to a remedy the settings that the operator can change.
func remedies(e guard.FederatedError, remedy string) string {
	var settings, out []string
	readOnly := e.Federation.LDAP && e.Federation.EditMode == keycloak.EditReadOnly
	copied := e.Keeps(guard.KeepsEnabled, guard.KeepsUsername, guard.KeepsEmail, guard.KeepsAttributes, guard.KeepsGroups, guard.KeepsMembership, guard.KeepsRoles)
	switch {
	case !e.Federation.Enabled:
		settings = append(settings, "switch the provider on")
	case readOnly && e.Keeps(guard.KeepsUsername, guard.KeepsEmail, guard.KeepsFirstName, guard.KeepsLastName): // a synchronisation would undo changes under UNSYNCED
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
		out = append(out, "ask the operator to "+strings.Join(settings, " and ")+" in Keycloak")
	}
	return strings.Join(out, ", or ")
}

// federationName names a provider to a client of the realm. A customer's client does not get the name.
func (r *request) federationName(f keycloak.Federation) string {
	if !r.organization().IsZero() {
		return "a user federation of the realm"
	}
	return fmt.Sprintf("the user federation %q", f.Name)
}

// federatedFailure makes the client's error when Keycloak's error comes from a user federation. It returns nil for any
// other error. guard.Federated refuses most of these changes before they are made. It cannot do so for a provider other
// than LDAP, when the directory does not answer, or when the provider changed since the last check.
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
		out.Detail = origin + "does not answer, so Keycloak cannot write the account; try again later"
	case keycloak.ReadOnlyFederation(err):
		out = scim.BadRequest(code.Federated, scim.MutabilityErr, "%sdoes not let Keycloak write this; change it in the directory", origin)
	case joins && strings.Contains(e.Message, "LDAP group mappings"):
		out = scim.Forbidden(code.FederationKeeps, "the membership of the user %s comes from the directory, and Keycloak cannot end it; remove the member there, or ask the operator to set the provider's mapper of groups to LDAP_ONLY", who)
	case joins && e.Kind == keycloak.Unknown && user.Federation() != "":
		out = scim.Forbidden(code.FederationKeeps, "%scannot store memberships of Keycloak's groups; ask the operator to switch Import users on for its provider: %s", origin, who)
	case joins && e.Kind == keycloak.Unknown && r.switchedOff() != "":
		out = scim.Forbidden(code.FederationKeeps, "Keycloak cannot make the user %s a member; if the user comes from %s, which is switched off, ask the operator to switch the provider on in Keycloak", who, r.switchedOff())
	default:
		return nil
	}
	out.Cause = err
	switch {
	case plan.Enables(failed.Step): // an inactive user had no sessions
	case failed.Done > 0 && plan.Is[plan.UpdateUser](failed.Step):
		out.Detail += "; the user's sessions were ended"
	case failed.Done > 0:
		out.Detail += "; the other changes of the request were made"
	}
	return out
}

// switchedOff names a provider that is switched off, or is "".
func (r *request) switchedOff() string {
	for _, f := range r.fitness.Federations {
		if !f.Enabled {
			return r.federationName(f)
		}
	}
	return ""
}

// federatedAway is the error of a failed read of a user that Keycloak does not keep, or nil for another error. Keycloak
// answers 500 when the directory does not answer.
func (r *request) federatedAway(e *keycloak.Error, err error) *scim.Error {
	id, _ := keycloak.ParseUserID(r.ID) // otherwise the id is zero and has no federation
	if r.Endpoint != endpointUsers || e.Kind != keycloak.Unknown || id.Federation() == "" {
		return nil
	}
	out := unavailable(0, err)
	out.Detail = "Keycloak cannot read the user, who is only in a directory, and the directory does not answer; try again later"
	return out
}
