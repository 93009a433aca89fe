package sqlstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"modernc.org/sqlite"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// TestAStoreThatCannotBeUsedSaysWhy, and what to do.
func TestAStoreThatCannotBeUsedSaysWhy(t *testing.T) {
	t.Parallel()
	key := ring(t, seal.NewKey())
	for name, c := range map[string]struct {
		prepare func(t *testing.T, file string) (path string, r seal.Ring)
		want    string
		root    bool // whether root can use it
	}{
		"another key": {func(t *testing.T, file string) (string, seal.Ring) {
			t.Helper()
			return file, ring(t, seal.NewKey())
		}, "the key file does not have the key of this store: correct store.keyFile", false},
		"a newer schema": {func(t *testing.T, file string) (string, seal.Ring) {
			t.Helper()
			byHand(t, file, "UPDATE meta SET needs = 1000")
			return file, key
		}, "a newer version of this program wrote the store: run that version, or restore a backup of this version", false},
		"a truncated file": {func(t *testing.T, file string) (string, seal.Ring) {
			t.Helper()
			if err := os.Truncate(file, 3*pageSize+17); err != nil {
				t.Fatal(err)
			}
			return file, key
		}, "is damaged or is no database: restore a backup", false},
		"another file": {func(t *testing.T, file string) (string, seal.Ring) {
			t.Helper()
			if err := os.WriteFile(file, bytes.Repeat([]byte("text"), 4096), 0o600); err != nil {
				t.Fatal(err)
			}
			return file, key
		}, "is damaged or is no database", false},
		"another database": {func(t *testing.T, _ string) (string, seal.Ring) {
			t.Helper()
			file := filepath.Join(t.TempDir(), "other.db")
			byHand(t, file, "CREATE TABLE other (one INTEGER)")
			if err := os.Chmod(file, 0o600); err != nil {
				t.Fatal(err)
			}
			return file, key
		}, "is a database that another program made: correct store.sqlite.file", false},
		"a file that others can read": {func(t *testing.T, file string) (string, seal.Ring) {
			t.Helper()
			if err := os.Chmod(file, 0o644); err != nil {
				t.Fatal(err)
			}
			return file, key
		}, "other users of this machine can read the store", false},
		"a directory": {func(t *testing.T, file string) (string, seal.Ring) {
			t.Helper()
			return filepath.Dir(file), key
		}, "is not a file: correct store.sqlite.file", false},
		"no directory": {func(t *testing.T, file string) (string, seal.Ring) {
			t.Helper()
			return filepath.Join(filepath.Dir(file), "missing", "store.db"), key
		}, "does not exist: create it, or correct store.sqlite.file", false},
		"a path that SQLite reads as parameters": {func(_ *testing.T, file string) (string, seal.Ring) {
			return file + "?mode=memory", key
		}, "has a character that a path of a database cannot have", false},
		"a read-only directory": {func(t *testing.T, file string) (string, seal.Ring) {
			t.Helper()
			if err := os.Chmod(filepath.Dir(file), 0o500); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(filepath.Dir(file), 0o700) })
			return file, key
		}, "make the directory writable for the user of the bridge", true},
		"a copy of a store": {func(t *testing.T, file string) (string, seal.Ring) {
			t.Helper()
			if err := copyFile(file, file+".copy"); err != nil {
				t.Fatal(err)
			}
			return file + ".copy", key
		}, "is a copy of another store, which another bridge may use: move the copy away and make a store of it with scim-bridge store restore", false},
		"a store with two names": {func(t *testing.T, file string) (string, seal.Ring) {
			t.Helper()
			if err := os.Link(file, file+".link"); err != nil {
				t.Fatal(err)
			}
			return file + ".link", key
		}, "has another name too, a hard link, by which another bridge could damage it: remove the other name", false},
		"a store that another bridge uses": {func(t *testing.T, file string) (string, seal.Ring) {
			t.Helper()
			open(t, file, key)
			return file, key
		}, "another program uses the store", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, _ := filled(t, key)
			path, r := c.prepare(t, file)
			if me, err := user.Current(); c.root && (err != nil || me.Uid == "0") {
				return // nothing is read-only for root
			}
			s, err := Open(t.Context(), Options{File: path, Ring: r})
			if err == nil {
				t.Errorf("it is opened, %v", s.Close())
			} else if !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %q, want %q", err, c.want)
			}
		})
	}
}

// TestAnErrorOfOpenLeavesTheStoreAsItWas: with the right key it opens, and nothing is missing.
func TestAnErrorOfOpenLeavesTheStoreAsItWas(t *testing.T) {
	t.Parallel()
	key := ring(t, seal.NewKey())
	file, head := filled(t, key)
	for range 2 {
		if s, err := Open(t.Context(), Options{File: file, Ring: ring(t, seal.NewKey())}); err == nil {
			t.Errorf("another key opens the store, %v", s.Close())
		}
	}
	proof, err := open(t, file, key).Verify(t.Context(), head)
	if err != nil || proof.Entries != 10 || proof.Erased != 1 {
		t.Errorf("the journal proves %+v, %v", proof, err)
	}
}

// limited is set for a process of TestADiskWithoutRoomIsExplained: the most bytes that a file may have.
const limited = "SQLSTORE_LIMITED"

