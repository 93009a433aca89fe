package transfer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/transfer"
)

// provider answers requests one after the other, and counts them by their method and path.
type provider struct {
	answers map[string][]string // bodies by method and path, the last one for ever; "503" is that status
	calls   map[string]int
	bulk    []int // operations of each bulk request
}

func (p *provider) RoundTrip(req *http.Request) (*http.Response, error) {
	name := req.Method + " " + req.URL.Path
	if name == "POST /Bulk" {
		var body struct{ Operations []any }
		if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
			return nil, err
		}
		p.bulk = append(p.bulk, len(body.Operations))
	}
	list := p.answers[name]
	text, status := list[min(p.calls[name], len(list)-1)], http.StatusOK
	p.calls[name]++
	if text == "503" {
		text, status = "{}", http.StatusServiceUnavailable
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
}

// results is an answer to a bulk request with a status for each operation.
func results(statuses ...int) string {
	list := make([]string, len(statuses))
	for i, status := range statuses {
		list[i] = fmt.Sprintf(`{"status":"%d","location":"http://scim.test/Users/u%d","response":{"detail":"not now"}}`, status, i)
	}
	return `{"Operations":[` + strings.Join(list, ",") + `]}`
}

// TestAnImportSendsAgainWhatMayPass: only the operations that failed, after growing pauses, eight times at most.
func TestAnImportSendsAgainWhatMayPass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		answers      []string
		bulk         []int
		waited       time.Duration
		done, failed int
	}{
		{"an outage", []string{"503", "503", results(201, 201, 201)}, []int{3, 3, 3}, 3 * time.Second, 3, 0},
		{"some operations", []string{results(201, 503, 429), results(503, 201), results(201)}, []int{3, 2, 1}, 3 * time.Second, 3, 0},
		{"one that stays", []string{results(201, 503, 201), results(503)}, []int{3, 1, 1, 1, 1, 1, 1, 1}, 63 * time.Second, 2, 1},
		{"one that is refused", []string{results(201, 400, 201)}, []int{3}, 0, 2, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			journal := filepath.Join(t.TempDir(), "journal")
			synctest.Test(t, func(t *testing.T) {
				p := &provider{calls: map[string]int{}, answers: map[string][]string{
					"GET /ServiceProviderConfig": {`{"bulk":{"maxOperations":100,"maxPayloadSize":100000}}`}, "POST /Bulk": c.answers,
				}}
				i := transfer.Importer{
					Client:  &client.Client{Base: "http://scim.test", HTTP: &http.Client{Transport: p}},
					Advance: func(int, int) {}, Report: func(transfer.Unimported) {},
				}
				rows := strings.NewReader("userName\njane\nbob\nalice\n")
				began := time.Now()
				done, failed, err := i.Run(t.Context(), transfer.File{In: rows, Format: transfer.FormatCSV}, journal, "http://scim.test")
				if err != nil || done != c.done || failed != c.failed || fmt.Sprint(p.bulk) != fmt.Sprint(c.bulk) || time.Since(began) != c.waited {
					t.Errorf("%d done, %d not, %v, requests of %v operations in %s; want %d, %d, %v in %s", done, failed, err, p.bulk, time.Since(began), c.done, c.failed, c.bulk, c.waited)
				}
			})
		})
	}
}

// TestAnExportAsksAgainForAPage, and ends when nobody answers.
func TestAnExportAsksAgainForAPage(t *testing.T) {
	t.Parallel()
	page := `{"totalResults":1,"Resources":[{"id":"u1","userName":"jane","meta":{}}]}`
	for _, c := range []struct {
		answers []string
		calls   int
		out     string
	}{
		{[]string{"503", "503", page}, 3, `{"id":"u1","userName":"jane"}` + "\n"},
		{[]string{"503"}, 8, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &provider{calls: map[string]int{}, answers: map[string][]string{"GET /Users": c.answers}}
			var out bytes.Buffer
			e := transfer.Exporter{Client: &client.Client{Base: "http://scim.test", HTTP: &http.Client{Transport: p}}, Out: &out, Advance: func(int, int) {}}
			err := e.Export(t.Context(), "/Users", 100)
			if p.calls["GET /Users"] != c.calls || out.String() != c.out || (err == nil) != (c.out != "") {
				t.Errorf("%d calls, %q, %v; want %d and %q", p.calls["GET /Users"], out.String(), err, c.calls, c.out)
			}
		})
	}
}
