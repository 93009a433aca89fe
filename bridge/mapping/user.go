package mapping

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// UserState is what Keycloak shall hold of a user, as far as the bridge owns it.
type UserState struct {
	Username  string // in lower case, as Keycloak stores it
	Email     string // in lower case; "" for none
	FirstName string
	LastName  string
	Enabled   *bool // nil: as it is

	EmailVerified bool // of an address that is new

	// Password is the one that the client sent, where the mapping takes it.
	Password keycloak.UserPassword

	// Attributes are the mapped attributes apart from the remainder. A nil value says
	// that the attribute shall be absent.
	Attributes map[string][]string
	Remainder  map[string]any
	text       string // of the remainder
	unwritten  string // likewise, in an account that no client of the tenant wrote
	key        string // the look-up key of the externalId; "" for none

	// foreign says that the account is not the tenant's own.
	foreign bool
	// owned says that the account becomes the tenant's own, adopted that nobody owned it before.
	owned, adopted bool
	// making says that what makes it so is not over yet.
	making bool
	// marking says that the account shall say whether the tenant deactivated it.
	marking bool

	// Dropped names what the mapping leaves out (unmapped: drop).
	Dropped []string
}

// ownAttributes is about how many attributes a state has beside those of the rules.
const ownAttributes = 4

// UserState maps a document of a User for an account that is the tenant's own. What cannot be
// stored is a *scim.Error that names the attribute.
func (m *Mapping) UserState(o Owner, doc scim.Document) (UserState, error) {
	rest := m.users.copied(doc)
	s := UserState{Attributes: make(map[string][]string, len(m.users.rules)+ownAttributes), EmailVerified: m.EmailVerified}
	if m.Password != config.PasswordIgnore {
		s.Password = keycloak.NewUserPassword(rest.String(scim.AttrPassword), m.Password == config.PasswordInitial)
	}
	delete(rest, scim.AttrPassword)
	err := m.users.derive(rest)
	if err != nil {
		return UserState{}, err
	}
	if s.Username, err = m.extractUserName(rest); err != nil {
		return UserState{}, err
	}
	if active, ok := rest[scim.AttrActive].(bool); ok {
		s.Enabled = &active
		delete(rest, scim.AttrActive)
	}
	sent := rest.Values(scim.AttrEmails)
	emails := splitEmails(sent)
	s.Email, s.Attributes[AttrEmails] = emails.primary, emails.further
	delete(rest, scim.AttrEmails)
	if err := s.extractExternalID(o, m.users.externalID, rest); err != nil {
		return UserState{}, err
	}
	taken, err := m.users.extract(rest)
	if err != nil {
		return UserState{}, err
	}
	for _, t := range taken {
		switch t.rule.target {
		case FieldFirstName:
			s.FirstName = first(t.values)
		case FieldLastName:
			s.LastName = first(t.values)
		default:
			s.Attributes[t.rule.target] = t.values
		}
	}
	if s.Dropped, err = m.users.judge(rest); err != nil {
		return UserState{}, err
	}
	err = s.keep(rest, sent, emails)
	return s, err
}

// keep has a state keep the rest of a document, with the entries of its e-mails. An account that
// no client wrote needs other entries than one that a client did, and is one that a client wrote
// when it gets something of the rest.
func (s *UserState) keep(rest scim.Document, sent []any, emails emailState) error {
	delete(rest, scim.AttrEmails)
	written := emails.entriesFor(sent, true)
	others := emails.entriesFor(sent, len(rest) > 0 || s.key != "")
	putOrDelete(rest, scim.AttrEmails, others)
	var err error
	if s.unwritten, err = encodeRemainder(rest, maxUserRemainder); err != nil {
		return err
	}
	putOrDelete(rest, scim.AttrEmails, written)
	s.Remainder, s.text = rest, s.unwritten
	if len(written) != len(others) {
		s.text, err = encodeRemainder(rest, maxUserRemainder)
	}
	return err
}

// textIn is the text of the remainder in an account with some attributes.
func (s UserState) textIn(o Owner, attributes map[string][]string) string {
	if s.owned || slices.Contains(attributes[AttrOwner], o.Key) {
		return s.text
	}
	return s.unwritten
}

