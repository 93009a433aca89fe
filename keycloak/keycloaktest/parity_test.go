package keycloaktest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	kct "github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// scenario is a sequence of calls to Keycloak. The transcripts of the fake and of the real server must be the same,
// except for ids and times.
type scenario struct {
	name    string
	options kct.RealmOptions
	run     func(p *probe)
}

func TestTheFakeAnswersAsKeycloakDoes(t *testing.T) {
	t.Parallel()
	live := kct.Real(t)
	version := kct.Version()
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			want := s.play(t, live)
			got := s.play(t, kct.NewFake(t).Server())
			want, got = forgive(t, version, s.name, want, got)
			if diff := cmp.Diff(lines(want), lines(got)); diff != "" {
				t.Errorf("Keycloak %s (-) and the fake (+):\n%s", version, diff)
			}
		})
	}
}

// TestTheSuiteRunsOnTheFake runs the scenarios where there is no Keycloak.
func TestTheSuiteRunsOnTheFake(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, e := range s.play(t, kct.NewFake(t).Server()) {
				if strings.Contains(e.text, "the fake knows no") {
					t.Errorf("%s = %s", e.label, e.text)
				}
			}
		})
	}
}

// forgive removes from both transcripts the entries that are known to differ. It complains about entries that no longer
// differ.
func forgive(t *testing.T, version, name string, want, got []entry) (a, b []entry) {
	t.Helper()
	for _, d := range differences() {
		if d.scenario != name || !kct.OlderThan(d.before) || kct.OlderThan(d.since) {
			continue
		}
		for _, label := range d.labels {
			known := func(e entry) bool { return e.label == label }
			i, j := slices.IndexFunc(want, known), slices.IndexFunc(got, known)
			if i < 0 || j < 0 || want[i] == got[j] {
				t.Errorf("%s no longer differs in %q: %s", version, label, d.reason)
				continue
			}
			want, got = slices.Delete(want, i, i+1), slices.Delete(got, j, j+1)
		}
	}
	return want, got
}

func lines(entries []entry) []string {
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = e.label + " = " + e.text
	}
	return out
}

func (s scenario) play(t *testing.T, server kct.Server) []entry {
	t.Helper()
	p := &probe{t: t, r: kct.NewRealm(t, server, s.options), server: server.WithAllRealms()}
	p.ctx, p.c, p.admin = t.Context(), p.r.Client, p.r.Admin
	p.know(p.r.Name.String(), "REALM")
	s.run(p)
	return p.transcript()
}

// entry is one answer in a transcript.
type entry struct{ label, text string }

// probe calls one server and writes down its answers.
type probe struct {
	t       *testing.T
	ctx     context.Context
	r       *kct.Realm
	c       *keycloak.Client
	admin   *keycloak.Client
	server  kct.Server
	entries []entry
	names   []string // pairs for strings.Replacer

	once  sync.Once
	token string
}

// know gives an id a name.
func (p *probe) know(id, name string) {
	if id != "" {
		p.names = append(p.names, id, "<"+name+">")
	}
}

func (p *probe) transcript() []entry {
	p.t.Helper()
	replacer := strings.NewReplacer(p.names...)
	for i := range p.entries {
		p.entries[i] = entry{replacer.Replace(p.entries[i].label), replacer.Replace(p.entries[i].text)}
	}
	return p.entries
}

// got writes down the answer of a call. Labels are unique.
func (p *probe) got(label string, value any, err error) {
	p.t.Helper()
	if slices.ContainsFunc(p.entries, func(e entry) bool { return e.label == label }) {
		p.t.Fatalf("label %q is there twice", label)
	}
	p.entries = append(p.entries, entry{label, render(p.t, value, err)})
}

// err is got for calls without a result.
func (p *probe) err(label string, err error) { p.t.Helper(); p.got(label, nil, err) }

func render(t *testing.T, value any, err error) string {
	t.Helper()
	if e := (*keycloak.Error)(nil); err != nil && asKeycloak(err, &e) {
		slices.SortFunc(e.Fields, func(a, b keycloak.FieldError) int { return strings.Compare(a.Field, b.Field) })
		message := e.Message
		if len(e.Fields) > 1 {
			message = "" // the message of the first field, in an order that Java decides
		}
		return fmt.Sprintf("%s %d %q missing=%q %+v", e.Kind, e.Status, tidy(message), e.Missing, e.Fields)
	}
	if err != nil {
		return "error " + err.Error()
	}
	if value == nil {
		return "ok"
	}
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return canonical(data)
}

func asKeycloak(err error, e **keycloak.Error) bool {
	k, ok := err.(*keycloak.Error) //nolint:errorlint // package keycloak returns it unwrapped
	*e = k
	return ok
}

var column = regexp.MustCompile(`line \d+ column \d+`)

func tidy(text string) string { return column.ReplaceAllString(text, "line N column N") }

// canonical is JSON with sorted names and without values that depend on the clock.
func canonical(data []byte) string {
	var value any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return tidy(string(data))
	}
	out, err := json.Marshal(timeless(value))
	if err != nil {
		return err.Error()
	}
	return tidy(string(out))
}

// unordered says that the database returns the values of an attribute in no order: PostgreSQL sometimes returns them in
// another order than they were written.
func unordered() bool { return os.Getenv("KEYCLOAK_DB") == "postgres" }

