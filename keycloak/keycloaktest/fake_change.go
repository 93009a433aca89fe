package keycloaktest

import (
	"net/http"
	"slices"
	"strings"
)

// change is the change of a user's profile by a body: the new fields, and the attributes when the body has attributes.
type change struct {
	username, email, first, last string

	attributes map[string][]string // of the names in replaced
	replaced   []string
}

var (
	fieldNames = []string{"username", "email", "firstName", "lastName"}
	// reserved are read-only even for administrators, without regard to case.
	reserved = []string{"kerberos_principal", "ldap_id", "ldap_entry_dn", "created_timestamp", "createtimestamp", "modifytimestamp"}
)

// draft collects a change and the complaints about it.
type draft struct {
	realm    *realm
	profile  *profile
	old      *user // nil for a creation
	given    map[string]string
	input    map[string][]string // nil when the body has no attributes
	problems []fieldError
}

// prepare makes a change of a body, or the error that Keycloak answers.
func (r *realm) prepare(old *user, object map[string]any) (change, error) {
	d := &draft{realm: r, profile: r.profileOf(old), old: old, given: map[string]string{}, input: userAttributes(object)}
	for _, name := range fieldNames {
		value, ok, err := text(object, name)
		if err != nil {
			return change{}, err
		}
		if ok {
			d.given[name] = value
		}
		delete(d.input, name) // a field is never taken from the attributes
	}
	var out change
	var err error
	out.email = strings.ToLower(d.field("email"))
	out.first, out.last = d.field("firstName"), d.field("lastName")
	if out.username, err = d.username(out.email); err != nil {
		return change{}, err
	}
	d.attributes(&out)
	if err := d.duplicates(out); err != nil {
		return change{}, err
	}
	d.validate(out)
	return out, d.verdict()
}

func (u *user) field(name string) string {
	return map[string]string{"username": u.username, "email": u.email, "firstName": u.first, "lastName": u.last}[name]
}

// field is the new value of an e-mail or a name. When the body has attributes, an absent field is cleared.
func (d *draft) field(name string) string {
	old := ""
	if d.old != nil {
		old = d.old.field(name)
	}
	value, given := d.given[name]
	if blank(value) {
		value = ""
	}
	if declared := d.profile.declared(name); declared != nil && !declared.writable() {
		if given && d.old != nil && !strings.EqualFold(value, old) {
			d.complain(complaint(name, "error-user-attribute-read-only"))
		}
		return old
	}
	if !given && d.input == nil {
		return old
	}
	if name == "email" && given && value == "" && d.realm.isMember(d.old) {
		d.complain(complaint(name, "Email not set")) // an absent field is cleared
	}
	return value
}

// isMember reports whether a user is a member of any organization.
func (r *realm) isMember(u *user) bool {
	for _, o := range r.organizations {
		if u != nil && slices.Contains(o.members, u.id) {
			return true
		}
	}
	return false
}

func (d *draft) complain(c ...fieldError) { d.problems = append(d.problems, c...) }

func (d *draft) username(email string) (string, error) {
	missing := message(http.StatusBadRequest, "User name is missing")
	name, given := d.given["username"]
	name = strings.ToLower(name)
	editable := d.old == nil || d.realm.flag("editUsernameAllowed")
	switch {
	case d.realm.flag("registrationEmailAsUsername"):
		if email == "" {
			d.complain(complaint("email", "error-user-attribute-required"))
		}
		return email, nil
	case given && blank(name), !given && d.old == nil, !given && editable && d.input != nil:
		return "", missing
	case !given, d.old != nil && d.old.serviceOf != "":
		return d.old.username, nil
	case !editable && name != d.old.username:
		if d.realm.userNamed(name) != nil {
			return "", message(http.StatusConflict, "User exists with same username")
		}
		d.complain(complaint("username", "error-user-attribute-read-only"))
		return d.old.username, nil
	}
	return name, nil
}

// attributes keeps the attributes that the realm stores. It drops the others silently, unless that would change a
// declared attribute that is read-only.
func (d *draft) attributes(out *change) {
	if d.input == nil {
		return
	}
	old := map[string][]string{}
	if d.old != nil {
		old = d.old.values()
	}
	out.attributes = map[string][]string{}
	for name, values := range d.input {
		switch declared := d.profile.declared(name); {
		case d.profile.writable(name):
			out.attributes[name] = values
		case declared != nil && d.old != nil && !sameValues(old[name], values):
			d.complain(complaint(name, "error-user-attribute-read-only"))
		}
		if d.profile.writes() && slices.Contains(reserved, strings.ToLower(name)) {
			d.complain(complaint(name, "updateReadOnlyAttributesRejectedMessage"))
		}
	}
	for name := range old {
		if d.profile.writable(name) {
			out.replaced = append(out.replaced, name)
		}
	}
	for name := range out.attributes {
		if !slices.Contains(out.replaced, name) {
			out.replaced = append(out.replaced, name)
		}
	}
	slices.Sort(out.replaced)
}

// sameValues ignores the order: Keycloak does not store a change of the order only.
func sameValues(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// duplicates are reported before all complaints, the e-mail before the name.
func (d *draft) duplicates(out change) error {
	other := func(u *user) bool { return u != nil && u != d.old }
	login := d.realm.flag("loginWithEmailAllowed") // then a user name must differ from every address, and an address from every user name
	if !d.realm.flag("duplicateEmailsAllowed") && (other(d.realm.userWithEmail(out.email)) || login && other(d.realm.userNamed(out.email))) {
		return message(http.StatusConflict, "User exists with same email")
	}
	if other(d.realm.userNamed(out.username)) || login && other(d.realm.userWithEmail(out.username)) {
		return message(http.StatusConflict, "User exists with same username")
	}
	return nil
}

// validate checks the whole user after the change, also values that the body does not name: a stored value that breaks
// the profile blocks every update.
func (d *draft) validate(out change) {
	values := out.attributes
	if d.input == nil && d.old != nil {
		values = d.old.values()
	}
	fields := map[string]string{"username": out.username, "email": out.email, "firstName": out.first, "lastName": out.last}
	for i := range d.profile.Attributes {
		a := &d.profile.Attributes[i]
		if field, ok := fields[a.Name]; ok {
			d.complain(a.check(slices.DeleteFunc([]string{field}, blank))...)
		} else if a.writable() {
			d.complain(a.check(values[a.Name])...)
		}
	}
	for name, list := range values {
		if d.profile.declared(name) == nil && d.profile.writes() {
			undeclared := declared{Name: name, MultiValued: true}
			d.complain(undeclared.check(list)...)
		}
	}
}

// verdict makes one error of the complaints. When nothing else is wrong, names that are too long for the database break
// Keycloak.
func (d *draft) verdict() error {
	slices.SortStableFunc(d.problems, func(a, b fieldError) int { return strings.Compare(a.Field, b.Field) })
	switch len(d.problems) {
	case 0:
	case 1:
		return fail(http.StatusBadRequest, d.problems[0])
	default:
		return fail(http.StatusBadRequest, map[string]any{"errors": d.problems})
	}
	for name := range d.input {
		if d.profile.writable(name) && units(name) > maxColumn {
			return broke()
		}
	}
	return nil
}

// maxColumn is how many characters a column holds; one character more gives a 500.
const maxColumn = 255
