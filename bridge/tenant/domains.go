package tenant

import (
	"encoding/json"
	"fmt"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// NoDomain returns a message that an organization refuses users because it has no verified domain,
// and the remedy. Each line of the remedy after the first is a command. Both are "" when the
// organization has a verified domain.
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
	if err != nil { // impossible: the value has only texts
		return "", ""
	}
	text = fmt.Sprintf("the organization %q has no verified domain, so it refuses every user with an address, or with an address as user name", o.Alias)
	fix = "mark the domains as verified once you know that they belong to the organization, or set domains: any for it in the configuration. The bridge sees the change within a minute. Log in with kcadm.sh config credentials first:\n" +
		CommandLine("kcadm.sh", "update", "organizations/"+o.ID, "-r", realm, "-s", "domains="+string(value))
	return text, fix
}

// NoDomain is the function NoDomain for the organization of the tenant, as of the last read of the
// realm. Both results are "" for a tenant that accepts any domain, and for an unfit tenant.
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
