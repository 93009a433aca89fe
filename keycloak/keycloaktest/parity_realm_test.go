package keycloaktest_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	kct "github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

func realmScenarios() []scenario {
	return []scenario{
		{"realm and clients", kct.RealmOptions{}, realmAndClients},
		{"user profile", kct.RealmOptions{}, userProfile},
		{"own account", kct.RealmOptions{Attributes: declaredAttributes()}, ownAccount},
		{"rights", kct.RealmOptions{}, rights},
		{"tokens", kct.RealmOptions{}, tokens},
		{"sessions", kct.RealmOptions{}, sessions},
		{"roles", kct.RealmOptions{}, roles},
		{"administrators", kct.RealmOptions{}, administrators},
		{"permissions", kct.RealmOptions{}, permissions},
		{"links", kct.RealmOptions{}, links},
		{"user federation", kct.RealmOptions{}, userFederation},
		{"admin events", kct.RealmOptions{}, adminEvents},
		{"admin events of organizations", kct.RealmOptions{}, organizationEvents},
		{"organizations", kct.RealmOptions{}, organizations},
		{"groups of organizations", kct.RealmOptions{}, organizationGroups},
	}
}

func realmAndClients(p *probe) {
	settings, err := p.c.RealmSettings(p.ctx)
	p.know(settings.DefaultRole.ID, "default role")
	p.know(settings.DefaultRole.ContainerID, "realm")
	p.got("RealmSettings", settings, err)
	p.err("AllowEditUsername without rights", p.c.AllowEditUsername(p.ctx))
	p.err("AllowEditUsername", p.admin.AllowEditUsername(p.ctx))
	settings, err = p.c.RealmSettings(p.ctx)
	p.got("RealmSettings, changed", settings, err)
	p.err("CreateRealm again", p.admin.CreateRealm(p.ctx))
	p.err("CreateRealmWithKey again", p.admin.CreateRealmWithKey(p.ctx, ""))
	p.err("CreateRealm without rights", p.c.CreateRealm(p.ctx))
	p.err("DeleteRealm without rights", p.c.DeleteRealm(p.ctx))
	id, err := p.admin.CreateClient(p.ctx, "svc", "description")
	p.know(id.String(), "svc")
	p.got("CreateClient", id.String(), err)
	_, err = p.admin.CreateClient(p.ctx, "svc", "again")
	p.err("CreateClient again", err)
	found, ok, err := p.admin.FindClient(p.ctx, "svc")
	p.got("FindClient", []any{found.String(), ok}, err)
	_, ok, err = p.admin.FindClient(p.ctx, "nope")
	p.got("FindClient of none", ok, err)
	secret, err := p.admin.ClientSecret(p.ctx, id)
	p.got("ClientSecret", len(secret) > 20, err)
	account, err := p.admin.ServiceAccount(p.ctx, id)
	p.know(account.String(), "account")
	p.got("ServiceAccount", account.String(), err)
	all, granted, err := p.admin.ManagementRoles(p.ctx, account)
	p.got("ManagementRoles", []any{roleNames(all), roleNames(granted)}, err)
	grant := slices.DeleteFunc(slices.Clone(all), func(r keycloak.Role) bool { return r.Name != "view-users" && r.Name != "manage-users" })
	p.err("GrantRoles", p.admin.GrantRoles(p.ctx, account, grant))
	p.err("GrantRoles again", p.admin.GrantRoles(p.ctx, account, grant))
	p.err("GrantRoles of an unknown one", p.admin.GrantRoles(p.ctx, account, []keycloak.Role{{ID: "x", Name: "nope", ClientRole: true, ContainerID: grant[0].ContainerID}}))
	_, granted, err = p.admin.ManagementRoles(p.ctx, account)
	p.got("ManagementRoles, granted", roleNames(granted), err)
	roles, err := p.r.As(p.t, keycloak.ClientSecret("svc", secret)).OwnRoles(p.ctx)
	slices.Sort(roles)
	p.got("OwnRoles", roles, err)
	issued, err := p.c.RenewToken(p.ctx)
	p.got("RenewToken", time.Since(issued).Abs() < time.Minute, err)
	p.got("Ahead", p.c.Ahead().Abs() < time.Minute, nil)
	p.err("Reach", p.c.Reach(p.ctx))
	actions, err := p.c.RequiredActions(p.ctx)
	p.got("RequiredActions", actions, err)
	p.raw(http.MethodPut, "/authentication/required-actions/UPDATE_PROFILE", `{"alias":"UPDATE_PROFILE","name":"Update Profile","enabled":true,"defaultAction":true}`)
	actions, err = p.c.RequiredActions(p.ctx)
	p.got("RequiredActions, one by default", actions, err)
	p.rawAs("a user with an action by default", http.MethodGet, "/users/"+p.user(keycloak.NewUser{Username: "acts"}).String(), "", "")
	p.state("a service account", account)
	p.err("DeleteUser of a service account", p.c.DeleteUser(p.ctx, account))
	account, err = p.admin.ServiceAccount(p.ctx, id)
	p.know(account.String(), "account")
	p.got("ServiceAccount, made anew", account.String(), err)
	gone := kct.NewRealm(p.t, p.server, kct.RealmOptions{})
	p.err("DeleteRealm", gone.Admin.DeleteRealm(p.ctx))
	p.err("DeleteRealm again", gone.Admin.DeleteRealm(p.ctx))
	p.err("Reach a realm that is gone", gone.Client.Reach(p.ctx))
	_, err = gone.Client.CountUsers(p.ctx)
	p.err("a call in a realm that is gone", err)
	_, err = gone.Admin.CountUsers(p.ctx)
	p.err("the administrator's call there", err)
}

