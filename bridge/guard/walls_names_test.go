package guard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// robot creates a client with a service account.
func robot(t *testing.T, b apptest.Bridge, clientID string) keycloak.UserID {
	t.Helper()
	made, err := b.Admin.CreateClient(t.Context(), clientID, "")
	if err != nil {
		t.Fatal(err)
	}
	account, err := b.Admin.ServiceAccount(t.Context(), made)
	if err != nil {
		t.Fatal(err)
	}
	return account
}

// renameUser gives an account another name, as its holder could do.
func renameUser(t *testing.T, b apptest.Bridge, id, name string) {
	t.Helper()
	if err := b.Admin.UpdateUser(t.Context(), apptest.UserID(t, id), keycloak.UserUpdate{Username: &name}); err != nil {
		t.Fatal(err)
	}
}

// takeAnyName lets the realm accept every user name, as a realm of people who do not write Latin
// letters.
func takeAnyName(t *testing.T, b apptest.Bridge) {
	t.Helper()
	profile, err := b.Admin.UserProfile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	profile.Attribute("username").Validations = map[string]jsontext.Value{"length": jsontext.Value(`{"min":1,"max":255}`)}
	if err := b.Admin.UpdateUserProfile(t.Context(), profile); err != nil {
		t.Fatal(err)
	}
}

// TestSecurity_41_NobodyLeavesByAName: every request still reaches a user who chooses a name like a
// service account's, at every kind of tenant.
func TestSecurity_41_NobodyLeavesByAName(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			takeAnyName(t, c.Realm)
			robot(t, c.Realm, "x")
			robot(t, c.Realm, "Shop")
			for kind, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				group := b.Create(t, "/Groups", `{"displayName":"Team `+kind+`"}`)
				for i, taken := range []string{
					"service-account-x KIND", "service-account-x\tKIND", "service-account-x\nKIND", "service-account-% KIND", "service-account-KIND_", `service-account-KIND"`, `"service-account-KIND"`,
					`service-account-KIND\`, "service-account-*KIND", "service-account-é-KIND", "SERVICE-ACCOUNT-KIND", "service-account-KIND ", " service-account-KIND", "service-account-shop\u200bKIND", "service-account-\u202eKIND", "service-account-sho KIND",
				} {
					taken = strings.ReplaceAll(taken, "KIND", kind)
					id := b.Create(t, "/Users", fmt.Sprintf(`{"userName":"%s-%d","externalId":"X-%s-%d"}`, kind, i, kind, i))
					renameUser(t, b, id, taken)
					inReach(t, b, id, strings.ToLower(taken), fmt.Sprintf("X-%s-%d", kind, i), group)
				}
			}
		})
	}
}

// inReach checks that every request reaches a user, and deletes the user.
func inReach(t *testing.T, b apptest.Bridge, id, userName, externalID, group string) {
	t.Helper()
	path := "/Users/" + id
	if got := b.Must(t, http.MethodGet, path, ""); got["userName"] != userName {
		t.Errorf("%q: the user shows %v", userName, got)
	}
	if all := b.Names(t, "/Users?count=500"); !slices.Contains(all, userName) {
		t.Errorf("%q is not among %q", userName, all)
	}
	for _, filter := range []string{"userName eq " + apptest.Quoted(t, userName), "externalId eq " + apptest.Quoted(t, externalID), "id eq " + apptest.Quoted(t, id), "userName co " + apptest.Quoted(t, userName[:20])} {
		found, err := b.Find(t.Context(), "/Users", filter, "")
		if err != nil || !slices.ContainsFunc(found, func(u map[string]any) bool { return u["id"] == id }) {
			t.Errorf("%q: %s = %v, %v", userName, filter, found, err)
		}
	}
	b.Must(t, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`))
	if members := apptest.MemberIDs(b.Must(t, http.MethodGet, "/Groups/"+group, "")); !slices.Contains(members, id) {
		t.Errorf("%q is no member: %v", userName, members)
	}
	b.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
	if b.InKeycloak(t, id).Enabled {
		t.Errorf("%q is not deactivated", userName)
	}
	b.Must(t, http.MethodPut, path, `{"userName":`+apptest.Quoted(t, userName)+`,"title":"t","active":true}`)
	if u := b.InKeycloak(t, id); !u.Enabled || u.Username != userName {
		t.Errorf("%q is %+v after a PUT", userName, u)
	}
	b.Must(t, http.MethodDelete, path, "")
	if _, err := b.Admin.User(t.Context(), apptest.UserID(t, id)); keycloak.KindOf(err) != keycloak.NotFound {
		t.Errorf("%q is not deleted: %v", userName, err)
	}
}

