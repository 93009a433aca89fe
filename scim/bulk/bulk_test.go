package bulk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/bulk"
)

const maxOperations = 1000

// server carries out operations: a POST creates a resource with the id "id-" and its bulkId.
type server struct {
	mu   sync.Mutex
	done []string
	// unresolved are the operations that still had a reference.
	unresolved []string
	// fails has the error of each operation that fails, by method and bulkId or id.
	fails map[string]*scim.Error
	// once has the operations that fail the first time only.
	once map[string]*scim.Error
}

func (s *server) do(_ context.Context, op bulk.Operation) bulk.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	if op.Refused != nil {
		return bulk.Result{Err: op.Refused}
	}
	name := op.Method + " " + op.Endpoint + " " + op.ID
	key := op.Method + " " + op.ID
	if op.Method == http.MethodPost {
		key = op.Method + " " + op.BulkID
		name = op.Method + " " + op.Endpoint + " " + op.BulkID
	}
	data, err := json.Marshal(op.Data)
	if err != nil {
		data = []byte(err.Error())
	}
	if unresolved(op.ID) || unresolved(op.Data) {
		s.unresolved = append(s.unresolved, name)
	}
	s.done = append(s.done, name+" "+string(data))
	failure := s.fails[key]
	if failure == nil {
		failure = s.once[key]
		delete(s.once, key)
	}
	if failure != nil {
		return bulk.Result{Err: failure}
	}
	switch op.Method {
	case http.MethodPost:
		id := "id-" + op.BulkID
		return bulk.Result{ID: id, Location: "/" + id, Version: "1"}
	case http.MethodDelete:
		return bulk.Result{ID: op.ID, Location: "/" + op.ID}
	}
	return bulk.Result{ID: op.ID, Location: "/" + op.ID, Version: "2", Shown: true}
}

// unresolved reports whether a value is, or holds, a reference.
func unresolved(value any) bool {
	switch v := value.(type) {
	case string:
		return strings.HasPrefix(v, "bulkId:")
	case []any:
		return slices.ContainsFunc(v, unresolved)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), unresolved)
	}
	return false
}

