package config

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// ErrByHand is the error for a file that a person must change, because this package does not know
// how it is written.
var ErrByHand = errors.New("the file is written in a way that this command does not change")

// TenantEntry is the place of a tenant in a file: Realms[Realm].Tenants[Index], or with Override
// Realms[Realm].Organizations.Overrides[Index]. With Override and Index -1 the organization has no
// entry yet, and the entry is created.
type TenantEntry struct {
	Realm    string
	Index    int
	Override bool
	// Organization and OrganizationID are for a new entry.
	Organization, OrganizationID string
}

// WithAccessToken returns the text of a configuration file with one more entry in accessTokens of a
// tenant. All other lines and their comments stay as they are. The caller must load the result and
// compare it, because YAML can be written in ways that this function does not know.
func WithAccessToken(data []byte, e TenantEntry, a AccessToken) ([]byte, error) {
	f, at, err := openText(data, e)
	if err != nil {
		return nil, err
	}
	item := a.Render()
	switch {
	case e.Override && e.Index < 0:
		err = f.addOverride(at, e, item)
	default:
		err = f.addTo(at, "accessTokens", []string{item})
	}
	return f.bytes(), err
}

// WithoutAccessToken returns the text without the entry of this name; see WithAccessToken. It
// removes the key with its last entry, and an override that then has no other setting and no
// comment.
func WithoutAccessToken(data []byte, e TenantEntry, name string) ([]byte, error) {
	f, at, err := openText(data, e)
	if err != nil {
		return nil, err
	}
	key, list, ok := at.pair("accessTokens")
	if !ok || list.kind != kindSequence || f.flow(list.at) {
		return nil, ErrByHand
	}
	i := slices.IndexFunc(list.items, func(n node) bool {
		_, value, _ := n.pair("name")
		return value.text == name
	})
	switch {
	case i < 0:
		return nil, ErrByHand
	case len(list.items) == 1 && e.Override && f.cutOverride(data, e):
	case len(list.items) == 1:
		f.cutKey(at, key)
	default:
		line := list.items[i].at.line
		f.cut(line, f.endOfItem(line))
	}
	return f.bytes(), nil
}

// Render returns the entry on one line.
func (a AccessToken) Render() string {
	var out []string
	for _, one := range [][2]string{
		{"name", a.Name}, {"issuer", string(a.Issuer)}, {"jwksURL", string(a.JWKSURL)}, {"clientID", a.ClientID}, {"audience", a.Audience}, {"subject", a.Subject}, {"requiredScope", a.RequiredScope},
	} {
		if one[1] != "" {
			out = append(out, one[0]+": "+strconv.Quote(one[1]))
		}
	}
	if len(a.Scopes) > 0 {
		scopes := make([]string, len(a.Scopes))
		for i, s := range a.Scopes {
			scopes[i] = strconv.Quote(string(s))
		}
		out = append(out, "scopes: ["+strings.Join(scopes, ", ")+"]")
	}
	return "{ " + strings.Join(out, ", ") + " }"
}

// text is a file as lines. The first line has the number 1.
type text struct{ lines []string }

// openText parses a file and finds the node of an entry. For a new entry it returns the node of the
// realm.
func openText(data []byte, e TenantEntry) (*text, node, error) {
	r := newReport("")
	root, ok := parse(data, r)
	if !ok || len(r.sorted()) > 0 {
		return nil, node{}, ErrByHand
	}
	_, realms, _ := root.pair("realms")
	_, at, ok := realms.pair(e.Realm)
	if !ok {
		return nil, node{}, ErrByHand
	}
	f := &text{strings.Split(string(data), "\n")}
	if e.Override && e.Index < 0 {
		return f, at, nil
	}
	_, list, _ := at.pair("tenants")
	if e.Override {
		_, of, _ := at.pair("organizations")
		_, list, _ = of.pair("overrides")
	}
	if e.Index < 0 || e.Index >= len(list.items) || list.items[e.Index].kind != kindMapping {
		return nil, node{}, ErrByHand
	}
	return f, list.items[e.Index], nil
}

// pair returns the place of a key and its value.
func (n node) pair(key string) (position, node, bool) {
	for _, p := range n.pairs {
		if p.key == key {
			return p.at, p.value, true
		}
	}
	return position{}, node{}, false
}

