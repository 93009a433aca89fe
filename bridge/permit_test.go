package bridge_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// verb is a request, made to the service and over HTTP. ID is an id that nothing else uses.
type verb struct {
	needs              tenant.Scopes
	service            func(s *bridge.Service, c bridge.Call, name string) error
	method, path, body string
}

func verbs() map[string]verb {
	user := func(name string) map[string]any { return map[string]any{"userName": name} }
	off := map[string]any{"Operations": []any{map[string]any{"op": "replace", "path": "title", "value": "x"}}}
	bulk := map[string]any{"schemas": []any{scim.BulkRequestURN}, "Operations": []any{map[string]any{"method": "POST", "path": "/Users", "bulkId": "1", "data": map[string]any{"userName": "x"}}}}
	answered := func(_ bridge.Result, err error) error { return err }
	ctx := context.Background()
	return map[string]verb{
		"get": {tenant.UsersRead, func(s *bridge.Service, c bridge.Call, _ string) error { return answered(s.Get(ctx, c)) }, http.MethodGet, "/Users/ID", ""},
		"list": {tenant.UsersRead, func(s *bridge.Service, c bridge.Call, _ string) error {
			return answered(s.List(ctx, c, bridge.Query{}))
		}, http.MethodGet, "/Users", ""},
		"search": {tenant.UsersRead, func(s *bridge.Service, c bridge.Call, _ string) error {
			return answered(s.List(ctx, c, bridge.Query{}))
		}, http.MethodPost, "/Users/.search", `{}`},
		"search all": {tenant.UsersRead | tenant.GroupsRead, func(s *bridge.Service, c bridge.Call, _ string) error {
			c.Endpoint = ""
			return answered(s.List(ctx, c, bridge.Query{}))
		}, http.MethodPost, "/.search", `{}`},
		"create": {tenant.UsersWrite, func(s *bridge.Service, c bridge.Call, name string) error {
			return answered(s.Create(ctx, c, user(name)))
		}, http.MethodPost, "/Users", `{"userName":"NAME"}`},
		"replace": {tenant.UsersWrite, func(s *bridge.Service, c bridge.Call, name string) error {
			return answered(s.Replace(ctx, c, user(name)))
		}, http.MethodPut, "/Users/ID", `{"userName":"NAME"}`},
		"patch": {tenant.UsersWrite, func(s *bridge.Service, c bridge.Call, _ string) error { return answered(s.Patch(ctx, c, off)) }, http.MethodPatch, "/Users/ID", apptest.PatchBody(`{"op":"replace","path":"title","value":"x"}`)},
		"resource types": {0, func(s *bridge.Service, c bridge.Call, _ string) error {
			c.ID = ""
			return answered(s.ResourceTypes(c))
		}, http.MethodGet, "/ResourceTypes", ""},
		"schemas": {0, func(s *bridge.Service, c bridge.Call, _ string) error {
			c.ID = ""
			return answered(s.Schemas(c))
		}, http.MethodGet, "/Schemas", ""},
		"provider configuration": {0, func(s *bridge.Service, c bridge.Call, _ string) error {
			return answered(s.ServiceProviderConfig(c))
		}, http.MethodGet, "/ServiceProviderConfig", ""},
		"delete": {tenant.UsersWrite, func(s *bridge.Service, c bridge.Call, _ string) error { return answered(s.Delete(ctx, c)) }, http.MethodDelete, "/Users/ID", ""},
		"bulk":   {tenant.Bulk, func(s *bridge.Service, c bridge.Call, _ string) error { return answered(s.Bulk(ctx, c, bulk)) }, http.MethodPost, "/Bulk", apptest.BulkOf("", apptest.BulkPost("/Users", "1", `{"userName":"x"}`))},
	}
}

// verdict is the code of a refusal, or "".
func verdict(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	if told, ok := errors.AsType[*scim.Error](err); ok {
		return string(told.Code)
	}
	code := regexp.MustCompile(`\[([a-z-]+)\]`).FindStringSubmatch(err.Error())
	if code == nil {
		t.Fatalf("the refusal %v has no code", err)
	}
	return code[1]
}

