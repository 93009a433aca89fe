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

// UserState is what Keycloak must store of a user, as far as the bridge owns it.
type UserState struct {
	Username  string // in lower case, as Keycloak stores it
	Email     string // in lower case; "" for no address
	FirstName string
	LastName  string
	Enabled   *bool // nil: unchanged

	EmailVerified bool // of a new address

	// Password is the password that the client sent, if the mapping accepts passwords.
	Password keycloak.UserPassword

	// Attributes are the mapped attributes without the remainder. A nil value says that the
	// attribute must be absent.
	Attributes map[string][]string
	Remainder  map[string]any
	text       string // of the remainder
	unwritten  string // the same, for an account that no client of the tenant wrote
	key        string // look-up key of the externalId, or ""

	// foreign says that the tenant does not own the account.
	foreign bool
	// owned says that the tenant owns the account from this write on, adopted that the account had no
	// owner before.
	owned, adopted bool
	// making says that the account's creation or adoption has not finished.
	making bool
	// marking says that the account must show whether the tenant deactivated it.
	marking bool

	// Dropped names the attributes that the mapping leaves out (unmapped: drop).
	Dropped []string
}

// ownAttributes is roughly how many attributes a state has besides the attributes of the rules.
const ownAttributes = 4

// UserState maps a document of a User, for an account that the tenant owns. A value that cannot be
// stored gives a *scim.Error that names the attribute.
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

// keep stores the rest of a document in a state, with the entries of its e-mails. The entries
// depend on whether a client wrote the account. An account that stores something of the rest counts
// as written by a client.
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

// textIn returns the text of the remainder in an account with some attributes.
func (s UserState) textIn(o Owner, attributes map[string][]string) string {
	if s.owned || slices.Contains(attributes[AttrOwner], o.Key) {
		return s.text
	}
	return s.unwritten
}

// extractUserName leaves the spelling in the rest when Keycloak would lose it.
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

// maxKey limits scim.key; a longer key could not be stored.
const maxKey = maxUserValue

// extractExternalID leaves the externalId in the rest for an organization, because another
// organization may have the user with another externalId.
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
		return scim.BadRequest(scim.CodeTooLong, scim.InvalidValue, "externalId is too long: escaped for a URL it can have at most %d bytes", maxKey-len(o.Key)-2)
	}
	return nil
}

// extractText removes a simple attribute from rest and returns its value, if Keycloak can store it.
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

// UserResource maps a user of Keycloak to a resource, as the tenant sees it. An incomplete
// remainder is a *DamagedError.
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
	if o.flags(u) { // the tenant keeps its own flag
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

// attrDisabledReason is what Keycloak adds to the representation of a user that its brute-force
// protection locked out. It is not an attribute of the user.
const attrDisabledReason = "disabledReason"

// Enabled returns whether a user is enabled. Keycloak shows a locked-out user as disabled, whatever
// the stored flag is. Here such a user counts as enabled. A client that sends the document back
// unchanged therefore does not disable the user after the lock ends, and a request to deactivate the
// user still works.
func Enabled(u keycloak.User) bool {
	return u.Enabled || Locked(u)
}

// Locked reports whether Keycloak's brute-force protection locked the user out.
func Locked(u keycloak.User) bool {
	return len(u.Attributes[attrDisabledReason]) > 0
}

// WithoutLock returns the attributes of a user after its enabled flag was written.
func WithoutLock(attributes map[string][]string) map[string][]string {
	out := maps.Clone(attributes)
	delete(out, attrDisabledReason)
	return out
}

// heldByUser returns the values of a rule's target.
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

// latest returns the time of the last change from the attribute, but not earlier than the creation.
func latest(created time.Time, values []string) time.Time {
	out := created
	for _, value := range values {
		if t, err := time.Parse(time.RFC3339Nano, value); err == nil && t.After(out) {
			out = t
		}
	}
	return out
}

// UserAttributes returns all attributes of a user for a POST (current is nil) or a PUT: the present
// attributes, with the mapped attributes of the state. The tenant that creates the user is its
// owner. stamp is the time of the change.
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

// Owned returns the state of an account whose owner is the tenant from this write on.
func (s UserState) Owned() UserState {
	s.owned = true
	return s
}

// Adopted returns the state of an account that the tenant adopts with this write.
func (s UserState) Adopted() UserState {
	s.owned, s.adopted = true, true
	return s
}

// IsAdopted reports whether Adopted made the state.
func (s UserState) IsAdopted() bool { return s.adopted }

// Unfinished returns the state of an account whose creation or adoption takes several steps, before
// the last step.
func (s UserState) Unfinished() UserState {
	s.owned, s.making = true, true
	return s
}

// Marking returns the state of an account that the tenant owns and that must show whether the tenant
// deactivated it.
func (s UserState) Marking() UserState {
	s.marking = true
	return s
}

// Marks reports whether Marking made the state.
func (s UserState) Marks() bool { return s.marking }

func (s UserState) keys() []string {
	if s.key == "" {
		return nil
	}
	return []string{s.key}
}

// marks returns the value of scim.guest for the tenant, once the tenant has stored something about
// a foreign account.
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
