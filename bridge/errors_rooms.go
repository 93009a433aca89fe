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

// refusedByWall words what the walls refuse.
func (r *request) refusedByWall(refused guard.Error) *scim.Error {
	var out *scim.Error
	switch e := refused.(type) {
	case guard.ProtectedError:
		remedy := "leave them out, or have them changed in Keycloak"
		if e.Delegate {
			remedy = "have it changed in Keycloak, or deactivate it with a request that changes active alone"
		}
		out = scim.Forbidden(code.Protected, "nothing was changed: SCIM cannot change administrators of Keycloak, the groups that make one, and what the operator protects: %s; %s",
			r.shownAll(e.IDs, e.Resource), remedy)
	case guard.KeptError:
		out = scim.Forbidden(code.GroupKept, "nothing was changed: the group %s must keep its name and its place, since the operator's configuration names it or one below it; change its members alone, or have the operator change the rest", r.shown(endpointGroups, e.ID))
	case guard.RoleError:
		out = unfit(e)
	case guard.PathError:
		out = scim.BadRequest(code.ReservedName, scim.InvalidValue,
			"nothing was changed: displayName gives the group a path by which Keycloak takes its members for administrators of the realm, as a fine-grained permission says; send another one")
	case guard.NameError:
		out = unclear(e)
	case guard.DomainError:
		out = scim.Forbidden(code.Domain, "nothing was changed: %s is in the domain %q, which is no verified domain of the organization; have it added and verified in Keycloak, or the operator allow any domain for this endpoint", e.Attribute, e.Domain)
	case guard.HeldError:
		out = &scim.Error{Code: code.Held, Status: http.StatusServiceUnavailable, RetryAfter: seconds(e.RetryAfter), Detail: fmt.Sprintf(
			"nothing was changed: %d users of this endpoint were removed or deactivated within %s, as many as it lets go in that time, lest a mistake removes all; "+
				"repeat the request later, or have the operator look and lift the removal brake", e.Removed, e.Window)}
	}
	out.Cause = refused
	return out
}

// unclear words an identifier that could be taken for another one.
func unclear(e guard.NameError) *scim.Error {
	switch e.Fault {
	case guard.Unseen:
		return scim.BadRequest(code.UnclearName, scim.InvalidValue,
			"%s holds the character U+%04X, which nobody sees or which changes how the text around it looks, so that it could be taken for another; send it without", e.Attribute, e.Character)
	case guard.Blank:
		return scim.BadRequest(code.UnclearName, scim.InvalidValue, "%s begins or ends with a blank, so that it could be taken for another; send it without", e.Attribute)
	case guard.SecondAddress:
		return scim.BadRequest(code.UnclearName, scim.InvalidValue,
			"%s holds a second @ or quotes before it, so that it could be taken for an address of another domain; send an address with one @ and without quotes", e.Attribute)
	case guard.ServiceAccount:
	}
	return scim.BadRequest(code.ReservedName, scim.InvalidValue, "%s begins with %s, which Keycloak keeps for the service accounts of its clients; send another one", e.Attribute, keycloak.ServiceAccountPrefix)
}

// notFoundYet words why a search has no answer; nil for another error.
func (r *request) notFoundYet(err error) *scim.Error {
	indexing, isIndexing := errors.AsType[directory.IndexingError](err)
	unsteady, isUnsteady := errors.AsType[directory.UnsteadyError](err)
	switch {
	case isIndexing:
		return &scim.Error{
			Code: code.Indexing, Status: http.StatusServiceUnavailable, RetryAfter: seconds(indexing.RetryAfter), Cause: err,
			Detail: fmt.Sprintf("the answer needs an index of all resources, which is being made: %d of %d are read; try again", indexing.Read, indexing.Total),
		}
	case isUnsteady:
		return &scim.Error{Code: code.Unsteady, Status: http.StatusServiceUnavailable, RetryAfter: 1, Cause: err, Detail: unsteady.Why + "; try again"}
	case errors.Is(err, directory.ErrIndexFull):
		return r.indexFull()
	}
	return nil
}

// indexFull says which filters work without an index, so that nobody takes an empty list for an answer.
func (r *request) indexFull() *scim.Error {
	names := "id, userName, externalId, emails.value and displayName"
	if r.Endpoint == endpointGroups {
		names = "id, displayName, externalId and members.value"
	}
	return scim.BadRequest(code.IndexFull, scim.TooMany,
		"so many resources cannot be sorted, walked by cursor or searched by any filter within the memory that there is for it; a filter with eq on one of %s, alone or joined to others by \"and\", always works, and the operator of this endpoint can give the others more memory", names)
}

// seconds are whole ones, for a header Retry-After.
func seconds(d time.Duration) int { return int(d.Seconds()) }
