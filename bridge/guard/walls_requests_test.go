package guard_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/server"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// TestSecurity_1_EveryRouteAcceptsOnlyTheCredentialsOfItsTenant. The attacks are generated from the
// router, so that a new route is attacked as soon as it exists. A tenant that does not exist gives
// the same answer.
func TestSecurity_1_EveryRouteAcceptsOnlyTheCredentialsOfItsTenant(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.NewFake(t).Server(), nil)
	realm := c.Realm.Realm
	paths := map[string]string{
		realm: c.Realm.Token, realm + "/organizations/acme": c.Of["acme"].Token, realm + "/organizations/globex": c.Of["globex"].Token,
		"absent": "", realm + "/organizations/absent": "", "absent/organizations/acme": "", realm + "/organizations/ACME": "",
	}
	tokens := map[string]string{
		"none": "", "empty": "Bearer ", "malformed": "Token x", "doubled": "Bearer Bearer " + c.Of["acme"].Token, "basic": "Basic eDp5", "invented": "Bearer ksb_invented",
		"of the realm": "Bearer " + c.Realm.Token, "of acme": "Bearer " + c.Of["acme"].Token, "of globex": "Bearer " + c.Of["globex"].Token,
	}
	for _, route := range server.Routes() {
		for what, header := range tokens {
			want := ""
			for path, own := range paths {
				if header == "Bearer "+own && own != "" {
					continue
				}
				got := raw(t, c.Realm.At(path), route.Method, strings.Replace(route.Path, ":id", apptest.AbsentID, 1), header)
				if route.Path == "/ServiceProviderConfig" && header == "" {
					if !strings.HasPrefix(got, "200") {
						t.Errorf("%s %s of %s without a credential = %s, want 200 (RFC 7643 section 5)", route.Method, route.Path, path, got)
					}
					continue
				}
				if want == "" {
					want = got
				}
				if !strings.HasPrefix(got, "401") || got != want {
					t.Errorf("%s %s of %s with a credential %s = %s, want %s", route.Method, route.Path, path, what, got, want)
				}
			}
		}
	}
}

// raw sends a request with an Authorization header and returns its status and body.
func raw(t *testing.T, b apptest.Bridge, method, path, authorization string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.Base+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	status, _, body := apptest.Exchange(t, req)
	return fmt.Sprint(status, " ", body)
}

// TestSecurity_3_NoListReachesBeyondATenant, whatever filter and page the client asks for.
func TestSecurity_3_NoListReachesBeyondATenant(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			acme := c.Of["acme"]
			acme.Create(t, "/Users", `{"userName":"own@acme.test"}`)
			c.Of["globex"].Create(t, "/Users", `{"userName":"gus@globex.test"}`)
			c.Realm.Create(t, "/Users", `{"userName":"bob"}`)
			for query, total := range map[string]int{
				`filter=userName pr or not (userName pr)`: 1, `filter=userName ne "x"`: 1, `filter=not (userName eq "own@acme.test")`: 0, `filter=id pr`: 1,
				`filter=userName co "@"`: 1, `filter=userName sw "g" or active eq true`: 1, `filter=userName eq "gus@globex.test" or userName eq "own@acme.test"`: 1,
				`startIndex=2147483648&count=100`: 1, `startIndex=2&count=200`: 1, `startIndex=-9&count=9999999999`: 1, `count=0`: 1,
			} {
				name, value, _ := strings.Cut(query, "=")
				if name == "filter" {
					query = name + "=" + url.QueryEscape(value)
				}
				got := acme.Must(t, http.MethodGet, "/Users?"+query, "")
				if fmt.Sprint(got["totalResults"]) != fmt.Sprint(total) || strings.Contains(fmt.Sprint(got), "globex") || strings.Contains(fmt.Sprint(got), "bob") {
					t.Errorf("%s = %v, want %d of its own", query, got, total)
				}
			}
		})
	}
}

