package keycloaktest

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Fake is the Admin API of the newest Keycloak of Versions in memory, with the calls that package keycloak makes:
// realms, user profiles, users, groups, memberships, clients, tokens. It behaves like the real server, also where that
// is surprising, as the parity suite proves. It plays faults on demand (Inject).
//
// It answers 501 with an explanation to calls that it does not know, so that no test passes on a guess.
type Fake struct {
	Faults

	server   *httptest.Server
	routes   *http.ServeMux
	password string

	mu      sync.Mutex // for all fields below and for every realm
	realms  map[string]*realm
	tokens  map[string]*token // by their text
	used    map[string]bool   // jti of client assertions
	lastRow int               // of attribute rows

	firstPermissions bool          // see FirstPermissions
	ahead            time.Duration // see Ahead
}

// NewFake starts a fake on loopback, which ends with the test. Like a new Keycloak, it has the realm master with an
// administrator.
func NewFake(tb testing.TB) *Fake {
	tb.Helper()
	f := &Fake{
		password: rand.Text(),
		realms:   map[string]*realm{},
		tokens:   map[string]*token{},
		used:     map[string]bool{},
	}
	f.routes = f.mux()
	f.server = httptest.NewServer(f)
	master := f.addRealm(masterRealm)
	master.addUser(&user{username: "admin", enabled: true, password: f.password})
	tb.Cleanup(f.Close)
	return f
}

// Close ends the fake. Calls that a fault holds end first.
func (f *Fake) Close() { f.server.CloseClientConnections(); f.server.Close() }

// Server is how to reach the fake, exactly as for a real server.
func (f *Fake) Server() Server {
	return Server{URL: f.server.URL, Admin: "admin", Password: f.password}
}

// RevokeTokens makes the fake forget every token that it issued: the next call with such a token is a 401.
func (f *Fake) RevokeTokens() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.tokens)
}

// maxURL is the longest path with its query that Keycloak reads.
const maxURL = 32766

// ServeHTTP implements http.Handler.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case len(r.RequestURI) > maxURL:
		w.WriteHeader(http.StatusRequestURITooLong)
	case strings.Contains(r.URL.RawQuery, "%00"):
		reply{status: http.StatusBadRequest, body: errorText{"Blocking invalid query parameter value"}}.write(w)
	case !strings.HasPrefix(r.URL.Path, "/realms/") && !strings.HasPrefix(r.URL.Path, "/admin/"):
		reply{status: http.StatusNotFound, body: errorText{"Unable to find matching target resource method"}}.write(w)
	default:
		f.routes.ServeHTTP(w, r)
	}
}

// serve wraps a handler with the work that all calls share.
func (f *Fake) serve(handle func(*call) (reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		faults := f.arrive(operation(r))
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		if play(w, r, faults, Before, reply{}) {
			return
		}
		answer := f.run(&call{f: f, r: r, body: body, faults: faults}, handle)
		if !play(w, r, faults, After, answer) {
			answer.write(w)
		}
	}
}

func (f *Fake) run(c *call, handle func(*call) (reply, error)) reply {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer, err := handle(c)
	if err != nil {
		return asReply(err)
	}
	c.record(answer)
	return answer
}

// call is one request in the fake, which holds the lock.
type call struct {
	f      *Fake
	r      *http.Request
	body   []byte
	faults []*injected

	realm  *realm
	caller caller
}

func (c *call) path(name string) string { return c.r.PathValue(name) }

// query is the first value of a parameter. ok says that the parameter is present, which matters to Keycloak.
func (c *call) query(name string) (value string, ok bool) {
	values, ok := c.r.URL.Query()[name]
	if !ok {
		return "", false
	}
	return values[0], true
}

// between is the moment when a call has read the old state and not yet written the new one. A fault may hold the call
// there while another call runs.
func (c *call) between() {
	for _, i := range c.faults {
		if i.Stage == Between {
			c.f.mu.Unlock()
			i.wait(c.r.Context())
			c.f.mu.Lock()
		}
	}
}

