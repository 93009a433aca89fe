package realm_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// bare is a realm as Keycloak creates it.
func bare(t *testing.T) *world {
	t.Helper()
	fake := keycloaktest.NewFake(t)
	w := &world{Realm: keycloaktest.NewRealm(t, fake.Server(), keycloaktest.RealmOptions{}), t: t, fake: fake}
	w.Send(t, http.MethodPut, "", `{"organizationsEnabled":true}`)
	return w
}

// planned returns the changes of setup and their texts.
func (w *world) planned(m *mapping.Mapping, o realm.Options) ([]realm.Change, []string) {
	w.t.Helper()
	changes, err := realm.NewSetup(w.Admin, m, o).Plan(w.t.Context())
	w.must(err)
	var texts []string
	for _, c := range changes {
		texts = append(texts, c.Text)
	}
	return changes, texts
}

// TestSetupPlansWhatIsMissing and what its options allow. It changes nothing before the plan is
// applied, and nothing that is right already.
func TestSetupPlansWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := bare(t)
	m := w.mapping("users:\n  attributes:\n    title: { keycloak: job }\n")
	o := realm.Options{ClientID: "bridge"}
	w.fake.ResetCalls()
	changes, texts := w.planned(m, o)
	if len(texts) != 3 || texts[0] != `create the confidential client "bridge" with a service account` ||
		!strings.HasPrefix(texts[1], "grant it the realm-management roles manage-users, view-realm, view-clients;\n    view-clients: to find administrators") ||
		!strings.Contains(texts[2], "declare the user attribute job for administrators only") {
		t.Errorf("setup plans %q", texts)
	}
	for _, call := range w.fake.Calls() {
		if !strings.HasPrefix(call, http.MethodGet) && call != "POST /token" {
			t.Errorf("the plan calls %s", call)
		}
	}
	w.must(realm.Apply(t.Context(), changes))
	if _, again := w.planned(m, o); len(again) > 0 {
		t.Errorf("once it is applied setup plans %q", again)
	}
	o.Relax, o.Scripts, o.Usernames, o.Feed, o.UserFeed = true, true, true, true, true
	offer, err := realm.Offers(t.Context(), w.Admin, m)
	if err != nil || !offer.Relax || !offer.Scripts || !offer.Usernames || !offer.Feed || len(offer.Editable) > 0 {
		t.Errorf("setup offers %+v, %v", offer, err)
	}
	changes, texts = w.planned(m, o)
	for _, want := range []string{
		"grant it the realm-management roles view-events", "remove the validator username-prohibited-characters of username", "up-username-not-idn-homograph", "allow changes of user names", "store admin events",
		"store the user events DELETE_ACCOUNT, FEDERATED_IDENTITY_LINK, INVITE_ORG, REGISTER, UPDATE_EMAIL, UPDATE_PROFILE, VERIFY_EMAIL (Events config)",
	} {
		if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, want) }) {
			t.Errorf("setup does not plan to %s: %q", want, texts)
		}
	}
	w.must(realm.Apply(t.Context(), changes))
	if offer, err = realm.Offers(t.Context(), w.Admin, m); err != nil || offer.Relax || offer.Scripts || offer.Usernames || offer.Feed {
		t.Errorf("once it is applied setup offers %+v, %v", offer, err)
	}
	if _, again := w.planned(m, o); len(again) > 0 {
		t.Errorf("once all is applied setup plans %q", again)
	}
}

