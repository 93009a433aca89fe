package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// valueErrors are those of attributes and values.
func valueErrors() map[string][]provocation {
	post := func(body string) provocation { return tolerant(http.MethodPost, "/Users", body) }
	mapped := func(body string) provocation {
		return func(t *testing.T, _ sharedBridges) told {
			t.Helper()
			return newMappedBridge(t, keycloaktest.NewFake(t).Server()).told(t, http.MethodPost, "/Users", body)
		}
	}
	// of a realm with other settings
	set := func(settings, path, body string) provocation {
		return func(t *testing.T, _ sharedBridges) told {
			t.Helper()
			server := keycloaktest.NewFake(t).Server()
			p := patient{newBridgeOn(t, server, nil), server}
			id := p.create(t, "/Users", `{"userName":"jane"}`)
			p.set(t, settings)
			p.look(t)
			method := http.MethodPost
			if strings.Contains(path, "ID") {
				method = http.MethodPatch
			}
			return p.told(t, method, strings.ReplaceAll(path, "ID", id), body)
		}
	}
	return map[string][]provocation{
		"attribute-unknown": {strictly(http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jane","shoeSize":44}`)},
		"attribute-not-stored": {func(t *testing.T, _ sharedBridges) told {
			t.Helper()
			return newBridgeWith(t, keycloaktest.NewFake(t).Server(), "version: 1\nusers: { unmapped: refuse }\n").told(t, http.MethodPost, "/Users", `{"userName":"jane","title":"t"}`)
		}},
		"attribute-required": {post(`{"title":"t"}`)},
		"attribute-not-removable": {patching(`{"op":"remove","path":"active"}`), func(t *testing.T, _ sharedBridges) told {
			t.Helper()
			b := newBridgeWith(t, keycloaktest.NewFake(t).Server(), "version: 1\nusers: { password: accept }\n")
			id := b.create(t, "/Users", `{"userName":"jane"}`)
			return b.told(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"remove","path":"password"}`))
		}},
		"attribute-immutable":    {tolerant(http.MethodPatch, "/Groups/GROUP", patchBody(`{"op":"replace","path":"members[value eq \"ID\"].display","value":"x"}`))},
		"attribute-read-only":    {patching(`{"op":"replace","path":"id","value":"x"}`)},
		"value-wrong":            {post(`{"userName":["a","b"]}`), post(`{"userName":"jane","active":"perhaps"}`)},
		"value-not-single":       {mapped(`{"userName":"jane","phoneNumbers":[{"type":"work","value":"1"},{"type":"work","value":"2"}]}`)},
		"value-too-long":         {tolerant(http.MethodPost, "/Groups", `{"displayName":"`+strings.Repeat("g", 256)+`"}`)},
		"value-too-many":         {post(`{"userName":"jane","phoneNumbers":[` + joined(1001, `{"value":"#"}`) + `]}`)},
		"primary-twice":          {strictly(http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jane","emails":[{"value":"a@acme.test","primary":true},{"value":"b@acme.test","primary":true}]}`)},
		"value-taken":            {post(`{"userName":"VICTIM"}`), tolerant(http.MethodPost, "/Groups", `{"displayName":"Team"}`)},
		"external-id-taken":      {sharedExternalID(false), sharedExternalID(true)},
		"link-taken":             {linkTaken},
		"value-refused-by-realm": {post(`{"userName":"x"}`), set(`{"editUsernameAllowed":false}`, "/Users/ID", patchBody(`{"op":"replace","path":"userName","value":"renamed"}`))},
		"user-name-not-address":  {set(`{"registrationEmailAsUsername":true}`, "/Users", `{"userName":"joe","emails":[{"value":"joe@acme.test","primary":true}]}`)},
		"name-unclear":           {post(`{"userName":"ja\u200bne"}`), post(`{"userName":"jane\u00a0"}`)},
		"name-reserved":          {post(`{"userName":"service-account-x"}`)},
		"manager-unknown":        {strictly(http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":"jane","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"`+absentID+`"}}}`)},
		"mapping-rule-fails":     {mapped(`{"userName":"jane","emails":[{"value":"nowhere"}]}`)},
		"domain-not-verified": {atOrganization(func(t *testing.T, _ customers, acme testBridge) told {
			t.Helper()
			return acme.told(t, http.MethodPost, "/Users", `{"userName":"bob@other.test"}`)
		})},
	}
}

// sharedExternalID creates a user with the externalId of another one, who may be deactivated.
func sharedExternalID(left bool) provocation {
	return func(t *testing.T, _ sharedBridges) told {
		t.Helper()
		b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), eachTenant(uniqueIDs))
		id := b.create(t, "/Users", `{"userName":"one","externalId":"X"}`)
		if left {
			b.must(t, http.MethodPatch, "/Users/"+id, replaceBody("active", "false"))
		}
		return b.told(t, http.MethodPost, "/Users", `{"userName":"two","externalId":"X"}`)
	}
}

// linkTaken creates a user who would be linked to the account of an identity provider as somebody else.
func linkTaken(t *testing.T, _ sharedBridges) told {
	t.Helper()
	server := keycloaktest.NewFake(t).Server()
	b := newMappedBridge(t, server)
	other := b.account(t, "other", true)
	adminSend(t, server, http.MethodPost, "/admin/realms/"+b.realm+"/users/"+other.String()+"/federated-identity/corp", `{"userId":"jane","userName":"jane"}`)
	return b.told(t, http.MethodPost, "/Users", `{"userName":"jane"}`)
}

// atOrganization provokes an error at a tenant of an organization, on a fake.
func atOrganization(provoke func(t *testing.T, c customers, acme testBridge) told, edits ...func(*config.Tenant)) provocation {
	return func(t *testing.T, _ sharedBridges) told {
		t.Helper()
		c := newCustomers(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
			for _, edit := range edits {
				eachTenant(edit)(c)
			}
		})
		return provoke(t, c, c.of["acme"])
	}
}
