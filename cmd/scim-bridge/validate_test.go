package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestCheckReportsTheMappingOfATenant: a problem of a mapping file is a problem of the
// configuration.
func TestCheckReportsTheMappingOfATenant(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"secret":       "s3cret-value\n",
		"tokens.yaml":  config.TokenList{}.Render(),
		"mapping.yaml": "version: 1\nusers:\n  attributes:\n    titel: { keycloak: t }\n",
		"config.yaml": config.Render(config.Draft{
			KeycloakURL: "http://127.0.0.1:1", Realm: "acme", ClientID: "c", SecretFile: "secret", TokensFile: "tokens.yaml", Mapping: "mapping.yaml",
		}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, told, code := command(t, "", "check", "--config", filepath.Join(dir, "config.yaml"))
	if code != exitProblems || !strings.Contains(told, `mapping.yaml:4:5: users.attributes.titel`) || !strings.Contains(told, "titel: { keycloak: t }") {
		t.Errorf("check ended with %d:\n%s", code, told)
	}
}

// TestValidate prints problems with line, column, excerpt and the nearest name, and exits with 3.
func TestValidate(t *testing.T) {
	t.Parallel()
	file := apptest.MappingFile(t, "version: 1\nusers:\n  attributes:\n    titel: { keycloak: t }\n")
	out, _, code := command(t, "", "validate", "-f", file)
	want := file + ":4:5: users.attributes.titel: the schemas of a User have no such attribute. Did you mean \"title\"?\n" +
		"  4 |     titel: { keycloak: t }\n" +
		"    |     ^\n"
	if code != exitProblems || out != want {
		t.Errorf("validate ended with %d:\n%s\nwant\n%s", code, out, want)
	}
	out, _, code = command(t, "", "validate", "-f", file, "--output", "json")
	got := apptest.DecodeJSON(t, out)["problems"].([]any)[0].(map[string]any)
	if code != exitProblems || got["line"] != json.Number("4") || got["column"] != json.Number("5") || got["hint"] != "Did you mean \"title\"?" {
		t.Errorf("validate ended with %d: %v", code, got)
	}
	out, told, code := command(t, "", "validate", "-f", "../../bridge/mapping/testdata/mapping.yaml")
	if code != 0 || out != "../../bridge/mapping/testdata/mapping.yaml: no problem\n" {
		t.Errorf("validate ended with %d: %s%s", code, out, told)
	}
	if _, told, code := command(t, "", "validate", "--output", "xml"); code != exitUsage {
		t.Errorf("validate --output xml ended with %d: %s", code, told)
	}
}

// TestMappingImport turns the annotations of Keycloak's own SCIM API into a mapping file.
func TestMappingImport(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realm, admin := apptest.NewEmptyRealm(t, server)
			profile, err := admin.UserProfile(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range []struct{ name, path string }{
				{"job", "title"},
				{"dept", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department"},
				{"boss", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value"},
				{"ext", "externalId"},
				{"cost_center", apptest.HRURN + ":costCenter"},
				{"badges", apptest.HRURN + ":badges"},
				{"odd", "colour"},
				{"mail2", "emails"},
			} {
				profile.Attributes = append(profile.Attributes, keycloak.ProfileAttribute{
					Name: a.name, View: []string{"admin"}, Edit: []string{"admin"}, MultiValued: a.name == "badges",
					Annotations: map[string]jsontext.Value{"kc.scim.schema.attribute": jsontext.Value(`"` + a.path + `"`)},
				})
			}
			if err := admin.UpdateUserProfile(t.Context(), profile); err != nil {
				t.Fatal(err)
			}
			out, told, code := command(t, "", "mapping", "import", "--url", server.URL, "--realm", realm, "--admin-user", server.Admin, "--admin-password", server.Password)
			want, err := os.ReadFile("testdata/imported.yaml")
			if diff := cmp.Diff(string(want), out); code != 0 || err != nil || diff != "" {
				t.Errorf("mapping import ended with %d, %s, %v (-want +got):\n%s", code, told, err, diff)
			}
			if out, _, code := command(t, "", "validate", "-f", apptest.MappingFile(t, out)); code != 0 {
				t.Errorf("what was imported has a problem: %s", out)
			}
		})
	}
}

// TestSecurity_43_CheckRefusesTenantsThatReachEachOther names both entries and what to do.
func TestSecurity_43_CheckRefusesTenantsThatReachEachOther(t *testing.T) {
	t.Parallel()
	text := func(one, two string, more ...string) string {
		dir := t.TempDir()
		out := "version: 1\nkeycloak: { url: https://keycloak.example.com }\nserver: { publicURL: https://scim.example.com }\nrealms:\n  acme:\n" +
			"    credentials: { clientID: scim-bridge, clientSecretEnv: PATH }\n    tenants:\n"
		for i, rules := range append([]string{one, two}, more...) {
			key := fmt.Sprint("t", i)
			if err := os.WriteFile(filepath.Join(dir, key+".yaml"), []byte("version: 1\n"+strings.ReplaceAll(rules, "$KEY", key)+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			out += "      - { path: " + key + ", key: " + key + ", mapping: " + key + ".yaml, tokens: [{ name: idp, sha256: " + fmt.Sprintf("%064d", i+1) + " }] }\n"
		}
		file := filepath.Join(dir, "config.yaml")
		if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const users = "users: { attributes: { externalId: { keycloak: ext_$KEY } } }\n"
	const joins = "users: { defaultGroups: [%s], attributes: { externalId: { keycloak: ext_$KEY } } }\n"
	below := func(parent string) string { return users + "groups: { parent: " + parent + " }" }
	for what, c := range map[string]struct {
		file string
		want []string
	}{
		"no parent beside one":  {text(users, below("/scim/b")), []string{":8: realms.acme.tenants[0]: has no groups.parent, so it would reach the groups of realms.acme.tenants[1], which are below /scim/b"}},
		"one beside no parent":  {text(below("/scim/b"), users), []string{":9: realms.acme.tenants[1]: has no groups.parent"}},
		"no parents":            {text(users, users), []string{":9: realms.acme.tenants[1]: has its groups at the top level of the realm, as realms.acme.tenants[0] has. In the mapping of each of the two tenants, name a group in groups.parent"}},
		"the same":              {text(below("/scim"), below("/scim")), []string{":9: realms.acme.tenants[1]: has its groups below /scim, as realms.acme.tenants[0] has"}},
		"the same by its id":    {text(below("id:7"), below("id:7")), []string{":9: realms.acme.tenants[1]: has its groups below id:7, as"}},
		"above":                 {text(below("/scim"), below("/scim/b")), []string{":9: realms.acme.tenants[1]: has its groups below /scim/b, which is among the groups of realms.acme.tenants[0], below /scim"}},
		"below":                 {text(below("/scim/a/b/c"), below("/scim/a")), []string{":8: realms.acme.tenants[0]: has its groups below /scim/a/b/c"}},
		"a name that begins so": {text(below("/scim"), below("/scim2")), nil},
		"apart":                 {text(below("/scim/a"), below("/scim/b")), nil},
		"joins":                 {text(fmt.Sprintf(joins, "/scim/b/team")+"groups: { parent: /scim/a }", below("/scim/b")), []string{":8: realms.acme.tenants[0]: has the default group /scim/b/team, which is among the groups of realms.acme.tenants[1], at or below /scim/b"}},
		"joins the parent":      {text(below("/scim/a"), fmt.Sprintf(joins, "/scim/a")+"groups: { parent: /scim/b }"), []string{":9: realms.acme.tenants[1]: has the default group /scim/a"}},
		"joins its own":         {text(fmt.Sprintf(joins, "/scim/a/team, /everyone")+"groups: { parent: /scim/a }", fmt.Sprintf(joins, "/everyone")+"groups: { parent: /scim/b }"), nil},
		"two of three":          {text(users, below("/scim/a"), below("/scim/b")), []string{"tenants[0]: has no groups.parent, so it would reach the groups of realms.acme.tenants[1]", "tenants[0]: has no groups.parent, so it would reach the groups of realms.acme.tenants[2]"}},
	} {
		for _, args := range [][]string{{"check", "--config", c.file}, {"doctor", "--config", c.file}} {
			_, told, code := command(t, "", args...)
			if args[0] == "doctor" && c.want == nil {
				continue // the command would ask Keycloak
			}
			if (code == exitProblems) != (c.want != nil) {
				t.Errorf("%s: %s ends with %d:\n%s", what, args[0], code, told)
			}
			for _, want := range c.want {
				if !strings.Contains(told, want) {
					t.Errorf("%s: %s says\n%s\nwant %s", what, args[0], told, want)
				}
			}
		}
	}
}

// TestRolesThatAMappingWouldRevokeAreReported by validate, by doctor, and in the log at the start.
func TestRolesThatAMappingWouldRevokeAreReported(t *testing.T) {
	t.Parallel()
	const file = `version: 1
managedRoles: [employee, boss, { client: shop, role: editor }, { client: shop, role: seller }]
users: { roles: [{ grant: [boss, { client: shop, role: editor }] }] }
groups: { roles: { Sales: [{ client: shop, role: seller }, { client: shop, role: editor }] } }
`
	b := apptest.NewRoleBridge(t, keycloaktest.NewFake(t).Server(), apptest.MappingFile(t, file))
	said := map[string]string{"the log": b.Warnings(t, b.Realm)}
	said["doctor"], _, _ = command(t, "", "doctor", "--config", b.File)
	said["validate"], _, _ = command(t, "", "validate", "--file", apptest.MappingFile(t, file))
	for who, text := range said {
		for _, want := range []string{
			"managedRoles has employee, which no rule grants: the bridge revokes it from every group and user at the next write",
			"managedRoles has boss, which no rule grants to a group: the bridge revokes it from every group at the next write",
			"managedRoles has shop/seller, which no rule grants to a user: the bridge revokes it from every user at the next write",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q:\n%s", who, want, text)
			}
		}
		if strings.Contains(text, "managedRoles has shop/editor") {
			t.Errorf("%s speaks of a role that rules grant to both:\n%s", who, text)
		}
	}
	if out, _, code := command(t, "", "validate", "--file", apptest.MappingFile(t, apptest.ListedRoles)); code != 0 || !strings.Contains(out, "no problem") || strings.Contains(out, "taken") {
		t.Errorf("validate of a file that takes nothing ends with %d: %s", code, out)
	}
}