// TestSecurity_41_ANameCostsNothing once the read of the realm is younger than the account: a list
// of a thousand such names does not need a thousand calls.
func TestSecurity_41_ANameCostsNothing(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	id := b.Create(t, "/Users", `{"userName":"jane"}`)
	renameUser(t, b.Bridge, id, "service-account-x b")
	get := func() { b.Must(t, http.MethodGet, "/Users/"+id, "") }
	if got := b.Calls(get); !slices.Equal(got, []string{"GET /clients", "GET /users/{id}"}) {
		t.Errorf("before the look, a GET makes the calls %v", got)
	}
	for _, of := range b.App.Watcher.Tenants.All() {
		f := of.Fitness()
		later := *f.Protected
		later.At = time.Now().Add(time.Hour)
		f.Protected = &later
		of.SetFitness(f)
	}
	if got := b.Calls(get); !slices.Equal(got, []string{"GET /users/{id}"}) {
		t.Errorf("after the look, a GET makes the calls %v", got)
	}
}

// TestSecurity_46_AServiceAccountIsNobody: its id answers like an absent id everywhere. This holds
// also for a member of the organization and of a group, and for an account that was created before
// or after the read of the realm.
func TestSecurity_46_AServiceAccountIsNobody(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			admin, acme := c.Realm.Admin, c.Of["acme"]
			early := robot(t, c.Realm, "Early")
			join := func(id keycloak.UserID) {
				t.Helper()
				if err := admin.AddOrganizationMember(t.Context(), c.IDs["acme"], id); err != nil {
					t.Fatal(err)
				}
			}
			join(early)
			c.Realm.Check(t)
			late := robot(t, c.Realm, "Late")
			join(late)
			var names []string
			for i := range 9 {
				names = append(names, fmt.Sprintf("%c-user", 'p'+i)) // some before and some after the service accounts
				acme.Create(t, "/Users", `{"userName":"`+names[i]+`"}`)
			}
			for kind, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": acme} {
				text := b.Create(t, "/Groups", `{"displayName":"Team of `+kind+`"}`)
				group, err := keycloak.ParseGroupID(text)
				if _, none := admin.OrganizationGroups(t.Context(), c.IDs["acme"], 0, 1); kind == "organization" && none == nil {
					group, err = c.IDs["acme"].ParseGroupID(text)
				}
				if err != nil {
					t.Fatal(err)
				}
				for what, id := range map[string]keycloak.UserID{"early": early, "late": late} {
					if err := admin.AddMember(t.Context(), id, group); err != nil {
						t.Fatal(err)
					}
					nobodys(t, b, kind+" "+what, id.String(), text, "service-account-"+what)
				}
				b.Must(t, http.MethodPut, "/Groups/"+text, `{"displayName":"Team of `+kind+`","members":[]}`)
				for what, id := range map[string]keycloak.UserID{"early": early, "late": late} {
					members, err := admin.Members(t.Context(), group, 0, 10)
					if err != nil || !slices.ContainsFunc(members, func(u keycloak.User) bool { return u.ID == id.String() }) {
						t.Errorf("%s: the service account made %s is no member any more: %v, %v", kind, what, members, err)
					}
				}
			}
			walksAll(t, acme, names)
		})
	}
}

