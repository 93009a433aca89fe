package config

// PatchResponse says how a PATCH is answered.
type PatchResponse string

// The values of PatchResponse.
const (
	// PatchAuto is full for a user, and none for a group: for Keycloak it is much more work to read
	// members than to change them.
	PatchAuto    PatchResponse = "auto"
	PatchFull    PatchResponse = "full"    // 200 with the resource
	PatchMinimal PatchResponse = "minimal" // 200 with the identity of the resource
	PatchNone    PatchResponse = "none"    // 204
)

// UnmarshalText refuses other values.
func (p *PatchResponse) UnmarshalText(text []byte) error { return oneWord(p, text, p.words()) }

func (p *PatchResponse) words() []string {
	return wordList(PatchAuto, PatchFull, PatchMinimal, PatchNone)
}
