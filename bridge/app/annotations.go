package app

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// MappingOfRealm is the text of the mapping file that does what the annotations of a realm's user profile do. What it
// does not take over stands in it as a comment.
func MappingOfRealm(ctx context.Context, admin *keycloak.Client) (string, error) {
	profile, err := admin.UserProfile(ctx)
	if err != nil {
		return "", err
	}
	file, notes := mapping.FromAnnotations(profile)
	return config.RenderMapping(file, notes), nil
}
