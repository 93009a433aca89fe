package transfer

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// row is a resource of a file that is imported.
type row struct {
	line     int    // where it begins, from 1
	key      string // of its content: rows with equal content have equal keys
	endpoint string // of its type: "/Users" or "/Groups"
	object   map[string]any
}

// id is the id by which other rows refer to this row, or "".
func (r row) id() string {
	id, _ := r.object[scim.AttrID].(string)
	return id
}

// name is the attribute that names a resource of its type, and its value.
func (r row) name() (attribute, value string) {
	attribute = scim.AttrUserName
	if r.endpoint == "/Groups" {
		attribute = scim.AttrDisplayName
	}
	value, _ = r.object[attribute].(string)
	return attribute, value
}

// newRow makes a row of an object. The row is a user, unless the object says that it is a group or has a displayName
// and no userName.
func newRow(line int, object map[string]any) (row, error) {
	spell(object)
	r := row{line: line, endpoint: "/Users", object: object}
	schemas, _ := object[scim.AttrSchemas].([]any)
	_, user := object[scim.AttrUserName].(string)
	_, group := object[scim.AttrDisplayName].(string)
	if slices.Contains(schemas, any(scim.GroupURN)) || group && !user && !slices.Contains(schemas, any(scim.UserURN)) {
		r.endpoint = "/Groups"
	}
	if attribute, value := r.name(); strings.TrimSpace(value) == "" {
		return row{}, fmt.Errorf("it has no %s", attribute)
	}
	data, err := scim.Encode(object)
	if err != nil {
		return row{}, err
	}
	sum := sha256.Sum256(data)
	r.key = hex.EncodeToString(sum[:16])
	return r, nil
}

// spell gives the attributes that an import reads the names of the RFCs, because clients may write names in any case.
// An object never has two names that differ in case only.
func spell(object map[string]any) {
	for _, name := range []string{
		scim.AttrSchemas, scim.AttrID, scim.AttrMeta, scim.AttrGroups, scim.AttrUserName, scim.AttrDisplayName, scim.AttrMembers, scim.EnterpriseUserURN, scim.AttrManager, scim.AttrValue,
	} {
		for spelled, value := range object {
			if spelled != name && strings.EqualFold(spelled, name) {
				delete(object, spelled)
				object[name] = value
			}
		}
	}
	for _, name := range []string{scim.AttrMembers, scim.EnterpriseUserURN, scim.AttrManager} {
		switch value := object[name].(type) {
		case map[string]any:
			spell(value)
		case []any:
			for _, element := range value {
				if inner, ok := element.(map[string]any); ok {
					spell(inner)
				}
			}
		}
	}
}

// maxRow bounds a row, in bytes.
const maxRow = 16 << 20

