package sqlstore

import "errors"

// note is something that the next commit of anything writes: it costs no commit of its own. A commit writes the notes
// first, so that who waits for a commit knows that the notes before it are written.
type note func(l *load)

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

// addNotes adds the notes that wait to a load. Those that come later wait for the next commit.
func (w *writer) addNotes(l *load) {
	w.mu.Lock()
	notes := w.notes
	w.mu.Unlock()
	for _, n := range notes {
		n(l)
	}
	l.notes = len(notes)
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
