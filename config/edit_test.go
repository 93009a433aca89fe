package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const someHash = `"3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0"`

// head is a configuration up to its realm, which has a key of its own.
const head = "version: 1 # of the format\n\nkeycloak: { url: \"http://127.0.0.1:8080\" }\nrealms:\n  acme:\n    credentials: { clientID: scim-bridge, clientSecretFile: secret } # kept\n    credentialKeyFile: credential.key\n"

// TestAnAccessTokenIsWrittenIntoTheFile in the ways in which people write it. Only lines are added,
// the file loads, and it has one entry more than before. Without the entry it is as before.
func TestAnAccessTokenIsWrittenIntoTheFile(t *testing.T) {
	t.Parallel()
	const org = `organizations: "*"` + "\n"
	entry := AccessToken{Name: "entra", ClientID: "scim-entra", Audience: `scim "x" # y`, Scopes: []TokenScope{ScopeUsersRead, ScopeGroupsRead}}
	tenant, second := TenantEntry{Realm: "acme"}, TenantEntry{Realm: "acme", Index: 1}
	override := TenantEntry{Realm: "acme", Index: 0, Override: true}
	added := TenantEntry{Realm: "acme", Index: -1, Override: true, Organization: "globex", OrganizationID: "9"}
	for name, c := range map[string]struct {
		text string
		at   TenantEntry
		hand bool // this package cannot remove it again
	}{
		"as setup writes it":        {"    " + org + "    tenants:\n      - tokensFile: \"tokens.yaml\" # by scim-bridge\n        # For Okta:\n        # bareToken: true\n", tenant, false},
		"in the middle":             {"    " + org + "    tenants:\n      - tokensFile: tokens.yaml\n\n      # the second\n      - path: b\n        key: b\n        tokens:\n          - name: a\n            sha256: " + someHash + "\n    issuer: https://x.test/realms/acme # last\n", tenant, false},
		"the second":                {"    " + org + "    tenants:\n      - tokensFile: tokens.yaml\n      - path: b\n        key: b\n        tokens:\n          - name: a\n            sha256: " + someHash + "\n    issuer: https://x.test/realms/acme # last\n", second, false},
		"one is there":              {"    " + org + "    tenants:\n      - accessTokens:\n          # by hand\n          - name: other\n            clientID: other # theirs\n            audience: x\n          # end\n        tokensFile: tokens.yaml\n", tenant, false},
		"on the key's level":        {"    " + org + "    tenants:\n    - accessTokens:\n      - { name: other, clientID: other, audience: x }\n      tokensFile: tokens.yaml\n    issuer: https://x.test/realms/acme\n", tenant, false},
		"in brackets":               {"    " + org + "    tenants: [{ tokensFile: tokens.yaml }]\n", tenant, true},
		"a list in brackets":        {"    " + org + "    tenants:\n      - accessTokens: [{ name: other, clientID: other, audience: x }]\n", tenant, true},
		"without an end":            {"    " + org + "    tenants:\n      - tokensFile: tokens.yaml", tenant, false},
		"line ends of Windows":      {strings.ReplaceAll("    "+org+"    tenants:\n      - tokensFile: tokens.yaml\n    issuer: https://x.test/realms/acme\n", "\n", "\r\n"), tenant, false},
		"comments far to the left":  {"    " + org + "    tenants:\n      - tokensFile: tokens.yaml\n# here\n        path: b\n# there\n    issuer: https://x.test/realms/acme\n", tenant, false},
		"every organization":        {"    " + org, added, false},
		"with a comment":            {"    organizations: '*'   # all\n    issuer: https://x.test/realms/acme\n", added, false},
		"with keys":                 {"    organizations:\n      # some\n      profile: strict\n      limits: { inFlight: 2 }\n    issuer: https://x.test/realms/acme\n", added, false},
		"with keys in brackets":     {"    organizations: { profile: strict }\n", added, true},
		"with an override":          {"    organizations:\n      overrides:\n        - organization: initech\n          organizationID: \"2\"\n          # end\n    issuer: https://x.test/realms/acme\n", added, false},
		"an override that is there": {"    organizations:\n      overrides:\n        - organization: initech\n          organizationID: \"2\"\n          # end\n    issuer: https://x.test/realms/acme\n", override, false},
		"an override in brackets":   {"    organizations: { overrides: [{ organization: initech, organizationID: \"2\" }] }\n", override, true},
		"overrides in brackets":     {"    organizations: { overrides: [{ organization: initech, organizationID: \"2\" }] }\n", added, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := head + c.text
			old, dir := loadText(t, "", before)
			after, err := WithAccessToken([]byte(before), c.at, entry)
			if err != nil {
				t.Fatal(err)
			}
			next, _ := loadText(t, dir, string(after))
			want := old.Realms["acme"]
			at := c.at
			switch {
			case !at.Override:
				want.Tenants[at.Index].AccessTokens = append(want.Tenants[at.Index].AccessTokens, entry)
			case at.Index < 0:
				at.Index = len(want.Organizations.Overrides)
				if strings.Contains(name, "brackets") {
					at.Index = 0
				}
				o := next.Realms["acme"].Organizations.Overrides[at.Index]
				if o.Organization != "globex" || o.OrganizationID != "9" || !reflect.DeepEqual(o.AccessTokens, []AccessToken{entry}) {
					t.Fatalf("the override is %+v in\n%s", o, after)
				}
			default:
				want.Organizations.Overrides[at.Index].AccessTokens = []AccessToken{entry}
			}
			got := next.Realms["acme"]
			if len(got.Tenants) != len(want.Tenants) || c.at.Index >= 0 && !sameTokens(got, want) {
				t.Errorf("the file says %+v, want %+v:\n%s", got.Tenants, want.Tenants, after)
			}
			for line := range strings.Lines(before) {
				if _, comment, ok := strings.Cut(strings.TrimSpace(line), "#"); ok && !strings.Contains(string(after), "#"+comment) {
					t.Errorf("the comment %q is gone from\n%s", comment, after)
				}
			}
			gone, err := WithoutAccessToken(after, at, "entra")
			switch {
			case c.hand && !errors.Is(err, ErrByHand):
				t.Errorf("without it: %v", err)
			case c.hand:
			case err != nil:
				t.Error(err)
			case c.at.Index >= 0 && string(gone) != before && string(gone) != before+"\n":
				t.Errorf("without it the file is\n%s\nwant\n%s", gone, before)
			default:
				last, _ := loadText(t, dir, string(gone))
				if got, was := last.Realms["acme"].Organizations, old.Realms["acme"].Organizations; !got.All || len(got.Overrides) != len(was.Overrides) {
					t.Errorf("without it the file says %+v and said %+v:\n%s", got, was, gone)
				}
			}
		})
	}
}

