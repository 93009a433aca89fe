package bridge

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
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

// Result is what a call came to. What it is told in, as a status, is for whoever was called.
type Result struct {
	// Op is what became of the resource: "" for a call that only reads, and for one that is about several.
	Op change.Op
	// Resource is what Keycloak has then, in part where the client asked for parts; zero where nobody read it, and
	// for a call that is about several.
	Resource scim.Resource
	// Plan is what was carried out or, of a dry run, would have been.
	Plan plan.Plan
	// Change is the fact that was recorded or, of a dry run, would have been.
	Change change.Change

	// Shown is what the client asked to see: the resource, or a list; nil for nothing.
	Shown map[string]any
	// Location is the URL of Resource; "" for none.
	Location string
	// Version is that of the resource; "" where nobody knows it, or the client may not.
	Version string
	// Unchanged says of a read that the client has what would be shown.
	Unchanged bool
	// Honoured is what was honoured of the preference of the call; "" for nothing.
	Honoured Return
}

// result is what the request came to.
func (r *request) result() Result {
	if r.change == nil {
		return Result{}
	}
	return Result{Op: r.change.Op, Plan: r.plan, Change: *r.change}
}

// render shows a resource as the client asked to see it.
func (s *Service) render(ctx context.Context, r *request, cur current) (Result, error) {
	resource, err := r.kind.resource(ctx, r, cur)
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	return r.show(resource), nil
}

// show is the result with a resource. One that a dry run would have made has neither id nor location.
func (r *request) show(resource scim.Resource) Result {
	out := r.result()
	out.Resource = resource
	object := r.rt.Object(resource, r.Tenant.BaseURL)
	if resource.ID == "" {
		delete(object, scim.AttrID)
		delete(object, scim.AttrMeta)
	} else {
		out.Location = r.rt.Location(r.Tenant.BaseURL, resource.ID)
	}
	out.Shown = r.rt.Project(object, r.projection)
	if r.sees(r.Endpoint) {
		out.Version = resource.Version()
	}
	return out
}

// written shows what was written, in its minimal form where the client prefers that.
func (s *Service) written(ctx context.Context, r *request, cur current) (Result, error) {
	if r.Return == ReturnMinimal {
		r.shorten()
	}
	out, err := s.render(ctx, r, cur)
	return r.preferred(out), err
}

// patched is what a PATCH that was carried out came to.
func (s *Service) patched(ctx context.Context, r *request, cur current) (Result, error) {
	said := r.patchBody()
	if said == tenant.BodyNone {
		out := r.result()
		out.Resource, out.Version = cur.resource, s.versionOf(ctx, r, cur)
		return r.preferred(out), nil
	}
	if said == tenant.BodyMinimal {
		r.shorten()
	}
	out, err := s.render(ctx, r, cur)
	return r.preferred(out), err
}

// patchBody is what a PATCH is answered with. A client that names attributes
// gets them (RFC 7644 section 3.5.2), and one that prefers a minimal answer gets no more than without.
func (r *request) patchBody() tenant.Body {
	said := tenant.BodyFull
	if _, blind := r.kind.(blindPatcher); blind {
		said = tenant.BodyNone
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

// preferred says of a result what it has of the client's preference.
func (r *request) preferred(out Result) Result {
	if r.Return == ReturnRepresentation || !r.projection.Asked() {
		out.Honoured = r.Return
	}
	return out
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
