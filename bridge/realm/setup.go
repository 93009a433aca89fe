package realm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Options are changes that setup makes only when an operator asks for them.
type Options struct {
	ClientID  string // client ID of the service account's client
	Relax     bool   // remove the stock validators that refuse common user names and names of persons
	Scripts   bool   // remove the stock validator that allows only Latin letters in user names
	Restrict  bool   // remove the users' right to edit attributes of the mapping
	Usernames bool   // allow changes of user names
	Feed      bool   // let the realm store admin events, and let the account read them
	UserFeed  bool   // let the realm store the user events of accounts, and let the account read them
	// Organizations also grants the rights for members of organizations: manage-organizations or,
	// on a server without this role, manage-realm if ManageRealm allows it.
	Organizations bool
	ManageRealm   bool
	// Again is the command line that runs setup for the same realm, for messages.
	Again string
}

// Change is one step of the preparation of a realm.
type Change struct {
	Text string // what the step does, for the operator
	do   func(ctx context.Context) error
}

// Setup prepares a realm with an administrator's client.
type Setup struct {
	admin   *keycloak.Client
	mapping *mapping.Mapping
	options Options

	wanted  []string            // the roles that the client needs
	client  keycloak.ClientUUID // zero until the client exists
	profile keycloak.UserProfile
}

// NewSetup makes a Setup; it makes no call.
func NewSetup(admin *keycloak.Client, m *mapping.Mapping, o Options) *Setup {
	return &Setup{admin: admin, mapping: m, options: o}
}

// Plan reads the realm and lists the changes that the realm needs. The list is empty when the realm
// needs no change. Plan changes nothing.
func (s *Setup) Plan(ctx context.Context) ([]Change, error) {
	changes, err := s.planClient(ctx)
	if err != nil {
		return nil, err
	}
	if s.profile, err = s.admin.UserProfile(ctx); err != nil {
		return nil, fmt.Errorf("read user profile: %w", err)
	}
	if change, ok := s.planProfile(); ok {
		changes = append(changes, change)
	}
	settings, err := s.admin.RealmSettings(ctx)
	if err != nil {
		return nil, fmt.Errorf("read realm: %w", err)
	}
	if s.options.Usernames && !settings.EditUsernameAllowed {
		changes = append(changes, Change{Text: "allow changes of user names (Edit username)", do: s.admin.AllowEditUsername})
	}
	if s.options.Feed && !settings.AdminEventsEnabled {
		changes = append(changes, Change{
			Text: "store admin events (Events config), for a day unless the realm has another time",
			do:   func(ctx context.Context) error { return s.admin.StoreAdminEvents(ctx, keepEvents) },
		})
	}
	if s.options.UserFeed && !settings.StoresAccountEvents() {
		changes = append(changes, Change{
			Text: "store the user events " + strings.Join(keycloak.AccountEvents(), ", ") + " (Events config), for a day unless the realm has another time",
			do:   func(ctx context.Context) error { return s.admin.StoreUserEvents(ctx, keepEvents) },
		})
	}
	return changes, nil
}

// keepEvents is how long a realm that stored no events before keeps them.
const keepEvents = 24 * time.Hour

// Apply carries out the changes of a plan, in order.
func Apply(ctx context.Context, changes []Change) error {
	for _, c := range changes {
		if err := c.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", c.Text, err)
		}
	}
	return nil
}

// Missing lists what the mapping names and setup cannot create. Only the operator knows the meaning
// of groups, roles and an identity provider.
func (s *Setup) Missing(ctx context.Context) ([]string, error) {
	r := newReport(s.admin, nil)
	if err := r.resolve(ctx, s.admin, s.mapping, newResolver(s.admin, &Known{})); err != nil {
		return nil, err
	}
	profile, err := s.admin.UserProfile(ctx)
	if err != nil {
		return nil, fmt.Errorf("read user profile: %w", err)
	}
	out := r.Problems()
	for _, name := range editable(profile, s.mapping) {
		out = append(out, fmt.Sprintf("user attribute %q can be edited by users themselves, and the tenant answers 503 until they cannot edit it. To remove that right: %s --restrict-attributes", name, s.options.Again))
	}
	return out, nil
}

// editable returns the attributes of a mapping that the realm lets users edit.
func editable(p keycloak.UserProfile, m *mapping.Mapping) []string {
	var out []string
	for _, d := range m.Declarations() {
		if !d.Own && editedByUsers(p, d) {
			out = append(out, d.Name)
		}
	}
	return out
}