// ownAccount tests the values that a client keeps in its own service account.
func ownAccount(p *probe) {
	id, err := p.admin.CreateClient(p.ctx, "svc", "")
	p.know(id.String(), "svc")
	p.err("CreateClient", err)
	account, err := p.admin.ServiceAccount(p.ctx, id)
	p.know(account.String(), "account")
	p.err("ServiceAccount", err)
	all, _, err := p.admin.ManagementRoles(p.ctx, account)
	p.err("ManagementRoles", err)
	p.err("GrantRoles", p.admin.GrantRoles(p.ctx, account, slices.DeleteFunc(all, func(r keycloak.Role) bool { return r.Name != "manage-users" })))
	secret, err := p.admin.ClientSecret(p.ctx, id)
	p.err("ClientSecret", err)
	c := p.r.As(p.t, keycloak.ClientSecret("svc", secret))
	own, err := c.OwnAccount(p.ctx)
	p.got("OwnAccount", own.String(), err)
	set := func(label, name string, wanted ...string) {
		values, err := c.ChangeOwnValues(p.ctx, name, func(had []string) ([]string, error) {
			p.got("ChangeOwnValues "+label+", from", append([]string{}, had...), nil)
			return wanted, nil
		})
		p.got("ChangeOwnValues "+label, append([]string{}, values...), err)
		p.state(label, account)
	}
	set("of another attribute", "dept", "kept")
	set("to three", "tags", "c", "a", "b", "a")
	set("to one", "tags", "b")
	set("to the same", "tags", "b")
	set("of one that is not declared", "free", "v")
	set("of one that is not declared, too long", "free", strings.Repeat("v", 2049))
	set("of a long value", "tags", strings.Repeat("v", 2048))
	set("of one that is too long", "tags", strings.Repeat("v", 2049))
	var many []string
	for i := range 400 {
		many = append(many, fmt.Sprintf("%08d|1900000000", i))
	}
	set("of many", "tags", many...)
	set("to none", "tags")
	values, err := c.OwnValues(p.ctx, "dept")
	p.got("OwnValues", values, err)
	_, granted, err := p.admin.ManagementRoles(p.ctx, account)
	p.got("ManagementRoles afterwards", roleNames(granted), err)
}

func roleNames(roles []keycloak.Role) []string {
	out := []string{}
	for _, r := range roles {
		out = append(out, r.Name)
	}
	slices.Sort(out)
	return out
}