// nobodys checks that the id of a service account answers like an absent id.
func nobodys(t *testing.T, b apptest.Bridge, what, id, group, userName string) {
	t.Helper()
	early := strings.HasSuffix(what, "early")
	attacks := []apptest.Request{
		{Method: http.MethodGet, Path: "/Users/$ID", Body: ""},
		{Method: http.MethodDelete, Path: "/Users/$ID", Body: ""},
		{Method: http.MethodPut, Path: "/Users/$ID", Body: `{"userName":"mine"}`},
		{Method: http.MethodPatch, Path: "/Users/$ID", Body: apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)},
		{Method: http.MethodGet, Path: "/Users?filter=" + url.QueryEscape(`id eq "$ID"`), Body: ""},
		{Method: http.MethodGet, Path: "/Groups/" + group, Body: ""},
	}
	if early {
		attacks = append(attacks,
			apptest.Request{Method: http.MethodGet, Path: "/Groups?filter=" + url.QueryEscape(`members.value eq "$ID"`), Body: ""},
			apptest.Request{Method: http.MethodPatch, Path: "/Groups/" + group, Body: apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"$ID"}]}`)},
			apptest.Request{Method: http.MethodPatch, Path: "/Groups/" + group, Body: apptest.PatchBody(`{"op":"remove","path":"members[value eq \"$ID\"]"}`)},
			apptest.Request{Method: http.MethodPatch, Path: "/Groups/" + group, Body: apptest.PatchBody(`{"op":"remove","path":"members","value":[{"value":"$ID"}]}`)},
		)
	}
	for _, a := range attacks {
		send := func(id string) string {
			in := strings.NewReplacer("$ID", id, url.QueryEscape("$ID"), id)
			return answerOf(t, b, a.Method, in.Replace(a.Path), in.Replace(a.Body), id)
		}
		if got, want := send(id), send(apptest.AbsentID); got != want {
			t.Errorf("%s: %s %s %s\n = %s\nof nobody\n = %s", what, a.Method, a.Path, a.Body, got, want)
		}
	}
	for _, filter := range []string{`userName eq "` + userName + `"`, `userName sw "service-account-"`, `not (title pr) and userName co "account"`} {
		if found, err := b.Find(t.Context(), "/Users", filter, ""); err != nil || len(found) > 0 {
			t.Errorf("%s: %s = %v, %v", what, filter, found, err)
		}
	}
}

// walksAll checks that every way to list the users of a tenant shows exactly some users.
func walksAll(t *testing.T, b apptest.Bridge, want []string) {
	t.Helper()
	for _, query := range []string{"/Users?count=100", "/Users?sortBy=userName&count=100", "/Users?cursor=&count=100", "/Users?filter=" + url.QueryEscape("userName pr")} {
		answer := b.Must(t, http.MethodGet, query, "")
		apptest.WantNames(t, query, b.Names(t, query), want...)
		if total, has := answer["totalResults"]; has && fmt.Sprint(total) != fmt.Sprint(len(want)) {
			t.Errorf("%s: totalResults = %v, want %d", query, total, len(want))
		}
	}
	for size := 1; size <= 4; size++ {
		var got []string
		for start := 1; start <= len(want); start += size {
			answer := b.Must(t, http.MethodGet, fmt.Sprintf("/Users?startIndex=%d&count=%d", start, size), "")
			list, _ := answer["Resources"].([]any)
			for _, u := range list {
				got = append(got, fmt.Sprint(u.(map[string]any)["userName"]))
			}
		}
		slices.Sort(got)
		apptest.WantNames(t, fmt.Sprintf("pages of %d", size), got, want...)
	}
}

// TestSecurity_46_AnImportedServiceAccount: an imported account whose client may not use it is
// absent too. The fake imports nothing.
func TestSecurity_46_AnImportedServiceAccount(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := apptest.NewBridgeOn(t, server, nil)
	apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+b.Realm+"/partialImport", `{"ifResourceExists":"FAIL","clients":[{"clientId":"Old","publicClient":false,"serviceAccountsEnabled":false}],
		"users":[{"username":"service-account-old","enabled":true,"serviceAccountClientId":"Old","createdTimestamp":1000000000000}]}`)
	b.Check(t)
	found, err := b.Admin.Users(t.Context(), keycloak.UserQuery{Username: "service-account-old"})
	if err != nil || len(found) != 1 {
		t.Fatalf("Users() = %v, %v", found, err)
	}
	b.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+found[0].ID, "")
	if got, err := b.Find(t.Context(), "/Users", `userName eq "service-account-old"`, ""); err != nil || len(got) > 0 {
		t.Errorf("it is found as %v, %v", got, err)
	}
}

// TestSecurity_46_AServiceAccountThatJoinsAGroup outside the bridge does not appear in members that
// are kept in memory.
func TestSecurity_46_AServiceAccountThatJoinsAGroup(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil, "--change-feed")
			early := robot(t, b, "early")
			b.Check(t)
			jane, john := b.Create(t, "/Users", `{"userName":"jane"}`), b.Create(t, "/Users", `{"userName":"john"}`)
			renameUser(t, b, john, "service-account-x b")
			group := b.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+jane+`"}]}`)
			id, err := keycloak.ParseGroupID(group)
			if err != nil {
				t.Fatal(err)
			}
			b.Must(t, http.MethodGet, "/Groups/"+group, "") // the members are in memory from now on
			for _, user := range []keycloak.UserID{early, robot(t, b, "late"), apptest.UserID(t, john)} {
				if err := b.Admin.AddMember(t.Context(), user, id); err != nil {
					t.Fatal(err)
				}
			}
			want := []string{jane, john}
			slices.Sort(want)
			if got := apptest.MemberIDs(b.Must(t, http.MethodGet, "/Groups/"+group, "")); !slices.Equal(got, want) {
				t.Errorf("the members are %v, want %v", got, want)
			}
		})
	}
}