const (
	adminPrefix = "/admin/realms/{realm}"
	// authorizationPath is where the realm's fine-grained permissions are.
	authorizationPath = "/clients/{client}/authz/resource-server"
)

// route is a call of the Admin API below a realm.
type route struct {
	pattern string
	rights  []string // the caller needs one of these
	handle  func(*call) (reply, error)
}

func userRoutes() []route {
	return []route{
		{"GET /users", []string{viewUsers, manageUsers, queryUsers}, listUsers},
		{"POST /users", []string{manageUsers}, createUser},
		{"GET /users/count", []string{viewUsers, manageUsers, queryUsers}, countUsers},
		{"GET /users/profile", []string{viewRealm, manageRealm, viewUsers, manageUsers, queryUsers}, readProfile},
		{"PUT /users/profile", []string{manageRealm}, writeProfile},
		{"GET /users/{id}", []string{viewUsers, manageUsers}, readUser},
		{"PUT /users/{id}", []string{manageUsers}, updateUser},
		{"DELETE /users/{id}", []string{manageUsers}, deleteUser},
		{"POST /users/{id}/logout", []string{manageUsers}, logoutUser},
		{"GET /users/{id}/sessions", []string{viewUsers, manageUsers}, listSessions},
		{"GET /users/{id}/consents", []string{viewUsers, manageUsers}, listConsents},
		{"DELETE /users/{id}/consents/{client}", []string{manageUsers}, revokeConsent},
		{"GET /users/{id}/groups", []string{viewUsers, manageUsers}, listGroupsOfUser},
		{"PUT /users/{id}/groups/{group}", []string{manageUsers}, addMember},
		{"DELETE /users/{id}/groups/{group}", []string{manageUsers}, removeMember},
		{"GET /users/{id}/federated-identity", []string{viewUsers, manageUsers}, listLinks},
		{"POST /users/{id}/federated-identity/{alias}", []string{manageUsers}, addLink},
		{"GET /users/{id}/role-mappings", []string{viewUsers, manageUsers}, listMappings},
		{"GET /users/{id}/role-mappings/clients/{client}", []string{viewClients, manageClients}, listGrantedRoles},
		{"GET /users/{id}/role-mappings/clients/{client}/composite", []string{viewClients, manageClients}, listEffectiveRoles},
		{"POST /users/{id}/role-mappings/clients/{client}", []string{manageUsers}, grantRoles},
		{"DELETE /users/{id}/role-mappings/clients/{client}", []string{manageUsers}, revokeRoles},
		{"POST /users/{id}/role-mappings/realm", []string{manageUsers}, grantRoles},
		{"DELETE /users/{id}/role-mappings/realm", []string{manageUsers}, revokeRoles},
	}
}

func groupRoutes() []route {
	return []route{
		{"GET /groups", []string{viewUsers, manageUsers, queryGroups}, listGroups},
		{"POST /groups", []string{manageUsers}, createGroup},
		{"GET /groups/count", []string{viewUsers, manageUsers, queryGroups}, countGroups},
		{"GET /group-by-path/{path...}", []string{viewUsers, manageUsers}, readGroupByPath},
		{"GET /groups/{group}", []string{viewUsers, manageUsers}, readGroup},
		{"PUT /groups/{group}", []string{manageUsers}, updateGroup},
		{"DELETE /groups/{group}", []string{manageUsers}, deleteGroup},
		{"GET /groups/{group}/children", []string{viewUsers, manageUsers}, listChildren},
		{"POST /groups/{group}/children", []string{manageUsers}, createChild},
		{"GET /groups/{group}/members", []string{viewUsers, manageUsers}, listMembers},
		{"POST /groups/{group}/role-mappings/clients/{client}", []string{manageUsers}, grantRoles},
		{"DELETE /groups/{group}/role-mappings/clients/{client}", []string{manageUsers}, revokeRoles},
		{"POST /groups/{group}/role-mappings/realm", []string{manageUsers}, grantRoles},
		{"DELETE /groups/{group}/role-mappings/realm", []string{manageUsers}, revokeRoles},
	}
}

