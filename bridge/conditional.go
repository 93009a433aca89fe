package bridge

import (
	"net/http"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Conditions are the preconditions of a request (RFC 7644 section 3.14): the values
// of the headers If-Match and If-None-Match, "" for none.
type Conditions struct {
	IfMatch     string
	IfNoneMatch string
}

// conditional reports whether the request has a precondition.
func (c Conditions) conditional() bool { return c != Conditions{} }

// check refuses a write of another version than the client knows.
func (c Conditions) check(version string) error {
	if c.IfMatch != "" && !matches(c.IfMatch, version) || c.IfNoneMatch != "" && matches(c.IfNoneMatch, version) {
		return &scim.Error{
			Code: codeVersion, Status: http.StatusPreconditionFailed,
			Detail: "the resource has another version than the request names, so nothing was changed; read it again",
		}
	}
	return nil
}

// unchanged reports whether a read can be answered with 304: not when it shows what
// the version does not cover, a group's members or a user's groups.
func (r *request) unchanged(cur current) bool {
	unversioned := r.projection.Wants(r.rt.Attribute(scim.AttrMembers)) || r.projection.Wants(r.rt.Attribute(scim.AttrGroups))
	return r.IfNoneMatch != "" && !unversioned && matches(r.IfNoneMatch, cur.resource.Version())
}

// matches compares a list of entity tags, or "*", with a version, weakly (RFC 9110
// section 8.8.3.2): all tags of the bridge are weak.
func matches(list, version string) bool {
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(version, "W/") {
			return true
		}
	}
	return false
}
