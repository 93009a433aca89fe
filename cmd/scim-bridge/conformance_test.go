package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/scimtest"
)

// TestConformance runs the suite on the fake and on the real Keycloak, in both
// profiles.
func TestConformance(t *testing.T) {
	t.Parallel()
	servers := map[string]func(*testing.T) keycloaktest.Server{
		"fake": func(t *testing.T) keycloaktest.Server { t.Helper(); return keycloaktest.NewFake(t).Server() },
		"real": func(t *testing.T) keycloaktest.Server { t.Helper(); return keycloaktest.Real(t) },
	}
	for name, server := range servers {
		for _, profile := range []config.Profile{config.ProfileTolerant, config.ProfileStrict} {
			t.Run(name+"/"+string(profile), func(t *testing.T) {
				t.Parallel()
				conforms(t, server(t), profile)
			})
		}
	}
}

func conforms(t *testing.T, server keycloaktest.Server, profile config.Profile) {
	t.Helper()
	b := newBridgeOn(t, server, func(c *config.Config) {
		for _, realm := range c.Realms {
			realm.Tenants[0].Profile = profile
		}
	})
	passed := 0
	err := scimtest.Run(t.Context(), scimtest.Config{Base: b.Base, Token: b.Token, Profile: string(profile), HTTP: http.DefaultClient}, func(r scimtest.Result) {
		switch r.Outcome {
		case scimtest.Pass:
			passed++
		case scimtest.Fail:
			t.Errorf("%s: %s:\n%s", r.Check.Section, r.Check.Name, strings.Join(r.Details, "\n"))
		case scimtest.Skip:
			if r.Check.Profile == "" {
				t.Errorf("%s: %s is skipped: %s", r.Check.Section, r.Check.Name, r.Details)
			}
		}
	})
	if err != nil || passed < 60 {
		t.Errorf("%d checks passed, %v, want at least 60", passed, err)
	}
}
