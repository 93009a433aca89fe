package apptest

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	logtest "go.uber.org/zap/zaptest/observer"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// Bridge is a bridge with its own realm, in a real Keycloak or in the fake. It is made as an operator does: with
// setup, and with the configuration that setup writes.
type Bridge struct {
	*client.Client
	Server keycloaktest.Server
	Admin  *keycloak.Client // of the realm
	Realm  string
	Config config.Config // the configuration of App
	File   string        // config.yaml, as setup has written it
	App    *app.App
	Lines  *logtest.ObservedLogs // of its log, from level info
}

// NewBridge sets up a realm of the real Keycloak and serves it on a socket until the test ends.
func NewBridge(t *testing.T, edit func(*config.Config)) Bridge {
	t.Helper()
	return NewBridgeOn(t, keycloaktest.Real(t), edit)
}

// NewBridgeOn is NewBridge for a given server, with additional flags of setup.
func NewBridgeOn(t *testing.T, server keycloaktest.Server, edit func(*config.Config), setup ...string) Bridge {
	t.Helper()
	realm, admin := NewEmptyRealm(t, server)
	return NewBridgeIn(t, server, realm, admin, edit, setup...)
}

// NewBridgeIn is NewBridgeOn for an existing realm.
func NewBridgeIn(t *testing.T, server keycloaktest.Server, realm string, admin *keycloak.Client, edit func(*config.Config), setup ...string) Bridge {
	t.Helper()
	return NewBridgeOf(t, server, RunSetup(t, server, realm, setup...), realm, admin, edit)
}

// NewStoredBridge is NewBridgeOn for a bridge that keeps its changes in a store; nil for the SQLite database that setup
// describes. The bridge works on the store only when the test calls App.KeepStore. It closes only its own database.
func NewStoredBridge(t *testing.T, server keycloaktest.Server, s store.Store, edit func(*config.Config), setup ...string) Bridge {
	t.Helper()
	realm, admin := NewEmptyRealm(t, server)
	return newBridgeOf(t, server, RunSetup(t, server, realm, setup...), realm, admin, edit, appOptions{app.Options{Store: s}, s == nil})
}

// Restarted is the bridge after a restart with another store. The former App still serves; the test no longer uses it.
func (b Bridge) Restarted(t *testing.T, s store.Store) Bridge {
	t.Helper()
	listener := NewListener()
	b.Config.Server.PublicURL = config.URL("http://" + listener.Listener.Addr().String())
	core, lines := logtest.New(zap.InfoLevel)
	b.App, b.Lines = newTestAppOf(t, b.Config, appOptions{Options: app.Options{Store: s}}, core), lines
	b.App.Watcher.Check(t.Context())
	token := b.Token
	b.Client = ServeHandler(t, listener, b.App.Handler, b)
	b.Token = token
	return b
}

// NewBridgeOf is NewBridgeIn for the result of an earlier setup.
func NewBridgeOf(t *testing.T, server keycloaktest.Server, made app.Installed, realm string, admin *keycloak.Client, edit func(*config.Config)) Bridge {
	t.Helper()
	return newBridgeOf(t, server, made, realm, admin, edit, appOptions{})
}

func newBridgeOf(t *testing.T, server keycloaktest.Server, made app.Installed, realm string, admin *keycloak.Client, edit func(*config.Config), o appOptions) Bridge {
	t.Helper()
	c, problems := config.Load(made.Config)
	if len(problems) > 0 {
		t.Fatalf("the configuration that setup wrote has problems: %v", problems)
	}
	listener, file := NewListener(), c
	c.Server.PublicURL = config.URL("http://" + listener.Listener.Addr().String())
	setUp := c.Realms[realm].Tenants[0].Mapping
	if edit != nil {
		edit(&c)
	}
	b := Bridge{Server: server, Admin: admin, Realm: realm, Config: c, File: made.Config, Client: &client.Client{Token: made.Token, HTTP: http.DefaultClient}}
	core, lines := logtest.New(zap.InfoLevel)
	file.Keycloak = c.Keycloak // so that Reload finds no change in it
	o.File = &file
	a := newTestAppOf(t, c, o, core)
	if !a.Watcher.Check(t.Context()) && c.Realms[realm].Tenants[0].Mapping == setUp { // another mapping may need more
		t.Fatalf("the realm that setup made is not fit: %v", a.Watcher.Tenants.All()[0].Fitness())
	}
	b.Lines = lines
	b.App, b.Client = a, ServeHandler(t, listener, a.Handler, b)
	return b
}

