package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestTenantsOfARunningBridge: the commands ask the running bridge, and say so when no bridge runs.
func TestTenantsOfARunningBridge(t *testing.T) {
	t.Parallel()
	s := apptest.NewServed(t, keycloaktest.NewFake(t).Server())
	out, told, code := command(t, "", "tenants", "list", "--config", s.File)
	if code != 0 || !strings.HasPrefix(out, "TENANT ") || !strings.Contains(out, "  all    fit\n") {
		t.Errorf("tenants list = %d, %s%s", code, out, told)
	}
	if !strings.Contains(out, "  "+s.Base+"  ") {
		t.Errorf("tenants list has no URL %s:\n%s", s.Base, out)
	}
	out, told, code = command(t, "", "tenants", "show", "--config", s.File)
	for _, want := range []string{"URL              " + s.Base + "\n", "tokens           idp " + strings.Split(s.Token, "_")[1] + " until 20", "state            fit\n", "brake limits     20% of the users within 1h, and 3 in any case\n", "mapping          built-in\n", "schemas          urn:ietf:params:scim:schemas:core:2.0:User "} {
		if code != 0 || !strings.Contains(out, want) || strings.Contains(out, s.Token) {
			t.Errorf("tenants show = %d, want %q in:\n%s%s", code, want, out, told)
		}
	}
	out, _, code = command(t, "", "tenants", "show", "--config", s.File, "--output", "json")
	var shown admin.Tenant
	if err := json.Unmarshal([]byte(out), &shown); code != 0 || err != nil || shown.URL != s.Base {
		t.Errorf("tenants show as JSON = %d, %s, %v", code, out, err)
	}
	out, _, code = command(t, "", "tenants", "list", "--config", s.File, "--output", "json")
	if code != 0 || !strings.HasPrefix(out, `[{"path":`) {
		t.Errorf("tenants list as JSON = %d, %s", code, out)
	}
	if _, told, code := command(t, "", "tenants", "show", "--config", s.File, "--tenant", "nope"); code != exitUsage || !strings.Contains(told, `no tenant "nope"`) {
		t.Errorf("tenants show of another = %d, %s", code, told)
	}
	if _, told, code := command(t, "", "serve", "--config", s.File); code != exitFailure || !strings.Contains(told, "only one bridge may write to a store") {
		t.Errorf("a second bridge = %d, %s", code, told)
	}
	for _, access := range []string{"paused", "read-only"} {
		apptest.Bridge{File: s.File}.EditFile(t, "config.yaml", func(text string) string {
			return strings.Replace(strings.Replace(text, "access: paused\n        ", "", 1), "      - tokensFile:", "      - access: "+access+"\n        tokensFile:", 1)
		})
		s.Await(t, "the configuration was changed and is applied")
		if out, told, code := command(t, "", "tenants", "list", "--config", s.File); code != 0 || !strings.Contains(out, "  all    "+access+"\n") {
			t.Errorf("tenants list = %d, want %s: %s%s", code, access, out, told)
		}
	}
	if err := s.Cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.Rest()
	_ = s.Cmd.Wait()
	if _, told, code := command(t, "", "tenants", "list", "--config", s.File); code != exitFailure || !strings.Contains(told, "no bridge answers on ") || !strings.Contains(told, "scim-bridge serve with the same configuration starts one") {
		t.Errorf("tenants list without a bridge = %d, %s", code, told)
	}
	text, err := os.ReadFile(s.File)
	if err != nil {
		t.Fatal(err)
	}
	bare := filepath.Join(filepath.Dir(s.File), "bare.yaml")
	if err := os.WriteFile(bare, []byte(strings.Replace(string(text), "socket: ", "# socket: ", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, told, code := command(t, "", "tenants", "list", "--config", bare); code != exitUsage || !strings.Contains(told, "no admin.socket") {
		t.Errorf("tenants list without a socket = %d, %s", code, told)
	}
}
