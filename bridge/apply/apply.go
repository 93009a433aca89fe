package apply

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// parallel limits the calls that one plan makes at a time.
const parallel = 8

// cleanupTime limits a compensation, which continues when the client has given up the request.
const cleanupTime = 10 * time.Second

// Applier carries out plans. It is safe for concurrent use.
type Applier struct {
	Locker Locker // required

	// Observe gets the outcome of every step; may be nil.
	Observe func(kind plan.Kind, err error)
}

// Outcome is what a plan created.
type Outcome struct {
	User  keycloak.UserID
	Group keycloak.GroupID
}

// Error reports a plan that failed during its steps.
type Error struct {
	Step plan.Step // the first step that failed
	Done int       // number of steps that were carried out and stay
	All  int       // number of steps in the plan
	// Unbegun says that the request had lost its locks before the first step.
	Unbegun bool
	// Remains says that the user or group that the plan created was not removed again: the removal
	// failed, or the request had lost its locks.
	Remains bool
	Err     error
}

// Error names the step, without personal data.
func (e *Error) Error() string {
	return fmt.Sprintf("the step %q failed after %d of %d steps: %v", plan.KindOf(e.Step), e.Done, e.All, e.Err)
}

// Unwrap returns Keycloak's error.
func (e *Error) Unwrap() error { return e.Err }

// Apply carries out the plan. An error is an *Error. After a failed step, only steps with Always
// are carried out.
//
// When the request has lost its lease, no further step begins and the error wraps ErrLost. What the
// plan created is not removed then, because the new holder of its keys may use it already. If the
// plan had begun, the steps with Always are still carried out, because they end access and need no
// lock.
func (a *Applier) Apply(ctx context.Context, c *keycloak.Client, h *Held, p plan.Plan) (Outcome, error) {
	var out Outcome
	var failed *Error
	carried, apart, begun := 0, 0, false // apart counts the steps that stay when what was created is removed again
	for done := 0; done < len(p); {
		batch := next(p[done:])
		done += len(batch)
		anyway := begun && always(batch[0])
		if failed != nil && !anyway {
			continue
		}
		lost := h.lost
		if anyway {
			lost = func() bool { return false }
		}
		n, step, err := a.batch(ctx, c, batch, &out, lost)
		if err != nil && failed == nil {
			failed = &Error{Step: step, All: len(p), Err: err}
		}
		carried += n
		if outlives(batch[0]) {
			apart += n
		}
		begun = begun || n > 0 || !errors.Is(err, ErrLost)
	}
	if failed == nil {
		return out, nil
	}
	failed.Done, failed.Unbegun = carried, !begun
	undo, made := undoing(p[0], out)
	if plan.Is[plan.DeleteGroup](undo) && is(failed.Err, keycloak.Unavailable) {
		made = false // the time may be too short to add all members: the next attempt continues, and would otherwise begin again
	}
	if made {
		if failed.Remains = h.lost() || !a.undo(ctx, c, undo); !failed.Remains {
			failed.Done = apart
		}
	}
	return out, failed
}

// next returns the first step, or all memberships at the front, which are independent.
func next(p plan.Plan) plan.Plan {
	n := 1
	for plan.ChangesMembers(p[0]) && n < len(p) && plan.ChangesMembers(p[n]) {
		n++
	}
	return p[:n]
}

// always reports whether a step is carried out even when an earlier step failed.
func always(s plan.Step) bool {
	end, is := s.(plan.EndSessions)
	return is && end.Always
}

// batch carries out independent steps in parallel. It returns how many succeeded, and the error of
// the first failed step. No step begins once lost returns true.
func (a *Applier) batch(ctx context.Context, c *keycloak.Client, steps plan.Plan, out *Outcome, lost func() bool) (done int, failed plan.Step, err error) {
	errs := make([]error, len(steps))
	step := func(s plan.Step, out *Outcome) error {
		if lost() {
			return ErrLost
		}
		return a.step(ctx, c, s, out)
	}
	if len(steps) == 1 {
		errs[0] = step(steps[0], out)
	} else {
		var g errgroup.Group
		g.SetLimit(parallel)
		for i, s := range steps {
			g.Go(func() error {
				errs[i] = step(s, &Outcome{User: out.User, Group: out.Group})
				return nil
			})
		}
		_ = g.Wait() // errs holds the errors
	}
	for i, step := range slices.Backward(steps) {
		if errs[i] == nil {
			done++
		} else {
			failed, err = step, errs[i]
		}
	}
	return done, failed, err
}

