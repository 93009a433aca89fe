package auth_test

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// TestAnEntryIsValidOnlyForItsOrganizationAndKey: a person who edits an organization cannot make,
// move or change an entry.
func TestAnEntryIsValidOnlyForItsOrganizationAndKey(t *testing.T) {
	t.Parallel()
	key := []byte("a key of the bridge of 32 bytes!")
	token := tenant.Token{Name: strings.Repeat("n", 40), KeyID: "01234567", Scopes: tenant.AllScopes, SHA256: sha256.Sum256([]byte("x")), Expires: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	for _, want := range []tenant.Token{token, {Name: "a", SHA256: token.SHA256}} {
		entry, err := auth.Entry(key, "org-1", want)
		if err != nil || len(entry) > 255 {
			t.Fatalf("Entry() = %q, %v, want at most 255 characters", entry, err)
		}
		got, err := auth.ReadEntry(key, "org-1", entry)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("ReadEntry(Entry()) = %v (-want +got):\n%s", err, diff)
		}
		for i := range entry {
			if _, err := auth.ReadEntry(key, "org-1", entry[:i]+string(entry[i]^1)+entry[i+1:]); !errors.Is(err, auth.ErrEntry) {
				t.Errorf("an entry with another character %d = %v, want ErrEntry", i, err)
			}
			if _, err := auth.ReadEntry(key, "org-1", entry[:i]); !errors.Is(err, auth.ErrEntry) {
				t.Errorf("an entry cut at %d = %v, want ErrEntry", i, err)
			}
		}
		if _, err := auth.ReadEntry(key, "org-2", entry); !errors.Is(err, auth.ErrEntry) {
			t.Errorf("an entry at another organization = %v, want ErrEntry", err)
		}
		if _, err := auth.ReadEntry([]byte("another key"), "org-1", entry); !errors.Is(err, auth.ErrEntry) {
			t.Errorf("an entry of another bridge = %v, want ErrEntry", err)
		}
	}
	for _, name := range []string{"", "a|b", "a\nb", strings.Repeat("n", 41)} {
		if _, err := auth.Entry(key, "org-1", tenant.Token{Name: name}); err == nil {
			t.Errorf("Entry() of the name %q is no error", name)
		}
	}
}

func FuzzReadEntry(f *testing.F) {
	key := []byte("a key of the bridge of 32 bytes!")
	entry, err := auth.Entry(key, "org-1", tenant.Token{Name: "a", KeyID: "01234567", Scopes: tenant.AllScopes, Expires: time.Unix(1, 0)})
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{entry, "", "|||||", "a||" + strings.Repeat("0", 64) + "||31|" + strings.Repeat("0", 64)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := auth.ReadEntry(key, "org-1", text); err == nil && text != entry {
			t.Errorf("ReadEntry(%q) = %+v", text, got)
		}
	})
}