func organizationRoutes() []route {
	return []route{
		{"GET /organizations", nil, organized(false, listOrganizations)},
		{"POST /organizations", nil, organized(false, createOrganization)},
		{"GET /organizations/{organization}", nil, organized(false, readOrganization)},
		{"PUT /organizations/{organization}", nil, organized(false, updateOrganization)},
		{"DELETE /organizations/{organization}", nil, organized(false, deleteOrganization)},
		{"GET /organizations/{organization}/members", nil, organized(true, listOrganizationMembers)},
		{"POST /organizations/{organization}/members", nil, organized(true, addOrganizationMember)},
		{"DELETE /organizations/{organization}/members/{member}", nil, organized(true, removeOrganizationMember)},
		{"POST /organizations/{organization}/identity-providers", nil, organized(false, addOrganizationProvider)},
		{"GET /organizations/{first}/{second}/{third}", nil, readBelowOrganizations},
		{"GET /organizations/{organization}/groups", nil, grouped(false, listOrganizationGroups)},
		{"POST /organizations/{organization}/groups", nil, grouped(false, createOrganizationGroup)},
		{"GET /organizations/{organization}/groups/{below}", nil, grouped(false, readOrganizationGroup)},
		{"PUT /organizations/{organization}/groups/{below}", nil, grouped(false, updateOrganizationGroup)},
		{"DELETE /organizations/{organization}/groups/{below}", nil, grouped(false, deleteOrganizationGroup)},
		{"GET /organizations/{organization}/groups/{below}/children", nil, grouped(false, listNestedGroups)},
		{"POST /organizations/{organization}/groups/{below}/children", nil, grouped(false, createNestedGroup)},
		{"GET /organizations/{organization}/groups/{below}/members", nil, grouped(true, listOrganizationGroupMembers)},
		{"PUT /organizations/{organization}/groups/{below}/members/{member}", nil, grouped(true, addOrganizationGroupMember)},
		{"DELETE /organizations/{organization}/groups/{below}/members/{member}", nil, grouped(true, removeOrganizationGroupMember)},
		{"GET /organizations/{organization}/members/{member}/groups", nil, organized(true, listOrganizationGroupsOf)},
	}
}

