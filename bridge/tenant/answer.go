package tenant

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"

// Body says how much of a resource an answer contains.
type Body string

// The values of Body.
const (
	BodyFull    Body = "full"
	BodyMinimal Body = "minimal" // the attributes that identify the resource
	BodyNone    Body = "none"
)

// PatchBody returns the Body of the answer to a PATCH. When the policy does not decide, it returns
// usual, the value for the resource type.
func (p Policy) PatchBody(usual Body) Body {
	switch p.PatchResponse {
	case config.PatchFull:
		return BodyFull
	case config.PatchMinimal:
		return BodyMinimal
	case config.PatchNone:
		return BodyNone
	case config.PatchAuto:
	}
	return usual
}
