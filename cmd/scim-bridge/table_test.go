package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/transfer"
)

// person is a value of a table, as in a directory.
type person struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

func personColumns() []column[person] {
	return []column[person]{
		{"name", func(p person) string { return p.Name }},
		{"job title", func(p person) string { return p.Title }},
	}
}

// TestATableInEachFormat: as aligned text, with the same rows as CSV, and as JSON with all fields.
func TestATableInEachFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		output output
		people []person
		want   string
	}{
		{asText, []person{{"jane", "Engineer"}, {"bartholomew", ""}}, "NAME         JOB TITLE\njane         Engineer\nbartholomew  \n"},
		{asText, nil, "NAME  JOB TITLE\n"},
		{asCSV, []person{{"jane", `"Head", of`}, {"bob", "a\nb"}}, "name,job title\njane,\"\"\"Head\"\", of\"\nbob,\"a\nb\"\n"},
		{asCSV, nil, "name,job title\n"},
		{asJSON, []person{{"jane", "=1"}, {"bob", ""}}, "[{\"name\":\"jane\",\"title\":\"=1\"},\n{\"name\":\"bob\",\"title\":\"\"}]\n"},
		{asJSON, nil, "[]\n"},
	} {
		var out bytes.Buffer
		if err := printTable(&out, c.output, personColumns(), c.people); err != nil || out.String() != c.want {
			t.Errorf("%s of %v = %q, %v, want %q", c.output, c.people, out.String(), err, c.want)
		}
	}
}

// TestAReportInEachFormat: a sentence, an object or a row for each value, at once.
func TestAReportInEachFormat(t *testing.T) {
	t.Parallel()
	u := transfer.Unimported{Line: 3, Name: "=jane", Status: 409, Reason: "taken, twice"}
	for o, want := range map[output]string{
		asText: "line 3 (\"=jane\"): 409: taken, twice\n",
		asJSON: `{"line":3,"name":"=jane","status":409,"reason":"taken, twice"}` + "\n",
		asCSV:  "line,name,status,reason\n3,'=jane,409,\"taken, twice\"\n",
	} {
		var out bytes.Buffer
		if err := newReport(&out, o, unimportedText, unimportedColumns()).print(u); err != nil || out.String() != want {
			t.Errorf("%s = %q, %v, want %q", o, out.String(), err, want)
		}
	}
}

// TestARecordInEachFormat: only a text of several lines has several rows, and only in the format
// text.
func TestARecordInEachFormat(t *testing.T) {
	t.Parallel()
	lines := []app.Line{{Name: "tenant", Text: "acme"}, {Name: "fix", Text: "run\nit"}}
	for o, want := range map[output]string{
		asText: "tenant  acme\nfix     run\n        it\n",
		asJSON: `{"name":"jane","title":""}` + "\n",
		asCSV:  "name,text\ntenant,acme\nfix,\"run\nit\"\n",
	} {
		var out bytes.Buffer
		if err := printRecord(&out, o, person{Name: "jane"}, lines); err != nil || out.String() != want {
			t.Errorf("%s = %q, %v, want %q", o, out.String(), err, want)
		}
	}
}

// TestNoCellOfATableCommandsATerminalOrBeginsARow.
func TestNoCellOfATableCommandsATerminalOrBeginsARow(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := printTable(&out, asText, personColumns(), []person{{"a\x1b[31m", "x\ty\nroot  Administrator\u202e"}})
	if want := "NAME    JOB TITLE\na\uFFFD[31m  x\uFFFDy\uFFFDroot  Administrator\uFFFD\n"; err != nil || out.String() != want {
		t.Errorf("%q, %v, want %q", out.String(), err, want)
	}
}

// TestNoSentenceCommandsATerminalOrBeginsALine: the names are from a directory, and the details from
// another server.
func TestNoSentenceCommandsATerminalOrBeginsALine(t *testing.T) {
	t.Parallel()
	const hostile, shown = "a\x1b[2J\nb\u202e", "a\uFFFD[2J\uFFFDb\uFFFD"
	var out bytes.Buffer
	err := errors.Join(
		newReport(&out, asText, adoptionText, adoptionColumns()).print(admin.Adoption{Type: "Group", ID: "1", Name: hostile, Outcome: admin.Adopted}),
		newReport(&out, asText, unimportedText, unimportedColumns()).print(transfer.Unimported{Line: 3, Reason: hostile}),
		newReport(&out, asText, resultText, resultColumns()).print(checked{Section: "1", Check: "c", Outcome: "fail", Details: []string{hostile, "d"}}),
	)
	printDiagnoses(&out, []app.Diagnosis{{Tenant: "t", Realm: "r", Findings: []realm.Finding{{Severity: realm.Warn, Check: "c", Text: hostile, Fix: "run\nit\x1b"}}}})
	want := "1  group " + shown + ": adopted\nline 3: " + shown + "\nfail  1: c\n      " + shown + "\n      d\n" +
		"tenant t, realm r\nWARN  c                 " + shown + "\n      fix: run\n           it\uFFFD\n0 passed, 1 warning, 0 failed\n"
	if err != nil || out.String() != want {
		t.Errorf("%q, %v, want %q", out.String(), err, want)
	}
}