// NewListener is the listener for ServeHandler. Its address is known before it serves.
func NewListener() *httptest.Server { return httptest.NewUnstartedServer(nil) }

// ServeHandler serves a bridge on a socket until the test ends.
func ServeHandler(t *testing.T, server *httptest.Server, h http.Handler, b Bridge) *client.Client {
	t.Helper()
	server.Config.Handler = recording(h)
	server.Config.MaxHeaderBytes = app.MaxHeader
	server.Start()
	t.Cleanup(server.Close)
	return &client.Client{Base: server.URL + "/realms/" + b.Realm + "/scim/v2", Token: b.Token, HTTP: http.DefaultClient}
}

// RunSetup prepares a realm and writes a configuration, as the command setup does with --yes, --relax-validators and
// --allow-username-changes. flags are additional flags of the command.
func RunSetup(t *testing.T, server keycloaktest.Server, realm string, flags ...string) app.Installed {
	t.Helper()
	s := app.Setup{URL: server.URL, Realm: realm, AdminRealm: "master"}
	set := flag.NewFlagSet("setup", flag.ContinueOnError)
	set.StringVar(&s.ClientID, "client-id", app.DefaultClientID, "")
	set.StringVar(&s.Mapping, "mapping", "", "")
	set.StringVar(&s.Organization, "organization", "", "")
	set.BoolVar(&s.Every, "all-organizations", false, "")
	set.BoolVar(&s.ManageRealm, "allow-manage-realm", false, "")
	set.BoolVar(&s.Relax, "relax-validators", true, "")
	set.BoolVar(&s.Usernames, "allow-username-changes", true, "")
	set.BoolVar(&s.Feed, "change-feed", false, "")
	set.BoolVar(&s.UserFeed, "user-events", false, "")
	set.StringVar(&s.Dir, "out", t.TempDir(), "")
	set.StringVar(&s.Listen, "listen", "", "")
	set.StringVar(&s.AdminListen, "admin-listen", "", "")
	err := set.Parse(flags)
	if err == nil {
		err = s.Check()
	}
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.All(t.Context(), adminOf(t, server, realm))
	if err != nil {
		t.Fatalf("setup ended with %v", err)
	}
	return made
}

// adminOf is a client of a realm that uses the server's administrator account.
func adminOf(t *testing.T, server keycloaktest.Server, name string) *keycloak.Client {
	t.Helper()
	parsed, err := keycloak.ParseRealm(name)
	if err != nil {
		t.Fatal(err)
	}
	return server.AdminClient(t, parsed)
}

// atRoot is the path of a file of the repository, in whatever directory a test runs.
func atRoot(t *testing.T, file string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, file)
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no directory above has a go.mod")
		}
		dir = filepath.Dir(dir)
	}
}

// Send sends a request with a JSON body, or without a body for "", and returns the JSON object of the answer.
func (b Bridge) Send(t *testing.T, method, path, body string) (map[string]any, error) {
	t.Helper()
	var value any
	if body != "" {
		value = json.RawMessage(body)
	}
	return b.Do(t.Context(), method, path, value)
}

// Exchange sends a request unchanged, without the corrections of the SCIM client, and reads the whole answer.
func Exchange(t *testing.T, req *http.Request) (status int, header http.Header, body string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(data)
}

