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

// parallel bounds the calls of one plan that are under way at once.
const parallel = 8

// cleanupTime bounds a compensation, which goes on when the request was given up.
const cleanupTime = 10 * time.Second

// Applier carries out plans. It is safe for concurrent use.
type Applier struct {
	Locker Locker // required

	// Observe is told the outcome of every step; nil for none.
	Observe func(kind plan.Kind, err error)
}

// Outcome is what a plan created.
type Outcome struct {
	User  keycloak.UserID
	Group keycloak.GroupID
}

// Error is a plan that failed on the way.
type Error struct {
	Step plan.Step // the first that failed
	Done int       // steps that were carried out and stay so
	All  int       // steps of the plan
	// Unbegun says that the request had lost its locks before the first step.
	Unbegun bool
	// Left says that the user or group which the plan created could not be removed again, or was left to whoever
	// holds its keys now.
	Left bool
	Err  error
}

// Error names the step, without personal data.
func (e *Error) Error() string {
	return fmt.Sprintf("%s, %d of %d steps done: %v", e.Step.Kind, e.Done, e.All, e.Err)
}

// Unwrap returns Keycloak's error.
func (e *Error) Unwrap() error { return e.Err }

// Apply carries out the plan. An error is an *Error; steps that follow the failed
// one are carried out only when they say Always.
//
// No step begins once a lease of the request is lost: the error wraps ErrLost then. What the plan created is not
// removed again, as the holder of its keys may have taken it up. Of a plan that had begun, the steps that say Always
// are carried out all the same: they take access away, and wait for nobody.
func (a *Applier) Apply(ctx context.Context, c *keycloak.Client, h *Held, p plan.Plan) (Outcome, error) {
	var out Outcome
	var failed *Error
	carried, apart, begun := 0, 0, false // apart are those that stay when what was created is removed again
	for done := 0; done < len(p); {
		batch := next(p[done:])
		done += len(batch)
		anyway := begun && batch[0].Always
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
	if undo.Kind == plan.DeleteGroup && is(failed.Err, keycloak.Unavailable) {
		made = false // the time may be too short for all members: the next try goes on, and would begin anew otherwise
	}
	if made {
		if failed.Left = h.lost() || !a.undo(ctx, c, undo); !failed.Left {
			failed.Done = apart
		}
	}
	return out, failed
}

// next is the first step, or the memberships in front, which are independent.
func next(p plan.Plan) plan.Plan {
	n := 1
	for isMembership(p[0]) && n < len(p) && isMembership(p[n]) {
		n++
	}
	return p[:n]
}

func isMembership(s plan.Step) bool {
	return s.Kind == plan.AddMember || s.Kind == plan.RemoveMember
}

// batch carries out independent steps in parallel. It returns how many succeeded, and
// the first that failed. None begins when lost says so.
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
		_ = g.Wait() // the errors are in errs
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
		a.Observe(s.Kind, err)
	}
	return err
}

// guarded is call, whose panic is an error like any other: steps are carried out beside the request's own goroutine,
// where a panic would end the process, and what began is compensated.
func (a *Applier) guarded(ctx context.Context, c *keycloak.Client, s plan.Step, out *Outcome) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return a.call(ctx, c, s, out)
}

func (a *Applier) call(ctx context.Context, c *keycloak.Client, s plan.Step, out *Outcome) (err error) {
	switch s.Kind {
	case plan.CreateUser:
		out.User, err = c.CreateUser(ctx, *s.NewUser)
	case plan.UpdateUser:
		err = c.UpdateUser(ctx, userOf(s, out), *s.UserUpdate)
	case plan.DeleteUser:
		err = deleteUser(ctx, c, s.User)
	case plan.EndSessions:
		err = endSessions(ctx, c, s.User)
	case plan.CreateGroup:
		out.Group, err = c.CreateGroup(ctx, *s.NewGroup)
	case plan.UpdateGroup:
		err = c.UpdateGroup(ctx, oldGroupOf(s, out), *s.GroupUpdate)
	case plan.DeleteGroup:
		err = c.DeleteGroup(ctx, s.Group)
	case plan.AddMember:
		err = addMember(ctx, c, userOf(s, out), groupOf(s, out))
	case plan.RemoveMember:
		err = removeMember(ctx, c, s.User, groupOf(s, out))
	case plan.AdmitUser:
		err = admit(ctx, c, s.Organization, userOf(s, out))
	case plan.ExpelUser:
		err = expel(ctx, c, s.Organization, s.User)
	case plan.LinkUser:
		err = link(ctx, c, s.User, s.Link)
	case plan.GrantRoles:
		err = c.GrantRoles(ctx, holderOf(s, out), s.Roles)
	case plan.RevokeRoles:
		err = c.RevokeRoles(ctx, holderOf(s, out), s.Roles)
	default:
		err = fmt.Errorf("unknown step %q", s.Kind)
	}
	return err
}

func userOf(s plan.Step, out *Outcome) keycloak.UserID {
	if s.User.IsZero() {
		return out.User
	}
	return s.User
}

func groupOf(s plan.Step, out *Outcome) keycloak.GroupID {
	if s.Group.IsZero() {
		return out.Group
	}
	return s.Group
}

func oldGroupOf(s plan.Step, out *Outcome) keycloak.Group {
	if s.OldGroup == nil {
		return s.NewGroup.Made(out.Group)
	}
	return *s.OldGroup
}

// holderOf is whose roles a step changes.
func holderOf(s plan.Step, out *Outcome) keycloak.RoleHolder {
	if user := userOf(s, out); !user.IsZero() {
		return user
	}
	return groupOf(s, out)
}

// undoing is the step that takes back what the first step of a plan created.
func undoing(first plan.Step, out Outcome) (undo plan.Step, made bool) {
	switch {
	case first.Kind == plan.CreateUser && !out.User.IsZero():
		return plan.Step{Kind: plan.DeleteUser, User: out.User}, true
	case first.Kind == plan.CreateGroup && !out.Group.IsZero():
		return plan.Step{Kind: plan.DeleteGroup, Group: out.Group}, true
	}
	return plan.Step{}, false
}

// outlives reports whether a step of a plan that creates something changes somebody else, as the roles of a user who
// joins a new group.
func outlives(s plan.Step) bool { return !s.User.IsZero() && !isMembership(s) }

// undo takes back what a plan created before it failed. The context of the request may
// have ended already.
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
