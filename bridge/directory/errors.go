package directory

import (
	"errors"
	"fmt"
	"time"
)

// ErrIndexing reports that an answer has to wait for an index that is being made.
var ErrIndexing = errors.New("the index is being made")

// IndexingError is ErrIndexing with the progress of the index.
type IndexingError struct {
	Read, Total int64 // numbers of resources
	RetryAfter  time.Duration
}

// Error returns the text for the log.
func (e IndexingError) Error() string {
	return fmt.Sprintf("%v: %d of %d are read", ErrIndexing, e.Read, e.Total)
}

// Unwrap returns ErrIndexing.
func (IndexingError) Unwrap() error { return ErrIndexing }

// ErrIndexFull reports that a search needs an index and there is not enough memory for it.
var ErrIndexFull = errors.New("there is no memory for an index of all resources")

// UnsteadyError reports that resources changed too much during a search.
type UnsteadyError struct{ Why string }

// Error returns the text for the log.
func (e UnsteadyError) Error() string { return e.Why }
