package bridge_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// foundAccount is an account that exists before the client asks for it.
type foundAccount struct {
	id, userName, email, externalID string // externalID is "" when the account has no externalId
}

// The origins of accounts.
const (
	byConsole      = "an administrator made in the console, with a verified address"
	byConsoleBare  = "an administrator made in the console, without a verified address"
	byRegistration = "a person made by registering"
	byOwnLogin     = "a first login through the organization's identity provider made"
	byInvitation   = "an invitation of the organization made"
	byOtherLogin   = "a first login through another identity provider made"
	byOtherSCIM    = "another SCIM server made, without a verified address"
	byDirectory    = "comes from a directory (LDAP), imported and read-only"
	byDirectoryRaw = "comes from a directory (LDAP), not imported"
	byOther        = "another endpoint made"
	byThis         = "this endpoint made"

	byEnded   = "another organization's endpoint made, which ended the membership"
	byLeft    = "left the endpoint that owned it"
	byUnknown = "an endpoint made that the configuration does not have any more"
	byTaken   = "a first login through the organization's identity provider made, and another endpoint took over"
)

// account makes an account of an origin. It is a member when the tenant belongs to an organization.
func (w *walk) account(t *testing.T, origin string) foundAccount {
	t.Helper()
	switch origin {
	case byConsole:
		return w.member(t, w.consoleAccount(t, true, nil))
	case byConsoleBare:
		return w.member(t, w.consoleAccount(t, false, nil))
	case byRegistration:
		return w.member(t, w.registered(t))
	case byOwnLogin:
		return w.loggedIn(t, &w.managed, "managed", "acme")
	case byInvitation:
		return w.invited(t)
	case byOtherLogin:
		return w.member(t, w.loggedIn(t, &w.other, "other", ""))
	case byOtherSCIM:
		return w.member(t, w.consoleAccount(t, false, map[string][]string{"externalId": {w.name("ext")}}))
	case byDirectory:
		return w.member(t, w.inDirectory(t, true))
	case byDirectoryRaw:
		if w.column.of == "organization" { // an organization accepts no user that Keycloak only reads from the directory
			return foundAccount{}
		}
		return w.inDirectory(t, false)
	case byOther:
		return w.member(t, w.scimAccount(t, w.another()))
	case byEnded:
		a := w.member(t, w.scimAccount(t, w.another()))
		if w.column.of == "realm" { // otherwise the account is deleted
			w.Admit(t, a.id, "globex")
		}
		w.another().Must(t, http.MethodDelete, "/Users/"+a.id, "")
		return a
	case byLeft:
		return w.member(t, w.owned(t, w.consoleAccount(t, true, nil), "left|other"))
	case byUnknown:
		return w.member(t, w.owned(t, w.consoleAccount(t, true, nil), apptest.GoneOwner))
	case byTaken:
		owner := "realm"
		if w.column.of == "realm" {
			owner = w.IDs["acme"].String()
		}
		return w.owned(t, w.loggedIn(t, &w.managed, "managed", "acme"), owner, "adopted|"+owner)
	}
	return w.scimAccount(t, w.b)
}

// another is an endpoint that the client does not use.
func (w *walk) another() apptest.Bridge {
	if w.column.of == "realm" {
		return w.Of["acme"]
	}
	return w.Of["globex"]
}

// owned gives an account owners.
func (w *walk) owned(t *testing.T, a foundAccount, owners ...string) foundAccount {
	t.Helper()
	u := w.b.InKeycloak(t, a.id)
	if err := w.b.Admin.UpdateUser(t.Context(), apptest.UserID(t, a.id), keycloak.UserUpdate{
		Username: &u.Username, Email: &u.Email, FirstName: &u.FirstName, LastName: &u.LastName, Attributes: map[string][]string{"scim.owner": owners},
	}); err != nil {
		t.Fatal(err)
	}
	return a
}

// member makes an account a member of the organization, when the tenant belongs to an organization.
func (w *walk) member(t *testing.T, a foundAccount) foundAccount {
	t.Helper()
	w.Member(t, w.column.of, a.id)
	return a
}

