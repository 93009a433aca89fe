package admin_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// now is the present time in all tests.
func now() time.Time { return time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC) }

// fake is the running bridge, its brake and its adopter, in memory.
type fake struct {
	config    string
	outages   []string
	feeds     map[string]time.Duration
	indexes   []admin.Index
	holding   []string // the paths of tenants
	lifted    []string
	revoked   []string
	refreshed int
	adopted   []string
	err       error // of every verb
	store     store.Store
}

func (f *fake) Unapplied() string { return f.config }

func (f *fake) Outage(realm string) bool { return slices.Contains(f.outages, realm) }

func (f *fake) Feeds() map[string]time.Duration { return f.feeds }

func (f *fake) Indexes() []admin.Index { return f.indexes }

func (f *fake) Refresh() { f.refreshed++ }

func (f *fake) ReadKeys() error { return f.err }

func (*fake) Late() int { return 0 }

func (f *fake) Revoke(_ context.Context, realm, revocation string) error {
	f.revoked = append(f.revoked, realm+" "+revocation)
	return f.err
}

func (f *fake) State(_ context.Context, t *tenant.Tenant) (text string, holding bool) {
	switch {
	case slices.Contains(f.lifted, t.Path):
		return "lifted until noon", false
	case slices.Contains(f.holding, t.Path):
		return "holding: 12 users were removed within 1h", true
	}
	return "clear", false
}

func (f *fake) Lift(_ context.Context, t *tenant.Tenant) error {
	f.lifted = append(f.lifted, t.Path)
	return f.err
}

func (f *fake) Adopt(_ context.Context, by tenant.Principal, o admin.AdoptOptions, each func(admin.Adoption) error) error {
	f.adopted = append(f.adopted, by.Tenant.Path+" by "+string(by.Actor.Kind))
	return errors.Join(each(bridge.Adoption{Name: "jane", Linked: o.DryRun}), f.err)
}

// world is an Admin with tenants and a fake.
type world struct {
	*admin.Admin

	fake     *fake
	activity *tenant.Activity
	log      *observer.ObservedLogs
}

func newWorld(t *testing.T, f *fake, tenants ...*tenant.Tenant) world {
	t.Helper()
	registry, err := tenant.NewRegistry(tenants...)
	if err != nil {
		t.Fatal(err)
	}
	core, log := observer.New(zap.InfoLevel)
	activity := &tenant.Activity{}
	return world{admin.New(admin.Options{
		Version: "1.2.3", Started: now().Add(-time.Hour), Now: now, Log: zap.New(core), Tenants: registry, Activity: activity, Bridge: f, Brake: f, Adopter: f, Store: f.store,
	}), f, activity, log}
}

// of is the tenant of a realm. It is fit and has a token.
func of(path string, edits ...func(*tenant.Tenant)) *tenant.Tenant {
	t := &tenant.Tenant{
		Path: path, Realm: path, BaseURL: "https://scim.example/realms/" + path + "/scim/v2", Owner: mapping.Owner{Key: "realm"}, Mapping: mapping.Default(scim.Tolerant),
		Tokens: []tenant.Token{{Name: "idp", KeyID: "k1", SHA256: [32]byte{1}, Scopes: tenant.AllScopes}}, Policy: tenant.Policy{Policies: config.Policies{OnDelete: "delete", Domains: "verified"}},
	}
	t.SetFitness(tenant.Fitness{})
	for _, edit := range edits {
		edit(t)
	}
	return t
}

// ofOrganization makes a tenant the tenant of an organization.
func ofOrganization(realm, alias, id string) func(*tenant.Tenant) {
	return func(t *tenant.Tenant) {
		parsed, _ := keycloak.ParseOrganizationID(id) // "" is the id of no organization
		t.Realm, t.Organization, t.Owner = realm, tenant.Organization{ID: parsed, Alias: alias}, mapping.Owner{Key: id, Organization: true}
		t.SetFitness(tenant.Fitness{Domains: []string{alias + ".test"}})
	}
}

