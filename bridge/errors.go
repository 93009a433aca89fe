package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// fail turns any error into the *scim.Error for the client. It names the resource when the error is about it.
func (s *Service) fail(r *request, err error) error { return r.about(s.scimError(r, err)) }

// scimError translates the errors of Keycloak and of the packages below into errors for clients.
func (s *Service) scimError(r *request, err error) *scim.Error {
	if scimErr, ok := errors.AsType[*scim.Error](err); ok {
		return scimErr
	}
	if damaged, ok := errors.AsType[*mapping.DamagedError](err); ok {
		return &scim.Error{Code: code.Damaged, Status: http.StatusInternalServerError, Detail: r.damaged(damaged), Cause: err}
	}
	if refused, ok := errors.AsType[guard.Error](err); ok {
		return r.refusedByWall(refused)
	}
	if out := r.notFoundYet(err); out != nil {
		return out
	}
	if kcErr, ok := errors.AsType[*keycloak.Error](err); ok {
		if out := r.federatedFailure(kcErr, err); out != nil {
			return out
		}
		out := r.translate(kcErr, err)
		out.Detail += remains(err)
		return out
	}
	if errors.Is(err, apply.ErrLost) {
		return &scim.Error{Code: code.Outage, Status: http.StatusServiceUnavailable, RetryAfter: retryOutage, Cause: err, Detail: "another request may be writing the resource, so this request was stopped; repeat it" + remains(err)}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return unavailable(0, err)
	}
	return &scim.Error{Code: scim.CodeInternal, Status: http.StatusInternalServerError, Detail: "the request failed inside this endpoint; ask the operator of this endpoint, whose log has the reason", Cause: err}
}

// translate makes the client's error of an error of Keycloak, by its kind. err is the error that contains it.
func (r *request) translate(e *keycloak.Error, err error) *scim.Error {
	retry := int(e.RetryAfter.Seconds())
	switch e.Kind {
	case keycloak.NotFound:
		return r.missing(e, err)
	case keycloak.NoOrganization:
		return unfit(err)
	case keycloak.Conflict:
		return r.conflict(e, err)
	case keycloak.Invalid:
		return r.invalid(e, err)
	case keycloak.RateLimited:
		return &scim.Error{Code: code.Busy, Status: http.StatusTooManyRequests, RetryAfter: max(retry, 1), Cause: err, Detail: "Keycloak is busy; send fewer requests at the same time"}
	case keycloak.Unavailable:
		return unavailable(retry, err)
	case keycloak.Denied:
		return &scim.Error{
			Code: code.Denied, Status: http.StatusServiceUnavailable, RetryAfter: retryRights, Cause: err,
			Detail: "Keycloak does not give this endpoint the rights that the request needs; repeat the request later, or ask the operator of this endpoint, whose log has the reason",
		}
	case keycloak.Unknown:
	}
	return &scim.Error{Code: code.KeycloakFailed, Status: http.StatusInternalServerError, Cause: err, Detail: "Keycloak failed to carry out this request; repeat the request, or ask the operator of this endpoint, whose log has the reason"}
}

// remains says what a request that failed in the middle left behind.
func remains(err error) string {
	failed, ok := errors.AsType[*apply.Error](err)
	switch {
	case ok && failed.Remains:
		return "; a part was created and could not be removed again, so repeat the request to finish it"
	case ok && failed.Done > 0:
		return fmt.Sprintf("; %d of %d changes were made and stay, so repeat the request to make the others", failed.Done, failed.All)
	}
	return ""
}

// missing distinguishes a missing member from a missing resource.
func (r *request) missing(e *keycloak.Error, err error) *scim.Error {
	var failed plan.Step
	if e, ok := errors.AsType[*apply.Error](err); ok {
		failed = e.Step
	}
	switch s := failed.(type) {
	case plan.GrantRoles, plan.RevokeRoles:
		if e.Missing == "" { // a role was deleted, or created again
			return unfit(err)
		}
	case plan.CreateGroup: // the parent of the new group is gone
		return unfit(err)
	case plan.AdmitUser: // the user was deleted meanwhile
		return unavailable(0, err)
	case plan.AddMember:
		switch {
		case s.User.IsZero(): // the user was created, and a default group was missing
			return unfit(err)
		case e.Missing == keycloak.MissingUser:
			return unknownMembers([]string{s.User.String()})
		}
	case plan.CreateUser, plan.DeleteGroup, plan.DeleteUser, plan.EndSessions, plan.ExpelUser, plan.LinkUser,
		plan.RemoveMember, plan.UpdateGroup, plan.UpdateUser:
	}
	notFound := scim.NotFound(r.rt.Name)
	notFound.Cause = err
	return notFound
}

// conflict names the attribute that must be unique, as far as Keycloak says so. The text says nothing about the
// resource with the value.
func (r *request) conflict(e *keycloak.Error, err error) *scim.Error {
	attribute := "userName or an e-mail address"
	_, both := errors.AsType[bothTaken](err)
	verb := "is"
	switch {
	case both:
		attribute, verb = bothText, "are"
	case r.rt.Schema.ID == scim.GroupURN:
		attribute = "displayName"
	case !r.organization().IsZero(): // to say which would tell an organization about other users
	case strings.Contains(e.Message, "username or email"):
	case strings.Contains(e.Message, "email"):
		attribute = "the primary e-mail address"
	case strings.Contains(e.Message, "username"):
		attribute = "userName"
	}
	return &scim.Error{
		Code: code.Taken, Status: http.StatusConflict, Type: scim.UniqueValue, Cause: err,
		Detail: fmt.Sprintf("%s %s in use by another %s of the realm; %s", attribute, verb, strings.ToLower(r.rt.Name), r.valueTakenRemedy(both || strings.Contains(attribute, "userName"))),
	}
}

