package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// heapPeak is by how many bytes the heap grew at most while work ran. The garbage collector runs after a growth of
// ten percent, so the result is mostly memory in use.
func heapPeak(work func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10)) //nolint:mnd // ten percent
	runtime.GC()
	before, most := heap(), int64(0)
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			most = max(most, heap())
			select {
			case <-done:
				return
			case <-time.After(200 * time.Microsecond):
			}
		}
	})
	work()
	close(done)
	watching.Wait()
	return most - before
}

func heap() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// filled is a body of at most size bytes: before, then unit up to most times, then behind. In unit, # is replaced by
// the number of the repetition.
func filled(size, most int, before, unit, behind string) string {
	var b strings.Builder
	b.WriteString(before)
	for n := range most {
		one := strings.ReplaceAll(unit, "#", fmt.Sprintf("%08d", n))
		if b.Len()+len(one)+len(behind)+1 > size {
			break
		}
		if n > 0 && unit[0] != '\\' {
			b.WriteByte(',')
		}
		b.WriteString(one)
	}
	b.WriteString(behind)
	return b.String()
}

const all = 1 << 30

// shape is a body of many parts.
type shape struct {
	method, path         string
	most                 int
	before, unit, behind string
}

// shapes are bodies that need much memory for size bytes.
func shapes(size int) map[string]shape {
	const user, end = `{"userName":"many","x":[`, `]}`
	const member = `{"value":"5f3c0d0e-4f2b-4c5e-9d3a-0000#"}`
	post := func(most int, before, unit, behind string) shape {
		return shape{"POST", "/Users", most, before, unit, behind}
	}
	bulk := func(most int, before, unit, behind string) shape {
		return shape{"POST", "/Bulk", most, `{"Operations":[` + before, unit, behind + `]}`}
	}
	return map[string]shape{
		"objects":                 post(all, user, `{"a":1}`, end),
		"objects, as many as may": post(49_000, user, `{"a":1}`, end),
		"padded objects":          post(49_000, user, `{"a":"`+strings.Repeat("x", size/49_000-12)+`"}`, end),
		"empty objects":           post(99_000, user, `{}`, end),
		"arrays":                  post(99_000, user, `[]`, end),
		"arrays of one":           post(49_000, user, `[1]`, end),
		"numbers":                 post(99_000, user, `1`, end),
		"deep":                    post(3_500, user, strings.Repeat("[", 28)+strings.Repeat("]", 28), end),
		"deep objects":            post(3_500, user, strings.Repeat(`{"a":`, 27)+"1"+strings.Repeat("}", 27), end),
		"escapes":                 post(all, `{"userName":"many","title":"`, `\u00e9`, `"}`),
		"a long text":             post(1, `{"userName":"many","title":"`, strings.Repeat("é", size/2-30), `"}`),
		"a long user name":        post(1, `{"userName":"`, strings.Repeat("é", size/2-30), `"}`),
		"a long name":             post(1, `{"userName":"many",`, `"`+strings.Repeat("é", size/2-30)+`":1`, `}`),
		"wide":                    post(99_000, `{"userName":"many","x":{`, `"a#":1`, `}}`),
		"wide at the top":         post(99_000, `{"userName":"many",`, `"a#":1`, `}`),
		"wide, with nulls":        post(99_000, `{"userName":"many","x":{"y":null,`, `"a#":1`, `}}`),
		"duplicate names":         post(all, user, `{"a":1,"A":1}`, end),
		"values":                  post(all, `{"userName":"many","phoneNumbers":[`, `{"value":"#"}`, end),
		"members":                 {"POST", "/Groups", 49_000, `{"displayName":"many","members":[`, member, end},
		"members put":             {"PUT", "/Groups/GROUP", 49_000, `{"displayName":"put","members":[`, member, end},
		"members removed":         {"PATCH", "/Groups/GROUP", 4_900, `{"Operations":[{"op":"remove","path":"members","value":[`, strings.Replace(member, "{", `{"display":"`+strings.Repeat("x", size/5000-60)+`",`, 1), `]}]}`}, // each needs a call to Keycloak
		"members patched":         {"PATCH", "/Groups/GROUP", 49_000, `{"Operations":[{"op":"add","path":"members","value":[`, member, `]}]}`},
		"an array of operations":  bulk(all, ``, `{"a":1}`, ``),
		"a bulk of one":           bulk(49_000, `{"method":"POST","path":"/Users","bulkId":"b","data":`+user, `{"a":1}`, `]}}`),
		"a bulk of members":       bulk(49_000, `{"method":"POST","path":"/Groups","bulkId":"b","data":{"displayName":"bulk","members":[`, member, `]}}`),
		"a bulk of users":         bulk(1000, ``, `{"method":"POST","path":"/Users","bulkId":"b#","data":{"userName":"b#","x":["`+strings.Repeat("é", size/2600)+`"`+strings.Repeat(`,{"a":1}`, 40)+`]}}`, ``),
		"a bulk of references":    bulk(49_000, `{"method":"POST","path":"/Users","bulkId":"u","data":{"userName":"referred"}},{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"g","members":[`, `{"value":"bulkId:u"}`, `]}}`),
		"a PATCH of many":         {"PATCH", "/Users/ID", 49_000, `{"Operations":[{"op":"add","value":{"x":[`, `{"a":1}`, `]}}]}`},
		"a PATCH of operations":   {"PATCH", "/Users/ID", 1000, `{"Operations":[`, `{"op":"add","path":"a#","value":[` + strings.Repeat(`{"a":1},`, 40) + `1]}`, `]}`},
		"a PATCH of texts": {
			"PATCH", "/Users/ID", 900, `{"Operations":[{"op":"replace","path":"title","value":"` + strings.Repeat("x", size/2) + `"},{"op":"add","path":"phoneNumbers","value":[`,
			`{"value":"#"}`, `]},{"op":"replace","path":"phoneNumbers.display","value":"` + strings.Repeat("x", size/3) + `"}]}`,
		},
		"a search": {"POST", "/Users/.search", 99_000, `{"count":1,"attributes":[`, `"a#"`, end},
	}
}

