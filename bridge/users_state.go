package bridge

import (
	"context"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

func (k userKind) desired(r *request, doc scim.Document) (desired, error) {
	state, err := r.Tenant.Mapping.UserState(r.Tenant.Owner, doc)
	k.s.dropped(r, state.Dropped)
	return desired{doc: doc, user: state}, err
}

// state maps the document of a change of an account, see checked.
func (k userKind) state(r *request, held *keycloak.User, doc scim.Document) (mapping.UserState, error) {
	d, err := k.desired(r, doc)
	if err != nil {
		return d.user, err
	}
	return checked(r, held, d.user)
}

// checked is a state for an account, or for a new account when held is nil. It refuses names that the realm would
// replace, and addresses that the tenant may not give.
func checked(r *request, held *keycloak.User, state mapping.UserState) (mapping.UserState, error) {
	err := guard.Identifiers(r.Tenant, r.fitness, held, &state)
	if r.Tenant.Policy.Revives() && held != nil && held.FederationLink == "" && !mapping.Unowned(held.Attributes) {
		state = state.Marking()
	}
	if err == nil && r.fitness.EmailAsUsername && !strings.EqualFold(state.Username, state.Email) {
		return state, scim.BadRequest(code.UserNameNotAddress, scim.InvalidValue, "userName must equal the primary e-mail address, because this realm uses addresses as user names; send the same value in both")
	}
	return state, err
}

// countPassword counts a password that the mapping leaves out.
func (k userKind) countPassword(doc scim.Document, taken bool) {
	if !taken && doc[scim.AttrPassword] != nil {
		k.s.options.Observer.Ignored(scim.AttrPassword, 1)
	}
}

// proveManager refuses a manager that is not a user, unless the profile keeps any id.
func proveManager(ctx context.Context, r *request, before, after scim.Document) error {
	id := managerOf(after)
	if r.rt.Profile.Takes(scim.OpaqueManager) || id == "" || id == managerOf(before) {
		return nil
	}
	known, _, err := r.wall.Prove(ctx, []string{id})
	if err == nil && len(known) == 0 {
		return scim.BadRequest(code.Manager, scim.InvalidValue, "manager.value is not the id of a user, so nothing was changed; create the manager first, or leave manager out")
	}
	return err
}

// managerOf is the id of the manager in a document, or "".
func managerOf(doc scim.Document) string {
	manager, _ := doc.Object(scim.EnterpriseUserURN)[scim.AttrManager].(map[string]any)
	id, _ := manager[scim.AttrValue].(string)
	return id
}
