package transfer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// journal notes what of an import is done, so that a repetition goes on where it was.
type journal struct {
	name    string
	file    *os.File
	began   time.Time
	resumed bool
	done    map[string]string // ids of resources, by the keys of their rows
}

// journalLine is a line of the file: the first says of what import it is, each other one is a row.
type journalLine struct {
	Into  string    `json:"into,omitempty"` // URL of the service root
	Began time.Time `json:"began,omitzero"`
	Row   string    `json:"row,omitempty"`
	ID    string    `json:"id,omitempty"`
}

// ErrJournal says that a file is not the journal of the import.
var ErrJournal = errors.New("not the journal of this import")

// openJournal reads the journal of an import into a tenant, or begins one.
func openJournal(name, into string) (*journal, error) {
	j := &journal{name: name, done: map[string]string{}, began: time.Now().Truncate(time.Millisecond)} // as times of creation are
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)                                       //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	j.file = file
	good, err := j.read(into)
	if err == nil && !j.resumed {
		err = j.write(journalLine{Into: into, Began: j.began})
	} else if err == nil {
		_, seek := file.Seek(good, io.SeekStart)
		err = errors.Join(file.Truncate(good), seek) // a line that was cut off goes
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return j, nil
}

// read reads the lines and returns where the last whole one ends.
func (j *journal) read(into string) (good int64, err error) {
	reader := bufio.NewReader(j.file)
	for {
		data, err := reader.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF): // an unfinished line is none
			return good, nil
		case err != nil:
			return 0, err
		}
		var line journalLine
		if err := json.Unmarshal(data, &line); err != nil {
			return 0, fmt.Errorf("%w: %s is none: %w", ErrJournal, j.name, err)
		}
		switch {
		case good > 0:
			j.done[line.Row] = line.ID
		case line.Into != into:
			return 0, fmt.Errorf("%w: %s is of an import into %s; remove it, or name another file", ErrJournal, j.name, line.Into)
		default:
			j.resumed, j.began = true, line.Began
		}
		good += int64(len(data))
	}
}

// note notes a row that is done.
func (j *journal) note(row, id string) error {
	j.done[row] = id
	return j.write(journalLine{Row: row, ID: id})
}

func (j *journal) write(line journalLine) error {
	data, err := json.Marshal(line)
	if err == nil {
		_, err = j.file.Write(append(data, '\n'))
	}
	return err
}

func (j *journal) close() { _ = j.file.Close() } // every line was written

// remove removes the journal of an import of which nothing is left to do.
func (j *journal) remove() error {
	j.close()
	if err := os.Remove(j.name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
