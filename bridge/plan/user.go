package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Joining is what a user of a tenant gets beside its account.
type Joining struct {
	Organization keycloak.OrganizationID // that admits the user; zero for none
	Groups       []keycloak.GroupID
	Roles        Roles
}

// within are the steps but the admission, for a user, or zero for the one that the plan creates.
func (j Joining) within(user keycloak.UserID, roles Plan) Plan {
	var p Plan
	for _, group := range j.Groups {
		p = append(p, AddMember{Group: group, User: user})
	}
	return append(p, roles...)
}

func (j Joining) admission(user keycloak.UserID) Plan {
	if j.Organization.IsZero() {
		return nil
	}
	return Plan{AdmitUser{Organization: j.Organization, User: user}}
}

// ForNewUser plans the creation of a user, linked to an identity provider unless link is nil. It
// tells what Keycloak will hold then, id aside. The time of creation is sent along, so that
// nobody has to ask for it. Groups are joined by id after it: a wrong path in the creation is a
// 500.
//
// Its last step makes the user the tenant's: the admission to an organization or, where there is
// none, a change that takes away the mark of an account that is not whole yet. If the bridge
// ends before, the next creation sees what is left to do.
func ForNewUser(owner mapping.Owner, s mapping.UserState, j Joining, link *keycloak.Link, now time.Time) (Plan, keycloak.User) {
	roles := j.Roles.of(owner, Holder{}, nil)
	attributes := mapping.WithRoles(s.UserAttributes(owner, nil, now), roles.after)
	enabled := s.Enabled == nil || *s.Enabled // a POST without active means active
	verified := s.EmailVerified && s.Email != ""
	created := now.Truncate(time.Millisecond)
	after := keycloak.User{
		Username: s.Username, Email: s.Email, FirstName: s.FirstName, LastName: s.LastName,
		Enabled: enabled, EmailVerified: verified, Created: created, Attributes: attributes,
	}
	step := CreateUser{&keycloak.NewUser{
		Username: s.Username, Email: s.Email, FirstName: s.FirstName, LastName: s.LastName,
		Enabled: enabled, EmailVerified: verified, Created: created, Attributes: attributes, Password: s.Password, Link: link,
	}}
	within, admission := j.within(keycloak.UserID{}, roles.steps), j.admission(keycloak.UserID{})
	if len(within) > 0 && len(admission) == 0 {
		step.User.Attributes = owner.MarkUnfinished(attributes)
		admission = Plan{UpdateUser{Update: new(fullUpdate(after))}}
	}
	return slices.Concat(Plan{step}, within, admission), after
}

// everything is an update that sets the attributes, with all fields: Keycloak clears those that
// are missing then.
func fullUpdate(u keycloak.User) keycloak.UserUpdate {
	return keycloak.UserUpdate{Attributes: u.Attributes, Username: &u.Username, Email: &u.Email, FirstName: &u.FirstName, LastName: &u.LastName}
}

// ForUser plans the change of a user and tells what Keycloak will hold then.
//
// A change of fields alone is a PUT without attributes, which cannot overwrite
// what others changed meanwhile. Any other sends all attributes as just read, with
// all fields, because Keycloak clears those that are missing then.
func ForUser(owner mapping.Owner, id keycloak.UserID, current keycloak.User, s mapping.UserState, now time.Time) (Plan, keycloak.User) {
	update, after := changedFields(current, s)
	identifies := update.Username != nil || update.Email != nil
	if !s.Password.Temporary() { // a temporary one is for the creation
		update.Password = s.Password
	}
	cleared := update.Email != nil && *update.Email == "" // see keycloak.UserUpdate
	marks := s.Marks() && update.Enabled != nil
	if cleared || marks || !s.AttributesEqual(owner, current.Attributes) {
		after.Attributes = s.UserAttributes(owner, orEmpty(current.Attributes), now)
		if marks {
			after.Attributes = owner.MarkDeactivated(after.Attributes, !*update.Enabled)
		}
		all := fullUpdate(after)
		all.EmailVerified, all.Enabled, all.Password = update.EmailVerified, update.Enabled, update.Password
		update = all
	}
	var p Plan
	if update.Enabled != nil && *update.Enabled { // a deactivation may have broken off before it ended them
		p = append(p, EndSessions{User: id})
	}
	if len(written(update)) > 0 {
		p = append(p, UpdateUser{User: id, Update: &update, Live: identifies || update.Enabled != nil || !update.Password.IsZero()})
	}
	if update.Enabled != nil && !*update.Enabled {
		p = append(p, EndSessions{User: id, Always: true})
	}
	return p, after
}

// ForUnfinished plans that an account of the tenant's own becomes its user, as a state says: one
// that left, or whose creation broke off. It tells what Keycloak will hold then.
func ForUnfinished(owner mapping.Owner, id keycloak.UserID, current keycloak.User, s mapping.UserState, j Joining, now time.Time) (Plan, keycloak.User) {
	return forUnfinished(owner, id, current, s, nil, j, now)
}

