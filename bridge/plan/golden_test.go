package plan_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

var update = flag.Bool("update", false, "write what the golden files should say; read the difference before you commit it")

// TestGolden: each file of testdata/golden is a behaviour of the mapping. Its parts are the input
// and the expected output:
//
//	mapping.yaml   the mapping
//	user.json      what a client sends (or group.json)
//	keycloak.json  what Keycloak stores then, the remainder readable
//	back.json      what a client reads then
//	console.json   attributes that somebody changes in Keycloak's console, null removes
//	shows.json     what a client reads after that
//	plan           the steps when a client sends what it read before
//	error          in place of all of them: the refusal
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			g := golden{Archive: archive}
			g.run(t)
			if *update {
				g.write(t, file)
			}
		})
	}
}

// TestTheMappingsOfTheDocs store what their identity provider sends.
func TestTheMappingsOfTheDocs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/mappings/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sent := filepath.Join("testdata/idp", name+".txtar")
			archive, err := txtar.ParseFile(sent)
			if err != nil {
				t.Fatal(err)
			}
			g := golden{Archive: &txtar.Archive{Comment: archive.Comment, Files: append(archive.Files, txtar.File{Name: "mapping.yaml", Data: rules})}}
			g.run(t)
			if *update {
				g.Files = slices.DeleteFunc(g.Files, func(f txtar.File) bool { return f.Name == "mapping.yaml" })
				g.write(t, sent)
			}
		})
	}
}

type golden struct {
	*txtar.Archive

	partial bool // missing parts are not compared
}

func (g golden) input(name string) []byte {
	for _, f := range g.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

// expect compares a part with the result, or with -update stores the result.
func (g *golden) expect(t *testing.T, name, got string) {
	t.Helper()
	if got != "" && !strings.HasSuffix(got, "\n") {
		got += "\n"
	}
	if *update {
		g.Files = slices.DeleteFunc(g.Files, func(f txtar.File) bool { return f.Name == name })
		g.Files = append(g.Files, txtar.File{Name: name, Data: []byte(got)})
		return
	}
	if g.partial && g.input(name) == nil && name != "error" {
		return
	}
	if diff := cmp.Diff(string(g.input(name)), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, diff)
	}
}

func (g *golden) run(t *testing.T) {
	t.Helper()
	file, source := config.ParseMapping("mapping.yaml", g.input("mapping.yaml"))
	m, problems := mapping.Compile(file, source, scim.Tolerant)
	if len(problems) > 0 {
		t.Fatalf("the mapping has problems: %v", problems)
	}
	if group := g.input("group.json"); group != nil {
		g.group(t, m, group)
		return
	}
	g.user(t, m, g.input("user.json"))
}