// TestSecurity_20_NoLiteralReachesKeycloakUnescaped: a text with characters that are special in a
// search of Keycloak, in its query language or in a URL is a text like any other.
func TestSecurity_20_NoLiteralReachesKeycloakUnescaped(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			acme := c.Of["acme"]
			acme.Create(t, "/Users", `{"userName":"own@acme.test","externalId":"own","displayName":"own","emails":[{"value":"own@acme.test"}]}`)
			acme.Create(t, "/Groups", `{"displayName":"own","externalId":"own"}`)
			c.Of["globex"].Create(t, "/Users", `{"userName":"gus@globex.test","externalId":"gus"}`)
			for _, text := range []string{
				"*", "%", "_", "own*", "*own*", "o_n", "OWN@acme.test*", "own@acme.test\"", "x&exact=false", "x#", "x?y=z", "a\r\nb", "x\" scim.owner:\"y", "a:b c:d", "own x:y",
				"scim.owner:" + c.IDs["globex"].String(), "id:own", "..", "../users", "%2e%2e", "%", "own%00", " ", "\u202eown", strings.Repeat("*", 300),
			} {
				for _, attribute := range []string{"userName", "externalId", "emails.value", "displayName", "id"} {
					for _, endpoint := range []string{"/Users", "/Groups"} {
						if endpoint == "/Groups" && (attribute == "userName" || attribute == "emails.value") {
							continue
						}
						found, err := acme.Find(t.Context(), endpoint, attribute+" eq "+client.Quote(text), "")
						if status := client.StatusOf(err); len(found) > 0 || err != nil && status != http.StatusBadRequest {
							t.Errorf("%s: %s eq %q = %v, %v, want nothing or 400", endpoint, attribute, text, found, err)
						}
					}
				}
			}
		})
	}
}

