package main

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap"
	logtest "go.uber.org/zap/zaptest/observer"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// testBridge is a bridge over a realm of its own in a real Keycloak, made the way
// an operator makes one: setup, then the configuration that it wrote.
type testBridge struct {
	*client.Client
	admin  *keycloak.Client // of the realm
	realm  string
	config config.Config // that it was made of
	file   string        // config.yaml, as setup wrote it
	app    *app.App
	lines  *logtest.ObservedLogs // of its log, from level info on
}

// newBridge sets a realm of the real Keycloak up and serves it on a socket until the
// test ends.
func newBridge(t *testing.T, edit func(*config.Config)) testBridge {
	t.Helper()
	return newBridgeOn(t, keycloaktest.Real(t), edit)
}

func newBridgeOn(t *testing.T, server keycloaktest.Server, edit func(*config.Config), setup ...string) testBridge {
	t.Helper()
	realm, admin := newEmptyRealm(t, server)
	return newBridgeIn(t, server, realm, admin, edit, setup...)
}

// newBridgeIn is newBridgeOn in a realm that the test made.
func newBridgeIn(t *testing.T, server keycloaktest.Server, realm string, admin *keycloak.Client, edit func(*config.Config), setup ...string) testBridge {
	t.Helper()
	return newBridgeOf(t, runSetup(t, server, realm, setup...), realm, admin, edit)
}

// newBridgeOf is newBridgeIn with what setup made.
func newBridgeOf(t *testing.T, made app.Installed, realm string, admin *keycloak.Client, edit func(*config.Config)) testBridge {
	t.Helper()
	c, problems := config.Load(made.Config)
	if len(problems) > 0 {
		t.Fatalf("the configuration that setup wrote has problems: %v", problems)
	}
	listener, file := newListener(), c
	c.Server.PublicURL = config.URL("http://" + listener.Listener.Addr().String())
	setUp := c.Realms[realm].Tenants[0].Mapping
	if edit != nil {
		edit(&c)
	}
	b := testBridge{admin: admin, realm: realm, config: c, file: made.Config, Client: &client.Client{Token: made.Token, HTTP: http.DefaultClient}}
	core, lines := logtest.New(zap.InfoLevel)
	file.Keycloak = c.Keycloak // reload shall find no change in it
	a := newTestAppOf(t, c, &file, core)
	if !a.Watcher.Look(t.Context()) && c.Realms[realm].Tenants[0].Mapping == setUp { // another mapping may need more
		t.Fatalf("the realm that setup made is not fit: %v", a.Watcher.Tenants.All()[0].Fitness())
	}
	b.lines = lines
	b.app, b.Client = a, serveHandler(t, listener, a.Handler, b)
	return b
}

func newListener() *httptest.Server { return httptest.NewUnstartedServer(nil) }

// serveHandler serves a bridge on a socket until the test ends.
func serveHandler(t *testing.T, server *httptest.Server, h http.Handler, b testBridge) *client.Client {
	t.Helper()
	server.Config.Handler = recording(h)
	server.Config.MaxHeaderBytes = app.MaxHeader
	server.Start()
	t.Cleanup(server.Close)
	return &client.Client{Base: server.URL + "/realms/" + b.realm + "/scim/v2", Token: b.Token, HTTP: http.DefaultClient}
}

// runSetup makes a realm fit and writes a configuration, as the command setup does with --yes, --relax-validators and
// --allow-username-changes, and with these of its flags.
func runSetup(t *testing.T, server keycloaktest.Server, realm string, flags ...string) app.Installed {
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

// send sends a request with a JSON body, "" for none, and returns the answer's object.
func (b testBridge) send(t *testing.T, method, path, body string) (map[string]any, error) {
	t.Helper()
	var value any
	if body != "" {
		value = json.RawMessage(body)
	}
	return b.Do(t.Context(), method, path, value)
}

// exchange sends a request as it is, past what the client would mend, and reads the
// whole answer.
func exchange(t *testing.T, req *http.Request) (status int, header http.Header, body string) {
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
