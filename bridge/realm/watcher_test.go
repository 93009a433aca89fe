package realm_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	logtest "go.uber.org/zap/zaptest/observer"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// watched is a world with a Watcher.
type watched struct {
	*world
	*realm.Watcher

	lines   *logtest.ObservedLogs
	fit     map[string]bool
	applied map[string]bool // whether the proposed mapping is applied, by tenant
	gone    []string
}

func newWatched(t *testing.T, tenants ...func(w *world) *tenant.Tenant) *watched {
	t.Helper()
	w := newWorld(t, "")
	w.right("manage-organizations", true)
	list := []*tenant.Tenant{w.tenant}
	for _, one := range tenants {
		list = append(list, one(w))
	}
	registry, err := tenant.NewRegistry(list...)
	w.must(err)
	core, lines := logtest.New(zap.DebugLevel)
	out := &watched{world: w, lines: lines, fit: map[string]bool{}, applied: map[string]bool{}}
	out.Watcher = &realm.Watcher{
		Tenants: registry, Realms: keycloak.NewRealms(map[string]*keycloak.Client{w.Name.String(): w.c}), Log: zap.New(core),
		Observe: func(path string, fit bool) { out.fit[path] = fit }, ObserveMapping: func(path string, applied bool) { out.applied[path] = applied }, Forget: func(path string) { out.gone = append(out.gone, path) },
	}
	return out
}

// served returns a tenant as it is now.
func (w *watched) served(path string) *tenant.Tenant {
	w.t.Helper()
	t := w.Tenants.ByPath(path)
	if t == nil {
		w.t.Fatalf("there is no tenant %s", path)
	}
	return t
}

// said reports how often the log said something.
func (w *watched) said(text string) int { return w.lines.FilterMessageSnippet(text).Len() }

// TestACheckGivesATenantItsFitness: the log gets an unchanged result only once. An outage does not
// make a tenant unfit.
func TestACheckGivesATenantItsFitness(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	ctx := t.Context()
	w.Check(ctx)
	if !w.Check(ctx) || w.served("acme").Fitness().Problem != "" || !w.fit["acme"] || w.said("the realm is fit") != 1 {
		t.Errorf("a realm in health is %+v", w.served("acme").Fitness())
	}
	if p := w.served("acme").Fitness().Protected; !p.ServiceAccount(w.account("bridge").String()) || time.Since(p.At) > time.Minute {
		t.Errorf("the look found %+v", p)
	}
	w.right("view-realm", false)
	if w.Check(ctx) || !strings.Contains(w.served("acme").Fitness().Problem, "view-realm") || w.fit["acme"] || w.said("the realm is not fit") != 1 {
		t.Errorf("a realm that lacks a right is %+v", w.served("acme").Fitness())
	}
	w.right("view-realm", true)
	w.Check(ctx)
	w.fake.Inject(keycloaktest.Fault{Op: "GET /", Status: http.StatusServiceUnavailable})
	if !w.Check(ctx) || w.served("acme").Fitness().Problem != "" || w.said("the realm cannot be checked") != 1 {
		t.Errorf("in an outage the realm is %+v", w.served("acme").Fitness())
	}
	w.fake.ClearFaults()
	w.Send(t, http.MethodPut, "", `{"adminPermissionsEnabled":true}`)
	w.permission(`"name":"q","resourceType":"Users","scopes":["manage"]`, `time "notOnOrAfter":"2099-01-01 00:00:00"`)
	if !w.Check(ctx) || w.served("acme").Fitness().Protected.Unknown == "" || w.said("the tenant answers writes with 503") != 1 {
		t.Errorf("of a realm that nobody knows the administrators of: %+v", w.served("acme").Fitness())
	}
}

