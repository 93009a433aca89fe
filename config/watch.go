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
	// settle is how long Watch waits after a change: editors and kubelets write in several steps.
	settle = 100 * time.Millisecond
	// anyway is how often Watch reads the files without an event: some file systems report no changes.
	anyway = 30 * time.Second
)

// Watch calls changed whenever the content of a file differs from the last known content, until ctx
// ends. files is Config.Files, so that Watch misses no change before it begins. changed loads
// again, and returns the files to watch from then on; after a failed load it adds the files of that
// load.
//
// Watch watches the directories of the files. So it also sees a file that is replaced, or a
// symbolic link that is swapped, as in Kubernetes.
func Watch(ctx context.Context, files map[string]Digest, changed func() map[string]Digest) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch files: %w", err)
	}
	defer watcher.Close() //nolint:errcheck // it only reads
	known := follow(watcher, files)
	timer := time.NewTimer(0) // for changes since the files were loaded
	defer timer.Stop()
	settling := true // a directory that changes all the time must not delay the check for ever
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-watcher.Events:
			if !settling && concerns(event, known) {
				timer.Reset(settle)
				settling = true
			}
			continue
		case <-watcher.Errors: //nolint:errcheck // events were lost, so check the files
		case <-timer.C:
		}
		if differ(files) {
			files = changed()
			known = follow(watcher, files)
		}
		timer.Reset(anyway)
		settling = false
	}
}

// follow watches the directories of files, and returns the names under which the files can be
// written. A directory that cannot be watched is still read from time to time.
func follow(watcher *fsnotify.Watcher, files map[string]Digest) map[string]bool {
	known := map[string]bool{}
	for file := range files {
		_ = watcher.Add(filepath.Dir(file))
		known[filepath.Clean(file)] = true
		if target, err := filepath.EvalSymlinks(file); err == nil {
			known[filepath.Clean(target)] = true
		}
	}
	return known
}

// concerns reports whether a file may have changed. The database of the store can be in the same
// directory, and each of its writes is an event. A swapped link is the event of another name, but
// never a write.
func concerns(event fsnotify.Event, known map[string]bool) bool {
	return event.Op != fsnotify.Write || known[filepath.Clean(event.Name)]
}

func differ(files map[string]Digest) bool {
	for file, sum := range files {
		if sumOf(file) != sum {
			return true
		}
	}
	return false
}

// sumOf returns the digest of a file, or the zero digest when the file cannot be read.
func sumOf(file string) Digest {
	data, err := os.ReadFile(file) //nolint:gosec // the operator named the file
	if err != nil {
		return Digest{}
	}
	return sha256.Sum256(data)
}
