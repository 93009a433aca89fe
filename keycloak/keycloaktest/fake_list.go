package keycloaktest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func listUsers(c *call) (reply, error) {
	users, whole, err := c.search()
	if err != nil {
		return reply{}, err
	}
	if !whole {
		if users, err = page(c, users, 100); err != nil {
			return reply{}, err
		}
	}
	if !c.caller.may(viewUsers, manageUsers) {
		users = nil // query-users by itself shows no user
	}
	brief, _ := c.query("briefRepresentation")
	out := []any{}
	for _, u := range users {
		out = append(out, c.realm.show(u, brief == "true", map[string]bool{"manage": c.caller.may(manageUsers)}))
	}
	return found(out)
}

func countUsers(c *call) (reply, error) {
	users, _, err := c.search()
	if err != nil {
		return reply{}, err
	}
	return found(len(users))
}

// page cuts a page out of a list. limit is the default of max; a negative max means no bound.
func page[T any](c *call, list []T, limit int) ([]T, error) {
	first, err := c.number("first", 0)
	if err != nil {
		return nil, err
	}
	if limit, err = c.number("max", limit); err != nil {
		return nil, err
	}
	list = list[min(max(0, first), len(list)):]
	if limit >= 0 {
		list = list[:min(limit, len(list))]
	}
	return list, nil
}

func (c *call) number(name string, absent int) (int, error) {
	value, ok := c.query(name)
	if !ok || value == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return 0, badNumber()
	}
	return int(n), nil
}

// search finds users as Keycloak does: search takes precedence over all other criteria. Without a criterion and with
// search, service accounts are left out. whole says that the answer has no pages.
func (c *call) search() (users []*user, whole bool, err error) {
	alias, byAlias := c.query("idpAlias")
	linked, byID := c.query("idpUserId")
	if byAlias && byID {
		return filter(c.realm.sortedUsers(), func(u *user) bool { return u.linkedTo(alias, linked) }), false, nil
	}
	for _, name := range []string{"idpAlias", "idpUserId", "createdAfter", "createdBefore"} {
		if _, ok := c.query(name); ok {
			return nil, false, notModelled("parameter " + name)
		}
	}
	if text, ok := c.query("search"); ok {
		if ids, ok := strings.CutPrefix(text, "id:"); ok && slices.ContainsFunc(strings.Fields(ids), brokenID) {
			return nil, false, notJSON("unknown_error")
		}
		if users, ok := c.realm.lookUp(text); ok {
			return users, true, nil
		}
		return filter(c.realm.sortedUsers(), func(u *user) bool { return u.serviceOf == "" && u.matchesTerms(text) }), false, nil
	}
	q, _ := c.query("q")
	fields, err := parseQuery(q)
	if err != nil {
		return nil, false, err
	}
	criteria := criteria{exact: c.r.URL.Query().Get("exact"), fields: map[string]string{}, attributes: map[string]string{}}
	criteria.take(c.r.URL.Query(), fields)
	if !criteria.any(c.r.URL.Query()) {
		return filter(c.realm.sortedUsers(), func(u *user) bool { return u.serviceOf == "" }), false, nil
	}
	return filter(c.realm.sortedUsers(), criteria.match), false, nil
}

func filter[T any](list []T, keep func(T) bool) []T {
	return slices.DeleteFunc(list, func(v T) bool { return !keep(v) })
}

// lookUp answers search=id:, username: and email: with several values between blanks. The users come in the order of
// the values, and as often as they are named.
func (r *realm) lookUp(search string) (out []*user, ok bool) {
	kind, rest, _ := strings.Cut(search, ":")
	find := map[string]func(string) *user{
		"id": func(id string) *user { return r.users[id] }, "username": r.userNamed, "email": r.userWithEmail,
	}[kind]
	if find == nil {
		return nil, false
	}
	for word := range strings.FieldsSeq(rest) {
		if u := find(word); u != nil {
			out = append(out, u)
		}
	}
	return out, true
}

// matchesTerms answers search=. Each term must be the beginning of a name, with * for anything, or the whole name when
// it is in quotes.
func (u *user) matchesTerms(search string) bool {
	for term := range strings.FieldsSeq(strings.ToLower(search)) {
		fits := func(value string) bool { return like(escapeLike(term)+"%", strings.ToLower(value)) }
		if len(term) >= 2 && term[0] == '"' && term[len(term)-1] == '"' {
			fits = func(value string) bool { return strings.ToLower(value) == term[1:len(term)-1] }
		}
		if !slices.ContainsFunc([]string{u.username, u.email, u.first, u.last}, fits) {
			return false
		}
	}
	return true
}

