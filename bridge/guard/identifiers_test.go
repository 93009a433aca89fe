package guard_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestIdentifiersThatATenantMayGive: kinds of tenants × new values × values that the account has.
func TestIdentifiersThatATenantMayGive(t *testing.T) {
	t.Parallel()
	organization, err := keycloak.ParseOrganizationID("acme")
	noError(t, err)
	realm := &tenant.Tenant{Path: "acme"}
	acme := &tenant.Tenant{Path: acmePath, Organization: tenant.Organization{ID: organization, Alias: "acme"}}
	anyDomain := &tenant.Tenant{Path: acmePath, Organization: acme.Organization, Policy: tenant.Policy{Policies: config.Policies{Domains: config.DomainsAny}}}
	fitness := tenant.Fitness{Domains: []string{"acme.test"}}
	jane := &keycloak.User{Username: "jane", Email: "jane@acme.test"}
	foreign := &keycloak.User{Username: "jane@gone.test", Email: "jane@gone.test"}
	named := func(f guard.NameFault) error { return guard.NameError{Attribute: "userName", Fault: f} }
	twice := guard.NameError{Attribute: "emails.value", Fault: guard.SecondAddress}
	for name, c := range map[string]struct {
		of              *tenant.Tenant
		held            *keycloak.User
		username, email string
		want            error
	}{
		"a realm, any address":                {realm, nil, "x@beta.test", "x@beta.test", nil},
		"a realm, a service account's name":   {realm, nil, "Service-Account-x", "", named(guard.ServiceAccount)},
		"a realm, a blank in front":           {realm, nil, " jane", "", named(guard.Blank)},
		"a realm, an address with a blank":    {realm, nil, "x", "x@acme.test ", guard.NameError{Attribute: "emails.value", Fault: guard.Blank}},
		"a realm, a hidden character":         {realm, nil, "ja\u200bne", "", guard.NameError{Attribute: "userName", Fault: guard.Unseen, Character: '\u200b'}},
		"a realm, quotes":                     {realm, nil, "x", `"a@beta.test"@acme.test`, nil},
		"a realm, what it holds already":      {realm, &keycloak.User{Username: " odd\u200b"}, " odd\u200b", "", nil},
		"a realm, what it holds, in capitals": {realm, jane, "JANE", "Jane@Acme.test", nil},
		"its verified domain":                 {acme, nil, "x@acme.test", "x@acme.test", nil},
		"its verified domain, in capitals":    {acme, nil, "x", "x@ACME.test", nil},
		"a name that is no address":           {acme, nil, "x", "", nil},
		"another domain as the address":       {acme, nil, "x", "x@beta.test", guard.DomainError{Attribute: "emails.value", Domain: "beta.test"}},
		"another domain as the name":          {acme, nil, "x@beta.test", "x@acme.test", guard.DomainError{Attribute: "userName", Domain: "beta.test"}},
		"a domain below it":                   {acme, nil, "x@sub.acme.test", "", guard.DomainError{Attribute: "userName", Domain: "sub.acme.test"}},
		"a second @":                          {acme, nil, "x", "x@beta.test@acme.test", twice},
		"quotes before the @":                 {acme, nil, "x", `"x"@acme.test`, twice},
		"a change away from another domain":   {acme, foreign, "jane@acme.test", "jane@gone.test", guard.DomainError{Attribute: "userName", Domain: "gone.test"}},
		"no change of another domain":         {acme, foreign, "jane@gone.test", "JANE@gone.test", nil},
		"a change to another domain":          {acme, jane, "jane", "jane@beta.test", guard.DomainError{Attribute: "emails.value", Domain: "beta.test"}},
		"a change in its domain":              {acme, jane, "jane2", "jane2@acme.test", nil},
		"an address that goes":                {acme, jane, "jane", "", nil},
		"any domain, as the policy says":      {anyDomain, nil, "x@beta.test", "x@beta.test", nil},
		"any domain, and quotes":              {anyDomain, nil, "x", `"x"@beta.test`, twice},
	} {
		state := mapping.UserState{Username: c.username, Email: c.email, EmailVerified: true}
		err := guard.Identifiers(c.of, fitness, c.held, &state)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if verified := c.of == realm || c.email == "x@acme.test" || c.email == "jane2@acme.test" || c.email == "x@ACME.test"; err == nil && c.email != "" && state.EmailVerified != verified {
			t.Errorf("%s: the address is said to be verified: %t", name, state.EmailVerified)
		}
	}
}

