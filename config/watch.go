package config

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long the files are left alone after a change: editors and kubelets
	// write in several steps.
	settle = 100 * time.Millisecond
	// anyway is how often the files are read though nothing was heard of them: not every
	// file system tells of changes.
	anyway = 30 * time.Second
)

// Watch tells whenever a file has another content than when it was loaded, or than it was told
// of last, until the context ends. files is Config.Files, so that no change is missed before
// the watch begins; changed loads again and returns the files to watch from then on, which
// those of a load that failed are added to.
//
// It watches the files' directories, so that a file that is replaced or reached by a symbolic
// link that is swapped, as Kubernetes does, is seen too.
func Watch(ctx context.Context, files map[string]Digest, changed func() map[string]Digest) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch files: %w", err)
	}
	defer watcher.Close() //nolint:errcheck // it only reads
	follow(watcher, files)
	timer := time.NewTimer(0) // for what changed since the files were loaded
	defer timer.Stop()
	settling := true // a directory that never rests does not put the look off for ever
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.Events:
			if !settling {
				timer.Reset(settle)
				settling = true
			}
			continue
		case <-watcher.Errors: //nolint:errcheck // events were lost: look
		case <-timer.C:
		}
		if differ(files) {
			files = changed()
			follow(watcher, files)
		}
		timer.Reset(anyway)
		settling = false
	}
}

// follow watches the directories of files. One that cannot be watched is read anyway.
func follow(watcher *fsnotify.Watcher, files map[string]Digest) {
	for file := range files {
		_ = watcher.Add(filepath.Dir(file))
	}
}

func differ(files map[string]Digest) bool {
	for file, sum := range files {
		if sumOf(file) != sum {
			return true
		}
	}
	return false
}

// sumOf is the digest of a file, the zero digest of one that cannot be read.
func sumOf(file string) Digest {
	data, err := os.ReadFile(file) //nolint:gosec // the operator named the file
	if err != nil {
		return Digest{}
	}
	return sha256.Sum256(data)
}