// everyOf is the tenant that represents all organizations of a realm.
func everyOf(realm string, edits ...func(*tenant.Tenant)) *tenant.Tenant {
	all := append([]func(*tenant.Tenant){ofOrganization(realm, tenant.EveryOrganization, ""), func(t *tenant.Tenant) { t.Tokens = nil }}, edits...)
	return of(tenant.OrganizationPath(realm, tenant.EveryOrganization), all...)
}

func unfit(why string) func(*tenant.Tenant) {
	return func(t *tenant.Tenant) { t.SetFitness(tenant.Fitness{Problem: why}) }
}

// TestTheStateOfATenant: the state is one word, and each problem has its remedy.
func TestTheStateOfATenant(t *testing.T) {
	t.Parallel()
	doctor := "scim-bridge doctor --tenant acme"
	expired := tenant.Token{Name: "old", Expires: now()}
	for name, c := range map[string]struct {
		edit     func(*tenant.Tenant)
		holding  bool
		state    admin.State
		problems []admin.Problem
		summary  string
	}{
		"all is well": {edit: func(*tenant.Tenant) {}, state: admin.Fit, summary: "fit"},
		"nobody looked at the realm yet": {
			edit: func(t *tenant.Tenant) { t.SetFitness(tenant.Fitness{Problem: "the realm was not checked yet"}) }, state: admin.Unfit,
			problems: []admin.Problem{{Effect: admin.Unready, Text: "the realm was not checked yet", Fix: doctor}}, summary: "unfit: the realm was not checked yet",
		},
		"nobody knows who is protected": {
			edit: func(t *tenant.Tenant) {
				t.SetFitness(tenant.Fitness{Protected: &tenant.Protected{Unknown: "a policy"}})
			},
			state: admin.ReadOnly, problems: []admin.Problem{{Effect: admin.NoWrites, Text: "nothing is written: a policy", Fix: doctor}}, summary: "read-only: nothing is written: a policy",
		},
		"paused":               {edit: func(t *tenant.Tenant) { t.Policy.Access = config.AccessPaused }, state: admin.Paused, summary: "paused"},
		"read-only":            {edit: func(t *tenant.Tenant) { t.Policy.Access = config.AccessReadOnly }, state: admin.ReadOnly, summary: "read-only"},
		"the brake is holding": {holding: true, edit: func(*tenant.Tenant) {}, state: admin.Fit, summary: "fit; the removal brake is holding: 12 users were removed within 1h", problems: []admin.Problem{{Effect: admin.Held, Text: "the removal brake is holding: 12 users were removed within 1h", Fix: "find out whether the removals are intended; if they are, lift the brake:\nscim-bridge tenants lift --tenant acme"}}},
		"an old mapping is in use": {
			edit: func(t *tenant.Tenant) { t.SetUnapplied("mapping.yaml:3: no such attribute") }, state: admin.Fit, summary: "fit; the changed mapping file is not applied: mapping.yaml:3: no such attribute",
			problems: []admin.Problem{{Effect: admin.OldMapping, Text: "the changed mapping file is not applied: mapping.yaml:3: no such attribute", Fix: doctor}},
		},
		"no token": {
			edit: func(t *tenant.Tenant) { t.Tokens = nil }, state: admin.Fit, summary: "fit; the tenant has no token, so no client can use the endpoint",
			problems: []admin.Problem{{Effect: admin.NoClient, Text: "the tenant has no token, so no client can use the endpoint", Fix: "scim-bridge tokens new --tenant acme"}},
		},
		"every token has expired": {
			edit: func(t *tenant.Tenant) { t.Tokens = []tenant.Token{expired} }, state: admin.Fit, summary: "fit; every token of the tenant has expired, so no client can use the endpoint",
			problems: []admin.Problem{{Effect: admin.NoClient, Text: "every token of the tenant has expired, so no client can use the endpoint", Fix: "scim-bridge tokens new --tenant acme"}},
		},
		"one of two tokens has expired":    {edit: func(t *tenant.Tenant) { t.Tokens = append(t.Tokens, expired) }, state: admin.Fit, summary: "fit"},
		"access tokens and no token":       {edit: func(t *tenant.Tenant) { t.Tokens, t.AccessTokens = nil, []tenant.AccessToken{{Name: "oauth"}} }, state: admin.Fit, summary: "fit"},
		"nobody read the tokens yet":       {edit: func(t *tenant.Tenant) { t.Tokens, t.OfOrganization = nil, true }, state: admin.Fit, summary: "fit"},
		"what holds for all has no tokens": {edit: func(t *tenant.Tenant) { t.Tokens, t.Organization.Alias = nil, tenant.EveryOrganization }, state: admin.Fit, summary: "fit"},
		"the organization is disabled": {
			edit: func(t *tenant.Tenant) { t.SetFitness(tenant.Fitness{Disabled: true}) }, state: admin.ReadOnly, summary: "read-only: the organization is disabled, so writes are refused",
			problems: []admin.Problem{{Effect: admin.Disabled, Text: "the organization is disabled, so writes are refused", Fix: "enable the organization in Keycloak"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{}
			if c.holding {
				f.holding = []string{"acme"}
			}
			got, err := newWorld(t, f, of("acme", c.edit)).Tenant(t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.problems, got.Problems); diff != "" || got.State != c.state || got.Summary() != c.summary {
				t.Errorf("the state is %q, the summary %q; the problems (-want +got):\n%s", got.State, got.Summary(), diff)
			}
		})
	}
}

// TestAnOrganizationWithoutADomain: the remedy is a command for a shell, and the worst problem is first.
func TestAnOrganizationWithoutADomain(t *testing.T) {
	t.Parallel()
	acme := of("saas/organizations/acme", ofOrganization("saas", "acme", "5f6f"), func(t *tenant.Tenant) {
		t.Tokens = nil
		t.SetFitness(tenant.Fitness{Unverified: []string{"acme.test"}})
	})
	got, err := newWorld(t, &fake{}, acme).Tenant(t.Context(), "")
	if err != nil || len(got.Problems) != 2 || got.Problems[0].Effect != admin.NoClient || got.Problems[1].Effect != admin.NoUsers || !strings.Contains(got.Problems[1].Fix, "\nkcadm.sh update organizations/5f6f -r saas ") {
		t.Errorf("the problems are %+v, %v", got.Problems, err)
	}
}

// TestTheViewOfATenantHasNoSecret: it has all other settings of the configuration.
func TestTheViewOfATenantHasNoSecret(t *testing.T) {
	t.Parallel()
	acme := of("saas/organizations/acme", ofOrganization("saas", "acme", "5f6f"), func(t *tenant.Tenant) {
		t.Tokens[0].Expires = now().Add(time.Hour)
		t.AccessTokens = []tenant.AccessToken{{Name: "oauth", Issuer: "https://issuer.example", ClientID: "entra", Scopes: tenant.UsersRead}}
		t.Policy.RemovalBrake = config.RemovalBrake{Max: 20, Window: config.Duration(time.Hour), Floor: 3}
	})
	w := newWorld(t, &fake{indexes: []admin.Index{{Tenant: "other", Type: "User"}, {Tenant: acme.Path, Type: "User", Resources: 7}}}, acme)
	failed := tenant.Request{At: now(), Client: "idp", Status: 409, Code: "value-taken"}
	w.activity.Answered(acme.Path, failed)
	got, err := w.Tenant(t.Context(), acme.Path)
	if err != nil || len(got.Schemas) < 3 {
		t.Fatalf("Tenant() = %+v, %v", got, err)
	}
	want := admin.Tenant{
		Path: acme.Path, URL: acme.BaseURL, Realm: "saas", Organization: "acme", OrganizationID: "5f6f", State: admin.Fit, Key: "5f6f", Scope: "organization", Profile: "tolerant", OnDelete: "delete",
		Domains: "verified", RemovalBrake: "clear", BrakeLimits: "20% of the users within 1h, and 3 in any case", Schemas: got.Schemas, Indexes: []admin.Index{{Tenant: acme.Path, Type: "User", Resources: 7}},
		LastRequest: &failed, LastError: &failed,
		Credentials: []admin.Credential{
			{Tenant: acme.Path, Name: "idp", KeyID: "k1", Scopes: strings.Fields("users:read users:write groups:read groups:write bulk"), Expires: new(now().Add(time.Hour)), State: admin.Expiring, Place: admin.InFile},
			{Tenant: acme.Path, Name: "oauth", Issuer: "https://issuer.example", ClientID: "entra", Scopes: []string{"users:read"}, State: admin.Good, Place: admin.InFile},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Tenant() (-want +got):\n%s", diff)
	}
	owned := of("owned", func(t *tenant.Tenant) { t.Policy.OwnedOnly, t.Mapping = true, mapping.Default(scim.Strict) })
	if got, err := newWorld(t, &fake{}, owned).Tenant(t.Context(), ""); err != nil || got.Scope != "owned" || got.Profile != "strict" {
		t.Errorf("Tenant() = %+v, %v", got, err)
	}
	if diff := cmp.Diff(want.Credentials, w.Credentials()); diff != "" {
		t.Errorf("Credentials() (-want +got):\n%s", diff)
	}
}

// TestTheStatesOfCredentials: a token is valid or expires soon, and has expired from the moment of its end.
func TestTheStatesOfCredentials(t *testing.T) {
	t.Parallel()
	for left, want := range map[time.Duration]string{
		-time.Second: admin.Expired, 0: admin.Expired, time.Second: admin.Expiring, tenant.SoonExpires: admin.Expiring, tenant.SoonExpires + time.Second: admin.Good,
	} {
		if got := admin.CredentialsOf("acme", []tenant.Token{{Expires: now().Add(left)}}, nil, now()); got[0].State != want || !got[0].Expires.Equal(now().Add(left)) {
			t.Errorf("%v before its end a token is %+v, want %s", left, got, want)
		}
	}
	if got := admin.CredentialsOf("acme", []tenant.Token{{}}, nil, now()); got[0].State != admin.Good || got[0].Expires != nil {
		t.Errorf("a token without an end is %+v", got)
	}
}

// TestTheStatusBeginsWithWhatFails: realms and tenants are sorted by their worst problem, then by name. The tenant
// that represents all organizations has no row; its problems are listed with the realm.
func TestTheStatusBeginsWithWhatFails(t *testing.T) {
	t.Parallel()
	f := &fake{config: "config.yaml:3: no such key", outages: []string{"zone"}, feeds: map[string]time.Duration{"saas": 1500 * time.Millisecond}, holding: []string{"d"}}
	w := newWorld(
		t, f, of("a"), of("b", func(t *tenant.Tenant) { t.Policy.Access = config.AccessPaused }), of("c", func(t *tenant.Tenant) { t.SetUnapplied("x") }), of("d"), of("e", unfit("x")), of("zone"), everyOf("zone"),
		everyOf("saas", func(t *tenant.Tenant) { t.SetUnapplied("mapping.yaml:2") }), of("saas/organizations/acme", ofOrganization("saas", "acme", "5f6f")),
		of("saas/organizations/off", ofOrganization("saas", "off", "6a"), func(t *tenant.Tenant) {
			t.SetFitness(tenant.Fitness{Disabled: true, Domains: []string{"off.test"}})
		}),
		of("f", func(t *tenant.Tenant) { t.SetFitness(tenant.Fitness{Protected: &tenant.Protected{Unknown: "x"}}) }),
		of("g", func(t *tenant.Tenant) { t.Tokens = nil }),
	)
	got := w.Status(t.Context())
	var tenants, realms []string
	for _, one := range got.Tenants {
		tenants = append(tenants, one.Path)
	}
	for _, one := range got.Realms {
		realms = append(realms, one.Realm)
	}
	if want := []string{"e", "zone", "f", "d", "g", "c", "saas/organizations/off", "a", "b", "saas/organizations/acme"}; !slices.Equal(tenants, want) {
		t.Errorf("the tenants are %v, want %v", tenants, want)
	}
	if want := []string{"zone", "saas", "a", "b", "c", "d", "e", "f", "g"}; !slices.Equal(realms, want) {
		t.Errorf("the realms are %v, want %v", realms, want)
	}
	want := []admin.Realm{
		{Realm: "zone", Outage: true, Problems: []admin.Problem{{Effect: admin.Unready, Text: "Keycloak does not answer most calls", Fix: "check Keycloak and the network to it; the bridge tries again by itself"}}},
		{Realm: "saas", FeedAge: new(1.5), Problems: []admin.Problem{{Effect: admin.OldMapping, Text: "the changed mapping file is not applied: mapping.yaml:2", Fix: "scim-bridge doctor --tenant 'saas/organizations/*'"}}},
	}
	if diff := cmp.Diff(want, got.Realms[:2]); diff != "" || got.Version != "1.2.3" || got.Config != f.config || !got.Now.Equal(now()) || !got.Started.Equal(now().Add(-time.Hour)) {
		t.Errorf("the status is %+v; the realms (-want +got):\n%s", got, diff)
	}
	if zone, err := w.Tenant(t.Context(), "zone"); err != nil || zone.State != admin.Unfit || len(zone.Problems) != 1 {
		t.Errorf("a tenant whose Keycloak is away is %+v, %v", zone, err)
	}
	list := w.Tenants(t.Context())
	if i := slices.IndexFunc(list, func(t admin.Tenant) bool { return t.URL == "" }); len(list) != 12 || i < 0 || list[i].Path != "saas/organizations/*" || list[0].Path != "a" {
		t.Errorf("the list has %d tenants, the tenant of all organizations at %d", len(list), i)
	}
}

// TestTheVerbsAreDoneAndTold: each verb acts on the chosen tenant, and the log says what the operator did.
func TestTheVerbsAreDoneAndTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &fake{holding: []string{"acme"}}, of("acme"), everyOf("saas"))
	lifted, err := w.Lift(t.Context(), "")
	if err != nil || lifted.Path != "acme" || lifted.RemovalBrake != "lifted until noon" || len(lifted.Problems) > 0 {
		t.Errorf("Lift() = %+v, %v", lifted, err)
	}
	id, err := keycloak.ParseOrganizationID("5f6f")
	if err != nil {
		t.Fatal(err)
	}
	revocation := realm.Revocation(id, tenant.Token{KeyID: "k7"})
	if err := w.Revoke(t.Context(), "saas", revocation); err != nil || !slices.Equal(w.fake.revoked, []string{"saas " + revocation}) || w.fake.refreshed != 1 {
		t.Errorf("Revoke() = %v, %+v", err, w.fake)
	}
	if w.Refresh(); w.fake.refreshed != 2 {
		t.Errorf("the bridge was asked for %d checks", w.fake.refreshed)
	}
	var names []string
	err = w.Adopt(t.Context(), "acme", admin.AdoptOptions{DryRun: true}, func(a admin.Adoption) error {
		if a.Linked {
			names = append(names, a.Name)
		}
		return nil
	})
	if err != nil || !slices.Equal(names, []string{"jane"}) || !slices.Equal(w.fake.adopted, []string{"acme by operator"}) {
		t.Errorf("Adopt() = %v, %v, %v", err, names, w.fake.adopted)
	}
	var told []string
	for _, line := range w.log.TakeAll() {
		told = append(told, line.Message)
		if of, _ := line.ContextMap()["organization"].(string); line.ContextMap()["tenant"] != "acme" && of != "5f6f" {
			t.Errorf("the line names neither tenant nor organization: %v", line.ContextMap())
		}
	}
	if want := []string{"the operator lifted the removal brake", "the operator revoked a token of an organization"}; !slices.Equal(told, want) {
		t.Errorf("the log says %q, want %q", told, want)
	}
	w.fake.err = errors.New("Keycloak is away")
	_, lift := w.Lift(t.Context(), "acme")
	for verb, err := range map[string]error{"lift": lift, "revoke": w.Revoke(t.Context(), "saas", revocation), "adopt": w.Adopt(t.Context(), "acme", admin.AdoptOptions{}, func(admin.Adoption) error { return nil })} {
		if !errors.Is(err, w.fake.err) || w.log.Len() > 0 {
			t.Errorf("%s that fails is %v, and the log says %v", verb, err, w.log.All())
		}
	}
}