func document(t *testing.T, rt *scim.ResourceType, text []byte) scim.Document {
	t.Helper()
	object, err := scim.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := rt.Canonical(object)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func (g *golden) user(t *testing.T, m *mapping.Mapping, sent []byte) {
	t.Helper()
	s, err := m.UserState(owner(), document(t, m.User, sent))
	if err != nil {
		g.expect(t, "error", err.Error())
		return
	}
	_, u := plan.ForNewUser(owner(), s, plan.Joining{}, nil, now())
	u.ID = "u1"
	u.Attributes = reversed(u.Attributes)
	fields := map[string]any{"username": u.Username, "email": u.Email, "firstName": u.FirstName, "lastName": u.LastName, "enabled": u.Enabled, "emailVerified": u.EmailVerified}
	roles, err := m.UserRoles(document(t, m.User, sent), nil)
	if err != nil {
		g.expect(t, "error", err.Error())
		return
	}
	fields["(roles)"] = roles.Wanted
	link, err := m.Link(document(t, m.User, sent))
	if err != nil {
		g.expect(t, "error", err.Error())
		return
	}
	if link != nil {
		fields["(link)"] = link
	}
	g.held(t, fields, u.Attributes, s.Remainder, s.Dropped)
	back, err := m.UserResource(owner(), u)
	if err != nil {
		t.Fatal(err)
	}
	g.expect(t, "back.json", pretty(t, back.Document))
	id, err := keycloak.ParseUserID("u1")
	if err != nil {
		t.Fatal(err)
	}
	steps := func(doc scim.Document) string {
		s, err := m.UserState(owner(), doc)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := plan.ForUser(owner(), id, u, s, now().Add(time.Second))
		return p.String()
	}
	if p := steps(back.Document); p != "" {
		t.Errorf("sending back what was read is %q, want no step", p)
	}
	console := g.input("console.json")
	if console == nil {
		return
	}
	change(t, console, u.Attributes, map[string]*string{"firstName": &u.FirstName, "lastName": &u.LastName, "username": &u.Username})
	shows, err := m.UserResource(owner(), u)
	if err != nil {
		g.expect(t, "shows.json", err.Error())
		return
	}
	g.expect(t, "shows.json", pretty(t, shows.Document))
	g.expect(t, "plan", steps(back.Document))
}

func (g *golden) group(t *testing.T, m *mapping.Mapping, sent []byte) {
	t.Helper()
	s, err := m.GroupState(document(t, m.Group, sent))
	if err != nil {
		g.expect(t, "error", err.Error())
		return
	}
	_, group := plan.ForNewGroup(owner(), s, keycloak.GroupID{}, nil, plan.Roles{}, nil, now())
	group.Attributes = reversed(group.Attributes)
	g.held(t, map[string]any{"name": group.Name, "(roles)": s.Roles.Wanted}, group.Attributes, s.Remainder, s.Dropped)
	back, err := m.GroupResource(key, group)
	if err != nil {
		t.Fatal(err)
	}
	g.expect(t, "back.json", pretty(t, back.Document))
	if s, err = m.GroupState(back.Document); err != nil {
		t.Fatal(err)
	}
	if p, _ := plan.ForGroup(key, group, s, now().Add(time.Second)); len(p) > 0 {
		t.Errorf("sending back what was read is %q, want no step", p)
	}
}

// reversed returns values in another order, as Keycloak may return them.
func reversed(attributes map[string][]string) map[string][]string {
	out := map[string][]string{}
	for name, values := range attributes {
		values = slices.Clone(values)
		slices.Reverse(values)
		out[name] = values
	}
	return out
}

// held shows fields and attributes, without those that every resource has.
func (g *golden) held(t *testing.T, fields map[string]any, attributes map[string][]string, remainder map[string]any, dropped []string) {
	t.Helper()
	for name, value := range fields {
		if scim.IsEmpty(value) || value == false {
			delete(fields, name)
		}
		if roles, ok := value.([]keycloak.RoleName); ok {
			delete(fields, name)
			if len(roles) > 0 {
				fields[name] = fmt.Sprint(roles)
			}
		}
	}
	shown := map[string]any{}
	for name, values := range attributes {
		switch name {
		case mapping.AttrRemainder, mapping.AttrOwner, mapping.AttrModified, mapping.AttrKey, mapping.AttrCreated:
		default:
			shown[name] = slices.Sorted(slices.Values(values))
		}
	}
	if len(shown) > 0 {
		fields["attributes"] = shown
	}
	if len(remainder) > 0 {
		fields["(remainder)"] = remainder
	}
	if len(dropped) > 0 {
		fields["(dropped)"] = dropped
	}
	g.expect(t, "keycloak.json", pretty(t, fields))
}

// change applies what somebody does in the console.
func change(t *testing.T, text []byte, attributes map[string][]string, fields map[string]*string) {
	t.Helper()
	var changes map[string][]string
	if err := json.Unmarshal(text, &changes); err != nil {
		t.Fatal(err)
	}
	for name, values := range changes {
		switch field := fields[name]; {
		case field != nil:
			*field = values[0]
		case values == nil:
			delete(attributes, name)
		default:
			attributes[name] = values
		}
	}
}

func pretty(t *testing.T, value any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (g golden) write(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(file, txtar.Format(g.Archive), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestEveryExampleOfTheMappingReferenceHolds: each mapping of the page compiles. Where two
// documents follow a mapping, the first is stored as the second.
func TestEveryExampleOfTheMappingReferenceHolds(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/reference/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(yaml|json)\n(.*?)```").FindAllSubmatch(page, -1)
	shown := 0
	for i, b := range blocks {
		if string(b[1]) != "yaml" {
			continue
		}
		shown++
		g := golden{Archive: &txtar.Archive{Files: []txtar.File{{Name: "mapping.yaml", Data: b[2]}}}}
		if i+2 < len(blocks) && string(blocks[i+1][1]) == "json" && string(blocks[i+2][1]) == "json" {
			var stored any
			if err := json.Unmarshal(blocks[i+2][2], &stored); err != nil {
				t.Fatal(err)
			}
			g.Files = append(g.Files, txtar.File{Name: "user.json", Data: blocks[i+1][2]}, txtar.File{Name: "keycloak.json", Data: []byte(pretty(t, stored))})
		} else {
			g.Files = append(g.Files, txtar.File{Name: "user.json", Data: []byte(`{"userName":"j","externalId":"x","name":{"givenName":"J"}}`)})
		}
		g.partial = true
		g.run(t)
	}
	if shown < 3 {
		t.Errorf("the page shows %d mappings", shown)
	}
}