// Identify looks up the users and groups that an operator names. A configuration with their ids
// keeps to them, whatever their names become later.
func Identify(ctx context.Context, admin *keycloak.Client, users, groups []string) (u, g []config.Identified, err error) {
	names := newResolver(admin, &Known{})
	identify := func(kind string, list []string, find func(context.Context, string) (named, error)) (out []config.Identified, err error) {
		for _, name := range list {
			found, err := find(ctx, name)
			if err == nil && found.problem != "" {
				err = fmt.Errorf("realm %s: the %s %q %s", admin.Realm(), kind, name, found.problem)
			}
			if err != nil {
				return nil, err
			}
			out = append(out, config.Identified{ID: found.id, Name: found.name})
		}
		return out, nil
	}
	if u, err = identify(kindUser, users, names.user); err == nil {
		g, err = identify(kindGroup, groups, names.group)
	}
	return u, g, err
}

// Secret reads the client's secret once the client exists.
func (s *Setup) Secret(ctx context.Context) (string, error) {
	return s.admin.ClientSecret(ctx, s.client)
}

// ErrManageRealm reports that the server has no right that covers only organizations.
var ErrManageRealm = errors.New("before Keycloak 26.7 only manage-realm gives access to Organizations, and with it somebody who has the bridge's secret could change the whole realm: add --allow-manage-realm if you accept that, or use 26.7")

// rights returns the roles to grant on this server.
func (s *Setup) rights(ctx context.Context) ([]string, error) {
	wanted := need{mapping: s.mapping, organizations: s.options.Organizations}.rights()
	if s.options.Feed || s.options.UserFeed {
		wanted = append(wanted, viewEvents)
	}
	if !s.options.Organizations {
		return wanted, nil
	}
	has, err := s.admin.HasManagementRole(ctx, manageOrganizations)
	switch {
	case err != nil || has:
		return wanted, err
	case !s.options.ManageRealm:
		return nil, ErrManageRealm
	}
	return append(without(wanted, []string{manageOrganizations}), manageRealm), nil
}

func (s *Setup) planClient(ctx context.Context) ([]Change, error) {
	var err error
	if s.wanted, err = s.rights(ctx); err != nil {
		return nil, err
	}
	id, exists, err := s.admin.FindClient(ctx, s.options.ClientID)
	if err != nil {
		return nil, fmt.Errorf("find client: %w", err)
	}
	if !exists {
		create := Change{Text: fmt.Sprintf("create the confidential client %q with a service account", s.options.ClientID), do: s.create}
		return []Change{create, s.granting(s.wanted)}, nil
	}
	s.client = id
	lacking, err := s.lackingRoles(ctx)
	if err != nil || len(lacking) == 0 {
		return nil, err
	}
	names := make([]string, len(lacking))
	for i, role := range lacking {
		names[i] = role.Name
	}
	return []Change{s.granting(names)}, nil
}

// granting is the change that grants roles.
func (s *Setup) granting(names []string) Change {
	text := "grant it the realm-management roles " + strings.Join(names, ", ")
	if slices.Contains(names, manageRealm) {
		text += ";\n    " + manageRealm + ": for organizations before Keycloak 26.7 (also lets it change the whole realm)"
	}
	if slices.Contains(names, viewClients) {
		text += ";\n    " + viewClients + ": to find administrators (also lets it read the secrets of the realm's clients)"
	}
	return Change{Text: text, do: s.grant}
}

func (s *Setup) create(ctx context.Context) (err error) {
	s.client, err = s.admin.CreateClient(ctx, s.options.ClientID, "SCIM bridge: provisions users and groups")
	return err
}

func (s *Setup) grant(ctx context.Context) error {
	lacking, err := s.lackingRoles(ctx)
	if err != nil {
		return err
	}
	user, err := s.admin.ServiceAccount(ctx, s.client)
	if err != nil {
		return err
	}
	return s.admin.GrantRoles(ctx, user, lacking)
}

