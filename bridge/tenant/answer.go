package tenant

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"

// Body is how much of a resource an answer holds.
type Body string

// The values of Body.
const (
	BodyFull    Body = "full"
	BodyMinimal Body = "minimal" // what tells which resource it is
	BodyNone    Body = "none"
)

// PatchBody is what a PATCH is answered with, usual where the policy leaves it to the type of the resource.
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