// addOverride adds an entry for an organization to the node of a realm.
func (f *text) addOverride(realm node, e TenantEntry, item string) error {
	key, of, ok := realm.pair("organizations")
	if !ok {
		return ErrByHand
	}
	entry := []string{"organization: " + strconv.Quote(e.Organization), "organizationID: " + strconv.Quote(e.OrganizationID), "accessTokens:", "  - " + item}
	if of.kind == kindText { // "*"
		line := []rune(f.lines[of.at.line-1])
		before, star := of.at.column-1, len(`"*"`)
		if of.at.line != key.line || before < 0 || before+star > len(line) || strings.Trim(string(line[before:before+star]), `"'`) != "*" {
			return ErrByHand
		}
		f.lines[key.line-1] = strings.TrimRight(strings.TrimRight(string(line[:before]), " ")+string(line[before+star:]), " ")
		f.insert(key.line, key.column-1, []string{"  overrides:"}, 4, entry) //nolint:mnd // below a key, and below its list
		return nil
	}
	return f.addTo(of, "overrides", entry)
}

// addTo adds an entry to the list of a key of a mapping, and adds the key when it is missing. An
// entry of several lines is keys and values.
func (f *text) addTo(of node, key string, entry []string) error {
	if of.kind != kindMapping || len(of.pairs) == 0 {
		return ErrByHand
	}
	first := of.pairs[0].at
	_, list, given := of.pair(key)
	switch {
	case given && list.kind == kindSequence && len(list.items) > 0 && f.flow(list.at):
		f.inside(list.at, inFlow(entry)+", ")
	case given && list.kind == kindSequence && len(list.items) > 0:
		indent := f.dash(list.items[0])
		f.insert(f.end(list.items[0].at.line, indent, true), indent, nil, 0, entry)
	case given:
		return ErrByHand
	case f.flow(of.at):
		f.inside(of.at, " "+key+": ["+inFlow(entry)+"],")
	default:
		f.insert(f.end(first.line, first.column-1, false), first.column-1, []string{key + ":"}, 2, entry) //nolint:mnd // below a key
	}
	return nil
}

// dash is the indentation of the dash before an entry of a list.
func (f *text) dash(item node) int {
	at := item.at
	if len(item.pairs) > 0 && !f.flow(at) {
		at = item.pairs[0].at
	}
	line := f.lines[at.line-1]
	return max(strings.LastIndexByte(line[:min(at.column-1, len(line))], '-'), 0)
}

// inFlow returns an entry between braces.
func inFlow(entry []string) string {
	if len(entry) == 1 {
		return entry[0]
	}
	var out strings.Builder
	for i, line := range entry {
		switch {
		case strings.HasPrefix(line, "  - "):
			out.WriteString(" [" + line[len("  - "):] + "]")
		case i > 0:
			out.WriteString(", " + line)
		default:
			out.WriteString(line)
		}
	}
	return "{ " + out.String() + " }"
}

// flow reports whether there is a bracket at a place.
func (f *text) flow(at position) bool {
	line := []rune(f.lines[at.line-1])
	return at.column <= len(line) && (line[at.column-1] == '{' || line[at.column-1] == '[')
}

// inside inserts a text after the bracket at a place.
func (f *text) inside(at position, what string) {
	line := []rune(f.lines[at.line-1])
	f.lines[at.line-1] = string(line[:at.column]) + what + string(line[at.column:])
}

// insert inserts lines after a line: lines at an indentation, then an entry of a list further to
// the right.
func (f *text) insert(after, indent int, lines []string, more int, entry []string) {
	blank := strings.Repeat(" ", indent)
	var out []string
	for _, line := range lines {
		out = append(out, blank+line)
	}
	mark := "- "
	for _, line := range entry {
		out = append(out, blank+strings.Repeat(" ", more)+mark+line)
		mark = "  "
	}
	if strings.HasSuffix(f.lines[after-1], "\r") {
		for i := range out {
			out[i] += "\r"
		}
	}
	f.lines = slices.Insert(f.lines, after, out...)
}

// indent is the number of blanks at the beginning of a line.
func (f *text) indent(line int) int {
	text := f.lines[line-1]
	return len(text) - len(strings.TrimLeft(text, " "))
}

