package bridge

import (
	"context"
	"errors"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Write is a plan that was carried out, or was to be: for the audit record.
type Write struct {
	Tenant   string // its path
	Actor    tenant.Actor
	Resource string // its type, as "User"
	ID       string // its id; "" when it was not made
	Plan     plan.Plan
	Done     int // steps that were carried out and stay
	Result   WriteResult
	Reason   string // of a failure, without personal data
}

// WriteResult is how a write ended.
type WriteResult string

// The results.
const (
	WriteDone    WriteResult = "done"
	WriteFailed  WriteResult = "failed"  // on its way; what was done of it stays
	WriteRefused WriteResult = "refused" // before its first step
)

// tellWrite tells of a plan and how it ended.
func (s *Service) tellWrite(ctx context.Context, r *request, p plan.Plan, out apply.Outcome, err error) {
	if r.DryRun {
		return
	}
	w := Write{Tenant: r.Tenant.Path, Actor: r.By.Actor, Resource: r.rt.Name, ID: r.ID, Plan: p, Done: len(p), Result: WriteDone}
	if w.ID == "" {
		w.ID = out.User.String() + out.Group.String() // one of the two, or none
	}
	if failed, ok := errors.AsType[*apply.Error](err); ok {
		w.Done, w.Result, w.Reason = failed.Done, WriteFailed, string(failed.Step.Kind)+": "+string(keycloak.KindOf(err))
	} else if err != nil {
		w.Done, w.Result, w.Reason = 0, WriteRefused, err.Error()
	}
	s.options.ObserveWrite(ctx, w)
}
