package transfer

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// operation is the operation for a row.
type operation struct {
	row    row
	method string
	path   string
	data   map[string]any
	later  string // row of the manager that is still missing, or ""
}

// batch collects operations for bulk requests.
type batch struct {
	*Importer

	list []operation
	size int // bytes
}

func (i *Importer) newBatch() *batch { return &batch{Importer: i} }

// add adds an operation. When the batch has no room for it, add first sends the batch.
func (b *batch) add(ctx context.Context, op operation) error {
	data, err := scim.Encode(op.data)
	if err != nil {
		return err
	}
	size := len(data) + len(op.path) + len(op.method) + 60 //nolint:mnd // the names of its members
	if size > b.payload {
		b.fail(op.row, 0, fmt.Sprintf("it is larger than the %d bytes that a request may have", b.payload))
		return nil
	}
	if len(b.list) == b.operations || b.size+size > b.payload {
		if err := b.send(ctx); err != nil {
			return err
		}
	}
	b.list, b.size = append(b.list, op), b.size+size
	return nil
}

// send sends the collected operations. It repeats those that failed for a reason that may pass. After an error (no
// answer) it is not known what became of the last operations.
func (b *batch) send(ctx context.Context) error {
	list := b.list
	b.list, b.size = nil, 0
	unsure := b.journal.resumed // whether it may be done already
	var broken error            // what no repetition mends
	err := retry().Do(ctx, func(ctx context.Context, last bool) error {
		for len(list) > 0 {
			results, failed := b.request(ctx, list)
			if failed == nil {
				list, failed, broken = b.take(ctx, list, results, unsure, last)
			}
			unsure = true
			if failed != nil || broken != nil {
				return failed
			}
		}
		return nil
	})
	return cmp.Or(broken, err)
}

// bulkResult is the bridge's answer to an operation.
type bulkResult struct {
	status int
	id     string
	detail string
}

func (b *batch) request(ctx context.Context, list []operation) ([]bulkResult, error) {
	operations := make([]any, len(list))
	for n, op := range list {
		operations[n] = map[string]any{"method": op.method, "path": op.path, "bulkId": strconv.Itoa(n), "data": op.data}
	}
	answer, err := b.Client.Do(ctx, http.MethodPost, "/Bulk", map[string]any{scim.AttrSchemas: []any{scim.BulkRequestURN}, "Operations": operations})
	if err != nil {
		return nil, err
	}
	elements, _ := answer["Operations"].([]any)
	if len(elements) != len(list) {
		return nil, fmt.Errorf("the bridge answers %d of %d operations", len(elements), len(list))
	}
	out := make([]bulkResult, len(list))
	for n, element := range elements {
		object, _ := element.(map[string]any)
		text, _ := object["status"].(string)
		location, _ := object["location"].(string)
		response, _ := object["response"].(map[string]any)
		out[n].detail, _ = response["detail"].(string)
		out[n].id = location[strings.LastIndexByte(location, '/')+1:]
		if out[n].status, err = strconv.Atoi(text); err != nil {
			return nil, fmt.Errorf("the bridge answers an operation with the status %q", text)
		}
	}
	return out, nil
}

// take notes which operations are done and which failed. It returns the operations to send again, and the failure when
// they failed for a reason that may pass.
func (b *batch) take(ctx context.Context, list []operation, results []bulkResult, unsure, last bool) (again []operation, failed, err error) {
	for n, op := range list {
		result := results[n]
		switch {
		case result.status < http.StatusBadRequest:
			err = b.finished(op, result.id)
		case client.Passes(result.status) && !last:
			again, failed = append(again, op), &client.Error{Status: result.status, Detail: result.detail}
		case result.status == http.StatusConflict && op.method == http.MethodPost && (unsure || b.Update):
			var next *operation
			if next, err = b.there(ctx, op, result); next != nil {
				again = append(again, *next)
			}
		default:
			b.fail(op.row, result.status, result.detail)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return again, failed, nil
}

// finished notes a resource that is like its row, or will be once it has its manager.
func (b *batch) finished(op operation, id string) error {
	if op.later != "" {
		if op.row.id() != "" {
			b.ids[op.row.id()] = id // other rows may name it
		}
		b.managers = append(b.managers, reference{op.row, id, op.later})
		return nil
	}
	if err := b.journal.note(op.row.key, id); err != nil {
		return err
	}
	b.succeed(op.row, id)
	return nil
}

// there handles a resource that already exists. A resource that this import created counts as done. Another resource is
// replaced if the operator wants that.
func (b *batch) there(ctx context.Context, op operation, result bulkResult) (replace *operation, err error) {
	attribute, name := op.row.name()
	found, err := b.Client.Find(ctx, op.row.endpoint, attribute+" eq "+client.Quote(name), "excludedAttributes=members")
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		b.fail(op.row, result.status, result.detail)
		return nil, nil
	}
	id, _ := found[0][scim.AttrID].(string)
	meta, _ := found[0][scim.AttrMeta].(map[string]any)
	text, _ := meta["created"].(string)
	created, err := time.Parse(time.RFC3339Nano, text)
	switch {
	case err == nil && !created.Before(b.journal.began):
		return nil, b.finished(op, id)
	case b.Update:
		op.method, op.path = http.MethodPut, op.row.endpoint+"/"+id
		return &op, nil
	}
	b.fail(op.row, result.status, result.detail)
	return nil, nil
}
