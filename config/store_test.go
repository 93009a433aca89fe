package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// withStore is the minimal configuration with a store.
func withStore(t *testing.T, store string) string {
	t.Helper()
	return strings.Replace(readGood(t, "minimal.yaml"), "version: 1\n", "version: 1\nstore: "+store+"\n", 1)
}

const aStore = "{ sqlite: { file: store.db }, keyFile: store-key }"

// TestWithoutASectionThereIsNoStore, and a section without its optional keys has their defaults.
func TestWithoutASectionThereIsNoStore(t *testing.T) {
	t.Parallel()
	none, _ := load(newDir(t, readGood(t, "minimal.yaml")), noEnv)
	if none.Store.On() || !none.Store.Keys.IsZero() {
		t.Errorf("the store is %+v, want none", none.Store)
	}
	path := newDir(t, withStore(t, aStore))
	c, problems := load(path, noEnv)
	if len(problems) > 0 {
		t.Fatal(texts(problems))
	}
	dir := filepath.Dir(path)
	want := Store{
		SQLite: SQLite{File: filepath.Join(dir, "store.db")}, KeyFile: File(filepath.Join(dir, "store-key")), Durability: DurabilityFull,
		Retention: Retention{Changes: Duration(90 * 24 * time.Hour), Activity: Duration(30 * 24 * time.Hour)}, OnFailure: OnFailureRefuse, Keys: NewSecret(storeKeys),
	}
	if !reflect.DeepEqual(c.Store, want) || !c.Store.On() {
		t.Errorf("the store is %+v, want %+v", c.Store, want)
	}
}

// TestAStoreMayKeepEverything for ever, and in any size.
func TestAStoreMayKeepEverything(t *testing.T) {
	t.Parallel()
	c, problems := load(newDir(t, withStore(t, "{ sqlite: { file: store.db }, keyFile: store-key, retention: { changes: 0, activity: 0, maxBytes: 0 } }")), noEnv)
	if len(problems) > 0 || c.Store.Retention != (Retention{}) {
		t.Errorf("the retention is %+v, %q, want none", c.Store.Retention, texts(problems))
	}
}

// TestTheConfigurationNeverShowsTheKeysOfTheStore, nor does a problem of their file.
func TestTheConfigurationNeverShowsTheKeysOfTheStore(t *testing.T) {
	t.Parallel()
	path := newDir(t, withStore(t, aStore))
	key := NewStoreKey()
	for _, text := range []string{key + "\n", key + "A\n", "# new\n" + key + " " + key} {
		write(t, filepath.Join(filepath.Dir(path), "store-key"), text, 0o600)
		c, problems := load(path, noEnv)
		if shown := fmt.Sprintf("%+v %#v %s", c, c, texts(problems)); strings.Contains(shown, key) {
			t.Errorf("with %q the configuration shows its key: %s", text, shown)
		}
	}
}

// TestANewKeyIsAFileOfKeys that the configuration accepts, and each key is another.
func TestANewKeyIsAFileOfKeys(t *testing.T) {
	t.Parallel()
	one, two := NewStoreKey(), NewStoreKey()
	if one == two || len(one) != 43 {
		t.Errorf("two keys are %q and %q", one, two)
	}
	path := newDir(t, withStore(t, aStore))
	write(t, filepath.Join(filepath.Dir(path), "store-key"), one+"\r\n"+two, 0o600)
	if c, problems := load(path, noEnv); len(problems) > 0 || c.Store.Keys.Reveal() != one+"\r\n"+two {
		t.Errorf("load = %q", texts(problems))
	}
}

// TestTheKeysMayNotBeInTheFileOfTheDatabase, also under another name of the same file.
func TestTheKeysMayNotBeInTheFileOfTheDatabase(t *testing.T) {
	t.Parallel()
	path := newDir(t, withStore(t, "{ sqlite: { file: other.db }, keyFile: store-key }"))
	dir := filepath.Dir(path)
	if err := os.Symlink("store-key", filepath.Join(dir, "other.db")); err != nil {
		t.Fatal(err)
	}
	_, problems := load(path, noEnv)
	if len(problems) != 1 || problems[0].Path != "store.keyFile" || problems[0].Text != "is also store.sqlite.file" {
		t.Errorf("load = %q, want that both are one file", texts(problems))
	}
}

// TestADirectoryThatMayNotBeWritten is a problem, also when the database is there: SQLite makes files beside it. A test
// of the program has the same for root, who may write everywhere.
func TestADirectoryThatMayNotBeWritten(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	path := newDir(t, withStore(t, "{ sqlite: { file: closed/store.db }, keyFile: store-key }"))
	closed := filepath.Join(filepath.Dir(path), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(closed, 0o700) })
	for _, there := range []bool{false, true} {
		if there {
			write(t, filepath.Join(closed, "store.db"), "", 0o600)
		}
		if err := os.Chmod(closed, 0o500); err != nil {
			t.Fatal(err)
		}
		_, problems := load(path, noEnv)
		if len(problems) != 1 || problems[0].Line != 2 || !strings.HasSuffix(problems[0].Text, "cannot be written: permission denied") {
			t.Errorf("load = %q, want that the directory cannot be written", texts(problems))
		}
		if err := os.Chmod(closed, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAChangeOfTheStoreNeedsARestart, except of the retention and of the content of the key file.
func TestAChangeOfTheStoreNeedsARestart(t *testing.T) {
	t.Parallel()
	path := newDir(t, withStore(t, aStore))
	started, problems := load(path, noEnv)
	if len(problems) > 0 {
		t.Fatal(texts(problems))
	}
	other := filepath.Join(filepath.Dir(path), "other-key")
	write(t, other, NewStoreKey()+"\n", 0o600)
	now := started
	now.Store = Store{
		SQLite: SQLite{File: "other.db"}, KeyFile: File(other), Durability: DurabilityNormal, Retention: Retention{Changes: Duration(day), Activity: Duration(2 * day), MaxBytes: 1 << 30},
		OnFailure: OnFailureContinue, Keys: NewSecret("other"),
	}
	if got := Restart(started, now); !reflect.DeepEqual(got, []string{"store.sqlite", "store.keyFile", "store.durability", "store.onFailure"}) {
		t.Errorf("a restart is needed for %q", got)
	}
	want := started.Store
	want.Retention = now.Store.Retention
	if now.Keep(started); !reflect.DeepEqual(now.Store, want) {
		t.Errorf("in force is %+v, want %+v", now.Store, want)
	}
	again := started
	again.Store.Keys = NewSecret("two")
	if again.Keep(started); len(Restart(started, again)) > 0 || again.Store.Keys.Reveal() != "two" {
		t.Errorf("new keys in the same file are not in force: %+v", again.Store)
	}
}

// TestDaysAreDurations and are written as days again.
func TestDaysAreDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"90d": "90d", "1d": "1d", "24h": "1d", "36h": "36h0m0s", "0d": "0s", "0": "0s", "-2d": "-2d", "106751d": "106751d", "90m": "1h30m0s", "500ms": "500ms",
	} {
		var got Duration
		if err := got.UnmarshalText([]byte(text)); err != nil || got.String() != want {
			t.Errorf("UnmarshalText(%q) = %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "1.5d", "1d12h", "106752d", "-106752d", "99999999999999999999d", "90 d", "90D", "3w"} {
		if got := new(Duration); got.UnmarshalText([]byte(text)) == nil {
			t.Errorf("UnmarshalText(%q) = %v, want an error", text, got)
		}
	}
}