func decode(tb testing.TB, text string) map[string]any {
	tb.Helper()
	object, err := scim.Decode([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return object
}

// request is a BulkRequest with the operations.
func request(tb testing.TB, members string, operations ...string) *bulk.Request {
	tb.Helper()
	text := `{"schemas":["` + scim.BulkRequestURN + `"],` + members + `"Operations":[` + strings.Join(operations, ",") + `]}`
	r, err := bulk.Decode(scim.Strict, decode(tb, text), maxOperations)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func post(endpoint, bulkID, data string) string {
	return fmt.Sprintf(`{"method":"POST","path":%q,"bulkId":%q,"data":{%s}}`, endpoint, bulkID, data)
}

func on(method, path, data string) string {
	if data != "" {
		data = `,"data":{` + data + `}`
	}
	return fmt.Sprintf(`{"method":%q,"path":%q%s}`, method, path, data)
}

// statuses lists the statuses of the results, in their order.
func statuses(results []map[string]any) string {
	var out []string
	for _, r := range results {
		out = append(out, fmt.Sprint(r["status"]))
	}
	return strings.Join(out, " ")
}

func detail(result map[string]any) string {
	response, _ := result["response"].(map[string]any)
	text, _ := response["detail"].(string)
	return text
}

const manager = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d","manager":{"value":"bulkId:%s"}}`

func managed(bulkID string) string { return fmt.Sprintf(manager, bulkID) }

func TestRun(t *testing.T) {
	t.Parallel()
	conflict := &scim.Error{Status: http.StatusConflict, Type: scim.UniqueValue, Detail: "userName is in use"}
	for name, c := range map[string]struct {
		members    string
		operations []string
		fails      map[string]*scim.Error
		once       map[string]*scim.Error
		done       []string // in order, when it matters
		want       string   // statuses
		says       []string // each somewhere in the details
	}{
		"RFC7644_3_7_2_a_reference_is_resolved_in_data_and_path": {
			operations: []string{
				post("/Users", "a", `"userName":"a"`), post("/Groups", "g", `"members":[{"value":"bulkId:a"},{"value":"x"}]`),
				on("PATCH", "/Users/bulkId:a", `"Operations":[{"op":"add","path":"title","value":"t"}]`),
				on("PATCH", "/Groups/bulkId:g", `"Operations":[{"op":"remove","path":"members[value eq \"bulkId:a\"]"}]`),
			},
			done: []string{
				`POST /Users a {"userName":"a"}`, `POST /Groups g {"members":[{"value":"id-a"},{"value":"x"}]}`,
				`PATCH /Users id-a {"Operations":[{"op":"add","path":"title","value":"t"}]}`,
				`PATCH /Groups id-g {"Operations":[{"op":"remove","path":"members[value eq \"id-a\"]"}]}`,
			},
			want: "201 201 200 200",
		},
		"RFC7644_3_7_1_a_forward_reference_is_made_first_and_answered_in_order": {
			operations: []string{post("/Groups", "g", `"members":[{"value":"bulkId:a"}]`), post("/Users", "a", `"userName":"a"`)},
			done:       []string{`POST /Users a {"userName":"a"}`, `POST /Groups g {"members":[{"value":"id-a"}]}`},
			want:       "201 201",
		},
		"RFC7644_3_7_1_a_circle_is_closed_when_all_is_made": {
			operations: []string{
				post("/Users", "a", managed("b")+`,"userName":"a"`), post("/Users", "b", managed("a")),
				post("/Groups", "g", `"members":[{"value":"bulkId:a"}]`),
			},
			done: []string{
				`POST /Users a {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"},"userName":"a"}`,
				`POST /Users b {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d","manager":{"value":"id-a"}}}`,
				`PATCH /Users id-a {"Operations":[{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":{"value":"id-b"}}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`,
				`POST /Groups g {"members":[{"value":"id-a"}]}`,
			},
			want: "201 201 201",
		},
		"who_refers_to_itself_is_a_circle_of_one": {
			operations: []string{post("/Users", "a", managed("a"))},
			done: []string{
				`POST /Users a {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"}}`,
				`PATCH /Users id-a {"Operations":[{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":{"value":"id-a"}}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`,
			},
			want: "201",
		},
		"elements_that_are_not_there_yet_are_added_and_the_others_stay": {
			operations: []string{post("/Groups", "g", `"members":[{"value":"x"},{"value":"bulkId:h"}]`), post("/Groups", "h", `"members":[{"value":"bulkId:g"}]`)},
			done: []string{
				`POST /Groups g {"members":[{"value":"x"}]}`, `POST /Groups h {"members":[{"value":"id-g"}]}`,
				`PATCH /Groups id-g {"Operations":[{"op":"add","path":"members","value":[{"value":"id-h"}]}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`,
			},
			want: "201 201",
		},
		"nothing_stays_of_a_circle_of_which_one_fails": {
			operations: []string{post("/Users", "a", managed("b")), post("/Users", "b", managed("a")), post("/Groups", "g", `"members":[{"value":"bulkId:a"}]`)},
			fails:      map[string]*scim.Error{"POST b": conflict},
			want:       "409 409 409",
			says:       []string{"were undone", "userName is in use", "bulkId:a"},
		},
		"nothing_stays_of_a_circle_that_cannot_be_closed": {
			operations: []string{post("/Users", "a", managed("b")), post("/Users", "b", managed("a"))},
			fails:      map[string]*scim.Error{"PATCH id-a": {Status: 503, Detail: "away"}},
			want:       "409 409",
			says:       []string{"were undone", "away"},
		},
		"what_of_a_circle_cannot_be_taken_back_is_said": {
			operations: []string{post("/Users", "a", managed("b")), post("/Users", "b", managed("a"))},
			fails:      map[string]*scim.Error{"POST b": conflict, "DELETE id-a": {Status: 503, Detail: "away"}},
			want:       "409 409",
			says:       []string{"could not be removed"},
		},
		"what_refers_to_a_failed_operation_fails_and_what_refers_to_that": {
			operations: []string{post("/Users", "a", `"x":1`), post("/Users", "b", managed("a")), post("/Groups", "g", `"members":[{"value":"bulkId:b"}]`), post("/Users", "c", `"x":1`)},
			fails:      map[string]*scim.Error{"POST a": conflict},
			want:       "409 409 409 201",
			says:       []string{"bulkId:a", "bulkId:b"},
		},
		"RFC7644_3_7_an_unknown_bulkId_is_refused": {
			operations: []string{post("/Users", "a", managed("nobody")), on("DELETE", "/Users/bulkId:nobody", ""), post("/Users", "b", `"x":1`)},
			want:       "400 400 201",
			says:       []string{"names no POST"},
		},
		"RFC7644_3_7_a_bulkId_given_twice_is_refused_with_what_refers_to_it": {
			operations: []string{post("/Users", "a", `"x":1`), post("/Users", "a", `"x":2`), post("/Groups", "g", `"members":[{"value":"bulkId:a"}]`)},
			want:       "400 400 400",
			says:       []string{"a different bulkId", "several POSTs"},
		},
		"what_refers_to_a_POST_that_is_refused_unseen_is_not_done_without_it": {
			operations: []string{
				`{"method":"POST","path":"/Users","bulkId":"a"}`, post("/Users", "b", managed("a")), on("DELETE", "/Users/bulkId:a", ""),
				post("/Groups", "g", `"members":[{"value":"bulkId:b"},{"value":"bulkId:nobody"}]`), on("PATCH", "/Groups/bulkId:g", `"path":"members[value eq \"bulkId:a\"]"`),
			},
			want: "400 409 409 400 409",
			done: []string{},
		},
		"operations_on_one_resource_keep_their_order": {
			operations: []string{on("PATCH", "/Users/x", `"n":1`), on("PUT", "/Users/x", `"n":2`), on("PATCH", "/Users/x", `"n":3`), on("DELETE", "/Users/x", "")},
			done:       []string{`PATCH /Users x {"n":1}`, `PUT /Users x {"n":2}`, `PATCH /Users x {"n":3}`, `DELETE /Users x null`},
			want:       "200 200 200 204",
		},
		"who_names_a_resource_keeps_the_order_with_who_changes_it": {
			operations: []string{on("PATCH", "/Groups/g", `"members":"u"`), on("DELETE", "/Users/u", ""), on("PATCH", "/Groups/h", `"members":"u"`)},
			done:       []string{`PATCH /Groups g {"members":"u"}`, `DELETE /Users u null`, `PATCH /Groups h {"members":"u"}`},
			want:       "200 204 200",
		},
		"an_order_that_a_reference_forbids_is_given_up": {
			operations: []string{on("PATCH", "/Users/u", `"m":"bulkId:a"`), post("/Users", "a", `"m":"u"`), on("DELETE", "/Users/u", "")},
			done:       []string{`POST /Users a {"m":"u"}`, `PATCH /Users u {"m":"id-a"}`, `DELETE /Users u null`},
			want:       "200 201 204",
		},
		"a_value_that_an_operation_before_frees_is_claimed_by_a_second_try": {
			operations: []string{on("DELETE", "/Users/id-of-x", ""), post("/Users", "a", `"userName":"x"`)},
			once:       map[string]*scim.Error{"POST a": conflict},
			want:       "204 201",
		},
		"RFC7644_3_7_failOnErrors_stops_after_that_many": {
			members:    `"failOnErrors":2,`,
			operations: []string{post("/Users", "a", ""), post("/Users", "b", ""), post("/Users", "c", ""), post("/Users", "d", "")},
			fails:      map[string]*scim.Error{"POST a": conflict, "POST c": conflict},
			done:       []string{`POST /Users a {}`, `POST /Users b {}`, `POST /Users c {}`},
			want:       "409 201 409",
		},
		"failOnErrors_counts_what_is_refused_unseen": {
			members:    `"failOnErrors":1,`,
			operations: []string{on("PUT", "/Users", `"x":1`), post("/Users", "b", "")},
			want:       "400",
		},
		"a_circle_that_is_made_is_closed_although_failOnErrors_is_reached": {
			members:    `"failOnErrors":1,`,
			operations: []string{post("/Users", "a", managed("a")), on("PUT", "/Users", ""), post("/Users", "c", "")},
			done: []string{
				`POST /Users a {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"}}`,
				`PATCH /Users id-a {"Operations":[{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":{"value":"id-a"}}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`,
			},
			want: "201 400",
		},
		"nothing_stays_of_a_circle_that_failOnErrors_leaves_open": {
			members:    `"failOnErrors":1,`,
			operations: []string{post("/Users", "a", managed("b")), on("PUT", "/Users", ""), post("/Users", "b", managed("a"))},
			done:       []string{`POST /Users a {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"}}`, `DELETE /Users id-a null`},
			want:       "409 400",
			says:       []string{"failOnErrors was reached"},
		},
		"malformed_operations_fail_alone": {
			operations: []string{
				`"text"`, `{}`, `{"method":"GET","path":"/Users/1"}`, on("PUT", "/Users/1", ""), `{"method":"POST","path":"/Users","data":{}}`,
				post("/Users/1", "a", ""), on("DELETE", "/Users", ""), on("DELETE", "/Users/1/2", ""), on("DELETE", "/Users/1?x=y", ""), on("DELETE", "//", ""),
				on("DELETE", "/Users/%zz", ""), on("DELETE", "/Users/%2f", ""), `{"method":7,"path":"/Users/1"}`, `{"method":"PUT","path":"/Users/1","data":[]}`,
				`{"method":"POST","path":"/Users","bulkId":"v","version":"W/\"1\"","data":{}}`, post("/Users", "good", ""),
			},
			want: strings.Repeat("400 ", 15) + "201",
		},
	} {
		for _, parallel := range []int{1, 8} {
			t.Run(fmt.Sprintf("%s/%d", name, parallel), func(t *testing.T) {
				t.Parallel()
				once := make(map[string]*scim.Error)
				for key, err := range c.once {
					if parallel > 1 { // without concurrency there is no race
						once[key] = err
					}
				}
				s := &server{fails: c.fails, once: once}
				results := request(t, c.members, c.operations...).Run(t.Context(), parallel, s.do)
				if got := statuses(results); got != c.want {
					t.Errorf("statuses = %s, want %s: %v", got, c.want, results)
				}
				if len(s.unresolved) > 0 {
					t.Errorf("references are left in %v", s.unresolved)
				}
				if c.done != nil && !sameOrder(s.done, c.done, parallel) {
					t.Errorf("done:\n%s\nwant:\n%s", strings.Join(s.done, "\n"), strings.Join(c.done, "\n"))
				}
				var details string
				for _, r := range results {
					details += detail(r) + "\n"
				}
				for _, text := range c.says {
					if !strings.Contains(details, text) {
						t.Errorf("no detail says %q:\n%s", text, details)
					}
				}
			})
		}
	}
}

// sameOrder compares what was done. It compares the order too, when operations ran one after the other.
func sameOrder(got, want []string, parallel int) bool {
	if parallel > 1 {
		got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	}
	return slices.Equal(got, want)
}

// TestDecode: a request that is not a bulk request is refused as a whole.
func TestDecode(t *testing.T) {
	t.Parallel()
	schemas := `"schemas":["` + scim.BulkRequestURN + `"]`
	many := strings.TrimSuffix(strings.Repeat(`{},`, maxOperations+1), ",")
	for text, want := range map[string]int{
		`{"Operations":[{}]}`:                                    400,
		`{` + schemas + `}`:                                      400,
		`{` + schemas + `,"Operations":{}}`:                      400,
		`{` + schemas + `,"Operations":[]}`:                      400,
		`{` + schemas + `,"failOnErrors":0,"Operations":[{}]}`:   400,
		`{` + schemas + `,"failOnErrors":"1","Operations":[{}]}`: 400,
		`{` + schemas + `,"failOnErrors":1.5,"Operations":[{}]}`: 400,
		`{` + schemas + `,"Operations":[` + many + `]}`:          413,
		`{` + schemas + `,"operations":[{}],"FAILONERRORS":1}`:   0,
	} {
		_, err := bulk.Decode(scim.Strict, decode(t, text), maxOperations)
		got := 0
		if e, ok := errors.AsType[*scim.Error](err); ok {
			got = e.Status
		}
		if got != want {
			t.Errorf("Decode(%.80s) = %v, want %d", text, err, want)
		}
	}
}

// FuzzRun: whatever is sent, every operation is answered once, and no operation is carried out with an open reference.
func FuzzRun(f *testing.F) {
	f.Add(`[` + post("/Users", "a", managed("b")) + `,` + post("/Users", "b", managed("a")) + `,` + on("PATCH", "/Users/bulkId:a", `"path":"x[value eq \"bulkId:b\"]"`) + `]`)
	f.Add(`[{"method":"POST","path":"/Groups","bulkId":"g","data":{"members":[{"value":"bulkId:g"},"bulkId:g"]}}]`)
	f.Fuzz(func(t *testing.T, operations string) {
		object, err := scim.Decode([]byte(`{"Operations":` + operations + `}`))
		if err != nil {
			return
		}
		r, err := bulk.Decode(scim.Tolerant, object, maxOperations)
		if err != nil {
			return
		}
		s := new(server)
		if results := r.Run(t.Context(), 4, s.do); len(results) != len(r.Operations) {
			t.Errorf("%d results of %d operations", len(results), len(r.Operations))
		}
		made := 0
		for _, text := range s.done {
			if strings.HasPrefix(text, "POST ") {
				made++
			}
		}
		if made > len(r.Operations) {
			t.Errorf("%d resources made by %d operations", made, len(r.Operations))
		}
		if len(s.unresolved) > 0 {
			t.Errorf("references are left in %v", s.unresolved)
		}
	})
}
