package guard

import (
	"testing"
	"unicode"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// TestANameWithAnInvisibleCharacterIsRefused: the invisible characters are
// Default_Ignorable_Code_Point of Unicode 15, the controls, the line breaks and the characters that
// change the direction of text.
func TestANameWithAnInvisibleCharacterIsRefused(t *testing.T) {
	t.Parallel()
	hidden := &unicode.RangeTable{R16: []unicode.Range16{
		{0x00, 0x1f, 1},
		{0x7f, 0x9f, 1},
		{0xad, 0xad, 1},
		{0x34f, 0x34f, 1},
		{0x61c, 0x61c, 1},
		{0x115f, 0x1160, 1},
		{0x17b4, 0x17b5, 1},
		{0x180b, 0x180f, 1},
		{0x200b, 0x200f, 1},
		{0x2028, 0x202e, 1},
		{0x2060, 0x206f, 1},
		{0x2800, 0x2800, 1},
		{0x3164, 0x3164, 1},
		{0xfe00, 0xfe0f, 1},
		{0xfeff, 0xfeff, 1},
		{0xffa0, 0xffa0, 1},
		{0xfff0, 0xfffb, 1},
	}, R32: []unicode.Range32{{0x13430, 0x1343f, 1}, {0x1bca0, 0x1bca3, 1}, {0x1d173, 0x1d17a, 1}, {0xe0000, 0xe0fff, 1}}}
	for r := range rune(unicode.MaxRune + 1) {
		if r >= 0xd800 && r <= 0xdfff {
			continue
		}
		if _, got := unclear("a" + string(r) + "b"); got != unicode.Is(hidden, r) {
			t.Errorf("U+%04X is unclear: %t", r, got)
		}
	}
}

// TestJoinersAreAllowedInScriptsThatNeedThem: a joiner is allowed only between letters of such a
// script.
func TestJoinersAreAllowedInScriptsThatNeedThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"می\u200cخواهم": false, "نامه\u200cای": false, "क्\u200dष": false, "क्\u200cष": false, "ක්\u200dෂ": false, "র\u200d্য": false, "مُ\u200cحمد": false,
		"\u200cمی": true, "می\u200c": true, "می\u200c\u200cخ": true, "a\u200db": true, "c\u200ceo": true, "1\u200c2": true, "می\u200c@acme.example": true,
		"日\u200d本": true, "👩\u200d💻": true, "e\u0301\u200c\u0301": true,
	} {
		if _, got := unclear(text); got != want {
			t.Errorf("%+q is unclear: %t, want %t", text, got, want)
		}
	}
}

// FuzzIdentifiers checks that Identifiers allows no name with a control or an invisible character.
func FuzzIdentifiers(f *testing.F) {
	for _, seed := range []string{"jane", "o'neil", `DOMAIN\user`, "ceo@beta.example@acme.example", `"x@beta.example"@acme.example`, "service-account-x b", "x\u202ey", " ", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		state := mapping.UserState{Username: name}
		if Identifiers(&tenant.Tenant{}, tenant.Fitness{}, nil, &state) != nil {
			return
		}
		for _, r := range name {
			if unicode.IsControl(r) || r == '\u202e' || r == '\u200b' {
				t.Errorf("the name %+q is allowed", name)
			}
		}
	})
}
