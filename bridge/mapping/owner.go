package mapping

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Owner is a tenant as an owner of users and groups. An account has one owner: the tenant that
// created it. To every other tenant the account is foreign. Such a tenant reads the fields that say
// who the user is, does not write these fields, and stores everything else in its own remainder.
type Owner struct {
	Key          string // of the tenant; marks what the tenant stores
	Organization bool   // the tenant of an organization, which owns only accounts that it created
	Shared       bool   // whether other tenants have users of the realm
}

// Ownership says what a tenant may change of an account.
type Ownership int

const (
	// Foreign says that the tenant does not own the account. It keeps its own record beside the account.
	Foreign Ownership = iota
	// Managed says that no tenant owns the account, and that it belongs to the tenant's organization in Keycloak.
	// The user is a member of the type MANAGED, by a first login through the organization's
	// identity provider or by an invitation. The tenant may change the account, but not its user
	// name, its address or its password, because Keycloak also marks older accounts that a first
	// login linked.
	Managed
	// Owned says that the tenant created the account or took it over.
	Owned
)

// Ownership returns what the tenant may change of an account. An account without an owner belongs
// to every tenant of the whole realm.
func (o Owner) Ownership(u keycloak.User) Ownership {
	switch {
	case !o.Shared && !o.Organization, slices.Contains(u.Attributes[AttrOwner], o.Key):
		return Owned
	case !Unowned(u.Attributes):
		return Foreign
	case !o.Organization:
		return Owned
	case u.Managed:
		return Managed
	}
	return Foreign
}

// Closes reports whether the tenant ends the access of a user whose account another tenant owns. It
// does so when the account belongs to the tenant's organization in Keycloak (see Managed), because
// such an account ends with its membership. The tenant does not enable the account, because its
// owner may have disabled it.
func (o Owner) Closes(u keycloak.User) bool {
	return o.Organization && u.Managed && o.Ownership(u) == Foreign
}

// flags reports whether a user can be inactive only for this tenant: another tenant owns the
// account and is responsible for it.
func (o Owner) flags(u keycloak.User) bool {
	return o.Ownership(u) == Foreign && len(Owners(u.Attributes)) > 0 && !o.Closes(u)
}

// Owns reports whether the tenant created an account or took it over, or has the same rights over
// it.
func (o Owner) Owns(u keycloak.User) bool { return o.Ownership(u) == Owned }

// OwnsGroup reports whether the tenant created a group or took it over. A group without an owner
// belongs to no tenant, not even to a tenant of the whole realm.
func (o Owner) OwnsGroup(g keycloak.Group) bool {
	return slices.Contains(g.Attributes[AttrOwner], o.Key) || !o.Shared && !o.Organization && !Unowned(g.Attributes)
}

// Made reports whether the tenant created the user or group with some attributes, and did not take
// it over.
func (o Owner) Made(attributes map[string][]string) bool {
	owners := attributes[AttrOwner]
	return slices.Contains(owners, o.Key) && !o.Adopted(attributes)
}

// adoptedMark begins a second owner value. It says that the tenant whose key follows took the
// resource over, so that the adoption can be undone.
const adoptedMark = "adopted|"

// AdoptedMark returns the owner value by which Keycloak finds what the tenant took over.
func (o Owner) AdoptedMark() string { return adoptedMark + o.Key }

// Adopted reports whether the tenant took over a user or a group with some attributes.
func (o Owner) Adopted(attributes map[string][]string) bool {
	return slices.Contains(attributes[AttrOwner], o.AdoptedMark())
}

// Release returns the attributes of a user or group that no longer belongs to a tenant.
func Release(attributes map[string][]string) map[string][]string {
	out := WithoutLock(attributes)
	delete(out, AttrOwner)
	return out
}

// owners returns the owner values of a resource that the tenant owns from this write on; adopted says
// that the tenant adopts it.
func (o Owner) owners(current map[string][]string, adopted bool) []string {
	return o.marked(current, o.Key, adopted)
}

// marked returns an owner value, and the mark of an adoption if the tenant adopted the resource.
func (o Owner) marked(current map[string][]string, owner string, adopted bool) []string {
	if adopted || o.Adopted(current) {
		return []string{owner, o.AdoptedMark()}
	}
	return []string{owner}
}

// departedMark begins the owner value of a resource that left the tenant whose key follows. No other
// tenant owns the resource. When the tenant creates a resource of the same name, it uses this one again.
const departedMark = "left|"

