package realm

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const (
	// maxSkew is how far the clocks may differ: signed assertions are valid for a minute.
	maxSkew = 15 * time.Second
)

// checkRights is the check that the other checks depend on.
const checkRights = "rights"

// Doctor makes all checks of Check for a tenant and the other tenants of its realm, and further
// checks that help an operator. It writes nothing.
func Doctor(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, others ...*tenant.Tenant) []Finding {
	r := newReport(c, t)
	r.tokens(t, time.Now())
	if !r.reach(ctx, c) || !r.account(ctx, c) {
		return r.Findings
	}
	r.excess(ctx, c, t, others)
	if r.fit(ctx, c, t, others) {
		r.settings(ctx, c, t)
		r.visibility(ctx, c)
		r.firstLogin(ctx, c)
		r.users(ctx, c, t, others)
		r.served(ctx, c, t)
	}
	return r.Findings
}

// reach checks that Keycloak answers and knows the realm.
func (r *Report) reach(ctx context.Context, c *keycloak.Client) bool {
	start := time.Now()
	err := c.Reach(ctx)
	switch {
	case keycloak.KindOf(err) == keycloak.NotFound && keycloak.MessageOf(err) == keycloak.NoRealm:
		r.fail("keycloak", "correct the name of the realm in realms of the configuration, or create the realm", "Keycloak has no realm %q", r.realm)
	case keycloak.KindOf(err) == keycloak.NotFound:
		r.fail("keycloak", "correct keycloak.url of the configuration: it ends with the path of the server, such as /auth", "there is no Keycloak at %s", r.url)
	case err != nil:
		r.fail("keycloak", "check keycloak.url, whether Keycloak runs, and the network between: names, firewalls, certificates", "Keycloak does not answer: %v", err)
	default:
		r.pass("keycloak", "answers in %d ms", time.Since(start).Milliseconds())
	}
	return err == nil
}

// account checks the credentials and Keycloak's clock.
func (r *Report) account(ctx context.Context, c *keycloak.Client) bool {
	issued, err := c.RenewToken(ctx)
	if !r.could(err, "account") {
		return false
	}
	r.pass("account", "the client's credentials are valid")
	if skew := time.Until(issued).Abs(); skew > maxSkew {
		r.warn("clock", "synchronise the clocks of both machines by NTP", "the clock differs from Keycloak's by %s: tokens may be refused", skew.Truncate(time.Second))
	} else {
		r.pass("clock", "the clock differs from Keycloak's by %d s or less", int(skew.Seconds())+1)
	}
	return true
}

// fit adds the findings of Check. It returns false when the account cannot read more.
func (r *Report) fit(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, others []*tenant.Tenant) bool {
	report, err := Check(ctx, c, t, t.Mapping, ProtectorOf(c, t, others...))
	r.Findings = append(r.Findings, report.Findings...)
	r.Resolved, r.OrganizationGroups, r.Protected, r.Federations, r.Domains = report.Resolved, report.OrganizationGroups, report.Protected, report.Federations, report.Domains
	lacks := func(f Finding) bool { return f.Check == checkRights && f.Severity == Fail }
	return r.could(err, "realm") && !slices.ContainsFunc(report.Findings, lacks)
}

// could records an error of a check, and reports whether the check was possible.
func (r *Report) could(err error, check string) bool {
	switch {
	case err == nil:
		return true
	case keycloak.KindOf(err) == keycloak.Denied && check == "account":
		r.fail(check, "put the client's secret where clientSecretFile or clientSecretEnv of the realm says, and check that the client is enabled; this command writes the secret into DIR/secret:\n{setup} --out DIR",
			"Keycloak refuses the client's credentials%s", said(err))
	default:
		r.fail(check, "run doctor again; if the error remains, Keycloak's log has the reason:\n{doctor}", "%v%s", err, said(err))
	}
	return false
}

// said returns Keycloak's own text about an error.
func said(err error) string {
	if text := keycloak.MessageOf(err); text != "" {
		return " (" + text + ")"
	}
	return ""
}

