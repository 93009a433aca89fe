package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// Unimported is a row of a file that is not imported.
type Unimported struct {
	Line   int    `json:"line"`
	Name   string `json:"name,omitempty"`   // userName or displayName
	Status int    `json:"status,omitempty"` // of the answer; absent when the row was not sent
	Reason string `json:"reason"`
}

// Importer creates the users and groups of a file by bulk requests. Use an Importer only once.
type Importer struct {
	Client  *client.Client
	Update  bool                // replace resources that already exist, instead of reporting them
	Advance func(done, all int) // gets the progress
	Report  func(Unimported)    // gets every row that is not imported

	journal *journal
	done    int
	failed  int // rows that are not imported
	unsent  int // failed rows that the check of the file accepted

	operations int // of one request
	payload    int // bytes of one request
	rows       int
	lines      map[string]int    // of rows, by their ids and by the keys of their content
	ids        map[string]string // of resources, by the ids of their rows; "" for a row that was not imported
	managers   []reference       // that users get when all users exist
}

// reference is a manager who had no id yet when the user was created.
type reference struct {
	of      row
	id      string // of the user
	manager string // id of the manager's row
}

// File is a file of resources.
type File struct {
	In     io.ReadSeeker
	Format string // FormatJSONLines or FormatCSV
}

// The formats of files.
const (
	FormatJSONLines = "jsonl" // a SCIM resource in each line
	FormatCSV       = "csv"   // paths of attributes in the first line, a resource in each other line
)

// rows reads a file from its beginning.
func (f File) rows(each func(row) error, bad func(line int, why error)) error {
	if _, err := f.In.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return readRows(f.In, f.Format, each, bad)
}

func (i *Importer) reportUnimported(u Unimported) {
	i.failed++
	i.Report(u)
}

// Check reports the rows that cannot be sent, and counts the rows that can and cannot be sent. It sends nothing.
func (i *Importer) Check(file File) (rows, failed int, err error) {
	err = i.check(file)
	return i.rows, i.failed, err
}

// check reports malformed rows, collects the ids of rows, and counts the rows.
func (i *Importer) check(file File) error {
	i.ids, i.lines = map[string]string{}, map[string]int{}
	return file.rows(func(r row) error {
		_, name := r.name()
		if at, twice := i.lines[r.key]; twice {
			i.reportUnimported(Unimported{Line: r.line, Name: name, Reason: fmt.Sprintf("it is the same as line %d", at)})
			return nil
		}
		if at, twice := i.lines[idLine(r)]; twice && r.id() != "" {
			i.reportUnimported(Unimported{Line: r.line, Name: name, Reason: fmt.Sprintf("line %d has the same id", at)})
			return nil
		}
		i.lines[r.key], i.lines[idLine(r)] = r.line, r.line
		if id := r.id(); id != "" {
			i.ids[id] = ""
		}
		i.rows++
		return nil
	}, func(line int, why error) {
		i.reportUnimported(Unimported{Line: line, Reason: reasonOf(why)})
	})
}

// idLine is the id of a row in lines.
func idLine(r row) string { return "id " + r.id() }

// reasonOf is the reason of an error, without the status of the HTTP answer.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*scim.Error](err); ok {
		return e.Detail
	}
	return err.Error()
}

// Run imports the users, then gives them managers who came later in the file, then imports the groups, whose members
// are users. journal is the name of a file that notes what is done; into is the URL of the service root that it belongs
// to. Run removes the journal when nothing is left to do. Run counts the rows that are imported and those that are not.
// After an error the same call continues where it stopped.
func (i *Importer) Run(ctx context.Context, file File, journal, into string) (done, failed int, err error) {
	if i.journal, err = openJournal(journal, into); err != nil {
		return 0, 0, err
	}
	defer i.journal.close()
	if err := i.run(ctx, file); err != nil {
		return i.done, i.failed, err
	}
	if i.failed > 0 {
		return i.done, i.failed, nil
	}
	return i.done, 0, i.journal.remove() // the journal is no longer needed
}

func (i *Importer) run(ctx context.Context, file File) error {
	if err := i.check(file); err != nil {
		return err
	}
	if err := i.learnLimits(ctx); err != nil {
		return err
	}
	if err := i.create(ctx, file, "/Users"); err != nil {
		return err
	}
	if err := i.appoint(ctx); err != nil {
		return err
	}
	return i.create(ctx, file, "/Groups")
}