// TestSetupMendsWhatTheRealmDeclares, and removes rights from users only when an option says so.
func TestSetupMendsWhatTheRealmDeclares(t *testing.T) {
	t.Parallel()
	w := bare(t)
	w.setUp(w.mapping(""), realm.Options{ClientID: "bridge"})
	m := w.mapping("users:\n  attributes:\n    title: { keycloak: job }\n")
	w.profile(func(p *keycloak.UserProfile) {
		p.Attributes = append(p.Attributes, keycloak.ProfileAttribute{Name: "job", View: []string{"user"}, Edit: []string{"user"}})
		p.Attribute(mapping.AttrOwner).MultiValued = false
	})
	_, texts := w.planned(m, realm.Options{ClientID: "bridge"})
	if len(texts) != 1 || !strings.Contains(texts[0], "let administrators view and edit the user attribute job") || !strings.Contains(texts[0], "have several values") || strings.Contains(texts[0], "take from users") {
		t.Errorf("setup plans %q", texts)
	}
	missing, err := realm.NewSetup(w.Admin, m, realm.Options{ClientID: "bridge", Again: "scim-bridge setup"}).Missing(t.Context())
	if err != nil || len(missing) != 1 || !strings.Contains(missing[0], `"job" can be edited by users themselves`) || !strings.HasSuffix(missing[0], "scim-bridge setup --restrict-attributes") {
		t.Errorf("what setup leaves to the operator is %q, %v", missing, err)
	}
	changes, texts := w.planned(m, realm.Options{ClientID: "bridge", Restrict: true})
	if len(texts) != 1 || !strings.Contains(texts[0], "remove the users' right to edit job") {
		t.Errorf("setup that restricts plans %q", texts)
	}
	w.must(realm.Apply(t.Context(), changes))
	p, err := w.Admin.UserProfile(t.Context())
	w.must(err)
	if a := p.Attribute("job"); !slices.Equal(a.Edit, []string{"admin"}) || !slices.Contains(a.View, "admin") || !p.Attribute(mapping.AttrOwner).MultiValued {
		t.Errorf("the attribute is declared as %+v", a)
	}
	missing, err = realm.NewSetup(w.Admin, w.mapping("groups:\n  parent: /none\n"), realm.Options{}).Missing(t.Context())
	if err != nil || len(missing) != 1 || !strings.Contains(missing[0], `"/none" of the mapping does not exist`) {
		t.Errorf("what only the operator can make is %q, %v", missing, err)
	}
}

// TestSetupForOrganizations grants the right that the version of Keycloak needs for them.
func TestSetupForOrganizations(t *testing.T) {
	t.Parallel()
	w := bare(t)
	_, texts := w.planned(w.mapping(""), realm.Options{ClientID: "bridge", Organizations: true})
	if !strings.Contains(texts[1], "manage-organizations") || strings.Contains(texts[1], "manage-realm") {
		t.Errorf("setup plans %q", texts)
	}
	w.fake.Inject(keycloaktest.Fault{Op: "GET /clients/{client}/roles/{role}", Status: http.StatusNotFound, Body: `{"error":"Could not find role"}`, Header: http.Header{"Content-Type": {"application/json"}}}) // as before 26.7
	if _, err := realm.NewSetup(w.Admin, w.mapping(""), realm.Options{ClientID: "bridge", Organizations: true}).Plan(t.Context()); !errors.Is(err, realm.ErrManageRealm) {
		t.Errorf("without that right setup is %v", err)
	}
	_, texts = w.planned(w.mapping(""), realm.Options{ClientID: "bridge", Organizations: true, ManageRealm: true})
	if !strings.Contains(texts[1], "manage-realm: for organizations before Keycloak 26.7 (also lets it change the whole realm)") {
		t.Errorf("setup that may grant more plans %q", texts)
	}
}

// TestSetupSaysWhereItBreaksOff.
func TestSetupSaysWhereItBreaksOff(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"GET /clients", "GET /users/profile", "GET /"} {
		w := bare(t)
		w.fake.Inject(keycloaktest.Fault{Op: op, Status: http.StatusForbidden})
		if _, err := realm.NewSetup(w.Admin, w.mapping(""), realm.Options{ClientID: "bridge"}).Plan(t.Context()); keycloak.KindOf(err) != keycloak.Denied {
			t.Errorf("where %s is refused, Plan = %v", op, err)
		}
		_, err := realm.Offers(t.Context(), w.Admin, w.mapping(""))
		if (keycloak.KindOf(err) == keycloak.Denied) != (op != "GET /clients") {
			t.Errorf("where %s is refused, Offers = %v", op, err)
		}
		w.fake.ClearFaults()
	}
	w := bare(t)
	changes, _ := w.planned(w.mapping(""), realm.Options{ClientID: "bridge"})
	w.fake.Inject(keycloaktest.Fault{Op: "POST /clients", Status: http.StatusForbidden})
	if err := realm.Apply(t.Context(), changes); keycloak.KindOf(err) != keycloak.Denied || !strings.HasPrefix(err.Error(), "create the confidential client") {
		t.Errorf("Apply = %v", err)
	}
}