// takeUserName leaves the spelling in the rest where Keycloak would lose it.
func (m *Mapping) extractUserName(rest scim.Document) (string, error) {
	values, err := m.users.userName.in([]string{rest.String(scim.AttrUserName)})
	if err != nil {
		return "", scim.BadRequest(scim.CodeValue, scim.InvalidValue, "%s %s", scim.AttrUserName, detail(err))
	}
	stored := scim.PrepareUserName(values[0])
	spelled := m.shownUserName(values[0])
	delete(rest, scim.AttrUserName)
	if spelled != m.shownUserName(stored) {
		rest[scim.AttrUserName] = spelled
	}
	return stored, nil
}

func (m *Mapping) shownUserName(stored string) string {
	return first(m.users.userName.out([]string{stored}))
}

// maxKey bounds scim.key; a longer one could not be stored.
const maxKey = maxUserValue

// takeExternalID leaves the externalId in the rest for an organization: another one may have
// the user too, under another externalId.
func (s *UserState) extractExternalID(o Owner, attribute string, rest scim.Document) error {
	id := rest.String(scim.AttrExternalID)
	if !o.Organization {
		s.Attributes[attribute] = extractText(rest, scim.AttrExternalID)
	}
	if id == "" {
		return nil
	}
	var ok bool
	if s.key, ok = LookupKey(o.Key, id); !ok {
		return scim.BadRequest(scim.CodeTooLong, scim.InvalidValue, "externalId is too long: escaped for a URL it may take %d bytes", maxKey-len(o.Key)-2)
	}
	return nil
}

// takeText moves a simple attribute out of the rest when Keycloak can hold it.
func extractText(rest scim.Document, name string) []string {
	text := rest.String(name)
	if !storable(text) {
		return nil
	}
	delete(rest, name)
	return []string{text}
}

func putOrDelete(rest scim.Document, name string, values []any) {
	if len(values) == 0 {
		delete(rest, name)
	} else {
		rest[name] = values
	}
}

// UserResource maps a user of Keycloak to a resource, as the tenant sees it. A remainder that
// cannot be read whole is a *DamagedError.
func (m *Mapping) UserResource(o Owner, u keycloak.User) (scim.Resource, error) {
	ownership := o.Ownership(u)
	k, further, active := m.users, u.Attributes[AttrEmails], Enabled(u)
	if ownership == Foreign {
		k, further = m.foreign, nil
	}
	doc, err := k.rest(o.Key, u.ID, u.Attributes[AttrRemainder])
	if err != nil {
		return scim.Resource{}, err
	}
	if spelled := doc.String(scim.AttrUserName); spelled == "" || !strings.EqualFold(m.StoredUserName(spelled), u.Username) {
		doc[scim.AttrUserName] = m.shownUserName(u.Username)
	}
	if o.flags(u) { // the tenant keeps a flag of its own
		active = active && doc[scim.AttrActive] != false
	}
	doc[scim.AttrActive] = active
	entries := doc.Values(scim.AttrEmails)
	putOrDelete(doc, scim.AttrEmails, joinEmails(strings.ToLower(u.Email), further, entries, o.wrote(u.Attributes)))
	if k.externalID != "" && !o.Organization {
		renderText(doc, scim.AttrExternalID, u.Attributes[k.externalID])
	}
	if err := k.render(doc, u.ID, func(r *rule) []string { return heldByUser(u, r) }); err != nil {
		return scim.Resource{}, err
	}
	return scim.Resource{
		ID: u.ID, Document: m.User.Gather(doc), Created: u.Created,
		Modified: latest(u.Created, u.Attributes[AttrModified]),
	}, nil
}

// attrDisabledReason is what Keycloak adds to a user whom its brute-force
// protection locked out; it is no attribute of the user.
const attrDisabledReason = "disabledReason"

// Enabled is the enabled flag of a user. Keycloak shows a locked-out user as
// disabled whatever the stored flag; such a user counts as enabled, so that a
// client's echo of the document cannot disable it for good, while asking to
// deactivate it still does.
func Enabled(u keycloak.User) bool {
	return u.Enabled || Locked(u)
}