func userProfile(p *probe) {
	profile, err := p.c.UserProfile(p.ctx)
	p.got("UserProfile", profile, err)
	p.raw(http.MethodGet, "/users/profile", "")
	p.err("UpdateUserProfile without rights", p.c.UpdateUserProfile(p.ctx, profile))
	admin := []string{"admin"}
	for i, a := range []keycloak.ProfileAttribute{
		{Name: "a:b"},
		{Name: ""},
		{Name: "username"},
		{Name: "dept", View: []string{"x"}},
		{Name: "dept", Validations: map[string]jsontext.Value{"nope": jsontext.Value("{}")}},
		{Name: "dept", View: admin, Edit: admin, MultiValued: true, DisplayName: "Department"},
		{Name: "scim.x_y-z", View: admin, Edit: admin, Validations: map[string]jsontext.Value{"length": jsontext.Value(`{"max":20000}`)}},
	} {
		next := profile
		next.Attributes = append(slices.Clone(profile.Attributes), a)
		p.err(fmt.Sprintf("UpdateUserProfile %d", i), p.admin.UpdateUserProfile(p.ctx, next))
		now, err := p.c.UserProfile(p.ctx)
		p.got(fmt.Sprintf("UpdateUserProfile %d, then", i), now, err)
	}
	for _, name := range []string{"username", "email"} {
		next := profile
		next.Attributes = slices.DeleteFunc(slices.Clone(profile.Attributes), func(a keycloak.ProfileAttribute) bool { return a.Name == name })
		p.err("UpdateUserProfile without "+name, p.admin.UpdateUserProfile(p.ctx, next))
	}
	profile.UnmanagedPolicy = "NOPE"
	p.err("UpdateUserProfile with a wrong policy", p.admin.UpdateUserProfile(p.ctx, profile))
	profile.UnmanagedPolicy = "ADMIN_EDIT"
	p.err("UpdateUserProfile with a policy", p.admin.UpdateUserProfile(p.ctx, profile))
	p.rawAs("profile with a policy", http.MethodGet, "/users/profile", "", "")
	relaxed := profile.Attribute("username")
	relaxed.Validations = map[string]jsontext.Value{"length": jsontext.Value(`{"min":1,"max":255}`)}
	p.err("UpdateUserProfile, relaxed", p.admin.UpdateUserProfile(p.ctx, profile))
	for _, name := range []string{"o'neil@acme.com", `DOMAIN\user`, "ab", "日本語"} {
		p.state("a relaxed name "+name, p.user(keycloak.NewUser{Username: name}))
	}
}

// rights sends the same calls with service accounts that have few rights.
func rights(p *probe) {
	user := p.user(keycloak.NewUser{Username: "jdoe"})
	group := p.group(keycloak.NewGroup{Name: "group"})
	nobody, _ := keycloak.ParseUserID("00000000-0000-0000-0000-000000000000")
	nothing, _ := keycloak.ParseGroupID("00000000-0000-0000-0000-000000000000")
	for i, roles := range [][]string{nil, {"view-users"}, {"manage-users"}, {"query-users"}, {"view-realm"}, {"manage-users", "view-clients"}, {"manage-realm"}} {
		id := fmt.Sprintf("svc%d", i)
		secret, err := p.r.AddClient(p.ctx, id, roles)
		if err != nil {
			p.t.Fatalf("AddClient() = %v", err)
		}
		c := p.r.As(p.t, keycloak.ClientSecret(id, secret))
		own, err := c.OwnRoles(p.ctx)
		slices.Sort(own)
		p.got(fmt.Sprint(roles, " OwnRoles"), append([]string{}, own...), err)
		calls := rightsCalls(p, c, user, group, nobody, nothing)
		for _, name := range []string{
			"Users", "CountUsers", "User", "User of nobody", "CreateUser", "UpdateUser", "DeleteUser of nobody", "LogoutUser", "UserProfile",
			"TopGroups", "CountTopGroups", "Group", "Group of nothing", "CreateGroup", "DeleteGroup of nothing", "Members", "AddMember", "RemoveMember",
			"UserGroups", "OfflineClients", "OnlineSessions", "RealmSettings", "FindClient", "CreateClient", "FindRole", "UserRoles", "GrantRoles", "HasIdentityProvider", "RequiredActions", "Federations",
		} {
			p.err(fmt.Sprint(roles, " ", name), calls[name]())
		}
	}
}

