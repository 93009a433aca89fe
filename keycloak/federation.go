package keycloak

import (
	"context"
	"net/url"
	"slices"
	"strings"
)

// Federation is a provider of a realm's user federation: a directory whose users Keycloak does not keep itself.
type Federation struct {
	ID   string // of the component, which FederationLink of a User names
	Name string // as the administrator named it
	LDAP bool   // otherwise Kerberos or a custom provider
	// Enabled says that the provider is switched on. When it is off, Keycloak shows its imported users as disabled,
	// lets nobody write to them, and no longer knows the users that were not imported.
	Enabled  bool
	EditMode string // of LDAP: EditReadOnly, EditWritable or EditUnsynced
	// Imports says that Keycloak keeps a copy of each user of an LDAP ("Import users"). Users without a copy have ids
	// that begin with "f:", and only the values of the directory.
	Imports bool
	// Registers says that new accounts of the realm become entries of the directory ("Sync Registrations").
	Registers bool
	// ReadOnly are the fields of an account whose mappers write nothing to the directory, whatever the edit mode is:
	// mappers that were made while the provider was READ_ONLY.
	ReadOnly []string
	// Joins says that groups are written to the directory, so that users without a copy can be members.
	Joins bool
}

// The edit modes of a provider of LDAP.
const (
	EditReadOnly = "READ_ONLY"
	EditWritable = "WRITABLE"
	EditUnsynced = "UNSYNCED"
)

const (
	storageType         = "org.keycloak.storage.UserStorageProvider"
	ldapMapperType      = "org.keycloak.storage.ldap.mappers.LDAPStorageMapper"
	ldapProvider        = "ldap"
	ldapGroupMapper     = "group-ldap-mapper"
	ldapAttributeMapper = "user-attribute-ldap-mapper"
)

// component is a component of a realm as Keycloak writes it.
type component struct {
	ID         string              `json:"id"`
	Name       string              `json:"name"`
	ProviderID string              `json:"providerId"`
	Config     map[string][]string `json:"config"`
}

// is reports whether a setting has a value; standard is its value when it is not set.
func (c component) is(setting, value, standard string) bool {
	if values := c.Config[setting]; len(values) > 0 {
		standard = values[0]
	}
	return strings.EqualFold(value, standard)
}

func (c component) federation() Federation {
	f := Federation{ID: c.ID, Name: c.Name, LDAP: c.ProviderID == ldapProvider, Enabled: c.is("enabled", "true", "true"), Imports: c.is("importEnabled", "true", "true"), Registers: c.is("syncRegistrations", "true", "false")}
	for _, mode := range []string{EditReadOnly, EditWritable, EditUnsynced} {
		if f.LDAP && c.is("editMode", mode, EditReadOnly) {
			f.EditMode = mode
		}
	}
	return f
}

// readMappers sets the fields of a provider that depend on its mappers.
func (f *Federation) readMappers(mappers []component) {
	for _, m := range mappers {
		switch m.ProviderID {
		case ldapGroupMapper:
			f.Joins = f.Joins || m.is("mode", "LDAP_ONLY", "")
		case ldapAttributeMapper:
			for _, field := range []string{"username", "email", "firstName", "lastName"} {
				if m.is("user.model.attribute", field, "") && m.is("read.only", "true", "false") {
					f.ReadOnly = append(f.ReadOnly, field)
				}
			}
		}
	}
	slices.Sort(f.ReadOnly)
}

// Federations are the providers of the realm's user federation; most realms have no provider. It makes one call, and
// one more for each LDAP provider. Needs view-realm.
func (c *Client) Federations(ctx context.Context) ([]Federation, error) {
	list, err := c.components(ctx, url.Values{"type": {storageType}})
	if err != nil {
		return nil, err
	}
	out := make([]Federation, len(list))
	for i, provider := range list {
		out[i] = provider.federation()
		if !out[i].LDAP {
			continue
		}
		mappers, err := c.components(ctx, url.Values{"type": {ldapMapperType}, "parent": {provider.ID}})
		if err != nil {
			return nil, err
		}
		out[i].readMappers(mappers)
	}
	return out, nil
}

func (c *Client) components(ctx context.Context, q url.Values) ([]component, error) {
	var list []component
	err := c.get(ctx, "list components", "/components", q, &list)
	return list, err
}

// federatedMark begins the id of a user without a copy in Keycloak. The id is "f:", the id of the component, ":" and
// the user's id in the federation (for LDAP the user name).
const federatedMark = "f:"

// Federation is the component in an id, or "" for a user with a copy in Keycloak.
func (id UserID) Federation() string {
	rest, federated := strings.CutPrefix(id.text, federatedMark)
	if !federated {
		return ""
	}
	component, _, _ := strings.Cut(rest, ":")
	return component
}

// ReadOnlyFederation reports whether Keycloak refused a write because the user's federation is read-only (measured on
// 26.4 to 26.7).
func ReadOnlyFederation(err error) bool {
	text := MessageOf(err)
	return strings.Contains(text, "user is read-only") || strings.Contains(text, "Federated storage is not writable") || strings.Contains(text, "account is read only")
}

// FederationAway reports whether Keycloak refused a write because it cannot reach the user's directory.
func FederationAway(err error) bool {
	return strings.Contains(MessageOf(err), "is currently unavailable")
}