// userNameWrites are writes of a user name, in every form. $NAME is the name and $ID the user.
func userNameWrites() []apptest.Request {
	return []apptest.Request{
		{Method: http.MethodPost, Path: "/Users", Body: `{"userName":$NAME}`},
		{Method: http.MethodPut, Path: "/Users/$ID", Body: `{"userName":$NAME}`},
		{Method: http.MethodPatch, Path: "/Users/$ID", Body: apptest.PatchBody(`{"op":"replace","path":"userName","value":$NAME}`)},
		{Method: http.MethodPatch, Path: "/Users/$ID", Body: apptest.PatchBody(`{"op":"add","value":{"userName":$NAME,"active":false}}`)},
	}
}

// refusesName checks that no write gives an account a name, and that the answer has the error code.
func refusesName(t *testing.T, b apptest.Bridge, id, name, code string) {
	t.Helper()
	in := strings.NewReplacer("$NAME", apptest.Quoted(t, name), "$ID", id)
	for _, w := range userNameWrites() {
		if detail := b.Refused(t, http.StatusBadRequest, w.Method, in.Replace(w.Path), in.Replace(w.Body)); !strings.Contains(detail, "["+code+"]") {
			t.Errorf("%q by %s says %q", name, w.Method, detail)
		}
	}
	for i, result := range b.Bulk(t, "", apptest.BulkPost("/Users", "1", in.Replace(`{"userName":$NAME}`)), in.Replace(`{"method":"PUT","path":"/Users/$ID","data":{"userName":$NAME}}`)) {
		if fmt.Sprint(result["status"]) != "400" {
			t.Errorf("%q: bulk operation %d = %v", name, i, result)
		}
	}
}

