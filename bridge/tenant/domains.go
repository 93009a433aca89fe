package tenant

import (
	"encoding/json"
	"fmt"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// NoDomain says that an organization of a realm refuses users, since none of its domains is verified,
// and the remedy, with a command for each line but the first. Both are "" where one is.
func NoDomain(realm string, o keycloak.Organization) (text, fix string) {
	type domain struct {
		Name     string `json:"name"`
		Verified bool   `json:"verified"`
	}
	var domains []domain
	for _, d := range o.Domains {
		if d.Verified {
			return "", ""
		}
		domains = append(domains, domain{d.Name, true})
	}
	if domains == nil {
		domains = []domain{{"DOMAIN", true}}
	}
	value, err := json.Marshal(domains)
	if err != nil { // never: there are texts alone
		return "", ""
	}
	text = fmt.Sprintf("the organization %q has no verified domain, so that every user with an address, or with an address as user name, is refused", o.Alias)
	fix = "say that the domains are the organization's once you know that, or write domains: any for it into the configuration. The bridge sees it within a minute; kcadm.sh logs in with kcadm.sh config credentials first:\n" +
		CommandLine("kcadm.sh", "update", "organizations/"+o.ID, "-r", realm, "-s", "domains="+string(value))
	return text, fix
}

// NoDomain is NoDomain for the organization of the tenant, as of the last look; "" for a tenant that
// takes any domain, and for one that was not found fit.
func (t *Tenant) NoDomain() (text, fix string) {
	f := t.Fitness()
	if t.Organization.ID.IsZero() || t.Policy.TakesAnyDomain() || f.Problem != "" || len(f.Domains) > 0 {
		return "", ""
	}
	o := keycloak.Organization{ID: t.Organization.ID.String(), Alias: t.Organization.Alias}
	for _, name := range f.Unverified {
		o.Domains = append(o.Domains, keycloak.Domain{Name: name})
	}
	return NoDomain(t.Realm, o)
}
