package keycloaktest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// FederationOptions say how a realm uses a directory.
type FederationOptions struct {
	Name     string // of the provider
	EditMode string // READ_ONLY, WRITABLE or UNSYNCED
	Imports  bool   // "Import users"
	// Registers is "Sync Registrations": new accounts of Keycloak become entries.
	Registers bool
	// Groups is the mode of the mapper of groups: READ_ONLY, LDAP_ONLY or IMPORT; "" means no mapper.
	Groups string
	// GroupsPath is the path of the group that contains the groups; "" means the top level.
	GroupsPath string
}

// Federation is the user federation of a realm with a directory.
type Federation struct {
	ID string // of the provider, a component of the realm

	tb     testing.TB
	server Server
	realm  string
	groups string // the id of the mapper
}

const (
	storageType = "org.keycloak.storage.UserStorageProvider"
	mapperType  = "org.keycloak.storage.ldap.mappers.LDAPStorageMapper"
)

// Federate creates an LDAP provider in a realm, as an administrator does in the console. It has the mappers that
// Keycloak creates, a mapper of department, and a mapper of groups when the options ask for it. Nothing is synchronised
// automatically.
func (l *LDAP) Federate(tb testing.TB, s Server, realm string, o FederationOptions) *Federation {
	tb.Helper()
	f := &Federation{tb: tb, server: s, realm: realm}
	f.ID = f.component(o.Name, "ldap", storageType, "", map[string]string{
		"enabled": "true", "priority": "0", "editMode": o.EditMode, "importEnabled": strconv.FormatBool(o.Imports),
		"syncRegistrations": strconv.FormatBool(o.Registers), "vendor": "other",
		"usernameLDAPAttribute": "uid", "rdnLDAPAttribute": "uid", "uuidLDAPAttribute": "entryUUID", "userObjectClasses": "inetOrgPerson",
		"connectionUrl": l.URL, "usersDn": ldapPeople, "authType": "simple", "bindDn": ldapManager, "bindCredential": ldapPassword,
		"searchScope": "1", "pagination": "true", "fullSyncPeriod": "-1", "changedSyncPeriod": "-1", "cachePolicy": "DEFAULT",
	})
	f.component("department", "user-attribute-ldap-mapper", mapperType, f.ID, map[string]string{
		"ldap.attribute": "departmentNumber", "user.model.attribute": "department",
		"read.only": strconv.FormatBool(o.EditMode == "READ_ONLY"), "always.read.value.from.ldap": "false", "is.mandatory.in.ldap": "false",
	})
	if o.Groups != "" {
		f.groups = f.component("groups", "group-ldap-mapper", mapperType, f.ID, map[string]string{
			"groups.dn": ldapGroups, "group.name.ldap.attribute": "cn", "group.object.classes": "groupOfNames", "preserve.group.inheritance": "false",
			"membership.ldap.attribute": "member", "membership.attribute.type": "DN", "membership.user.ldap.attribute": "uid", "mode": o.Groups,
			"user.roles.retrieve.strategy": "LOAD_GROUPS_BY_MEMBER_ATTRIBUTE", "drop.non.existing.groups.during.sync": "false", "groups.path": cmp.Or(o.GroupsPath, "/"),
		})
	}
	return f
}

// Sync makes Keycloak read all people and groups of the directory.
func (f *Federation) Sync() {
	f.tb.Helper()
	f.call(http.MethodPost, "/user-storage/"+f.ID+"/sync?action=triggerFullSync", nil)
	if f.groups != "" {
		f.call(http.MethodPost, "/user-storage/"+f.ID+"/mappers/"+f.groups+"/sync?direction=fedToKeycloak", nil)
	}
}

// Set changes one setting of the provider.
func (f *Federation) Set(name, value string) {
	f.tb.Helper()
	_, data := f.call(http.MethodGet, "/components/"+f.ID, nil)
	var component map[string]any
	if err := json.Unmarshal(data, &component); err != nil {
		f.tb.Fatal(err)
	}
	component["config"].(map[string]any)[name] = []string{value}
	f.call(http.MethodPut, "/components/"+f.ID, component)
}

// component creates a component of the realm and returns its id.
func (f *Federation) component(name, provider, kind, parent string, config map[string]string) string {
	f.tb.Helper()
	lists := map[string][]string{}
	for key, value := range config {
		lists[key] = []string{value}
	}
	body := map[string]any{"name": name, "providerId": provider, "providerType": kind, "config": lists}
	if parent != "" {
		body["parentId"] = parent
	}
	header, _ := f.call(http.MethodPost, "/components", body)
	location := header.Get("Location")
	return location[strings.LastIndexByte(location, '/')+1:]
}

// call sends a call to the realm as the server's administrator. The call must succeed.
func (f *Federation) call(method, path string, body any) (http.Header, []byte) {
	f.tb.Helper()
	var text io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			f.tb.Fatal(err)
		}
		text = strings.NewReader(string(data))
	}
	header, data, err := f.send(method, f.server.URL+"/admin/realms/"+f.realm+path, text, "Bearer "+f.token(), "application/json")
	if err != nil {
		f.tb.Fatalf("%s %s: %v", method, path, err)
	}
	return header, data
}

// token is a token of the server's administrator.
func (f *Federation) token() string {
	f.tb.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {f.server.Admin}, "password": {f.server.Password}}
	_, data, err := f.send(http.MethodPost, f.server.URL+"/realms/master/protocol/openid-connect/token", strings.NewReader(form.Encode()), "", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
	}
	if err == nil {
		err = json.Unmarshal(data, &answer)
	}
	if err != nil {
		f.tb.Fatalf("get a token: %v", err)
	}
	return answer.Token
}

func (f *Federation) send(method, target string, body io.Reader, authorization, contentType string) (http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(f.tb.Context(), method, target, body)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	data, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%d %s", res.StatusCode, data)
	}
	return res.Header, data, err
}

// WriteFields switches Read Only off in the mappers of an account's fields. Mappers
// that Keycloak made for a provider that was not WRITABLE are read-only.
func (f *Federation) WriteFields() {
	f.tb.Helper()
	_, data := f.call(http.MethodGet, "/components?parent="+f.ID+"&type="+mapperType, nil)
	var mappers []map[string]any
	if err := json.Unmarshal(data, &mappers); err != nil {
		f.tb.Fatal(err)
	}
	for _, m := range mappers {
		config, _ := m["config"].(map[string]any)
		field := fmt.Sprint(config["user.model.attribute"])
		if slices.Contains([]string{"[username]", "[email]", "[firstName]", "[lastName]"}, field) {
			config["read.only"] = []string{"false"}
			f.call(http.MethodPut, "/components/"+fmt.Sprint(m["id"]), m)
		}
	}
}