func rightsCalls(p *probe, c *keycloak.Client, user keycloak.UserID, group keycloak.GroupID, nobody keycloak.UserID, nothing keycloak.GroupID) map[string]func() error {
	second := func(_ any, err error) error { return err }
	name := "Name"
	return map[string]func() error{
		"Users":                  func() error { return second(c.Users(p.ctx, keycloak.UserQuery{})) },
		"CountUsers":             func() error { return second(c.CountUsers(p.ctx)) },
		"User":                   func() error { return second(c.User(p.ctx, user)) },
		"User of nobody":         func() error { return second(c.User(p.ctx, nobody)) },
		"CreateUser":             func() error { return second(c.CreateUser(p.ctx, keycloak.NewUser{Username: "jdoe"})) },
		"UpdateUser":             func() error { return c.UpdateUser(p.ctx, user, keycloak.UserUpdate{FirstName: &name}) },
		"DeleteUser of nobody":   func() error { return c.DeleteUser(p.ctx, nobody) },
		"LogoutUser":             func() error { return c.LogoutUser(p.ctx, user) },
		"UserProfile":            func() error { return second(c.UserProfile(p.ctx)) },
		"TopGroups":              func() error { return second(c.TopGroups(p.ctx, 0, 0)) },
		"CountTopGroups":         func() error { return second(c.CountTopGroups(p.ctx)) },
		"Group":                  func() error { return second(c.Group(p.ctx, group)) },
		"Group of nothing":       func() error { return second(c.Group(p.ctx, nothing)) },
		"CreateGroup":            func() error { return second(c.CreateGroup(p.ctx, keycloak.NewGroup{Name: "group"})) },
		"DeleteGroup of nothing": func() error { return c.DeleteGroup(p.ctx, nothing) },
		"Members":                func() error { return second(c.Members(p.ctx, group, 0, 0)) },
		"AddMember":              func() error { return c.AddMember(p.ctx, user, group) },
		"RemoveMember":           func() error { return c.RemoveMember(p.ctx, user, group) },
		"UserGroups":             func() error { return second(c.UserGroups(p.ctx, user)) },
		"OfflineClients":         func() error { return second(c.OfflineClients(p.ctx, user)) },
		"OnlineSessions":         func() error { return second(c.OnlineSessions(p.ctx, user)) },
		"RealmSettings":          func() error { return second(c.RealmSettings(p.ctx)) },
		"FindClient": func() error {
			_, _, err := c.FindClient(p.ctx, "scim-bridge")
			return err
		},
		"FindRole":  func() error { return second(c.FindRole(p.ctx, keycloak.RoleName{Name: "offline_access"})) },
		"UserRoles": func() error { return second(c.UserRoles(p.ctx, user)) },
		"GrantRoles": func() error {
			r, err := p.admin.FindRole(p.ctx, keycloak.RoleName{Name: "offline_access"})
			return errors.Join(err, c.GrantRoles(p.ctx, user, []keycloak.Role{r}))
		},
		"RequiredActions":     func() error { return second(c.RequiredActions(p.ctx)) },
		"Federations":         func() error { return second(c.Federations(p.ctx)) },
		"HasIdentityProvider": func() error { return second(c.HasIdentityProvider(p.ctx, "corp")) },
		"CreateClient":        func() error { return second(c.CreateClient(p.ctx, "scim-bridge", "")) },
	}
}

