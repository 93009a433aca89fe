package bridge

import (
	"context"
	"net/http"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Return is what a client prefers to be answered to a write (RFC 7240 section 4.2).
type Return string

// The values of Return.
const (
	ReturnRepresentation Return = "representation" // the resource
	ReturnMinimal        Return = "minimal"        // no more than the tenant's policy says, and no more than what tells which resource it is
)

// render answers with a resource as the client asked to see it.
func (s *Service) render(ctx context.Context, r *request, status int, cur current) (Answer, error) {
	resource, err := r.kind.resource(ctx, r, cur)
	if err != nil {
		return Answer{}, s.fail(r, err)
	}
	return r.show(status, resource), nil
}

// show is the answer with a resource.
func (r *request) show(status int, resource scim.Resource) Answer {
	out := Answer{
		Status:   status,
		Body:     r.rt.Project(r.rt.Object(resource, r.Tenant.BaseURL), r.projection),
		Location: r.rt.Location(r.Tenant.BaseURL, resource.ID),
	}
	if r.sees(r.Endpoint) {
		out.ETag = resource.Version()
	}
	return out
}

// written answers a write with the resource, in its minimal form where the client prefers that.
func (s *Service) written(ctx context.Context, r *request, status int, cur current) (Answer, error) {
	if r.Return == ReturnMinimal {
		r.shorten()
	}
	a, err := s.render(ctx, r, status, cur)
	return r.preferred(a), err
}

// patched answers a PATCH that was carried out.
func (s *Service) patched(ctx context.Context, r *request, cur current) (Answer, error) {
	said := r.patchBody()
	if said == tenant.BodyNone {
		return r.preferred(Answer{Status: http.StatusNoContent, ETag: s.versionOf(ctx, r, cur)}), nil
	}
	if said == tenant.BodyMinimal {
		r.shorten()
	}
	a, err := s.render(ctx, r, http.StatusOK, cur)
	return r.preferred(a), err
}

// patchBody is what a PATCH is answered with. A client that names attributes
// gets them (RFC 7644 section 3.5.2), and one that prefers a minimal answer gets no more than without.
func (r *request) patchBody() tenant.Body {
	said := tenant.BodyNone
	if r.kind.patchAnswers() {
		said = tenant.BodyFull
	}
	if !r.bulk {
		said = r.Tenant.Policy.PatchBody(said)
	}
	switch {
	case r.projection.Asked() || r.Return == ReturnRepresentation:
		return tenant.BodyFull
	case r.Return == ReturnMinimal && said == tenant.BodyFull:
		return tenant.BodyMinimal
	}
	return said
}

// shorten leaves of the answer what tells which resource it is, unless the client named attributes or may
// not read the resource.
func (r *request) shorten() {
	if !r.projection.Asked() && r.sees(r.Endpoint) {
		r.projection = r.rt.Minimal()
	}
}

// preferred says of an answer what it has of the client's preference.
func (r *request) preferred(a Answer) Answer {
	a.Varies = true
	if r.Return == ReturnRepresentation || !r.projection.Asked() {
		a.Applied = r.Return
	}
	return a
}

// versionOf is the version of a resource that was written and is not shown: over a group's members where
// all of them are known. It is "" where the client named a version over them and they are not known: one
// without them would not protect what the client means to protect.
func (s *Service) versionOf(ctx context.Context, r *request, cur current) string {
	if !r.sees(r.Endpoint) || r.linking && !cur.known {
		return ""
	}
	r.projection = r.rt.Minimal() // which reads nothing
	resource, err := r.kind.resource(ctx, r, cur)
	if err == nil && cur.known {
		resource.Linked, err = r.kind.linked(ctx, r, &cur)
	}
	if err != nil {
		return ""
	}
	return resource.Version()
}