// TestAccountsThatAnOrganizationMayAdopt: each kind of tenant × each owner of the account in Keycloak.
func TestAccountsThatAnOrganizationMayAdopt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fitness()
	f.Domains = []string{"acme.test"}
	acme, realm := w.kinds()["an organization"].tenant, w.kinds()["a realm"].tenant
	verified := func(label string) keycloak.User {
		u := try(w.Client.User(t.Context(), w.user(label))).must(t)
		u.EmailVerified = true
		return u
	}
	unverified := func(label string) keycloak.User {
		u := verified(label)
		u.EmailVerified = false
		return u
	}
	let := func(u keycloak.User) keycloak.User {
		u.Attributes = map[string][]string{mapping.AttrOwner: {"left|two"}}
		return u
	}
	for name, c := range map[string]struct {
		of       *tenant.Tenant
		user     keycloak.User
		operator bool
		answered bool
		member   bool
		want     string
	}{
		"a realm, who is free":               {realm, verified(free), false, true, false, ""},
		"a realm, who is unverified":         {realm, unverified(free), false, true, false, ""},
		"a realm, an account made since":     {realm, verified(late), false, true, false, "it is a service account"},
		"who is free":                        {acme, verified(free), false, true, false, ""},
		"who is unverified":                  {acme, unverified(free), false, true, false, "its address is not verified: once you know whose the account is, switch on Email verified in Keycloak"},
		"who is a member":                    {acme, verified(member), false, true, true, ""},
		"who is another's member":            {acme, verified(betas), false, true, false, ""},
		"who is another's":                   {acme, verified(others), false, true, false, "a tenant owns it"},
		"who is protected":                   {acme, verified(memberBy), false, true, false, "it is protected"},
		"the operator, who is free":          {acme, verified(free), true, true, false, ""},
		"the operator, who is unverified":    {acme, unverified(free), true, true, false, "its address is not verified: once you know whose the account is, switch on Email verified in Keycloak"},
		"the operator, an unverified member": {acme, unverified(member), true, true, false, "its address is not verified: once you know whose the account is, switch on Email verified in Keycloak"},
		"the operator, whom an owner let go": {acme, let(verified(others)), true, false, false, ""},
		"the operator, who is answered for":  {acme, verified(others), true, true, false, "a tenant owns it"},
		"the operator, of a realm, let go":   {realm, let(unverified(others)), true, false, false, ""},
		"the operator, who is of no domain":  {acme, keycloak.User{ID: w.users[free], Email: "x@beta.test"}, true, true, false, "its address is in no verified domain of the organization: give the account an address in a verified domain, or add its domain to the organization and verify it"},
		"the operator, who has no address":   {acme, keycloak.User{ID: w.users[free]}, true, true, false, "its address is in no verified domain of the organization: give the account an address in a verified domain, or add its domain to the organization and verify it"},
	} {
		id := try(keycloak.ParseUserID(c.user.ID)).must(t)
		var e guard.Eligibility
		var err error
		if c.operator {
			e, err = guard.AdoptableByOperator(t.Context(), w.Client, c.of, f, id, c.user, c.answered)
		} else {
			e, err = guard.Adoptable(t.Context(), w.Client, c.of, f, id, c.user)
		}
		if err != nil || e.Refusal != c.want || e.Member != c.member {
			t.Errorf("%s: %+v, %v, want %q, member: %t", name, e, err, c.want, c.member)
		}
	}
}

