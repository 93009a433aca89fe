package main

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// runTokens runs a command about tokens with a configuration, which must end with an exit code.
func runTokens(t *testing.T, file string, want int, args ...string) (out, told string) {
	t.Helper()
	out, told, code := command(t, "", append([]string{"tokens", args[0], "--config", file}, args[1:]...)...)
	if code != want {
		t.Fatalf("tokens %v ended with %d, want %d: %s%s", args, code, want, out, told)
	}
	return out, told
}

// madeToken makes a token by the command.
func madeToken(t *testing.T, file string, args ...string) app.IssuedToken {
	t.Helper()
	out, _ := runTokens(t, file, 0, append([]string{"new", "--output", "json"}, args...)...)
	var made app.IssuedToken
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	apptest.Wrote.Secret(made.Token)
	return made
}

// listedTokens are the credentials that the command lists, by name.
func listedTokens(t *testing.T, file string, args ...string) map[string]admin.Credential {
	t.Helper()
	out, _ := runTokens(t, file, 0, append([]string{"list", "--output", "json"}, args...)...)
	var list []admin.Credential
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	named := map[string]admin.Credential{}
	for _, c := range list {
		named[c.Name] = c
	}
	if len(named) != len(list) {
		t.Errorf("a credential is listed twice: %s", out)
	}
	return named
}

// TestTheLifeOfATokenInTheStore: it is made, listed, used, suspended, accepted and revoked by commands, beside a token in
// the tenant's file. The file does not change.
func TestTheLifeOfATokenInTheStore(t *testing.T) {
	t.Parallel()
	memory := storetest.NewMemory(nil)
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), memory, nil)
	file := b.Controlled(t)
	tokens := string(b.Config.Realms[b.Realm].Tenants[0].TokensFile)
	before, err := os.ReadFile(tokens)
	if err != nil {
		t.Fatal(err)
	}
	made := madeToken(t, file, "--name", "entra", "--scope", "users:read")
	if made.Place != admin.InStore || made.Todo != "" || made.KeyID == "" || made.Expires == nil {
		t.Fatalf("tokens new made %+v", made)
	}
	if after, err := os.ReadFile(tokens); err != nil || string(after) != string(before) {
		t.Errorf("tokens new changed the file of tokens: %v", err)
	}
	entra := b.With(made.Token)
	entra.Must(t, http.MethodGet, "/Users", "")
	list := listedTokens(t, file)
	if c := list["entra"]; c.Place != admin.InStore || c.KeyID != made.KeyID || c.State != admin.Good || !slices.Equal(c.Scopes, []string{"users:read"}) || c.LastUsed == nil {
		t.Errorf("the token of the store is listed as %+v", c)
	}
	if c := list["idp"]; c.Place != admin.InFile || c.LastUsed != nil || c.UnusedSince == nil {
		t.Errorf("the token of the file is listed as %+v", c)
	}
	text, _ := runTokens(t, file, 0, "list")
	for _, want := range []string{"store", "file", "0s ago", "never since "} {
		if !strings.Contains(text, want) {
			t.Errorf("the list has no %q:\n%s", want, text)
		}
	}
	shown, told, code := command(t, "", "tenants", "show", "--config", file)
	if code != 0 || !strings.Contains(shown, "entra "+made.KeyID) || !strings.Contains(shown, "(last used 0s ago)") || !strings.Contains(shown, "(used never since ") {
		t.Errorf("tenants show = %d, %s%s", code, shown, told)
	}
	inspected, told, code := command(t, made.Token+"\n", "tokens", "inspect", "--config", file)
	if code != 0 || !strings.Contains(inspected, "the tokens of the store") || !strings.Contains(inspected, "tokens list") {
		t.Errorf("tokens inspect of a token of the store = %d, %s%s, want that the store was not checked", code, inspected, told)
	}
	for name, args := range map[string][]string{
		"the name is taken in the store": {"--name", "entra"},
		"the name is taken in the file":  {"--name", "idp"},
		"the token is there already":     {"--sha256", apptest.SHA256Of(made.Token), "--name", "again"},
	} {
		if _, told := runTokens(t, file, exitUsage, append([]string{"new"}, args...)...); !strings.Contains(told, "already") {
			t.Errorf("%s: %s", name, told)
		}
	}
	kept := madeToken(t, file, "--place", "tenant", "--name", "in the file")
	if kept.Place != admin.InFile {
		t.Errorf("--place tenant made %+v", kept)
	}
	runTokens(t, file, 0, "revoke", "in the file")

	memory.Suspend()
	again := b.Restarted(t, memory)
	file = again.Controlled(t)
	if c := listedTokens(t, file)["entra"]; c.State != admin.Suspended {
		t.Errorf("after a restore the token is listed as %+v", c)
	}
	out, _, _ := command(t, "", "doctor", "--config", file)
	if !strings.Contains(out, "tokens of the store are refused since the store was restored: 1") || !strings.Contains(out, "tokens accept") {
		t.Errorf("doctor says of the suspended token:\n%s", out)
	}
	runTokens(t, file, exitUsage, "accept")
	runTokens(t, file, exitUsage, "accept", "--all", "--tenant", again.Path(t))
	if out, _ := runTokens(t, file, 0, "accept", "--tenant", again.Path(t)); out != "Accepted  1 suspended token\n" {
		t.Errorf("tokens accept says %q", out)
	}
	again.With(made.Token).Must(t, http.MethodGet, "/Users", "")
	if out, _ := runTokens(t, file, 0, "revoke", "entra"); out != "Revoked   entra\nthe bridge on this machine refuses the token now\n" {
		t.Errorf("tokens revoke says %q", out)
	}
	again.With(made.Token).Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	if _, told := runTokens(t, file, exitUsage, "new", "--sha256", apptest.SHA256Of(made.Token)); !strings.Contains(told, "was revoked for this tenant") {
		t.Errorf("the revoked token again: %s", told)
	}
	if _, told := runTokens(t, file, exitUsage, "revoke", "entra"); !strings.Contains(told, `has no token "entra"`) {
		t.Errorf("the revoked token is revoked again: %s", told)
	}
	if out, _ := runTokens(t, file, 0, "accept", "--all"); out != "Accepted  0 suspended tokens\n" {
		t.Errorf("tokens accept says %q", out)
	}
	again.Must(t, http.MethodGet, "/Users", "")
}