func (a *Applier) step(ctx context.Context, c *keycloak.Client, s plan.Step, out *Outcome) error {
	err := a.guarded(ctx, c, s, out)
	if a.Observe != nil {
		a.Observe(plan.KindOf(s), err)
	}
	return err
}

// guarded is call with panics turned into errors. Steps run outside the request's own goroutine,
// where a panic would end the process. With an error, the plan is compensated.
func (a *Applier) guarded(ctx context.Context, c *keycloak.Client, s plan.Step, out *Outcome) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return a.call(ctx, c, s, out)
}

var errNoStep = errors.New("there is no such step")

func (a *Applier) call(ctx context.Context, c *keycloak.Client, s plan.Step, out *Outcome) (err error) {
	err = errNoStep // a step that no case carries out has failed
	switch s := s.(type) {
	case plan.CreateUser:
		out.User, err = c.CreateUser(ctx, *s.User)
	case plan.UpdateUser:
		err = c.UpdateUser(ctx, out.user(s.User), *s.Update)
	case plan.DeleteUser:
		err = deleteUser(ctx, c, s.User)
	case plan.EndSessions:
		err = endSessions(ctx, c, s.User)
	case plan.CreateGroup:
		out.Group, err = c.CreateGroup(ctx, *s.Group)
	case plan.UpdateGroup:
		if s.Group == nil {
			s.Group = new(s.New.Made(out.Group))
		}
		err = c.UpdateGroup(ctx, *s.Group, *s.Update)
	case plan.DeleteGroup:
		err = c.DeleteGroup(ctx, s.Group)
	case plan.AddMember:
		err = addMember(ctx, c, out.user(s.User), out.group(s.Group))
	case plan.RemoveMember:
		err = removeMember(ctx, c, s.User, out.group(s.Group))
	case plan.AdmitUser:
		err = admit(ctx, c, s.Organization, out.user(s.User))
	case plan.ExpelUser:
		err = expel(ctx, c, s.Organization, s.User)
	case plan.LinkUser:
		err = link(ctx, c, s.User, s.Link)
	case plan.GrantRoles:
		err = c.GrantRoles(ctx, out.holder(s.Holder), s.Roles)
	case plan.RevokeRoles:
		err = c.RevokeRoles(ctx, out.holder(s.Holder), s.Roles)
	}
	return err
}

// user returns the user that a step names, or the user that the plan created.
func (o *Outcome) user(named keycloak.UserID) keycloak.UserID {
	if named.IsZero() {
		return o.User
	}
	return named
}

// group returns the group that a step names, or the group that the plan created.
func (o *Outcome) group(named keycloak.GroupID) keycloak.GroupID {
	if named.IsZero() {
		return o.Group
	}
	return named
}

// holder returns the user or group whose roles a step changes.
func (o *Outcome) holder(named plan.Holder) keycloak.RoleHolder {
	switch {
	case !named.User.IsZero():
		return named.User
	case !named.Group.IsZero():
		return named.Group
	case !o.User.IsZero():
		return o.User
	}
	return o.Group
}

// undoing returns the step that undoes the creation by the first step of a plan.
func undoing(first plan.Step, out Outcome) (undo plan.Step, made bool) {
	switch first.(type) {
	case plan.CreateUser:
		return plan.DeleteUser{User: out.User}, !out.User.IsZero()
	case plan.CreateGroup:
		return plan.DeleteGroup{Group: out.Group}, !out.Group.IsZero()
	case plan.AddMember, plan.AdmitUser, plan.DeleteGroup, plan.DeleteUser, plan.EndSessions, plan.ExpelUser,
		plan.GrantRoles, plan.LinkUser, plan.RemoveMember, plan.RevokeRoles, plan.UpdateGroup, plan.UpdateUser:
	}
	return nil, false
}

// outlives reports whether a step of a plan that creates something changes another resource, such
// as the roles of a user who joins a new group.
func outlives(s plan.Step) bool {
	user, _ := plan.Target(s)
	return !user.IsZero() && !plan.ChangesMembers(s)
}

// undo removes what a plan created before it failed. The context of the request may have ended
// already.
func (a *Applier) undo(ctx context.Context, c *keycloak.Client, s plan.Step) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	err := a.step(ctx, c, s, &Outcome{})
	return err == nil || is(err, keycloak.NotFound)
}

func is(err error, kind keycloak.Kind) bool {
	var e *keycloak.Error
	return errors.As(err, &e) && e.Kind == kind
}