// TestANewMappingWaitsForItsRealm. The previous mapping stays until then, and a file that cannot be
// used changes nothing.
func TestANewMappingWaitsForItsRealm(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	ctx := t.Context()
	w.Check(ctx)
	before := w.tenant.Mapping
	next := w.newTenant("acme", w.mapping("groups:\n  parent: /scim\n"))
	w.Replace([]*tenant.Tenant{next}, nil)
	if w.Check(ctx) || w.served("acme").Mapping != before || !strings.Contains(w.served("acme").Unapplied(), `"/scim" of the mapping does not exist`) || w.applied["acme"] || w.said("is not applied until the realm is fit") != 1 {
		t.Errorf("the mapping is applied, or nobody says why not: %q", w.served("acme").Unapplied())
	}
	w.Check(ctx)
	if w.said("is not applied until the realm is fit") != 1 {
		t.Error("the log says again what is the same")
	}
	scimGroup := w.group("scim", keycloak.GroupID{})
	if !w.Check(ctx) || w.served("acme").Mapping != next.Mapping || w.served("acme").Unapplied() != "" || !w.applied["acme"] {
		t.Errorf("the mapping is not applied: %q", w.served("acme").Unapplied())
	}
	if f := w.served("acme").Fitness(); f.Resolved.Groups["/scim"] != scimGroup || !f.Protected.Keeps(scimGroup.String()) {
		t.Errorf("the parent is not known: %+v", f.Resolved)
	}
	w.Refuse("acme", "mapping.yaml:1: nonsense")
	w.Refuse("nobody", "nonsense")
	if w.served("acme").Unapplied() != "mapping.yaml:1: nonsense" || w.served("acme").Mapping != next.Mapping || w.applied["acme"] {
		t.Errorf("a file that cannot be used: %q", w.served("acme").Unapplied())
	}
	w.Replace([]*tenant.Tenant{w.newTenant("acme", next.Mapping)}, nil) // changed back to the mapping in use
	if w.served("acme").Unapplied() != "" || !w.applied["acme"] {
		t.Errorf("a file that was mended: %q", w.served("acme").Unapplied())
	}
}

// TestReplaceMakesTheTenantsThoseThatAreNamed: other tenants are removed, a new tenant must be
// checked, and a tenant that stays keeps its state.
func TestReplaceMakesTheTenantsThoseThatAreNamed(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	ctx := t.Context()
	w.Check(ctx)
	other := w.newTenant("other", w.tenant.Mapping)
	w.Replace([]*tenant.Tenant{w.newTenant("acme", w.tenant.Mapping), other}, nil)
	if w.served("acme").Fitness().Problem != "" || w.served("other").Fitness().Problem == "" || w.said("a tenant was added") != 1 {
		t.Errorf("acme is %+v, other %+v", w.served("acme").Fitness(), w.served("other").Fitness())
	}
	if !w.Check(ctx) || w.served("other").Fitness().Problem != "" {
		t.Errorf("other is %+v", w.served("other").Fitness())
	}
	rekeyed := w.newTenant("acme", w.tenant.Mapping)
	rekeyed.Owner.Key = "another" // now another tenant at the path
	w.Replace([]*tenant.Tenant{rekeyed}, nil)
	if w.Tenants.ByPath("other") != nil || !slices.Equal(w.gone, []string{"other"}) || w.served("acme").Fitness().Problem == "" {
		t.Errorf("there are %v, gone %q, and acme is %+v", w.Tenants.All(), w.gone, w.served("acme").Fitness())
	}
}

// every lets the Watcher find the organizations of the realm, each with a token that its attribute
// names.
func (w *watched) every(like *tenant.Tenant) map[string]realm.Organizations {
	return map[string]realm.Organizations{like.Realm: func(o keycloak.Organization, like *tenant.Tenant, revoked realm.Revoked) *tenant.Tenant {
		var tokens []tenant.Token
		for _, text := range o.Attributes[tenant.AttrCredentials] {
			if token := (tenant.Token{Name: text, SHA256: sha256.Sum256([]byte(text))}); !revoked.Has(o.ID, token) {
				tokens = append(tokens, token)
			}
		}
		if len(tokens) == 0 {
			return nil
		}
		id, err := keycloak.ParseOrganizationID(o.ID)
		w.must(err)
		return &tenant.Tenant{
			Path: tenant.OrganizationPath(like.Realm, o.Alias), Realm: like.Realm, Mapping: like.Mapping, Owner: mapping.Owner{Key: o.ID, Organization: true},
			Organization: tenant.Organization{ID: id, Alias: o.Alias}, Tokens: tokens, Found: true,
		}
	}}
}