func tokens(p *probe) {
	for i, credentials := range []keycloak.Credentials{
		keycloak.ClientSecret(p.r.ClientID, "wrong"), keycloak.ClientSecret("nope", "wrong"), keycloak.Password("nobody", "wrong"),
	} {
		_, err := p.r.As(p.t, credentials).CountUsers(p.ctx)
		p.err(fmt.Sprintf("wrong credentials %d", i), err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatalf("GenerateKey() = %v", err)
	}
	p.signedClient("jwt", key)
	roles, err := p.r.As(p.t, keycloak.PrivateKeyJWT("jwt", key, "")).OwnRoles(p.ctx)
	p.got("private_key_jwt", len(roles), err)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatalf("GenerateKey() = %v", err)
	}
	_, err = p.r.As(p.t, keycloak.PrivateKeyJWT("jwt", other, "")).OwnRoles(p.ctx)
	p.err("private_key_jwt with a wrong key", err)
	secret := p.r.Secret
	for i, form := range []url.Values{
		{"grant_type": {"client_credentials"}, "client_id": {p.r.ClientID}},
		{"grant_type": {"client_credentials"}, "client_id": {"admin-cli"}},
		{"grant_type": {"password"}, "client_id": {p.r.ClientID}, "client_secret": {secret}, "username": {"x"}, "password": {"x"}},
		{"grant_type": {"nope"}, "client_id": {p.r.ClientID}, "client_secret": {secret}},
		{"client_id": {p.r.ClientID}, "client_secret": {secret}},
		{"grant_type": {"client_credentials"}},
		{"grant_type": {"password"}, "client_id": {"admin-cli"}},
		{"grant_type": {"refresh_token"}, "client_id": {"admin-cli"}, "refresh_token": {"x"}},
	} {
		status, data := p.form("/realms/"+p.r.Name.String()+"/protocol/openid-connect/token", form)
		p.got(fmt.Sprintf("token request %d", i), fmt.Sprint(status, " ", string(data)), nil)
	}
	status, data := p.form("/realms/no-such-realm/protocol/openid-connect/token", url.Values{})
	p.got("token of no realm", fmt.Sprint(status, " ", string(data)), nil)
	status, data = p.form("/auth/realms/"+p.r.Name.String()+"/protocol/openid-connect/token", url.Values{})
	p.got("token below another path", fmt.Sprint(status, " ", string(data)), nil)
}

// signedClient creates a client that authenticates with a key, without rights.
func (p *probe) signedClient(id string, key *rsa.PrivateKey) {
	p.t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	jwks := fmt.Sprintf(`{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"k1","n":%q,"e":"AQAB"}]}`, encode(key.N.Bytes()))
	body, err := json.Marshal(map[string]any{
		"clientId": id, "serviceAccountsEnabled": true, "clientAuthenticatorType": "client-jwt",
		"attributes": map[string]string{"use.jwks.string": "true", "jwks.string": jwks},
	})
	if err != nil {
		p.t.Fatalf("encode: %v", err)
	}
	if status, _, data := p.send(http.MethodPost, "/clients", string(body), "application/json"); status != http.StatusCreated {
		p.t.Fatalf("create a client: %d %s", status, data)
	}
}