// DepartedMark returns the owner value by which Keycloak finds the users and groups that left the
// tenant.
func (o Owner) DepartedMark() string { return departedMark + o.Key }

// Departed reports whether a user or group with some attributes left the tenant.
func (o Owner) Departed(attributes map[string][]string) bool {
	return slices.Contains(attributes[AttrOwner], o.DepartedMark())
}

// unfinishedMark begins a second owner value of a user or group whose creation has not finished. The
// tenant's next creation with the same name, or its next change, resumes the creation.
const unfinishedMark = "making|"

// Unfinished reports whether the tenant's creation of a user or group with some attributes was
// interrupted.
func (o Owner) Unfinished(attributes map[string][]string) bool {
	return slices.Contains(attributes[AttrOwner], unfinishedMark+o.Key)
}

// MarkUnfinished returns the attributes of a new user or group until its creation has finished.
func (o Owner) MarkUnfinished(attributes map[string][]string) map[string][]string {
	out := maps.Clone(attributes)
	out[AttrOwner] = []string{o.Key, unfinishedMark + o.Key}
	return out
}

// deactivatedMark begins a further owner value of an account that the tenant whose key follows
// deactivated. An account that an administrator disabled has no such value.
const deactivatedMark = "deactivated|"

// EndedAccess reports whether the tenant deactivated its own user with some attributes, and marked
// this.
func (o Owner) EndedAccess(attributes map[string][]string) bool {
	return slices.Contains(attributes[AttrOwner], deactivatedMark+o.Key)
}

// MarkDeactivated returns the attributes of the tenant's own user, with or without the mark that
// the tenant deactivated the user.
func (o Owner) MarkDeactivated(attributes map[string][]string, deactivated bool) map[string][]string {
	out, mark := maps.Clone(attributes), deactivatedMark+o.Key
	out[AttrOwner] = without(out[AttrOwner], mark)
	if deactivated {
		out[AttrOwner] = append(out[AttrOwner], mark)
	}
	return out
}

// Depart returns the attributes of a user or group of the tenant after it left the tenant.
func (o Owner) Depart(attributes map[string][]string, stamp time.Time) map[string][]string {
	out := maps.Clone(attributes)
	delete(out, attrDisabledReason)
	out[AttrOwner], out[AttrModified] = o.marked(attributes, o.DepartedMark(), false), []string{stamp.UTC().Format(stampFormat)}
	return out
}

// Unowned reports whether a user or group with some attributes has no owner.
func Unowned(attributes map[string][]string) bool { return len(attributes[AttrOwner]) == 0 }

// Owners returns the keys of the tenants that own a user or group with some attributes: tenants
// that created it or took it over, and that it has not left.
func Owners(attributes map[string][]string) []string {
	var out []string
	for _, value := range attributes[AttrOwner] {
		if !strings.Contains(value, "|") {
			out = append(out, value)
		}
	}
	return out
}

// FormerOwner returns the key of the tenant that owns a user or group with some attributes, or that
// it left; "" for no tenant.
func FormerOwner(attributes map[string][]string) string {
	for _, value := range attributes[AttrOwner] {
		if key := strings.TrimPrefix(value, departedMark); !strings.Contains(key, "|") {
			return key
		}
	}
	return ""
}

// wrote reports whether a client of the tenant wrote an account with some attributes: the tenant
// owns the account, or the account holds something from the client.
func (o Owner) wrote(attributes map[string][]string) bool {
	return slices.Contains(attributes[AttrOwner], o.Key) || o.hasOwn(attributes[AttrRemainder]) || o.hasOwn(attributes[AttrKey])
}

func (o Owner) hasOwn(values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return strings.HasPrefix(v, o.Key+"|") })
}

// own returns the values that belong to the tenant.
func (o Owner) own(values []string) []string { return o.split(values, true) }

// foreign returns the values that do not belong to the tenant. A write keeps them.
func (o Owner) foreign(values []string) []string { return o.split(values, false) }

func (o Owner) split(values []string, own bool) []string {
	var out []string
	for _, value := range values {
		if strings.HasPrefix(value, o.Key+"|") == own {
			out = append(out, value)
		}
	}
	return out
}

// foreignRules are the rules for reading the document of a foreign account: the rules of fields.
func (k kind) foreignRules() []*rule {
	var out []*rule
	for _, r := range k.rules {
		if r.field {
			out = append(out, r)
		}
	}
	return out
}

