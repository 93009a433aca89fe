package observe

import (
	"context"

	"go.uber.org/zap"
)

// auditName is the name of the logger of audit records.
const auditName = "audit"

// Write is a plan that was carried out, or was to be: one change of one resource.
type Write struct {
	Tenant   string   // its path
	Resource string   // its type
	ID       string   // its id; "" when it was not made
	Plan     []string // the steps: what they change, without any value
	Done     int      // steps that were carried out
	Result   string   // "done", "failed" or "refused"
	Reason   string   // of a failure, without personal data
}

// Audit writes the record of a write, whatever the level of the log. Who wrote is the client of
// the context's request, or the operator when there is none.
func Audit(ctx context.Context, log *zap.Logger, w Write) {
	r := FromContext(ctx)
	if r == nil {
		r = &Request{Client: "operator"}
	}
	fields := []zap.Field{
		zap.String("req_id", r.ID), zap.String("tenant", w.Tenant), zap.String("client", r.Client), zap.String("key_id", r.KeyID),
		zap.String("resource", w.Resource), zap.String("id", w.ID), zap.Strings("plan", w.Plan), zap.Int("done", w.Done), zap.String("result", w.Result),
	}
	if w.Reason != "" {
		fields = append(fields, zap.String("reason", w.Reason))
	}
	if r.TraceID != "" {
		fields = append(fields, zap.String("trace_id", r.TraceID))
	}
	log.Named(auditName).Info("write", fields...)
}
