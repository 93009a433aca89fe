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

// journal notes which rows of an import are done, so that a repeated import continues there.
type journal struct {
	name    string
	file    *os.File
	began   time.Time
	resumed bool
	done    map[string]string // ids of resources, by the keys of their rows
}

// journalLine is a line of the file. The first line names the import, each other line is a row.
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
	j := &journal{name: name, done: map[string]string{}, began: time.Now().Truncate(time.Millisecond)} // in the precision of creation times
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
		err = errors.Join(file.Truncate(good), seek) // a line that was cut off is removed
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return j, nil
}

// read reads the lines and returns where the last complete line ends.
func (j *journal) read(into string) (good int64, err error) {
	reader := bufio.NewReader(j.file)
	for {
		data, err := reader.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF): // an incomplete line does not count
			return good, nil
		case err != nil:
			return 0, err
		}
		var line journalLine
		if err := json.Unmarshal(data, &line); err != nil {
			return 0, fmt.Errorf("%w: %s cannot be read as a journal: %w", ErrJournal, j.name, err)
		}
		switch {
		case good > 0:
			j.done[line.Row] = line.ID
		case line.Into != into:
			return 0, fmt.Errorf("%w: %s belongs to an import into %s; remove it, or name another file", ErrJournal, j.name, line.Into)
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

// remove removes the journal of a complete import.
func (j *journal) remove() error {
	j.close()
	if err := os.Remove(j.name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