// allOrganizations is the tenant that represents all organizations that are found.
func allOrganizations(w *world) *tenant.Tenant {
	out := w.newTenant(tenant.OrganizationPath(w.Name.String(), tenant.EveryOrganization), w.tenant.Mapping)
	out.Owner.Organization, out.Organization.Alias, out.Entry.Every = true, tenant.EveryOrganization, true
	return out
}

// TestOrganizationsWithTokensAreFound and served, and only these, as long as they have a valid
// token.
func TestOrganizationsWithTokensAreFound(t *testing.T) {
	t.Parallel()
	w := newWatched(t, allOrganizations)
	ctx, realmName := t.Context(), w.Name.String()
	like := w.served(tenant.OrganizationPath(realmName, tenant.EveryOrganization))
	w.Organizations = w.every(like)
	path := func(alias string) string { return tenant.OrganizationPath(realmName, alias) }
	domains := []keycloak.Domain{{Name: "Acme.test", Verified: true}, {Name: "other.test"}}
	found := func(alias string, tokens ...string) keycloak.OrganizationID {
		id, err := w.Admin.CreateOrganization(ctx, keycloak.NewOrganization{Name: alias, Alias: alias, Domains: domains, Attributes: map[string][]string{tenant.AttrCredentials: tokens}})
		w.must(err)
		domains = nil // the domains of one organization
		return id
	}
	acme := found("acme", "one")
	beta := found("beta", "two")
	w.organizationID("none")
	if !w.Check(ctx) {
		t.Fatalf("the look fails: %v", w.lines.All())
	}
	f := w.served(path("acme")).Fitness()
	if f.Problem != "" || !slices.Equal(f.Domains, []string{"acme.test"}) || !slices.Equal(f.Unverified, []string{"other.test"}) || w.Tenants.ByPath(path("none")) != nil {
		t.Errorf("acme is %+v", f)
	}
	if w.said("was found and is served") != 2 || w.said("refuse every user with an address") != 1 {
		t.Errorf("the log says %v", w.lines.All())
	}
	held := w.served(path("acme"))
	w.Check(ctx)
	if w.served(path("acme")) != held {
		t.Error("a tenant that is as it was is made anew")
	}
	w.must(w.Admin.SetOrganizationAttribute(ctx, beta, tenant.AttrCredentials, nil))
	if w.Check(ctx); w.Tenants.ByPath(path("beta")) != nil || !slices.Contains(w.gone, path("beta")) {
		t.Error("an organization without a token is served")
	}
	revoked := realm.Revocation(acme, tenant.Token{SHA256: sha256.Sum256([]byte("one"))})
	w.must(realm.Revoke(ctx, w.c, revoked, time.Now()))
	if w.Check(ctx); w.Tenants.ByPath(path("acme")) != nil {
		t.Error("an organization whose token was taken back is served")
	}
	w.must(w.Admin.SetOrganizationAttribute(ctx, acme, tenant.AttrCredentials, []string{"one", "three"}))
	if w.Check(ctx); len(w.served(path("acme")).Tokens) != 1 {
		t.Errorf("acme has the tokens %+v", w.served(path("acme")).Tokens)
	}
	for _, op := range []string{"GET /organizations", "GET /users/{id}"} {
		w.fake.Inject(keycloaktest.Fault{Op: op, Status: http.StatusInternalServerError})
		if w.Check(ctx) && op == "GET /organizations" || w.served(path("acme")).Fitness().Problem != "" {
			t.Errorf("where %s fails acme is %+v", op, w.served(path("acme")).Fitness())
		}
		w.fake.ClearFaults()
	}
	w.right("manage-organizations", false)
	if w.Check(ctx) || w.served(path("acme")).Fitness().Problem == "" {
		t.Error("without the right to see organizations one is served")
	}
	w.right("manage-organizations", true)
	w.Check(ctx)
	w.Replace([]*tenant.Tenant{w.tenant}, nil)
	if all := w.Tenants.All(); len(all) != 1 || all[0].Path != "acme" {
		t.Errorf("once organizations are not found any more there are %v", all)
	}
}

