package config

import (
	"encoding"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sum is the SHA-256 of "token".
const sum = "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0"

// newDir returns a directory with text as config.yaml, and a secret beside it.
func newDir(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "config.yaml"), text, 0o600)
	write(t, filepath.Join(dir, "secret"), "s3cret-value\n", 0o600)
	write(t, filepath.Join(dir, "mapping.yaml"), "version: 1\n", 0o644)
	write(t, filepath.Join(dir, "tokens.yaml"), goodTokens(t).Render(), 0o600)
	write(t, filepath.Join(dir, "credential.key"), "0123456789abcdef0123456789abcdef\n", 0o600)
	write(t, filepath.Join(dir, "store-key"), storeKeys, 0o600)
	return filepath.Join(dir, "config.yaml")
}

// storeKeys is a file of two keys of a store.
const storeKeys = "# of 2029\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n\n  # of 2030\nICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8\n"

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // independent of the umask
		t.Fatal(err)
	}
}

func noEnv(string) (string, bool) { return "", false }

func testEnv(name string) (string, bool) {
	value, ok := map[string]string{
		"ACME_SECRET": "from-env", "EMPTY": "", "TWO_LINES": "a\nb",
	}[name]
	return value, ok
}

func texts(problems []Problem) []string {
	out := []string{}
	for _, p := range problems {
		out = append(out, p.String())
	}
	return out
}

// Every file of testdata/bad has one mistake. Its first line is a comment with the problem, without
// the name of the file. Lines with "# and" after it are further problems.
func TestLoadReportsTheMistake(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 35 {
		t.Fatalf("Glob = %d files, %v, want at least 35", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			want := wanted(t, file)
			dir := badDir(t, file)
			_, problems := load(filepath.Join(dir, "config.yaml"), testEnv)
			got := []string{}
			for _, p := range texts(problems) {
				got = append(got, strings.ReplaceAll(strings.TrimPrefix(p, filepath.Join(dir, "config.yaml")+":"), dir+"/", ""))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("load(%s) (-want +got):\n%s", file, diff)
			}
		})
	}
}

func wanted(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case len(want) == 0 && strings.HasPrefix(line, "# "):
			want = append(want, line[2:])
		case strings.HasPrefix(line, "# and "):
			want = append(want, line[6:])
		default:
			return want
		}
	}
	return want
}

