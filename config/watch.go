package config

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long the files are left alone after a change: editors and kubelets
// write in several steps.
const settle = 100 * time.Millisecond

// Watch tells of every file whose content is another than when it was loaded, or than it
// told of last, until the context ends. loaded is the digest of each file's content by its
// name, so that no change is missed before the watch begins.
//
// It watches the files' directories, so that a file that is replaced or reached by a
// symbolic link that is swapped, as Kubernetes does, is seen too. A file that is gone is
// no change.
func Watch(ctx context.Context, loaded map[string]Digest, changed func(file string)) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch files: %w", err)
	}
	defer watcher.Close() //nolint:errcheck // it only reads
	sums := maps.Clone(loaded)
	for file := range sums {
		if err := watcher.Add(filepath.Dir(file)); err != nil {
			return fmt.Errorf("watch %s: %w", filepath.Dir(file), err)
		}
	}
	timer := time.NewTimer(0) // for what changed since the files were loaded
	defer timer.Stop()
	waiting := true // a directory that never rests does not put the look off for ever
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.Events:
		case <-watcher.Errors: //nolint:errcheck // events were lost: look
		case <-timer.C:
			waiting = false
			for _, file := range slices.Sorted(maps.Keys(sums)) {
				if sum, ok := sumOf(file); ok && sum != sums[file] {
					sums[file] = sum
					changed(file)
				}
			}
			continue
		}
		if !waiting {
			timer.Reset(settle)
			waiting = true
		}
	}
}

func sumOf(file string) (sum Digest, ok bool) {
	data, err := os.ReadFile(file) //nolint:gosec // the operator named the file
	return sha256.Sum256(data), err == nil
}