func timeless(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range []string{"attributes", "Attributes"} {
			if attributes, ok := v[name].(map[string]any); ok && unordered() {
				for _, values := range attributes {
					if list, ok := values.([]any); ok {
						slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
					}
				}
			}
		}
		for _, name := range []string{"createdTimestamp", "Created"} {
			if _, ok := v[name]; ok {
				v[name] = "TIME"
			}
		}
		if n, ok := v["notBefore"].(json.Number); ok && n != "0" {
			v["notBefore"] = "TIME"
		}
		if list, ok := v["errors"].([]any); ok {
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		for name := range v {
			v[name] = timeless(v[name])
		}
	case []any:
		for i := range v {
			v[i] = timeless(v[i])
		}
	}
	return value
}

// user creates a user and names its id.
func (p *probe) user(u keycloak.NewUser) keycloak.UserID {
	p.t.Helper()
	id, err := p.c.CreateUser(p.ctx, u)
	if err != nil {
		p.t.Fatalf("CreateUser(%s) = %+v", u.Username, err)
	}
	p.know(id.String(), u.Username)
	return id
}

func (p *probe) group(g keycloak.NewGroup) keycloak.GroupID {
	p.t.Helper()
	id, err := p.c.CreateGroup(p.ctx, g)
	if err != nil {
		p.t.Fatalf("CreateGroup(%s) = %+v", g.Name, err)
	}
	p.know(id.String(), g.Name)
	return id
}

// state writes down a user as it is now.
func (p *probe) state(label string, id keycloak.UserID) {
	p.t.Helper()
	u, err := p.c.User(p.ctx, id)
	p.got(label+", then", u, err)
}

// raw sends, as the administrator, a call that package keycloak never makes, and writes down the whole answer. path is
// below the realm.
func (p *probe) raw(method, path, body string) {
	p.t.Helper()
	label := method + " " + path + " " + body
	if len(label) > 300 {
		label = label[:300]
	}
	p.rawAs(label, method, path, body, "application/json")
}

func (p *probe) rawAs(label, method, path, body, media string) {
	p.t.Helper()
	status, header, data := p.send(method, path, body, media)
	p.got(label, nil, nil)
	p.entries[len(p.entries)-1].text = fmt.Sprintf("%d %s %s", status, header.Get("Content-Type"), canonical(data))
}

// rawNames writes down only the names in a list.
func (p *probe) rawNames(path, member string) {
	p.t.Helper()
	status, _, data := p.send(http.MethodGet, path, "", "")
	var list []map[string]any
	if json.Unmarshal(data, &list) != nil {
		p.got("GET "+path, fmt.Sprint(status, " ", string(data)), nil)
		return
	}
	p.got("GET "+path, names(list, member), nil)
}

func names(list []map[string]any, member string) []string {
	out := []string{}
	for _, one := range list {
		text := fmt.Sprint(one[member])
		if children, ok := one["subGroups"].([]any); ok && len(children) > 0 {
			var below []map[string]any
			for _, c := range children {
				below = append(below, c.(map[string]any))
			}
			text += fmt.Sprint(names(below, member))
		}
		out = append(out, text)
	}
	return out
}

func (p *probe) send(method, path, body, media string) (int, http.Header, []byte) {
	p.t.Helper()
	p.once.Do(func() {
		var answer struct {
			Token string `json:"access_token"`
		}
		form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {p.server.Admin}, "password": {p.server.Password}}
		_, data := p.form("/realms/master/protocol/openid-connect/token", form)
		if err := json.Unmarshal(data, &answer); err != nil {
			p.t.Fatalf("token: %v", err)
		}
		p.token = answer.Token
	})
	req, err := http.NewRequestWithContext(p.ctx, method, p.server.URL+"/admin/realms/"+p.r.Name.String()+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatalf("NewRequest() = %v", err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	return p.do(req)
}

// form posts a form and returns status and body.
func (p *probe) form(path string, form url.Values) (int, []byte) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.ctx, http.MethodPost, p.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatalf("NewRequest() = %v", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, _, data := p.do(req)
	return status, data
}

func (p *probe) do(req *http.Request) (int, http.Header, []byte) {
	p.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	return res.StatusCode, res.Header, data
}

// notInTheFake are calls about OAuth clients, which the fake does not know. They are tested only on the real Keycloak.
var notInTheFake = strings.Fields(`AddClientScope Asserters CreateAsserter CreateClientScope CreateOAuthClient DeleteClient
	DirectRoles FindClientScope FindOAuthClient NewClientSecret OpenID RestoreOAuthClient SetAudience TakesAssertions TokenOf`)

// TestEveryCallOfTheClientIsInTheSuite reads the scenarios: where the suite makes no call, the fake may differ from
// Keycloak.
func TestEveryCallOfTheClientIsInTheSuite(t *testing.T) {
	t.Parallel()
	called := calledMethods(t)
	for method := range reflect.TypeFor[*keycloak.Client]().Methods() {
		if method.Name != "Realm" && method.Name != "URL" && method.Name != "Outage" && !called[method.Name] && !slices.Contains(notInTheFake, method.Name) { // these make no call
			t.Errorf("no scenario calls Client.%s", method.Name)
		}
	}
	for _, name := range notInTheFake {
		if _, there := reflect.TypeFor[*keycloak.Client]().MethodByName(name); !there || called[name] {
			t.Errorf("Client.%s is not there, or is in the suite", name)
		}
	}
}

// calledMethods are the names of all methods that the scenarios call.
func calledMethods(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("parity_*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("find the scenarios: %v, %v", files, err)
	}
	out := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("read %s: %v", file, err)
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, source, 0)
		if err != nil {
			t.Fatalf("parse %s: %v", file, err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok {
				if s, ok := c.Fun.(*ast.SelectorExpr); ok {
					out[s.Sel.Name] = true
				}
			}
			return true
		})
	}
	return out
}