// badDir copies a fixture beside the files that the fixtures name. Git keeps no file modes except
// the executable bit, so badDir sets the modes.
func badDir(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(newDir(t, string(data)))
	write(t, filepath.Join(dir, "empty"), "\n", 0o600)
	write(t, filepath.Join(dir, "open"), "s3cret-value\n", 0o644)
	write(t, filepath.Join(dir, "lines"), "a\nb\n", 0o600)
	write(t, filepath.Join(dir, "ca.pem"), "not a certificate\n", 0o644)
	write(t, filepath.Join(dir, "key.pem"), "not a key\n", 0o600)
	write(t, filepath.Join(dir, "comments"), "# a key comes later\n\n", 0o600)
	write(t, filepath.Join(dir, "same-keys"), storeKeys+"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n", 0o600)
	write(t, filepath.Join(dir, "other-bits"), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9\n", 0o600)
	write(t, filepath.Join(dir, "two-keys"), storeKeys+"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg\n", 0o600)
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLoadFillsInTheDefaults(t *testing.T) {
	t.Parallel()
	path := newDir(t, readGood(t, "minimal.yaml"))
	got, problems := load(path, noEnv)
	if len(problems) > 0 {
		t.Fatalf("load(minimal) problems = %q, want none", texts(problems))
	}
	want := Default()
	want.Version = 1
	want.Server.PublicURL = "http://127.0.0.1:8081"
	want.Keycloak.URL = "http://127.0.0.1:8080"
	want.Realms = map[string]Realm{"acme": {
		Credentials: Credentials{
			ClientID: "scim-bridge", ClientSecretFile: File(filepath.Join(filepath.Dir(path), "secret")), Secret: NewSecret("s3cret-value"),
		},
		Tenants: []Tenant{{
			Path: "acme", Key: "realm", Scope: "all", Profile: "tolerant", Policies: Policies{
				UnknownMembers: "refuse", OnDelete: "delete", Adopt: "never", ExternalID: "shared", Rehire: "refuse", PatchResponse: "auto", Domains: "verified", Access: "full", Limits: Limits{RequestsPerSecond: 250, InFlight: 64},
				RemovalBrake: RemovalBrake{Max: 20, Window: Duration(time.Hour), Floor: 3},
			},
			Tokens: []Token{{Name: "entra", SHA256: digest(t, sum), Expires: Expiry{time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}}},
		}},
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Tenant{}, "Where"), cmpopts.IgnoreFields(Token{}, "Where"), cmpopts.IgnoreFields(Config{}, "File", "Files")); diff != "" {
		t.Errorf("load(minimal) (-want +got):\n%s", diff)
	}
}

func TestLoadReadsEveryKey(t *testing.T) {
	t.Parallel()
	path := newDir(t, readGood(t, "full.yaml"))
	writeKeys(t, filepath.Dir(path))
	c, problems := load(path, testEnv)
	if len(problems) > 0 {
		t.Fatalf("load(full) problems = %q, want none", texts(problems))
	}
	for _, name := range []string{"config.yaml", "secret", "mapping.yaml", "credential.key", "store-key", "tokens.yaml", "ca.pem", "outbound.pem", "client.pem", "client.key", "signing.key"} {
		if c.Files[filepath.Join(filepath.Dir(path), name)] == (Digest{}) {
			t.Errorf("Files lacks %s", name)
		}
	}
	for _, key := range keysWithZero("", reflect.ValueOf(c)) {
		t.Errorf("full.yaml leaves %s at its zero value", key)
	}
	if c.Keycloak.RootCAs == nil || c.Outbound.RootCAs == nil || c.Keycloak.ClientCertificate == nil {
		t.Error("load(full) read no certificates")
	}
	if got := c.Store; !got.On() || got.SQLite.File != filepath.Join(filepath.Dir(path), "store.db") || got.Keys.Reveal() != storeKeys {
		t.Errorf("store = %+v with the keys %q", got, got.Keys.Reveal())
	}
	if got := c.Realms["env"].Credentials.Secret.Reveal(); got != "from-env" {
		t.Errorf("secret of realm env = %q, want the variable's", got)
	}
	if c.Realms["key"].Credentials.PrivateKey.Signer() == nil {
		t.Error("load(full) read no private key")
	}
	want := time.Date(2030, 6, 1, 10, 30, 0, 0, time.UTC)
	if got := c.Realms["acme"].Tenants[0].Tokens[0].Expires; !got.Equal(want) {
		t.Errorf("expires = %v, want %v", got, want)
	}
	if got := c.Realms["acme"].Tenants[0]; got.Path != "acme-okta" || got.Key != "b" {
		t.Errorf("path = %q, key = %q, want acme-okta and b", got.Path, got.Key)
	}
	if got := c.Realms["acme"].Tenants[1]; got.Path != "acme/organizations/globex" || got.Key != got.OrganizationID {
		t.Errorf("path = %q, key = %q, want those of the organization", got.Path, got.Key)
	}
}

// TestAnOverrideHasWhatItDoesNotSay from the settings for all organizations.
func TestAnOverrideHasWhatItDoesNotSay(t *testing.T) {
	t.Parallel()
	c, problems := load(newDir(t, `version: 1
keycloak: { url: "http://127.0.0.1:8080" }
realms:
  acme:
    credentials: { clientID: scim-bridge, clientSecretFile: secret }
    credentialKeyFile: credential.key
    organizations:
      mapping: mapping.yaml
      profile: strict
      bareToken: true
      basicAuth: true
      access: paused
      patchResponse: minimal
      limits: { requestsPerSecond: 5, inFlight: 1 }
      overrides:
        - { organization: initech, organizationID: "1", profile: tolerant, adopt: unowned, limits: { inFlight: 2 } }
        - { organization: hooli, organizationID: "2", mapping: mapping.yaml, bareToken: false, basicAuth: false, patchResponse: auto }
`), testEnv)
	if len(problems) > 0 {
		t.Fatal(texts(problems))
	}
	all := c.Realms["acme"].Organizations
	initech, hooli := all.Overrides[0], all.Overrides[1]
	if initech.Profile != ProfileTolerant || initech.Adopt != AdoptUnowned || initech.Limits.InFlight != 2 {
		t.Errorf("the override does not have what it says: %+v", initech)
	}
	if !initech.BareToken || !initech.BasicAuth || initech.Access != AccessPaused || initech.PatchResponse != PatchMinimal || initech.Limits.RequestsPerSecond != 5 || initech.RemovalBrake != all.RemovalBrake || initech.Mapping != all.Mapping || !initech.SharesMapping {
		t.Errorf("the override does not have what it does not say: %+v", initech)
	}
	if hooli.BareToken || hooli.BasicAuth || hooli.PatchResponse != PatchAuto || hooli.Profile != ProfileStrict || hooli.SharesMapping {
		t.Errorf("the override has what it says otherwise: %+v", hooli)
	}
}

// TestAnOverrideHasTheTolerancesOfAllOrItsOwn: a list replaces the whole list, also an empty list.
// A strict override has nothing to switch off.
func TestAnOverrideHasTheTolerancesOfAllOrItsOwn(t *testing.T) {
	t.Parallel()
	c, problems := load(newDir(t, `version: 1
keycloak: { url: "http://127.0.0.1:8080" }
realms:
  acme:
    credentials: { clientID: scim-bridge, clientSecretFile: secret }
    credentialKeyFile: credential.key
    organizations:
      tolerances: { off: [role-text] }
      overrides:
        - { organization: same, organizationID: "1" }
        - { organization: own, organizationID: "2", tolerances: { off: [any-op-case] } }
        - { organization: all, organizationID: "3", tolerances: { off: [] } }
        - { organization: strict, organizationID: "4", profile: strict }
`), testEnv)
	if len(problems) > 0 {
		t.Fatal(texts(problems))
	}
	for i, want := range [][]Tolerance{{"role-text"}, {"any-op-case"}, {}, nil} {
		one := c.Realms["acme"].Organizations.Overrides[i]
		if diff := cmp.Diff(want, one.Tolerances.Off); diff != "" {
			t.Errorf("%s (-want +got):\n%s", one.Organization, diff)
		}
	}
}

// keysWithZero lists the keys of the structs that no realm, tenant or token of the file sets, so
// that full.yaml must have every new key.
func keysWithZero(path string, v reflect.Value) []string {
	set := map[string]bool{}
	collect(path, v, set)
	var out []string
	for key, nonZero := range set {
		if !nonZero {
			out = append(out, key)
		}
	}
	return out
}

func collect(path string, v reflect.Value, set map[string]bool) {
	switch {
	case v.Kind() == reflect.Map:
		for _, k := range v.MapKeys() {
			collect(path+".<realm>", v.MapIndex(k), set)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			collect(path+"[]", v.Index(i), set)
		}
	case v.Kind() == reflect.Struct && !reflect.PointerTo(v.Type()).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		for _, f := range keysOf(v.Type()) {
			collect(strings.TrimPrefix(path+"."+f.key, "."), v.FieldByIndex(f.index), set)
		}
	default:
		set[path] = set[path] || !v.IsZero()
	}
}

func TestLoadReportsEverythingAtOnceInOrder(t *testing.T) {
	t.Parallel()
	path := newDir(t, `version: 2
servr: {}
keycloak: { url: "ftp://x", maxInFlight: many }
realms:
  master:
    credentials: { clientID: a/b, clientSecretEnv: UNSET_HERE }
    tenants:
      - { path: x, tokens: [{ name: a, sha256: abc }, { name: a, sha256: `+sum+`, expires: soon }] }
`)
	_, problems := load(path, noEnv)
	var got []string
	for i, p := range problems {
		got = append(got, p.Path)
		if p.File != path || p.Line == 0 || p.Text == "" {
			t.Errorf("problem %+v lacks a part", p)
		}
		if i > 0 && p.Line < problems[i-1].Line {
			t.Errorf("problem %d is of line %d, after line %d", i, p.Line, problems[i-1].Line)
		}
	}
	want := []string{
		"version", "servr", "keycloak.maxInFlight", "keycloak.url", "realms.master",
		"realms.master.credentials.clientID", "realms.master.credentials.clientSecretEnv",
		"realms.master.tenants[0].tokens[0].sha256",
		"realms.master.tenants[0].tokens[1].expires", "realms.master.tenants[0].tokens[1].name",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestLoadOfNoReadableFileIsOneProblem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, want := range map[string]string{
		filepath.Join(dir, "absent.yaml"): "cannot be read: no such file or directory",
		dir:                               "cannot be read: is a directory",
		dir + "/\x00":                     "cannot be read: invalid argument",
	} {
		_, problems := Load(name)
		if len(problems) != 1 || problems[0].Text != want || problems[0].Line != 0 {
			t.Errorf("Load(%q) = %q, want %q", name, texts(problems), want)
		}
	}
}

func TestLoadBoundsWhatTheParserGets(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"size":      {strings.Repeat("#\n", 1<<20), "is larger than 1 MiB"},
		"long line": {"a: " + strings.Repeat("x", 5000), "the line is longer than 4096 bytes"},
		"brackets":  {strings.Repeat("[\n", 100), "brackets are nested more than 32 deep"},
		"bytes":     {"a: \xff", "is not UTF-8 text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := load(newDir(t, tt.text), noEnv)
			if len(problems) != 1 || problems[0].Text != tt.want {
				t.Errorf("load = %q, want %q", texts(problems), tt.want)
			}
		})
	}
}

func TestLoadAcceptsByteOrderMarkAndCRLF(t *testing.T) {
	t.Parallel()
	text := "\ufeff" + strings.ReplaceAll(readGood(t, "minimal.yaml"), "\n", "\r\n")
	if _, problems := load(newDir(t, text), noEnv); len(problems) > 0 {
		t.Errorf("load = %q, want no problem", texts(problems))
	}
}

// The name of a realm may be a number or a truth value for YAML.
func TestLoadKeepsRealmNamesAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"2024", "1.50", "true", "null", "NO"} {
		c, problems := load(newDir(t, strings.Replace(readGood(t, "minimal.yaml"), "acme", name, 1)), noEnv)
		if realm, ok := c.Realms[name]; len(problems) > 0 || !ok || realm.Tenants[0].Path != name {
			t.Errorf("load with realm %s = %v, %q, want the realm", name, c.Realms, texts(problems))
		}
	}
}

