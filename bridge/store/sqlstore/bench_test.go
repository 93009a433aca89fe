package sqlstore

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// twoKilobytes is a change whose documents have about a kilobyte each.
func twoKilobytes(n int) change.Change {
	c := userChange(fmt.Sprintf("user-%d", n))
	doc := func(title string) scim.Document {
		return scim.Document{
			"userName": c.Resource.ID, "active": true, "title": title, "externalId": fmt.Sprintf("00u%017d", n), "displayName": fmt.Sprintf("User Number %d", n), "name": map[string]any{"givenName": "User", "familyName": fmt.Sprintf("Number %d", n)},
			"emails":       []any{map[string]any{"value": fmt.Sprintf("user-%d@acme.test", n), "primary": true, "type": "work"}},
			"phoneNumbers": []any{map[string]any{"value": fmt.Sprintf("+49 89 %08d", n), "type": "work"}},
			"addresses":    []any{map[string]any{"streetAddress": fmt.Sprintf("Street %d", n), "locality": "Munich", "country": "DE", "type": "work"}},
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"department": "Research", "employeeNumber": fmt.Sprint(n), "costCenter": fmt.Sprint(n % 100)},
			"nickName": strings.Repeat("n", 300),
		}
	}
	c.Op, c.Before, c.After = change.Updated, doc("Clerk"), doc("Boss")
	return c
}

// BenchmarkChanges journals changes: an intent that is on the disk, and a settlement. It reports the bytes of the file
// for each change.
func BenchmarkChanges(b *testing.B) {
	for _, writers := range []int{1, 8, 16} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "store.db"), ring(b, seal.NewKey()))
			var g sync.WaitGroup
			work := make(chan int)
			b.ReportAllocs()
			b.ResetTimer()
			for range writers {
				g.Go(func() {
					for n := range work {
						c := twoKilobytes(n)
						if err := s.Intend(b.Context(), c); err != nil {
							b.Error(err)
						}
						c.Outcome = change.Done
						if err := s.Settle(b.Context(), c); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for n := range b.N {
				work <- n
			}
			close(work)
			g.Wait()
			if err := s.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			size, err := s.size(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(size)/float64(b.N), "bytes/change")
			b.ReportMetric(float64(s.w.commits)/float64(b.N), "commits/change")
			runtime.GC()
		})
	}
}
