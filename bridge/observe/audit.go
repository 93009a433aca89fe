package observe

import (
	"context"
	"slices"

	"go.uber.org/zap"
)

// auditName is the name of the logger of audit records.
const auditName = "audit"

// Write is a plan that was carried out, or was to be: one change of one resource.
type Write struct {
	Tenant   string   // its path
	Actor    string   // what sort of somebody wrote: "client", "operator" or another
	Client   string   // who it was: the name of a credential, which may be "operator" too, or "operator"
	KeyID    string   // of a static token, else ""
	Resource string   // its type
	ID       string   // its id; "" when it was not made
	Plan     []string // the steps: what they change, without any value
	Done     int      // steps that were carried out and stay
	Result   string   // how it ended, as change.Outcome has it
	Reason   string   // of a failure, without personal data
}

// maxSteps are those of one record.
const maxSteps = 100

// Audit writes the record of a write, whatever the level of the log: several of a long plan, as
// nothing of it is left out. It has the id and the trace of the context's request, if there is one.
func Audit(ctx context.Context, log *zap.Logger, w Write) {
	r := FromContext(ctx)
	if r == nil {
		r = &Request{}
	}
	parts := slices.Collect(slices.Chunk(w.Plan, maxSteps))
	if len(parts) == 0 {
		parts = [][]string{nil}
	}
	for i, plan := range parts {
		w.Plan = plan
		var part []zap.Field
		if len(parts) > 1 {
			part = []zap.Field{zap.Int("part", i+1), zap.Int("parts", len(parts))}
		}
		record(log, r, w, part)
	}
}

func record(log *zap.Logger, r *Request, w Write, part []zap.Field) {
	fields := []zap.Field{
		zap.String("req_id", r.ID), zap.String("tenant", w.Tenant), zap.String("actor", w.Actor), zap.String("client", w.Client), zap.String("key_id", w.KeyID),
		zap.String("resource", w.Resource), zap.String("id", w.ID), zap.Strings("plan", w.Plan), zap.Int("done", w.Done), zap.String("result", w.Result),
	}
	if w.Reason != "" {
		fields = append(fields, zap.String("reason", w.Reason))
	}
	if r.TraceID != "" {
		fields = append(fields, zap.String("trace_id", r.TraceID))
	}
	log.Named(auditName).Info("write", append(fields, part...)...)
}