// TestAnOrganizationThatIsNamedHasItsTokens: its tenant gets the tokens from the organization's
// attribute from the first check on, like found tenants. It keeps the tokens that it had as a found
// tenant.
func TestAnOrganizationThatIsNamedHasItsTokens(t *testing.T) {
	t.Parallel()
	w := newWatched(t, allOrganizations)
	ctx, realmName := t.Context(), w.Name.String()
	like := w.served(tenant.OrganizationPath(realmName, tenant.EveryOrganization))
	id, err := w.Admin.CreateOrganization(ctx, keycloak.NewOrganization{Name: "acme", Alias: "acme", Attributes: map[string][]string{tenant.AttrCredentials: {"one"}}})
	w.must(err)
	w.Organizations = w.every(like)
	w.Check(ctx)
	path := tenant.OrganizationPath(realmName, "acme")
	named := w.newTenant(path, w.mapping("users:\n  password: ignore\n"))
	named.Owner, named.Organization = mapping.Owner{Key: id.String(), Organization: true}, tenant.Organization{ID: id, Alias: "acme"}
	named.OfOrganization, named.Tokens = true, nil
	both := func() []*tenant.Tenant {
		return []*tenant.Tenant{w.newTenant("acme", w.tenant.Mapping), allOrganizations(w.world), named}
	}
	w.Replace(both(), w.every(like))
	if got := w.served(path); got.Found || len(got.Tokens) != 1 {
		t.Errorf("what is named from now on has the tokens %+v", got.Tokens)
	}
	w.must(w.Admin.SetOrganizationAttribute(ctx, id, tenant.AttrCredentials, []string{"one", "two"}))
	w.Check(ctx)
	if got := w.served(path); len(got.Tokens) != 2 || got.Fitness().Problem != "" {
		t.Errorf("after the next look it has %+v, %+v", got.Tokens, got.Fitness())
	}
	w.must(w.Admin.SetOrganizationAttribute(ctx, id, tenant.AttrCredentials, nil))
	w.Check(ctx)
	if got := w.served(path); got.Tokens == nil || len(got.Tokens) != 0 {
		t.Errorf("without an entry it has %+v", got.Tokens)
	}
	w.must(w.Admin.SetOrganizationAttribute(ctx, id, tenant.AttrCredentials, []string{"one"}))
	w.Check(ctx)
	w.Replace(both()[:2], w.every(like)) // no longer named: found again
	if got := w.served(path); !got.Found || got.OfOrganization || len(got.Tokens) != 1 {
		t.Errorf("what is found again is %+v", got)
	}
}

// TestAChangeOfRightsStartsACheck where the realm has a feed. Changes by other programs start a check,
// changes by the bridge itself do not.
func TestAChangeOfRightsStartsACheck(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	ctx, now := t.Context(), time.Now()
	if w.FollowOnce(ctx, now) {
		t.Error("a realm without a look has one begin")
	}
	w.Check(ctx)
	for w.FollowOnce(ctx, now) { // the events of setup count
		now = now.Add(time.Minute)
	}
	step := func(what string, want bool, after time.Duration) {
		t.Helper()
		now = now.Add(after)
		if got := w.FollowOnce(ctx, now); got != want {
			t.Errorf("%s: a look begins: %t", what, got)
		}
	}
	step("nothing", false, time.Minute)
	w.role("new")
	step("a role", true, time.Minute)
	w.role("newer")
	step("a role soon after", false, time.Second)
	step("and then", true, 10*time.Second)
	_, err := w.c.CreateGroup(ctx, keycloak.NewGroup{Name: "team"})
	w.must(err)
	step("a group of the bridge's", false, time.Minute)
	w.group("theirs", keycloak.GroupID{})
	step("a group of somebody else's", true, time.Minute)
	w.fake.Inject(keycloaktest.Fault{Op: "GET /admin-events", Status: http.StatusServiceUnavailable})
	w.role("newest")
	step("in an outage", false, time.Minute)
	w.fake.ClearFaults()
	w.right("view-events", false)
	w.Check(ctx)
	step("without a feed", false, time.Minute)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	w.Follow(ended) // returns
}

