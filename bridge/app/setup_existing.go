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

// What shall hold for users and groups that are there before the client comes.
const (
	ExistingManage = "manage"
	existingLeave  = "leave"
	existingAdopt  = "adopt"
)

// ExistingChoices are the values of Existing, with what each means for the client.
func (s *Setup) ExistingChoices() map[string]string {
	out := map[string]string{
		ExistingManage: "finds, changes and disables these users, and changes the members of the groups; neither creates them again nor deletes them",
		existingAdopt:  "takes over those that it creates again, and may delete them then",
	}
	if s.Organization == "" && !s.Every {
		out[existingLeave] = "does not see these users"
		return out
	}
	out[ExistingManage] = "finds these members, deactivates those whose accounts belong to the organization, and changes the members of the groups; neither creates them again nor deletes them"
	return out
}

// checkExisting refuses a value of Existing that there is not.
func (s *Setup) checkExisting() error {
	choices := s.ExistingChoices()
	if s.Existing == existingLeave && choices[existingLeave] == "" {
		return UsageError{errors.New("--existing must be adopt or manage. An organization's endpoint shows all of its members, so it can leave nobody out. With manage it disables only accounts that belong to the organization")}
	}
	if _, known := choices[s.Existing]; !known && s.Existing != "" {
		return UsageError{fmt.Errorf("--existing must be %s", strings.Join(slices.Sorted(maps.Keys(choices)), " or "))}
	}
	if s.Existing != "" && s.Dir == "" {
		return UsageError{errors.New("--existing writes into the configuration that --out names")}
	}
	return nil
}

// FindExisting says who and what is there already, when there is somebody and Existing is to be chosen; "" when there
// is nothing to choose.
func (s *Setup) FindExisting(ctx context.Context) (string, error) {
	if s.Existing != "" || s.Dir == "" {
		return "", nil
	}
	if _, err := os.Stat(filepath.Join(s.Dir, ConfigName)); err == nil { // which decided that already
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

// decided are the keys of the tenant that the choice means.
func (s *Setup) decided() (config.Scope, config.Adopt) {
	switch s.Existing {
	case existingLeave:
		return config.ScopeOwned, ""
	case existingAdopt:
		return "", config.AdoptUnowned
	}
	return "", ""
}
