package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// What a client may do with users and groups that exist before it makes its first request.
const (
	ExistingManage = "manage"
	existingLeave  = "leave"
	existingAdopt  = "adopt"
)

// ExistingChoices returns the possible values of Existing. Each text says what the client does.
func (s *Setup) ExistingChoices() map[string]string {
	out := map[string]string{
		ExistingManage: "finds, changes and disables these users, and changes the members of the groups; it neither creates them again nor deletes them",
		existingAdopt:  "takes over an existing user or group when it creates the same user or group, and may then delete it",
	}
	if s.Organization == "" && !s.Every {
		out[existingLeave] = "does not see these users"
		return out
	}
	out[ExistingManage] = "finds these members, deactivates those whose accounts belong to the organization, and changes the members of the groups; it neither creates them again nor deletes them"
	return out
}

// checkExisting returns an error for an unknown value of Existing.
func (s *Setup) checkExisting() error {
	choices := s.ExistingChoices()
	if s.Existing == existingLeave && choices[existingLeave] == "" {
		return UsageError{errors.New("--existing must be adopt or manage. An organization's endpoint shows all of its members, so it can leave nobody out. With manage it disables only accounts that belong to the organization")}
	}
	if _, known := choices[s.Existing]; !known && s.Existing != "" {
		return UsageError{fmt.Errorf("--existing must be %s", strings.Join(slices.Sorted(maps.Keys(choices)), " or "))}
	}
	if s.Existing != "" && s.Dir == "" {
		return UsageError{errors.New("--existing needs --out: it writes into the configuration that setup creates there")}
	}
	return nil
}

// FindExisting describes the users and groups that exist already. It returns "" when there is nothing to choose.
func (s *Setup) FindExisting(ctx context.Context) (string, error) {
	if s.Existing != "" || s.Dir == "" {
		return "", nil
	}
	if _, err := os.Stat(filepath.Join(s.Dir, ConfigName)); err == nil { // the existing file has made the choice
		return "", nil
	}
	var found realm.Existing
	var err error
	of := ""
	if s.Every {
		found, err = realm.FindAllExisting(ctx, s.admin)
		of = ", of all organizations together"
	} else {
		found, err = realm.FindExisting(ctx, s.admin, s.organization)
	}
	if err != nil || !found.Any() {
		return "", err
	}
	return found.String() + " already" + of, nil
}

// decided are the keys of the tenant's configuration that express the choice.
func (s *Setup) decided() (config.Scope, config.Adopt) {
	switch s.Existing {
	case existingLeave:
		return config.ScopeOwned, ""
	case existingAdopt:
		return "", config.AdoptUnowned
	}
	return "", ""
}
