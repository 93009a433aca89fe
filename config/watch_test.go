package config

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/fsnotify/fsnotify"
)

// TestWatchTells about a file whose content changed since it was loaded, and about a file behind a
// symbolic link that is swapped, as Kubernetes mounts a ConfigMap.
func TestWatchTells(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	version := func(name, text string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "mapping.yaml"), text, 0o600)
		if err := os.Symlink(name, filepath.Join(dir, "..tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	version("..one", "one")
	file := filepath.Join(dir, "mapping.yaml")
	if err := os.Symlink("..data/mapping.yaml", file); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	told, ended := make(chan string), make(chan error)
	go func() {
		ended <- Watch(ctx, map[string]Digest{file: sha256.Sum256([]byte("before"))}, func() map[string]Digest {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Error(err)
			}
			told <- string(data)
			return map[string]Digest{file: sha256.Sum256(data), filepath.Join(dir, "later"): {}}
		})
	}()
	if got := <-told; got != "one" {
		t.Errorf("told of %q, want what changed before the watch began", got)
	}
	write(t, filepath.Join(dir, "neighbour"), "x", 0o600)
	version("..two", "two")
	if got := <-told; got != "two" {
		t.Errorf("told of %q, want the swapped file alone", got)
	}
	write(t, filepath.Join(dir, "later"), "x", 0o600)
	if got := <-told; got != "two" {
		t.Errorf("told of %q, want it after a file came that was named and not there", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestAWriteToAnotherFileConcernsNothing: the database of the store is beside the configuration, and
// is written all the time. Every other event can be a file that is watched.
func TestAWriteToAnotherFileConcernsNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, target := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "config-1.yaml")
	write(t, target, "x", 0o600)
	if err := os.Symlink("config-1.yaml", file); err != nil {
		t.Fatal(err)
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	known := follow(watcher, map[string]Digest{file: {}, filepath.Join(dir, "absent"): {}})
	for _, c := range []struct {
		name string
		op   fsnotify.Op
		want bool
	}{
		{"store.db-wal", fsnotify.Write, false},
		{"config.yaml", fsnotify.Write, true},
		{"config-1.yaml", fsnotify.Write, true},
		{"absent", fsnotify.Write, true},
		{"..data", fsnotify.Create, true},
		{"..data", fsnotify.Rename, true},
		{"store.db-wal", fsnotify.Remove, true},
	} {
		if got := concerns(fsnotify.Event{Name: filepath.Join(dir, c.name), Op: c.op}, known); got != c.want {
			t.Errorf("%s of %s concerns a file: %v, want %v", c.op, c.name, got, c.want)
		}
	}
}