// MakeAccount makes a user directly in Keycloak, who existed before the bridge and can log in with a password.
func (b Bridge) MakeAccount(t *testing.T, name string, verified bool) keycloak.UserID {
	t.Helper()
	id, err := b.Admin.CreateUser(t.Context(), keycloak.NewUser{
		Username: name, Email: name + "@acme.test", EmailVerified: verified, FirstName: "Old", LastName: "Name", Enabled: true,
		Password: keycloak.NewUserPassword(PasswordBefore, false), Attributes: map[string][]string{"externalId": {"before-" + name}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// EditFile changes a file beside the configuration.
func (b Bridge) EditFile(t *testing.T, name string, change func(string) string) {
	t.Helper()
	file := filepath.Join(filepath.Dir(b.File), name)
	data, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(change(string(data))), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Path is the path of the bridge's tenant.
func (b Bridge) Path(t *testing.T) string {
	t.Helper()
	_, after, ok := strings.Cut(b.Base, "/realms/")
	if !ok {
		t.Fatalf("%s is not the URL of a tenant", b.Base)
	}
	return strings.TrimSuffix(after, "/scim/v2")
}

// InKeycloak reads a user directly from Keycloak.
func (b Bridge) InKeycloak(t *testing.T, id string) keycloak.User {
	t.Helper()
	parsed, err := keycloak.ParseUserID(id)
	if err != nil {
		t.Fatal(err)
	}
	u, err := b.Admin.User(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// BothServers are the fake and the real Keycloak.
func BothServers() map[string]func(*testing.T) keycloaktest.Server {
	return map[string]func(*testing.T) keycloaktest.Server{
		"fake": func(t *testing.T) keycloaktest.Server { t.Helper(); return keycloaktest.NewFake(t).Server() },
		"real": func(t *testing.T) keycloaktest.Server { t.Helper(); return keycloaktest.Real(t) },
	}
}

// MakeGroup makes a group directly in Keycloak.
func (b Bridge) MakeGroup(t *testing.T, name string, parent keycloak.GroupID) keycloak.GroupID {
	t.Helper()
	id, err := b.Admin.CreateGroup(t.Context(), keycloak.NewGroup{Name: name, Parent: parent})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Must sends a request that has to succeed, and returns the object of the answer.
func (b Bridge) Must(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	object, err := b.Send(t, method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return object
}

// Create creates a resource and returns its id.
func (b Bridge) Create(t *testing.T, endpoint, body string) string {
	t.Helper()
	id, _ := b.Must(t, http.MethodPost, endpoint, body)["id"].(string)
	return id
}

// Refused sends a request that has to fail with a status, and returns the error detail.
func (b Bridge) Refused(t *testing.T, status int, method, path, body string) string {
	t.Helper()
	object, err := b.Send(t, method, path, body)
	var e *client.Error
	if !errors.As(err, &e) || e.Status != status {
		t.Errorf("%s %s = %v, %v, want %d", method, path, object, err, status)
		return ""
	}
	return e.Detail
}

// Names returns the userNames or displayNames of all resources that a tenant lists.
func (b Bridge) Names(t *testing.T, endpoint string) []string {
	t.Helper()
	out := []string{}
	list := b.Must(t, http.MethodGet, endpoint, "")
	resources, _ := list["Resources"].([]any)
	for _, r := range resources {
		object, _ := r.(map[string]any)
		name, ok := object["userName"].(string)
		if !ok {
			name, _ = object["displayName"].(string)
		}
		out = append(out, name)
	}
	if total := fmt.Sprint(list["totalResults"]); total != fmt.Sprint(len(out)) {
		t.Errorf("GET %s: totalResults = %s with %d resources", endpoint, total, len(out))
	}
	slices.Sort(out)
	return out
}

// WantNames compares sorted names with the wanted names, which can have any order.
func WantNames(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) && len(got)+len(want) > 0 {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// Reconfigure applies a changed configuration while the bridge runs, and checks the realms.
func (b Bridge) Reconfigure(t *testing.T, edit func(*config.Config)) {
	t.Helper()
	c := b.Config
	c.Realms = maps.Clone(c.Realms)
	edit(&c)
	unlimited(&c)
	b.App.Apply(c)
	b.Check(t)
}

// Check runs a check of the realms, which must succeed.
func (b Bridge) Check(t *testing.T) {
	t.Helper()
	if !b.App.Watcher.Check(t.Context()) {
		t.Fatalf("the realm is not fit: %v", b.App.Watcher.Tenants.All()[0].Fitness())
	}
}

// ApplyFile changes a file beside the configuration, and applies it.
func (b Bridge) ApplyFile(t *testing.T, name string, edit func(string) string) {
	t.Helper()
	b.EditFile(t, name, edit)
	b.App.Reload()
}

// NewEmptyRealm makes a realm, and removes it when the test ends.
func NewEmptyRealm(t *testing.T, server keycloaktest.Server) (string, *keycloak.Client) {
	t.Helper()
	realm := keycloaktest.RandomRealm()
	admin := adminOf(t, server, realm)
	if err := keycloaktest.CreateRealm(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keycloaktest.RemoveRealm(t, admin) })
	return realm, admin
}

// At returns the bridge's tenant at another path below /realms.
func (b Bridge) At(path string) Bridge {
	root, _, _ := strings.Cut(b.Base, "/realms/")
	b.Client = &client.Client{Base: root + "/realms/" + path + "/scim/v2", Token: b.Token, HTTP: http.DefaultClient}
	return b
}
