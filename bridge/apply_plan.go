package bridge

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
)

// ends asks the removal brake whether a user may lose its access.
func (s *Service) ends(ctx context.Context, r *request, cur current) error {
	if cur.userID.IsZero() {
		return nil
	}
	remove := s.brake.Remove
	if r.DryRun {
		remove = s.brake.Holds
	}
	err := remove(ctx, r.Tenant, cur.user, r.wall.CountUsers)
	if r.DryRun {
		return err
	}
	if _, held := errors.AsType[guard.HeldError](err); held {
		s.options.Observer.Held(r.Tenant.Path)
	}
	return err
}

// apply carries out a plan. The debug log shows the names of the steps, without values. A change that cannot be
// recorded is not begun. A change that is begun is recorded, however it ends.
func (s *Service) apply(ctx context.Context, r *request, ch *planned) (out apply.Outcome, err error) {
	s.options.Log.Debug("plan", zap.String("tenant", r.Tenant.Path), zap.Stringer("steps", ch.plan))
	if ch.after.user.Username != "" || ch.after.group.Name != "" {
		ch.after.resource, _ = r.kind.stored(r, ch.after) // if it cannot be shown, the answer reports that
	}
	fact := factOf(r, *ch)
	r.plan, r.change = ch.plan, &fact
	if r.DryRun {
		if ch.check != nil {
			if err := ch.check(ctx); err != nil {
				return apply.Outcome{}, err
			}
		}
		return apply.Outcome{}, guard.Allow(ctx, r.client, r.fitness, ch.plan, r.rights)
	}
	s.begun(&fact, ch)
	intent, err := s.intend(ctx, fact, ch.check)
	if err != nil {
		return apply.Outcome{}, err
	}
	if r.changes != nil {
		r.changes(fact.ID)
	}
	err = errBrokeOff
	defer func() { s.settle(ctx, r, intent, out, err) }()
	out, err = s.write(ctx, r, ch.plan)
	return out, err
}

// write is apply for a plan whose change is recorded.
func (s *Service) write(ctx context.Context, r *request, p plan.Plan) (apply.Outcome, error) {
	if err := guard.Allow(ctx, r.client, r.fitness, p, r.rights); err != nil {
		return apply.Outcome{}, err
	}
	out, err := s.applier.Apply(ctx, r.client, &r.held, p)
	users, groups := touched(p, out)
	s.directory.Touch(r.Tenant, users, groups)
	return out, err
}

// touched are the ids of the resources that a plan may have changed.
func touched(p plan.Plan, out apply.Outcome) (users, groups []string) {
	users, groups = appendID(nil, out.User.String()), appendID(nil, out.Group.String())
	for _, step := range p {
		user, group := plan.Target(step)
		switch step.(type) {
		case plan.AddMember, plan.RemoveMember: // documents do not contain them
		case plan.UpdateGroup, plan.DeleteGroup:
			groups = appendID(groups, group)
		case plan.AdmitUser, plan.CreateGroup, plan.CreateUser, plan.DeleteUser, plan.EndSessions,
			plan.ExpelUser, plan.GrantRoles, plan.LinkUser, plan.RevokeRoles, plan.UpdateUser:
			users = appendID(users, user.String())
		}
	}
	return users, groups
}

func appendID(ids []string, id string) []string {
	if id == "" {
		return ids
	}
	return append(ids, id)
}
