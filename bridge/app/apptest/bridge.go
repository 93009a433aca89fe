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
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// Bridge is a bridge over a realm of its own in a real Keycloak or the fake, made the way
// an operator makes one: setup, then the configuration that it wrote.
type Bridge struct {
	*client.Client
	Server keycloaktest.Server
	Admin  *keycloak.Client // of the realm
	Realm  string
	Config config.Config // that it was made of
	File   string        // config.yaml, as setup wrote it
	App    *app.App
	Lines  *logtest.ObservedLogs // of its log, from level info on
}

// NewBridge sets a realm of the real Keycloak up and serves it on a socket until the
// test ends.
func NewBridge(t *testing.T, edit func(*config.Config)) Bridge {
	t.Helper()
	return NewBridgeOn(t, keycloaktest.Real(t), edit)
}

// NewBridgeOn is NewBridge over a server, with more flags of setup.
func NewBridgeOn(t *testing.T, server keycloaktest.Server, edit func(*config.Config), setup ...string) Bridge {
	t.Helper()
	realm, admin := NewEmptyRealm(t, server)
	return NewBridgeIn(t, server, realm, admin, edit, setup...)
}

// NewBridgeIn is NewBridgeOn in a realm that the test made.
func NewBridgeIn(t *testing.T, server keycloaktest.Server, realm string, admin *keycloak.Client, edit func(*config.Config), setup ...string) Bridge {
	t.Helper()
	return NewBridgeOf(t, server, RunSetup(t, server, realm, setup...), realm, admin, edit)
}

// NewBridgeOf is NewBridgeIn with what setup made.
func NewBridgeOf(t *testing.T, server keycloaktest.Server, made app.Installed, realm string, admin *keycloak.Client, edit func(*config.Config)) Bridge {
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
	file.Keycloak = c.Keycloak // reload shall find no change in it
	a := newTestAppOf(t, c, &file, core)
	if !a.Watcher.Check(t.Context()) && c.Realms[realm].Tenants[0].Mapping == setUp { // another mapping may need more
		t.Fatalf("the realm that setup made is not fit: %v", a.Watcher.Tenants.All()[0].Fitness())
	}
	b.Lines = lines
	b.App, b.Client = a, ServeHandler(t, listener, a.Handler, b)
	return b
}

// NewListener is where ServeHandler serves; its address is known before.
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

// RunSetup makes a realm fit and writes a configuration, as the command setup does with --yes, --relax-validators and
// --allow-username-changes, and with these of its flags.
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

// adminOf is a client of a realm with the administrator's account of the server.
func adminOf(t *testing.T, server keycloaktest.Server, name string) *keycloak.Client {
	t.Helper()
	parsed, err := keycloak.ParseRealm(name)
	if err != nil {
		t.Fatal(err)
	}
	return server.AdminClient(t, parsed)
}

// atRoot is the path of a file of the repository, wherever a test runs.
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

// Send sends a request with a JSON body, "" for none, and returns the answer's object.
func (b Bridge) Send(t *testing.T, method, path, body string) (map[string]any, error) {
	t.Helper()
	var value any
	if body != "" {
		value = json.RawMessage(body)
	}
	return b.Do(t.Context(), method, path, value)
}

// Exchange sends a request as it is, past what the client would mend, and reads the
// whole answer.
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

// MakeAccount makes a user past the bridge, as one that was there before it, who can log in with
// a password.
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

// Path is that of the bridge's tenant.
func (b Bridge) Path(t *testing.T) string {
	t.Helper()
	_, after, ok := strings.Cut(b.Base, "/realms/")
	if !ok {
		t.Fatalf("%s is no tenant's", b.Base)
	}
	return strings.TrimSuffix(after, "/scim/v2")
}

// InKeycloak reads a user past the bridge.
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

// MakeGroup makes a group past the bridge.
func (b Bridge) MakeGroup(t *testing.T, name string, parent keycloak.GroupID) keycloak.GroupID {
	t.Helper()
	id, err := b.Admin.CreateGroup(t.Context(), keycloak.NewGroup{Name: name, Parent: parent})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Must sends a request that has to succeed.
func (b Bridge) Must(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	object, err := b.Send(t, method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return object
}

// Create makes a resource and returns its id.
func (b Bridge) Create(t *testing.T, endpoint, body string) string {
	t.Helper()
	id, _ := b.Must(t, http.MethodPost, endpoint, body)["id"].(string)
	return id
}

// Refused sends a request that has to fail with a status, and returns the detail.
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

// Names are the userNames or displayNames of all that a tenant lists.
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

// WantNames compares names in any order with those that are wanted, which are sorted.
func WantNames(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) && len(got)+len(want) > 0 {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// Reconfigure changes the configuration of a bridge that runs, and looks.
func (b Bridge) Reconfigure(t *testing.T, edit func(*config.Config)) {
	t.Helper()
	c := b.Config
	c.Realms = maps.Clone(c.Realms)
	edit(&c)
	unlimited(&c)
	b.App.Apply(c)
	b.Check(t)
}

// Check has the bridge check its realms, which must be fit.
func (b Bridge) Check(t *testing.T) {
	t.Helper()
	if !b.App.Watcher.Check(t.Context()) {
		t.Fatalf("the realm is not fit: %v", b.App.Watcher.Tenants.All()[0].Fitness())
	}
}

// ApplyFile writes a file beside the configuration anew, and applies it.
func (b Bridge) ApplyFile(t *testing.T, name string, edit func(string) string) {
	t.Helper()
	b.EditFile(t, name, edit)
	b.App.Reload()
}

// NewEmptyRealm makes a realm that lives as long as the test.
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

// At is a bridge's tenant at another path below /realms.
func (b Bridge) At(path string) Bridge {
	root, _, _ := strings.Cut(b.Base, "/realms/")
	b.Client = &client.Client{Base: root + "/realms/" + path + "/scim/v2", Token: b.Token, HTTP: http.DefaultClient}
	return b
}
