package index_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory/index"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// users is a table of n ordinary users.
func users(tb testing.TB, n int) *index.Table {
	tb.Helper()
	rt := scim.UserType()
	table := index.New(rt, "https://bridge.test/scim/v2")
	var batch []index.Resource
	for i := range n {
		// Real ids have no order.
		id := fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(i)*2654435761, i)
		given, family := strings.Repeat("G", 3+i%7), fmt.Sprintf("Family%d", i%9973)
		doc := scim.Document{
			"userName": fmt.Sprintf("%s.%d@acme.example.com", given, i), "externalId": fmt.Sprintf("00u%017d", i), "active": i%20 > 0,
			"displayName": given + " " + family, "title": fmt.Sprintf("Title %d", i%300),
			"name":   map[string]any{"givenName": given, "familyName": family},
			"emails": []any{map[string]any{"value": fmt.Sprintf("%s.%d@acme.example.com", given, i), "type": "work", "primary": true}},
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{
				"department": fmt.Sprintf("Department %d", i%40), "employeeNumber": fmt.Sprint(i),
			},
		}
		batch = append(batch, index.Resource{ID: id, Object: rt.Object(scim.Resource{ID: id, Document: doc}, "https://bridge.test/scim/v2")})
		if len(batch) == 50 || i == n-1 {
			table.Put(batch...)
			batch = batch[:0]
		}
	}
	return table
}

// TestMemory checks the limit of the design: 500 bytes a user.
func TestMemory(t *testing.T) {
	t.Parallel()
	const n, bound = 20_000, 500
	table := users(t, n)
	for _, by := range []string{"userName", "name.familyName", "title"} {
		s, err := filter.ParseSort(by, "", scim.UserType())
		if err != nil {
			t.Fatal(err)
		}
		table.Find(index.Query{Sort: s, Count: 1})
	}
	if got := table.Bytes() / n; got > bound {
		t.Errorf("a user takes %d bytes, want at most %d", got, bound)
	} else {
		t.Logf("%d bytes a user", got)
	}
}

func BenchmarkFind(b *testing.B) {
	rt, table := scim.UserType(), users(b, 100_000)
	b.Logf("%d bytes a user", table.Bytes()/table.Len())
	for _, text := range []string{
		"", `userName co "77"`, `userName sw "ggg" and active eq true`, `title eq "Title 7"`, `not (title pr) or displayName ew "99"`,
		`emails[type eq "work" and value co "123"]`, `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department ne "Department 3"`,
	} {
		for _, by := range []string{"", "name.familyName"} {
			b.Run(text+" by "+by, func(b *testing.B) {
				s, err := filter.ParseSort(by, "", rt)
				if err != nil {
					b.Fatal(err)
				}
				q := index.Query{Sort: s, Count: 100, Skip: 500}
				if text != "" {
					if q.Filter, err = filter.Parse(text, rt); err != nil {
						b.Fatal(err)
					}
				}
				for b.Loop() {
					table.Find(q)
				}
			})
		}
	}
}
