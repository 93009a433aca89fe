package directory

import (
	"errors"
	"fmt"
	"time"
)

// ErrIndexing is why an answer has to wait for an index that is being made.
var ErrIndexing = errors.New("the index is being made")

// IndexingError is ErrIndexing, and how far it is.
type IndexingError struct {
	Read, Total int64 // resources
	RetryAfter  time.Duration
}

// Error is for the log.
func (e IndexingError) Error() string {
	return fmt.Sprintf("%v: %d of %d are read", ErrIndexing, e.Read, e.Total)
}

// Unwrap is ErrIndexing.
func (IndexingError) Unwrap() error { return ErrIndexing }

// ErrIndexFull is a search that needs an index, for which there is no memory.
var ErrIndexFull = errors.New("there is no memory for an index of all resources")

// UnsteadyError is that the resources changed too much for an answer.
type UnsteadyError struct{ Why string }

// Error is for the log.
func (e UnsteadyError) Error() string { return e.Why }