// TestIdentify finds the ids of users and groups by their names, and refuses names that mean
// nothing.
func TestIdentify(t *testing.T) {
	t.Parallel()
	w := bare(t)
	boss, board := w.user(keycloak.NewUser{Username: "boss"}), w.group("board", keycloak.GroupID{})
	users, groups, err := realm.Identify(t.Context(), w.Admin, []string{"boss"}, []string{"/board", "id:" + board.String()})
	want := []config.Identified{{ID: board.String(), Name: "/board"}, {ID: board.String(), Name: "/board"}}
	if diff := cmp.Diff(want, groups); err != nil || diff != "" || len(users) != 1 || users[0].ID != boss.String() {
		t.Errorf("Identify = %v, %v, %v (-want +got)\n%s", users, groups, err, diff)
	}
	for _, c := range [][2][]string{{{"nobody"}, nil}, {nil, {"/none"}}} {
		if _, _, err := realm.Identify(t.Context(), w.Admin, c[0], c[1]); err == nil || !strings.Contains(err.Error(), "does not exist") {
			t.Errorf("Identify(%q) = %v", c, err)
		}
	}
}

// TestExisting counts the users and groups that a realm, an organization or all organizations have
// before a tenant.
func TestExisting(t *testing.T) {
	t.Parallel()
	w := bare(t)
	ctx := t.Context()
	w.setUp(w.mapping(""), realm.Options{ClientID: "bridge", Organizations: true})
	none, err := realm.FindExisting(ctx, w.c, keycloak.OrganizationID{})
	if err != nil || none.Any() {
		t.Errorf("of an empty realm there are %s, %v", none, err)
	}
	if all, err := realm.FindAllExisting(ctx, w.c); err != nil || all.Any() {
		t.Errorf("of no organization there are %s, %v", all, err)
	}
	acme := w.organizationID("acme")
	for _, name := range []string{"jane", "joan"} {
		w.must(w.Admin.AddOrganizationMember(ctx, acme, w.user(keycloak.NewUser{Username: name})))
	}
	w.group("guild", acme.TopLevel())
	_, err = w.Admin.CreateGroup(ctx, keycloak.NewGroup{Name: "owned", Attributes: map[string][]string{mapping.AttrOwner: {"x"}}})
	w.must(err)
	for text, find := range map[string]func() (realm.Existing, error){
		"2 users":             func() (realm.Existing, error) { return realm.FindExisting(ctx, w.c, keycloak.OrganizationID{}) },
		"2 users and 1 group": func() (realm.Existing, error) { return realm.FindExisting(ctx, w.c, acme) },
	} {
		if found, err := find(); err != nil || found.String() != text {
			t.Errorf("there are %s, %v, want %s", found, err, text)
		}
	}
	if all, err := realm.FindAllExisting(ctx, w.c); err != nil || all != (realm.Existing{Users: 2, Groups: 1}) {
		t.Errorf("of all organizations there are %+v, %v", all, err)
	}
	if text := (realm.Existing{Groups: 2}).String(); text != "2 groups" {
		t.Errorf("two groups are %q", text)
	}
	w.Send(t, http.MethodPut, "", `{"organizationsEnabled":false}`)
	if all, err := realm.FindAllExisting(ctx, w.c); err != nil || all.Any() {
		t.Errorf("where there are no organizations there are %s, %v", all, err)
	}
}

func (w *world) organizationID(alias string) keycloak.OrganizationID {
	w.t.Helper()
	id, err := w.Admin.CreateOrganization(w.t.Context(), keycloak.NewOrganization{Name: alias, Alias: alias})
	w.must(err)
	return id
}