func sessions(p *probe) {
	p.raw(http.MethodPost, "/users", `{"username":"off","enabled":true,"email":"o@x.test","firstName":"O","lastName":"F","credentials":[{"type":"password","value":"pw"}]}`)
	list, err := p.c.Users(p.ctx, keycloak.UserQuery{Username: "off"})
	if err != nil || len(list) != 1 {
		p.t.Fatalf("Users() = %v, %v", list, err)
	}
	id := mustUser(p, list[0].ID)
	p.know(id.String(), "off")
	login := func(password, scope string) (int, string) {
		status, data := p.form("/realms/"+p.r.Name.String()+"/protocol/openid-connect/token", url.Values{
			"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"off"}, "password": {password}, "scope": {scope},
		})
		var answer struct {
			Refresh string `json:"refresh_token"`
		}
		if json.Unmarshal(data, &answer) != nil || answer.Refresh == "" {
			return status, string(data)
		}
		return status, answer.Refresh
	}
	refresh := func(label, token string) {
		status, data := p.form("/realms/"+p.r.Name.String()+"/protocol/openid-connect/token", url.Values{
			"grant_type": {"refresh_token"}, "client_id": {"admin-cli"}, "refresh_token": {token},
		})
		if status == http.StatusOK {
			data = nil
		}
		p.got(label, fmt.Sprint(status, " ", string(data)), nil)
	}
	clients := func(label string) {
		list, err := p.c.OfflineClients(p.ctx, id)
		p.got(label, list, err)
		n, err := p.c.OnlineSessions(p.ctx, id)
		p.got("OnlineSessions with "+label, n, err)
	}
	status, text := login("wrong", "openid")
	p.got("wrong password", fmt.Sprint(status, " ", text), nil)
	_, online := login("pw", "openid")
	_, offline := login("pw", "openid offline_access")
	clients("OfflineClients")
	refresh("online refresh", online)
	refresh("offline refresh", offline)
	off, on := false, true
	p.err("disable", p.c.UpdateUser(p.ctx, id, keycloak.UserUpdate{Enabled: &off}))
	refresh("online refresh, disabled", online)
	refresh("offline refresh, disabled", offline)
	status, text = login("pw", "openid")
	p.got("login, disabled", fmt.Sprint(status, " ", text), nil)
	p.err("enable", p.c.UpdateUser(p.ctx, id, keycloak.UserUpdate{Enabled: &on}))
	refresh("online refresh, enabled again", online)
	p.err("LogoutUser", p.c.LogoutUser(p.ctx, id))
	refresh("online refresh after the logout", online)
	nobody, _ := keycloak.ParseUserID("00000000-0000-0000-0000-000000000000")
	_, err = p.c.OnlineSessions(p.ctx, nobody)
	p.err("OnlineSessions of nobody", err)
	clients("OfflineClients after the logout")
	p.err("RevokeConsent", p.c.RevokeConsent(p.ctx, id, "admin-cli"))
	clients("OfflineClients after all")
	refresh("offline refresh after all", offline)
	p.err("RevokeConsent again", p.c.RevokeConsent(p.ctx, id, "admin-cli"))
	p.err("RevokeConsent of an unknown client", p.c.RevokeConsent(p.ctx, id, "nope"))
}

// adminEvents tests the events that a change feed reads.
func adminEvents(p *probe) {
	start := time.Now().Add(-time.Minute)
	secret, err := p.r.AddClient(p.ctx, "watcher", []string{"view-events"})
	if err != nil {
		p.t.Fatalf("AddClient() = %v", err)
	}
	watcher := p.r.As(p.t, keycloak.ClientSecret("watcher", secret))
	_, err = p.c.AdminEvents(p.ctx, keycloak.EventQuery{Since: start, Max: keycloak.MaxEvents})
	p.err("AdminEvents without rights", err)
	quiet := p.user(keycloak.NewUser{Username: "quiet", Enabled: true})
	p.know(quiet.String(), "quiet")
	p.err("StoreAdminEvents without rights", p.c.StoreAdminEvents(p.ctx, time.Hour))
	p.raw(http.MethodPut, "", `{"attributes":{"custom":"kept"}}`)
	p.err("StoreAdminEvents", p.admin.StoreAdminEvents(p.ctx, time.Hour))
	p.err("StoreAdminEvents again", p.admin.StoreAdminEvents(p.ctx, 2*time.Hour))
	_, _, data := p.send(http.MethodGet, "", "", "")
	var realm struct {
		Enabled    bool              `json:"adminEventsEnabled"`
		Attributes map[string]string `json:"attributes"`
	}
	err = json.Unmarshal(data, &realm)
	p.got("the realm", []any{realm.Enabled, realm.Attributes["custom"], realm.Attributes["adminEventsExpiration"]}, err)
	user := p.user(keycloak.NewUser{Username: "jane", Enabled: true})
	group := p.group(keycloak.NewGroup{Name: "team"})
	child := p.group(keycloak.NewGroup{Name: "child", Parent: group})
	p.know(child.String(), "child")
	p.err("AddMember", p.c.AddMember(p.ctx, user, group))
	p.err("AddMember again", p.c.AddMember(p.ctx, user, group))
	p.err("UpdateUser", p.c.UpdateUser(p.ctx, user, keycloak.UserUpdate{FirstName: new("J")}))
	p.err("RemoveMember", p.c.RemoveMember(p.ctx, user, group))
	p.err("RemoveMember again", p.c.RemoveMember(p.ctx, user, group))
	g, err := p.c.Group(p.ctx, group)
	if err != nil {
		p.t.Fatal(err)
	}
	p.err("UpdateGroup", p.c.UpdateGroup(p.ctx, g, keycloak.GroupUpdate{Name: new("team2")}))
	p.err("DeleteGroup", p.c.DeleteGroup(p.ctx, group))
	p.err("DeleteUser", p.c.DeleteUser(p.ctx, user))
	p.err("DeleteUser again", p.c.DeleteUser(p.ctx, user))
	p.events(watcher, start)
	p.rightsEvents(watcher, start, quiet)
	p.userEvents(watcher, start)
}

