package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// State is the state of a tenant, in one word.
type State string

// The states.
const (
	Fit      State = "fit"
	ReadOnly State = "read-only"
	Paused   State = "paused"
	Unfit    State = "unfit" // 503 to every request
)

// Tenant is what an operator sees of a tenant. No secret is part of it, not even a hash.
type Tenant struct {
	Path           string    `json:"path"`
	URL            string    `json:"url,omitempty"` // of the service root; absent when the tenant represents all organizations
	Realm          string    `json:"realm"`
	Organization   string    `json:"organization,omitempty"`   // alias
	OrganizationID string    `json:"organizationID,omitempty"` // the id of the tenant's organization
	State          State     `json:"state"`
	Problems       []Problem `json:"problems,omitempty"` // the worst first
	Key            string    `json:"key"`                // marks the tenant's values in Keycloak
	Scope          string    `json:"scope"`              // "all", "owned" or "organization"
	Profile        string    `json:"profile"`
	TolerancesOff  []string  `json:"tolerancesOff,omitempty"` // the tolerances that a tolerant profile does not accept
	UnknownMembers string    `json:"unknownMembers"`          // this and the following, up to domains: as in the configuration
	OnDelete       string    `json:"onDelete"`
	Adopt          string    `json:"adopt"`
	ExternalID     string    `json:"externalId"`
	Rehire         string    `json:"rehire"`
	PatchResponse  string    `json:"patchResponse"`
	Access         string    `json:"access"`
	BasicAuth      bool      `json:"basicAuth,omitempty"`
	Domains        string    `json:"domains,omitempty"`     // of a tenant of an organization
	RemovalBrake   string    `json:"removalBrake"`          // off, clear, holding or lifted, and why or how long
	BrakeLimits    string    `json:"brakeLimits,omitempty"` // how many users may be removed; absent when the brake is off
	MappingFile    string    `json:"mappingFile,omitempty"` // absent: the built-in mapping
	Schemas        []string  `json:"schemas"`               // URNs

	Credentials []Credential    `json:"credentials"`
	Indexes     []Index         `json:"indexes,omitempty"`
	LastRequest *tenant.Request `json:"lastRequest,omitempty"` // absent when there was no request since the start
	LastError   *tenant.Request `json:"lastError,omitempty"`   // absent when no request has failed
}

// Summary is the state of the tenant and its worst problem, for a list.
func (t Tenant) Summary() string {
	if len(t.Problems) == 0 {
		return string(t.State)
	}
	then := "; "
	if worst := t.Problems[0].Effect.state(); worst != Fit && worst == t.State {
		then = ": " // the problem is the reason for the state
	}
	return string(t.State) + then + t.Problems[0].Text
}

// state is the state of a tenant that only has a problem with this effect.
func (e Effect) state() State {
	switch e {
	case Unready:
		return Unfit
	case NoWrites, Disabled:
		return ReadOnly
	case Held, NoClient, OldMapping, NoUsers:
	}
	return Fit
}

// stateOf is the state of a tenant with these problems.
func stateOf(p tenant.Policy, problems []Problem) State {
	is := func(s State) bool {
		return slices.ContainsFunc(problems, func(p Problem) bool { return p.Effect.state() == s })
	}
	switch {
	case is(Unfit):
		return Unfit
	case p.Paused():
		return Paused
	case p.ReadOnly(), is(ReadOnly):
		return ReadOnly
	}
	return Fit
}

// Credential is a credential of a tenant, without its secret: a token, or the access tokens of an issuer.
type Credential struct {
	Tenant  string     `json:"tenant"` // its path
	Name    string     `json:"name"`
	KeyID   string     `json:"keyID,omitempty"`
	Scopes  []string   `json:"scopes"`
	Expires *time.Time `json:"expires,omitempty"` // absent when it does not expire, or when each access token has its own end
	State   string     `json:"state"`             // Good, Expiring, Expired, Suspended or NoTenant
	Place   string     `json:"place,omitempty"`   // where it is kept: InFile, InOrganization or InStore
	// Made is when a token of the store was made; absent for other credentials.
	Made *time.Time `json:"made,omitempty"`
	// LastUsed is the last use, to the minute. A credential that was not used has UnusedSince: from this time on, every
	// use is known. Both are absent when the bridge has no store.
	LastUsed    *time.Time `json:"lastUsed,omitempty"`
	UnusedSince *time.Time `json:"unusedSince,omitempty"`
	// Issuer and ClientID say which access tokens are accepted; a token has neither. ClientID is absent when the
	// access tokens of every client of the issuer are accepted.
	Issuer   string `json:"issuer,omitempty"`
	ClientID string `json:"clientID,omitempty"`
}

// The states of credentials.
const (
	Good     = "good"
	Expiring = "expires soon"
	Expired  = "expired"
	// Suspended means that the token is refused until an operator accepts it, because the store was restored.
	Suspended = "suspended"
	// NoTenant means that the bridge does not serve the tenant of a token in the store.
	NoTenant = "not served"
)

// CredentialsOf returns the credentials of the tenant at a path, with their states at the time now.
func CredentialsOf(path string, tokens []tenant.Token, accessTokens []tenant.AccessToken, now time.Time) []Credential {
	out := make([]Credential, 0, len(tokens)+len(accessTokens))
	for _, t := range tokens {
		c := Credential{Tenant: path, Name: t.Name, KeyID: t.KeyID, Scopes: strings.Fields(t.Scopes.String()), State: Good}
		if !t.Expires.IsZero() {
			c.Expires = new(t.Expires)
		}
		switch {
		case t.Expired(now):
			c.State = Expired
		case t.Expired(now.Add(tenant.SoonExpires)):
			c.State = Expiring
		}
		out = append(out, c)
	}
	for _, a := range accessTokens {
		out = append(out, Credential{Tenant: path, Name: a.Name, Issuer: a.Issuer, ClientID: a.ClientID, Scopes: strings.Fields(a.Scopes.String()), State: Good})
	}
	return out
}