// ForeignState is UserState for an account that the tenant does not own: the present values of the
// account, and everything else in the remainder, as the owner's account would show it. answered
// says that another tenant is responsible for the account when its user becomes inactive. A document
// that would change the account gives a *scim.Error that names the attributes.
func (m *Mapping) ForeignState(o Owner, u keycloak.User, doc scim.Document, answered bool) (UserState, error) {
	s, err := m.UserState(o, doc)
	if err != nil {
		return UserState{}, err
	}
	stored, err := readRemainder(o.Key, u.ID, u.Attributes[AttrRemainder])
	if err != nil {
		return UserState{}, err
	}
	differing := m.differing(u, s)
	flag, ok := o.inactiveFor(u, stored[scim.AttrActive] == false, s.Enabled, answered)
	if !ok {
		differing = append(differing, scim.AttrActive)
	}
	switch {
	case !ok && !answered:
		return UserState{}, o.notAnswered(u, differing)
	case len(differing) > 0:
		return UserState{}, notOwner(u, differing)
	}
	rest, err := m.foreignRemainder(o, s)
	if err != nil {
		return UserState{}, err
	}
	if flag {
		rest[scim.AttrActive] = false
	}
	out := UserState{
		Username: strings.ToLower(u.Username), Email: u.Email, FirstName: u.FirstName, LastName: u.LastName,
		Dropped: s.Dropped, key: s.key, foreign: true,
	}
	if o.Closes(u) && s.Enabled != nil && !*s.Enabled {
		out.Enabled = s.Enabled
	}
	emails := rest.Values(scim.AttrEmails)
	err = out.keep(rest, emails, foreignEmails(emails, s.Email))
	return out, err
}

// LeftOpen reports whether the tenant's client deactivated the user of an account that the tenant
// does not own, and the account is enabled.
func (o Owner) LeftOpen(u keycloak.User) bool { return o.Deactivated(u) && !o.Owns(u) }

// Deactivated reports whether the tenant's client deactivated the user of an enabled account. Only
// the tenant's mark shows this.
func (o Owner) Deactivated(u keycloak.User) bool {
	stored, err := readRemainder(o.Key, u.ID, u.Attributes[AttrRemainder])
	return err == nil && stored[scim.AttrActive] == false && Enabled(u)
}

// notAnswered refuses to deactivate the user of an account that had an owner, when no tenant would
// close the account.
func (o Owner) notAnswered(u keycloak.User, names []string) *scim.Error {
	remedy := "ask the operator to let this endpoint take the account over first"
	switch {
	case u.FederationLink != "": // no tenant can take it over
		remedy = "ask for the user to be disabled where the account comes from"
	case o.Organization && !u.EmailVerified:
		remedy = "ask the operator to verify the account's address in Keycloak, and to let this endpoint take the account over"
	}
	if o.Organization {
		remedy = "end the membership with DELETE, or " + remedy
	}
	return scim.Forbidden(code.NotOwned, "nothing was changed: the endpoint that owned the user's account is gone or no longer has the user. The account would stay open, so this endpoint cannot change its %s; %s", strings.Join(names, ", "), remedy)
}

// notOwner refuses a change of an account that the tenant does not own.
func notOwner(u keycloak.User, names []string) *scim.Error {
	list, verified := strings.Join(names, ", "), ""
	if !u.EmailVerified { // the adoption would be refused
		verified = "switch on Email verified in Keycloak, once you know whose account it is, and "
	}
	switch {
	case u.FederationLink != "" && Unowned(u.Attributes):
		return scim.Forbidden(code.NotOwned, "nothing was changed: the user's account comes from a user federation of the realm, and this endpoint cannot change its %s. Send them as they are, or change them where the account comes from; DELETE ends the membership", list)
	case !Unowned(u.Attributes):
		return scim.Forbidden(code.NotOwned, "nothing was changed: this endpoint did not create the user's account and cannot change its %s. Send them as they are, or change them where the account comes from", list)
	case u.Managed:
		return scim.Forbidden(code.NotOwned, "nothing was changed: this endpoint did not create the user's account and cannot change its %s. Send them as they are and change the rest, or ask the operator to let this endpoint take the account over first", list)
	}
	return scim.Forbidden(code.NotOwned, "nothing was changed: no endpoint owns the user's account, so this endpoint cannot change its %s; end the membership with DELETE, or ask the operator to %slet this endpoint take the account over first", list, verified)
}