// userEvents tests which user events a realm stores. No test of the suite makes such an event.
func (p *probe) userEvents(watcher *keycloak.Client, start time.Time) {
	config := func(what string) {
		s, err := p.admin.RealmSettings(p.ctx)
		slices.Sort(s.UserEventTypes)
		p.got(what, []any{s.UserEventsEnabled, s.UserEventTypes, s.UserEventsKept().String(), s.StoresAccountEvents()}, err)
	}
	p.raw(http.MethodPut, "/events/config", `{"eventsEnabled":false,"enabledEventTypes":["LOGIN"]}`)
	config("the realm stores no user events")
	p.err("StoreUserEvents without rights", p.c.StoreUserEvents(p.ctx, time.Hour))
	p.err("StoreUserEvents", p.admin.StoreUserEvents(p.ctx, time.Hour))
	config("the realm stores user events")
	p.raw(http.MethodPut, "/events/config", `{"eventsEnabled":true,"enabledEventTypes":["LOGIN","REGISTER"]}`)
	config("the realm stores two types")
	p.err("StoreUserEvents again", p.admin.StoreUserEvents(p.ctx, 2*time.Hour))
	config("the realm keeps the types that it stored")
	_, err := p.c.UserEvents(p.ctx, keycloak.EventQuery{Since: start, Max: 10})
	p.err("UserEvents without rights", err)
	list, err := watcher.UserEvents(p.ctx, keycloak.EventQuery{Since: start, Max: 10, Types: keycloak.AccountEvents()})
	p.got("UserEvents", len(list), err)
	_, err = watcher.UserEvents(p.ctx, keycloak.EventQuery{Since: start, Max: 10, Types: []string{"NOPE"}})
	p.err("UserEvents of no type", err)
}

