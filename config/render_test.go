package config

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestRenderedTextLoadsWithoutAProblem(t *testing.T) {
	t.Parallel()
	base := Draft{
		KeycloakURL: "http://127.0.0.1:8080", Realm: "acme", ClientID: "scim-bridge", SecretFile: "secret",
		TokensFile: "tokens.yaml",
	}
	for name, change := range map[string]func(*Draft){
		"least": func(*Draft) {},
		"all": func(d *Draft) {
			d.KeycloakURL, d.CAFile, d.Path = "https://kc.example.com/auth", "ca.pem", "acme-b"
			d.StoreFile, d.StoreKeyFile = "store.db", "store-key"
			d.Listen, d.PublicURL, d.AdminListen = ":8443", "https://scim.example.com", "127.0.0.1:9100"
		},
		"odd names": func(d *Draft) {
			d.Realm, d.ClientID, d.Path = `d'été "x" %s: #1é`, `- {a}: [%d]`, "odd"
		},
		"organization": func(d *Draft) {
			d.Organization, d.OrganizationID = "globex", "5f6f6a3e-0000-4000-8000-000000000001"
		},
		"every organization":         func(d *Draft) { d.CredentialKeyFile = "credential.key" },
		"every organization, mapped": func(d *Draft) { d.CredentialKeyFile, d.Mapping = "credential.key", "mapping.yaml" },
		"numbers":                    func(d *Draft) { d.Realm, d.ClientID = "2024", "0x1" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := base
			change(&d)
			d.Realm = strings.NewReplacer("#", "", ":", "").Replace(d.Realm) // reserved in Keycloak
			path := newDir(t, Render(d))
			writeKeys(t, filepath.Dir(path))
			c, problems := load(path, noEnv)
			if len(problems) > 0 {
				t.Fatalf("load(Render(%+v)) = %q, want no problem", d, texts(problems))
			}
			checkRendered(t, d, c)
		})
	}
}

func checkRendered(t *testing.T, d Draft, c Config) {
	t.Helper()
	realm, ok := c.Realms[d.Realm]
	if d.CredentialKeyFile != "" {
		if o := realm.Organizations; !o.All || (o.Mapping != "") != (d.Mapping != "") || realm.CredentialKey.IsZero() {
			t.Errorf("realm = %+v, want every organization served", realm)
		}
		return
	}
	if !ok || len(realm.Tenants) != 1 {
		t.Fatalf("realms = %v, want %q with one tenant", c.Realms, d.Realm)
	}
	want := Tenant{
		Path: d.Path, Key: "realm", Scope: ScopeAll, Profile: ProfileTolerant, Policies: Policies{}.orDefault(),
		Organization: d.Organization, OrganizationID: d.OrganizationID,
		TokensFile: realm.Tenants[0].TokensFile, Tokens: goodTokens(t).Tokens,
	}
	if want.Path == "" {
		want.Path = d.Realm
	}
	if d.Organization != "" {
		want.Path, want.Key = d.Realm+"/organizations/"+d.Organization, d.OrganizationID
	}
	if diff := cmp.Diff(want, realm.Tenants[0], cmpopts.IgnoreFields(Tenant{}, "Where"), cmpopts.IgnoreFields(Token{}, "Where"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("tenant (-want +got):\n%s", diff)
	}
	if realm.Credentials.ClientID != d.ClientID || string(c.Keycloak.URL) != d.KeycloakURL {
		t.Errorf("client, URL = %q, %q, want %q, %q", realm.Credentials.ClientID, c.Keycloak.URL, d.ClientID, d.KeycloakURL)
	}
	if c.Store.On() != (d.StoreFile != "") || c.Store.On() && c.Store.Keys.Reveal() != storeKeys {
		t.Errorf("store = %+v, want that of %+v", c.Store, d)
	}
	if d.Listen != "" && (c.Server.Listen != d.Listen || string(c.Server.PublicURL) != d.PublicURL || c.Admin.Listen != d.AdminListen) {
		t.Errorf("listeners = %+v, %+v, want those of %+v", c.Server, c.Admin, d)
	}
}

// goodTokens is the list that newDir writes as tokens.yaml.
func goodTokens(t *testing.T) TokenList {
	t.Helper()
	return TokenList{Version: 1, Tokens: []Token{
		{Name: `d'été "x" %s: #1é`, SHA256: digest(t, sum)},
		{
			Name: "null", KeyID: "0123abCD", SHA256: digest(t, strings.Repeat("ab", 32)), Expires: Expiry{time.Date(2030, 6, 1, 10, 0, 0, 0, time.UTC)},
			Scopes: []TokenScope{ScopeUsersRead, ScopeBulk},
		},
	}}
}

// TestRenderedTokensAreReadAgain without a change, also an empty list.
func TestRenderedTokensAreReadAgain(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]TokenList{"some": goodTokens(t), "none": {Version: 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "tokens.yaml")
			write(t, file, want.Render(), 0o600)
			got, problems := LoadTokens(file)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Token{}, "Where"), cmpopts.EquateEmpty()); diff != "" || len(problems) > 0 {
				t.Errorf("LoadTokens(Render()) = %v (-want +got):\n%s", texts(problems), diff)
			}
		})
	}
}
