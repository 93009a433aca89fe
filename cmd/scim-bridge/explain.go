package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// explainFlags are the flags of explain.
type explainFlags struct {
	mapping, payload, resource, output string
	config, tenant, live               string
}

func newExplain() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use: "explain", Short: "Show what becomes of a payload: where each attribute goes, and the calls of Keycloak", Args: cobra.NoArgs,
		Long: `Show what the bridge would do with a payload that a client sends: attribute by attribute
where it goes and why, then the calls of Keycloak's Admin API and the answer. Nothing is
written. Secrets are not shown.

Without --against-live it needs no Keycloak: the payload is created in an empty realm.
With it, the payload replaces (or, when it has Operations, patches) the resource with
that id, which is read from the realm of --config and --tenant.

Ends with 1 when the request would be refused, and with 3 when a file has a problem.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return explain(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.mapping, "file", "f", "", "the mapping `file`; default: with --against-live the tenant's, else the built-in mapping")
	flags.StringVar(&f.payload, "payload", "", "the `file` with what a client sends, - for standard input (required)")
	flags.StringVar(&f.resource, "resource", "", "user or group; default: what the schemas of the payload say, else user")
	flags.StringVar(&f.live, "against-live", "", "the `id` of the resource that the payload changes")
	configFlag(cmd, &f.config)
	tenantFlag(cmd, &f.tenant)
	outputFlag(cmd, &f.output)
	return cmd
}

// explanation is what explain prints.
type explanation struct {
	Request    string                   `json:"request"`
	Attributes []mapping.Explained      `json:"attributes"`
	Calls      []keycloak.RehearsedCall `json:"calls"`
	Status     int                      `json:"status"`
	Error      string                   `json:"error,omitempty"`
	Resource   map[string]any           `json:"resource,omitempty"`
}

func explain(cmd *cobra.Command, f explainFlags) error {
	if err := cmp.Or(checkOutput(f.output), f.check(cmd)); err != nil {
		return err
	}
	object, err := f.read(cmd.InOrStdin())
	if err != nil {
		return err
	}
	endpoint, err := f.endpoint(object)
	if err != nil {
		return err
	}
	stage, err := f.stage(cmd)
	if err != nil {
		return err
	}
	e, err := stage.explain(cmd.Context(), endpoint, f.live, object)
	if err != nil {
		return err
	}
	if f.output == "json" {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(e)
	} else {
		e.print(cmd.OutOrStdout())
	}
	if err == nil && e.Error != "" {
		return codedError{code: exitFailure}
	}
	return err
}

// check refuses flags that would do nothing.
func (f explainFlags) check(cmd *cobra.Command) error {
	for _, name := range []string{"config", "tenant"} {
		if f.live == "" && cmd.Flags().Changed(name) {
			return codedError{exitUsage, fmt.Errorf("--%s is for --against-live; --file names a mapping file without it", name)}
		}
	}
	return nil
}

// read decodes the payload.
func (f explainFlags) read(in io.Reader) (map[string]any, error) {
	var data []byte
	var err error
	switch f.payload {
	case "":
		return nil, codedError{exitUsage, errors.New("--payload names the file with what a client sends")}
	case "-":
		data, err = io.ReadAll(in)
	default:
		data, err = os.ReadFile(f.payload)
	}
	if err != nil {
		return nil, fmt.Errorf("read the payload: %w", err)
	}
	object, err := scim.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.payload, err)
	}
	return object, nil
}

const (
	resourceUser  = "user"
	resourceGroup = "group"
)

// endpoint is that of the type of resource.
func (f explainFlags) endpoint(object map[string]any) (string, error) {
	if _, patches := object["Operations"]; patches && f.live == "" {
		return "", codedError{exitUsage, errors.New("the payload is a PATCH: say with --against-live which resource it changes")}
	}
	resource := f.resource
	if schemas, ok := object[scim.AttrSchemas].([]any); ok && resource == "" && slices.Contains(schemas, any(scim.GroupURN)) {
		resource = resourceGroup
	}
	switch resource {
	case "", resourceUser:
		return scim.UserType().Endpoint, nil
	case resourceGroup:
		return scim.GroupType().Endpoint, nil
	}
	return "", codedError{exitUsage, errors.New("--resource is user or group")}
}

// stage is where a request is rehearsed.
type stage struct {
	tenant    *tenant.Tenant
	service   *bridge.Service
	rehearsal *keycloak.Rehearsal
}

// stage sets the empty realm up, or that of a tenant.
func (f explainFlags) stage(cmd *cobra.Command) (stage, error) {
	c, rehearsal := emptyConfig(), &keycloak.Rehearsal{}
	if f.live != "" {
		var err error
		if c, err = load(cmd, f.config); err != nil {
			return stage{}, err
		}
		if rehearsal.Base, err = app.NewTransport(c.Keycloak); err != nil {
			return stage{}, err
		}
	}
	s, err := app.Select(cmd.Context(), c, f.tenant, rehearsal)
	if err != nil {
		return stage{}, err
	}
	t, err := s.One()
	if err != nil {
		return stage{}, err
	}
	if f.mapping != "" {
		m, problems := app.LoadMapping(config.Tenant{Mapping: f.mapping, Profile: config.Profile(t.Mapping.Profile())})
		if len(problems) > 0 {
			printProblems(cmd.ErrOrStderr(), problems)
			return stage{}, codedError{code: exitProblems}
		}
		t = t.WithMapping(m, t.Fitness())
	}
	if f.live == "" {
		management, err := keycloak.ParseClientUUID("ID-OF-" + keycloak.RealmManagement)
		if err != nil {
			return stage{}, err
		}
		t.SetFitness(tenant.Fitness{
			Resolved: imagined(t.Mapping), OrganizationGroups: true,
			Protected: &tenant.Protected{At: time.Now(), Management: management},
		})
	} else if err := look(cmd.Context(), t, s.Beside(t), s.Clients[t.Realm]); err != nil {
		return stage{}, err
	}
	rehearsal.Calls() // of the look
	owners, err := tenant.NewRegistry(s.All...)
	if err != nil {
		return stage{}, err
	}
	owners.Put(t)
	return stage{t, bridge.New(keycloak.NewRealms(s.Clients), bridge.Options{Log: zap.NewNop(), Tenants: owners}), rehearsal}, nil
}

// look finds out what the realm of a tenant and of others has under the names of the mapping.
func look(ctx context.Context, t *tenant.Tenant, others []*tenant.Tenant, c *keycloak.Client) error {
	report, err := realm.Check(ctx, c, t, t.Mapping, realm.ProtectorOf(c, t, others...))
	if keycloak.KindOf(err) == keycloak.Denied {
		err = app.AccountError{Err: err, Doctor: t.Command("doctor")}
	}
	if err != nil {
		return fmt.Errorf("look at the realm: %w", err)
	}
	t.SetFitness(report.Fitness())
	if problem := t.Fitness().Problem; problem != "" {
		return fmt.Errorf("the tenant %s answers nothing: %s; this says what to do: %s", t.Path, problem, t.Command("doctor"))
	}
	return nil
}

// emptyConfig is a realm without a Keycloak.
func emptyConfig() config.Config {
	return config.Config{
		Server:   config.Server{PublicURL: "https://scim.example.com"},
		Keycloak: config.Keycloak{URL: "https://keycloak.example.com"},
		Realms:   map[string]config.Realm{"REALM": {Tenants: []config.Tenant{{Path: "REALM", Key: "REALM", Profile: config.ProfileTolerant}}}},
	}
}

// imagined are ids for what the mapping names: the names themselves.
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

// explain sends the payload through the bridge.
func (s stage) explain(ctx context.Context, endpoint, id string, object map[string]any) (explanation, error) {
	call := bridge.Call{By: s.tenant.Operator(), Endpoint: endpoint, ID: id}
	masked(object, secretsOf(s.resourceType(endpoint)))
	e := explanation{Request: http.MethodPost + " " + endpoint}
	var out bridge.Answer
	var err error
	doc := object
	switch _, patches := object["Operations"]; {
	case id == "":
		out, err = s.service.Create(ctx, call, object)
	case patches:
		e.Request = http.MethodPatch + " " + endpoint + "/" + id
		if doc, err = s.patched(ctx, call, object); err == nil {
			out, err = s.service.Patch(ctx, call, object)
		}
	default:
		e.Request = http.MethodPut + " " + endpoint + "/" + id
		out, err = s.service.Replace(ctx, call, object)
	}
	e.Calls, e.Status, e.Resource = s.rehearsal.Calls(), out.Status, out.Body
	if refusal, ok := errors.AsType[*scim.Error](err); ok {
		e.Status, e.Error = refusal.Status, refusal.Error()
		return e, nil
	}
	if err == nil {
		e.Attributes, err = s.attributes(endpoint, doc, id == "")
	}
	return e, err
}

// mask stands for a secret.
const mask = "***"

// secretsOf are the names of the attributes that nobody may read, in lower case.
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

// masked replaces the texts of secrets in a payload, wherever they stand, before anything
// looks at it: what was never there cannot be printed.
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

// isSecret takes a name, or a path that ends in one.
func isSecret(path string, secrets []string) bool {
	name := path[strings.LastIndexAny(path, ":.")+1:]
	return slices.Contains(secrets, strings.ToLower(name))
}

// patched is the resource as a PATCH leaves it.
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
	doc, err := rt.Canonical(current.Body)
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
	return s.tenant.Mapping.ExplainUser(s.tenant.Party, doc, isNew)
}

func (e explanation) print(out io.Writer) {
	fmt.Fprintln(out, e.Request)
	for _, a := range e.Attributes {
		fmt.Fprint(out, "  ", a.Attribute)
		if a.Value != nil {
			fmt.Fprint(out, " = ", compact(a.Value))
		}
		target := "nowhere"
		if a.Target != "" {
			target = a.Target
		}
		fmt.Fprintf(out, "\n      %s -> %s", a.Rule, target)
		if len(a.Stored) > 0 {
			fmt.Fprint(out, " ", compact(a.Stored))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "Calls of Keycloak: %d\n", len(e.Calls))
	for _, c := range e.Calls {
		fmt.Fprintf(out, "  %s %s\n", c.Method, c.Path)
		if c.Body != nil {
			fmt.Fprintln(out, "      "+compact(c.Body))
		}
	}
	if e.Error != "" {
		fmt.Fprintln(out, "Refused:", e.Error)
		return
	}
	fmt.Fprintln(out, "Answer:", e.Status)
}

// compact is a value as JSON in one line.
func compact(value any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}
