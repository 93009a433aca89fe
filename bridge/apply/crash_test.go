package apply_test

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

const crashMapping = `version: 1
grantableRoles: [employee, { client: shop, role: editor }]
users:
  defaultGroups: [/everyone]
  roles:
    - grant: [employee, { client: shop, role: editor }]
`

const crashGroupMapping = crashMapping + `groups:
  roles:
    Staff: [employee]
`

// TestACreationThatBreaksOffAnywhere: the bridge is cut off before or after any of its calls, as by
// a kill or an outage, so it cannot undo anything. The next creation finishes what exists, and
// Keycloak stores the same as after an undisturbed creation.
func TestACreationThatBreaksOffAnywhere(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrash(t, start(t))
			acme, joins := c.Of["acme"], func(string) string { return "" }
			for name, probe := range map[string]crashProbe{
				"a-user-of-the-realm":       {c.Realm, "/Users", `{"userName":"NAME@acme.test","title":"T"}`, joins},
				"a-user-of-an-organization": {acme, "/Users", `{"userName":"NAME@acme.test","title":"T"}`, joins},
				"an-adoption": {acme, "/Users", `{"userName":"NAME","title":"T","emails":[{"value":"NAME@acme.test","primary":true}]}`, func(name string) string {
					return acme.MakeAccount(t, name, true).String()
				}},
				"a-group-of-the-realm":        {c.Realm, "/Groups", `{"displayName":"NAME","members":[` + c.members + `]}`, joins},
				"a-group-of-the-organization": {acme, "/Groups", `{"displayName":"NAME","members":[` + c.members + `]}`, joins},
			} {
				c.breakOff(t, name, probe)
			}
		})
	}
}

// TestParallelCreationsThatNeedSeveralCalls: exactly one resource is created, and no request
// mistakes a resource under construction for an incomplete one.
func TestParallelCreationsThatNeedSeveralCalls(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrash(t, start(t))
			for tenant, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				for endpoint, body := range map[string]string{
					"/Users": `{"userName":"` + tenant + `-several@acme.test"}`, "/Groups": `{"displayName":"` + tenant + `-several","members":[` + c.members + `]}`,
				} {
					if statuses := b.AtOnce(t, 8, http.MethodPost, endpoint, body); statuses[http.StatusNoContent] != 1 || statuses[http.StatusConflict] != 7 {
						t.Errorf("%s: eight creations at %s at once are %v", tenant, endpoint, statuses)
					}
				}
			}
		})
	}
}

// TestAChangeOfWhatIsBeingMade waits for the creation, and neither write is lost.
func TestAChangeOfWhatIsBeingMade(t *testing.T) {
	t.Parallel()
	c := newCrash(t, keycloaktest.NewFake(t).Server())
	for endpoint, p := range map[string]struct{ create, change, last string }{
		"/Users":  {`{"userName":"slow@acme.test","title":"T"}`, `{"op":"add","path":"nickName","value":"N"}`, "PUT /users/{id}"},
		"/Groups": {`{"displayName":"slow","members":[` + c.members + `]}`, `{"op":"add","path":"externalId","value":"N"}`, "PUT /groups/{id}"},
	} {
		held, made := make(chan struct{}), make(chan map[string]any, 1)
		reached := c.proxy.Inject(keycloaktest.Fault{Op: p.last, Nth: 1, Hold: held})
		go func() {
			answer, err := c.Realm.Send(t, http.MethodPost, endpoint, p.create)
			if err != nil {
				t.Errorf("%s: the creation: %v", endpoint, err)
			}
			made <- answer
		}()
		<-reached
		id := c.idOf(t, endpoint)
		changed := make(chan error, 1)
		go func() {
			_, err := c.Realm.Send(t, http.MethodPatch, endpoint+"/"+id, apptest.PatchBody(p.change))
			changed <- err
		}()
		for range 200_000 { // a change that does not wait would end meanwhile and be overwritten
			if len(changed) > 0 {
				break
			}
			runtime.Gosched()
		}
		close(held)
		<-made
		if err := <-changed; err != nil {
			t.Errorf("%s: the change: %v", endpoint, err)
		}
		c.proxy.ClearFaults()
		got := c.Realm.Must(t, http.MethodGet, endpoint+"/"+id, "")
		if got["nickName"] == nil && got["externalId"] == nil {
			t.Errorf("%s: the change is lost: %v", endpoint, got)
		}
		if endpoint == "/Groups" && len(apptest.MemberIDs(got)) != 3 || endpoint == "/Users" && got["title"] != "T" {
			t.Errorf("%s: a part of the creation is lost: %v", endpoint, got)
		}
	}
}

// idOf returns the id of the resource that is being created.
func (c crash) idOf(t *testing.T, endpoint string) string {
	t.Helper()
	filter := map[string]string{"/Users": `userName eq "slow@acme.test"`, "/Groups": `displayName eq "slow"`}[endpoint]
	found, err := c.Realm.Find(t.Context(), endpoint, filter, "excludedAttributes=members")
	if err != nil || len(found) != 1 {
		t.Fatalf("%s is found as %v, %v", filter, found, err)
	}
	return found[0]["id"].(string)
}

// crash is a bridge behind a proxy that can cut it off.
type crash struct {
	apptest.Customers

	proxy   *keycloaktest.Proxy
	members string // of groups, as JSON without the brackets
}

// crashProbe is a creation at a tenant. Its body has a place for a name; prepare gets the name.
type crashProbe struct {
	at             apptest.Bridge
	endpoint, body string
	prepare        func(name string) (id string)
}

