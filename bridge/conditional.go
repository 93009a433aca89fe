package bridge

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Conditions are the preconditions of a request (RFC 7644 section 3.14): the values of the headers If-Match and
// If-None-Match, or "".
type Conditions struct {
	IfMatch     string
	IfNoneMatch string
}

// conditional reports whether the request has a precondition.
func (c Conditions) conditional() bool { return c != Conditions{} }

// check refuses a write when the resource has another version than the client knows. The caller holds the lock of the
// resource. check reads the members of a group, or the groups of a user, only when a version that the client sent
// includes them.
func (r *request) check(ctx context.Context, cur *current) error {
	for _, c := range []struct {
		list  string
		right bool // whether the list must name the version, or must not
	}{{r.IfMatch, true}, {r.IfNoneMatch, false}} {
		if c.list == "" {
			continue
		}
		named, err := r.matches(ctx, c.list, cur)
		if err != nil {
			return err
		}
		if named != c.right {
			return staleError()
		}
	}
	return nil
}

func staleError() error {
	return &scim.Error{
		Code: code.Version, Status: http.StatusPreconditionFailed,
		Detail: "the resource has another version than the request names, so nothing was changed; read the resource again",
	}
}

// matches reports whether a list of entity tags, or "*", matches a resource.
func (r *request) matches(ctx context.Context, list string, cur *current) (bool, error) {
	resource := cur.resource
	if matches(list, resource.Version()) {
		return true, nil
	}
	linking := slices.ContainsFunc(tagsOf(list), func(tag string) bool { return scim.Linking(tag, resource.Version()) })
	if !linking {
		return false, nil
	}
	r.linking = true
	var err error
	if resource.Linked, err = r.kind.linked(ctx, r, cur); err != nil {
		return false, err
	}
	return matches(list, resource.Version()), nil
}

// unchanged reports whether a read can be answered with 304, because the client already has the answer.
func (r *request) unchanged(resource scim.Resource) bool {
	return r.IfNoneMatch != "" && matches(r.IfNoneMatch, resource.Version())
}

// matches reports whether a list of entity tags, or "*", names a version.
func matches(list, version string) bool {
	return slices.ContainsFunc(tagsOf(list), func(tag string) bool { return tag == "*" || scim.SameVersion(tag, version) })
}

// tagsOf are the entity tags of a list. The bridge's own tags contain no comma.
func tagsOf(list string) []string {
	tags := strings.Split(list, ",")
	for i, tag := range tags {
		tags[i] = strings.TrimSpace(tag)
	}
	return tags
}
