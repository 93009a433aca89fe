package bulk

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Result is the result of an operation.
type Result struct {
	ID       string // of the resource; "" for a POST that failed or was a dry run
	Location string // "" for such a POST
	Version  string // "" when there is no version
	Shown    bool   // whether a request with this operation would be answered with the resource
	Err      *scim.Error
}

// Do carries out one operation, whose references are resolved. For an operation that is Refused it returns that error.
type Do func(ctx context.Context, op Operation) Result

// Run carries out a request once, with at most parallel independent operations at a time. It returns the members of
// "Operations" of the BulkResponse, in the order of the request. With FailOnErrors the operations run one after the
// other, and the answer has only those that ran.
func (r *Request) Run(ctx context.Context, parallel int, do Do) []map[string]any {
	if r.FailOnErrors > 0 {
		parallel = 1
	}
	g := newGraph(r.Operations)
	run := &run{
		Request: r, graph: g, do: do, ids: make(map[string]string), results: make([]*Result, len(r.Operations)),
		waits: make([]int, len(g.before)), behind: make([][]int, len(g.before)), raced: make([]bool, len(r.Operations)), retried: make([]bool, len(r.Operations)),
		rest: make([][]any, len(r.Operations)), closed: make([]bool, len(g.circles)), finished: make(chan outcome),
		freeing: make(map[string][]int),
	}
	for i, op := range r.Operations {
		if op.Method != http.MethodPost {
			run.freeing[op.Endpoint] = append(run.freeing[op.Endpoint], i)
		}
	}
	for node, before := range g.before {
		run.waits[node] = len(before)
		for _, b := range before {
			run.behind[b] = append(run.behind[b], node)
		}
		if len(before) == 0 {
			run.ready = append(run.ready, node)
		}
	}
	run.all(ctx, parallel)
	r.Results = run.results
	var out []map[string]any
	for i, op := range r.Operations {
		if result := run.results[i]; result != nil {
			out = append(out, op.answer(*result, r.ErrorDocs))
		}
	}
	return out
}

// status is the HTTP status that this operation would get in a request of its own (RFC 7644 section 3.7.3).
func (op Operation) status(r Result) int {
	switch {
	case r.Err != nil:
		return r.Err.Status
	case op.Method == http.MethodPost:
		return http.StatusCreated
	case r.Shown:
		return http.StatusOK
	}
	return http.StatusNoContent
}

// answer is the answer to an operation in a BulkResponse. Its status is a string.
func (op Operation) answer(r Result, docs string) map[string]any {
	out := map[string]any{"method": op.Method, "status": strconv.Itoa(op.status(r))}
	for name, text := range map[string]string{"bulkId": op.BulkID, "location": r.Location, "version": r.Version} {
		if text != "" {
			out[name] = text
		}
	}
	if r.Err != nil {
		out["response"] = r.Err.Body(docs)
	}
	return out
}

// run is a request that is being carried out. One goroutine owns it; each operation has its own goroutine.
type run struct {
	*Request

	graph    *graph
	do       Do
	ids      map[string]string // of created resources, by bulkId
	results  []*Result         // nil until the operation has a result
	waits    []int             // for each node, how many nodes before it are not done
	behind   [][]int           // the nodes that wait for each node
	ready    []int             // nodes that may begin, ascending
	again    []int             // operations to try once more when all others are done
	freeing  map[string][]int  // by endpoint: operations that may free a value and are not done, see races
	raced    []bool            // see races
	retried  []bool
	rest     [][]any // by POST: the operations that close its circle
	closed   []bool  // by circle
	errors   int
	finished chan outcome
}

// outcome is the outcome of a node: the results of some operations.
type outcome struct {
	node    int
	results map[int]Result
}

func (r *run) all(ctx context.Context, parallel int) {
	running := 0
	for {
		for running < parallel && len(r.ready) > 0 && !r.stopped() {
			node := r.ready[0]
			r.ready = r.ready[1:]
			running++
			work := r.begin(node)
			go func() { r.finished <- outcome{node, work(ctx)} }()
		}
		if running > 0 {
			out := <-r.finished
			running--
			r.end(out)
			continue
		}
		if len(r.again) == 0 || r.stopped() {
			break
		}
		r.ready, r.again = r.again[:1], r.again[1:]
	}
	for c, posts := range r.graph.circles { // circles that failOnErrors left open
		if !r.closed[c] {
			r.end(outcome{r.graph.closing(c), r.close(c, posts)(ctx)})
		}
	}
}

func (r *run) stopped() bool { return r.FailOnErrors > 0 && r.errors >= r.FailOnErrors }