func (w *walk) scimAccount(t *testing.T, b apptest.Bridge) foundAccount {
	t.Helper()
	name := w.name("scim")
	a := foundAccount{userName: name, email: name + "@" + strings.TrimSuffix(domainOf(w, b), "."), externalID: "x-" + name}
	a.id = b.Create(t, "/Users", fmt.Sprintf(`{"userName":%q,"externalId":%q,"name":{"givenName":"F","familyName":"L"},"emails":[{"value":%q,"primary":true}]}`, a.userName, a.externalID, a.email))
	if b.Base != w.b.Base { // values of another endpoint do not count here
		a.externalID = ""
	}
	return a
}

// domainOf is the domain in which a tenant may give addresses.
func domainOf(w *walk, b apptest.Bridge) string {
	if b.Base == w.Of["globex"].Base {
		return "globex.test"
	}
	return "acme.test"
}

func (w *walk) consoleAccount(t *testing.T, verified bool, attributes map[string][]string) foundAccount {
	t.Helper()
	a := foundAccount{userName: w.name("console")}
	a.email = a.userName + "@acme.test"
	if ids := attributes["externalId"]; len(ids) > 0 && w.column.of == "realm" { // the externalId of an organization's tenant is its own
		a.externalID = ids[0]
	}
	id, err := w.b.Admin.CreateUser(t.Context(), keycloak.NewUser{
		Username: a.userName, Email: a.email, EmailVerified: verified, FirstName: "F", LastName: "L", Enabled: true, Attributes: attributes,
	})
	if err != nil {
		t.Fatal(err)
	}
	a.id = id.String()
	return a
}

// registered is an account of a person who registered.
func (w *walk) registered(t *testing.T) foundAccount {
	t.Helper()
	apptest.AdminSend(t, w.Server, http.MethodPut, "/admin/realms/"+w.b.Realm, `{"registrationAllowed":true}`)
	name := w.name("person")
	form := url.Values{"username": {name}, "email": {name + "@acme.test"}, "firstName": {"F"}, "lastName": {"L"}, "password": {"pw"}, "password-confirm": {"pw"}}
	if last := apptest.Login(t, w.AuthURL("registrations", ""), form); last != "" {
		t.Fatalf("the registration of %s ends at:\n%s", name, last)
	}
	return w.known(t, name)
}

// invited is an account of a person that an administrator invited to the organization, by mail.
func (w *walk) invited(t *testing.T) foundAccount {
	t.Helper()
	if w.box.port == 0 {
		w.box = newMailbox(t)
		apptest.AdminSend(t, w.Server, http.MethodPut, "/admin/realms/"+w.b.Realm, fmt.Sprintf(`{"smtpServer":{"host":"127.0.0.1","port":"%d","from":"realm@acme.test"}}`, w.box.port))
	}
	name := w.name("invited")
	w.invite(t, name+"@acme.test")
	form := url.Values{"username": {name}, "email": {name + "@acme.test"}, "firstName": {"F"}, "lastName": {"L"}, "password": {"pw"}, "password-confirm": {"pw"}}
	apptest.Login(t, w.box.link(t), form) // ends at the account page
	return w.known(t, name)
}

// invite makes Keycloak send the mail.
func (w *walk) invite(t *testing.T, address string) {
	t.Helper()
	at := "/admin/realms/" + w.b.Realm + "/organizations/" + w.IDs["acme"].String() + "/members/invite-user"
	adminForm(t, w.Server, at, url.Values{"email": {address}, "firstName": {"F"}, "lastName": {"L"}})
}

// noMember is the cell of an account that cannot be a member of an organization or of a group.
const noMember = "cannot be a member"

// directoryPeople are enough people for a walk.
const directoryPeople = 30

