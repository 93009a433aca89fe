package sqlstore

import (
	"context"
	"errors"
)

// note is something that the next commit of anything writes: it costs no commit of its own. A commit writes the notes
// first, so that who waits for a commit knows that the notes before it are written.
type note func(ctx context.Context, w *writer) error

// maxNotes bounds the notes that wait while nothing can be committed.
const maxNotes = 100_000

// errNotes says that too many notes wait.
var errNotes = errors.New("too much waits for a commit already")

// note adds a note to the next commit.
func (w *writer) note(n note) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.quit:
		return errClosed
	default:
	}
	if len(w.notes) >= maxNotes {
		return errors.Join(errNotes, w.broken)
	}
	w.notes = append(w.notes, n)
	w.put++
	return nil
}

// writeNotes writes the notes that wait, and returns their number. Those that come later wait for the next commit.
func (w *writer) writeNotes(ctx context.Context) (int, error) {
	w.mu.Lock()
	notes := w.notes
	w.mu.Unlock()
	for _, n := range notes {
		if err := n(ctx, w); err != nil {
			return 0, err
		}
	}
	return len(notes), nil
}

// dropNotes drops the first notes, which are committed.
func (w *writer) dropNotes(n int) {
	if n == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes[:0:0], w.notes[n:]...)
	w.taken += int64(n)
}

func (w *writer) hasNotes() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.notes) > 0
}
