package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
)

// shown is what tenants show prints about a tenant of a bridge in this process.
func shown(t *testing.T, a *app.App, path string) string {
	t.Helper()
	one, err := a.Admin.Tenant(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := printRecord(&out, asText, one, linesOf(one)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// quotedCredentials returns the entries of an organization as values of a JSON array.
func quotedCredentials(t *testing.T, c apptest.Customers, alias string) string {
	t.Helper()
	o, err := c.Realm.Admin.Organization(t.Context(), c.IDs[alias])
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, 0, len(o.Attributes[auth.AttrCredentials]))
	for _, entry := range o.Attributes[auth.AttrCredentials] {
		text, err := json.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	return strings.Join(out, ",")
}