// TestRevocations are stored in the bridge's own account until the token would have expired, and no
// longer.
func TestRevocations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	ctx, now := t.Context(), time.Unix(1_800_000_000, 0)
	acme, err := keycloak.ParseOrganizationID("acme")
	w.must(err)
	token := func(text, keyID string, expires time.Time) tenant.Token {
		return tenant.Token{KeyID: keyID, SHA256: sha256.Sum256([]byte(text)), Expires: expires}
	}
	lasting, ending, foreign := token("a", "1", time.Time{}), token("b", "2", now.Add(time.Hour)), token("c", "", now.Add(time.Hour))
	for _, one := range []tenant.Token{lasting, ending, foreign, lasting} {
		w.must(realm.Revoke(ctx, w.c, realm.Revocation(acme, one), now))
	}
	has := func(want ...bool) {
		t.Helper()
		revoked, err := realm.ReadRevoked(ctx, w.c)
		w.must(err)
		if got := []bool{revoked.Has("acme", lasting), revoked.Has("acme", ending), revoked.Has("acme", foreign), revoked.Has("beta", lasting)}; !slices.Equal(got, want) {
			t.Errorf("revoked are %v, want %v", got, want)
		}
	}
	has(true, true, true, false)
	later := token("d", "4", time.Time{})
	w.must(realm.Revoke(ctx, w.c, realm.Revocation(acme, later), now.Add(24*time.Hour)))
	has(true, true, true, false) // the clocks of two machines may differ
	w.must(realm.Revoke(ctx, w.c, realm.Revocation(acme, later), now.Add(48*time.Hour)))
	has(true, false, true, false)
	for _, token := range []tenant.Token{lasting, ending} {
		if one, ok := realm.ParseRevocation(realm.Revocation(acme, token)); !ok || one.Organization != "acme" || one.KeyID != token.KeyID || one.SHA256 != token.SHA256 || !one.Expires.Equal(token.Expires) {
			t.Errorf("the revocation of %+v is read as %+v, %t", token, one, ok)
		}
	}
	for _, text := range []string{"", "acme", "acme|x||", realm.Revocation(acme, lasting) + "\n", strings.ToUpper(realm.Revocation(acme, lasting))} {
		if err := realm.Revoke(ctx, w.c, text, now); !errors.Is(err, realm.ErrRevocation) {
			t.Errorf("Revoke(%q) = %v", text, err)
		}
		if one, ok := realm.ParseRevocation(text); ok {
			t.Errorf("ParseRevocation(%q) = %+v", text, one)
		}
	}
}

// TestWhatCannotBeRememberedIsAnError before Keycloak refuses or loses it.
func TestWhatCannotBeRememberedIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	remember := func(values ...string) error {
		return realm.Remember(t.Context(), w.c, mapping.AttrRevoked, func([]string) ([]string, error) { return values, nil })
	}
	for says, values := range map[string][]string{"empty or has more than 2048 characters": {strings.Repeat("x", 2049)}, "empty or has more": {""}, "at most 5000 fit": make([]string, 5001)} {
		if err := remember(values...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%d values: %v, want %q", len(values), err, says)
		}
	}
	w.must(remember("b", "a", "a"))
	if values, err := realm.Remembered(t.Context(), w.c, mapping.AttrRevoked); err != nil || !slices.Equal(values, []string{"a", "b"}) {
		t.Errorf("remembered are %q, %v", values, err)
	}
	gone := errors.New("given up")
	if err := realm.Remember(t.Context(), w.c, mapping.AttrRevoked, func([]string) ([]string, error) { return nil, gone }); !errors.Is(err, gone) {
		t.Errorf("who gives up is told %v", err)
	}
	w.fake.Inject(keycloaktest.Fault{Op: "PUT /users/{id}", Status: http.StatusNoContent}) // Keycloak answers, but stores nothing
	if err := remember("c"); err == nil || !strings.Contains(err.Error(), "scim-bridge setup --url") {
		t.Errorf("what Keycloak drops: %v", err)
	}
	w.fake.Inject(keycloaktest.Fault{Op: "GET /users/{id}", Status: http.StatusForbidden})
	if _, err := realm.Remembered(t.Context(), w.c, mapping.AttrRevoked); keycloak.KindOf(err) != keycloak.Denied {
		t.Errorf("what cannot be read is %v", err)
	}
	if _, err := realm.ReadRevoked(t.Context(), w.c); keycloak.KindOf(err) != keycloak.Denied {
		t.Errorf("revocations that cannot be read are %v", err)
	}
}