// TestSecurity_50_NamesThatLookLikeOthers: no client can give such a name, and an account that has
// such a name accepts every other change.
func TestSecurity_50_NamesThatLookLikeOthers(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			takeAnyName(t, c.Realm)
			for kind, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				id := b.Create(t, "/Users", `{"userName":"jane-`+kind+`"}`)
				unclear := []string{
					" ceo", "ceo ", "\u00a0ceo", "ceo\u3000", "ce\no", "ce\ro", "ceo\n", "ce\to", "ce\u2028o", "ce\u2029o", "ce\u0085o", "ce\u007fo", "ce\u0001o", "ce\u200bo", "ce\u00ado", "ce\u2060o", "ce\ufeffo", "ce\u034fo", "ce\u115fo",
					"ce\u3164o", "ce\ufe0fo", "ce\U000e0041o", "\u202eoec", "ce\u202do", "ce\u2066o", "ce\u200eo", "ce\u061co", "\u200cceo", "ceo\u200d", "ce\u200c\u200do", "1\u200d2", "ce\u200co",
				}
				addresses := []string{"ceo@beta.example@acme.test", `"x@beta.example"@acme.test`, `"a b"@acme.test`, `x"y@acme.test`, "ceo＠beta.example@acme.test"}
				if kind == "organization" {
					unclear = append(unclear, addresses...)
				} else {
					for i, name := range addresses[1:4] {
						b.Create(t, "/Users", fmt.Sprintf(`{"userName":%s,"externalId":"%d"}`, apptest.Quoted(t, name), i))
					}
				}
				for _, bad := range unclear {
					refusesName(t, b, id, bad, "name-unclear")
				}
				for _, bad := range []string{`"x@beta.example"@acme.test`, "ce\u200bo@acme.test", "c\u202eeo@acme.test", "ce\u00ado@acme.test"} {
					if kind == "realm" && strings.HasPrefix(bad, `"`) {
						continue
					}
					in := `[{"value":` + apptest.Quoted(t, bad) + `,"primary":true}]`
					b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users", `{"userName":"mail-`+kind+`","emails":`+in+`}`)
					b.Refused(t, http.StatusBadRequest, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"emails","value":`+in+`}`))
				}
				if u := b.InKeycloak(t, id); u.Username != "jane-"+kind || u.Email != "" || !u.Enabled {
					t.Errorf("%s: the account is %+v", kind, u)
				}
				for _, held := range append(unclear, "ceo\u200b\u0065\u0301") {
					held = "\u200b" + kind + held
					other := b.Create(t, "/Users", `{"userName":"before-`+kind+`"}`)
					renameUser(t, b, other, held)
					keepsItsName(t, b, other, strings.ToLower(held))
				}
			}
		})
	}
}

// keepsItsName checks that an account with the name accepts other changes, and deletes the account.
func keepsItsName(t *testing.T, b apptest.Bridge, id, name string) {
	t.Helper()
	path := "/Users/" + id
	for _, body := range []string{
		apptest.PatchBody(`{"op":"replace","path":"active","value":false}`), apptest.PatchBody(`{"op":"add","path":"title","value":"t"}`), apptest.PatchBody(`{"op":"add","path":"name.givenName","value":"g"}`),
		apptest.PatchBody(`{"op":"replace","path":"userName","value":` + apptest.Quoted(t, name) + `}`), apptest.PatchBody(`{"op":"replace","value":{"userName":` + apptest.Quoted(t, name) + `,"active":true}}`),
	} {
		b.Must(t, http.MethodPatch, path, body)
	}
	b.Must(t, http.MethodPut, path, `{"userName":`+apptest.Quoted(t, name)+`,"active":false}`)
	if u := b.InKeycloak(t, id); u.Enabled {
		t.Errorf("%q is active: %+v", name, u)
	}
	b.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"userName","value":"another"}`))
	b.Must(t, http.MethodDelete, path, "")
}

// TestNamesOfAllScripts are accepted at every kind of tenant.
func TestNamesOfAllScripts(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			takeAnyName(t, c.Realm)
			for kind, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				for _, name := range []string{
					"דוד כהן", "مُحَمَّد", "محمد\u200cرضا", "می\u200cخواهم", "نامه\u200cای", "王小明", "佐藤さん", "김철수", "สมชาย", "राम", "क्\u200dषत्रिय", "श्रीमान्\u200cजी", "ශ්\u200dරී", "Ωνάσης", "Ёжик", "François", "Jürgen", "İbrahim", "Đặng Thị",
					"o'neil", `DOMAIN\user`, "John Smith", "jane_acme.test#EXT#@acme.test", "o'neil@acme.test", "user&co@acme.test", "jane+tag@acme.test", "a.b-c_d", "jane@acme.test", "👩", "service account", "my-service-account-x", "service-accounts",
				} {
					text := name
					if kind == "organization" {
						text = strings.Replace(name, "@", ".org@", 1)
						if text == name {
							text += " org"
						}
					}
					id := b.Create(t, "/Users", `{"userName":`+apptest.Quoted(t, text)+`}`)
					if got := b.Must(t, http.MethodGet, "/Users/"+id, ""); got["userName"] != text {
						t.Errorf("%q is shown as %q", text, got["userName"])
					}
					found, err := b.Find(t.Context(), "/Users", "userName eq "+apptest.Quoted(t, text), "")
					if err != nil || len(found) != 1 || found[0]["id"] != id {
						t.Errorf("%q finds %v, %v", text, found, err)
					}
					b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
				}
			}
		})
	}
}

