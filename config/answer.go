package config

// PatchResponse says what a PATCH is answered with.
type PatchResponse string

// What it is answered with.
const (
	// PatchAuto is full for a user, and none for a group: Keycloak reads members at a far higher cost than
	// it changes them.
	PatchAuto    PatchResponse = "auto"
	PatchFull    PatchResponse = "full"    // 200 with the resource
	PatchMinimal PatchResponse = "minimal" // 200 with what tells which resource it is
	PatchNone    PatchResponse = "none"    // 204
)

// UnmarshalText refuses other values.
func (p *PatchResponse) UnmarshalText(text []byte) error { return oneWord(p, text, p.words()) }

func (p *PatchResponse) words() []string {
	return wordList(PatchAuto, PatchFull, PatchMinimal, PatchNone)
}
