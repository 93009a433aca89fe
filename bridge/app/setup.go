package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// DefaultClientID is the default id of the service account.
const DefaultClientID = realm.DefaultClientID

// Setup prepares a realm for a bridge and, with a Dir, writes a configuration. Call Check, Inspect, Offers, Plan,
// Apply and Write in this order.
type Setup struct {
	URL        string // of Keycloak
	Realm      string
	AdminRealm string // of the administrator's account
	ClientID   string // of the service account
	Mapping    string // the mapping file whose attributes the realm declares; "" for the built-in mapping
	// Organization is the alias of the organization that the endpoint serves; "" for the realm. With Every, each
	// organization that has a credential gets an endpoint.
	Organization string
	Every        bool
	ManageRealm  bool // grant manage-realm when no smaller role gives access to Organizations
	// Further changes; see realm.Options.
	Relax, Scripts, Restrict, Usernames, Feed, UserFeed bool

	Dir                            string // of the configuration, "" for none
	Helm                           bool   // also write the values of the chart
	Listen, AdminListen, PublicURL string // "" for the defaults
	Existing                       string // what the client may do with existing users: one of ExistingChoices, or ""
	// Clients can never change these users (by name) and groups (by path).
	ProtectUsers, ProtectGroups []string

	admin         *keycloak.Client
	mapping       *mapping.Mapping
	organization  keycloak.OrganizationID
	users, groups []config.Identified
	setup         *realm.Setup
	changes       []realm.Change
}

// Check returns an error when options are wrong or do not fit together.
func (s *Setup) Check() error {
	switch {
	case s.Realm == "" || s.Realm == "master":
		return UsageError{errors.New("--realm is required, and must not be master")}
	case s.Helm && s.Dir == "":
		return UsageError{errors.New("--helm needs --out: it writes into that directory")}
	case s.Dir == "" && len(s.ProtectUsers)+len(s.ProtectGroups) > 0:
		return UsageError{errors.New("--protect-user and --protect-group need --out: they write into the configuration that setup creates there")}
	case s.Every && s.Organization != "":
		return UsageError{errors.New("use --organization for a single organization, or --all-organizations for all of them")}
	case s.Dir != "" && config.Public(s.Dir):
		return UsageError{fmt.Errorf("--out %s: every user of this machine may write into it and could replace the configuration; name a new directory below it, which setup creates", s.Dir)}
	}
	return s.checkExisting()
}

// Inspect compiles the mapping, and finds the ids of what the options name. admin is an administrator's client of the
// realm. A mapping file with problems returns a ProblemsError.
func (s *Setup) Inspect(ctx context.Context, admin *keycloak.Client) (err error) {
	s.admin = admin
	if err := s.load(); err != nil {
		return err
	}
	if err := s.findOrganization(ctx); err != nil {
		return err
	}
	s.users, s.groups, err = realm.Identify(ctx, admin, s.ProtectUsers, s.ProtectGroups)
	return err
}

// load compiles the mapping file. It makes the file's name absolute for config.yaml.
func (s *Setup) load() error {
	if s.Mapping != "" {
		var err error
		if s.Mapping, err = filepath.Abs(s.Mapping); err != nil {
			return err
		}
	}
	m, problems := LoadMapping(config.Tenant{Mapping: s.Mapping, Profile: config.ProfileTolerant})
	if len(problems) > 0 {
		return ProblemsError{problems}
	}
	s.mapping = m
	return nil
}

// findOrganization finds the id of the organization. The tenant keeps the id, not the alias.
func (s *Setup) findOrganization(ctx context.Context) error {
	if s.Organization == "" {
		return nil
	}
	o, found, err := s.admin.FindOrganization(ctx, s.Organization)
	switch {
	case keycloak.KindOf(err) == keycloak.NoOrganization:
		return fmt.Errorf("realm %s: Organizations are disabled; enable them in the realm's settings", s.Realm)
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("realm %s: no organization has the alias %q", s.Realm, s.Organization)
	}
	s.organization, err = keycloak.ParseOrganizationID(o.ID)
	return err
}

// Offers finds which of the options that are not set would change something.
func (s *Setup) Offers(ctx context.Context) (realm.Offer, error) {
	return realm.Offers(ctx, s.admin, s.mapping)
}

// Plan lists what Apply would change; the list is empty when the realm needs no change. Plan changes nothing.
func (s *Setup) Plan(ctx context.Context) (todo []string, err error) {
	s.setup = realm.NewSetup(s.admin, s.mapping, realm.Options{
		ClientID: s.ClientID, Relax: s.Relax, Scripts: s.Scripts, Restrict: s.Restrict, Usernames: s.Usernames, Feed: s.Feed, UserFeed: s.UserFeed, Organizations: s.Every || s.Organization != "", ManageRealm: s.ManageRealm,
		Again: s.again(),
	})
	s.changes, err = s.setup.Plan(ctx)
	return texts(s.changes), err
}

// again is the command line to run setup again for the same realm and mapping.
func (s *Setup) again() string {
	words := []string{"scim-bridge", "setup", "--url", s.URL, "--realm", s.Realm}
	for _, one := range [][3]string{
		{"--admin-realm", s.AdminRealm, "master"}, {"--client-id", s.ClientID, DefaultClientID}, {"--mapping", s.Mapping, ""}, {"--organization", s.Organization, ""},
	} {
		if one[1] != one[2] {
			words = append(words, one[0], one[1])
		}
	}
	if s.Every {
		words = append(words, "--all-organizations")
	}
	if s.ManageRealm {
		words = append(words, "--allow-manage-realm")
	}
	return tenant.CommandLine(words...)
}

// Apply carries out the plan, and lists what the operator still has to do.
func (s *Setup) Apply(ctx context.Context) (left []string, err error) {
	if err := realm.Apply(ctx, s.changes); err != nil {
		return nil, err
	}
	return s.setup.Missing(ctx)
}

// Write creates the directory with config.yaml, the secret and the token.
func (s *Setup) Write(ctx context.Context) (Installed, error) {
	secret, err := s.setup.Secret(ctx)
	if err != nil {
		return Installed{}, fmt.Errorf("read the client's secret: %w", err)
	}
	scope, adopt := s.decided()
	return Installation{Dir: s.Dir, Every: s.Every, Helm: s.Helm, Draft: config.Draft{
		Scope: scope, Adopt: adopt,
		KeycloakURL: s.URL, Realm: s.Realm, ClientID: s.ClientID,
		Organization: s.Organization, OrganizationID: s.organization.String(),
		ProtectedUsers: s.users, ProtectedGroups: s.groups, Mapping: s.Mapping,
		Listen: config.Address(s.Listen), AdminListen: config.Address(s.AdminListen), PublicURL: s.PublicURL,
	}}.Write(secret)
}

// All does every step except Check and Offers, without questions.
func (s *Setup) All(ctx context.Context, admin *keycloak.Client) (Installed, error) {
	err := s.Inspect(ctx, admin)
	if err == nil {
		_, err = s.Plan(ctx)
	}
	if err == nil {
		_, err = s.Apply(ctx)
	}
	if err != nil {
		return Installed{}, err
	}
	return s.Write(ctx)
}
