package app

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// Explanation is what the bridge would do with a payload. The command explain prints it.
type Explanation struct {
	Request    string                   `json:"request"`
	Attributes []mapping.Explained      `json:"attributes"`
	Calls      []keycloak.RehearsedCall `json:"calls"`
	Status     int                      `json:"status"`
	Error      string                   `json:"error,omitempty"`
	Resource   map[string]any           `json:"resource,omitempty"`
}

// The types of resources that a payload can have.
const (
	resourceUser  = "user"
	resourceGroup = "group"
)

// ExplainOptions say how to treat a payload.
type ExplainOptions struct {
	Tenant   string // the path of a tenant of the configuration; "" if there is only one
	Mapping  string // a mapping file to use instead of the tenant's
	Resource string // user or group; "" to use the type of the payload's schemas, or user
	Live     string // the id of the existing resource that the payload changes; "" to create one in an empty realm
}

// Check returns an error when the options do not fit the payload.
func (o ExplainOptions) Check(payload map[string]any) error {
	_, err := o.endpoint(payload)
	return err
}

// endpoint is the endpoint of the resource type.
func (o ExplainOptions) endpoint(object map[string]any) (string, error) {
	if _, patches := object["Operations"]; patches && o.Live == "" {
		return "", UsageError{errors.New("the payload is a PATCH: use --against-live with the id of the resource that it changes")}
	}
	resource := o.Resource
	if schemas, ok := object[scim.AttrSchemas].([]any); ok && resource == "" && slices.Contains(schemas, any(scim.GroupURN)) {
		resource = resourceGroup
	}
	switch resource {
	case "", resourceUser:
		return scim.UserType().Endpoint, nil
	case resourceGroup:
		return scim.GroupType().Endpoint, nil
	}
	return "", UsageError{errors.New("--resource must be user or group")}
}

// Explain says what the bridge would do with a payload that a client sends. It writes nothing, and masks secrets,
// also in the payload. It uses the configuration only with Live. A mapping file with problems returns a
// ProblemsError.
func Explain(ctx context.Context, c config.Config, o ExplainOptions, payload map[string]any) (Explanation, error) {
	endpoint, err := o.endpoint(payload)
	if err != nil {
		return Explanation{}, err
	}
	s, err := o.stage(ctx, c)
	if err != nil {
		return Explanation{}, err
	}
	return s.explain(ctx, endpoint, o.Live, payload)
}

// stage is the place where a request is rehearsed.
type stage struct {
	tenant    *tenant.Tenant
	service   *bridge.Service
	client    *keycloak.Client
	rehearsal *keycloak.Rehearsal
}

// stage prepares an empty realm, or with Live the realm of a tenant.
func (o ExplainOptions) stage(ctx context.Context, c config.Config) (stage, error) {
	rehearsal := &keycloak.Rehearsal{}
	if o.Live == "" {
		c = emptyConfig()
	} else {
		var err error
		if rehearsal.Base, err = NewTransport(c.Keycloak); err != nil {
			return stage{}, err
		}
	}
	s, err := Select(ctx, c, o.Tenant, rehearsal)
	if err != nil {
		return stage{}, err
	}
	t, err := s.One()
	if err != nil {
		return stage{}, err
	}
	if o.Mapping != "" {
		with, problems := WithMapping(t, o.Mapping)
		if len(problems) > 0 {
			return stage{}, ProblemsError{problems}
		}
		t = with
	}
	if o.Live == "" {
		management, err := keycloak.ParseClientUUID("ID-OF-" + keycloak.RealmManagement)
		if err != nil {
			return stage{}, err
		}
		t.SetFitness(tenant.Fitness{
			Resolved: imagined(t.Mapping), OrganizationGroups: true,
			Protected: &tenant.Protected{At: time.Now(), Management: management},
		})
	} else if err := s.identify(ctx, t); err != nil {
		return stage{}, err
	}
	rehearsal.Calls() // so that the result does not contain the calls of identify
	owners, err := tenant.NewRegistry(s.All...)
	if err != nil {
		return stage{}, err
	}
	owners.Put(t)
	return stage{t, s.service(bridge.Options{Tenants: owners}), s.Clients[t.Realm], rehearsal}, nil
}

// emptyConfig is a configuration with a realm that needs no Keycloak.
func emptyConfig() config.Config {
	return config.Config{
		Server:   config.Server{PublicURL: "https://scim.example.com"},
		Keycloak: config.Keycloak{URL: "https://keycloak.example.com"},
		Realms:   map[string]config.Realm{"REALM": {Tenants: []config.Tenant{{Path: "REALM", Key: "REALM", Profile: config.ProfileTolerant}}}},
	}
}