// TestSecurity_51_NamesOfServiceAccounts: no client can give such a name, in any spelling, so that
// no user blocks the service account of a future client.
func TestSecurity_51_NamesOfServiceAccounts(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), func(c *config.Config) { apptest.TakeAnyDomain(c); apptest.AdoptUnowned(c) })
			for kind, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				id := b.Create(t, "/Users", `{"userName":"jane-`+kind+`"}`)
				for _, bad := range []string{"service-account-shop", "Service-Account-Shop", "SERVICE-ACCOUNT-", "service-account-x y", "service-account-@acme.test", "ｓｅｒｖｉｃｅ-account-shop"} {
					refusesName(t, b, id, bad, "name-reserved")
				}
				there, err := b.Admin.CreateUser(t.Context(), keycloak.NewUser{Username: "service-account-" + kind, Enabled: true, Email: kind + "@acme.test", EmailVerified: true})
				if err != nil {
					t.Fatal(err)
				}
				if kind == "organization" {
					if err := b.Admin.AddOrganizationMember(t.Context(), c.IDs["acme"], there); err != nil {
						t.Fatal(err)
					}
				}
				b.Must(t, http.MethodPatch, "/Users/"+there.String(), apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
				if u := b.InKeycloak(t, there.String()); u.Enabled {
					t.Errorf("%s: who was there with such a name is not deactivated: %+v", kind, u)
				}
			}
			robot(t, c.Realm, "Shop")
		})
	}
}

// TestSecurity_52_TextsThatAreNotIds: ids at which Keycloak itself fails, or that have a special
// meaning for Keycloak, answer like absent ids.
func TestSecurity_52_TextsThatAreNotIds(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			for _, b := range []apptest.Bridge{c.Realm, c.Of["acme"]} {
				own := b.Create(t, "/Users", `{"userName":"own-`+fmt.Sprint(len(b.Base))+`"}`)
				group := b.Create(t, "/Groups", `{"displayName":"Team `+fmt.Sprint(len(b.Base))+`","members":[{"value":"`+own+`"}]}`)
				for _, id := range []string{
					"count", "profile", "metadata", "members", "children", "groups", "invite-user", "f:", "f:abc", "f:" + apptest.AbsentID, "f::", "f:abc:", "f:abc:def", "f:" + apptest.AbsentID + ":jane", "f:" + apptest.AbsentID + ":jane doe", "F:abc", "id:x",
					"null", "-1", "a.b", "a..b", "...", "a;b", "a%b", "a%2fb", "a\\b", "a b", "a\tb", "a\x7fb", "*", `"x"`, "\u202ex", "\ufffd", strings.Repeat("x", 255), strings.Repeat("é", 127), strings.Repeat("x", 5000),
				} {
					isNobodys(t, b, id, own, group)
				}
			}
		})
	}
}

// TestAPageFarBehindTheEnd is empty, also with a number that Keycloak could not read.
func TestAPageFarBehindTheEnd(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			for _, b := range []apptest.Bridge{c.Realm, c.Of["acme"]} {
				for _, endpoint := range []string{"/Users", "/Groups"} {
					for _, first := range []string{"2147483647", "2147483648", "9223372036854775807", "9223372036854775808"} {
						answer := b.Must(t, http.MethodGet, endpoint+"?count=500&startIndex="+first, "")
						if list, _ := answer["Resources"].([]any); len(list) > 0 {
							t.Errorf("%s from %s on = %v", endpoint, first, list)
						}
					}
				}
			}
		})
	}
}

