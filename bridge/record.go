package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// errBrokeOff is the outcome of a change whose request panics, and of a step that panics.
var errBrokeOff = errors.New("it broke off")

// factOf is a plan as a change that is not yet made.
func factOf(r *request, ch planned) change.Change {
	t := r.Tenant
	out := change.Change{
		Actor: change.Actor{Kind: string(r.By.Actor.Kind), Name: r.By.Actor.Name, KeyID: r.By.Actor.KeyID}, Origin: r.Origin,
		Tenant: t.Path, Realm: t.Realm, Organization: change.Organization{ID: t.Organization.ID.String(), Alias: t.Organization.Alias},
		Op: ch.op, Resource: change.Resource{Type: r.rt.Name, ID: r.ID},
		Before: r.before, After: ch.after.resource.Document, Steps: make([]string, len(ch.plan)),
	}
	password, sessions := false, false
	for i, step := range ch.plan {
		out.Steps[i] = plan.Describe(step)
		password, sessions = password || plan.WritesPassword(step), sessions || plan.Is[plan.EndSessions](step)
		if r.Endpoint != endpointGroups { // users join or leave a group
			continue
		}
		switch s := step.(type) {
		case plan.AddMember:
			out.MembersAdded = append(out.MembersAdded, s.User.String())
		case plan.RemoveMember:
			out.MembersRemoved = append(out.MembersRemoved, s.User.String())
		case plan.AdmitUser, plan.CreateGroup, plan.CreateUser, plan.DeleteGroup, plan.DeleteUser,
			plan.EndSessions, plan.ExpelUser, plan.GrantRoles, plan.LinkUser, plan.RevokeRoles,
			plan.UpdateGroup, plan.UpdateUser:
		}
	}
	if password {
		out.Unseen = append(out.Unseen, change.Password)
	}
	if sessions {
		out.Unseen = append(out.Unseen, change.Sessions)
	}
	return out
}

// begun gives a change its id and its time, just before it is recorded. A creation begins at the time that Keycloak
// stores as the time of the creation. Recover finds what the creation made by this time.
func (s *Service) begun(c *change.Change, ch *planned) {
	c.ID, c.Begun = change.NewID(), s.directory.Now()
	if !ch.created.IsZero() {
		c.Begun = ch.created
	}
}

// recorded is the result of Recorder.Intend.
type recorded struct {
	intent Intent
	err    error
}

// record records a change before it is made.
func (s *Service) record(ctx context.Context, c change.Change) recorded {
	intent, err := s.options.Recorder.Intend(ctx, c)
	if err != nil {
		err = fmt.Errorf("record the change before it is made: %w", err)
	}
	return recorded{intent, err}
}

// intend is record, and makes the last checks of the plan meanwhile; check may be nil. When a check refuses the change,
// the record is withdrawn.
func (s *Service) intend(ctx context.Context, c change.Change, check func(context.Context) error) (Intent, error) {
	if check == nil {
		now := s.record(ctx, c)
		return now.intent, now.err
	}
	done := make(chan recorded, 1)
	go func() { // beside the request nobody else would catch a panic, which would end the program
		made := recorded{err: errBrokeOff}
		defer func() {
			if p := recover(); p != nil {
				made.err = fmt.Errorf("%w: panic: %v", errBrokeOff, p)
			}
			done <- made
		}()
		made = s.record(ctx, c)
	}()
	refused := errBrokeOff // of a check that panics
	defer func() {
		if refused == nil {
			return
		}
		if made := <-done; made.err == nil {
			s.withdraw(ctx, made.intent, c)
		}
	}()
	if refused = check(ctx); refused != nil {
		return nil, refused
	}
	made := <-done
	return made.intent, made.err
}

// withdraw withdraws the record of a change that is not begun.
func (s *Service) withdraw(ctx context.Context, intent Intent, c change.Change) {
	if err := intent.Withdraw(context.WithoutCancel(ctx), c); err != nil {
		s.options.Log.Warn("the record of a change that was refused is still open; it is settled when the store answers", zap.String("tenant", c.Tenant), zap.Error(err))
	}
}

// settle records how the request's change ended.
func (s *Service) settle(ctx context.Context, r *request, intent Intent, out apply.Outcome, err error) {
	c := r.change
	if c.Resource.ID == "" {
		c.Resource.ID = out.User.String() + out.Group.String() // at most one of the two is set
	}
	failed, begun := errors.AsType[*apply.Error](err)
	switch {
	case err == nil:
		c.Done, c.Outcome = len(c.Steps), change.Done
	case begun:
		c.Done, c.Outcome, c.Reason = failed.Done, change.Failed, string(plan.KindOf(failed.Step))+": "+cmp.Or(string(keycloak.KindOf(err)), lostOf(err), errBrokeOff.Error())
		if failed.Unbegun {
			c.Outcome = change.Refused
		}
	case errors.Is(err, errBrokeOff):
		c.Outcome, c.Reason = change.Unknown, err.Error()
	default:
		c.Outcome, c.Reason = change.Refused, err.Error()
	}
	if err := intent.Settle(context.WithoutCancel(ctx), *c, err); err != nil {
		s.options.Log.Error("a change cannot be recorded", zap.String("tenant", c.Tenant), zap.String("resource", c.Resource.Type), zap.String("id", c.Resource.ID),
			zap.String("result", string(c.Outcome)), zap.Int("done", c.Done), zap.Error(err))
	}
}

// lostOf says that a request lost its locks; "" for another error.
func lostOf(err error) string {
	if errors.Is(err, apply.ErrLost) {
		return apply.ErrLost.Error()
	}
	return ""
}

// removal is the plan for a resource that its client removes.
func removal(p plan.Plan) planned {
	ends := slices.ContainsFunc(p, func(s plan.Step) bool { return plan.Is[plan.DeleteUser](s) || plan.Is[plan.DeleteGroup](s) })
	if ends {
		return planned{plan: p, op: change.Deleted}
	}
	return planned{plan: p, op: change.Left}
}