// lackingRoles returns the needed roles that the client's service account does not have.
func (s *Setup) lackingRoles(ctx context.Context) ([]keycloak.Role, error) {
	user, err := s.admin.ServiceAccount(ctx, s.client)
	if err != nil {
		return nil, fmt.Errorf("find service account of the client (is it switched on?): %w", err)
	}
	all, granted, err := s.admin.ManagementRoles(ctx, user)
	if err != nil {
		return nil, err
	}
	var has []string
	for _, role := range granted {
		has = append(has, role.Name)
	}
	lacking := missing(s.wanted, has)
	return slices.DeleteFunc(all, func(r keycloak.Role) bool { return !slices.Contains(lacking, r.Name) }), nil
}

// planProfile returns the change of the user profile: attributes to declare, declarations to
// correct, validators to remove.
func (s *Setup) planProfile() (Change, bool) {
	profile := s.profile
	profile.Attributes = slices.Clone(s.profile.Attributes)
	var texts []string
	for _, d := range s.mapping.SetUp() {
		if faultOf(profile, d) != "" {
			texts = append(texts, declare(&profile, d, d.Own || s.options.Restrict)...)
		}
	}
	for _, v := range s.removed(profile) {
		texts = append(texts, "remove the validator "+v.validator+" of "+v.attribute)
		relax(&profile, v)
	}
	do := func(ctx context.Context) error { return s.admin.UpdateUserProfile(ctx, profile) }
	return Change{Text: "user profile: " + strings.Join(texts, ";\n    "), do: do}, len(texts) > 0
}

// removed returns the validators of a profile that the options remove.
func (s *Setup) removed(p keycloak.UserProfile) []strictValidator {
	var out []strictValidator
	if s.options.Relax {
		out = strict(p)
	}
	if s.options.Scripts && narrow(p) {
		out = append(out, latinOnly())
	}
	return out
}

// declare declares an attribute for administrators only. It corrects only what is wrong with an
// existing declaration, and users keep the right to edit the attribute unless restrict is true. It
// returns descriptions of its changes.
func declare(p *keycloak.UserProfile, d mapping.Declaration, restrict bool) []string {
	const admin, user = "admin", "user"
	a := p.Attribute(d.Name)
	if a == nil {
		p.Attributes = append(p.Attributes, keycloak.ProfileAttribute{
			Name: d.Name, DisplayName: d.DisplayName, View: []string{admin}, Edit: []string{admin}, MultiValued: d.MultiValued,
		})
		return []string{"declare the user attribute " + d.Name + " for administrators only"}
	}
	var texts, rights []string
	for _, right := range []struct {
		name string
		who  *[]string
	}{{"view", &a.View}, {"edit", &a.Edit}} {
		if !slices.Contains(*right.who, admin) {
			*right.who = append(slices.Clone(*right.who), admin)
			rights = append(rights, right.name)
		}
	}
	if len(rights) > 0 {
		texts = append(texts, "let administrators "+strings.Join(rights, " and ")+" the user attribute "+d.Name+", which the realm declares")
	}
	if restrict && slices.Contains(a.Edit, user) {
		a.Edit = without(a.Edit, []string{user})
		texts = append(texts, "remove the users' right to edit "+d.Name+", which the realm declares")
	}
	if d.MultiValued && !a.MultiValued {
		a.MultiValued = true
		texts = append(texts, "let the user attribute "+d.Name+", which the realm declares, have several values")
	}
	return texts
}

// relax removes a validator, without changing the profile that was read.
func relax(p *keycloak.UserProfile, v strictValidator) {
	a := p.Attribute(v.attribute)
	a.Validations = maps.Clone(a.Validations)
	delete(a.Validations, v.validator)
}

// Offer lists optional changes that setup can make.
type Offer struct {
	Relax, Scripts, Usernames, Feed bool
	// Editable are the attributes of the mapping that users can edit.
	Editable []string
}

// Offers reports which options would change something, for a mapping.
func Offers(ctx context.Context, admin *keycloak.Client, m *mapping.Mapping) (Offer, error) {
	profile, err := admin.UserProfile(ctx)
	if err != nil {
		return Offer{}, fmt.Errorf("read user profile: %w", err)
	}
	settings, err := admin.RealmSettings(ctx)
	if err != nil {
		return Offer{}, fmt.Errorf("read realm: %w", err)
	}
	return Offer{
		Relax: len(strict(profile)) > 0, Scripts: narrow(profile), Usernames: !settings.EditUsernameAllowed, Feed: !settings.AdminEventsEnabled,
		Editable: editable(profile, m),
	}, nil
}