// imagined makes up an id for every group and role that the mapping names. The ids contain the names.
func imagined(m *mapping.Mapping) mapping.Resolved {
	out := mapping.Resolved{Groups: map[string]keycloak.GroupID{}, GroupNames: map[string]string{}, Roles: map[keycloak.RoleName]keycloak.Role{}}
	for _, name := range m.Groups() {
		text, byID := strings.CutPrefix(name, config.NamedByID)
		if !byID {
			text = "ID-OF" + strings.ReplaceAll(name, "/", "-")
		}
		if id, err := keycloak.ParseGroupID(text); err == nil {
			out.Groups[name], out.GroupNames[name] = id, name
		}
	}
	for _, name := range m.Roles() {
		role := keycloak.Role{ID: "ID-OF-" + name.Name, Name: name.Name, ContainerID: "REALM"}
		if name.Client != "" {
			role.Client, role.ClientRole, role.ContainerID = name.Client, true, "ID-OF-"+name.Client
		}
		out.Roles[name] = role
	}
	return out
}

// explain sends the payload through the bridge and describes the outcome.
func (s stage) explain(ctx context.Context, endpoint, id string, object map[string]any) (Explanation, error) {
	call := bridge.Call{By: s.tenant.Operator(), Endpoint: endpoint, ID: id, DryRun: true}
	masked(object, secretsOf(s.resourceType(endpoint)))
	method, target := http.MethodPost, endpoint
	var out bridge.Result
	var err error
	doc := object
	switch _, patches := object["Operations"]; {
	case id == "":
		out, err = s.service.Create(ctx, call, object)
	case patches:
		method, target = http.MethodPatch, endpoint+"/"+id
		if doc, err = s.patched(ctx, call, object); err == nil {
			out, err = s.service.Patch(ctx, call, object)
		}
	default:
		method, target = http.MethodPut, endpoint+"/"+id
		out, err = s.service.Replace(ctx, call, object)
	}
	e := Explanation{Request: method + " " + target, Resource: out.Shown}
	if err == nil {
		e.Status, err = rehearse(ctx, s.client, method, out)
	}
	e.Calls = s.rehearsal.Calls()
	if refusal, ok := errors.AsType[*scim.Error](err); ok {
		e.Status, e.Error = refusal.Status, refusal.Error()
		return e, nil
	}
	if err == nil {
		e.Attributes, err = s.attributes(endpoint, doc, id == "")
	}
	return e, err
}

// mask is what the output shows instead of a secret.
const mask = "***"

// secretsOf are the names of the attributes that clients cannot read, in lower case.
func secretsOf(rt *scim.ResourceType) []string {
	var out []string
	for _, schema := range append([]*scim.Schema{rt.Schema}, rt.Extensions...) {
		for _, a := range schema.Attributes {
			for _, leaf := range append([]*scim.Attribute{a}, a.SubAttributes...) {
				if leaf.Mutability == scim.WriteOnly || leaf.Returned == scim.ReturnedNever {
					out = append(out, strings.ToLower(leaf.Name))
				}
			}
		}
	}
	return out
}

// masked replaces the values of secrets everywhere in a payload. This happens first, so no later code can print a
// secret.
func masked(value any, secrets []string) {
	switch v := value.(type) {
	case map[string]any:
		if path, ok := v["path"].(string); ok && isSecret(path, secrets) && v["value"] != nil { // of a PATCH
			v["value"] = mask
		}
		for name, member := range v {
			if _, text := member.(string); text && isSecret(name, secrets) {
				v[name] = mask
			} else {
				masked(member, secrets)
			}
		}
	case []any:
		for _, element := range v {
			masked(element, secrets)
		}
	}
}

// isSecret reports whether a name, or the last name of a path, is in the list of secrets.
func isSecret(path string, secrets []string) bool {
	name := path[strings.LastIndexAny(path, ":.")+1:]
	return slices.Contains(secrets, strings.ToLower(name))
}

// patched is the resource after a PATCH.
func (s stage) patched(ctx context.Context, call bridge.Call, object map[string]any) (map[string]any, error) {
	current, err := s.service.Get(ctx, call)
	if err != nil {
		return nil, err
	}
	defer s.rehearsal.Calls() // the PATCH reads it too
	rt := s.resourceType(call.Endpoint)
	ops, err := patch.Decode(rt, object)
	if err != nil {
		return nil, err
	}
	doc, err := rt.Canonical(current.Shown)
	if err != nil {
		return nil, err
	}
	result, err := patch.Apply(ctx, rt, doc, ops)
	return result.Document, err
}

func (s stage) resourceType(endpoint string) *scim.ResourceType {
	if endpoint == s.tenant.Mapping.Group.Endpoint {
		return s.tenant.Mapping.Group
	}
	return s.tenant.Mapping.User
}

func (s stage) attributes(endpoint string, object map[string]any, isNew bool) ([]mapping.Explained, error) {
	rt := s.resourceType(endpoint)
	doc, err := rt.Canonical(object)
	if err != nil {
		return nil, err
	}
	if rt == s.tenant.Mapping.Group {
		return s.tenant.Mapping.ExplainGroup(doc)
	}
	return s.tenant.Mapping.ExplainUser(s.tenant.Owner, doc, isNew)
}
