package config

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzLoad proves that no text panics, that the same text gives the same result, and that every
// problem has a text. A configuration without a problem can be rendered and read again.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(data))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		path := newDir(t, text)
		c, problems := load(path, testEnv)
		again, same := load(path, testEnv)
		if diff := cmp.Diff(problems, same); diff != "" {
			t.Errorf("a second load has other problems:\n%s", diff)
		}
		for _, p := range problems {
			if p.Text == "" || slices.ContainsFunc([]rune(p.String()), func(c rune) bool { return c < ' ' }) {
				t.Errorf("problem is not one line: %q", p)
			}
		}
		if len(problems) > 0 {
			return
		}
		if diff := cmp.Diff(c, again, cmpopts.IgnoreFields(Keycloak{}, "RootCAs", "ClientCertificate"), cmpopts.IgnoreFields(Outbound{}, "RootCAs")); diff != "" {
			t.Errorf("a second load is another configuration:\n%s", diff)
		}
		rerender(t, c)
	})
}

func rerender(t *testing.T, c Config) {
	t.Helper()
	for name, realm := range c.Realms {
		for _, tenant := range realm.Tenants {
			d := Draft{
				KeycloakURL: string(c.Keycloak.URL), Realm: name, ClientID: realm.Credentials.ClientID, SecretFile: "secret",
				Path: tenant.Path, TokensFile: "tokens.yaml",
				Listen: c.Server.Listen, PublicURL: string(c.Server.PublicURL), AdminListen: c.Admin.Listen,
			}
			got, problems := load(newDir(t, Render(d)), noEnv)
			if len(problems) > 0 {
				t.Fatalf("load(Render(%+v)) = %q", d, texts(problems))
			}
			checkRendered(t, d, got)
		}
	}
}

// FuzzLoadTokens: a file of tokens without a problem is the same after it is written again.
func FuzzLoadTokens(f *testing.F) {
	f.Add("version: 1\ntokens: []\n")
	f.Add("version: 1\ntokens:\n  - { name: a, keyID: 01234567, sha256: \"" + sum + "\", expires: 2030-01-01, scopes: [\"users:read\", bulk] }\n")
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "tokens.yaml")
		write(t, file, text, 0o600)
		list, problems := LoadTokens(file)
		if len(problems) > 0 {
			return
		}
		write(t, file, list.Render(), 0o600)
		again, problems := LoadTokens(file)
		if diff := cmp.Diff(list, again, cmpopts.IgnoreFields(Token{}, "Where"), cmpopts.EquateEmpty()); diff != "" || len(problems) > 0 {
			t.Errorf("%q, written again, has %v:\n%s", text, texts(problems), diff)
		}
	})
}
