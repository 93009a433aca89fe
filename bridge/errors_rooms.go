package bridge

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// refusedByWall makes the client's error of a refusal by the guard.
func (r *request) refusedByWall(refused guard.Error) *scim.Error {
	var out *scim.Error
	switch e := refused.(type) {
	case guard.ProtectedError:
		remedy := "leave them out, or ask an administrator of Keycloak to change them"
		if e.Delegate {
			remedy = "ask an administrator of Keycloak to change it, or deactivate it with a request that changes only active"
		}
		out = scim.Forbidden(code.Protected, "nothing was changed: SCIM cannot change administrators of Keycloak, groups that make their members administrators, or what the operator protects: %s; %s",
			r.shownAll(e.IDs, e.Resource), remedy)
	case guard.KeptError:
		out = scim.Forbidden(code.GroupKept, "nothing was changed: the group %s must keep its name and its place, because the operator's configuration names it or a group below it; change only its members, or ask the operator", r.shown(endpointGroups, e.ID))
	case guard.RoleError:
		out = unfit(e)
	case guard.PathError:
		out = scim.BadRequest(code.ReservedName, scim.InvalidValue,
			"nothing was changed: with this displayName, a fine-grained permission of Keycloak would make the group's members administrators of the realm; send another displayName")
	case guard.NameError:
		out = unclear(e)
	case guard.DomainError:
		out = scim.Forbidden(code.Domain, "nothing was changed: %s is in the domain %q, which is not a verified domain of the organization; ask the operator to add and verify the domain, or to allow any domain", e.Attribute, e.Domain)
	case guard.HeldError:
		out = &scim.Error{Code: code.Held, Status: http.StatusServiceUnavailable, RetryAfter: seconds(e.RetryAfter), Detail: fmt.Sprintf(
			"nothing was changed: %d users of this endpoint were removed or deactivated within %s, the most that it allows in that time, so that a mistake cannot remove all users; "+
				"repeat the request later, or ask the operator to check this and lift the removal brake", e.Removed, e.Window)}
	}
	out.Cause = refused
	return out
}

// unclear makes the error for an identifier that could be mistaken for another name.
func unclear(e guard.NameError) *scim.Error {
	switch e.Fault {
	case guard.Unseen:
		return scim.BadRequest(code.UnclearName, scim.InvalidValue,
			"%s contains the character U+%04X, which is invisible or changes how the text around it looks, so the value could be mistaken for another; send it without this character", e.Attribute, e.Character)
	case guard.Blank:
		return scim.BadRequest(code.UnclearName, scim.InvalidValue, "%s begins or ends with a blank, so the value could be mistaken for another; send it without the blank", e.Attribute)
	case guard.SecondAddress:
		return scim.BadRequest(code.UnclearName, scim.InvalidValue,
			"%s contains a second @, or quotes before the @, so it could be mistaken for an address of another domain; send an address with one @ and without quotes", e.Attribute)
	case guard.ServiceAccount:
	}
	return scim.BadRequest(code.ReservedName, scim.InvalidValue, "%s begins with %s, which Keycloak reserves for the service accounts of its clients; send another value", e.Attribute, keycloak.ServiceAccountPrefix)
}

// notFoundYet explains why a search has no answer yet; nil for another error.
func (r *request) notFoundYet(err error) *scim.Error {
	indexing, isIndexing := errors.AsType[directory.IndexingError](err)
	unsteady, isUnsteady := errors.AsType[directory.UnsteadyError](err)
	switch {
	case isIndexing:
		return &scim.Error{
			Code: code.Indexing, Status: http.StatusServiceUnavailable, RetryAfter: seconds(indexing.RetryAfter), Cause: err,
			Detail: fmt.Sprintf("the answer needs an index of all resources, which is being built (%d of %d are read); try again", indexing.Read, indexing.Total),
		}
	case isUnsteady:
		return &scim.Error{Code: code.Unsteady, Status: http.StatusServiceUnavailable, RetryAfter: 1, Cause: err, Detail: unsteady.Why + "; try again"}
	case errors.Is(err, directory.ErrIndexFull):
		return r.indexFull()
	}
	return nil
}

// indexFull says which filters work without an index. An empty list would look like an answer.
func (r *request) indexFull() *scim.Error {
	names := "id, userName, externalId, emails.value and displayName"
	if r.Endpoint == endpointGroups {
		names = "id, displayName, externalId and members.value"
	}
	return scim.BadRequest(code.IndexFull, scim.TooMany,
		"there are too many resources for this query and the memory of this endpoint; use a filter with eq on one of %s, or ask the operator of this endpoint for more memory", names)
}

// seconds are whole seconds, for a Retry-After header.
func seconds(d time.Duration) int { return int(d.Seconds()) }