// TestAFederationKeepsWhatItHas: which users can join a group, and for which users only the access
// can be changed.
func TestAFederationKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	ldap := keycloak.Federation{Name: "ldap", LDAP: true, Enabled: true, EditMode: keycloak.EditReadOnly}
	copying, joining, writable := ldap, ldap, ldap
	copying.Imports, joining.Joins = true, true
	writable.Imports, writable.EditMode = true, keycloak.EditWritable
	custom := keycloak.Federation{Name: "custom", Enabled: true}
	for name, c := range map[string]struct {
		f             keycloak.Federation
		joins, allBut bool
	}{
		"no copy":           {ldap, false, true},
		"no copy, it joins": {joining, true, true},
		"a copy":            {copying, false, true},
		"writable":          {writable, false, false},
		"another provider":  {custom, true, false},
	} {
		fitness := tenant.Fitness{Federations: map[string]keycloak.Federation{"x": c.f}}
		id := try(keycloak.ParseUserID("f:x:ann")).must(t)
		err := guard.FederatedMember(fitness, id)
		refused, is := errors.AsType[guard.FederatedError](err)
		if (err == nil) != c.joins || is && (!refused.Keeps(guard.KeepsGroups) || refused.Keeps(guard.KeepsEmail, guard.KeepsRoles)) {
			t.Errorf("%s: to join is %v, want it possible: %t", name, err, c.joins)
		}
		if got := guard.KeepsAllBut(fitness, keycloak.User{FederationLink: "x"}); got != c.allBut {
			t.Errorf("%s: it keeps all but access: %t", name, got)
		}
		own := try(keycloak.ParseUserID(absentID)).must(t)
		if err := guard.FederatedMember(fitness, own); err != nil || guard.KeepsAllBut(fitness, keycloak.User{}) {
			t.Errorf("%s: a user of Keycloak's own: %v", name, err)
		}
	}
	off := keycloak.Federation{Name: "custom"}
	p := plan.Plan{plan.AddMember{}, plan.RevokeRoles{}, plan.RemoveMember{}, plan.ExpelUser{}, plan.EndSessions{}}
	refused, _ := errors.AsType[guard.FederatedError](guard.Federated(tenant.Fitness{Federations: map[string]keycloak.Federation{"x": off}}, keycloak.User{FederationLink: "x"}, p))
	if !refused.Keeps(guard.KeepsGroups) || !refused.Keeps(guard.KeepsRoles) || len(refused.Refused) != 2 {
		t.Errorf("a provider that is switched off keeps %v", refused.Refused)
	}
}

// TestAManagedMemberIsItsOrganizations: an organization's own managed member needs no verified
// address when the operator adopts it. No tenant takes over a managed member of another
// organization.
func TestAManagedMemberIsItsOrganizations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fitness()
	acme := w.kinds()["an organization"].tenant
	const look = "GET /organizations/{id}/members/{user}"
	managed := func(label string, nth int) keycloaktest.Fault {
		return keycloaktest.Fault{Op: look, Nth: nth, Status: http.StatusOK, Body: `{"id":"` + w.users[label] + `","username":"` + label + `","enabled":true,"membershipType":"MANAGED"}`, Header: http.Header{"Content-Type": {"application/json"}}}
	}
	for name, c := range map[string]struct {
		label    string
		verified bool
		operator bool
		fault    keycloaktest.Fault
		want     guard.Eligibility
		kind     keycloak.Kind
	}{
		"of this one, and the operator asks":       {member, false, true, managed(member, 0), guard.Eligibility{Member: true}, ""},
		"of this one, and a client asks":           {member, false, false, managed(member, 0), guard.Eligibility{Refusal: "its address is not verified: once you know whose the account is, switch on Email verified in Keycloak"}, ""},
		"of this one, verified, and a client asks": {member, true, false, managed(member, 0), guard.Eligibility{Member: true}, ""},
		"of another one":                           {betas, true, false, managed(betas, 2), guard.Eligibility{Refusal: "it belongs to another organization"}, ""},
		"of another one, and the operator asks":    {betas, true, true, managed(betas, 2), guard.Eligibility{Refusal: "it belongs to another organization"}, ""},
		"nobody can look at this one":              {betas, true, false, keycloaktest.Fault{Op: look, Nth: 1, Status: http.StatusForbidden}, guard.Eligibility{}, keycloak.Denied},
		"nobody can look at the other one":         {betas, true, false, keycloaktest.Fault{Op: look, Nth: 2, Status: http.StatusForbidden}, guard.Eligibility{}, keycloak.Denied},
		"nobody can look where it is a member":     {betas, true, false, keycloaktest.Fault{Op: "GET /organizations/members/{user}/organizations", Status: http.StatusForbidden}, guard.Eligibility{}, keycloak.Denied},
		"the operator cannot look":                 {betas, false, true, keycloaktest.Fault{Op: look, Status: http.StatusForbidden}, guard.Eligibility{}, keycloak.Denied},
	} {
		u := try(w.Client.User(t.Context(), w.user(c.label))).must(t)
		u.EmailVerified = c.verified
		adoptable := func() (guard.Eligibility, error) {
			return guard.Adoptable(t.Context(), w.Client, acme, f, w.user(c.label), u)
		}
		if c.operator {
			adoptable = func() (guard.Eligibility, error) {
				return guard.AdoptableByOperator(t.Context(), w.Client, acme, f, w.user(c.label), u, true)
			}
		}
		w.fake.Inject(c.fault)
		got, err := adoptable()
		w.fake.ClearFaults()
		if got != c.want || keycloak.KindOf(err) != c.kind {
			t.Errorf("%s: %+v, %v, want %+v, %s", name, got, err, c.want, c.kind)
		}
	}
}
