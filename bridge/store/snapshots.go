package store

import (
	"context"
	"io"
)

// Snapshots keep texts that the bridge can make again: without one, a start takes longer and nothing is lost. Forget and
// Rekey remove all of them, and so does the restore of a backup.
type Snapshots interface {
	// SaveSnapshot replaces the snapshot with a name by the text that write writes. When it returns an error, the former
	// snapshot stays. Calls with the same name wait for each other. The writer's errors are those of the store.
	SaveSnapshot(ctx context.Context, name string, write func(io.Writer) error) error
	// ReadSnapshot passes the text of a snapshot to read, and returns the error of read. It returns ErrNotFound when there
	// is no snapshot with the name, without a call of read. A text that was altered ends with a *BrokenError of the reader.
	ReadSnapshot(ctx context.Context, name string, read func(io.Reader) error) error
}
