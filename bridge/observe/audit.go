package observe

import (
	"context"
	"slices"

	"go.uber.org/zap"
)

// auditName is the name of the logger of audit records.
const auditName = "audit"

// Write is one change of one resource: a plan that was carried out, or that failed.
type Write struct {
	Tenant   string   // its path
	Actor    string   // the kind of the actor: "client", "operator" or another
	Client   string   // the name of the actor: "operator", or the name of a credential, which can also be "operator"
	KeyID    string   // of a static token; "" for others
	Resource string   // its type
	ID       string   // its id; "" when the resource was not created
	Plan     []string // the steps: what each changes, without values
	Done     int      // the number of steps that were carried out and not undone
	Result   string   // the change.Outcome
	Reason   string   // why the write failed, without personal data
	// Recovered says that the bridge ended before the write ended, and that a later process read in Keycloak how it
	// ended.
	Recovered bool
}

// maxSteps is the maximum number of steps in one record.
const maxSteps = 100

// Audit writes the audit record of a write, at every level of the log. A long plan needs several records, because
// every step is written. The record has the id and the trace of the context's request, if there is a request.
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
	if w.Recovered {
		fields = append(fields, zap.Bool("recovered", true))
	}
	if r.TraceID != "" {
		fields = append(fields, zap.String("trace_id", r.TraceID))
	}
	log.Named(auditName).Info("write", append(fields, part...)...)
}