func readGood(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/good", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func digest(t *testing.T, text string) Digest {
	t.Helper()
	var d Digest
	if err := d.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestASocketWhereEverybodyMayWrite is a problem with its line before the bridge starts, also for a
// relative path. A socket in a directory that the bridge creates is no problem.
func TestASocketWhereEverybodyMayWrite(t *testing.T) {
	t.Parallel()
	for _, relative := range []bool{true, false} {
		file := newDir(t, "")
		dir := filepath.Dir(file)
		public := filepath.Join(dir, "public")
		if err := os.Mkdir(public, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(public, 0o777|os.ModeSticky); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{
			"s":     "config.yaml:2: admin.socket: is in " + public + ", into which everybody may write, so that another user could put a socket there. Name a socket in its own directory, which the bridge creates, such as " + filepath.Join(public, "own", "s"),
			"own/s": "",
		} {
			at := filepath.Join(public, path)
			if relative {
				at = "public/" + path
			}
			text := strings.Replace(readGood(t, "minimal.yaml"), "version: 1\n", "version: 1\nadmin: { socket: "+at+" }\n", 1)
			write(t, file, text, 0o600)
			_, problems := load(file, testEnv)
			got := ""
			for _, text := range texts(problems) {
				if strings.Contains(text, "admin.socket") {
					got = strings.TrimPrefix(text, dir+"/")
				}
			}
			if got != want {
				t.Errorf("%s: %q, want %q", at, got, want)
			}
		}
	}
}

// TestAPartOfTheConfigurationNeedsNotAllFiles: a command that asks the running bridge needs no
// secret, and a command that never opens the store needs no key of the store.
func TestAPartOfTheConfigurationNeedsNotAllFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	text := Render(Draft{
		KeycloakURL: "http://127.0.0.1:8080", Realm: "acme", ClientID: "scim-bridge", SecretFile: "secret", TokensFile: "tokens.yaml", Socket: "control.sock", StoreFile: "store.db", StoreKeyFile: "store-key",
	})
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if a, problems := LoadAdmin(file); len(problems) > 0 || a.Socket != filepath.Join(dir, "control.sock") {
		t.Errorf("LoadAdmin() = %+v, %v", a, problems)
	}
	for _, read := range []func(string) (Config, []Problem){Load, LoadUnkeyed} {
		if _, problems := read(file); len(problems) == 0 {
			t.Error("a configuration without its secret has no problem")
		}
	}
	tokens := TokenList{Tokens: []Token{{Name: "idp", KeyID: "abcd1234", SHA256: Digest{1}}}}
	for name, text := range map[string]string{"secret": "s3cret", "tokens.yaml": tokens.Render()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c, problems := LoadUnkeyed(file); len(problems) > 0 || !c.Store.On() || c.Store.Keys.Reveal() != "" {
		t.Errorf("LoadUnkeyed() = %+v, %v", c.Store, problems)
	}
	if _, problems := Load(file); len(problems) != 1 || problems[0].Path != "store.keyFile" {
		t.Errorf("Load() finds %v", problems)
	}
	if err := os.WriteFile(file, []byte(text+"wrong: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, problems := LoadAdmin(file); len(problems) != 1 || problems[0].Path != "wrong" {
		t.Errorf("LoadAdmin() of an unknown key finds %v", problems)
	}
}