// isNobodys checks that a text answers like an absent id.
func isNobodys(t *testing.T, b apptest.Bridge, id, own, group string) {
	t.Helper()
	in := strings.NewReplacer("$ID", url.PathEscape(id), "$TEXT", apptest.Quoted(t, id))
	for _, a := range []apptest.Request{
		{Method: http.MethodGet, Path: "/Users/$ID", Body: ""},
		{Method: http.MethodGet, Path: "/Users/$ID?attributes=groups", Body: ""},
		{Method: http.MethodDelete, Path: "/Users/$ID", Body: ""},
		{Method: http.MethodPut, Path: "/Users/$ID", Body: `{"userName":"mine"}`},
		{Method: http.MethodPatch, Path: "/Users/$ID", Body: apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)},
		{Method: http.MethodGet, Path: "/Groups/$ID", Body: ""},
		{Method: http.MethodDelete, Path: "/Groups/$ID", Body: ""},
		{Method: http.MethodPut, Path: "/Groups/$ID", Body: `{"displayName":"mine"}`},
		{Method: http.MethodPatch, Path: "/Groups/$ID", Body: apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"` + own + `"}]}`)},
		{Method: http.MethodPatch, Path: "/Groups/$ID", Body: apptest.PatchBody(`{"op":"replace","path":"displayName","value":"mine"}`)},
	} {
		b.Refused(t, http.StatusNotFound, a.Method, in.Replace(a.Path), a.Body)
	}
	for _, filter := range []string{"id eq ", "id eq " + apptest.Quoted(t, own) + " and id eq "} {
		for _, endpoint := range []string{"/Users", "/Groups"} {
			if found, err := b.Find(t.Context(), endpoint, filter+apptest.Quoted(t, id), ""); err != nil || len(found) > 0 {
				t.Errorf("%s: %s%q = %v, %v", endpoint, filter, id, found, err)
			}
		}
	}
	if found, err := b.Find(t.Context(), "/Groups", "members.value eq "+apptest.Quoted(t, id), ""); err != nil || len(found) > 0 {
		t.Errorf("members.value eq %q = %v, %v", id, found, err)
	}
	for _, list := range []string{`[{"value":$TEXT}]`, `[{"value":$TEXT},{"value":"` + own + `"}]`} {
		b.Refused(t, http.StatusBadRequest, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"add","path":"members","value":`+in.Replace(list)+`}`))
		b.Refused(t, http.StatusBadRequest, http.MethodPut, "/Groups/"+group, `{"displayName":"Other","members":`+in.Replace(list)+`}`)
	}
	b.Must(t, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(in.Replace(`{"op":"remove","path":"members","value":[{"value":$TEXT}]}`)))
}

// TestSecurity_52_ValuesThatFitInNoURL: no resource has the value, or the index finds it.
func TestSecurity_52_ValuesThatFitInNoURL(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			for _, b := range []apptest.Bridge{c.Realm, c.Of["acme"]} {
				kind := fmt.Sprint(len(b.Base))
				b.Create(t, "/Users", `{"userName":"own-`+kind+`","title":"t","emails":[{"value":"own-`+kind+`@acme.test"}]}`)
				group := b.Create(t, "/Groups", `{"displayName":"Team `+kind+`"}`)
				for _, text := range []string{strings.Repeat("é", 256), strings.Repeat("é", 4000), strings.Repeat(" x", 3500), strings.Repeat("日", 2500)} {
					for endpoint, attributes := range map[string][]string{"/Users": {"id", "userName", "externalId", "emails.value", "displayName", "title"}, "/Groups": {"id", "displayName", "externalId", "members.value"}} {
						for _, attribute := range attributes {
							if found, err := search(t, b, endpoint, attribute+" eq "+client.Quote(text)); err != nil || len(found) > 0 {
								t.Errorf("%s eq a text of %d bytes at %s = %v, %v", attribute, len(text), endpoint, found, err)
							}
						}
					}
				}
				var members []string
				for i := range 50 {
					members = append(members, fmt.Sprintf(`{"value":"%s%d"}`, strings.Repeat("é", 120), i))
				}
				list := "[" + strings.Join(members, ",") + "]"
				b.Refused(t, http.StatusBadRequest, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"add","path":"members","value":`+list+`}`))
				b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Groups", `{"displayName":"Other","members":`+list+`}`)
				b.Must(t, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"remove","path":"members","value":`+list+`}`))
			}
		})
	}
}

// TestAValueThatFitsInNoURL is found by the index.
func TestAValueThatFitsInNoURL(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeWith(t, start(t), "version: 1\nusers: { attributes: { title: { keycloak: job_title } } }\n")
			long := strings.Repeat("é", 2000)
			user := b.Create(t, "/Users", `{"userName":"jane","title":"`+long+`"}`)
			found, err := search(t, b, "/Users", `title eq "`+long+`"`)
			if err != nil || len(found) != 1 || found[0].(map[string]any)["id"] != user {
				t.Errorf("a long title finds %v, %v", found, err)
			}
		})
	}
}