// rightsEvents tests the events by which a user may become an administrator, and their authors.
func (p *probe) rightsEvents(watcher *keycloak.Client, start time.Time, user keycloak.UserID) {
	holder := p.group(keycloak.NewGroup{Name: "holder"})
	p.raw(http.MethodPost, "/roles", `{"name":"composite"}`)
	realm, err := p.admin.FindRole(p.ctx, keycloak.RoleName{Name: "composite"})
	p.err("FindRole", err)
	right, err := p.admin.FindRole(p.ctx, keycloak.RoleName{Client: keycloak.RealmManagement, Name: "view-events"})
	p.err("FindRole of a client", err)
	p.know(realm.ID, "role")
	p.know(right.ID, "right")
	p.know(right.ContainerID, "management")
	p.raw(http.MethodPost, "/roles-by-id/"+realm.ID+"/composites", fmt.Sprintf(`[{"id":%q,"name":%q,"clientRole":true,"containerId":%q}]`, right.ID, right.Name, right.ContainerID))
	for i, h := range []keycloak.RoleHolder{user, holder} {
		for _, r := range []keycloak.Role{realm, right} {
			p.err(fmt.Sprint("GrantRoles ", i, r.Name), p.admin.GrantRoles(p.ctx, h, []keycloak.Role{r}))
			p.err(fmt.Sprint("RevokeRoles ", i, r.Name), p.admin.RevokeRoles(p.ctx, h, []keycloak.Role{r}))
		}
	}
	made, err := p.admin.CreateClient(p.ctx, "robot", "")
	p.err("CreateClient", err)
	p.know(made.String(), "robot")
	types := []string{"REALM_ROLE", "CLIENT_ROLE", "REALM_ROLE_MAPPING", "CLIENT_ROLE_MAPPING", "GROUP", "AUTHORIZATION_POLICY", "CLIENT"}
	list, err := watcher.AdminEvents(p.ctx, keycloak.EventQuery{Since: start, Max: 100, Types: types})
	p.err("AdminEvents of some types", err)
	events := []string{} // events of the same millisecond have no order
	for _, e := range list {
		events = append(events, strings.NewReplacer(p.names...).Replace(e.Operation+" "+e.Resource+" "+e.Path))
	}
	slices.Sort(events)
	p.got("the events of some types", events, nil)
	list, err = watcher.AdminEvents(p.ctx, keycloak.EventQuery{Since: start, Max: 2, Types: []string{"REALM_ROLE_MAPPING"}})
	p.got("AdminEvents, two of one type", len(list), err)
	_, err = watcher.AdminEvents(p.ctx, keycloak.EventQuery{Since: start, Max: 2, Types: []string{"NOPE"}})
	p.err("AdminEvents of no type", err)
	own, err := p.c.OwnAccount(p.ctx)
	p.err("OwnAccount", err)
	all, err := watcher.AdminEvents(p.ctx, keycloak.EventQuery{Since: start, Max: keycloak.MaxEvents})
	p.err("AdminEvents by all", err)
	mine := 0
	for _, e := range all {
		if e.By == own.String() {
			mine++
		}
	}
	p.got("events by this client, and by others", []any{mine > 3, mine < len(all)}, nil)
}

// events writes down the admin events about users, groups and memberships.
func (p *probe) events(c *keycloak.Client, since time.Time) {
	all := keycloak.EventQuery{Since: since, Max: keycloak.MaxEvents}
	list, err := c.AdminEvents(p.ctx, all)
	p.err("AdminEvents", err)
	if len(list) > 0 {
		for i, first := range []int{1, len(list) - 1, len(list), len(list) + 1} { // the second, the last, the end, after the end
			later, err := c.AdminEvents(p.ctx, keycloak.EventQuery{Since: since, First: first, Max: keycloak.MaxEvents})
			p.got(fmt.Sprintf("AdminEvents from offset %d on", i), len(list)-len(later)-first, err)
		}
		last := list[len(list)-1]
		p.got("AdminEvents since the time of one", holds(c.AdminEvents(p.ctx, keycloak.EventQuery{Since: last.Time, Max: keycloak.MaxEvents}))(last.ID), nil)
		p.got("and since a millisecond later", holds(c.AdminEvents(p.ctx, keycloak.EventQuery{Since: last.Time.Add(time.Millisecond), Max: keycloak.MaxEvents}))(last.ID), nil)
	}
	none, err := c.AdminEvents(p.ctx, keycloak.EventQuery{Since: time.Now().Add(time.Hour), Max: keycloak.MaxEvents})
	p.got("AdminEvents of the future", len(none), err)
	n := 0
	for _, e := range list {
		switch e.Resource {
		case "USER", "GROUP", "GROUP_MEMBERSHIP", "ORGANIZATION_MEMBERSHIP", "ORGANIZATION_GROUP", "ORGANIZATION_GROUP_MEMBERSHIP":
			recent := e.Time.After(since) && e.Time.Before(time.Now().Add(time.Minute))
			n++
			p.got(fmt.Sprintf("event %d", n), []any{e.ID != "", recent, e.Operation, e.Resource, e.Path, e.Username}, nil)
		}
	}
}

// holds returns a function that reports whether a list of events, if there is one, has an event with that id.
func holds(list []keycloak.AdminEvent, err error) func(id string) bool {
	return func(id string) bool {
		return err == nil && slices.ContainsFunc(list, func(e keycloak.AdminEvent) bool { return e.ID == id })
	}
}
