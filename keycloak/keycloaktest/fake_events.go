package keycloaktest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// event is an admin event.
type event struct {
	id                        string
	time                      int64 // ms
	operation, resource, path string
	username                  string
	by, client                string // the ids of the caller and of the caller's client
}

// eventRule says which event a call makes. A path takes its ids from the path of the call; new is the id of the created
// resource.
type eventRule struct{ pattern, operation, resource, path string }

func eventRules() []eventRule {
	const member = "organizations/{organization}/members"
	const group, groupMember = "organizations/{organization}/groups", "organizations/{organization}/groups/{below}/members/{member}"
	return []eventRule{
		{"POST /users", "CREATE", "USER", "users/new"},
		{"PUT /users/{id}", "UPDATE", "USER", "users/{id}"},
		{"DELETE /users/{id}", "DELETE", "USER", "users/{id}"},
		{"PUT /users/{id}/groups/{group}", "CREATE", "GROUP_MEMBERSHIP", "users/{id}/groups/{group}"},
		{"DELETE /users/{id}/groups/{group}", "DELETE", "GROUP_MEMBERSHIP", "users/{id}/groups/{group}"},
		{"POST /groups", "CREATE", "GROUP", "groups/new"},
		{"POST /groups/{group}/children", "CREATE", "GROUP", "groups/{group}/children"},
		{"PUT /groups/{group}", "UPDATE", "GROUP", "groups/{group}"},
		{"DELETE /groups/{group}", "DELETE", "GROUP", "groups/{group}"},
		{"POST /users/{id}/role-mappings/realm", "CREATE", "REALM_ROLE_MAPPING", "users/{id}/role-mappings/realm"},
		{"DELETE /users/{id}/role-mappings/realm", "DELETE", "REALM_ROLE_MAPPING", "users/{id}/role-mappings/realm"},
		{"POST /users/{id}/role-mappings/clients/{client}", "CREATE", "CLIENT_ROLE_MAPPING", "users/{id}/role-mappings/clients/{client}"},
		{"DELETE /users/{id}/role-mappings/clients/{client}", "DELETE", "CLIENT_ROLE_MAPPING", "users/{id}/role-mappings/clients/{client}"},
		{"POST /groups/{group}/role-mappings/realm", "CREATE", "REALM_ROLE_MAPPING", "groups/{group}/role-mappings/realm"},
		{"DELETE /groups/{group}/role-mappings/realm", "DELETE", "REALM_ROLE_MAPPING", "groups/{group}/role-mappings/realm"},
		{"POST /groups/{group}/role-mappings/clients/{client}", "CREATE", "CLIENT_ROLE_MAPPING", "groups/{group}/role-mappings/clients/{client}"},
		{"DELETE /groups/{group}/role-mappings/clients/{client}", "DELETE", "CLIENT_ROLE_MAPPING", "groups/{group}/role-mappings/clients/{client}"},
		{"POST /roles", "CREATE", "REALM_ROLE", "roles/new"},
		{"POST /roles-by-id/{byID}/composites", "CREATE", "REALM_ROLE", "roles-by-id/{byID}/composites"},
		{"DELETE /roles-by-id/{byID}/composites", "DELETE", "REALM_ROLE", "roles-by-id/{byID}/composites"},
		{"POST /clients", "CREATE", "CLIENT", "clients/new"},
		{"PUT /default-groups/{group}", "CREATE", "GROUP", "default-groups/{group}"},
		{"POST /organizations/{organization}/members", "CREATE", "ORGANIZATION_MEMBERSHIP", member},
		{"DELETE /organizations/{organization}/members/{member}", "DELETE", "ORGANIZATION_MEMBERSHIP", member + "/{member}"},
		{"POST /organizations/{organization}/groups", "CREATE", "ORGANIZATION_GROUP", group},
		{"PUT /organizations/{organization}/groups/{below}", "UPDATE", "ORGANIZATION_GROUP", group + "/{below}"},
		{"DELETE /organizations/{organization}/groups/{below}", "DELETE", "ORGANIZATION_GROUP", group + "/{below}"},
		{"PUT /organizations/{organization}/groups/{below}/members/{member}", "CREATE", "ORGANIZATION_GROUP_MEMBERSHIP", groupMember},
		{"DELETE /organizations/{organization}/groups/{below}/members/{member}", "DELETE", "ORGANIZATION_GROUP_MEMBERSHIP", groupMember},
	}
}

// record notes the event of a successful call.
func (c *call) record(answer reply) {
	if c.realm == nil || !c.realm.flag("adminEventsEnabled") || answer.quiet || answer.status >= http.StatusBadRequest {
		return
	}
	pattern := strings.Replace(c.r.Pattern, adminPrefix, "", 1)
	i := slices.IndexFunc(eventRules(), func(r eventRule) bool { return r.pattern == pattern })
	if i < 0 {
		return
	}
	rule := eventRules()[i]
	segments := strings.Split(rule.path, "/")
	for i, s := range segments {
		switch {
		case s == "new":
			segments[i] = answer.location[strings.LastIndexByte(answer.location, '/')+1:]
		case strings.HasPrefix(s, "{"):
			segments[i] = c.path(strings.Trim(s, "{}"))
		}
	}
	c.realm.events = append(c.realm.events, event{
		id: newID(), time: time.Now().Add(c.f.ahead).UnixMilli(), operation: rule.operation, resource: rule.resource, path: strings.Join(segments, "/"), username: c.memberName(), by: c.caller.id, client: c.caller.client,
	})
}

// memberName is the name of the user whose membership a call changes.
func (c *call) memberName() string {
	for _, id := range []string{c.path("member"), c.path("id"), strings.Trim(string(c.body), `"`)} {
		if u := c.realm.users[id]; u != nil {
			return u.username
		}
	}
	return ""
}

func listEvents(c *call) (reply, error) {
	from, _ := c.query("dateFrom")
	since, err := strconv.ParseInt(from, 10, 64)
	direction, _ := c.query("direction")
	if err != nil || direction != "asc" {
		return reply{}, notModelled("admin events without dateFrom in ms, or the newest first")
	}
	types, out := c.r.URL.Query()["resourceTypes"], []map[string]any{}
	for _, name := range types {
		if !slices.ContainsFunc(eventRules(), func(r eventRule) bool { return r.resource == name }) && !strings.HasPrefix(name, "CLIENT_ROLE") && name != "AUTHORIZATION_POLICY" {
			return reply{}, broke()
		}
	}
	for _, e := range c.realm.events {
		if e.time < since || len(types) > 0 && !slices.Contains(types, e.resource) {
			continue
		}
		object := map[string]any{
			"id": e.id, "time": e.time, "operationType": e.operation, "resourceType": e.resource, "resourcePath": e.path, "authDetails": map[string]any{"userId": e.by, "clientId": e.client},
		}
		if e.username != "" && strings.HasSuffix(e.resource, "MEMBERSHIP") {
			object["details"] = map[string]any{"username": e.username}
		}
		out = append(out, object)
	}
	list, err := page(c, out, keycloak.MaxPage)
	if err != nil {
		return reply{}, err
	}
	return found(list)
}
