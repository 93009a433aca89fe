package keycloaktest_test

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// federationConfigs are providers that have no directory to read; nothing queries them.
func federationConfigs() []map[string][]string {
	ldap := func(more map[string][]string) map[string][]string {
		for name, value := range map[string]string{
			"vendor": "other", "usernameLDAPAttribute": "uid", "rdnLDAPAttribute": "uid", "uuidLDAPAttribute": "entryUUID", "userObjectClasses": "inetOrgPerson",
			"connectionUrl": "ldap://127.0.0.1:1", "usersDn": "ou=people,dc=example,dc=org", "authType": "none",
		} {
			more[name] = []string{value}
		}
		return more
	}
	return []map[string][]string{
		ldap(map[string][]string{"editMode": {"WRITABLE"}, "importEnabled": {"false"}}),
		ldap(map[string][]string{"editMode": {"UNSYNCED"}, "importEnabled": {"true"}, "enabled": {"false"}}),
		ldap(map[string][]string{"editMode": {"READ_ONLY"}}),
	}
}

func userFederation(p *probe) {
	none, err := p.c.Federations(p.ctx)
	p.got("Federations of a realm without", len(none), err)
	create := func(name, provider, kind, parent string, config map[string][]string) {
		body := map[string]any{"name": name, "providerId": provider, "providerType": kind, "config": config}
		if parent != "" {
			body["parentId"] = parent
		}
		p.make("/components", body)
	}
	for i, config := range federationConfigs() {
		create(string(rune('a'+i)), "ldap", "org.keycloak.storage.UserStorageProvider", "", config)
	}
	p.federations("LDAP")
	list, err := p.c.Federations(p.ctx)
	at := slices.IndexFunc(list, func(f keycloak.Federation) bool { return !f.Imports })
	if err != nil || at < 0 {
		p.t.Fatalf("Federations() = %v, %v", list, err)
	}
	create("groups", "group-ldap-mapper", "org.keycloak.storage.ldap.mappers.LDAPStorageMapper", list[at].ID, map[string][]string{
		"groups.dn": {"ou=groups,dc=example,dc=org"}, "group.name.ldap.attribute": {"cn"}, "group.object.classes": {"groupOfNames"}, "membership.ldap.attribute": {"member"},
		"membership.attribute.type": {"DN"}, "membership.user.ldap.attribute": {"uid"}, "mode": {"LDAP_ONLY"}, "user.roles.retrieve.strategy": {"LOAD_GROUPS_BY_MEMBER_ATTRIBUTE"},
		"preserve.group.inheritance": {"false"}, "groups.path": {"/"},
	})
	p.federations("with a mapper of groups")
}

// federations writes down the providers, by name: Keycloak lists them in no order.
func (p *probe) federations(label string) {
	p.t.Helper()
	list, err := p.c.Federations(p.ctx)
	slices.SortFunc(list, func(a, b keycloak.Federation) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range list {
		p.know(f.ID, "provider "+f.Name)
	}
	p.got("Federations, "+label, list, err)
}
