package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// What shall hold for users and groups that are there before the client comes.
const (
	existingManage = "manage"
	existingLeave  = "leave"
	existingAdopt  = "adopt"
)

// existingChoices are the values of --existing, with what each means for the client.
func (f setupFlags) existingChoices() map[string]string {
	out := map[string]string{
		existingManage: "finds, changes and disables these users, and changes the members of the groups; neither creates them again nor deletes them",
		existingAdopt:  "takes over those that it creates again, and may delete them then",
	}
	if f.organization == "" && !f.every {
		out[existingLeave] = "does not see these users"
		return out
	}
	out[existingManage] = "finds these members, deactivates those whose accounts belong to the organization, and changes the members of the groups; neither creates them again nor deletes them"
	return out
}

// checkExisting refuses a value of --existing that there is not.
func (f setupFlags) checkExisting() error {
	choices := f.existingChoices()
	if f.existing == existingLeave && choices[existingLeave] == "" {
		return codedError{exitUsage, errors.New("--existing must be adopt or manage: the endpoint of an organization is for its members, so that there is nobody whom it could leave out; with manage it disables no account that is not the organization's")}
	}
	if _, known := choices[f.existing]; !known && f.existing != "" {
		return codedError{exitUsage, fmt.Errorf("--existing must be %s", strings.Join(sortedKeys(choices), " or "))}
	}
	if f.existing != "" && f.out == "" {
		return codedError{exitUsage, errors.New("--existing writes into the configuration that --out names")}
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	var out []string
	for key := range m {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}

// chooseExisting asks what shall hold for the users and groups that are there, if there are some and
// the flags do not say. Nobody who agreed to everything is asked: they are told.
func (f *setupFlags) chooseExisting(ctx context.Context, in *asker, admin *keycloak.Client) error {
	if f.existing != "" || f.out == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Join(f.out, configName)); err == nil { // which decided that already
		return nil
	}
	found, of, err := f.findExisting(ctx, admin)
	if err != nil || !found.Any() {
		return err
	}
	f.existing = existingManage
	choices := f.existingChoices()
	fmt.Fprintf(in.out, "There are %s already%s. The client\n", found, of)
	for _, name := range sortedKeys(choices) {
		fmt.Fprintf(in.out, "  - %s (%s)\n", choices[name], name)
	}
	if f.yes {
		fmt.Fprintf(in.out, "Written is %s; --existing chooses another one.\n", f.existing)
		return nil
	}
	return f.askExisting(in, choices)
}

// findExisting counts who and what is there, and says of what where it is of several.
func (f *setupFlags) findExisting(ctx context.Context, admin *keycloak.Client) (found realm.Existing, of string, err error) {
	if f.every {
		found, err = realm.FindAllExisting(ctx, admin)
		return found, ", of all organizations together", err
	}
	found, err = realm.FindExisting(ctx, admin, f.organizationID)
	return found, "", err
}

func (f *setupFlags) askExisting(in *asker, choices map[string]string) error {
	for {
		fmt.Fprintf(in.out, "What shall hold? %s [%s] ", strings.Join(sortedKeys(choices), ", "), existingManage)
		text, err := in.in.ReadString('\n')
		text = strings.ToLower(strings.TrimSpace(text))
		if _, known := choices[text]; known {
			f.existing = text
		}
		switch {
		case err != nil && text == "":
			return errors.New("nothing was changed")
		case text == "" || f.existing == text:
			return nil
		case err != nil:
			return codedError{exitUsage, fmt.Errorf("%q is none of the choices; nothing was changed", text)}
		}
	}
}

// decided are the keys of the tenant that the choice means.
func (f setupFlags) decided() (config.Scope, config.Adopt) {
	switch f.existing {
	case existingLeave:
		return config.ScopeOwned, ""
	case existingAdopt:
		return "", config.AdoptUnowned
	}
	return "", ""
}