// TestEveryWayInMeetsTheSameVerdict: with each access and each credential, the same request to the service and over
// HTTP gets the same verdict, as the rule says.
func TestEveryWayInMeetsTheSameVerdict(t *testing.T) {
	t.Parallel()
	credentials := map[string][]config.TokenScope{
		"users:read": {config.ScopeUsersRead}, "users:write": {config.ScopeUsersWrite}, "groups": {config.ScopeGroupsRead, config.ScopeGroupsWrite}, "reads": {config.ScopeUsersRead, config.ScopeGroupsRead},
		"bulk": {config.ScopeBulk}, "all": nil,
	}
	for _, access := range []config.Access{config.AccessFull, config.AccessReadOnly, config.AccessPaused} {
		t.Run(string(access), func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), apptest.EachTenant(func(t *config.Tenant) {
				for name, scopes := range credentials {
					t.Tokens = append(t.Tokens, config.Token{Name: name, SHA256: sha256.Sum256([]byte("the-token-for-" + name)), Scopes: scopes})
				}
			}))
			n := 0
			next := func() (id, name string) {
				n++
				return b.Create(t, "/Users", fmt.Sprintf(`{"userName":"user-%d"}`, n)), fmt.Sprintf("renamed-%d", n)
			}
			for credential, names := range credentials {
				scopes := tenant.ScopesOf(names)
				for what, v := range verbs() {
					b.Reconfigure(t, apptest.EachTenant(func(t *config.Tenant) { t.Access = config.AccessFull }))
					id, name := next()
					id2, name2 := next()
					b.Reconfigure(t, apptest.EachTenant(func(t *config.Tenant) { t.Access = access }))
					by := tenant.Principal{Tenant: b.App.Watcher.Tenants.All()[0], Actor: tenant.Actor{Kind: tenant.ActorClient, Name: credential}, Scopes: scopes}
					direct := verdict(t, v.service(b.App.Service, bridge.Call{By: by, Endpoint: "/Users", ID: id, Origin: change.Request}, name))
					ids := strings.NewReplacer("ID", id2, "NAME", name2)
					_, err := b.With("the-token-for-"+credential).Send(t, v.method, ids.Replace(v.path), ids.Replace(v.body))
					over, want := verdict(t, err), ""
					switch writes := v.needs&tenant.Writing != 0; {
					case access == config.AccessPaused:
						want = "endpoint-paused"
					case !scopes.Has(v.needs):
						want = "credential-lacks-scope"
					case access == config.AccessReadOnly && writes:
						want = "endpoint-read-only"
					}
					if direct != want || over != want {
						t.Errorf("%s of the credential %s: the service says %q, HTTP %q, want %q", what, credential, direct, over, want)
					}
				}
			}
		})
	}
}

// TestAWriteSaysWhoMakesItAndByWhatWay: without this the write is refused.
func TestAWriteSaysWhoMakesItAndByWhatWay(t *testing.T) {
	t.Parallel()
	o := newRecordedService(t)
	for what, forget := range map[string]func(*bridge.Call){
		"the actor": func(c *bridge.Call) { c.By.Actor = tenant.Actor{Kind: tenant.ActorClient} },
		"the way":   func(c *bridge.Call) { c.Origin = "" },
	} {
		call := o.call("/Users", o.ann)
		forget(&call)
		for verb, v := range verbs() {
			if v.needs&tenant.UsersWrite == 0 {
				continue
			}
			if err := v.service(o.service, call, "renamed"); err == nil || len(o.written())+len(o.intended) > 0 {
				t.Errorf("%s without %s: %v, and Keycloak was told %v", verb, what, err, o.written())
			}
		}
	}
}

// TestTheTenantOfAllOrganizationsHasNoResources: it has the settings of all organizations, and does not belong to an
// organization.
func TestTheTenantOfAllOrganizationsHasNoResources(t *testing.T) {
	t.Parallel()
	o := newRecordedService(t)
	every := &tenant.Tenant{Path: o.tenant.Path, Realm: o.tenant.Realm, Owner: o.tenant.Owner, BaseURL: o.tenant.BaseURL, Mapping: o.tenant.Mapping}
	every.Owner.Organization = true
	every.SetFitness(o.tenant.Fitness())
	call := o.call("/Users", o.ann)
	call.By.Tenant = every
	for verb, v := range verbs() {
		if v.needs == 0 || v.needs == tenant.Bulk || verb == "search all" { // they request no resource of a type
			continue
		}
		if got := verdict(t, v.service(o.service, call, "renamed")); got != "no-endpoint" {
			t.Errorf("%s is answered by %q", verb, got)
		}
	}
	if len(o.written())+len(o.intended) > 0 {
		t.Errorf("Keycloak was told %v", o.written())
	}
}