const (
	// mostOperations keeps a request far below its time limit.
	mostOperations = 200
	// envelope is the size in bytes of a request without its operations.
	envelope = 1 << 10
)

func (i *Importer) learnLimits(ctx context.Context) error {
	config, err := i.Client.Do(ctx, http.MethodGet, "/ServiceProviderConfig", nil)
	if err != nil {
		return err
	}
	bulk, _ := config["bulk"].(map[string]any)
	operations, _ := scim.Integer(bulk, "maxOperations")
	payload, _ := scim.Integer(bulk, "maxPayloadSize")
	if operations == nil || payload == nil {
		return errors.New("ServiceProviderConfig has no limits for bulk requests")
	}
	i.operations, i.payload = min(*operations, mostOperations), *payload-envelope
	return nil
}

// create creates the resources of one type.
func (i *Importer) create(ctx context.Context, file File, endpoint string) error {
	b := i.newBatch()
	err := file.rows(func(r row) error {
		if r.endpoint != endpoint || i.lines[r.key] != r.line {
			return nil // a row of another type, or a row that was reported
		}
		if id, done := i.journal.done[r.key]; done {
			i.succeed(r, id)
			return nil
		}
		data, later, why := i.resolve(r)
		if why != "" {
			i.fail(r, 0, why)
			return nil
		}
		return b.add(ctx, operation{row: r, method: http.MethodPost, path: endpoint, data: data, later: later})
	}, func(int, error) {})
	if err != nil {
		return err
	}
	return b.send(ctx)
}

// resolve makes the data that a row sends, with ids of resources in place of ids of rows. later is the row of a manager
// who has no id yet. why is the reason when the row cannot be sent.
func (i *Importer) resolve(r row) (data map[string]any, later, why string) {
	data = maps.Clone(r.object)
	for _, name := range []string{scim.AttrID, scim.AttrMeta, scim.AttrGroups} { // read-only
		delete(data, name)
	}
	if members, ok := data[scim.AttrMembers].([]any); ok {
		list := make([]any, len(members))
		for n, member := range members {
			object, _ := member.(map[string]any)
			text, _ := object[scim.AttrValue].(string)
			id, known := i.ids[text]
			switch {
			case !known:
				list[n] = member
			case id == "":
				return nil, "", fmt.Sprintf("the row of its member %s was not imported", text)
			default:
				list[n] = map[string]any{scim.AttrValue: id}
			}
		}
		data[scim.AttrMembers] = list
	}
	enterprise, _ := data[scim.EnterpriseUserURN].(map[string]any)
	manager, _ := enterprise[scim.AttrManager].(map[string]any)
	text, _ := manager[scim.AttrValue].(string)
	id, known := i.ids[text]
	if !known {
		return data, "", ""
	}
	copied := maps.Clone(enterprise)
	if id == "" {
		delete(copied, scim.AttrManager)
		later = text
	} else {
		copied[scim.AttrManager] = map[string]any{scim.AttrValue: id}
	}
	data[scim.EnterpriseUserURN] = copied
	return data, later, ""
}

// appoint gives users the managers who came later in the file.
func (i *Importer) appoint(ctx context.Context) error {
	b := i.newBatch()
	for _, m := range i.managers {
		id := i.ids[m.manager]
		if id == "" {
			i.fail(m.of, 0, fmt.Sprintf("the user was imported without its manager %s, because that row was not imported", m.manager))
			continue
		}
		patch := map[string]any{scim.AttrSchemas: []any{scim.PatchOpURN}, "Operations": []any{map[string]any{
			"op": "add", "path": scim.EnterpriseUserURN + ":" + scim.AttrManager, "value": map[string]any{scim.AttrValue: id},
		}}}
		if err := b.add(ctx, operation{row: m.of, method: http.MethodPatch, path: "/Users/" + m.id, data: patch}); err != nil {
			return err
		}
	}
	i.managers = nil
	return b.send(ctx)
}

func (i *Importer) succeed(r row, id string) {
	if r.id() != "" {
		i.ids[r.id()] = id
	}
	i.done++
	i.Advance(i.done+i.unsent, i.rows)
}

func (i *Importer) fail(r row, status int, reason string) {
	_, name := r.name()
	i.reportUnimported(Unimported{Line: r.line, Name: name, Status: status, Reason: reason})
	i.unsent++
	i.Advance(i.done+i.unsent, i.rows)
}