// begin prepares the work of a node. The work may run beside the work of other nodes.
func (r *run) begin(node int) func(context.Context) map[int]Result {
	if node >= len(r.Operations) {
		c := node - len(r.Operations)
		return r.close(c, r.graph.circles[c])
	}
	op := r.Operations[node]
	if op.Refused = cmp.Or(op.Refused, r.unmade(node)); op.Refused == nil {
		r.raced[node] = !r.retried[node] && r.races(node)
		op, r.rest[node] = op.resolve(r.ids, r.graph.later[node])
		if !r.raced[node] {
			r.Operations[node].Data = nil // nobody needs the data again, and all data together is as large as the body
		}
	} else if strings.HasPrefix(op.ID, prefix) {
		op.ID = "" // the id was never resolved
	}
	return func(ctx context.Context) map[int]Result { return map[int]Result{node: r.do(ctx, op)} }
}

func failed(err *scim.Error) Result { return Result{Err: err} }

// unmade refuses an operation that refers to a resource that could not be created.
func (r *run) unmade(node int) *scim.Error {
	for _, maker := range r.graph.needs[node] {
		if result := r.results[maker]; result != nil && result.ID == "" {
			return &scim.Error{
				Code: scim.CodeBulkNotMade, Status: http.StatusConflict,
				Detail: "nothing was done, because the POST of " + prefix + r.Operations[maker].BulkID + " failed; correct that POST and send both again",
			}
		}
	}
	return nil
}

// end stores the results of a node and makes the nodes ready that waited for it.
func (r *run) end(out outcome) {
	for i, result := range out.results {
		if r.raced[i] && result.Err != nil && result.Err.Type == scim.UniqueValue { // the resource that had the value may be gone by now
			r.again, r.retried[i] = append(r.again, i), true
			return
		}
		if before := r.results[i]; result.Err != nil && (before == nil || before.Err == nil) {
			r.errors++
		}
		r.results[i] = &result
		if op := r.Operations[i]; op.Method == http.MethodPost && result.ID != "" {
			r.ids[op.BulkID] = result.ID
		}
	}
	for _, node := range r.behind[out.node] {
		if r.waits[node]--; r.waits[node] == 0 {
			at, _ := slices.BinarySearch(r.ready, node)
			r.ready = slices.Insert(r.ready, at, node)
		}
	}
}

// races reports whether an earlier operation that is not done may free a value that this operation claims.
func (r *run) races(i int) bool {
	endpoint := r.Operations[i].Endpoint
	open := r.freeing[endpoint]
	for len(open) > 0 && r.results[open[0]] != nil {
		open = open[1:]
	}
	r.freeing[endpoint] = open
	return len(open) > 0 && open[0] < i
}

// cleanupTime bounds the removal of a circle that cannot be closed. The removal also runs when the request was given
// up.
const cleanupTime = 10 * time.Second

// close ends a circle of POSTs: it adds to each resource the references that were left out. When a POST or this
// addition failed, it deletes the whole circle.
func (r *run) close(c int, posts []int) func(context.Context) map[int]Result {
	r.closed[c] = true
	made := make(map[int]Result)
	var because *scim.Error
	for _, i := range posts {
		switch result := r.results[i]; {
		case result == nil: // the request was stopped
			because = &scim.Error{Code: scim.CodeBulkNotMade, Status: http.StatusConflict, Detail: "failOnErrors was reached"}
		case result.Err != nil:
			because = result.Err
		default:
			made[i] = *result
		}
	}
	rest := make(map[int]Operation)
	for i, result := range made {
		if r.rest[i] != nil && result.ID != "" {
			rest[i] = Operation{
				Method: http.MethodPatch, Endpoint: r.Operations[i].Endpoint, ID: result.ID,
				Data: map[string]any{scim.AttrSchemas: []any{scim.PatchOpURN}, "Operations": r.rest[i]},
			}.whole(r.ids)
		}
	}
	return func(ctx context.Context) map[int]Result {
		for _, i := range slices.Sorted(maps.Keys(rest)) {
			if because != nil {
				break
			}
			result := r.do(ctx, rest[i])
			if because = result.Err; because == nil && result.Version != "" {
				result.Location = made[i].Location
				made[i] = result
			}
		}
		if because != nil {
			r.rollBack(ctx, made, because)
		}
		return made
	}
}

// rollBack deletes the created resources of a circle that cannot be closed.
func (r *run) rollBack(ctx context.Context, made map[int]Result, because *scim.Error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	for i, result := range made {
		err := &scim.Error{
			Code: scim.CodeBulkNotMade, Status: http.StatusConflict, Cause: because,
			Detail: "the operations that refer to each other were undone, because one of them failed: " + because.Detail,
		}
		if result.ID == "" { // a dry run made nothing
			made[i] = failed(err)
			continue
		}
		if undone := r.do(ctx, Operation{Method: http.MethodDelete, Endpoint: r.Operations[i].Endpoint, ID: result.ID}); undone.Err != nil && undone.Err.Status != http.StatusNotFound {
			err.Detail = "an operation that refers to this resource failed, and the resource could not be removed; delete the resource before you try again"
		}
		made[i] = failed(err)
	}
}
