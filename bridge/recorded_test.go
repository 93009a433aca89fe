package bridge_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// journal is a Recorder that keeps everything, and fails on demand.
type journal struct {
	mu                sync.Mutex
	refuses, forgets  error // errors of Intend and of Settle
	intended, settled []change.Change
	withdrawn         []change.Change
	errs              []error // with which changes were settled
	ended             []error // errors of the contexts in which they were settled
	intends           func()  // called when a change is intended; may be nil
}

func (j *journal) Intend(_ context.Context, c change.Change) (bridge.Intent, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.intends != nil {
		j.intends()
	}
	j.intended = append(j.intended, c)
	return j, j.refuses
}

func (j *journal) Settle(ctx context.Context, c change.Change, err error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.settled, j.errs, j.ended = append(j.settled, c), append(j.errs, err), append(j.ended, ctx.Err())
	return j.forgets
}

func (j *journal) Withdraw(ctx context.Context, c change.Change) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.intended = slices.DeleteFunc(j.intended, func(one change.Change) bool { return one.ID == c.ID })
	j.withdrawn, j.ended = append(j.withdrawn, c), append(j.ended, ctx.Err())
	return j.forgets
}

// open is how many changes were intended and are not settled.
func (j *journal) open() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.intended) - len(j.settled)
}

// recordedService is a bridge in a realm of a Keycloak in memory, whose changes a journal keeps. ann is an account that the
// tenant does not own, jane is its user, and team is its group with the member jane.
type recordedService struct {
	*journal
	bridge.Unobserved

	t               *testing.T
	fake            *keycloaktest.Fake
	realm           *keycloaktest.Realm
	admin           *keycloak.Client
	tenant          *tenant.Tenant
	service         *bridge.Service
	ann, jane, team string
	came            bridge.Result // the result of the last request
	writes          func()        // called before each call that changes something; may be nil
	searches        func()        // called before each search for users; may be nil
	steps           func()        // called after each step; may be nil
	dry             bool          // whether all requests are dry runs
	later           time.Duration // how far the bridge's clock is ahead
}