// powers lists the roles of realm-management that the bridge never needs, and what somebody who has
// its secret could do with each.
func powers() []struct{ role, power string } {
	return []struct{ role, power string }{
		{"realm-admin", "do everything in the realm"},
		{manageRealm, "change the realm"},
		{"manage-clients", "read and change every client"},
		{"create-client", "create clients"},
		{"manage-identity-providers", "let anybody log in"},
		{"manage-authorization", "change authorization rules"},
		{manageOrganizations, "change organizations"},
		{"manage-events", "switch off the log of events"},
		{"impersonation", "log in as anybody"},
	}
}

// excess finds rights that no tenant of the realm needs.
func (r *Report) excess(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, others []*tenant.Tenant) {
	granted, err := c.OwnRoles(ctx)
	if !r.could(err, "privileges") {
		return
	}
	if slices.Contains(granted, manageUsers) && permitted(granted) {
		s, err := c.RealmSettings(ctx)
		if !r.could(err, "privileges") {
			return
		}
		if s.AdminPermissionsEnabled {
			r.warn("privileges", "remove manage-users from the service account if permissions replace it (setup then leaves it out); otherwise remove query-users and query-groups",
				"the account has manage-users besides query-users and query-groups: somebody with its secret could set the password of every administrator, even of an administrator that a permission protects from the account")
			return
		}
	}
	needed := needOf(t, t.Mapping).rights()
	for _, other := range others { // the tenants of a realm use the same account
		needed = append(needed, needOf(other, other.Mapping).rights()...)
	}
	if slices.Contains(needed, manageOrganizations) && slices.Contains(granted, manageRealm) && !slices.Contains(granted, manageOrganizations) {
		if t.Owner.Organization {
			r.warn("privileges", "upgrade to Keycloak 26.7, which has manage-organizations; then remove manage-realm from the service account, and run setup again:\n{setup}",
				"members of organizations need manage-realm on this Keycloak: somebody with the bridge's secret could change the realm")
		}
		needed = append(needed, manageRealm)
	}
	var roles, could []string
	for _, p := range powers() {
		if slices.Contains(granted, p.role) && !slices.Contains(needed, p.role) {
			roles, could = append(roles, p.role), append(could, p.power)
		}
	}
	if len(roles) == 0 {
		r.pass("privileges", "no unneeded rights")
		return
	}
	r.warn("privileges", "remove these roles from the service account, unless a tenant of another configuration needs them; with kcadm.sh, after kcadm.sh config credentials:\n"+r.takeRoles(roles), "the service account has more rights than it needs, %s: somebody with its secret could %s", strings.Join(roles, ", "), strings.Join(could, ", "))
}

// takeRoles returns the command that removes roles of realm-management from the service account.
func (r *Report) takeRoles(roles []string) string {
	words := []string{"kcadm.sh", "remove-roles", "-r", r.realm, "--uusername", "service-account-" + cmp.Or(r.of.Entry.ClientID, DefaultClientID), "--cclientid", "realm-management"}
	for _, role := range roles {
		words = append(words, "--rolename", role)
	}
	return tenant.CommandLine(words...)
}

// settings checks further settings of the realm.
func (r *Report) settings(ctx context.Context, c *keycloak.Client, t *tenant.Tenant) {
	s, err := c.RealmSettings(ctx)
	if !r.could(err, "realm") {
		return
	}
	if s.DuplicateEmailsAllowed {
		r.warn("e-mail addresses", "switch off Duplicate emails in the realm's login settings", "several users may have the same address, so a client that looks up a user by address may find another user")
	} else {
		r.pass("e-mail addresses", "no address is used twice")
	}
	r.registration(s, t)
	if s.SCIMAPIEnabled {
		r.warn("native SCIM", "switch off SCIM API in the realm's settings, or make sure that no client writes with it", "Keycloak's own SCIM API is on: its writes bypass the mapping, and its answers lack the bridge's extensions")
	} else {
		r.pass("native SCIM", "Keycloak's own SCIM API is off")
	}
}