func sameTokens(a, b Realm) bool {
	for i := range a.Tenants {
		got, want := a.Tenants[i].AccessTokens, b.Tenants[i].AccessTokens
		if len(got) != len(want) {
			return false
		}
		for _, one := range want { // in any order
			found := false
			for _, other := range got {
				found = found || reflect.DeepEqual(one, other)
			}
			if !found {
				return false
			}
		}
	}
	return true
}

// loadText loads a configuration in a directory with the files that it names.
func loadText(t *testing.T, dir, text string) (Config, string) {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	for name, content := range map[string]string{"config.yaml": text, "secret": "s3cret", "credential.key": strings.Repeat("k", minKey), "tokens.yaml": "version: 1\ntokens: []\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, problems := Load(filepath.Join(dir, "config.yaml"))
	if len(problems) > 0 {
		t.Fatalf("%v in\n%s", problems, text)
	}
	return c, dir
}

// TestWhatIsNotChangedFromHere stays for the operator to change.
func TestWhatIsNotChangedFromHere(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no YAML": "realms: [", "no realm": "version: 1\n", "a realm that is no mapping": "realms: { acme: 1 }\n", "no tenants": "realms: { acme: { organizations: \"*\" } }\n",
		"a tenant without keys": "realms: { acme: { tenants: [{}] } }\n", "an empty list": "realms: { acme: { tenants: [{ accessTokens: [] }] } }\n", "an anchor": "realms: { acme: &a { tenants: [{ key: x }] } }\n",
	} {
		if out, err := WithAccessToken([]byte(text), TenantEntry{Realm: "acme"}, AccessToken{Name: "a"}); !errors.Is(err, ErrByHand) {
			t.Errorf("%s: %q, %v", name, out, err)
		}
		if out, err := WithoutAccessToken([]byte(text), TenantEntry{Realm: "acme"}, "a"); !errors.Is(err, ErrByHand) {
			t.Errorf("without, %s: %q, %v", name, out, err)
		}
	}
}

// TestAnOverrideWithoutSettingsIsRemoved: an override with no other setting is removed with the entry.
// It stays when it has another setting or a comment.
func TestAnOverrideWithoutSettingsIsRemoved(t *testing.T) {
	t.Parallel()
	const entry = "          accessTokens:\n            - { name: entra, clientID: entra, audience: x }\n"
	const initech, globex = "        - organization: initech\n          organizationID: \"2\"\n", "        - organization: globex\n          organizationID: \"9\"\n"
	const issuer = "    issuer: https://x.test/realms/acme\n"
	for name, c := range map[string]struct {
		before, after string
		index         int
	}{
		"the only one":         {"    organizations: # all\n      overrides:\n" + initech + entry + issuer, "    organizations: \"*\" # all\n" + issuer, 0},
		"beside other keys":    {"    organizations:\n      overrides:\n" + initech + entry + "      profile: strict # kept\n" + issuer, "    organizations:\n      profile: strict # kept\n" + issuer, 0},
		"the first of two":     {"    organizations:\n      overrides:\n" + initech + entry + "        # theirs\n" + globex + issuer, "    organizations:\n      overrides:\n        # theirs\n" + globex + issuer, 0},
		"the second of two":    {"    organizations:\n      overrides:\n" + globex + initech + entry + issuer, "    organizations:\n      overrides:\n" + globex + issuer, 1},
		"one that says more":   {"    organizations:\n      overrides:\n" + initech + entry + "          bareToken: true\n", "    organizations:\n      overrides:\n" + initech + "          bareToken: true\n", 0},
		"one with a comment":   {"    organizations:\n      overrides:\n" + initech + "          # since May\n" + entry, "    organizations:\n      overrides:\n" + initech + "          # since May\n", 0},
		"one with other ways":  {"    organizations:\n      overrides:\n" + initech + entry + "            - { name: b, clientID: b, audience: x }\n", "    organizations:\n      overrides:\n" + initech + "          accessTokens:\n            - { name: b, clientID: b, audience: x }\n", 0},
		"a dash of its own":    {"    organizations:\n      overrides:\n        -\n          organization: initech\n          organizationID: \"2\"\n" + entry, "    organizations:\n      overrides:\n        -\n          organization: initech\n          organizationID: \"2\"\n", 0},
		"on the key's level":   {"    organizations:\n      overrides:\n      - organization: initech\n        organizationID: \"2\"\n        accessTokens:\n        - { name: entra, clientID: entra, audience: x }\n" + issuer, "    organizations: \"*\"\n" + issuer, 0},
		"line ends of Windows": {strings.ReplaceAll("    organizations:\n      overrides:\n"+initech+entry+issuer, "\n", "\r\n"), strings.ReplaceAll("    organizations: \"*\"\n"+issuer, "\n", "\r\n"), 0},
	} {
		_, dir := loadText(t, "", head+c.before)
		after, err := WithoutAccessToken([]byte(head+c.before), TenantEntry{Realm: "acme", Override: true, Index: c.index}, "entra")
		if err != nil || string(after) != head+c.after {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, after, head+c.after)
		}
		loadText(t, dir, string(after))
	}
}

// TestAnAccessTokenIsTakenOut wherever people put it, also when accessTokens is the first key of an
// entry, whose dash stays.
func TestAnAccessTokenIsTakenOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string][2]string{
		"the first key":    {"    tenants:\n      - accessTokens: # theirs\n          - { name: entra, clientID: entra, audience: x }\n        # hashes\n        tokensFile: tokens.yaml # kept\n", "    tenants:\n      - tokensFile: tokens.yaml # kept\n"},
		"the last key":     {"    tenants:\n      - tokensFile: tokens.yaml\n        accessTokens:\n        - name: entra\n          clientID: entra\n          audience: x\n    issuer: https://x.test/realms/acme\n", "    tenants:\n      - tokensFile: tokens.yaml\n    issuer: https://x.test/realms/acme\n"},
		"the first of two": {"    tenants:\n      - tokensFile: tokens.yaml\n        accessTokens:\n          - name: entra\n            clientID: entra\n            audience: x\n          - { name: b, clientID: b, audience: x } # kept\n", "    tenants:\n      - tokensFile: tokens.yaml\n        accessTokens:\n          - { name: b, clientID: b, audience: x } # kept\n"},
	} {
		begin, _, _ := strings.Cut(head, "    credentialKeyFile")
		before := begin + c[0]
		_, dir := loadText(t, "", before)
		after, err := WithoutAccessToken([]byte(before), TenantEntry{Realm: "acme"}, "entra")
		if want := strings.Replace(before, c[0], c[1], 1); err != nil || string(after) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, after, want)
		}
		loadText(t, dir, string(after))
	}
}