// valueTakenRemedy is the remedy for a conflict of names; userName says that the user name is taken, not only the
// address. It does not depend on the owner of the value. A tenant that does not see all users is not told to search.
func (r *request) valueTakenRemedy(userName bool) string {
	switch {
	case r.rt.Schema.ID == scim.GroupURN:
		return "find the group by a filter on displayName and use that id, or send another value"
	case !r.organization().IsZero() || r.Tenant.Policy.OwnedOnly:
		return "send another value; if the account belongs to this user, ask the operator to let this endpoint take it over"
	case userName:
		return "find the user by a filter on userName and use that id, or send another value"
	}
	return "find the user by a filter on emails.value and use that id, or send another value"
}

// invalid names the attributes that Keycloak refuses, and the reasons.
func (r *request) invalid(e *keycloak.Error, err error) *scim.Error {
	out := &scim.Error{Code: code.RefusedByRealm, Status: http.StatusBadRequest, Type: scim.InvalidValue, Cause: err}
	var texts []string
	for _, f := range e.Fields {
		name := r.attributeOf(f.Field)
		if strings.HasPrefix(strings.ToLower(name), mapping.OwnPrefix) { // clients do not know such a name
			name = "a value that this endpoint stores with the " + strings.ToLower(r.rt.Name)
		}
		if f.Code == codeReadOnly {
			out.Type = scim.MutabilityErr
		}
		why := reason(name, f, refusedValue(err, f.Field))
		if text := name + " " + why.text; !slices.Contains(texts, text) {
			texts = append(texts, text)
			out.Remedy = joined(out.Remedy, why.remedy)
		}
	}
	if policy, ok := strings.CutPrefix(e.Message, passwordPolicy); ok {
		_, rule, _ := strings.Cut(policy, "Invalid password: ")
		texts = []string{"password is refused by the realm's password policy (" + strings.TrimSuffix(rule, ".") + "); send another password"}
	}
	if len(texts) == 0 {
		texts = []string{"Keycloak refuses a value of the " + strings.ToLower(r.rt.Name) + "; correct the value, or ask the operator of this endpoint, whose log has the reason"}
	}
	out.Detail = strings.Join(texts, "; ")
	return out
}

// passwordPolicy begins Keycloak's text about a password that breaks the realm's policy:
// "invalidPasswordMinLengthMessage: Invalid password: minimum length 12.".
const passwordPolicy = "invalidPassword"

const codeReadOnly = "error-user-attribute-read-only"

// reason explains a message key of Keycloak's user profile validators. value is the refused value, or "" when it is not
// known.
func reason(name string, f keycloak.FieldError, value string) refusal {
	switch f.Code {
	case codeReadOnly:
		if name == scim.AttrUserName {
			return refusal{"cannot be changed: the realm does not allow changes of user names; leave it as it is, or ask the operator of this endpoint to allow them", "setup --allow-username-changes"}
		}
		return refusal{text: "cannot be changed: the realm's user profile does not allow it; leave it as it is, or ask the operator of this endpoint"}
	case codeUsernameCharacter, codePersonCharacter:
		return characters(f.Code, value)
	case "error-invalid-email":
		return refusal{text: "is not an e-mail address that Keycloak accepts; send a valid address"}
	case "error-user-attribute-required":
		return refusal{text: "is required by the realm's user profile; send a value"}
	case "error-invalid-length", "error-invalid-length-too-long", "error-invalid-length-too-short":
		return refusal{text: "is shorter or longer than the realm's user profile allows" + bounds(f.Params) + "; send a value of an allowed length"}
	}
	return refusal{text: "is refused by the realm's user profile (" + f.Code + "); send another value, or ask the operator of this endpoint"}
}

// bounds are the numbers in the parameters of a length error.
func bounds(params []string) string {
	if len(params) < 2 {
		return ""
	}
	return " (" + strings.Join(params[1:], " to ") + " characters)"
}

// maxNamed bounds the ids that an error repeats.
const maxNamed = 20

func unknownMembers(ids []string) *scim.Error {
	hint := ""
	if slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, patch.NoUser) }) {
		hint = "; a group cannot be a member of a group, because Keycloak does not count its members as members of the group above"
	}
	return scim.BadRequest(code.UnknownMember, scim.InvalidValue, "members has ids that no user has (%d), so nothing was changed: %s; create these users first%s", len(ids), listed(ids), hint)
}

// listed are ids for an error; a long list is cut.
func listed(ids []string) string {
	text := strings.Join(ids[:min(len(ids), maxNamed)], ", ")
	if len(ids) > maxNamed {
		text += " and others"
	}
	return strings.ToValidUTF8(scim.Clip(text, maxNamed*48), "") // the length of that many ids of Keycloak
}
