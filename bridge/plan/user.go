package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Joining is what a user of a tenant gets besides the account.
type Joining struct {
	Organization keycloak.OrganizationID // the organization that the user becomes a member of; zero for no organization
	Groups       []keycloak.GroupID
	Roles        Roles
}

// within returns the steps except the admission to the organization. A zero user is the user that
// the plan creates.
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
// returns the user as Keycloak will store it, without the id. The plan sends the time of creation,
// so that no call has to ask for it. Groups are joined by their ids after the creation, because
// Keycloak answers 500 to a wrong path in the creation.
//
// The last step makes the user the tenant's. It is the admission to an organization or, without an
// organization, a change that removes the mark of an incomplete account. If the bridge stops
// before, the next creation sees what is left to do.
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

// fullUpdate returns an update that sets the attributes and all fields, because with attributes
// Keycloak clears missing fields.
func fullUpdate(u keycloak.User) keycloak.UserUpdate {
	return keycloak.UserUpdate{Attributes: u.Attributes, Username: &u.Username, Email: &u.Email, FirstName: &u.FirstName, LastName: &u.LastName}
}

// ForUser plans the change of a user, and returns the user as Keycloak will store it.
//
// A change of fields only is a PUT without attributes, so it cannot overwrite what others changed
// meanwhile. Any other change sends all attributes that were just read, and all fields, because
// Keycloak then clears missing fields.
func ForUser(owner mapping.Owner, id keycloak.UserID, current keycloak.User, s mapping.UserState, now time.Time) (Plan, keycloak.User) {
	update, after := changedFields(current, s)
	identifies := update.Username != nil || update.Email != nil
	if !s.Password.Temporary() { // a temporary password is only for the creation
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
	if update.Enabled != nil && *update.Enabled { // an earlier deactivation may have failed before it ended the sessions
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

// ForUnfinished plans that an account of the tenant becomes its user with a state, after the account
// left the tenant (rehire) or its creation broke off (resume). It returns the user as Keycloak will
// store it.
func ForUnfinished(owner mapping.Owner, id keycloak.UserID, current keycloak.User, s mapping.UserState, j Joining, now time.Time) (Plan, keycloak.User) {
	return forUnfinished(owner, id, current, s, nil, j, now)
}

// forUnfinished is ForUnfinished with further steps besides the account. The account is changed
// first, because Keycloak may refuse the change: otherwise a refused request would leave links,
// groups and roles behind. The account is marked until all steps are done, and gets its access with
// the last step.
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
	done.Password = keycloak.UserPassword{} // the first update has set the password
	last, after := ForUser(owner, id, held, done, now)
	last, after = recordUser(id, last, after, roles.after)
	return slices.Concat(live(first), within, admission, live(last)), after
}

// live marks each update of a plan as Live: the rights of the account may have changed while it did
// not belong to the tenant.
func live(p Plan) Plan {
	for i, s := range p {
		if update, is := s.(UpdateUser); is {
			update.Live = true
			p[i] = update
		}
	}
	return p
}

// changedFields compares the fields. It ignores case in user names and addresses, because names of
// users of a federation keep their case.
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

// ForAdopted plans that the tenant adopts an account, changes it to a state, and links it to an
// identity provider unless link is nil. It returns the user as Keycloak will store it.
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

// ForRehired plans that an account is a user of the tenant again, after the tenant deactivated the
// account or the account left the tenant. The user is removed from its old groups, and its old
// sessions end.
func ForRehired(owner mapping.Owner, id keycloak.UserID, current keycloak.User, s mapping.UserState, link *keycloak.Link, leave Plan, j Joining, now time.Time) (Plan, keycloak.User) {
	var beside Plan
	if mapping.Enabled(current) { // otherwise the sessions end when the account is enabled
		beside = Plan{EndSessions{User: id}}
	}
	return forUnfinished(owner, id, current, s.Owned(), slices.Concat(beside, leave, linking(id, link)), j, now)
}

// End says what happens to an account that is no longer a user of its tenant.
type End struct {
	Disable bool // the account is disabled, and its sessions end
	Leave   bool // the account is marked as departed
	Mark    bool // the account is marked as disabled by the tenant
}

// ForLeaving plans that an account which the tenant owns stays in Keycloak and is no longer a user of
// the tenant; end says how. It returns the user as Keycloak will store it.
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

// ForReleasedUser plans that an account no longer belongs to a tenant.
func ForReleasedUser(id keycloak.UserID, current keycloak.User) Plan {
	current.Attributes = mapping.Release(current.Attributes)
	return Plan{UpdateUser{User: id, Update: new(fullUpdate(current))}}
}

// ForDeletedUser plans the deletion of a user.
func ForDeletedUser(id keycloak.UserID) Plan {
	return Plan{DeleteUser{id}}
}