// KeepsIdentifiers refuses a state that would change the identifiers of an account that is Managed.
func KeepsIdentifiers(u keycloak.User, s UserState) error {
	if differing := Identifiers(u, s); len(differing) > 0 {
		return notOwner(u, differing)
	}
	return nil
}

// KeepIdentifiers replaces some attributes of a document by what is shown, and removes a password.
// Of the e-mail addresses it replaces only the primary address.
func KeepIdentifiers(names []string, shown, doc scim.Document) {
	for _, name := range names {
		value, had := shown[name]
		if name == scim.AttrEmails && had {
			value = withFurther(shown.Values(name), doc.Values(name))
		}
		delete(doc, name)
		if had {
			doc[name] = value
		}
	}
	delete(doc, scim.AttrPassword)
}

// withFurther returns e-mails with the further e-mails of others, unless another address would
// become the primary one.
func withFurther(emails, others []any) []any {
	if at := primaryEmail(others); at >= 0 {
		others = slices.Delete(slices.Clone(others), at, at+1)
	}
	all := mergeList(emails, others)
	if splitEmails(all).primary != splitEmails(emails).primary {
		return emails
	}
	return all
}

// KeepAccount adds the attributes that say who a user is to a document that leaves them out.
func (m *Mapping) KeepAccount(shown, doc scim.Document) {
	for _, name := range []string{scim.AttrUserName, scim.AttrEmails} {
		if value, had := shown[name]; had && doc[name] == nil {
			doc[name] = value
		}
	}
	for _, r := range m.foreign.rules {
		if value := r.at.get(shown); value != nil && r.at.get(doc) == nil {
			r.at.set(doc, value)
		}
	}
}

// Identifiers returns the attributes by which a state would change who the account belongs to:
// names, address, password.
func Identifiers(u keycloak.User, s UserState) []string {
	var out []string
	for name, differs := range map[string]bool{
		scim.AttrUserName: !strings.EqualFold(s.Username, u.Username),
		scim.AttrEmails:   !strings.EqualFold(s.Email, u.Email),
		scim.AttrPassword: !s.Password.IsZero() && !s.Password.Temporary(),
	} {
		if differs {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// differing returns the attributes of the account itself that a state would change.
func (m *Mapping) differing(u keycloak.User, s UserState) []string {
	out := Identifiers(u, s)
	add := func(name string, differs bool) {
		if differs {
			out = append(out, name)
		}
	}
	for _, r := range m.foreign.rules {
		held := map[string]string{FieldFirstName: u.FirstName, FieldLastName: u.LastName}[r.target]
		sent := map[string]string{FieldFirstName: s.FirstName, FieldLastName: s.LastName}[r.target]
		add(r.path.String(), held != sent)
	}
	return out
}

// inactiveFor returns whether the user is inactive only for the tenant; was says whether that was
// so before. ok is false for a request that would enable a disabled account, or leave open an
// account for which no tenant answers.
func (o Owner) inactiveFor(u keycloak.User, was bool, active *bool, answered bool) (flag, ok bool) {
	was = was && o.flags(u)
	switch {
	case active == nil:
		return was, true
	case *active:
		return false, Enabled(u)
	case !Enabled(u), o.Closes(u):
		return was, true
	}
	return true, answered && o.flags(u)
}

// foreignRemainder returns what the tenant's own account would show, without what the account has.
func (m *Mapping) foreignRemainder(o Owner, s UserState) (scim.Document, error) {
	shown, err := m.UserResource(Owner{Key: o.Key}, keycloak.User{
		Username: s.Username, Email: s.Email, FirstName: s.FirstName, LastName: s.LastName, Enabled: true,
		Attributes: s.UserAttributes(o, nil, time.UnixMilli(0)),
	})
	if err != nil {
		return nil, err
	}
	rest := shown.Document
	delete(rest, scim.AttrActive)
	if s.Remainder[scim.AttrUserName] == nil { // its spelling comes from the account
		delete(rest, scim.AttrUserName)
	}
	for _, r := range m.foreign.rules {
		r.at.remove(rest)
	}
	return rest, nil
}

// foreignEmails returns all addresses, with entries for the remainder that contain everything
// except the account's address.
func foreignEmails(emails []any, primary string) emailState {
	s := emailState{primary: primary}
	for _, email := range emails {
		object, _ := email.(map[string]any)
		at := atNowhere
		if primary != "" && strings.ToLower(address(object)) == primary {
			at = atPrimary
		}
		s.entries = append(s.entries, entry(at, object))
	}
	return s
}
