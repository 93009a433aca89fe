package config

import (
	"crypto/elliptic"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecretsCannotPrintThemselves(t *testing.T) {
	t.Parallel()
	key := newECKey(t, elliptic.P256())
	type inside struct {
		secret Secret
		key    PrivateKey
	}
	values := []any{
		NewSecret("hunter2"),
		PrivateKey{key},
		inside{NewSecret("hunter2"), PrivateKey{key}},
		&inside{NewSecret("hunter2"), PrivateKey{key}},
		[]Secret{NewSecret("hunter2")},
		map[string]PrivateKey{"k": {key}},
		Config{Realms: map[string]Realm{"r": {Credentials: Credentials{Secret: NewSecret("hunter2"), PrivateKey: PrivateKey{key}}}}},
	}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			noLeak(t, verb, fmt.Sprintf(verb, v), key.D.String()) //nolint:staticcheck // D is a part that must not be shown
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		noLeak(t, "JSON", string(text), key.D.String()) //nolint:staticcheck // D is a part that must not be shown
	}
	if got := fmt.Sprintf("%#v", NewSecret("hunter2")); got != redacted {
		t.Errorf("Sprintf(%%#v) = %q, want %q", got, redacted)
	}
	if got, err := json.Marshal(NewSecret("hunter2")); err != nil || string(got) != `"[redacted]"` {
		t.Errorf("Marshal = %s, %v, want it redacted", got, err)
	}
}

func TestSecretsAreRedactedByEveryMethod(t *testing.T) {
	t.Parallel()
	type printer interface {
		fmt.Stringer
		fmt.GoStringer
		MarshalText() ([]byte, error)
		MarshalJSON() ([]byte, error)
	}
	for _, p := range []printer{NewSecret("hunter2"), PrivateKey{newECKey(t, elliptic.P256())}} {
		text, textErr := p.MarshalText()
		inJSON, jsonErr := p.MarshalJSON()
		if textErr != nil || jsonErr != nil {
			t.Errorf("%T marshals with %v, %v", p, textErr, jsonErr)
		}
		for _, got := range []string{p.String(), p.GoString(), string(text), strings.Trim(string(inJSON), `"`)} {
			if got != redacted {
				t.Errorf("%T prints %q, want %q", p, got, redacted)
			}
		}
	}
}

func noLeak(t *testing.T, how, text, number string) {
	t.Helper()
	for _, leak := range []string{"hunter2", "68756e74657232", number} {
		if strings.Contains(text, leak) {
			t.Errorf("%s prints %q", how, text)
		}
	}
}

func TestSecretComparesByValue(t *testing.T) {
	t.Parallel()
	a, b := newECKey(t, elliptic.P256()), newECKey(t, elliptic.P256())
	key, none, sameKey, noKey := PrivateKey{a}, PrivateKey{}, PrivateKey{a}, PrivateKey{}
	for name, tt := range map[string]struct{ got, want bool }{
		"same secret":    {NewSecret("x").Equal(NewSecret("x")), true},
		"other secret":   {NewSecret("x").Equal(NewSecret("y")), false},
		"zero secret":    {Secret{}.IsZero() && Secret{}.Reveal() == "", true},
		"same key":       {key.Equal(sameKey), true},
		"other key":      {key.Equal(PrivateKey{b}), false},
		"key and none":   {key.Equal(none), false},
		"no key is none": {none.Equal(noKey), true},
	} {
		if tt.got != tt.want {
			t.Errorf("%s = %v, want %v", name, tt.got, tt.want)
		}
	}
}

// No problem may repeat a value that was meant to be secret.
func TestProblemsDoNotRepeatSecrets(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"token in place of its hash":    {sum, "hunter2"},
		"secret in place of a variable": {"clientSecretFile: secret", "clientSecretEnv: hunter2"},
		"secret under a guessed key":    {"clientSecretFile: secret", "clientSecret: hunter2"},
		"secret as a list":              {"clientSecretFile: secret", "clientSecretFile: [hunter2]"},
		"password in a URL":             {"http://127.0.0.1:8080/", "http://admin:hunter2@127.0.0.1:8080/"},
		"password in a bad URL":         {"http://127.0.0.1:8080/", "http://admin:hunter2@127.0.0.1:x/"},
		"broken YAML":                   {"clientSecretFile: secret", "clientSecret: 'hunter2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(readGood(t, "minimal.yaml"), change[0], change[1], 1)
			_, problems := load(newDir(t, text), noEnv)
			if len(problems) == 0 {
				t.Fatal("load found no problem")
			}
			if got := strings.Join(texts(problems), "\n"); strings.Contains(got, "hunter2") {
				t.Errorf("problems repeat the secret: %s", got)
			}
		})
	}
}

func TestLoadedConfigPrintsNoSecret(t *testing.T) {
	t.Parallel()
	path := newDir(t, readGood(t, "minimal.yaml"))
	c, _ := load(path, noEnv)
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{string(text), fmt.Sprintf("%+v %#v", c, c)} {
		if strings.Contains(shown, "s3cret-value") {
			t.Errorf("the configuration prints its secret: %s", shown)
		}
	}
	if want := `"requestTimeout":"55s"`; !strings.Contains(string(text), want) {
		t.Errorf("Marshal(config of %s) = %s, want %s in it", filepath.Base(path), text, want)
	}
}