// inDirectory is an account of a user federation. The first call makes the federation with its people.
func (w *walk) inDirectory(t *testing.T, imported bool) foundAccount {
	t.Helper()
	prefix := map[bool]string{true: "imported", false: "raw"}[imported]
	if w.directories[imported] == 0 {
		var names []string
		for i := range directoryPeople {
			names = append(names, fmt.Sprintf("%s-%02d", prefix, i))
		}
		provider := keycloaktest.StartLDAP(t, apptest.Persons(names...), nil).Federate(t, w.Server, w.b.Realm, keycloaktest.FederationOptions{Name: prefix, EditMode: keycloak.EditReadOnly, Imports: imported})
		if imported {
			provider.Sync()
		}
		w.b.Check(t)
	}
	name := fmt.Sprintf("%s-%02d", prefix, w.directories[imported])
	w.directories[imported]++
	return w.known(t, name)
}

// loggedIn is an account that was made by a first login with an identity provider. The provider belongs to an
// organization, unless of is "". Keycloak does not treat its addresses as verified.
func (w *walk) loggedIn(t *testing.T, there **keycloak.Client, alias, of string) foundAccount {
	t.Helper()
	if *there == nil {
		*there = w.IdentityProvider(t, alias, of, false)
	}
	name := w.name("login") + "@acme.test"
	w.PersonAt(t, *there, name)
	if last := apptest.Login(t, w.AuthURL("auth", alias), url.Values{"username": {name}, "password": {"pw"}}); last != "" {
		t.Fatalf("the login of %s ends at:\n%s", name, last)
	}
	return w.known(t, name)
}

// known is the account with a user name.
func (w *walk) known(t *testing.T, name string) foundAccount {
	t.Helper()
	list, err := w.b.Admin.Users(t.Context(), keycloak.UserQuery{Username: name})
	if err != nil || len(list) != 1 {
		t.Fatalf("the users %s are %v, %v", name, list, err)
	}
	return foundAccount{id: list[0].ID, userName: list[0].Username, email: list[0].Email}
}

// The actions of a client on an account.
const (
	reads         = "reads it"
	findsByName   = "finds it by `userName`"
	findsByEmail  = "finds it by its address"
	findsByKey    = "finds it by `externalId`"
	creates       = "creates it again (POST)"
	changesName   = "changes its name"
	changesTitle  = "changes an attribute"
	replaces      = "replaces it (PUT)"
	changesEmail  = "changes its address"
	changesUser   = "changes its `userName`"
	setsPassword  = "sets its password"
	deactivatesIt = "deactivates it"
	joinsGroup    = "adds it to a group"
	partsGroup    = "takes it out of a group"
	deletesIt     = "deletes it"
)

// does carries out an action on an account, and returns the cell. changed says that the account differs from before.
func (w *walk) does(t *testing.T, verb string, a foundAccount) (cell string, changed bool) {
	t.Helper()
	if a.id == "" {
		return noMember, false
	}
	patched := func(op string, effect func(before, after keycloak.User) bool) (string, bool) {
		return w.changes(t, a, http.MethodPatch, apptest.PatchBody(strings.ReplaceAll(op, "$", w.name("new"))), effect)
	}
	switch verb {
	case reads:
		return w.reads(t, a), false
	case findsByName:
		return w.finds(t, "userName", a.userName, a), false
	case findsByEmail:
		return w.finds(t, "emails.value", a.email, a), false
	case findsByKey:
		return w.finds(t, "externalId", a.externalID, a), false
	case creates:
		return w.postsAgain(t, a)
	case changesName:
		return patched(`{"op":"replace","path":"name.familyName","value":"$"}`, func(before, after keycloak.User) bool { return before.LastName != after.LastName })
	case changesTitle:
		return patched(`{"op":"replace","path":"title","value":"$"}`, func(_, after keycloak.User) bool { return len(after.Attributes["job_title"]) == 1 })
	case replaces:
		body := fmt.Sprintf(`{"userName":%q,"active":true,"title":"Put","name":{"givenName":"F","familyName":"L"},"emails":[{"value":%q,"primary":true}]}`, a.userName, a.email)
		return w.changes(t, a, http.MethodPut, body, func(_, after keycloak.User) bool { return slices.Equal(after.Attributes["job_title"], []string{"Put"}) })
	case changesEmail:
		return patched(`{"op":"replace","path":"emails","value":[{"value":"$@acme.test","primary":true}]}`, func(before, after keycloak.User) bool { return before.Email != after.Email })
	case changesUser:
		return patched(`{"op":"replace","path":"userName","value":"$"}`, func(before, after keycloak.User) bool { return before.Username != after.Username })
	case setsPassword:
		const password = "Set-by-the-client-1"
		return patched(`{"op":"replace","path":"password","value":"`+password+`"}`, func(keycloak.User, keycloak.User) bool { return w.b.CanLogIn(t, w.Server, a.userName, password) })
	case deactivatesIt:
		return patched(`{"op":"replace","path":"active","value":false}`, func(_, after keycloak.User) bool { return !after.Enabled })
	case joinsGroup:
		return w.memberships(t, a, `{"op":"add","path":"members","value":[{"value":"`+a.id+`"}]}`, false), false
	case partsGroup:
		return w.memberships(t, a, `{"op":"remove","path":"members[value eq \"`+a.id+`\"]"}`, true), false
	}
	return w.deletes(t, a)
}