// TestOneEndpointIsMeant: which tenant a path selects, and the error when it selects no tenant. A view accepts the
// tenant that represents all organizations, and no verb does.
func TestOneEndpointIsMeant(t *testing.T) {
	t.Parallel()
	const all = "saas/organizations/*"
	acme, globex := of("saas/organizations/acme", ofOrganization("saas", "acme", "5f")), of("saas/organizations/globex", ofOrganization("saas", "globex", "6a"))
	var many []*tenant.Tenant
	for name := range strings.SplitSeq("abcdefghijkl", "") {
		many = append(many, of(name))
	}
	for name, c := range map[string]struct {
		tenants []*tenant.Tenant
		path    string
		found   string
		says    string // the error of Endpoint when it finds no tenant
	}{
		"the only one":           {[]*tenant.Tenant{of("a")}, "", "a", ""},
		"the only organization":  {[]*tenant.Tenant{everyOf("saas"), acme}, "", acme.Path, ""},
		"by its path":            {[]*tenant.Tenant{of("a"), of("b")}, "b", "b", ""},
		"one of two":             {[]*tenant.Tenant{of("a"), of("b")}, "", "", "choose a tenant with --tenant: a, b"},
		"another":                {[]*tenant.Tenant{of("a"), of("b")}, "c", "", `the bridge has no tenant "c"; it has a, b`},
		"one of many":            {many, "", "", "a, b, c, d, e, f, g, h, i, j, and others; scim-bridge tenants list shows them"},
		"no organization":        {[]*tenant.Tenant{everyOf("saas")}, "", "", "no organization has a token yet; scim-bridge tokens new --organization ALIAS makes a token"},
		"all of none":            {[]*tenant.Tenant{everyOf("saas")}, all, "", "no organization has a token yet"},
		"all of one":             {[]*tenant.Tenant{everyOf("saas"), acme}, all, "", "saas/organizations/* represents all organizations and is not an endpoint; choose a tenant with --tenant: saas/organizations/acme"},
		"all of two, never both": {[]*tenant.Tenant{everyOf("saas"), acme, globex}, all, "", "saas/organizations/acme, saas/organizations/globex"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, &fake{}, c.tenants...)
			got, err := w.Endpoint(t.Context(), c.path)
			if got.Path != c.found || (err == nil) != (c.found != "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("Endpoint(%q) = %q, %v, want %q, %q", c.path, got.Path, err, c.found, c.says)
			}
			shown, err := w.Tenant(t.Context(), c.path)
			if want := map[bool]string{true: all, false: c.found}[c.path == all]; shown.Path != want || (err == nil) != (want != "") || (shown.URL == "") != (want == all || want == "") {
				t.Errorf("Tenant(%q) = %q, %v, want %q", c.path, shown.Path, err, want)
			}
			_, lift := w.Lift(t.Context(), c.path)
			adopt := w.Adopt(t.Context(), c.path, admin.AdoptOptions{}, func(admin.Adoption) error { return nil })
			for _, err := range []error{lift, adopt} {
				if _, none := errors.AsType[admin.NoTenantError](err); none != (c.found == "") {
					t.Errorf("a verb for %q ended with %v", c.path, err)
				}
			}
			if c.found == "" && len(w.fake.lifted)+len(w.fake.adopted) > 0 {
				t.Errorf("verbs acted on %v %v", w.fake.lifted, w.fake.adopted)
			}
		})
	}
}