func realmRoutes() []route {
	return []route{
		{"GET /authentication/required-actions", []string{viewRealm, manageRealm, viewUsers, queryUsers}, listRequiredActions},
		{"PUT /authentication/required-actions/{alias}", []string{manageRealm}, writeRequiredAction},
		{"GET /components", []string{viewRealm, manageRealm}, listComponents},
		{"POST /components", []string{manageRealm}, createComponent},
		{"GET /default-groups", []string{viewRealm, manageRealm}, listDefaultGroups},
		{"PUT /default-groups/{group}", []string{manageRealm}, addDefaultGroup},
		{"DELETE /default-groups/{group}", []string{manageRealm}, removeDefaultGroup},
		{"GET /roles", []string{viewRealm, manageRealm}, listRoles},
		{"POST /roles", []string{manageRealm}, createRole},
		{"GET /roles/{role}", []string{viewRealm, manageRealm}, readRole},
		{"DELETE /roles/{role}", []string{manageRealm}, deleteRole},
		{"GET /roles/{role}/users", []string{viewRealm, manageRealm}, listUsersOfRole},
		{"GET /roles/{role}/groups", []string{viewRealm, manageRealm}, listGroupsOfRole},
		{"GET /roles-by-id/{byID}/composites", nil, listComposites},
		{"POST /roles-by-id/{byID}/composites", []string{manageRealm}, addComposites},
		{"DELETE /roles-by-id/{byID}/composites", []string{manageRealm}, removeComposites},
		{"POST /identity-provider/instances", []string{"manage-identity-providers"}, createProvider},
		{"GET /identity-provider/instances/{alias}", []string{viewProviders, "manage-identity-providers"}, readProvider},
		{"GET /admin-events", []string{viewEvents, manageEvents}, listEvents},
		{"DELETE /admin-events", []string{manageEvents}, deleteEvents},
		{"GET /events", []string{viewEvents, manageEvents}, listUserEvents},
		{"GET /events/config", []string{viewEvents, manageEvents}, readEventsConfig},
		{"PUT /events/config", []string{manageEvents}, writeEventsConfig},
		{"GET /clients", []string{viewClients, manageClients}, listClients},
		{"POST /clients", []string{manageClients}, createClient},
		{"GET /clients/{client}/client-secret", []string{viewClients, manageClients}, readSecret},
		{"GET /clients/{client}/service-account-user", []string{viewClients, manageClients}, readServiceAccount},
		{"GET /clients/{client}/roles", []string{viewClients, manageClients}, listRoles},
		{"POST /clients/{client}/roles", []string{manageClients}, createRole},
		{"GET /clients/{client}/roles/{role}", []string{viewClients, manageClients}, readRole},
		{"GET /clients/{client}/roles/{role}/users", []string{viewClients, manageClients}, listUsersOfRole},
		{"GET /clients/{client}/roles/{role}/groups", []string{viewClients, manageClients}, listGroupsOfRole},
		{"GET /users-management-permissions", []string{viewUsers, manageUsers}, readFirstPermissions},
		{"GET " + authorizationPath + "/permission", []string{viewRealm}, listPermissions},
		{"GET " + authorizationPath + "/policy", []string{viewRealm}, listPolicies},
		{"GET " + authorizationPath + "/policy/{policy}/scopes", []string{viewRealm}, listPermissionScopes},
		{"GET " + authorizationPath + "/policy/{policy}/associatedPolicies", []string{viewRealm}, listPermissionPolicies},
		{"POST " + authorizationPath + "/policy/{kind}", []string{manageRealm}, createPolicy},
		{"POST " + authorizationPath + "/permission/scope", []string{manageRealm}, createPermission},
		{"DELETE " + authorizationPath + "/policy/{kind}/{policy}", []string{manageRealm}, deletePolicy},
		{"DELETE " + authorizationPath + "/permission/scope/{policy}", []string{manageRealm}, deletePolicy},
		{"GET ", nil, readRealm},
		{"PUT ", []string{manageRealm}, writeRealm},
		{"DELETE ", []string{manageRealm}, deleteRealm},
	}
}

// mux makes the routes.
func (f *Fake) mux() *http.ServeMux {
	m := http.NewServeMux()
	for _, r := range slices.Concat(userRoutes(), groupRoutes(), organizationRoutes(), realmRoutes()) {
		method, path, _ := strings.Cut(r.pattern, " ")
		m.HandleFunc(method+" "+adminPrefix+path, f.serve(admitted(r.rights, r.handle)))
	}
	m.HandleFunc("GET /realms/{realm}", f.serve(readPublicRealm))
	m.HandleFunc("POST /admin/realms", f.serve(createRealm))
	m.HandleFunc("POST /admin/realms/{$}", f.serve(createRealm)) // gocloak's spelling
	m.HandleFunc("POST /realms/{realm}/protocol/openid-connect/token", f.serve(issueToken))
	m.HandleFunc("GET /realms/{realm}/.well-known/openid-configuration", f.serve(discover))
	m.HandleFunc("/", f.serve(unknownRoute))
	return m
}

func unknownRoute(c *call) (reply, error) {
	return reply{}, notModelled(c.r.Method + " " + c.r.URL.Path)
}