func (w *walk) reads(t *testing.T, a foundAccount) string {
	t.Helper()
	status, got := w.answer(t, http.MethodGet, "/Users/"+a.id, "")
	switch {
	case status != http.StatusOK:
		return refusal(status)
	case got["userName"] != a.userName || got["active"] != true:
		t.Errorf("%v: %+v is shown as %v", w.column, a, got)
	}
	return "yes"
}

func (w *walk) finds(t *testing.T, attribute, value string, a foundAccount) string {
	t.Helper()
	if value == "" {
		return "it has no `externalId`"
	}
	found, err := w.b.Find(t.Context(), "/Users", attribute+` eq "`+value+`"`, "")
	switch {
	case err != nil || len(found) > 1 || len(found) == 1 && found[0]["id"] != a.id:
		t.Errorf("%v: %s eq %s finds %v, %v", w.column, attribute, value, found, err)
	case len(found) == 0:
		return "no"
	}
	return "yes"
}

// changes sends a change of an account, and describes the result in Keycloak.
func (w *walk) changes(t *testing.T, a foundAccount, method, body string, effect func(before, after keycloak.User) bool) (string, bool) {
	t.Helper()
	before := w.b.InKeycloak(t, a.id)
	status, got := w.answer(t, method, "/Users/"+a.id, body)
	after := w.b.InKeycloak(t, a.id)
	if got == nil {
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%v: %s %s is %d and changed the account:\n%s", w.column, method, body, status, diff)
		}
		return refusal(status), false
	}
	text := "yes"
	switch {
	case effect(before, after):
	case !sameValues(before.Attributes["scim.remainder"], after.Attributes["scim.remainder"]):
		text = "for this tenant only"
	default:
		t.Errorf("%v: %s %s succeeds and Keycloak has\n%+v", w.column, method, body, after)
	}
	if got["active"] != after.Enabled && text == "yes" {
		t.Errorf("%v: %s %s answers %v of an account with enabled: %t", w.column, method, body, got, after.Enabled)
	}
	if !after.Enabled && w.Sessions(t, a.id) > 0 {
		t.Errorf("%v: %s %s leaves sessions", w.column, method, body)
	}
	return text + tookOver(before.Attributes, after.Attributes), true
}

// tookOver is a text for the table when a request adopted the account for the tenant, else "".
func tookOver(before, after map[string][]string) string {
	if len(before["scim.owner"]) == 0 && len(after["scim.owner"]) > 0 {
		return ", takes it over"
	}
	return ""
}

