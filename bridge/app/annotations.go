package app

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// MappingOfRealm returns the text of a mapping file that does the same as the annotations of a realm's user profile.
// Comments in the file list the annotations that it does not cover.
func MappingOfRealm(ctx context.Context, admin *keycloak.Client) (string, error) {
	profile, err := admin.UserProfile(ctx)
	if err != nil {
		return "", err
	}
	file, notes := mapping.FromAnnotations(profile)
	return config.RenderMapping(file, notes), nil
}
