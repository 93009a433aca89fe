package guard_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// userInside holds the parts of an account that no client may choose.
type userInside struct {
	ID              string              `json:"id"`
	Attributes      map[string][]string `json:"attributes"`
	RequiredActions []string            `json:"requiredActions"`
	EmailVerified   bool                `json:"emailVerified"`
	ServiceAccount  string              `json:"serviceAccountClientId"`
	Federation      string              `json:"federationLink"`
}

// TestSecurity_10_WhatNoClientMayWrite: ids, times, groups, roles, credentials and Keycloak's own
// attributes, sent in every form, have no effect on the account.
func TestSecurity_10_WhatNoClientMayWrite(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := apptest.NewCustomers(t, server, nil)
			admins := c.Realm.MakeGroup(t, "admins", keycloak.GroupID{})
			for kind, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				victim := b.Create(t, "/Users", `{"userName":"victim-`+kind+`"}`)
				for i, attribute := range []string{
					`"password":"Mine-of-the-attacker-1"`, `"id":"` + victim + `"`, `"meta":{"created":"2001-01-01T00:00:00Z","lastModified":"2001-01-01T00:00:00Z","version":"x"}`,
					`"groups":[{"value":"` + admins.String() + `"}]`, `"roles":[{"value":"realm-admin","primary":true}]`, `"entitlements":[{"value":"realm-admin"}]`,
					`"x509Certificates":[{"value":"MIIB"}]`, `"credentials":[{"type":"password","value":"Mine-of-the-attacker-1"}]`, `"requiredActions":["UPDATE_PASSWORD"]`,
					`"federatedIdentities":[{"identityProvider":"corp","userId":"x"}]`, `"realmRoles":["admin"]`, `"clientRoles":{"realm-management":["realm-admin"]}`,
					`"LDAP_ID":"x"`, `"attributes":{"LDAP_ID":["x"],"scim.owner":["other"]}`, `"scim.owner":"other"`, `"emailVerified":true`, `"federationLink":"x"`, `"serviceAccountClientId":"scim-bridge"`,
					`"enabled":false`, `"origin":"x"`,
				} {
					userName := fmt.Sprintf("user-%s-%d", kind, i)
					got, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"`+userName+`",`+attribute+`}`)
					if err != nil {
						if client.StatusOf(err) != http.StatusBadRequest {
							t.Errorf("%s: POST with %s = %v", kind, attribute, err)
						}
						got = b.Must(t, http.MethodPost, "/Users", `{"userName":"`+userName+`"}`)
					}
					id := got["id"].(string)
					for _, w := range []apptest.Request{
						{Method: http.MethodPatch, Path: "/Users/" + id, Body: apptest.PatchBody(`{"op":"add","value":{` + attribute + `}}`)},
						{Method: http.MethodPatch, Path: "/Users/" + id, Body: apptest.PatchBody(pathOf(attribute))},
						{Method: http.MethodPut, Path: "/Users/" + id, Body: `{"userName":"` + userName + `",` + attribute + `}`},
					} {
						if _, err := b.Send(t, w.Method, w.Path, w.Body); err != nil && client.StatusOf(err) != http.StatusBadRequest {
							t.Errorf("%s: %s with %s = %v", kind, w.Method, attribute, err)
						}
					}
					unharmed(t, b, server, id, victim, userName, attribute)
				}
			}
		})
	}
}

// pathOf is a PATCH operation that names an attribute of a JSON member.
func pathOf(member string) string {
	name, value, _ := strings.Cut(member, ":")
	return `{"op":"replace","path":` + name + `,"value":` + value + `}`
}

// unharmed checks that an account is the same as an account that no request named.
func unharmed(t *testing.T, b apptest.Bridge, server keycloaktest.Server, text, victim, userName, attribute string) {
	t.Helper()
	id := apptest.UserID(t, text)
	var inside userInside
	if err := json.Unmarshal([]byte(apptest.AdminGet(t, server, "/admin/realms/"+b.Realm+"/users/"+text)), &inside); err != nil {
		t.Fatal(err)
	}
	known := []string{"externalId", "scim.created", "scim.emails", "scim.guest", "scim.key", "scim.modified", "scim.owner", "scim.remainder"}
	for name, values := range inside.Attributes {
		if !slices.Contains(known, name) || name == "scim.owner" && slices.Contains(values, "other") {
			t.Errorf("%s: the account has the attribute %s %v", attribute, name, values)
		}
	}
	groups, groupsErr := b.Admin.UserGroups(t.Context(), id)
	links, linksErr := b.Admin.Links(t.Context(), id)
	rights, rightsErr := b.Admin.EffectiveRoles(t.Context(), id, b.ManagementClient(t))
	if groupsErr != nil || linksErr != nil || rightsErr != nil || len(groups) > 0 || len(links) > 0 || len(rights) > 0 || b.RolesOf(t, text) != "" {
		t.Errorf("%s: the account has groups %v, links %v, rights %v and roles %q; %v %v %v", attribute, groups, links, rights, b.RolesOf(t, text), groupsErr, linksErr, rightsErr)
	}
	if text == victim || inside.ID != text || len(inside.RequiredActions) > 0 || inside.EmailVerified || inside.ServiceAccount != "" || inside.Federation != "" || b.CanLogIn(t, server, userName, "Mine-of-the-attacker-1") {
		t.Errorf("%s: the account is %+v", attribute, inside)
	}
}

// TestSecurity_11_AnExternalIdIsNotAnId: every value leads only to its own user, and two tenants may
// use the same value.
func TestSecurity_11_AnExternalIdIsNotAnId(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			for kind, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				victim := b.Create(t, "/Users", `{"userName":"victim-`+kind+`","externalId":"V"}`)
				before := b.Must(t, http.MethodGet, "/Users/"+victim, "")
				for i, externalID := range []string{`"` + victim + `"`, `1`, `true`, `"../../users/` + victim + `"`, `"%2e%2e%2fadmin"`, `"realm|V"`, `"` + c.IDs["acme"].String() + `|V"`, `"a\"b:*"`, `"` + strings.Repeat("é", 100) + `"`} {
					id := b.Create(t, "/Users", fmt.Sprintf(`{"userName":"user-%s-%d","externalId":%s}`, kind, i, externalID))
					text := externalID // a number or a boolean becomes a text (the tolerance number-for-text)
					if externalID[0] == '"' {
						if err := json.Unmarshal([]byte(externalID), &text); err != nil {
							t.Fatal(err)
						}
					}
					if got := b.Must(t, http.MethodGet, "/Users/"+id, ""); got["externalId"] != text {
						t.Errorf("%s: externalId = %v, want %s", kind, got["externalId"], text)
					}
					literal, _ := json.Marshal(text)
					found, err := b.Find(t.Context(), "/Users", "externalId eq "+string(literal), "")
					if err != nil || len(found) != 1 || found[0]["id"] != id {
						t.Errorf("%s: %s finds %v, %v", kind, literal, found, err)
					}
				}
				for _, externalID := range []string{`["V","W"]`, `{"x":1}`, `"` + strings.Repeat("x", 10_000) + `"`} {
					b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users", `{"userName":"bad","externalId":`+externalID+`}`)
					b.Refused(t, http.StatusBadRequest, http.MethodPut, "/Users/"+victim, `{"userName":"victim-`+kind+`","externalId":`+externalID+`}`)
				}
				for _, externalID := range []string{`null`, `""`} {
					b.Create(t, "/Users", fmt.Sprintf(`{"userName":"none-%s-%d","externalId":%s}`, kind, len(externalID), externalID))
				}
				if after := b.Must(t, http.MethodGet, "/Users/"+victim, ""); fmt.Sprint(after) != fmt.Sprint(before) {
					t.Errorf("%s: the victim is %v, before %v", kind, after, before)
				}
				b.Must(t, http.MethodPatch, "/Users/"+victim, apptest.PatchBody(`{"op":"replace","path":"externalId","value":"W"}`))
				for externalID, n := range map[string]int{"V": 0, "W": 1} {
					if found, err := b.Find(t.Context(), "/Users", `externalId eq "`+externalID+`"`, ""); err != nil || len(found) != n {
						t.Errorf("%s: after a change %s finds %v, %v", kind, externalID, found, err)
					}
				}
			}
			c.Of["globex"].Create(t, "/Users", `{"userName":"of-globex","externalId":"W"}`)
			for alias, b := range c.Of {
				if found, err := b.Find(t.Context(), "/Users", `externalId eq "W"`, ""); err != nil || len(found) != 1 {
					t.Errorf("%s finds %v, %v, want its own", alias, found, err)
				}
			}
		})
	}
}

// TestSecurity_16_NobodyBecomesAnAdministratorOfAnOrganization, as at a tenant of a realm.
func TestSecurity_16_NobodyBecomesAnAdministratorOfAnOrganization(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := apptest.NewCustomers(t, server, nil)
			apptest.AddRoles(t, server, c.Realm.Realm, c.Realm.Admin)
			b, path := c.Of["acme"], tenant.OrganizationPath(c.Realm.Realm, "acme")
			b.UseMapping(t, path, apptest.GroupRoleMapping)
			jane := b.Create(t, "/Users", `{"userName":"jane"}`)
			group := b.Create(t, "/Groups", `{"displayName":"Admins"}`)
			b.Compose(t, server, b.KnownRole(t, keycloak.RoleName{Name: "boss"}), apptest.ManagementRole("manage-users"))
			b.Refused(t, http.StatusServiceUnavailable, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"`+jane+`"}]}`))
			if got := b.RolesOf(t, jane); got != "" {
				t.Errorf("the roles are %q", got)
			}
			b.App.Watcher.Check(t.Context())
			if problem := b.App.Watcher.Tenants.ByPath(path).Fitness().Problem; !strings.Contains(problem, `the role "boss" of the mapping contains the right manage-users`) {
				t.Errorf("the next look finds %q", problem)
			}
		})
	}
}

// TestSecurity_15_GroupsOfAnOrganization belong to the organization, whatever their names are, and
// give nobody a right.
func TestSecurity_15_GroupsOfAnOrganization(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			b := c.Of["acme"]
			admins := b.MakeGroup(t, "admins", keycloak.GroupID{})
			b.Grant(t, admins, b.KnownRole(t, apptest.ManagementRole("view-users")))
			b.Check(t)
			own := b.Create(t, "/Users", `{"userName":"own"}`)
			for _, displayName := range []string{"admins", "/admins", "admin/../admins"} {
				id := b.Create(t, "/Groups", fmt.Sprintf(`{"displayName":%q,"members":[{"value":%q}]}`, displayName, own))
				if id == admins.String() {
					t.Errorf("%s is the realm's group", displayName)
				}
			}
			b.Refused(t, http.StatusNotFound, http.MethodPatch, "/Groups/"+admins.String(), apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"`+own+`"}]}`))
			rights, err := b.Admin.EffectiveRoles(t.Context(), apptest.UserID(t, own), b.ManagementClient(t))
			if err != nil || len(rights) > 0 {
				t.Errorf("the user has the rights %v, %v", rights, err)
			}
		})
	}
}