// search sends a POST, so that the URL of the bridge itself does not become too long.
func search(t *testing.T, b apptest.Bridge, endpoint, filter string) ([]any, error) {
	t.Helper()
	answer, err := b.Send(t, http.MethodPost, endpoint+"/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":`+apptest.Quoted(t, filter)+`}`)
	list, _ := answer["Resources"].([]any)
	return list, err
}

// TestAProxyThatAcceptsOnlyShortURLs: such a proxy in front of Keycloak does not count as an outage.
func TestAProxyThatAcceptsOnlyShortURLs(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.NewBridgeOn(t, fake.Server(), nil)
	value := strings.Repeat("x", 500)
	user := b.Create(t, "/Users", `{"userName":"jane","externalId":"`+value+`"}`)
	for _, status := range []int{http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge} {
		fake.Inject(keycloaktest.Fault{Op: "GET /users", Status: status, Nth: 1})
		found, err := search(t, b, "/Users", `externalId eq "`+value+`"`)
		if err != nil || len(found) != 1 || found[0].(map[string]any)["id"] != user {
			t.Errorf("a look-up that is answered with %d finds %v, %v", status, found, err)
		}
		fake.ClearFaults()
	}
}

// TestSecurity_43_AnIdInOtherLettersFindsNothing, although the database of Keycloak compares loosely:
// MySQL's default ignores case and accents and reads full-width digits as digits. The database
// finds a group by such an id, and nothing else would recognise the protected group.
func TestSecurity_43_AnIdInOtherLettersFindsNothing(t *testing.T) {
	t.Parallel()
	fake, others := keycloaktest.NewFake(t), regexp.MustCompile(`[0-9A-Fa-f-４]{36}`)
	loosely := func(id string) string { return strings.ReplaceAll(strings.ToLower(id), "４", "4") }
	loose := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path, r.URL.RawPath = others.ReplaceAllStringFunc(r.URL.Path, loosely), ""
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(loose.Close)
	server := fake.Server()
	server.URL = loose.URL
	realm, admin := apptest.NewEmptyRealm(t, server)
	admins := apptest.Bridge{Server: server, Admin: admin, Realm: realm}.MakeGroup(t, "listed", keycloak.GroupID{})
	b := apptest.NewBridgeIn(t, server, realm, admin, func(c *config.Config) {
		r := c.Realms[realm]
		r.Protected.Groups = []config.GroupPath{"/listed"}
		c.Realms[realm] = r
	})
	user, own := b.Create(t, "/Users", `{"userName":"ann"}`), b.Create(t, "/Groups", `{"displayName":"Own"}`)
	root := b.MakeAccount(t, "root", true)
	b.Grant(t, root, b.KnownRole(t, apptest.ManagementRole("realm-admin")))
	ownID, _ := keycloak.ParseGroupID(own)
	if err := admin.AddMember(t.Context(), root, ownID); err != nil {
		t.Fatal(err)
	}
	b.Check(t)
	for _, spelled := range []func(string) string{strings.ToUpper, func(id string) string { return url.PathEscape(strings.Replace(id, "4", "４", 1)) }} {
		for _, group := range []string{admins.String(), own} {
			for method, body := range map[string]string{
				http.MethodGet: "", http.MethodDelete: "", http.MethodPut: `{"displayName":"Own"}`,
				http.MethodPatch: apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"` + user + `"}]}`),
			} {
				b.Refused(t, http.StatusNotFound, method, "/Groups/"+spelled(group), body)
			}
		}
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			b.Refused(t, http.StatusNotFound, method, "/Users/"+spelled(user), "")
		}
		member := func(id string) string {
			text, err := url.PathUnescape(spelled(id))
			if err != nil {
				t.Fatal(err)
			}
			return `"path":"members","value":[{"value":"` + text + `"}]}`
		}
		b.Refused(t, http.StatusBadRequest, http.MethodPatch, "/Groups/"+own, apptest.PatchBody(`{"op":"add",`+member(user)))
		b.Must(t, http.MethodPatch, "/Groups/"+own, apptest.PatchBody(`{"op":"remove",`+member(root.String())))
	}
	for id, want := range map[keycloak.GroupID]int{admins: 0, ownID: 1} {
		if members, err := admin.Members(t.Context(), id, 0, 10); err != nil || len(members) != want {
			t.Errorf("%s has the members %v, %v", id, members, err)
		}
	}
}
