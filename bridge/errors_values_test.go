package bridge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// valueErrors are the errors of attributes and values.
func valueErrors() map[string][]provocation {
	post := func(body string) provocation { return tolerant(http.MethodPost, "/Users", body) }
	mapped := func(body string) provocation {
		return func(t *testing.T, _ sharedBridges) answer {
			t.Helper()
			return answerOf(t, apptest.NewMappedBridge(t, keycloaktest.NewFake(t).Server()), http.MethodPost, "/Users", body)
		}
	}
	// for a realm with other settings
	set := func(settings, path, body string) provocation {
		return func(t *testing.T, _ sharedBridges) answer {
			t.Helper()
			server := keycloaktest.NewFake(t).Server()
			p := apptest.Patient{Bridge: apptest.NewBridgeOn(t, server, nil), Server: server}
			id := p.Create(t, "/Users", `{"userName":"jane"}`)
			p.Set(t, settings)
			p.Check(t)
			method := http.MethodPost
			if strings.Contains(path, "ID") {
				method = http.MethodPatch
			}
			return answerOf(t, p.Bridge, method, strings.ReplaceAll(path, "ID", id), body)
		}
	}
	return map[string][]provocation{
		"attribute-unknown": {strictly(http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jane","shoeSize":44}`)},
		"attribute-not-stored": {func(t *testing.T, _ sharedBridges) answer {
			t.Helper()
			return answerOf(t, apptest.NewBridgeWith(t, keycloaktest.NewFake(t).Server(), "version: 1\nusers: { unmapped: refuse }\n"), http.MethodPost, "/Users", `{"userName":"jane","title":"t"}`)
		}},
		"attribute-required": {post(`{"title":"t"}`)},
		"attribute-not-removable": {patching(`{"op":"remove","path":"active"}`), func(t *testing.T, _ sharedBridges) answer {
			t.Helper()
			b := apptest.NewBridgeWith(t, keycloaktest.NewFake(t).Server(), "version: 1\nusers: { password: accept }\n")
			id := b.Create(t, "/Users", `{"userName":"jane"}`)
			return answerOf(t, b, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"remove","path":"password"}`))
		}},
		"attribute-immutable":    {tolerant(http.MethodPatch, "/Groups/GROUP", apptest.PatchBody(`{"op":"replace","path":"members[value eq \"ID\"].display","value":"x"}`))},
		"attribute-read-only":    {patching(`{"op":"replace","path":"id","value":"x"}`)},
		"value-wrong":            {post(`{"userName":["a","b"]}`), post(`{"userName":"jane","active":"perhaps"}`)},
		"value-not-single":       {mapped(`{"userName":"jane","phoneNumbers":[{"type":"work","value":"1"},{"type":"work","value":"2"}]}`)},
		"value-too-long":         {tolerant(http.MethodPost, "/Groups", `{"displayName":"`+strings.Repeat("g", 256)+`"}`)},
		"value-too-many":         {post(`{"userName":"jane","phoneNumbers":[` + apptest.Joined(1001, `{"value":"#"}`) + `]}`)},
		"primary-twice":          {strictly(http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jane","emails":[{"value":"a@acme.test","primary":true},{"value":"b@acme.test","primary":true}]}`)},
		"value-taken":            {post(`{"userName":"VICTIM"}`), tolerant(http.MethodPost, "/Groups", `{"displayName":"Team"}`)},
		"external-id-taken":      {sharedExternalID(false), sharedExternalID(true)},
		"link-taken":             {linkTaken},
		"value-refused-by-realm": {post(`{"userName":"x"}`), set(`{"editUsernameAllowed":false}`, "/Users/ID", apptest.PatchBody(`{"op":"replace","path":"userName","value":"renamed"}`))},
		"user-name-not-address":  {set(`{"registrationEmailAsUsername":true}`, "/Users", `{"userName":"joe","emails":[{"value":"joe@acme.test","primary":true}]}`)},
		"name-unclear":           {post(`{"userName":"ja\u200bne"}`), post(`{"userName":"jane\u00a0"}`)},
		"name-reserved":          {post(`{"userName":"service-account-x"}`)},
		"manager-unknown":        {strictly(http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":"jane","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"`+apptest.AbsentID+`"}}}`)},
		"mapping-rule-fails":     {mapped(`{"userName":"jane","emails":[{"value":"nowhere"}]}`)},
		"domain-not-verified": {atOrganization(func(t *testing.T, _ apptest.Customers, acme apptest.Bridge) answer {
			t.Helper()
			return answerOf(t, acme, http.MethodPost, "/Users", `{"userName":"bob@other.test"}`)
		})},
	}
}

// sharedExternalID creates a user with the externalId of another user, who may be deactivated.
func sharedExternalID(left bool) provocation {
	return func(t *testing.T, _ sharedBridges) answer {
		t.Helper()
		b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), apptest.EachTenant(uniqueIDs))
		id := b.Create(t, "/Users", `{"userName":"one","externalId":"X"}`)
		if left {
			b.Must(t, http.MethodPatch, "/Users/"+id, apptest.ReplaceBody("active", "false"))
		}
		return answerOf(t, b, http.MethodPost, "/Users", `{"userName":"two","externalId":"X"}`)
	}
}

// linkTaken creates a user who would be linked to the identity provider's account of another user.
func linkTaken(t *testing.T, _ sharedBridges) answer {
	t.Helper()
	server := keycloaktest.NewFake(t).Server()
	b := apptest.NewMappedBridge(t, server)
	other := b.MakeAccount(t, "other", true)
	apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+b.Realm+"/users/"+other.String()+"/federated-identity/corp", `{"userId":"jane","userName":"jane"}`)
	return answerOf(t, b, http.MethodPost, "/Users", `{"userName":"jane"}`)
}

// atOrganization provokes an error at a tenant of an organization, on a fake.
func atOrganization(provoke func(t *testing.T, c apptest.Customers, acme apptest.Bridge) answer, edits ...func(*config.Tenant)) provocation {
	return func(t *testing.T, _ sharedBridges) answer {
		t.Helper()
		c := apptest.NewCustomers(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
			for _, edit := range edits {
				apptest.EachTenant(edit)(c)
			}
		})
		return provoke(t, c, c.Of["acme"])
	}
}