func newRecordedService(t *testing.T) *recordedService {
	t.Helper()
	o := &recordedService{journal: &journal{}, t: t, fake: keycloaktest.NewFake(t)}
	r := keycloaktest.NewRealm(t, o.fake.Server(), keycloaktest.RealmOptions{
		UnmanagedPolicy: "ADMIN_EDIT", Roles: []string{"manage-users", "view-realm", "view-clients"},
	})
	transport, err := keycloak.NewTransport(keycloak.TransportConfig{ResponseTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := keycloak.New(keycloak.Config{BaseURL: o.fake.Server().URL, Realm: r.Name, Credentials: keycloak.ClientSecret(r.ClientID, r.Secret), Transport: wire{o, transport}})
	if err != nil {
		t.Fatal(err)
	}
	o.realm, o.admin = r, r.Admin
	ann := o.makeAccount("ann", nil)
	rights, _, err := r.Admin.ManagementRoles(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	management, err := keycloak.ParseClientUUID(rights[0].ContainerID)
	if err != nil {
		t.Fatal(err)
	}
	name := r.Name.String()
	o.tenant = &tenant.Tenant{Path: "acme", Realm: name, Owner: mapping.Owner{Key: "realm"}, BaseURL: tenant.BaseURL("http://bridge.test", "acme"), Mapping: mapping.Default(scim.Tolerant)}
	o.tenant.Policy.Adopt = config.AdoptUnowned
	o.tenant.SetFitness(tenant.Fitness{Protected: &tenant.Protected{At: time.Now(), Management: management}})
	tenants, err := tenant.NewRegistry(o.tenant, &tenant.Tenant{Path: "other", Realm: name, Owner: mapping.Owner{Key: "other"}})
	if err != nil {
		t.Fatal(err)
	}
	o.service = bridge.New(keycloak.NewRealms(map[string]*keycloak.Client{name: client}), bridge.Options{
		Log: zap.NewNop(), Tenants: tenants, Recorder: o.journal, Observer: o, MaxResults: 100, BulkOperations: 10,
		Directory: directory.Options{MaxMemory: 1 << 20, Now: func() time.Time { return time.Now().Add(o.later) }},
	})
	o.ann = ann.String()
	o.jane = o.create("/Users", map[string]any{"userName": "jane", "title": "Boss"})
	o.team = o.create("/Groups", map[string]any{"displayName": "team", "members": []any{map[string]any{"value": o.jane}}})
	o.forget()
	return o
}

// makeAccount creates an account without the bridge.
func (o *recordedService) makeAccount(name string, attributes map[string][]string) keycloak.UserID {
	o.t.Helper()
	id, err := o.admin.CreateUser(o.t.Context(), keycloak.NewUser{Username: name, Email: name + "@acme.test", FirstName: "Old", LastName: "Name", Enabled: true, Attributes: attributes})
	if err != nil {
		o.t.Fatal(err)
	}
	return id
}

// wire shows the office calls before they reach Keycloak.
type wire struct {
	*recordedService

	next http.RoundTripper
}

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.writes != nil && r.Method != http.MethodGet && strings.Contains(r.URL.Path, "/admin/") {
		w.writes()
	}
	if w.searches != nil && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/users") {
		w.searches()
	}
	return w.next.RoundTrip(r)
}

// Step implements bridge.Observer.
func (o *recordedService) Step(string, error) {
	if o.steps != nil {
		o.steps()
	}
}

// forget empties the journal.
func (o *recordedService) forget() {
	o.intended, o.settled, o.withdrawn, o.errs, o.ended = nil, nil, nil, nil, nil
	o.fake.ResetCalls()
}

func (o *recordedService) call(endpoint, id string) bridge.Call {
	by := tenant.Principal{Tenant: o.tenant, Actor: tenant.Actor{Kind: tenant.ActorClient, Name: "entra", KeyID: "k1"}, Scopes: tenant.AllScopes}
	return bridge.Call{By: by, Endpoint: endpoint, ID: id, Origin: change.Request, DryRun: o.dry}
}

func (o *recordedService) create(endpoint string, body map[string]any) string {
	o.t.Helper()
	answer, err := o.service.Create(o.t.Context(), o.call(endpoint, ""), body)
	if err != nil {
		o.t.Fatal(err)
	}
	id, _ := answer.Shown[scim.AttrID].(string)
	return id
}

// written are the calls of the Admin API that changed something.
func (o *recordedService) written() []string {
	return slices.DeleteFunc(o.fake.Calls(), func(op string) bool { return strings.HasPrefix(op, "GET ") || op == "POST /token" })
}

// changing are the ways to change something.
func (o *recordedService) changing() map[string]func(ctx context.Context) error {
	answered := func(came bridge.Result, err error) error {
		o.came = came
		return err
	}
	member := func(id string) any { return map[string]any{"value": id} }
	patch := func(endpoint, id, op, path string, value any) func(context.Context) error {
		return func(ctx context.Context) error {
			body := map[string]any{"Operations": []any{map[string]any{"op": op, "path": path, "value": value}}}
			return answered(o.service.Patch(ctx, o.call(endpoint, id), body))
		}
	}
	create := func(endpoint string, body map[string]any) func(context.Context) error {
		return func(ctx context.Context) error { return answered(o.service.Create(ctx, o.call(endpoint, ""), body)) }
	}
	remove := func(endpoint, id string) func(context.Context) error {
		return func(ctx context.Context) error { return answered(o.service.Delete(ctx, o.call(endpoint, id))) }
	}
	return map[string]func(ctx context.Context) error{
		"create":              create("/Users", map[string]any{"userName": "joe"}),
		"create a group":      create("/Groups", map[string]any{"displayName": "other", "members": []any{member(o.ann)}}),
		"take over":           create("/Users", map[string]any{"userName": "ann", "emails": []any{map[string]any{"value": "ann@acme.test", "primary": true}}}),
		"patch":               patch("/Users", o.jane, "replace", "title", "Clerk"),
		"patch with the same": patch("/Users", o.jane, "replace", "title", "Boss"),
		"deactivate":          patch("/Users", o.jane, "replace", "active", false),
		"reactivate":          patch("/Users", o.jane, "replace", "active", true),
		"add a member":        patch("/Groups", o.team, "add", "members", []any{member(o.ann)}),
		"rename a group":      patch("/Groups", o.team, "replace", "displayName", "squad"),
		"delete":              remove("/Users", o.jane),
		"delete a group":      remove("/Groups", o.team),
		"replace": func(ctx context.Context) error {
			return answered(o.service.Replace(ctx, o.call("/Users", o.jane), map[string]any{"userName": "jane", "title": "Clerk"}))
		},
		"replace members": func(ctx context.Context) error {
			return answered(o.service.Replace(ctx, o.call("/Groups", o.team), map[string]any{"displayName": "team", "members": []any{member(o.ann)}}))
		},
		"adopt": func(ctx context.Context) error {
			return o.service.Adopt(ctx, o.tenant.Operator(), bridge.AdoptOptions{DryRun: o.dry}, func(bridge.Adoption) error { return nil })
		},
	}
}
