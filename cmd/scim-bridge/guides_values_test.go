package main

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestWhereTheGuidesSayValuesAre: a user that came over SCIM has its values in Keycloak where the
// table of the guides says. This holds for a tenant of the realm and for a tenant of an
// organization.
func TestWhereTheGuidesSayValuesAre(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.NewFake(t).Server(), nil)
	of := map[string]apptest.Bridge{"a realm": apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil), "an organization": c.Of["acme"]}
	found := map[string]map[string][]string{}
	for tenant, b := range of {
		found[tenant] = valuesInKeycloak(t, b)
	}
	tenants := slices.Sorted(maps.Keys(of))
	var b strings.Builder
	fmt.Fprintf(&b, "| it sends | at an endpoint of %s | at an endpoint of %s |\n| --- | --- | --- |\n", tenants[0], tenants[1])
	for _, one := range sentValues() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", one.name, strings.Join(found[tenants[0]][one.name], ", "), strings.Join(found[tenants[1]][one.name], ", "))
	}
	const page = "../../docs/guides/identity-providers.md"
	if err := docs.GeneratedPart(page, b.String(), *apptest.Update, "go test ./cmd/scim-bridge -short -update -run TestWhereTheGuidesSayValuesAre"); err != nil {
		t.Error(err)
	}
}

// sentValue is a part of a user as identity providers send it. No other part has the same value.
type sentValue struct{ name, body, value string }

func sentValues() []sentValue {
	return []sentValue{
		{"`userName`", `"userName":"Sent-Name"`, "sent-name"},
		{"`name.givenName`", `"name":{"givenName":"Given-Name","familyName":"Family-Name"}`, "given-name"},
		{"`name.familyName`", "", "family-name"},
		{"the primary address of `emails`", `"emails":[{"value":"primary@acme.test","primary":true},{"value":"second@acme.test"}]`, "primary@acme.test"},
		{"further addresses of `emails`", "", "second@acme.test"},
		{"`active`", `"active":true`, "true"},
		{"`externalId`", `"externalId":"External-Id"`, "external-id"},
		{"`displayName`", `"displayName":"Display-Name"`, "display-name"},
		{"`title` and all else", `"title":"Sent-Title"`, "sent-title"},
	}
}

// valuesInKeycloak sends a user, and returns for each value the fields and attributes of Keycloak
// that have it.
func valuesInKeycloak(t *testing.T, b apptest.Bridge) map[string][]string {
	t.Helper()
	var parts []string
	for _, one := range sentValues() {
		if one.body != "" {
			parts = append(parts, one.body)
		}
	}
	id, _ := b.Must(t, http.MethodPost, "/Users", "{"+strings.Join(parts, ",")+"}")["id"].(string)
	user := b.InKeycloak(t, id)
	fields := map[string]string{"user name": user.Username, "first name": user.FirstName, "last name": user.LastName, "e-mail": user.Email, "enabled": fmt.Sprint(user.Enabled)}
	out := map[string][]string{}
	for _, one := range sentValues() {
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			if strings.EqualFold(fields[field], one.value) {
				out[one.name] = append(out[one.name], field)
			}
		}
		for _, attribute := range slices.Sorted(maps.Keys(user.Attributes)) {
			if attribute != "scim.modified" && holds(user, attribute, one.value) {
				out[one.name] = append(out[one.name], "attribute `"+attribute+"`")
			}
		}
	}
	return out
}

// holds reports whether an attribute is the value or contains it.
func holds(user keycloak.User, attribute, value string) bool {
	text := strings.ToLower(strings.Join(user.Attributes[attribute], "\n"))
	if value == "true" {
		return regexp.MustCompile(`"active":\s*true`).MatchString(text)
	}
	return strings.Contains(text, value)
}