func (w *walk) postsAgain(t *testing.T, a foundAccount) (string, bool) {
	t.Helper()
	before := w.b.InKeycloak(t, a.id)
	external := w.name("again")
	status, got := w.answer(t, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q,"externalId":%q,"title":"Posted"}`, a.userName, external))
	after := w.b.InKeycloak(t, a.id)
	if got == nil {
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%v: POST is %d and changed the account:\n%s", w.column, status, diff)
		}
		return refusal(status), false
	}
	if got["id"] != a.id || after.FirstName != "F" || after.LastName != "L" || after.Email != before.Email || !slices.Equal(after.Attributes["job_title"], []string{"Posted"}) {
		t.Errorf("%v: POST answers %v and the account is %+v, before %+v", w.column, got, after, before)
	}
	if w.finds(t, "externalId", external, a) != "yes" {
		t.Errorf("%v: the account that a POST took over is not found by its externalId", w.column)
	}
	return "takes it over", true
}

// team is a group that the tenant created.
func (w *walk) team(t *testing.T) (id keycloak.GroupID) {
	t.Helper()
	return w.GroupID(t, w.column.of, w.b.Create(t, "/Groups", `{"displayName":"`+w.name("team")+`"}`))
}

func (w *walk) isIn(t *testing.T, group keycloak.GroupID, a foundAccount) bool {
	t.Helper()
	list, err := w.b.Admin.Members(t.Context(), group, 0, keycloak.MaxPage)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(list, func(u keycloak.User) bool { return u.ID == a.id })
}

// memberships adds an account to a group or removes it. When the client does not see the user, nobody leaves the group,
// as for a user that does not exist (RFC 7644 section 3.5.2.2).
func (w *walk) memberships(t *testing.T, a foundAccount, op string, in bool) string {
	t.Helper()
	group := w.team(t)
	if in {
		err := w.b.Admin.AddMember(t.Context(), apptest.UserID(t, a.id), group)
		if err != nil && strings.HasPrefix(a.id, "f:") { // the id of a user that Keycloak does not import
			return noMember
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.b.Send(t, http.MethodPatch, "/Groups/"+group.String(), apptest.PatchBody(op))
	now := w.isIn(t, group, a)
	seen := w.reads(t, a)
	switch {
	case err != nil && now == in:
		return refusal(client.StatusOf(err))
	case err == nil && now != in:
		return "yes"
	case err == nil && seen != "yes" && in:
		return "no: it sees no such member"
	}
	t.Errorf("%v: %s ends with %v, and in the group is %t", w.column, op, err, now)
	return ""
}

func (w *walk) deletes(t *testing.T, a foundAccount) (string, bool) {
	t.Helper()
	before := w.b.InKeycloak(t, a.id)
	_, err := w.b.Send(t, http.MethodDelete, "/Users/"+a.id, "")
	after, gone := w.b.Admin.User(t.Context(), apptest.UserID(t, a.id))
	if err != nil {
		if diff := cmp.Diff(before, after); diff != "" || gone != nil {
			t.Errorf("%v: DELETE fails and changed the account: %v\n%s", w.column, gone, diff)
		}
		return refusal(client.StatusOf(err)), false
	}
	if keycloak.KindOf(gone) == keycloak.NotFound {
		return "yes", true
	}
	_, member := w.b.Admin.OrganizationMember(t.Context(), w.IDs["acme"], apptest.UserID(t, a.id))
	if w.column.of != "organization" || keycloak.KindOf(member) != keycloak.NotFound {
		t.Errorf("%v: DELETE succeeds and the account is %+v", w.column, after)
	}
	return "ends the membership", true
}

const accountsCommand = "go test ./bridge -update -run TestWhatHoldsForAccounts"

// TestWhatHoldsForAccounts of every origin at every kind of tenant: a success has its effect in Keycloak, a refusal has
// no effect, and the page has the same results.
func TestWhatHoldsForAccounts(t *testing.T) {
	t.Parallel()
	origins := []string{byConsole, byConsoleBare, byRegistration, byOwnLogin, byInvitation, byOtherLogin, byOtherSCIM, byOther, byEnded, byLeft, byUnknown, byTaken, byThis, byDirectory, byDirectoryRaw}
	verbs := []string{
		reads, findsByName, findsByEmail, findsByKey, creates, changesName, changesTitle, replaces, changesEmail, changesUser, setsPassword, deactivatesIt, joinsGroup, partsGroup, deletesIt,
	}
	walkTable(t, accountsCommand, "An account", origins, verbs, func(t *testing.T, w *walk) cells {
		t.Helper()
		return walkDown(origins, verbs,
			func(origin string) foundAccount { return w.account(t, origin) },
			func(verb string, a foundAccount) (string, bool) { return w.does(t, verb, a) })
	})
}