// readRows reads a file of JSON lines or CSV. It passes each malformed row to bad. An error concerns the file as a
// whole.
func readRows(in io.Reader, format string, each func(row) error, bad func(line int, why error)) error {
	if format == FormatCSV {
		return readCSV(in, each, bad)
	}
	reader := bufio.NewReaderSize(in, 64<<10) //nolint:mnd // bytes
	for line := 1; ; line++ {
		data, err := readLine(reader)
		if text := bytes.TrimSpace(data); len(text) > 0 {
			object, wrong := scim.Decode(text)
			var r row
			if wrong == nil {
				r, wrong = newRow(line, object)
			}
			switch {
			case wrong != nil:
				bad(line, wrong)
			default:
				if err := each(r); err != nil {
					return err
				}
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// readLine reads a line of at most maxRow bytes.
func readLine(from *bufio.Reader) (line []byte, err error) {
	for {
		part, err := from.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxRow {
			return nil, fmt.Errorf("it is longer than %d bytes", maxRow)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// readCSV reads rows below a line with the paths of attributes. An empty cell sets nothing.
func readCSV(in io.Reader, each func(row) error, bad func(line int, why error)) error {
	reader := csv.NewReader(in)
	head, err := reader.Read()
	if err != nil {
		return fmt.Errorf("line 1 has to name the attributes: %w", err)
	}
	columns := make([]column, len(head))
	for i, text := range head {
		if columns[i], err = newColumn(strings.TrimPrefix(text, "\ufeff")); err != nil { // spreadsheets begin a file with a byte order mark
			return fmt.Errorf("line 1, column %d: %w", i+1, err)
		}
	}
	for {
		cells, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if parse, ok := errors.AsType[*csv.ParseError](err); ok {
			bad(parse.StartLine, parse.Err)
			if errors.Is(err, csv.ErrFieldCount) {
				continue
			}
			return fmt.Errorf("line %d: nothing after it can be read: %w", parse.Line, parse.Err)
		}
		if err != nil {
			return err
		}
		line, _ := reader.FieldPos(0)
		object := map[string]any{}
		var wrong error
		for i, c := range columns {
			if wrong == nil && cells[i] != "" {
				wrong = c.put(object, cells[i])
			}
		}
		var r row
		if wrong == nil {
			r, wrong = newRow(line, object)
		}
		if wrong != nil {
			bad(line, wrong)
		} else if err := each(r); err != nil {
			return err
		}
	}
}

// column is the target of the cells in a column.
type column struct {
	text string
	path filter.Path
}

// newColumn reads the path of an attribute, of any schema.
func newColumn(text string) (column, error) {
	path, err := filter.ParsePath(strings.TrimSpace(text), scim.UserType())
	if err != nil {
		return column{}, err
	}
	if selected, ok := path.Filter.(*filter.Compare); path.Filter != nil && (!ok || selected.Op != filter.Eq) {
		return column{}, fmt.Errorf("%q: brackets can have one comparison with eq", text)
	}
	return column{text, path}, nil
}

// put sets the attribute of an object to the value of a cell. A cell that begins with [ or { is JSON.
func (c column) put(object map[string]any, cell string) error {
	value, err := c.value(cell)
	if err != nil {
		return fmt.Errorf("%s: %w", c.text, err)
	}
	p := c.path.Attr
	if p.URN != "" && !strings.EqualFold(p.URN, scim.UserURN) {
		inner, _ := object[p.URN].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
			object[p.URN] = inner
		}
		object = inner
	}
	if sub := c.sub(); sub != "" {
		c.holder(object)[sub] = value
	} else {
		object[p.Name] = value
	}
	return nil
}

// sub is the name of the sub-attribute, or "".
func (c column) sub() string { return cmp.Or(c.path.Sub, c.path.Attr.Sub) }

// holder is the complex value that has the sub-attribute: the value that the brackets select, the first value of a
// multi-valued attribute, or the single value.
func (c column) holder(object map[string]any) map[string]any {
	p := c.path.Attr
	if c.path.Filter == nil && (p.Attr == nil || !p.Attr.MultiValued) {
		holder, _ := object[p.Name].(map[string]any)
		if holder == nil {
			holder = map[string]any{}
			object[p.Name] = holder
		}
		return holder
	}
	list, _ := object[p.Name].([]any)
	selected, _ := c.path.Filter.(*filter.Compare)
	for _, element := range list {
		if holder, ok := element.(map[string]any); ok && (selected == nil || holder[selector(selected)] == selected.Value) {
			return holder
		}
	}
	holder := map[string]any{}
	if selected != nil {
		holder[selector(selected)] = selected.Value
	}
	object[p.Name] = append(list, holder)
	return holder
}

// selector is the sub-attribute that the brackets compare.
func selector(selected *filter.Compare) string { return cmp.Or(selected.Path.Sub, selected.Path.Name) }

func (c column) value(cell string) (any, error) {
	leaf := c.path.Attr.Attr
	if c.sub() != "" {
		leaf = cmp.Or(c.path.SubAttr, c.path.Attr.SubAttr)
	}
	switch {
	case cell[0] == '[' || cell[0] == '{':
		return decodeCell(cell)
	case leaf != nil && leaf.Type == scim.TypeBoolean:
		value, err := strconv.ParseBool(strings.ToLower(cell))
		if err != nil {
			return nil, fmt.Errorf("%q is neither true nor false", cell)
		}
		return value, nil
	case leaf != nil && leaf.Type == scim.TypeComplex && leaf.Sub(scim.AttrValue) == nil:
		return nil, errors.New("it has sub-attributes: name one of them, such as name.givenName")
	case leaf != nil && leaf.Type == scim.TypeComplex && leaf.MultiValued: // an address in the column emails
		return []any{map[string]any{scim.AttrValue: cell}}, nil
	case leaf != nil && leaf.Type == scim.TypeComplex:
		return map[string]any{scim.AttrValue: cell}, nil
	case leaf != nil && leaf.MultiValued:
		return []any{cell}, nil
	}
	return cell, nil
}

// decodeCell reads JSON. Several objects with commas between them, as users list prints them, are an array.
func decodeCell(cell string) (any, error) {
	text := cell
	if cell[0] == '{' {
		text = "[" + cell + "]"
	}
	object, err := scim.Decode([]byte(`{"cell":` + text + `}`))
	if err != nil {
		return nil, errors.New("it begins like JSON, but is not JSON")
	}
	list, _ := object["cell"].([]any)
	if cell[0] == '{' && len(list) == 1 {
		return list[0], nil
	}
	return list, nil
}