// forUnfinished is ForUnfinished with further steps beside the account. Keycloak may refuse what an
// account shall be, so that comes first: else a refused request would leave somebody links, groups and
// roles. The account is marked until all is done, and gets its access with the last step.
func forUnfinished(owner mapping.Owner, id keycloak.UserID, current keycloak.User, s mapping.UserState, beside Plan, j Joining, now time.Time) (Plan, keycloak.User) {
	roles := j.Roles.of(owner, Holder{User: id}, current.Attributes)
	within, admission := slices.Concat(beside, j.within(id, roles.steps)), j.admission(id)
	if len(within) == 0 && (len(admission) == 0 || !s.IsAdopted()) {
		p, after := ForUser(owner, id, current, s, now)
		return append(live(p), admission...), after
	}
	making := s.Unfinished()
	if s.Enabled != nil && *s.Enabled {
		making.Enabled = nil
	}
	first, held := ForUser(owner, id, current, making, now)
	first, held = recordUser(id, first, held, roles.before)
	done := s.Owned()
	done.Password = keycloak.UserPassword{} // it has it by then
	last, after := ForUser(owner, id, held, done, now)
	last, after = recordUser(id, last, after, roles.after)
	return slices.Concat(live(first), within, admission, live(last)), after
}

// live has who has the account looked at before each update of a plan: it may have changed while nobody of the
// tenant looked.
func live(p Plan) Plan {
	for i, s := range p {
		if update, is := s.(UpdateUser); is {
			update.Live = true
			p[i] = update
		}
	}
	return p
}

// changedFields compares the fields. Names of users of a federation keep their
// case, so user names and addresses are compared without it.
func changedFields(current keycloak.User, s mapping.UserState) (keycloak.UserUpdate, keycloak.User) {
	var update keycloak.UserUpdate
	after := current
	if !strings.EqualFold(current.Username, s.Username) {
		after.Username = s.Username
		update.Username = &after.Username
	}
	if !strings.EqualFold(current.Email, s.Email) {
		after.Email, after.EmailVerified = s.Email, s.EmailVerified && s.Email != ""
		update.Email, update.EmailVerified = &after.Email, &after.EmailVerified
	}
	if current.FirstName != s.FirstName {
		after.FirstName = s.FirstName
		update.FirstName = &after.FirstName
	}
	if current.LastName != s.LastName {
		after.LastName = s.LastName
		update.LastName = &after.LastName
	}
	if s.Enabled != nil && *s.Enabled != mapping.Enabled(current) {
		enabled := *s.Enabled
		after.Enabled, after.Attributes = enabled, mapping.WithoutLock(current.Attributes)
		update.Enabled = &enabled
	}
	return update, after
}

// ForAdopted plans that an account becomes the tenant's own, changed to a state and linked to an
// identity provider unless link is nil. It tells what Keycloak will hold then.
func ForAdopted(owner mapping.Owner, id keycloak.UserID, current keycloak.User, s mapping.UserState, link *keycloak.Link, j Joining, now time.Time) (Plan, keycloak.User) {
	return forUnfinished(owner, id, current, s.Adopted(), linking(id, link), j, now)
}

// linking links a user to an identity provider, unless link is nil.
func linking(id keycloak.UserID, link *keycloak.Link) Plan {
	if link == nil {
		return nil
	}
	return Plan{LinkUser{User: id, Link: *link}}
}

// ForRehired plans that an account which the tenant deactivated, or which left it, becomes the tenant's user
// again, as ForAdopted does. It leaves groups that it was in, and no session of the time before goes on.
func ForRehired(owner mapping.Owner, id keycloak.UserID, current keycloak.User, s mapping.UserState, link *keycloak.Link, leave Plan, j Joining, now time.Time) (Plan, keycloak.User) {
	var beside Plan
	if mapping.Enabled(current) { // else they end when it is enabled
		beside = Plan{EndSessions{User: id}}
	}
	return forUnfinished(owner, id, current, s.Owned(), slices.Concat(beside, leave, linking(id, link)), j, now)
}

// End is what becomes of an account that is no longer a user of its tenant.
type End struct {
	Disable bool // it is disabled, and its sessions end
	Leave   bool // it is marked as one that left
	Mark    bool // it says that the tenant disabled it
}

// ForLeaving plans that an account of the tenant's own stays and is no longer its user,
// as its end says. It tells what Keycloak will hold then.
func ForLeaving(owner mapping.Owner, id keycloak.UserID, current keycloak.User, end End, now time.Time) (Plan, keycloak.User) {
	var update keycloak.UserUpdate
	after := current
	if end.Disable && mapping.Enabled(current) {
		after.Enabled, after.Attributes = false, mapping.WithoutLock(current.Attributes)
		update.Enabled = &after.Enabled
	}
	switch {
	case end.Leave:
		update.Attributes = owner.Depart(current.Attributes, now)
	case end.Mark && update.Enabled != nil:
		update.Attributes = owner.MarkDeactivated(after.Attributes, true)
	}
	if update.Attributes != nil {
		after.Attributes = update.Attributes
		update.Username, update.Email = &current.Username, &current.Email
		update.FirstName, update.LastName = &current.FirstName, &current.LastName
	}
	var p Plan
	if len(written(update)) > 0 {
		p = append(p, UpdateUser{User: id, Update: &update, Live: true})
	}
	if end.Disable {
		p = append(p, EndSessions{User: id, Always: true})
	}
	return p, after
}

// ForReleasedUser plans that an account is no tenant's any more.
func ForReleasedUser(id keycloak.UserID, current keycloak.User) Plan {
	current.Attributes = mapping.Release(current.Attributes)
	return Plan{UpdateUser{User: id, Update: new(fullUpdate(current))}}
}

// ForDeletedUser plans the deletion of a user.
func ForDeletedUser(id keycloak.UserID) Plan {
	return Plan{DeleteUser{id}}
}