// TestTheOperatorWritesNothingWhereNothingIsWritten: an adoption and an import are refused at a tenant that is paused
// or read-only. A dry run is allowed, because it writes nothing, and so is reading the users of a paused tenant.
func TestTheOperatorWritesNothingWhereNothingIsWritten(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	b.MakeAccount(t, "ann", true)
	for access, want := range map[config.Access]string{config.AccessReadOnly: "endpoint-read-only", config.AccessPaused: "endpoint-paused", config.AccessFull: ""} {
		b.Reconfigure(t, apptest.EachTenant(func(t *config.Tenant) { t.Access = access }))
		by := b.App.Watcher.Tenants.All()[0].Operator()
		none := func(bridge.Adoption) error { return nil }
		if got := verdict(t, b.App.Service.Adopt(t.Context(), by, bridge.AdoptOptions{DryRun: true}, none)); got != "" {
			t.Errorf("%s: a dry run of an adoption is refused by %q", access, got)
		}
		if _, err := b.App.Service.List(t.Context(), bridge.Call{By: by, Endpoint: "/Users"}, bridge.Query{}); err != nil {
			t.Errorf("%s: the operator's list is refused: %v", access, err)
		}
		for what, err := range map[string]error{
			"an adoption": b.App.Service.Adopt(t.Context(), by, bridge.AdoptOptions{}, none),
			"an import":   verbs()["bulk"].service(b.App.Service, bridge.Call{By: by, Origin: change.Import}, ""),
		} {
			if got := verdict(t, err); got != want {
				t.Errorf("%s: %s is refused by %q, want %q", access, what, got, want)
			}
		}
	}
}

// TestAnAdoptionStopsWhenItsTenantIsPaused: an adoption of many accounts takes long, and the configuration may change
// meanwhile.
func TestAnAdoptionStopsWhenItsTenantIsPaused(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		change func(*config.Config)
		want   string
	}{
		"paused":    {apptest.EachTenant(func(t *config.Tenant) { t.Access = config.AccessPaused }), "endpoint-paused"},
		"read-only": {apptest.EachTenant(func(t *config.Tenant) { t.Access = config.AccessReadOnly }), "endpoint-read-only"},
		"renamed":   {apptest.EachTenant(func(t *config.Tenant) { t.Path = "renamed" }), "no-endpoint"},
	} {
		b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
		for _, name := range []string{"ann", "bob"} {
			b.MakeAccount(t, name, true)
		}
		adopted := 0
		err := b.App.Service.Adopt(t.Context(), b.App.Watcher.Tenants.All()[0].Operator(), bridge.AdoptOptions{}, func(a bridge.Adoption) error {
			if a.Outcome == bridge.Adopted {
				adopted++
			}
			b.Reconfigure(t, c.change)
			return nil
		})
		if err == nil || verdict(t, err) != c.want || adopted != 1 {
			t.Errorf("%s: %d accounts are adopted, and then %v, want %s", what, adopted, err, c.want)
		}
	}
}

// TestTheBridgeItselfReadsAPausedTenantAndWritesNothing, at any tenant.
func TestTheBridgeItselfReadsAPausedTenantAndWritesNothing(t *testing.T) {
	t.Parallel()
	for _, access := range []config.Access{config.AccessFull, config.AccessReadOnly, config.AccessPaused} {
		of := &tenant.Tenant{}
		of.Policy.Access = access
		if err := bridge.Permit(of.System(), tenant.UsersRead|tenant.GroupsRead); err != nil {
			t.Errorf("%s: it may not read: %v", access, err)
		}
		for _, needs := range []tenant.Scopes{tenant.UsersWrite, tenant.GroupsWrite, tenant.Bulk} {
			if err := bridge.Permit(of.System(), needs); err == nil {
				t.Errorf("%s: it may %v", access, needs)
			}
		}
	}
}
