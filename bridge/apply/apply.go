package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// parallel bounds the calls of one plan that are under way at once.
const parallel = 8

// cleanupTime bounds a compensation, which goes on when the request was given up.
const cleanupTime = 10 * time.Second

// Applier carries out plans. Its zero value is ready and safe for concurrent use.
type Applier struct {
	Locks Locks

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
	Done int       // steps carried out before it
	// Left says that a group which the plan created could not be removed again.
	Left bool
	Err  error
}

// Error names the step, without personal data.
func (e *Error) Error() string {
	return fmt.Sprintf("%s after %d steps: %v", e.Step.Kind, e.Done, e.Err)
}

// Unwrap returns Keycloak's error.
func (e *Error) Unwrap() error { return e.Err }

// Apply carries out the plan. An error is an *Error; steps that follow the failed
// one are carried out only when they say Always.
func (a *Applier) Apply(ctx context.Context, c *keycloak.Client, p plan.Plan) (Outcome, error) {
	var out Outcome
	var failed *Error
	for done := 0; done < len(p); {
		batch := next(p[done:])
		if failed != nil && !batch[0].Always {
			done += len(batch)
			continue
		}
		if step, err := a.batch(ctx, c, batch, &out); err != nil && failed == nil {
			failed = &Error{Step: step, Done: done, Err: err}
		}
		done += len(batch)
	}
	if failed == nil {
		return out, nil
	}
	failed.Left = !a.compensate(ctx, c, p, out)
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

// batch carries out independent steps in parallel and returns the first failure.
func (a *Applier) batch(ctx context.Context, c *keycloak.Client, steps plan.Plan, out *Outcome) (plan.Step, error) {
	if len(steps) == 1 {
		return steps[0], a.step(ctx, c, steps[0], out)
	}
	group := out.Group
	var failed plan.Step
	var g errgroup.Group
	g.SetLimit(parallel)
	errs := make([]error, len(steps))
	for i, s := range steps {
		g.Go(func() error {
			errs[i] = a.step(ctx, c, s, &Outcome{Group: group})
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	for i, err := range errs {
		if err != nil {
			return steps[i], err
		}
	}
	return failed, nil
}

func (a *Applier) step(ctx context.Context, c *keycloak.Client, s plan.Step, out *Outcome) error {
	err := a.call(ctx, c, s, out)
	if a.Observe != nil {
		a.Observe(s.Kind, err)
	}
	return err
}

func (a *Applier) call(ctx context.Context, c *keycloak.Client, s plan.Step, out *Outcome) (err error) {
	switch s.Kind {
	case plan.CreateUser:
		out.User, err = c.CreateUser(ctx, s.NewUser)
	case plan.UpdateUser:
		err = c.UpdateUser(ctx, s.User, s.UserUpdate)
	case plan.DeleteUser:
		err = deleteUser(ctx, c, s.User)
	case plan.EndSessions:
		err = endSessions(ctx, c, s.User)
	case plan.CreateGroup:
		out.Group, err = c.CreateGroup(ctx, s.NewGroup)
	case plan.UpdateGroup:
		err = c.UpdateGroup(ctx, s.OldGroup, s.GroupUpdate)
	case plan.DeleteGroup:
		err = c.DeleteGroup(ctx, s.Group)
	case plan.AddMember:
		err = addMember(ctx, c, s.User, groupOf(s, out))
	case plan.RemoveMember:
		err = removeMember(ctx, c, s.User, groupOf(s, out))
	default:
		err = fmt.Errorf("unknown step %q", s.Kind)
	}
	return err
}

func groupOf(s plan.Step, out *Outcome) keycloak.GroupID {
	if s.Group.IsZero() {
		return out.Group
	}
	return s.Group
}

// compensate removes a group that the plan created before it failed. The answer of
// the request must not wait for a context that may have ended already.
func (a *Applier) compensate(ctx context.Context, c *keycloak.Client, p plan.Plan, out Outcome) bool {
	if p[0].Kind != plan.CreateGroup || out.Group.IsZero() {
		return true
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	err := a.step(ctx, c, plan.Step{Kind: plan.DeleteGroup, Group: out.Group}, &out)
	return err == nil || is(err, keycloak.NotFound)
}

func is(err error, kind keycloak.Kind) bool {
	var e *keycloak.Error
	return errors.As(err, &e) && e.Kind == kind
}
