package bulk_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/bulk"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/growth"
)

// TestRunIsLinear: with any references, twice the operations are twice the work.
func TestRunIsLinear(t *testing.T) {
	for name, of := range map[string]func(i, n int) string{
		"alone":            func(i, _ int) string { return post("/Users", fmt.Sprint(i), ``) },
		"each to the next": func(i, n int) string { return post("/Users", fmt.Sprint(i), managed(fmt.Sprint(min(i+1, n-1)))) },
		"circles of two":   func(i, _ int) string { return post("/Users", fmt.Sprint(i), managed(fmt.Sprint(i^1))) },
		"one circle":       func(i, n int) string { return post("/Users", fmt.Sprint(i), managed(fmt.Sprint((i+1)%n))) },
		"creations behind a deletion": func(i, _ int) string {
			if i%2 == 0 {
				return on(http.MethodDelete, fmt.Sprintf("/Users/%d", i), "")
			}
			return post("/Users", fmt.Sprint(i), ``)
		},
		"all change one": func(i, _ int) string {
			return on(http.MethodPatch, "/Users/one", fmt.Sprintf(`"Operations":[{"op":"add","path":"manager","value":"%d"}]`, i))
		},
		"all name one that another changes": func(i, _ int) string {
			if i == 0 {
				return on(http.MethodDelete, "/Users/one", "")
			}
			return on(http.MethodPatch, fmt.Sprintf("/Users/%d", i), `"Operations":[{"op":"add","path":"manager","value":"one"}]`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			growth.Linear(t, 4000, func(n int) func() {
				operations := make([]any, n)
				for i := range operations {
					operations[i] = decode(t, of(i, n))
				}
				return func() {
					r, err := bulk.Decode(scim.Tolerant, map[string]any{"Operations": operations}, n)
					if err != nil {
						t.Fatal(err)
					}
					results := r.Run(t.Context(), 1, func(_ context.Context, op bulk.Operation) bulk.Result {
						if op.Refused != nil {
							t.Fatal(op.Refused)
						}
						return bulk.Result{ID: "id-" + op.BulkID}
					})
					if len(results) != n {
						t.Fatalf("%d results", len(results))
					}
				}
			})
		})
	}
}