// TestADiskWithoutRoomIsExplained once, with what to do, wherever the room ends while a store is made. The files of
// another process get the limit.
func TestADiskWithoutRoomIsExplained(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	if text, is := os.LookupEnv(limited); is {
		size, err := strconv.ParseUint(text, 10, 64)
		if err == nil {
			err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: size})
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(t.Context(), Options{File: file, Ring: ring(t, seal.NewKey())})
		fmt.Fprintln(os.Stderr, "opened:", err)
		return
	}
	for _, size := range []int{pageSize / 2, 2 * pageSize, 4 * pageSize, 12 * pageSize} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestADiskWithoutRoomIsExplained$")
		cmd.Env = append(os.Environ(), limited+"="+strconv.Itoa(size))
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "cannot be read or written: it is full or broken, or a limit of the size of files is too low (ulimit -f). Make room") || strings.Count(string(out), "disk I/O error") != 1 {
			t.Errorf("with %d bytes for each file: %v, %s", size, err, out)
		}
	}
}

// TestEachResultOfSQLiteHasARemedy, also with an extended code.
func TestEachResultOfSQLiteHasARemedy(t *testing.T) {
	t.Parallel()
	const shm, wal = 19 << 8, 4 << 8
	for code, want := range map[int]string{
		codeFull: "is full: make room", codeIO: "Make room, and look for errors of the disk", codeIO | shm: "cannot be read or written", codeReadOnly | wal: "may not write the store", codeCantOpen: "check that the disk is not mounted read-only",
		codePermission: "make the file and its directory writable", codeCorrupt: "restore a backup", codeNotADatabase: "restore a backup", codeBusy: "stop it first", codeLocked: "stop it first",
	} {
		if got := remedy("/data/store.db", code); !strings.Contains(got, want) || !strings.Contains(got, "/data/store.db") {
			t.Errorf("the code %d is explained as %q", code, got)
		}
	}
	if got := remedy("store.db", 1); got != "" {
		t.Errorf("an error in SQL is explained as %q", got)
	}
}

// TestAnExplainedErrorIsPrintedOnce, although several statements failed with it, and stays an error of SQLite.
func TestAnExplainedErrorIsPrintedOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(file, bytes.Repeat([]byte("text"), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{File: file, Ring: ring(t, seal.NewKey())})
	if _, is := errors.AsType[*sqlite.Error](err); !is || strings.Count(err.Error(), "SQLite: ") != 1 || strings.Count(err.Error(), "(26)") != 1 || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is %v", err)
	}
}

// TestNetworkFileSystemsAreRefused by their numbers; the directory of the tests is on a local disk.
func TestNetworkFileSystemsAreRefused(t *testing.T) {
	t.Parallel()
	if name, err := networkFileSystem(t.TempDir()); name != "" || err != nil {
		t.Errorf("the directory of the tests is on %q, %v", name, err)
	}
	for magic, want := range map[int64]string{0x6969: "NFS", 0xFE534D42: "SMB", 0x65735546: "FUSE", 0xEF53: "", 0x58465342: "", 0x01021994: ""} {
		if got := networkName(magic); got != want {
			t.Errorf("%x is %q, want %q", magic, got, want)
		}
	}
}

// TestTheFilesShowNoPerson, neither the database nor its log, while the store is open and afterwards.
func TestTheFilesShowNoPerson(t *testing.T) {
	t.Parallel()
	key := ring(t, seal.NewKey())
	file := filepath.Join(t.TempDir(), "store.db")
	s, err := Open(t.Context(), Options{File: file, Ring: key})
	if err != nil {
		t.Fatal(err)
	}
	c := userChange("Jane.Doe")
	c.Resource.ID = "0a6c6e9f-0000-4000-8000-00000000a00a"
	c.After["externalId"], c.After["displayName"], c.Reason = "00u-external", "Janet Doe", "refused for Jane.Doe"
	made(t, s, c)
	intended := userChange("John.Roe")
	intended.Resource.ID = "0b6c6e9f-0000-4000-8000-00000000b00b"
	if err := s.Intend(t.Context(), intended); err != nil {
		t.Fatal(err)
	}
	flushed(t, s)
	look := func(when string) {
		t.Helper()
		files, err := filepath.Glob(file + "*")
		if err != nil || len(files) < 2 {
			t.Fatalf("the files are %v, %v", files, err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, person := range []string{"Jane.Doe", "jane.doe", "John.Roe", "john.roe", "acme.test", "00u-external", "Janet"} {
				if bytes.Contains(text, []byte(person)) {
					t.Errorf("%s: %s shows %s", when, filepath.Base(name), person)
				}
			}
		}
	}
	look("while it is open")
	sealed := func() []byte {
		var content []byte
		if err := s.db.QueryRowContext(t.Context(), "SELECT content FROM entry WHERE number = 1").Scan(&content); err != nil {
			t.Fatal(err)
		}
		return content
	}()
	if _, err := s.Forget(t.Context(), store.Person{UserName: "jane.doe"}); err != nil {
		t.Fatal(err)
	}
	look("after an erasure")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	look("when it is closed")
	files, err := filepath.Glob(file + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, sealed[:64]) {
			t.Errorf("%s still has the sealed content of the forgotten person", filepath.Base(name))
		}
	}
}
