package keycloaktest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// policy is a policy of the realm's fine-grained admin permissions, or a permission when it has a resource type. The
// fake stores them, but they decide nothing.
type policy struct {
	id, name, kind, logic, decision string

	resourceType string
	scopes       []string
	policies     []*policy // of a permission

	users, roles []string
	groups       []policyGroup
	claim        string
}

type policyGroup struct {
	ID             string `json:"id"`
	ExtendChildren bool   `json:"extendChildren"`
}

type policyRole struct {
	ID       string `json:"id"`
	Required bool   `json:"required"`
}

// permissionScopes are the scopes of permissions for a type of resources.
func permissionScopes(resourceType string) []string {
	return strings.Fields(map[string]string{
		"Users":         "impersonate manage manage-group-membership map-roles reset-password view",
		"Groups":        "impersonate-members manage manage-members manage-membership manage-membership-of-members view view-members",
		"Roles":         "map-role map-role-client-scope map-role-composite",
		"Clients":       "manage map-roles map-roles-client-scope map-roles-composite view",
		"Organizations": "manage view",
	}[resourceType])
}

// permissionsClient is the client that the realm gets with its first permissions.
const permissionsClient = "admin-permissions"

// permit creates the client when permissions are switched on.
func (r *realm) permit() {
	if !r.flag("adminPermissionsEnabled") {
		return
	}
	c := r.clientNamed(permissionsClient)
	if c == nil {
		c = r.addClient(&client{clientID: permissionsClient, enabled: true, service: true, authorization: true})
	}
	r.settings["adminPermissionsClient"] = map[string]any{"id": c.id, "clientId": c.clientID}
}

// brief is a policy of a permission; Keycloak leaves out its logic there.
func (p *policy) brief() map[string]any {
	return map[string]any{"id": p.id, "name": p.name, "type": p.kind, "logic": "POSITIVE", "decisionStrategy": p.decision, "config": map[string]any{}}
}

// show is a policy or a permission in a list.
func (p *policy) show() map[string]any {
	out := map[string]any{"id": p.id, "name": p.name, "type": p.kind, "logic": p.logic, "decisionStrategy": p.decision}
	if p.resourceType != "" {
		out["resourceType"] = p.resourceType
		return out
	}
	config := map[string]any{}
	out["config"] = config
	roles := make([]policyRole, len(p.roles))
	for i, id := range p.roles {
		roles[i] = policyRole{ID: id}
	}
	for name, list := range map[string]any{"user": p.users, "group": p.groups, "role": roles} {
		if p.kind == name {
			config[name+"s"] = string(reply{body: list}.bytes())
		}
	}
	if p.claim != "" {
		config["groupsClaim"] = p.claim
	}
	return out
}

func isPermission(p *policy) bool { return p.resourceType != "" }
func isPolicy(p *policy) bool     { return p.resourceType == "" }

func listPermissions(c *call) (reply, error) { return c.listPolicies(isPermission) }

func listPolicies(c *call) (reply, error) {
	if only, _ := c.query("permission"); only != "false" {
		return reply{}, notModelled("policies together with permissions")
	}
	return c.listPolicies(isPolicy)
}

func (c *call) listPolicies(wanted func(*policy) bool) (reply, error) {
	list := filter(slices.Clone(c.realm.policies), wanted)
	slices.SortFunc(list, func(a, b *policy) int { return strings.Compare(a.name, b.name) })
	list, err := page(c, list, 20)
	if err != nil {
		return reply{}, err
	}
	out := []any{}
	for _, p := range list {
		out = append(out, p.show())
	}
	return found(out)
}

func (c *call) policyByID() (*policy, error) {
	for _, p := range c.realm.policies {
		if p.id == c.path("policy") {
			return p, nil
		}
	}
	return nil, badNumber()
}

func listPermissionScopes(c *call) (reply, error) {
	p, err := c.policyByID()
	if err != nil {
		return reply{}, err
	}
	out := []any{}
	for _, name := range p.scopes {
		out = append(out, map[string]string{"id": "scope-" + name, "name": name})
	}
	return found(out)
}

func listPermissionPolicies(c *call) (reply, error) {
	p, err := c.policyByID()
	if err != nil {
		return reply{}, err
	}
	out := []any{}
	for _, one := range p.policies {
		out = append(out, one.brief())
	}
	return found(out)
}