// TestSecurity_45_NoBodyUsesMoreThanItsMemory: a body and all that is made from it need at most 64 MiB, whatever its
// shape.
func TestSecurity_45_NoBodyUsesMoreThanItsMemory(t *testing.T) {
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
		c.Server.RequestTimeout = config.Duration(10 * time.Minute) // so that a slow machine also ends them
		for _, r := range c.Realms {
			r.Tenants[0].UnknownMembers = config.UnknownMembersIgnore
		}
	})
	ids := strings.NewReplacer("ID", b.Create(t, "/Users", `{"userName":"victim"}`), "GROUP", b.Create(t, "/Groups", `{"displayName":"victims"}`))
	for _, size := range []int{2 << 20, 4 << 20} {
		for name, of := range shapes(size) {
			if size > 2<<20 && of.path != "/Bulk" {
				continue
			}
			a := apptest.Request{Method: of.method, Path: ids.Replace(of.path), Body: filled(size, of.most, of.before, of.unit, of.behind)}
			var status int
			var answer string
			grew := heapPeak(func() { status, answer = straight(t, b, a) })
			t.Logf("%-25s %8d bytes: %3d MiB, %d %.120s", name, len(a.Body), grew>>20, status, answer)
			if grew > 64<<20 || status >= 500 {
				t.Errorf("%s: a body of %d bytes needs %d MiB and gets the answer %d %.200s", name, len(a.Body), grew>>20, status, answer)
			}
		}
	}
}

// straight sends a body directly to the handler, so that no HTTP client or server holds a copy.
func straight(t *testing.T, b apptest.Bridge, a apptest.Request) (int, string) {
	t.Helper()
	req := httptest.NewRequestWithContext(context.WithoutCancel(t.Context()), a.Method, b.Base+a.Path, strings.NewReader(a.Body))
	req.Header.Set("Authorization", "Bearer "+b.Token)
	req.Header.Set("Content-Type", "application/scim+json")
	w := &counting{header: http.Header{}}
	b.App.Handler.ServeHTTP(w, req)
	return w.status, w.head.String()
}

// counting drops an answer, except its beginning.
type counting struct {
	header http.Header
	status int
	head   strings.Builder
}

func (w *counting) Header() http.Header    { return w.header }
func (w *counting) WriteHeader(status int) { w.status = status }
func (w *counting) Write(data []byte) (int, error) {
	w.head.Write(data[:min(len(data), max(0, 300-w.head.Len()))])
	return io.Discard.Write(data)
}

// TestSecurity_45_AllBodiesTakeHalfOfTheMemory: many requests run at the same time. A request for which there is no
// memory gets 503 at once. No tenant can use all of the memory, and each tenant is served later.
func TestSecurity_45_AllBodiesTakeHalfOfTheMemory(t *testing.T) {
	const limit = 512 << 20
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit))
	fake := keycloaktest.NewFake(t)
	c := apptest.NewCustomers(t, fake.Server(), nil)
	of := shapes(2 << 20)["a PATCH of many"]
	body := filled(2<<20, of.most, of.before, of.unit, of.behind)
	ids := map[string]string{}
	for alias, b := range c.Of {
		ids[alias] = b.Create(t, "/Users", `{"userName":"user-`+alias+`"}`)
	}
	const each = 6
	release := make(chan struct{})
	fake.Inject(keycloaktest.Fault{Hold: release})
	statuses := map[string]map[int]int{}
	var mu sync.Mutex
	var answered sync.WaitGroup
	refused := make(chan struct{}, 2*each)
	grew := heapPeak(func() {
		for alias, b := range c.Of {
			statuses[alias] = map[int]int{}
			for range each {
				answered.Go(func() {
					status, _ := straight(t, b, apptest.Request{Method: "PATCH", Path: "/Users/" + ids[alias], Body: body})
					if status == http.StatusServiceUnavailable {
						refused <- struct{}{}
					}
					mu.Lock()
					defer mu.Unlock()
					statuses[alias][status]++
				})
			}
		}
		for range 2*each - 4 { // four requests have memory, two of each tenant
			<-refused
		}
		fake.ClearFaults()
		close(release)
		answered.Wait()
	})
	t.Logf("%d bodies at once need %d MiB and get the answers %v", 2*each, grew>>20, statuses)
	for alias, of := range statuses {
		if of[http.StatusBadRequest] != 2 || of[http.StatusServiceUnavailable] != each-2 {
			t.Errorf("%s gets %v, want 2 answers 400 for their content and the others 503", alias, of)
		}
	}
	if grew > limit/2 {
		t.Errorf("%d bodies at once need %d MiB, want at most %d", 2*each, grew>>20, limit/2>>20)
	}
	for alias, b := range c.Of {
		if status, answer := straight(t, b, apptest.Request{Method: "PATCH", Path: "/Users/" + ids[alias], Body: body}); status != http.StatusBadRequest {
			t.Errorf("%s: later the answer is %d %s", alias, status, answer)
		}
		b.Must(t, http.MethodPatch, "/Users/"+ids[alias], apptest.PatchBody(`{"op":"replace","path":"title","value":"t"}`))
	}
}
