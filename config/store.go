package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Store says where the bridge keeps what it did, and for how long. Without a database there is no store.
type Store struct {
	// SQLite is `sqlite`: an SQLite database in a file.
	// Default: required.
	SQLite SQLite `json:"sqlite,omitzero" change:"restart"`
	// KeyFile is `keyFile`: file with the keys of the store, one key a line and the newest key last. `scim-bridge
	// store newkey` prints a key. Blank lines and lines that begin with `#` do not count. Keep a copy of the file in
	// another place than the backups of the database: nobody can read a store without its keys.
	// Default: required.
	// Refused: absent, no key in it, a line that is not a key, a key given twice, open to every user; the file of the
	// database.
	KeyFile File `json:"keyFile,omitempty" change:"restart"`
	// Durability is `durability`: what a crash of the machine can lose. `full` waits for the disk before each change,
	// so that it loses nothing. `normal` is faster, and a crash of the machine can lose the records of the last
	// changes. A crash of the bridge loses nothing in either case.
	// Refused: any other value.
	Durability Durability `json:"durability" change:"restart"`
	// Retention is `retention`: when the store removes changes and requests.
	Retention Retention `json:"retention"`
	// OnFailure is `onFailure`: what happens to a write while the store cannot record it. `refuse` answers 503, and
	// clients repeat the request later. `continue` makes the change without a record, which the log reports. Requests
	// that end access (`active: false`, DELETE) are carried out in both cases.
	// Refused: any other value.
	OnFailure OnFailure `json:"onFailure" change:"restart"`

	// Keys is the content of KeyFile.
	Keys Secret `json:"-"`
}

// SQLite is a database in a file of this machine.
type SQLite struct {
	// File is `file`: file of the database, which the bridge creates. SQLite makes further files beside it, so the
	// bridge must be able to write into the directory. A network file system cannot hold the file.
	// Default: required.
	// Refused: not a regular file; in a directory that does not exist, or that the bridge may not write into.
	File string `json:"file,omitempty" type:"file"`
}

// Retention says which changes and requests a store keeps.
type Retention struct {
	// Changes is `changes`: how long the store keeps a change; `0` keeps changes for ever.
	// Refused: less than 1d, except 0; more than 36500d.
	Changes Duration `json:"changes"`
	// Activity is `activity`: how long the store keeps a request; `0` keeps requests for ever. A tenant with more than
	// 250,000 requests, or with more than 128 MiB of them, loses its oldest requests earlier.
	// Refused: less than 1d, except 0; more than 36500d.
	Activity Duration `json:"activity"`
	// MaxBytes is `maxBytes`: how large the database may be in bytes, without its write-ahead log. Above this size the
	// store removes its oldest requests until they use a quarter of it, and then its oldest changes, also when they are
	// younger than `changes`. `0` is no limit.
	// Default: `0`.
	// Refused: less than 1048576, except 0.
	MaxBytes int64 `json:"maxBytes"`
}

// On reports whether there is a store.
func (s Store) On() bool { return s.SQLite.File != "" }

// Durability says what a crash of the machine can lose.
type Durability string

// The values of Durability.
const (
	DurabilityFull   Durability = "full"   // nothing
	DurabilityNormal Durability = "normal" // the records of the last changes
)

// UnmarshalText refuses other values.
func (d *Durability) UnmarshalText(text []byte) error { return oneWord(d, text, d.words()) }

func (d *Durability) words() []string {
	return wordList(DurabilityFull, DurabilityNormal)
}

// OnFailure says what happens to a write that the store cannot record.
type OnFailure string

// The values of OnFailure.
const (
	OnFailureRefuse   OnFailure = "refuse"
	OnFailureContinue OnFailure = "continue"
)

// UnmarshalText refuses other values.
func (o *OnFailure) UnmarshalText(text []byte) error { return oneWord(o, text, o.words()) }

func (o *OnFailure) words() []string {
	return wordList(OnFailureRefuse, OnFailureContinue)
}

// storeKeySize is the size of a key of the store, in bytes.
const storeKeySize = 32

// NewStoreKey returns a line of Store.KeyFile: a new random key, without the line break.
func NewStoreKey() string {
	key := make([]byte, storeKeySize)
	_, _ = rand.Read(key) // never fails
	return base64.RawURLEncoding.EncodeToString(key)
}

