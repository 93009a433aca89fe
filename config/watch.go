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

// settle is how long the files are left alone after a change: editors and kubelets
// write in several steps.
const settle = 100 * time.Millisecond

// Watch tells of every file whose content has changed, until the context ends. It
// watches the files' directories, so that a file that is replaced or reached by a
// symbolic link that is swapped, as Kubernetes does, is seen too. A file that is gone
// is no change.
func Watch(ctx context.Context, files []string, changed func(file string)) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch files: %w", err)
	}
	defer watcher.Close() //nolint:errcheck // it only reads
	sums := make(map[string][sha256.Size]byte, len(files))
	for _, file := range files {
		if err := watcher.Add(filepath.Dir(file)); err != nil {
			return fmt.Errorf("watch %s: %w", filepath.Dir(file), err)
		}
		sums[file], _ = sumOf(file)
	}
	timer := time.NewTimer(0) // what changed before the watch began
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.Events:
			timer.Reset(settle)
		case <-watcher.Errors: //nolint:errcheck // events were lost: look
			timer.Reset(settle)
		case <-timer.C:
			for _, file := range files {
				if sum, ok := sumOf(file); ok && sum != sums[file] {
					sums[file] = sum
					changed(file)
				}
			}
		}
	}
}

func sumOf(file string) (sum [sha256.Size]byte, ok bool) {
	data, err := os.ReadFile(file) //nolint:gosec // the operator named the file
	return sha256.Sum256(data), err == nil
}