// TestTokensWhereNoBridgeAnswers: the commands work with the tokens outside the store, and say what is missing.
func TestTokensWhereNoBridgeAnswers(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	if made := madeToken(t, b.File, "--name", "entra"); made.Place != admin.InFile {
		t.Errorf("tokens new made %+v", made)
	}
	out, told := runTokens(t, b.File, 0, "list")
	if !strings.Contains(out, "entra") || !strings.Contains(told, "so the tokens of the store and the last uses are missing") {
		t.Errorf("tokens list = %s%s", out, told)
	}
	if _, told := runTokens(t, b.File, exitUsage, "new", "--place", "store"); !strings.Contains(told, "no bridge with a store answers on admin.socket") {
		t.Errorf("tokens new --place store: %s", told)
	}
	if _, told := runTokens(t, b.File, exitUsage, "revoke", "in the store"); !strings.Contains(told, "no bridge answers on admin.socket, which would know the tokens of the store") {
		t.Errorf("tokens revoke of a token of the store: %s", told)
	}
	if _, told := runTokens(t, b.File, exitFailure, "accept", "--all"); !strings.Contains(told, "no bridge answers") {
		t.Errorf("tokens accept: %s", told)
	}
	runTokens(t, b.File, 0, "revoke", "entra")
}

// TestAnOrganizationsTokenInTheStore: the first token of an organization gives it an endpoint, as a token in its
// attributes does. Both kinds are listed and revoked.
func TestAnOrganizationsTokenInTheStore(t *testing.T) {
	t.Parallel()
	c := apptest.NewStoredEvery(t, keycloaktest.NewFake(t).Server(), storetest.NewMemory(nil))
	file := c.Realm.Controlled(t)
	made := madeToken(t, file, "--organization", "acme", "--name", "entra")
	if made.Place != admin.InStore {
		t.Fatalf("tokens new made %+v", made)
	}
	attribute := madeToken(t, file, "--organization", "acme", "--place", "tenant", "--name", "okta")
	if attribute.Place != admin.InOrganization {
		t.Fatalf("tokens new --place tenant made %+v", attribute)
	}
	c.Check(t)
	acme := c.Realm.At(c.Realm.Realm + "/organizations/acme")
	for _, token := range []string{made.Token, attribute.Token} {
		acme.With(token).Must(t, http.MethodGet, "/Users", "")
	}
	list := listedTokens(t, file, "--organization", "acme")
	if list["entra"].Place != admin.InStore || list["okta"].Place != admin.InOrganization || len(list) != 2 || list["okta"].LastUsed == nil {
		t.Errorf("listed are %+v", list)
	}
	if all := listedTokens(t, file); len(all) != 2 {
		t.Errorf("listed without a tenant are %+v", all)
	}
	for _, name := range []string{"entra", "okta"} {
		runTokens(t, file, 0, "revoke", "--organization", "acme", name)
	}
	c.Check(t)
	for _, token := range []string{made.Token, attribute.Token} {
		acme.With(token).Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	}
	if _, told := runTokens(t, file, exitUsage, "new", "--organization", "acme", "--sha256", apptest.SHA256Of(attribute.Token)); !strings.Contains(told, "was revoked") {
		t.Errorf("a token that was revoked in the attributes is made in the store: %s", told)
	}
}
