package config

import (
	"encoding"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

const page = "../docs/reference/configuration.md"

// The reference page has one row for each key that the file may hold, and no other.
func TestReferencePageHasEveryKey(t *testing.T) {
	t.Parallel()
	rows := pageRows(t)
	valid := map[string]bool{}
	for _, key := range keyPaths("", reflect.TypeFor[Config]()) {
		valid[key] = true
		if rows[key] == nil {
			t.Errorf("%s has no row for %s", page, key)
		}
	}
	for key := range rows {
		if !valid[key] {
			t.Errorf("%s has a row for %s, which is no key", page, key)
		}
	}
}

func TestReferencePageHasTheDefaults(t *testing.T) {
	t.Parallel()
	rows := pageRows(t)
	d := Default()
	for key, v := range map[string]any{
		"server.listen": d.Server.Listen, "server.maxBodyBytes": d.Server.MaxBodyBytes,
		"server.requestTimeout": d.Server.RequestTimeout, "server.drainTimeout": d.Server.DrainTimeout,
		"admin.listen": d.Admin.Listen, "log.level": d.Log.Level,
		"keycloak.connectTimeout": d.Keycloak.ConnectTimeout, "keycloak.responseTimeout": d.Keycloak.ResponseTimeout,
		"keycloak.breakerDelay": d.Keycloak.BreakerDelay, "keycloak.maxInFlight": d.Keycloak.MaxInFlight, "server.failuresPerMinute": d.Server.FailuresPerMinute,
	} {
		if row := rows[key]; len(row) < 3 || row[2] != fmt.Sprintf("`%v`", v) {
			t.Errorf("%s: row of %s = %q, want the default `%v`", page, key, row, v)
		}
	}
}

func TestReferencePageShowsTheMinimalFile(t *testing.T) {
	t.Parallel()
	if !strings.Contains(readPage(t), "```yaml\n"+readGood(t, "minimal.yaml")+"```") {
		t.Errorf("%s does not show testdata/good/minimal.yaml", page)
	}
}

func readPage(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// pageRows returns the cells of the table's rows by their key.
func pageRows(t *testing.T) map[string][]string {
	t.Helper()
	rows := map[string][]string{}
	for line := range strings.Lines(readPage(t)) {
		line = strings.ReplaceAll(strings.TrimSpace(line), `\|`, "/")
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !strings.HasPrefix(line, "| `") || len(cells) != 5 {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows[strings.Trim(cells[0], "`")] = cells
	}
	return rows
}

// keyPaths lists the keys as the page writes them.
func keyPaths(path string, t reflect.Type) []string {
	switch {
	case t.Kind() == reflect.Map:
		return keyPaths(path+".<realm>", t.Elem())
	case t.Kind() == reflect.Slice:
		return keyPaths(path+"[]", t.Elem())
	case t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return nil
	}
	var out []string
	for _, f := range keysOf(t) {
		key := strings.TrimPrefix(path+"."+f.key, ".")
		out = append(append(out, key), keyPaths(key, t.FieldByIndex(f.index).Type)...)
	}
	return out
}