// end returns the last line of a block that begins at a line with an indentation. A line with less
// indentation ends the block; in a list, so does a line with the same indentation and no dash.
// Comments and empty lines after the block do not belong to it, except comments directly below with
// the same indentation.
func (f *text) end(begin, indent int, list bool) int {
	last, comments := begin, true
	for n := begin + 1; n <= len(f.lines); n++ {
		content := strings.TrimSpace(f.lines[n-1])
		has := f.indent(n)
		switch {
		case content == "":
			comments = false
		case strings.HasPrefix(content, "#"):
			if comments && has >= indent && !list {
				last = n
			}
		case has < indent, list && has == indent && content != "-" && !strings.HasPrefix(content, "- "):
			return last
		default:
			last, comments = n, true
		}
	}
	return last
}

// endOfItem returns the last line of an entry of a list. begin is its first line.
func (f *text) endOfItem(begin int) int {
	last, indent := begin, f.indent(begin)
	for n := begin + 1; n <= len(f.lines); n++ {
		content := strings.TrimSpace(f.lines[n-1])
		if content == "" || strings.HasPrefix(content, "#") {
			continue
		}
		if f.indent(n) <= indent {
			break
		}
		last = n
	}
	return last
}

// cutKey removes a key with its list. When the dash of an entry is before the key, the next key
// gets the dash.
func (f *text) cutKey(of node, key position) {
	if of.pairs[0].at == key && len(of.pairs) > 1 && of.pairs[1].at.line > key.line {
		next := of.pairs[1].at
		f.lines[next.line-1] = f.lines[key.line-1][:key.column-1] + f.lines[next.line-1][next.column-1:]
		f.cut(key.line, next.line-1)
		return
	}
	f.cut(key.line, f.endOfKey(key))
}

// cutOverride removes an override that has only the organization and accessTokens. With the last
// override it removes the list, and organizations becomes "*" again when it had nothing else. It
// returns false and removes nothing when the override has other settings or a comment, or is
// written in a way that this package does not know.
func (f *text) cutOverride(data []byte, e TenantEntry) bool {
	_, realm, err := openText(data, TenantEntry{Realm: e.Realm, Override: true, Index: -1})
	if err != nil {
		return false
	}
	key, of, _ := realm.pair("organizations")
	overrides, list, _ := of.pair("overrides")
	item := list.items[e.Index]
	begin := item.at.line
	if f.flow(of.at) || f.flow(list.at) || f.flow(item.at) || !strings.HasPrefix(strings.TrimSpace(f.lines[begin-1]), "- ") {
		return false
	}
	end := f.endOfItem(begin)
	tokens, _, _ := item.pair("accessTokens")
	rest := slices.Concat(f.lines[begin-1:tokens.line-1], f.lines[f.endOfKey(tokens):end])
	const least = 3 // organization, organizationID, accessTokens
	if len(item.pairs) > least || strings.Contains(strings.Join(rest, ""), "#") {
		return false
	}
	switch {
	case len(list.items) > 1:
		f.cut(begin, end)
	case len(of.pairs) > 1:
		f.cutKey(of, overrides)
	default:
		line, name := f.lines[key.line-1], strings.Repeat(" ", key.column-1)+"organizations:"
		if !strings.HasPrefix(line, name) || f.endOfKey(overrides) != end {
			return false
		}
		f.lines[key.line-1] = name + ` "*"` + line[len(name):]
		f.cut(overrides.line, end)
	}
	return true
}

// endOfKey returns the last line of the list of a key. The dashes of the list may be as far to the
// left as the key.
func (f *text) endOfKey(key position) int {
	last := key.line
	for n := key.line + 1; n <= len(f.lines); n++ {
		content := strings.TrimSpace(f.lines[n-1])
		has := f.indent(n)
		switch {
		case content == "", strings.HasPrefix(content, "#"):
		case has > key.column-1, has == key.column-1 && strings.HasPrefix(content, "- "):
			last = n
		default:
			return last
		}
	}
	return last
}

// cut removes the lines from first to last.
func (f *text) cut(first, last int) { f.lines = slices.Delete(f.lines, first-1, last) }

func (f *text) bytes() []byte {
	return []byte(strings.Join(f.lines, "\n"))
}
