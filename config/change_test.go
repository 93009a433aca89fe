package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// changeable is a configuration in a directory of its own. Its only tenant has a file of tokens.
func changeable(t *testing.T) (file, tokens string) {
	t.Helper()
	_, dir := loadText(t, "", head+"    organizations: \"*\"\n    tenants:\n      - tokensFile: tokens.yaml # theirs\n")
	return filepath.Join(dir, "config.yaml"), filepath.Join(dir, "tokens.yaml")
}

func readText(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestAnEntryOfAccessTokensIsAddedAndRemoved in the file itself. The file keeps its mode, and is
// the same at the end.
func TestAnEntryOfAccessTokensIsAddedAndRemoved(t *testing.T) {
	t.Parallel()
	file, _ := changeable(t)
	before, at := readText(t, file), TenantEntry{Realm: "acme"}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	entry := AccessToken{Name: "entra", ClientID: "scim-entra", Audience: "x"}
	if err := AddAccessToken(file, at, entry); err != nil {
		t.Fatal(err)
	}
	c, problems := Load(file)
	if len(problems) > 0 || len(c.Realms["acme"].Tenants[0].AccessTokens) != 1 {
		t.Fatalf("%v in\n%s", problems, readText(t, file))
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if err := RemoveAccessToken(file, at, entry); err != nil || readText(t, file) != before {
		t.Errorf("%v, and the file is\n%s", err, readText(t, file))
	}
}

// TestAFileThatCannotBeChangedStaysAsItIs, and no other file is left beside it.
func TestAFileThatCannotBeChangedStaysAsItIs(t *testing.T) {
	t.Parallel()
	entry, at := AccessToken{Name: "entra", ClientID: "scim-entra", Audience: "x"}, TenantEntry{Realm: "acme"}
	add := func(entry AccessToken, at TenantEntry) func(string) error {
		return func(file string) error { return AddAccessToken(file, at, entry) }
	}
	for name, c := range map[string]struct {
		change func(file string) error
		spoil  func(t *testing.T, file string)
		want   string
		left   bool // another program made the file beside it
	}{
		"a link": {change: add(entry, at), spoil: func(t *testing.T, file string) {
			t.Helper()
			if err := errors.Join(os.Rename(file, file+".origin"), os.Symlink(file+".origin", file)); err != nil {
				t.Fatal(err)
			}
		}, want: ErrLink.Error()},
		"another one changes it": {change: add(entry, at), spoil: func(t *testing.T, file string) {
			t.Helper()
			if err := os.WriteFile(file+".new", nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, want: `exists: another command "scim-bridge tokens" is changing the file`, left: true},
		"an entry with a problem": {change: add(AccessToken{Name: "entra"}, at), want: "with this change the configuration has a problem: "},
		"no such realm":           {change: add(entry, TenantEntry{Realm: "globex"}), want: ErrByHand.Error()},
		"no such entry":           {change: func(file string) error { return RemoveAccessToken(file, at, entry) }, want: ErrByHand.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, _ := changeable(t)
			before := readText(t, file)
			if c.spoil != nil {
				c.spoil(t, file)
			}
			if err := c.change(file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the change ends with %v, not with %q", err, c.want)
			}
			if after := readText(t, file); after != before {
				t.Errorf("the file is\n%s", after)
			}
			if _, err := os.Stat(file + ".new"); (err == nil) != c.left {
				t.Errorf("beside it: %v", err)
			}
		})
	}
}

// TestAFileOfTokensIsReplaced, except a link or a file with a problem.
func TestAFileOfTokensIsReplaced(t *testing.T) {
	t.Parallel()
	_, file := changeable(t)
	more := func(list []Token) []Token { return append(list, Token{Name: "idp", SHA256: Digest{1}}) }
	if err := ChangeTokens(file, more); err != nil {
		t.Fatal(err)
	}
	if list, problems := LoadTokens(file); len(problems) > 0 || len(list.Tokens) != 1 || list.Tokens[0].Name != "idp" {
		t.Errorf("%v %v", list, problems)
	}
	link := file + ".link"
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := ChangeTokens(link, more); !errors.Is(err, ErrLink) {
		t.Errorf("a link: %v", err)
	}
	if err := os.WriteFile(file, []byte("version: 1\ntokens: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ChangeTokens(file, more); err == nil || !strings.Contains(err.Error(), "tokens") {
		t.Errorf("a file with a problem: %v", err)
	}
	if text := readText(t, file); text != "version: 1\ntokens: 1\n" {
		t.Errorf("it is now\n%s", text)
	}
}

// TestAFileThatCannotBePutInItsPlaceLeavesNothingBeside: a file that is left would lock the file of
// tokens for every later change.
func TestAFileThatCannotBePutInItsPlaceLeavesNothingBeside(t *testing.T) {
	t.Parallel()
	_, tokens := changeable(t)
	err := ChangeTokens(tokens, func(list []Token) []Token {
		if err := errors.Join(os.Remove(tokens), os.Mkdir(tokens, 0o700)); err != nil {
			t.Error(err)
		}
		return list
	})
	if err == nil {
		t.Error("a directory was replaced by a file")
	}
	if _, err := os.Stat(tokens + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the new file is still there: %v", err)
	}
}