func newCrash(t *testing.T, server keycloaktest.Server) crash {
	t.Helper()
	proxy := keycloaktest.NewProxy(t, server)
	c := crash{proxy: proxy, Customers: apptest.NewCustomers(t, proxy.Server(), apptest.AdoptUnowned)}
	shop, err := c.Realm.Admin.CreateClient(t.Context(), "shop", "")
	if err != nil {
		t.Fatal(err)
	}
	for path, role := range map[string]string{"/roles": "employee", "/clients/" + shop.String() + "/roles": "editor"} {
		apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+c.Realm.Realm+path, `{"name":"`+role+`"}`)
	}
	c.Realm.MakeGroup(t, "everyone", keycloak.GroupID{})
	c.Realm.UseMapping(t, c.Realm.Realm, crashGroupMapping)
	c.Realm.UseMapping(t, tenant.OrganizationPath(c.Realm.Realm, "acme"), crashMapping)
	var ids []string
	for _, name := range []string{"one", "two", "three"} {
		ids = append(ids, `{"value":"`+c.Of["acme"].Create(t, "/Users", `{"userName":"`+name+`@acme.test"}`)+`"}`)
	}
	c.members = strings.Join(ids, ",")
	return c
}

func (c crash) breakOff(t *testing.T, name string, p crashProbe) {
	t.Helper()
	p.prepare(name)
	want := c.shape(t, p, p.at.Create(t, p.endpoint, strings.ReplaceAll(p.body, "NAME", name)), name)
	finished := 0
	for _, stage := range []keycloaktest.Stage{keycloaktest.Before, keycloaktest.After} {
		for n := 1; ; n++ {
			who := fmt.Sprintf("cut-%d-%d-%s", stage, n, name)
			body := strings.ReplaceAll(p.body, "NAME", who)
			prepared := p.prepare(who)
			c.proxy.Inject(keycloaktest.Fault{Nth: n, Stage: stage, Drop: true})
			c.proxy.Inject(keycloaktest.Fault{From: n + 1, Drop: true})
			_, err := p.at.Send(t, http.MethodPost, p.endpoint, body)
			c.proxy.ClearFaults()
			if err == nil {
				break
			}
			checkFault(t, err, http.StatusServiceUnavailable, 1)
			made, err := p.at.Send(t, http.MethodPost, p.endpoint, body)
			if err != nil {
				// The last call was carried out, so the resource is complete.
				found, find := p.at.Find(t.Context(), p.endpoint, fmt.Sprintf(`%s sw "%s"`, map[string]string{"/Users": "userName", "/Groups": "displayName"}[p.endpoint], who), "")
				if find != nil || len(found) != 1 || stage != keycloaktest.After {
					t.Errorf("%s, cut off at call %d (%v): the next creation = %v, and there are %d, %v", name, n, stage, err, len(found), find)
					continue
				}
				made = found[0]
			} else {
				finished++
			}
			id, _ := made["id"].(string)
			if diff := cmp.Diff(want, c.shape(t, p, id, who)); diff != "" || prepared != "" && prepared != id {
				t.Errorf("%s, cut off at call %d (%v), is otherwise than an undisturbed one (-want +got):\n%s", name, n, stage, diff)
			}
		}
	}
	if finished < 4 {
		t.Errorf("%s was cut off and finished %d times, which proves little", name, finished)
	}
}

// shape returns what Keycloak stores of a resource, without ids and times.
func (c crash) shape(t *testing.T, p crashProbe, id, name string) map[string]any {
	t.Helper()
	if p.endpoint == "/Groups" {
		return c.shapeOfGroup(t, p, id, name)
	}
	user := p.at.InKeycloak(t, id)
	parsed, err := keycloak.ParseUserID(id)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := p.at.Admin.UserGroups(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	organizations, err := p.at.Admin.OrganizationsOf(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"name": strings.ReplaceAll(user.Username, name, "NAME"), "email": strings.ReplaceAll(user.Email, name, "NAME"), "enabled": user.Enabled,
		"attributes": shapeOfAttributes(user.Attributes, name), "groups": len(groups), "organizations": len(organizations), "roles": p.at.RolesOf(t, id),
	}
}

func (c crash) shapeOfGroup(t *testing.T, p crashProbe, id, name string) map[string]any {
	t.Helper()
	parse := keycloak.ParseGroupID
	if p.at.Base != c.Realm.Base {
		parse = c.IDs["acme"].ParseGroupID
	}
	parsed, err := parse(id)
	if err != nil {
		t.Fatal(err)
	}
	group, err := p.at.Admin.Group(t.Context(), parsed)
	if keycloak.KindOf(err) == keycloak.NotFound { // a group of the realm below a parent, on older servers
		if parsed, err = keycloak.ParseGroupID(id); err == nil {
			group, err = p.at.Admin.Group(t.Context(), parsed)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	members, err := p.at.Admin.Members(t.Context(), parsed, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"name": strings.ReplaceAll(group.Name, name, "NAME"), "attributes": shapeOfAttributes(group.Attributes, name), "members": len(members), "roles": fmt.Sprint(group.Roles),
	}
}

func shapeOfAttributes(attributes map[string][]string, name string) map[string][]string {
	out := map[string][]string{}
	for attribute, values := range attributes {
		switch attribute {
		case mapping.AttrModified, mapping.AttrCreated:
			continue
		case mapping.AttrRemainder: // the stamp in it differs
			values = []string{strconv.Itoa(len(values))}
		}
		for _, value := range slices.Sorted(slices.Values(values)) {
			if attribute == mapping.AttrKey { // it is padded
				value = strings.TrimRight(value, "-")
			}
			out[attribute] = append(out[attribute], strings.ReplaceAll(value, name, "NAME"))
		}
	}
	return out
}
