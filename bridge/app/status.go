package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// status is what /statusz says.
func (a *App) status(ctx context.Context) observe.Status {
	out := observe.Status{Version: a.options.Version, Now: time.Now().UTC(), Started: a.began.UTC(), Realms: []observe.RealmStatus{}, Tenants: []observe.TenantStatus{}}
	if problem := a.problem.Load(); problem != nil {
		out.Config = *problem
	}
	feeds, all := a.Service.Directory().Feeds(), a.Watcher.Tenants.All()
	realms, ofTenant := map[string]bool{}, indexesByTenant(a.Service.Directory().Status())
	for _, t := range all {
		realms[t.Realm] = true
		if row := a.tenantStatus(ctx, t); t.Organization.Alias != tenant.EveryOrganization {
			row.Credentials, row.Indexes = credentialStatus(t, out.Now), ofTenant[t.Path]
			out.Tenants = append(out.Tenants, row)
		} else if row.Problem+row.Mapping != "" { // it is no endpoint; its trouble is that of all that were found
			out.Tenants = append(out.Tenants, row)
		}
	}
	slices.SortStableFunc(out.Tenants, func(a, b observe.TenantStatus) int { return b.Trouble() - a.Trouble() })
	for _, name := range slices.Sorted(maps.Keys(realms)) {
		realm := observe.RealmStatus{Realm: name}
		if client := a.Watcher.Realms.Client(name); client != nil { // nil: it was taken out just now
			realm.Outage = client.Outage()
		}
		if age, ok := feeds[name]; ok {
			seconds := age.Seconds()
			realm.FeedAge = &seconds
		}
		out.Realms = append(out.Realms, realm)
	}
	return out
}

// tenantStatus is the row of a tenant, but for its credentials and its indexes.
func (a *App) tenantStatus(ctx context.Context, t *tenant.Tenant) observe.TenantStatus {
	fitness := t.Fitness()
	out := observe.TenantStatus{
		Tenant: t.Path, URL: t.BaseURL, Realm: t.Realm, Fit: fitness.Problem == "", Problem: fitness.Trouble(), Mapping: t.Unapplied(),
		Access: string(t.Policy.Access), Brake: a.Service.Brake().State(ctx, t), Last: a.activity.Last(t.Path),
	}
	if out.Warning, out.Fix = t.NoDomain(); out.Problem+out.Mapping != "" {
		out.Fix = t.Command("doctor")
	}
	return out
}

func indexesByTenant(list []directory.Status) map[string][]observe.IndexStatus {
	out := map[string][]observe.IndexStatus{}
	for _, i := range list {
		out[i.Tenant] = append(out[i.Tenant], observe.IndexStatus{Type: i.Type, Resources: i.Resources, Bytes: i.Bytes, Age: i.Age.Seconds()})
	}
	return out
}

// credentialStatus are the credentials of a tenant at a time, without any secret.
func credentialStatus(t *tenant.Tenant, now time.Time) []observe.Credential {
	out := []observe.Credential{}
	for _, token := range t.Tokens {
		c := observe.Credential{Name: token.Name, KeyID: token.KeyID, State: observe.Good}
		if !token.Expires.IsZero() {
			c.Expires = &token.Expires
			switch left := token.Expires.Sub(now); {
			case left <= 0:
				c.State = observe.Expired
			case left <= tenant.SoonExpires:
				c.State = observe.Expires
			}
		}
		out = append(out, c)
	}
	for _, accessToken := range t.AccessTokens {
		out = append(out, observe.Credential{Name: accessToken.Name, State: observe.Good})
	}
	return out
}