// store checks the section of the store, when there is one, and reads its keys.
func (k checker) store(s *Store) {
	if !k.given("store") {
		return
	}
	k.missing("store", "sqlite", "Write sqlite: { file: store.db }, or remove the section store: the bridge then remembers nothing")
	if k.given("store.sqlite") {
		k.missing("store.sqlite", "file", "Name the file of the database, such as /var/lib/scim-bridge/store.db")
	}
	k.missing("store", "keyFile", "Name a file with a key. Make it with: (umask 077; scim-bridge store newkey > store-key)")
	k.retention(s.Retention)
	if s.SQLite.File != "" {
		k.database("store.sqlite.file", &s.SQLite.File)
	}
	if s.KeyFile != "" && !k.unkeyed {
		s.Keys = k.storeKeys("store.keyFile", &s.KeyFile, s.SQLite.File)
	}
}

// retention checks what is kept. A short time is a mistake in its unit, and would empty the store.
func (k checker) retention(r Retention) {
	const size = "store.retention.maxBytes"
	const least, most = Duration(day), Duration(36500 * day)
	for _, of := range []struct {
		name, what string
		keep       Duration
	}{{"changes", "changes", r.Changes}, {"activity", "requests", r.Activity}} {
		if of.keep != 0 && (of.keep < least || of.keep > most) {
			k.add("store.retention."+of.name, fmt.Sprintf("must be 0, or from %v to %v", least, most), "Write a number of days like 90d, or 0 to keep "+of.what+" for ever")
		}
	}
	if r.MaxBytes != 0 && r.MaxBytes < 1<<20 {
		k.add(size, fmt.Sprintf("must be 0, or %d or more", 1<<20), "Write a number of bytes like 10737418240, or 0 for no limit")
	}
}

// database checks the place of a database, and changes a relative name to the name of the file beside the
// configuration file.
func (k checker) database(path string, name *string) {
	if !filepath.IsAbs(*name) {
		*name = filepath.Join(k.dir, *name)
	}
	const hint = "Make the directory, and let only the user of the bridge write into it"
	dir := filepath.Dir(*name)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.add(path, "the directory "+quoted(dir)+" does not exist", hint)
		return
	case err != nil:
		k.unreadable(path, dir, err)
		return
	case !info.IsDir():
		k.add(path, quoted(dir)+" is not a directory", "Name a file in a directory that the bridge may write into")
		return
	}
	info, err = os.Stat(*name)
	if err == nil && !info.Mode().IsRegular() {
		k.add(path, quoted(*name)+" is not a regular file", "Name the file itself")
		return
	}
	// A disk that became read-only must not keep the bridge from applying its files, such as a revoked token. So only a
	// missing right counts here once the database exists.
	if denied := writable(dir); denied != nil && (err != nil || errors.Is(denied, fs.ErrPermission)) {
		k.add(path, "cannot be made or changed, because the directory "+quoted(dir)+" cannot be written: "+cause(denied),
			"Name a file in a directory that the bridge may write into, such as /var/lib/scim-bridge/store.db")
	}
}

// storeKeys reads a file of keys. database is the name of the file of the database.
func (k checker) storeKeys(path string, name *File, database string) Secret {
	if k.same(string(*name), database) {
		k.add(path, "is also store.sqlite.file", "Give the keys a file of their own")
		return Secret{}
	}
	data, ok := k.read(path, name, true)
	if !ok {
		return Secret{}
	}
	keys := map[string]int{} // with their lines
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if key, err := base64.RawURLEncoding.Strict().DecodeString(line); err != nil || len(key) != storeKeySize {
			k.add(path, fmt.Sprintf("%s has no key in line %d", quoted(*name), number), "Each line is a key as scim-bridge store newkey prints it, or begins with #")
			return Secret{}
		}
		if first, twice := keys[line]; twice {
			k.add(path, fmt.Sprintf("%s has the key of line %d again in line %d", quoted(*name), first, number), "Remove one of the two lines; the newest key is the last one")
			return Secret{}
		}
		keys[line] = number
	}
	if len(keys) == 0 {
		k.add(path, quoted(*name)+" has no key", "Make one with: (umask 077; scim-bridge store newkey > FILE)")
		return Secret{}
	}
	return NewSecret(string(data))
}

// same reports whether two names are of one file. other is not relative.
func (k checker) same(name, other string) bool {
	if !filepath.IsAbs(name) {
		name = filepath.Join(k.dir, name)
	}
	if other == "" || filepath.Clean(name) == filepath.Clean(other) {
		return other != ""
	}
	one, err := os.Stat(name)
	if err != nil {
		return false
	}
	two, err := os.Stat(other)
	return err == nil && os.SameFile(one, two)
}