// TestSecurity_4_TwoTenantsAtOnce share nothing that one tenant could see of the other.
func TestSecurity_4_TwoTenantsAtOnce(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.NewFake(t).Server(), nil)
	var g errgroup.Group
	for alias, b := range c.Of {
		for i := range 20 {
			g.Go(func() error {
				name := fmt.Sprintf("u%d@%s.test", i, alias)
				user, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"`+name+`","externalId":"`+fmt.Sprint(i)+`"}`)
				if err != nil {
					return err
				}
				found, err := b.Find(t.Context(), "/Users", fmt.Sprintf(`externalId eq "%d"`, i), "")
				if err == nil && (len(found) != 1 || found[0]["userName"] != name) {
					err = fmt.Errorf("externalId %d at %s = %v", i, alias, found)
				}
				if err == nil {
					_, err = b.Send(t, http.MethodPatch, "/Users/"+fmt.Sprint(user["id"]), apptest.PatchBody(`{"op":"add","path":"title","value":"of `+alias+`"}`))
				}
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	c.CheckApart(t)
}

// TestSecurity_5_SpellingsOfAForeignName are the foreign name itself or a name of their own, and
// never lead to the account.
func TestSecurity_5_SpellingsOfAForeignName(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.TakeAnyDomain)
			acme, globex := c.Of["acme"], c.Of["globex"]
			victim := acme.Create(t, "/Users", `{"userName":"mail@acme.test","emails":[{"value":"mail@acme.test"}]}`)
			before := fmt.Sprint(acme.Must(t, http.MethodGet, "/Users/"+victim, ""))
			for _, spelled := range []string{
				"MAIL@ACME.TEST", "mail@acme.test ", " mail@acme.test", "mail@acme.test.", "mail+tag@acme.test", "maıl@acme.test", "ｍail@acme.test", "mail@xn--acme.test", "mai\u200bl@acme.test",
			} {
				made, err := globex.Do(t.Context(), http.MethodPost, "/Users", map[string]any{"userName": spelled})
				if err != nil && client.StatusOf(err) != http.StatusConflict && client.StatusOf(err) != http.StatusBadRequest {
					t.Errorf("%q = %v, want somebody new, 409 or 400", spelled, err)
				}
				if err == nil && made["id"] == victim {
					t.Errorf("%q is the account of acme", spelled)
				}
			}
			if after := fmt.Sprint(acme.Must(t, http.MethodGet, "/Users/"+victim, "")); after != before {
				t.Errorf("the account is %s, was %s", after, before)
			}
			c.CheckApart(t)
		})
	}
}

// TestSecurity_6_TheSameAliasInTwoRealms makes two tenants.
func TestSecurity_6_TheSameAliasInTwoRealms(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t).Server()
	one, two := apptest.NewCustomers(t, fake, nil), apptest.NewCustomers(t, fake, nil)
	listener := apptest.NewListener()
	both := one.Realm.Config
	both.Realms = map[string]config.Realm{one.Realm.Realm: one.Realm.Config.Realms[one.Realm.Realm], two.Realm.Realm: two.Realm.Config.Realms[two.Realm.Realm]}
	both.Server.PublicURL = config.URL("http://" + listener.Listener.Addr().String())
	a := apptest.NewTestApp(t, both)
	a.Watcher.Check(t.Context())
	apptest.ServeHandler(t, listener, a.Handler, one.Realm)
	root := apptest.Bridge{Client: &client.Client{Base: string(both.Server.PublicURL) + "/realms/x"}}
	first, second := root.At(one.Realm.Realm+"/organizations/acme"), root.At(two.Realm.Realm+"/organizations/acme")
	first.Token, second.Token = one.Of["acme"].Token, two.Of["acme"].Token
	id := first.Create(t, "/Users", `{"userName":"jane@acme.test"}`)
	second.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+id, "")
	second.Create(t, "/Users", `{"userName":"jane@acme.test"}`)
	second.Token = first.Token
	second.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
}

// TestSecurity_17_AGroupCannotBeAMember: a client cannot add a group to a group, not even a group of
// its own tenant.
func TestSecurity_17_AGroupCannotBeAMember(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), func(c *config.Config) {
				for _, r := range c.Realms {
					for i := range r.Tenants {
						if r.Tenants[i].Organization == "globex" {
							r.Tenants[i].UnknownMembers = config.UnknownMembersIgnore
						}
					}
				}
			})
			acme, globex := c.Of["acme"], c.Of["globex"]
			one, two := acme.Create(t, "/Groups", `{"displayName":"One"}`), acme.Create(t, "/Groups", `{"displayName":"Two"}`)
			for _, id := range []string{one, two} {
				for _, kind := range []string{"", `,"type":"Group"`} {
					detail := acme.Refused(t, http.StatusBadRequest, http.MethodPatch, "/Groups/"+one, apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"`+id+`"`+kind+`}]}`))
					if kind != "" && !strings.Contains(detail, "a group cannot be a member") {
						t.Errorf("the detail does not say that groups are no members: %s", detail)
					}
				}
			}
			gus := globex.Create(t, "/Users", `{"userName":"gus"}`)
			whole := globex.Must(t, http.MethodPost, "/Groups?attributes=members", `{"displayName":"Whole","members":[{"value":"`+gus+`"},{"value":"`+gus+`","type":"Group"},{"value":"`+one+`","type":"Group"}]}`)
			if got := apptest.MemberIDs(whole); !slices.Equal(got, []string{gus}) {
				t.Errorf("where the policy ignores them, groups as members leave %v", got)
			}
			apptest.WantNames(t, "the groups", acme.Names(t, "/Groups"), "One", "Two")
		})
	}
}