// Index is an index of a tenant.
type Index struct {
	Tenant    string  `json:"tenant"` // its path
	Type      string  `json:"type"`   // "User" or "Group"
	Resources int     `json:"resources"`
	Bytes     int     `json:"bytes"`
	Age       float64 `json:"ageSeconds"` // since the start of the last complete scan
	// WithoutKey counts the users without a look-up key for their externalId. SharedID counts the users who share
	// their externalId with another user.
	WithoutKey int `json:"withoutKey,omitempty"`
	SharedID   int `json:"sharedID,omitempty"`
}

// Status is what an operator sees of the whole bridge.
type Status struct {
	Version string    `json:"version"`
	Now     time.Time `json:"now"`
	Started time.Time `json:"started"`
	// Config says why the present configuration files are not applied; "" when they are.
	Config string `json:"config,omitempty"`
	// Realms and Tenants begin with the worst problems. A problem of all organizations of a realm is listed with the
	// realm.
	Realms  []Realm  `json:"realms"`
	Tenants []Tenant `json:"tenants"`
}

// Status returns the view of the whole bridge.
func (a *Admin) Status(ctx context.Context) Status {
	all := a.o.Tenants.All()
	out := Status{Version: a.o.Version, Now: a.o.Now().UTC(), Started: a.o.Started.UTC(), Config: a.o.Bridge.Unapplied(), Realms: a.realms(ctx, all)}
	out.Tenants = a.views(ctx, slices.DeleteFunc(all, (*tenant.Tenant).Every))
	slices.SortStableFunc(out.Realms, func(r, s Realm) int { return cmp.Compare(trouble(r.Problems), trouble(s.Problems)) })
	slices.SortStableFunc(out.Tenants, func(t, u Tenant) int { return cmp.Compare(trouble(t.Problems), trouble(u.Problems)) })
	return out
}

// Tenants returns all tenants, sorted by path, and also the tenants that represent all organizations of a realm.
func (a *Admin) Tenants(ctx context.Context) []Tenant { return a.views(ctx, a.o.Tenants.All()) }

// Tenant returns the tenant at a path; with "" the only endpoint.
func (a *Admin) Tenant(ctx context.Context, path string) (Tenant, error) {
	if t := a.o.Tenants.ByPath(path); t != nil {
		return a.view(ctx, t, a.indexes()[path]), nil
	}
	return a.Endpoint(ctx, path)
}

// Endpoint returns the tenant at a path if it has users and groups; with "" the only such tenant.
func (a *Admin) Endpoint(ctx context.Context, path string) (Tenant, error) {
	t, err := a.endpoint(path)
	if err != nil {
		return Tenant{}, err
	}
	return a.view(ctx, t, a.indexes()[t.Path]), nil
}

func (a *Admin) views(ctx context.Context, all []*tenant.Tenant) []Tenant {
	out, indexes := make([]Tenant, len(all)), a.indexes()
	for i, t := range all {
		out[i] = a.view(ctx, t, indexes[t.Path])
	}
	return out
}

// indexes returns the indexes that have content, by the path of their tenant.
func (a *Admin) indexes() map[string][]Index {
	out := map[string][]Index{}
	for _, i := range a.o.Bridge.Indexes() {
		out[i.Tenant] = append(out[i.Tenant], i)
	}
	return out
}

// view is the operator's view of a tenant.
func (a *Admin) view(ctx context.Context, t *tenant.Tenant, indexes []Index) Tenant {
	p := t.Policy
	out := Tenant{
		Path: t.Path, Realm: t.Realm, Organization: t.Organization.Alias, OrganizationID: t.Organization.ID.String(), Key: t.Owner.Key, Scope: "all",
		Profile: t.Mapping.Profile().String(), UnknownMembers: string(p.UnknownMembers), OnDelete: string(p.OnDelete), Adopt: string(p.Adopt), ExternalID: string(p.ExternalID),
		Rehire: string(p.Rehire), PatchResponse: string(p.PatchResponse), Access: string(p.Access), BasicAuth: p.BasicAuth, MappingFile: t.Entry.Mapping,
		Credentials: a.credentials(t), Indexes: indexes,
	}
	if !t.Every() {
		out.URL = t.BaseURL
	}
	brake, holding := a.o.Brake.State(ctx, t)
	out.RemovalBrake, out.Problems = brake, a.problems(t, brake, holding)
	out.State = stateOf(p, out.Problems)
	out.LastRequest, out.LastError = a.o.Activity.Last(t.Path)
	if limits := p.RemovalBrake; !limits.Off() {
		out.BrakeLimits = fmt.Sprintf("%d%% of the users within %s, and %d in any case", limits.Max, strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(limits.Window.String()), limits.Floor)
	}
	switch {
	case t.Owner.Organization:
		out.Scope, out.Domains = "organization", string(p.Domains)
	case p.OwnedOnly:
		out.Scope = "owned"
	}
	for _, off := range t.Mapping.Profile().Off() {
		out.TolerancesOff = append(out.TolerancesOff, off.String())
	}
	for _, rt := range t.Mapping.Types() {
		out.Schemas = append(out.Schemas, rt.Schema.ID)
		for _, extension := range rt.Extensions {
			out.Schemas = append(out.Schemas, extension.ID)
		}
	}
	return out
}