// registration warns when people can choose the names and passwords of accounts that the tenant's
// client manages.
func (r *Report) registration(s keycloak.RealmSettings, t *tenant.Tenant) {
	const off = "switch off User registration in the realm's login settings"
	switch {
	case !s.RegistrationAllowed || t.Owner.Organization:
	case t.Policy.Adopts():
		r.warn("adoption", off+", or write adopt: never", "the tenant takes over existing accounts, and anybody can register an account under a name that its client will send")
	case !t.Policy.OwnedOnly:
		r.warn("registration", off+", or set scope: owned, so that the client sees only users that it made or took over",
			"anybody can register an account under a name that the client will look for, with a password of their own choice: the client then finds that account, changes it and adds it to groups")
	}
}

// visibility checks that lists are complete: without the right to view users, Keycloak answers with
// an empty list and no error.
func (r *Report) visibility(ctx context.Context, c *keycloak.Client) {
	count, err := c.CountUsers(ctx)
	if !r.could(err, "visibility") {
		return
	}
	users, err := c.Users(ctx, keycloak.UserQuery{Max: 1})
	switch {
	case !r.could(err, "visibility"):
	case count > 0 && len(users) == 0:
		r.fail("visibility", "grant the service account manage-users of realm-management, and remove what restricts the account", "the realm has %d users and the list of users is empty", count)
	default:
		r.pass("visibility", "the service account can list the realm's %d users", count)
	}
}

// firstLogin finds the required actions of every new user.
func (r *Report) firstLogin(ctx context.Context, c *keycloak.Client) {
	actions, err := c.RequiredActions(ctx)
	switch {
	case !r.could(err, "first login"):
	case len(actions) > 0:
		r.warn("first login", "decide under Authentication, Required actions whether they should be set by default", "every new user must do this before the first login succeeds: %s", strings.Join(actions, ", "))
	default:
		r.pass("first login", "no required actions for new users")
	}
}

// NoToken is the text of the finding that a tenant has no credential.
const NoToken = "the tenant has no token, so no client can use the endpoint"

// tokens checks that the tenant has a credential, and when its tokens expire.
func (r *Report) tokens(t *tenant.Tenant, now time.Time) {
	tokens := t.Tokens
	if len(tokens)+len(t.AccessTokens) == 0 && !t.AwaitsTokens() && !t.Every() {
		r.fail("token", "{tokens new}", NoToken)
	}
	const (
		revoke = "{tokens revoke} "
		renew  = "make a new token, give it to the client, then revoke this token:\n{tokens new}\n" + revoke
	)
	if t.Policy.BasicAuth {
		r.pass("token", "clients may send the token as the password of HTTP Basic (basicAuth): remove the key when every client can send a bearer token")
	}
	good := len(t.AccessTokens) > 0 || slices.ContainsFunc(tokens, func(t tenant.Token) bool { return !t.Expired(now) })
	for _, token := range tokens {
		left, name := token.Expires.Sub(now), tenant.CommandLine(cmp.Or(token.KeyID, token.Name))
		switch {
		case token.Expires.IsZero():
			r.pass("token", "%q does not expire", token.Name)
		case left <= 0 && good:
			r.warn("token", "give its client a new token if it has no other, and revoke this token:\n"+revoke+name, "%q expired on %s", token.Name, token.Expires.Format(time.DateOnly))
		case left <= 0:
			r.fail("token", renew+name, "%q expired on %s, and the tenant has no other valid token", token.Name, token.Expires.Format(time.DateOnly))
		case left < tenant.SoonExpires:
			r.warn("token", renew+name, "%q expires in %d days, on %s", token.Name, int(left.Hours()/24), token.Expires.Format(time.DateOnly)) //nolint:mnd // hours of a day
		default:
			r.pass("token", "%q expires on %s", token.Name, token.Expires.Format(time.DateOnly))
		}
	}
}