// TestATableShowsEveryBlank: names of Japanese people often have a wide one.
func TestATableShowsEveryBlank(t *testing.T) {
	t.Parallel()
	const name = "山田\u3000太郎\u00a0x"
	if got := printable(name); got != name {
		t.Errorf("%q is shown as %q", name, got)
	}
}

// TestAReportWithoutAValueIsATable with the names of its columns, as every other table in CSV.
func TestAReportWithoutAValueIsATable(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	config := b.Controlled(t)
	for want, args := range map[string][]string{
		"line,name,status,reason\n":                             {"import", fileOf(t, "people.jsonl", `{"userName":"jane"}`)},
		"type,id,name,outcome,linked,changes,reason,unproven\n": {"adopt", "--yes", "--undo"},
	} {
		if out, told, code := command(t, "", append(args, "--config", config, "--output", "csv")...); code != 0 || out != want {
			t.Errorf("%v ended with %d: %q, want %q\n%s", args, code, out, want, told)
		}
	}
}

// TestNoCellOfACSVFileIsAFormula. A program reads all other cells unchanged.
func TestNoCellOfACSVFileIsAFormula(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"=1+1":                        "'=1+1",
		"=cmd|' /C calc'!A0":          "'=cmd|' /C calc'!A0",
		"+cmd|' /C calc'!A0":          "'+cmd|' /C calc'!A0",
		"-2+3+cmd|' /C calc'!A0":      "'-2+3+cmd|' /C calc'!A0",
		"@SUM(A1:A9)":                 "'@SUM(A1:A9)",
		"\t=1+1":                      "\t'=1+1",
		"\r=1+1":                      "\r'=1+1",
		"Müller;=1+1":                 "Müller;'=1+1",
		"a;+49 30 12;-b":              "a;+49 30 12;'-b",
		"＝1+1":                        "'＝1+1",
		"+A1":                         "'+A1",
		"+49 (30) 1234-5/6":           "+49 (30) 1234-5/6",
		"-":                           "-",
		"-12.5":                       "-12.5",
		"":                            "",
		"jane=1":                      "jane=1",
		"'=1":                         "'=1",
		"\xff=1":                      "\xff=1",
		"jane@acme.test":              "jane@acme.test",
		"say \"=1\", and\n=1 to them": "say \"=1\", and\n'=1 to them",
	} {
		var out bytes.Buffer
		if err := printTable(&out, asCSV, personColumns(), []person{{text, text}}); err != nil {
			t.Fatal(err)
		}
		want = strings.ReplaceAll(want, "\r\n", "\n")
		rows, err := csv.NewReader(&out).ReadAll()
		if diff := cmp.Diff([][]string{{"name", "job title"}, {want, want}}, rows); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", text, err, diff)
		}
	}
}

// TestEveryOutputFlagIsTheSame: the words, the help text and the default are the same. No flag
// shows the type of a Go variable in place of its value.
func TestEveryOutputFlagIsTheSame(t *testing.T) {
	t.Parallel()
	tables, of := 0, map[string]bool{"text|json": true, "text|json|csv": true}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			switch placeholder, usage := pflag.UnquoteUsage(f); {
			case f.Name == "output":
				if !of[placeholder] || usage != "how to print the result" || f.DefValue != "text" {
					t.Errorf("%s --output %s: %s (%s)", cmd.CommandPath(), placeholder, usage, f.DefValue)
				}
				if strings.HasSuffix(placeholder, "csv") {
					tables++
				}
			case slices.Contains([]string{"string", "strings", "stringArray", "int"}, placeholder):
				t.Errorf("%s --%s %s: say what is to be given", cmd.CommandPath(), f.Name, placeholder)
			}
		})
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
	if tables < 10 {
		t.Errorf("%d commands print a table", tables)
	}
}

// TestEveryCommandRefusesAnotherOutput as a usage error, before it does anything.
func TestEveryCommandRefusesAnotherOutput(t *testing.T) {
	t.Parallel()
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if f := cmd.Flags().Lookup("output"); f != nil {
			args := strings.Fields(cmd.CommandPath() + " --output table")[1:]
			if out, told, code := command(t, "", args...); code != exitUsage || !strings.Contains(told, `invalid argument "table" for "--output" flag: give text`) || out != "" {
				t.Errorf("%v ended with %d: %s%s", args, code, out, told)
			}
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
}

// TestTokensInspectForPrograms prints the same lines as JSON and as CSV.
func TestTokensInspectForPrograms(t *testing.T) {
	t.Parallel()
	out, told, code := command(t, "of-another-server\n", "tokens", "inspect", "--output", "json")
	var lines []app.Line
	if err := json.Unmarshal([]byte(out), &lines); err != nil || code != 0 || len(lines) != 2 || lines[0] != (app.Line{Name: "kind", Text: "token of another server"}) {
		t.Errorf("as JSON %d, %v: %s%s", code, err, out, told)
	}
	if out, _, code := command(t, "of-another-server\n", "tokens", "inspect", "--output", "csv"); code != 0 || !strings.HasPrefix(out, "name,text\nkind,token of another server\nsha256,") {
		t.Errorf("as CSV %d: %s", code, out)
	}
}
