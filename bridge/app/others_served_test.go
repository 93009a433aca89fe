package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// outsider changes users of a real Keycloak in every way that does not pass through the bridge.
type outsider struct {
	watched

	customers apptest.Customers
	there     string // the realm that is the identity provider
}

func newOutsider(t *testing.T) *outsider {
	t.Helper()
	o := &outsider{watched: watched{memory: storetest.NewMemory(nil), now: time.Now()}}
	o.customers = apptest.NewCustomersWith(t, keycloaktest.Real(t), o.memory, "--change-feed", "--user-events")
	o.Bridge = o.customers.Realm
	o.Pass(time.Minute)
	o.round(t)
	return o
}

// brokers makes an identity provider that writes what it knows of a user at each login, with one user.
func (o *outsider) brokers(t *testing.T, name string) {
	t.Helper()
	there := o.customers.IdentityProvider(t, "idp", "", true)
	o.there = there.Realm().String()
	apptest.AdminSend(t, o.Server, http.MethodPost, "/admin/realms/"+o.Realm+"/clients", `{"clientId":"app","publicClient":true,"standardFlowEnabled":true,"directAccessGrantsEnabled":true,"redirectUris":["http://app.test/*"]}`)
	path := "/admin/realms/" + o.Realm + "/identity-provider/instances/idp"
	var provider map[string]any
	if err := json.Unmarshal([]byte(apptest.AdminGet(t, o.Server, path)), &provider); err != nil {
		t.Fatal(err)
	}
	provider["config"].(map[string]any)["syncMode"] = "FORCE"
	body, err := json.Marshal(provider)
	if err != nil {
		t.Fatal(err)
	}
	apptest.AdminSend(t, o.Server, http.MethodPut, path, string(body))
	o.customers.PersonAt(t, there, name)
}

// renames changes the name of the user of the identity provider.
func (o *outsider) renames(t *testing.T, name, first string) {
	t.Helper()
	path := "/admin/realms/" + o.there + "/users"
	var list []map[string]any
	if err := json.Unmarshal([]byte(apptest.AdminGet(t, o.Server, path+"?username="+url.QueryEscape(name))), &list); err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	list[0]["firstName"] = first
	body, err := json.Marshal(list[0])
	if err != nil {
		t.Fatal(err)
	}
	apptest.AdminSend(t, o.Server, http.MethodPut, path+"/"+fmt.Sprint(list[0]["id"]), string(body))
}

// renamesOwn changes the first name of a user in the account console.
func (o *outsider) renamesOwn(t *testing.T, name, password, first string) {
	t.Helper()
	_, granted := apptest.AskToken(t, o.Server, o.Realm, url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {name}, "password": {password}, "scope": {"openid"}})
	token := fmt.Sprint(granted["access_token"])
	target := o.Server.URL + "/realms/" + o.Realm + "/account/"
	send := func(method, body string) string {
		req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json")
		status, _, answer := apptest.Exchange(t, req)
		if status >= http.StatusMultipleChoices {
			t.Fatalf("%s of the own account is %d %s", method, status, answer)
		}
		return answer
	}
	var own map[string]any
	if err := json.Unmarshal([]byte(send(http.MethodGet, "")), &own); err != nil {
		t.Fatal(err)
	}
	own["firstName"] = first
	delete(own, "userProfileMetadata")
	body, err := json.Marshal(own)
	if err != nil {
		t.Fatal(err)
	}
	send(http.MethodPost, string(body))
}

// registers registers a user through the form of the login page.
func (o *outsider) registers(t *testing.T, name string) {
	t.Helper()
	apptest.AdminSend(t, o.Server, http.MethodPut, "/admin/realms/"+o.Realm, `{"registrationAllowed":true}`)
	last := apptest.Login(t, o.customers.AuthURL("registrations", ""), url.Values{
		"username": {name}, "password": {"pw"}, "password-confirm": {"pw"}, "email": {name + "@acme.test"}, "firstName": {"R"}, "lastName": {"L"},
	})
	if last != "" {
		t.Fatalf("the registration ends at:\n%s", last)
	}
}

// TestEachChangeFromOutsideIsInTheJournalOnce: by the console, by the account's holder, by a registration and by a login
// through an identity provider, while the bridge runs and while it is down for ten minutes.
func TestEachChangeFromOutsideIsInTheJournalOnce(t *testing.T) {
	t.Parallel()
	o := newOutsider(t)
	const broker = "broker@acme.test"
	jane := o.Create(t, "/Users", `{"userName":"jane","name":{"givenName":"J","familyName":"L"},"emails":[{"value":"jane@acme.test","primary":true}]}`)
	apptest.AdminSend(t, o.Server, http.MethodPut, "/admin/realms/"+o.Realm+"/users/"+jane+"/reset-password", `{"type":"password","value":"pw"}`)
	o.brokers(t, broker)
	brokered := o.customers.FirstLogin(t, broker).String()
	o.registers(t, "ron")
	ron := o.Named(t, "ron").ID
	names := []string{jane, "jane", brokered, broker, ron, "ron"}
	scan := func() { o.Indexed(t, "/Users?sortBy=name.givenName") }
	o.round(t)
	scan()
	o.synced(t)
	got := o.changes(t, names...)
	slices.Sort(got)
	o.want(t, "the beginning", got,
		"account holder created User "+broker+": - > "+broker+"(F)", "account holder created User ron: - > ron(R)",
		"administrator updated User jane: jane(J) > jane(J)", "client created User jane: - > jane(J)")
	before := map[string]string{"console": "R", "holder": "J", "broker": "F"}
	for i, down := range []bool{false, true} {
		after := map[string]string{"console": fmt.Sprint("Console", i), "holder": fmt.Sprint("Holder", i), "broker": fmt.Sprint("Broker", i)}
		o.must(t, o.Admin.UpdateUser(t.Context(), user(t, ron), keycloak.UserUpdate{FirstName: new(after["console"])}))
		o.renamesOwn(t, "jane", "pw", after["holder"])
		o.renames(t, broker, after["broker"])
		o.customers.LogIn(t, broker)
		other := fmt.Sprint("other", i)
		o.registers(t, other)
		id := o.Named(t, other).ID
		if down {
			o.restarts(t, 10*time.Minute)
		}
		o.round(t)
		scan()
		o.synced(t)
		got := o.changes(t, append(names, id, other)...)
		slices.Sort(got)
		o.want(t, fmt.Sprint("down: ", down), got,
			" observed User "+broker+": "+broker+"("+before["broker"]+") > "+broker+"("+after["broker"]+")",
			"account holder created User "+other+": - > "+other+"(R)",
			"account holder updated User jane: jane("+before["holder"]+") > jane("+after["holder"]+")",
			"administrator updated User ron: ron("+before["console"]+") > ron("+after["console"]+")")
		before = after
		scan()
		o.synced(t)
		o.want(t, "later", o.changes(t))
	}
}

