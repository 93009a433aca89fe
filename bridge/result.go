package bridge

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Return is the client's preference for the answer to a write (RFC 7240 section 4.2).
type Return string

// The values of Return.
const (
	ReturnRepresentation Return = "representation" // the resource
	ReturnMinimal        Return = "minimal"        // at most what the tenant's policy says, and at most what identifies the resource
)

// Result is the result of a call. The entry point turns it into an answer, such as an HTTP status.
type Result struct {
	// Op is what happened to the resource: "" for a call that only reads, and for a call about several resources.
	Op change.Op
	// Resource is the state of the resource in Keycloak afterwards, or the parts that the client asked for. It is zero
	// when it was not read, and for a call about several resources.
	Resource scim.Resource
	// Plan is the plan that was carried out or, for a dry run, would have been.
	Plan plan.Plan
	// Change is the change that was recorded or, for a dry run, would have been.
	Change change.Change

	// Shown is what the client asked to see: the resource or a list; nil for nothing.
	Shown map[string]any
	// Location is the URL of Resource, or "".
	Location string
	// Version is the version of Resource, or "" when it is not known, or the client may not know it.
	Version string
	// Unchanged says that the client of a read already has what would be shown.
	Unchanged bool
	// Failed are the operations of a bulk request that were refused or failed, in their order.
	Failed []FailedOperation
	// Honoured is the part of the client's preference that was honoured, or "".
	Honoured Return
}

// result is the result of the request.
func (r *request) result() Result {
	if r.change == nil {
		return Result{}
	}
	return Result{Op: r.change.Op, Plan: r.plan, Change: *r.change}
}

// render shows a resource in the form that the client asked for.
func (s *Service) render(ctx context.Context, r *request, cur current) (Result, error) {
	resource, err := r.kind.resource(ctx, r, cur)
	if err != nil {
		return Result{}, s.fail(r, err)
	}
	return r.show(resource), nil
}

// show is the result with a resource. A resource that a dry run would have created has no id and no location.
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

// written shows the written resource, in the minimal form when the client prefers that.
func (s *Service) written(ctx context.Context, r *request, cur current) (Result, error) {
	if r.Return == ReturnMinimal {
		r.shorten()
	}
	out, err := s.render(ctx, r, cur)
	return r.preferred(out), err
}

// patched is the result of a PATCH that was carried out.
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

// patchBody is the form of the answer to a PATCH. A client that names attributes gets them (RFC 7644 section 3.5.2). A
// client that prefers a minimal answer gets at most what it would get without the preference.
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

// shorten reduces the answer to what identifies the resource, unless the client named attributes or may not read the
// resource.
func (r *request) shorten() {
	if !r.projection.Asked() && r.sees(r.Endpoint) {
		r.projection = r.rt.Minimal()
	}
}

// preferred notes in a result which part of the client's preference was honoured.
func (r *request) preferred(out Result) Result {
	if r.Return == ReturnRepresentation || !r.projection.Asked() {
		out.Honoured = r.Return
	}
	return out
}

// versionOf is the version of a written resource that is not shown. It includes a group's members when all of them are
// known. It is "" when the client named a version with members and they are not known: a version without members would
// not protect what the client wants to protect.
func (s *Service) versionOf(ctx context.Context, r *request, cur current) string {
	if !r.sees(r.Endpoint) || r.linking && !cur.known {
		return ""
	}
	r.projection = r.rt.Minimal() // this reads nothing
	resource, err := r.kind.resource(ctx, r, cur)
	if err == nil && cur.known {
		resource.Linked, err = r.kind.linked(ctx, r, &cur)
	}
	if err != nil {
		return ""
	}
	return resource.Version()
}
