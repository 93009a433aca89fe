package sqlstore

import (
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

var update = flag.Bool("update", false, "make the database of the newest schema if it does not exist")

// fixtureKey seals the databases of testdata.
const fixtureKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

// versions are the versions of the schema, by the names of its files.
func versions(t *testing.T) []int {
	t.Helper()
	files, err := fs.Glob(sqliteSchema, "schema/sqlite/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	out := make([]int, len(files))
	for i, name := range files {
		if _, err := fmt.Sscanf(filepath.Base(name), "%04d_", &out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestADatabaseOfEverySchemaIsMigrated: testdata has a database of every version of the schema that was ever released or
// on the main branch. Nothing of it is lost, and the journal verifies. With -update it makes the database of the newest
// version, which must never be made again once it is on the main branch.
func TestADatabaseOfEverySchemaIsMigrated(t *testing.T) {
	t.Parallel()
	list := versions(t)
	for _, version := range list {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			packed := filepath.Join("testdata", fmt.Sprintf("schema-%d.db.gz", version))
			if _, err := os.Stat(packed); errors.Is(err, fs.ErrNotExist) && *update && version == list[len(list)-1] {
				pack(t, packed)
			}
			s := openCopy(t, unpack(t, packed), ring(t, fixtureKey))
			proof, err := s.Verify(t.Context())
			if err != nil || proof.Entries != 10 || proof.Erased != 1 {
				t.Errorf("the journal proves %+v, %v", proof, err)
			}
			if got := numbersOf(t, s, store.AnyOf("ANN@acme.test")); fmt.Sprint(got) != "[1]" {
				t.Errorf("a person is found in %v", got)
			}
			if doc, err := s.Applied(t.Context(), "acme", "id-ann"); err != nil || doc["userName"] != "ann" {
				t.Errorf("the last document is %v, %v", doc, err)
			}
			if open, err := s.Open(t.Context()); err != nil || len(open) != 1 || open[0].After["userName"] != "zoe" {
				t.Errorf("the open changes are %v, %v", open, err)
			}
			if tokens, err := s.Tokens(t.Context()); err != nil || len(tokens.Tokens) != 1 || tokens.Forged != 0 {
				t.Errorf("the tokens are %+v, %v", tokens, err)
			}
			if removals, err := s.Removals(t.Context()); err != nil || len(removals["acme"].At) != 1 {
				t.Errorf("the removals are %v, %v", removals, err)
			}
			requests := 0
			for a, err := range s.Activities(t.Context(), store.ActivityQuery{}) {
				if err != nil || a.Status != 409 {
					t.Errorf("a request is %+v, %v", a, err)
				}
				requests++
			}
			if requests != 1 {
				t.Errorf("%d requests", requests)
			}
			if version >= 2 { // the first that has places and snapshots
				wantFixtures(t, s)
			}
			made(t, s, userChange("kim"))
			flushed(t, s)
			if _, err := s.Verify(t.Context(), proof.Head); err != nil {
				t.Errorf("with a further change: %v", err)
			}
		})
	}
}

// What the databases of testdata have since the second version.
const fixtureSnapshot = "the index of acme"

var fixturePlace = time.Date(2026, time.December, 1, 2, 3, 4, 0, time.UTC) //nolint:gochecknoglobals // never changed

func wantFixtures(t *testing.T, s *Store) {
	t.Helper()
	if place, err := s.Place(t.Context(), "acme"); err != nil || !place.Equal(fixturePlace) {
		t.Errorf("the place is %v, %v", place, err)
	}
	err := s.ReadSnapshot(t.Context(), "acme", func(from io.Reader) error {
		text, err := io.ReadAll(from)
		if string(text) != fixtureSnapshot {
			t.Errorf("the snapshot is %q", text)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// pack makes a database of the newest schema.
func pack(t *testing.T, packed string) {
	t.Helper()
	file, _ := filled(t, ring(t, fixtureKey))
	s, err := Open(t.Context(), Options{File: file, Ring: ring(t, fixtureKey)})
	if err != nil {
		t.Fatal(err)
	}
	token := store.Token{Of: store.Owner{Realm: "acme", Key: "realm"}, Path: "acme", Token: tenant.Token{Name: "idp", KeyID: "k1", SHA256: [32]byte{1}}}
	request := store.Activity{ID: string(change.NewID()), At: time.Now(), Tenant: "acme", Realm: "acme", Method: "POST", Route: "/Users", Status: 409, Code: "taken"}
	s.Act(request)
	err = errors.Join(s.Intend(t.Context(), userChange("zoe")), s.AddToken(t.Context(), token), s.ChangeRemovals(t.Context(), "acme", func(r *store.Removals) error {
		r.At = map[string]time.Time{"id-eve": time.Now()}
		return nil
	}), s.SetPlace(t.Context(), "acme", fixturePlace), s.SaveSnapshot(t.Context(), "acme", func(to io.Writer) error {
		_, err := io.WriteString(to, fixtureSnapshot)
		return err
	}), s.Flush(t.Context()), s.Close())
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(packed)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(out)
	_, err = z.Write(data)
	if err := errors.Join(err, z.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, packed string) string {
	t.Helper()
	in, err := os.Open(packed)
	if err != nil {
		t.Fatalf("%v: the schema has a new version; make its database with -update", err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(packed), ".gz"))
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
