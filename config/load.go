package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
)

// Load reads the file at path, and the secrets, keys and certificates that it names, relative to
// its directory. It returns all problems in the order of their lines. A Config without problems is
// complete. A Config with problems has what could be read, and must not be used. Load never panics,
// whatever the file has in it.
func Load(path string) (Config, []Problem) {
	return load(path, os.LookupEnv)
}

// LoadUnkeyed is Load for a program that never opens the store: it does not read the file of the store's keys, and
// Store.Keys is empty. An operator can then list and make tokens without the right to read the store.
func LoadUnkeyed(path string) (Config, []Problem) {
	return loadChecked(path, func(k checker, c *Config) {
		k.unkeyed = true
		k.config(c)
	}, os.LookupEnv)
}

// LoadAdmin reads only the section admin of the file at path, and no other file, for a program that asks the running
// bridge. The whole file must have known keys and values of the right types.
func LoadAdmin(path string) (Admin, []Problem) {
	c, problems := loadChecked(path, func(k checker, c *Config) { k.socket(&c.Admin) }, os.LookupEnv)
	return c.Admin, problems
}

func load(path string, env func(string) (string, bool)) (Config, []Problem) {
	return loadChecked(path, checker.config, env)
}

// loadChecked reads the file at path, and checks what was read.
func loadChecked(path string, check func(checker, *Config), env func(string) (string, bool)) (Config, []Problem) {
	c := Default()
	r := newReport(path)
	c.File, c.Files = path, r.files
	data, err := r.read(path)
	if err != nil {
		r.at(position{}, "", "cannot be read: "+cause(err), "Name the file with --config, or write one with: scim-bridge setup --out DIR")
		return c, r.sorted()
	}
	if decodeFile(data, r, &c) {
		check(checker{report: r, dir: filepath.Dir(path), env: env}, &c)
	}
	return c, r.sorted()
}

// decodeFile decodes a whole file, and reports whether it has keys and values.
func decodeFile(data []byte, r *report, to any) bool {
	root, ok := parse(data, r)
	if ok && root.kind != kindMapping && root.kind != kindNull {
		r.at(root.at, "", "must be keys and values", "Begin with the line: version: 1")
		ok = false
	}
	if ok {
		decoder{r}.value("", root, reflect.ValueOf(to).Elem())
	}
	return ok
}

// read calls readConfig and notes the file for Watch.
func (r *report) read(path string) ([]byte, error) {
	data, err := readConfig(path)
	if r.files[path] = (Digest{}); err == nil {
		r.files[path] = sha256.Sum256(data)
	}
	return data, err
}

// readConfig reads one byte more than a file may have, so that an endless file ends.
func readConfig(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // the file was only read
	return io.ReadAll(io.LimitReader(f, maxFileBytes+1))
}

// cause returns the reason of a file error without the path that it repeats.
func cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	return fmt.Sprint(err)
}