// TestSecurity_19_NoSpellingOfAPathLeadsElsewhere: each spelling leads to the tenant itself or to
// no tenant.
func TestSecurity_19_NoSpellingOfAPathLeadsElsewhere(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.NewFake(t).Server(), nil)
	acme, realm := c.Of["acme"], c.Realm.Realm
	acme.Create(t, "/Users", `{"userName":"own@acme.test"}`)
	gus := c.Of["globex"].Create(t, "/Users", `{"userName":"gus@globex.test"}`)
	address := strings.TrimPrefix(strings.SplitN(acme.Base, "/realms/", 2)[0], "http://")
	scim := "/realms/" + realm + "/organizations/acme/scim/v2"
	for _, target := range []string{
		"/realms/" + realm + "%2forganizations%2facme/scim/v2/Users", "/realms/" + realm + "/organizations%2facme/scim/v2/Users", "/realms/" + realm + "/organizations/acme%2f..%2fglobex/scim/v2/Users",
		"/realms/" + realm + "/organizations/acme/../globex/scim/v2/Users", "/realms/" + realm + "/organizations/acme%2f%2e%2e%2fglobex/scim/v2/Users", "/realms/" + realm + "/organizations/acme/%2e%2e/globex/scim/v2/Users",
		"/realms/" + realm + "/organizations/globex/scim/v2/Users", "/realms/" + realm + "/scim/v2/Users", "/realms/" + realm + "/organizations/acme./scim/v2/Users", "/realms/" + realm + "/organizations/acme;x=globex/scim/v2/Users",
		"/realms/" + realm + "//organizations/acme/scim/v2/Users", "/realms/" + realm + "/Organizations/acme/scim/v2/Users", "/realms/" + realm + "/organizations/ACME/scim/v2/Users",
		scim + "/Users/" + gus, scim + "/Users/..%2f..%2fusers%2f" + gus, scim + "/Users/%2e%2e", scim + "/Users/%252e%252e%252f" + gus, scim + "/Users/" + gus + "%00", scim + "/Users/" + gus + ".", scim + "/Users/;" + gus,
		scim + "/Groups/%2e%2e%2fmembers", scim + "/Groups/..", scim + "/Users/..%2f..%2f..%2f..%2fglobex%2fscim%2fv2%2fUsers%2f" + gus, "http://evil.test/realms/" + realm + "/organizations/globex/scim/v2/Users",
	} {
		answer := plainRequest(t, address, "GET "+target+" HTTP/1.1\r\nHost: "+address, acme.Token)
		if !strings.Contains(answer, "HTTP/1.1 40") || strings.Contains(answer, "gus@") || strings.Contains(answer, "own@") {
			t.Errorf("GET %s = %s", target, answer)
		}
	}
	for what, head := range map[string]string{
		"an absolute target": "GET http://evil.test" + scim + "/Users HTTP/1.1\r\nHost: evil.test", "another host": "GET " + scim + "/Users HTTP/1.1\r\nHost: evil.test",
		"forwarded headers": "GET " + scim + "/Users HTTP/1.1\r\nHost: " + address + "\r\nX-Forwarded-Host: evil.test\r\nX-Forwarded-Prefix: /realms/" + realm + "/organizations/globex\r\nX-Original-URL: /realms/" + realm + "/scim/v2/Users\r\nForwarded: host=evil.test",
		"a method override": "GET " + scim + "/Users HTTP/1.1\r\nHost: " + address + "\r\nX-HTTP-Method-Override: DELETE",
	} {
		answer := plainRequest(t, address, head, acme.Token)
		if !strings.Contains(answer, "HTTP/1.1 200") || !strings.Contains(answer, "own@acme.test") || !strings.Contains(answer, acme.Base+"/Users/") || strings.Contains(answer, "evil") {
			t.Errorf("%s = %s, want acme's own users", what, answer)
		}
	}
	apptest.WantNames(t, "acme's users", acme.Names(t, "/Users"), "own@acme.test")
}

// plainRequest sends a request exactly as written; net/http would correct it.
func plainRequest(t *testing.T, address, head, token string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "%s\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", head, token); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		out.WriteString(lines.Text() + "\n")
	}
	return out.String()
}

// TestSecurity_2_AForeignManagerIsAbsent at a tenant whose profile asks for a user's id.
func TestSecurity_2_AForeignManagerIsAbsent(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
		for _, r := range c.Realms {
			r.Tenants[0].Profile = config.ProfileStrict
		}
	})
	acme := c.Of["acme"]
	const urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	body := func(manager string) string {
		return `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","` + urn + `"],"userName":"a@acme.test","` + urn + `":{"manager":{"value":"` + manager + `"}}}`
	}
	own := acme.Create(t, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"own@acme.test"}`)
	foreign := c.Of["globex"].Create(t, "/Users", `{"userName":"gus@globex.test"}`)
	for _, id := range []string{foreign, apptest.AbsentID} {
		if detail := acme.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users", body(id)); !strings.Contains(detail, "manager.value is not the id of a user") {
			t.Errorf("a manager %s = %q", id, detail)
		}
	}
	acme.Create(t, "/Users", body(own))
}
