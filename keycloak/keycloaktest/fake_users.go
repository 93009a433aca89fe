package keycloaktest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// show is the representation of a user. Fields without a value are left out.
func (r *realm) show(u *user, brief bool, access map[string]bool) map[string]any {
	out := map[string]any{
		"id": u.id, "username": u.username, "emailVerified": u.verified, "enabled": u.enabled, "createdTimestamp": u.created,
	}
	for name, value := range map[string]string{"email": u.email, "firstName": u.first, "lastName": u.last} {
		if value != "" {
			out[name] = value
		}
	}
	if access != nil {
		out["access"] = access
	}
	if brief {
		return out
	}
	out["totp"], out["disableableCredentialTypes"], out["notBefore"] = false, []string{}, u.notBefore
	out["requiredActions"] = append([]string{}, u.actions...)
	attributes := u.values()
	for name := range attributes {
		if !r.profileOf(u).visible(name) {
			delete(attributes, name)
		}
	}
	if len(attributes) > 0 {
		out["attributes"] = attributes
	}
	return out
}

func readUser(c *call) (reply, error) {
	u := c.realm.users[c.path("id")]
	if u == nil {
		return reply{}, noUser()
	}
	may := c.caller.may(manageUsers)
	return found(c.realm.show(u, false, map[string]bool{
		"manageGroupMembership": may, "resetPassword": may, "view": true, "mapRoles": may, "impersonate": c.caller.super, "manage": may,
	}))
}

func createUser(c *call) (reply, error) {
	object, err := c.object("UserRepresentation", userFields)
	if err != nil {
		return reply{}, err
	}
	if object == nil {
		return reply{}, broke()
	}
	change, err := c.realm.prepare(nil, object)
	if err != nil {
		return reply{}, err
	}
	c.between()
	switch {
	case c.realm.userNamed(change.username) != nil:
		return reply{}, message(http.StatusConflict, "User exists with same username or email")
	case !c.realm.flag("duplicateEmailsAllowed") && c.realm.userWithEmail(change.email) != nil:
		return reply{}, raced()
	}
	u := &user{actions: slices.Clone(c.realm.firstActions)}
	if n, ok := object["createdTimestamp"].(json.Number); ok {
		if u.created, err = n.Int64(); err != nil {
			return reply{}, notJSON("unknown_error")
		}
	}
	if err := c.fill(u, object); err != nil {
		return reply{}, err
	}
	c.f.store(u, change, change.replaced, nil)
	c.realm.addUser(u)
	return reply{status: http.StatusCreated, location: c.f.server.URL + c.r.URL.EscapedPath() + "/" + u.id}, nil
}

// fill sets the fields that are not in the profile.
func (c *call) fill(u *user, object map[string]any) error {
	for name, target := range map[string]*bool{"enabled": &u.enabled, "emailVerified": &u.verified} {
		value, ok, err := boolean(object, name)
		if err != nil {
			return err
		}
		if ok {
			*target = value
		}
	}
	if list, ok := object["requiredActions"].([]any); ok {
		u.actions = slices.DeleteFunc(texts(list), func(a string) bool { return !strings.Contains(requiredActions, " "+a+" ") })
	}
	if err := u.setPassword(object["credentials"]); err != nil {
		return err
	}
	if u.id == "" {
		if err := c.link(u, object["federatedIdentities"]); err != nil {
			return err
		}
		return c.join(u, object["groups"])
	}
	return nil
}

const requiredActions = " UPDATE_PASSWORD VERIFY_EMAIL UPDATE_PROFILE CONFIGURE_TOTP VERIFY_PROFILE "

func (u *user) setPassword(credentials any) error {
	list, _ := credentials.([]any)
	for _, one := range list {
		object, _ := one.(map[string]any)
		value, _, err := text(object, "value")
		if err != nil {
			return err
		}
		if value == "" {
			return notModelled("empty password, which Keycloak takes and then cannot check")
		}
		u.password = value
		if temporary, _, _ := boolean(object, "temporary"); temporary {
			u.actions = append(u.actions, "UPDATE_PASSWORD")
		}
	}
	return nil
}

// join adds the groups of a new user, given as paths. A wrong path breaks Keycloak.
func (c *call) join(u *user, groups any) error {
	if groups == nil {
		return nil
	}
	for _, path := range texts(groups) {
		found := false
		for _, g := range c.realm.groups {
			if c.realm.groupPath(g) == "/"+strings.TrimPrefix(path, "/") {
				u.groups, found = append(u.groups, g.id), true
			}
		}
		if !found {
			return broke()
		}
	}
	return nil
}

// changed are the attributes that a change writes. An attribute whose values only change their order is left out.
func (u *user) changed(ch change) []string {
	old := u.values()
	return slices.DeleteFunc(slices.Clone(ch.replaced), func(name string) bool {
		return sameValues(old[name], ch.attributes[name])
	})
}

// rowsOf are the rows that a transaction has seen and will delete.
func (u *user) rowsOf(names []string) (numbers []int) {
	for _, r := range u.attributes {
		if slices.Contains(names, r.name) {
			numbers = append(numbers, r.number)
		}
	}
	return numbers
}

// store is the second half of a transaction. Rows that another transaction wrote in the meantime stay, so that parallel
// updates duplicate values.
func (f *Fake) store(u *user, ch change, changed []string, doomed []int) {
	u.username, u.email, u.first, u.last = ch.username, ch.email, ch.first, ch.last
	u.attributes = slices.DeleteFunc(u.attributes, func(r row) bool { return slices.Contains(doomed, r.number) })
	for _, name := range changed {
		for _, value := range ch.attributes[name] {
			f.lastRow++
			u.attributes = append(u.attributes, row{number: f.lastRow, name: name, value: value})
		}
	}
}

func updateUser(c *call) (reply, error) {
	u := c.realm.users[c.path("id")]
	if u == nil {
		return reply{}, noUser()
	}
	object, err := c.object("UserRepresentation", userFields)
	if err != nil {
		return reply{}, err
	}
	if object == nil {
		return reply{}, message(http.StatusBadRequest, "Could not update user!")
	}
	change, err := c.realm.prepare(u, object)
	if err != nil {
		return reply{}, err
	}
	changed := u.changed(change)
	doomed := u.rowsOf(changed)
	c.between()
	if c.realm.users[u.id] == nil {
		return reply{}, broke()
	}
	if err := c.fill(u, object); err != nil {
		return reply{}, err
	}
	delete(c.realm.named, u.username)
	c.f.store(u, change, changed, doomed)
	c.realm.named[u.username] = u
	return done()
}

// deleteUser answers parallel deletions with a 500, except the first.
func deleteUser(c *call) (reply, error) {
	u := c.realm.users[c.path("id")]
	if u == nil {
		return reply{}, noUser()
	}
	c.between()
	if c.realm.users[u.id] == nil {
		return reply{}, broke()
	}
	c.realm.removeUser(u)
	return done()
}
