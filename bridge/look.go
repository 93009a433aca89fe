package bridge

import (
	"context"
	"errors"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Look is a resource as a tenant shows it now.
type Look struct {
	Document scim.Document // without members; nil when Seen is false, and when it cannot be shown
	Seen     bool          // whether the tenant has the resource
	Reason   string        // why the document cannot be shown, without personal data; otherwise ""
}

// Look reads a resource as a tenant shows it, after somebody else changed it. It writes nothing, and it waits until no
// request to the bridge writes the resource. A resource of a type that is no resource of SCIM is not seen. An error says
// that Keycloak cannot be asked now: the caller tries again later.
func (s *Service) Look(ctx context.Context, t *tenant.Tenant, of change.Resource) (Look, error) {
	endpoint := endpointOf(of.Type)
	if endpoint == "" || of.ID == "" {
		return Look{}, nil
	}
	r, err := s.begin(Call{By: t.System(), Endpoint: endpoint, ID: of.ID}, reading)
	if err != nil {
		return Look{}, err
	}
	defer r.end()
	if err := s.lock(ctx, r, resourceLock(r, of.ID)); err != nil {
		return Look{}, err
	}
	v := recovery{s: s, r: r}
	cur, err := r.kind.read(ctx, r)
	err = v.readable(cur, err)
	if why, ok := errors.AsType[unsettled](err); ok {
		return Look{Seen: true, Reason: strings.TrimPrefix(string(why), interrupted+"; ")}, nil
	}
	switch keycloak.KindOf(err) { //nolint:exhaustive // the others are failures
	case keycloak.NotFound:
		return Look{}, nil
	case "":
	}
	if err != nil {
		return Look{}, err
	}
	return Look{Document: cur.resource.Document, Seen: true}, nil
}