// Locked reports whether Keycloak's brute-force protection locked the user out.
func Locked(u keycloak.User) bool {
	return len(u.Attributes[attrDisabledReason]) > 0
}

// WithoutLock are the attributes of a user once its enabled flag was written.
func WithoutLock(attributes map[string][]string) map[string][]string {
	out := maps.Clone(attributes)
	delete(out, attrDisabledReason)
	return out
}

// heldByUser are the values of a rule's target.
func heldByUser(u keycloak.User, r *rule) []string {
	field := ""
	switch r.target {
	case FieldFirstName:
		field = u.FirstName
	case FieldLastName:
		field = u.LastName
	default:
		return u.Attributes[r.target]
	}
	if field == "" {
		return nil
	}
	return []string{field}
}

func renderText(doc scim.Document, name string, values []string) {
	if len(values) > 0 {
		doc[name] = values[0]
	}
}

// latest is the time of the last change: what the attribute says, but not before
// the creation.
func latest(created time.Time, values []string) time.Time {
	out := created
	for _, value := range values {
		if t, err := time.Parse(time.RFC3339Nano, value); err == nil && t.After(out) {
			out = t
		}
	}
	return out
}

// UserAttributes are all attributes of a user for a POST (current is nil) or a PUT:
// those it has, with the mapped ones as the state says. The owner is who creates it.
// stamp is the time of the change.
func (s UserState) UserAttributes(o Owner, current map[string][]string, stamp time.Time) map[string][]string {
	out := overlay(current, s.Attributes)
	delete(out, attrDisabledReason)
	if current == nil || s.owned {
		out[AttrOwner] = o.owners(current, s.adopted)
	}
	if s.making {
		out[AttrOwner] = append(out[AttrOwner], unfinishedMark+o.Key)
	}
	setOrDelete(out, AttrRemainder, append(o.foreign(current[AttrRemainder]), pieces(o.Key, s.textIn(o, out), stamp, maxUserValue)...))
	setOrDelete(out, AttrKey, append(o.foreign(current[AttrKey]), s.keys()...))
	setOrDelete(out, AttrGuest, append(without(current[AttrGuest], o.Key), s.marks(o, current)...))
	out[AttrModified] = []string{stamp.UTC().Format(stampFormat)}
	return out
}

// Owned is the state of an account that becomes the tenant's own with it.
func (s UserState) Owned() UserState {
	s.owned = true
	return s
}

// Adopted is the state of an account that the tenant takes over with it.
func (s UserState) Adopted() UserState {
	s.owned, s.adopted = true, true
	return s
}

// IsAdopted reports whether the state is one of Adopted.
func (s UserState) IsAdopted() bool { return s.adopted }

// Making is the state of an account that becomes the tenant's own by several steps, as long as they
// go on.
func (s UserState) Unfinished() UserState {
	s.owned, s.making = true, true
	return s
}

// Marking is the state of an account of the tenant's own that shall say whether the tenant deactivated it.
func (s UserState) Marking() UserState {
	s.marking = true
	return s
}

// Marks reports whether the state is one of Marking.
func (s UserState) Marks() bool { return s.marking }

func (s UserState) keys() []string {
	if s.key == "" {
		return nil
	}
	return []string{s.key}
}

// marks say that the tenant keeps something of an account that is not its own, or did.
func (s UserState) marks(o Owner, current map[string][]string) []string {
	keeps := s.key != "" || s.textIn(o, current) != ""
	if !s.foreign || !keeps && !slices.Contains(current[AttrGuest], o.Key) {
		return nil
	}
	return []string{o.Key}
}

func without(values []string, gone string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == gone })
}

// AttributesEqual reports whether a user's attributes hold the state already.
func (s UserState) AttributesEqual(o Owner, current map[string][]string) bool {
	marked := slices.Contains(current[AttrGuest], o.Key)
	return !s.owned && marked == (len(s.marks(o, current)) > 0) && sameValues(o.own(current[AttrKey]), s.keys()) &&
		attributesEqual(o.Key, s.Attributes, s.textIn(o, current), current)
}
