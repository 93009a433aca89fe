package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/bulk"
)

// parallel is how many operations of one bulk request run at the same time.
const parallel = 8

// BulkPayload is how many bytes a bulk request may have.
func (s *Service) BulkPayload() int64 { return s.options.BulkPayload }

// Bulk carries out many operations and shows the result of each. Each operation is carried out like a single request (RFC
// 7644 section 3.7).
func (s *Service) Bulk(ctx context.Context, c Call, body map[string]any) (Result, error) {
	if err := Permit(c.By, tenant.Bulk); err != nil {
		return Result{}, err
	}
	request, err := bulk.Decode(c.By.Tenant.Mapping.Profile(), body, s.options.BulkOperations)
	if err != nil {
		return Result{}, err
	}
	request.ErrorDocs = s.options.ErrorDocs
	var data failedData
	operations := request.Run(ctx, parallel, func(ctx context.Context, op bulk.Operation) bulk.Result {
		if op.Refused != nil {
			data.keep(op, "")
			return s.result(c, op, Result{}, op.Refused)
		}
		var made change.ID
		came, err := s.operation(ctx, c, op, func(id change.ID) { made = id })
		if err != nil {
			data.keep(op, made)
		}
		return s.result(c, op, came, err)
	})
	return Result{
		Shown:  map[string]any{scim.AttrSchemas: []string{scim.BulkResponseURN}, "Operations": operations},
		Failed: data.failed(request),
	}, nil
}

// FailedOperation is an operation of a bulk request that was refused or failed.
type FailedOperation struct {
	Method, Endpoint, ID string // as the client sent them
	Data                 map[string]any
	Change               change.ID // that it began; "" when it was refused before
	Err                  *scim.Error
}

// failedData keeps what is known of operations that failed. Its zero value is ready.
type failedData struct {
	mu       sync.Mutex
	byNumber map[int]failedOperation
}

// failedOperation is the data of an operation that failed, and the change that it began.
type failedOperation struct {
	data   map[string]any
	change change.ID
}

func (d *failedData) keep(op bulk.Operation, made change.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byNumber == nil {
		d.byNumber = map[int]failedOperation{}
	}
	d.byNumber[op.Number] = failedOperation{op.Data, made}
}

// failed are the operations that failed. One that was tried again can have succeeded.
func (d *failedData) failed(r *bulk.Request) []FailedOperation {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []FailedOperation
	for i, result := range r.Results {
		if result == nil || result.Err == nil {
			continue
		}
		op := r.Operations[i]
		kept := d.byNumber[i]
		if op.Data != nil { // it did not begin
			kept.data = op.Data
		}
		out = append(out, FailedOperation{op.Method, op.Endpoint, op.ID, kept.data, kept.change, result.Err})
	}
	return out
}

// operation carries out an operation, and calls changes with the change that it begins. A panic becomes an error of this
// operation.
func (s *Service) operation(ctx context.Context, c Call, op bulk.Operation, changes func(change.ID)) (out Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if err := ctx.Err(); err != nil {
		return Result{}, &scim.Error{
			Code: code.NoTime, Status: http.StatusServiceUnavailable, RetryAfter: retryOutage, Cause: err,
			Detail: "the time of the request ended before this operation, so nothing was done; send the operation again, in a request with fewer operations",
		}
	}
	call := Call{By: c.By, Endpoint: op.Endpoint, ID: op.ID, Conditions: Conditions{IfMatch: op.Version}, Origin: c.Origin, DryRun: c.DryRun, bulk: true, changes: changes}
	if call.Origin == change.Request {
		call.Origin = change.Bulk
	}
	switch op.Method {
	case http.MethodPost:
		return s.Create(ctx, call, op.Data)
	case http.MethodPut:
		return s.Replace(ctx, call, op.Data)
	case http.MethodPatch:
		return s.Patch(ctx, call, op.Data)
	}
	return s.Delete(ctx, call)
}

// result is the answer to an operation. It logs an operation that failed inside the bridge.
func (s *Service) result(c Call, op bulk.Operation, came Result, err error) bulk.Result {
	if err == nil {
		out := bulk.Result{ID: op.ID, Location: came.Location, Version: came.Version, Shown: came.Shown != nil}
		if id, ok := came.Shown[scim.AttrID].(string); ok {
			out.ID = id
		}
		if out.Location == "" {
			out.Location = s.location(c, op)
		}
		return out
	}
	told, ok := errors.AsType[*scim.Error](err)
	if !ok {
		told = &scim.Error{Code: scim.CodeInternal, Status: http.StatusInternalServerError, Detail: "the operation failed inside this endpoint; ask the operator of this endpoint, whose log has the reason", Cause: err}
	}
	if told.Status >= http.StatusInternalServerError {
		s.options.Log.Error("operation of a bulk request", zap.String("tenant", c.By.Tenant.Path), zap.String("method", op.Method), zap.Int("status", told.Status), zap.NamedError("cause", told.Cause))
	}
	return bulk.Result{Location: s.location(c, op), Err: told}
}

// location is the URL of the resource that an operation names, or "".
func (s *Service) location(c Call, op bulk.Operation) string {
	k := s.kindOf(op.Endpoint)
	if _, err := keycloak.ParseUserID(op.ID); k == nil || err != nil { // a text that cannot be an id is not repeated
		return ""
	}
	return k.resourceType(c.By.Tenant).Location(c.By.Tenant.BaseURL, op.ID)
}