// policyBody is a new policy or permission.
type policyBody struct {
	Name, Logic, DecisionStrategy, ResourceType, GroupsClaim string

	Resources, Scopes, Policies, Users []string
	Roles                              []policyRole
	Groups                             []policyGroup
}

func (c *call) newPolicy() (*policy, policyBody, error) {
	body := policyBody{Logic: "POSITIVE", DecisionStrategy: "UNANIMOUS"}
	if json.Unmarshal(c.body, &body) != nil || body.Name == "" {
		return nil, body, notModelled("policy without a name")
	}
	if slices.ContainsFunc(c.realm.policies, func(p *policy) bool { return p.name == body.Name }) {
		return nil, body, oauth(http.StatusConflict, "Policy with name ["+body.Name+"] already exists", "Conflicting policy")
	}
	return &policy{id: newID(), name: body.Name, logic: body.Logic, decision: body.DecisionStrategy}, body, nil
}

func createPolicy(c *call) (reply, error) {
	p, body, err := c.newPolicy()
	if err != nil {
		return reply{}, err
	}
	switch p.kind = c.path("kind"); p.kind {
	case "user", "group", "role", "time", "client", "client-scope", "regex", "aggregate":
	default:
		return reply{}, notModelled("policy of the type " + p.kind)
	}
	p.users, p.groups, p.claim = body.Users, body.Groups, body.GroupsClaim
	for _, r := range body.Roles {
		p.roles = append(p.roles, r.ID)
	}
	return c.addPolicy(p)
}

func createPermission(c *call) (reply, error) {
	p, body, err := c.newPolicy()
	if err != nil {
		return reply{}, err
	}
	known := permissionScopes(body.ResourceType)
	unknown := slices.ContainsFunc(body.Scopes, func(s string) bool { return !slices.Contains(known, s) })
	if len(known) == 0 || unknown || p.decision != "UNANIMOUS" {
		return reply{}, refuse(http.StatusBadRequest, "unknown_error")
	}
	p.kind, p.resourceType, p.scopes = "scope", body.ResourceType, body.Scopes
	for _, id := range body.Policies {
		i := slices.IndexFunc(c.realm.policies, func(p *policy) bool { return p.id == id && isPolicy(p) })
		if i < 0 {
			return reply{}, notModelled("permission with a policy that is not there")
		}
		p.policies = append(p.policies, c.realm.policies[i])
	}
	return c.addPolicy(p)
}

func (c *call) addPolicy(p *policy) (reply, error) {
	c.realm.policies = append(c.realm.policies, p)
	return reply{status: http.StatusCreated, body: map[string]any{"id": p.id, "name": p.name, "type": p.kind, "logic": p.logic, "decisionStrategy": p.decision}}, nil
}

// deletePolicy deletes a policy or a permission. A permission without a policy left is deleted too.
func deletePolicy(c *call) (reply, error) {
	gone, err := c.policyByID()
	if err != nil {
		return reply{}, err
	}
	c.realm.policies = slices.DeleteFunc(c.realm.policies, func(p *policy) bool {
		had := len(p.policies)
		p.policies = slices.DeleteFunc(p.policies, func(one *policy) bool { return one == gone })
		return p == gone || had > 0 && len(p.policies) == 0
	})
	return done()
}

// readFirstPermissions answers like a server without the first version of the permissions.
func readFirstPermissions(c *call) (reply, error) {
	if !c.f.firstPermissions {
		return reply{}, oauth(http.StatusNotImplemented, "Feature not enabled", "For more on this error consult the server log.")
	}
	return found(map[string]bool{"enabled": true})
}

// Ahead sets how far the fake's clock is ahead of the machine's, in the tokens that it issues and in its admin events.
func (f *Fake) Ahead(by time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ahead = by
}

// NoFirstPermissions makes the fake a server without the first version of fine-grained permissions again.
func (f *Fake) NoFirstPermissions() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.firstPermissions = false
}

// FirstPermissions makes the fake a server with the first version of fine-grained permissions, in use in a realm.
func (f *Fake) FirstPermissions(realm string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.firstPermissions = true
	f.realms[realm].clientNamed(realmManagement).authorization = true
}