// criteria are the parameters that must all match.
type criteria struct {
	exact      string // "", "true" or "false", each with its own meaning
	fields     map[string]string
	attributes map[string]string
}

var fieldParameters = []string{"username", "email", "firstName", "lastName", "enabled", "emailVerified"}

// take sorts the pairs of q: a pair with the name of a field is a criterion for the field.
func (k *criteria) take(parameters url.Values, q map[string]string) {
	for _, name := range fieldParameters {
		if parameters.Has(name) {
			k.fields[name] = parameters.Get(name)
		}
	}
	for name, value := range q {
		if slices.Contains(fieldParameters, name) {
			k.fields[name] = value
		} else {
			k.attributes[name] = value
		}
	}
}

func (k *criteria) any(parameters url.Values) bool {
	return parameters.Has("exact") || len(k.fields)+len(k.attributes) > 0
}

func (k *criteria) match(u *user) bool {
	for name, value := range k.fields {
		switch name {
		case "enabled", "emailVerified":
			if (value == "true") != map[string]bool{"enabled": u.enabled, "emailVerified": u.verified}[name] {
				return false
			}
		default:
			if !k.fieldFits(u.field(name), value) {
				return false
			}
		}
	}
	values := u.values()
	for name, value := range k.attributes {
		if !slices.ContainsFunc(values[name], func(v string) bool { return k.attributeFits(v, value) }) {
			return false
		}
	}
	return true
}

// fieldFits compares a field: any part of it with SQL wildcards, unless exact. An empty value matches everything.
func (k *criteria) fieldFits(have, want string) bool {
	have, want = strings.ToLower(have), strings.ToLower(want)
	if want == "" {
		return true
	}
	if k.exact == "true" {
		return have == want
	}
	return like("%"+want+"%", have)
}

// attributeFits compares an attribute: the whole value, unless exact is false.
func (k *criteria) attributeFits(have, want string) bool {
	if k.exact == "false" && units(have) <= maxColumn { // Keycloak has only a hash of longer values
		return strings.Contains(strings.ToLower(have), strings.ToLower(want))
	}
	return strings.EqualFold(have, want)
}

// escapeLike makes an SQL pattern of a pattern with *.
func escapeLike(text string) string {
	return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`, "*", "%").Replace(text)
}

// like is SQL's LIKE with \ as escape.
func like(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	switch {
	case len(p) == 0:
		return len(t) == 0
	case p[0] == '%':
		for i := range len(t) + 1 {
			if like(string(p[1:]), string(t[i:])) {
				return true
			}
		}
		return false
	case len(t) == 0:
		return false
	case p[0] == '\\' && len(p) > 1:
		return p[1] == t[0] && like(string(p[2:]), string(t[1:]))
	}
	return (p[0] == '_' || p[0] == t[0]) && like(string(p[1:]), string(t[1:]))
}

// parseQuery reads q: pairs "name:value" between blanks, each part optionally in quotes. \" is a quote. A doubled
// backslash vanishes, a single one stays, and one at the end breaks Keycloak. A text without a colon is ignored.
func parseQuery(q string) (map[string]string, error) {
	pairs := map[string]string{}
	s := queryScanner{text: []rune(strings.TrimSpace(q))}
	for s.at < len(s.text) {
		name := s.word(true)
		if s.at < len(s.text) && s.text[s.at] == ':' {
			s.at++
			pairs[name] = s.word(false)
		}
		s.at++
	}
	if s.broken {
		return nil, broke()
	}
	return pairs, nil
}

type queryScanner struct {
	text   []rune
	at     int
	broken bool
}

// word reads up to a blank outside of quotes. A name also ends at any colon.
func (s *queryScanner) word(name bool) string {
	var out strings.Builder
	quoted, inner := false, false
	for ; s.at < len(s.text); s.at++ {
		r := s.text[s.at]
		switch {
		case name && r == ':', r == ' ' && !quoted:
			return out.String()
		case r == '\\':
			if s.at+1 == len(s.text) {
				s.broken = true
				return ""
			}
			switch s.text[s.at+1] {
			case '"':
				s.at++
				r = '"'
			case '\\':
				s.at++
				continue
			}
		case r == '"' && inner:
			inner = false
		case r == '"' && !quoted && out.Len() > 0:
			inner = true
		case r == '"':
			quoted = !quoted
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func created(location string, body any) (reply, error) {
	return reply{status: http.StatusCreated, location: location, body: body}, nil
}