// TestASynchronisationOfLDAPIsInTheJournalOnce: of each changed user, while the bridge runs and while it is down.
func TestASynchronisationOfLDAPIsInTheJournalOnce(t *testing.T) {
	t.Parallel()
	server, memory := keycloaktest.Real(t), storetest.NewMemory(nil)
	w := &watched{memory: memory, now: time.Now()}
	w.Bridge = apptest.NewStoredBridge(t, server, memory, nil, "--change-feed", "--user-events")
	scan := func() { w.Indexed(t, "/Users?sortBy=name.givenName") }
	w.Pass(time.Minute)
	scan()
	directory := keycloaktest.StartLDAP(t, apptest.Persons("ann", "ben"), nil)
	provider := directory.Federate(t, server, w.Realm, keycloaktest.FederationOptions{Name: apptest.Corp, EditMode: "READ_ONLY", Imports: true})
	w.Check(t)
	w.round(t)
	provider.Sync()
	scan()
	w.synced(t)
	ann, ben := w.Named(t, "ann").ID, w.Named(t, "ben").ID
	names := []string{ann, "ann", ben, "ben"}
	got := w.changes(t, names...)
	slices.Sort(got)
	w.want(t, "the first synchronisation", got, " observed User ann: - > ann(Ann Lee)", " observed User ben: - > ben(Ann Lee)")
	before := "Ann Lee"
	for i, down := range []bool{false, true} {
		after := fmt.Sprint("Anna", i)
		directory.Replace(t, "ann", "cn", after) // Keycloak's mapper takes the first name from cn
		provider.Sync()
		if down {
			w.restarts(t, 10*time.Minute)
		}
		w.round(t)
		scan()
		w.synced(t)
		w.want(t, fmt.Sprint("down: ", down), w.changes(t, names...), " observed User ann: ann("+before+") > ann("+after+")")
		before = after
		scan()
		w.synced(t)
		w.want(t, "later", w.changes(t))
	}
}

// TestTheBridgesOwnChangesAreNoSecondWriter: by every interface, in the realm and in an organization. Their events add no
// entry either.
func TestTheBridgesOwnChangesAreNoSecondWriter(t *testing.T) {
	t.Parallel()
	for name, server := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check := func(b apptest.Bridge, change func()) {
				t.Helper()
				b.Pass(time.Millisecond)
				b.App.ReadOthers(t.Context(), time.Now().Add(-time.Hour)) // so that the events are since the start
				change()
				b.App.ReadOthers(t.Context(), time.Now())
				if told := b.Lines.FilterMessageSnippet("another program changes a realm").All(); len(told) > 0 {
					t.Errorf("the log tells of a second writer: %v", told)
				}
				for _, e := range entriesOf(t, b.App.Store()) {
					if e.Actor.Kind == "administrator" && !strings.Contains(e.Steps[0], " USER users/") && !strings.Contains(e.Steps[0], "ORGANIZATION") {
						t.Errorf("the journal has %+v", e.Change)
					}
				}
			}
			b := apptest.NewStoredBridge(t, server(t), storetest.NewMemory(nil), apptest.AdoptUnowned, "--change-feed")
			check(b, func() { changesOf(t, b) })
			c := apptest.NewCustomersWith(t, server(t), storetest.NewMemory(nil), "--change-feed")
			acme := c.Of["acme"]
			check(acme, func() {
				jane := acme.Create(t, "/Users", `{"userName":"jane@acme.test","externalId":"1"}`)
				acme.Must(t, http.MethodPatch, "/Users/"+jane, apptest.ReplaceBody("title", `"Clerk"`))
				team := acme.Create(t, "/Groups", `{"displayName":"team","members":[{"value":"`+jane+`"}]}`)
				acme.Must(t, http.MethodPatch, "/Groups/"+team, apptest.RemoveMember(jane))
				acme.Must(t, http.MethodPatch, "/Groups/"+team, apptest.AddMembers(jane))
				acme.Must(t, http.MethodPatch, "/Groups/"+team, apptest.ReplaceBody("displayName", `"crew"`))
				member := c.Admit(t, acme.MakeAccount(t, "member", true).String(), "acme").String()
				acme.Must(t, http.MethodPatch, "/Groups/"+team, apptest.AddMembers(member))
				acme.Must(t, http.MethodDelete, "/Users/"+member, "")
				acme.Must(t, http.MethodPatch, "/Users/"+jane, apptest.ReplaceBody("active", "false"))
				acme.Must(t, http.MethodDelete, "/Groups/"+team, "")
				acme.Must(t, http.MethodDelete, "/Users/"+jane, "")
			})
		})
	}
}
