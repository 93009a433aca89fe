package apptest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/server"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// BadRequest is a request that the bridge has to refuse.
type BadRequest struct {
	Method, Path, Body string
	Header             map[string]string
	Status             int
	ScimType           string
}

// ExpiredToken is a token that expired long ago.
func ExpiredToken() config.Token {
	return config.Token{Name: "expired", SHA256: sha256.Sum256([]byte("expired")), Expires: config.Expiry{Time: time.Unix(1, 0)}}
}

// Raw sends a request unchanged, without the corrections of the SCIM client.
func (b Bridge) Raw(t *testing.T, r BadRequest, ids *strings.Replacer) (int, http.Header, string) {
	t.Helper()
	path, query, _ := strings.Cut(r.Path, "?")
	req, err := http.NewRequestWithContext(t.Context(), r.Method, b.Base, strings.NewReader(ids.Replace(r.Body)))
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Opaque = "//" + req.URL.Host + req.URL.Path + ids.Replace(path)
	req.URL.RawQuery = query
	req.Header.Set("Authorization", "Bearer "+b.Token)
	req.Header.Set("Content-Type", "application/scim+json")
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	return Exchange(t, req)
}

// BulkOf is the body of a bulk request with the operations.
func BulkOf(members string, operations ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],` + members + `"Operations":[` + strings.Join(operations, ",") + `]}`
}

// BulkPost is an operation of a bulk request that creates a resource.
func BulkPost(endpoint, bulkID, data string) string {
	return fmt.Sprintf(`{"method":"POST","path":%q,"bulkId":%q,"data":%s}`, endpoint, bulkID, data)
}

// Bulk sends a bulk request, which has to succeed, and returns the results of its operations.
func (b Bridge) Bulk(t *testing.T, members string, operations ...string) []map[string]any {
	t.Helper()
	answer := b.Must(t, http.MethodPost, "/Bulk", BulkOf(members, operations...))
	list, _ := answer["Operations"].([]any)
	out := make([]map[string]any, len(list))
	for i, element := range list {
		out[i], _ = element.(map[string]any)
	}
	return out
}

// StatusesOf returns the statuses of results.
func StatusesOf(results []map[string]any) string {
	var out []string
	for _, r := range results {
		out = append(out, fmt.Sprint(r["status"]))
	}
	return strings.Join(out, " ")
}

// IDOf is the id in the location of a result.
func IDOf(t *testing.T, result map[string]any) string {
	t.Helper()
	location, _ := result["location"].(string)
	at := strings.LastIndexByte(location, '/')
	if at < 0 {
		t.Fatalf("a result without a location: %v", result)
	}
	return location[at+1:]
}

// ManagerOf is the id of a user's manager; "<nil>" for no manager.
func ManagerOf(user map[string]any) string {
	extension, _ := user["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"].(map[string]any)
	manager, _ := extension["manager"].(map[string]any)
	return fmt.Sprint(manager["value"])
}

// MemberIDs are the ids of a group's members, sorted.
func MemberIDs(group map[string]any) []string {
	list, _ := group["members"].([]any)
	var out []string
	for _, element := range list {
		member, _ := element.(map[string]any)
		out = append(out, fmt.Sprint(member["value"]))
	}
	slices.Sort(out)
	return out
}

// AtOnce sends the same request n times at once and counts the answers by status. Every success counts as 204.
func (b Bridge) AtOnce(t *testing.T, n int, method, path, body string) map[int]int {
	t.Helper()
	answers := make(chan int, n)
	var g errgroup.Group
	for range n {
		g.Go(func() error {
			var sent any
			if body != "" {
				sent = json.RawMessage(body)
			}
			_, err := b.Do(t.Context(), method, path, sent)
			status := http.StatusNoContent
			if err != nil {
				status = client.StatusOf(err)
			}
			answers <- status
			return nil
		})
	}
	_ = g.Wait() // it is always nil
	close(answers)
	out := map[int]int{}
	for status := range answers {
		out[status]++
	}
	return out
}

// EachTenant edits all tenants of a configuration.
func EachTenant(edit func(*config.Tenant)) func(*config.Config) {
	return func(c *config.Config) {
		for _, r := range c.Realms {
			for i := range r.Tenants {
				edit(&r.Tenants[i])
			}
		}
	}
}

// WantTaken sends a request that gives a user the externalId of another user, and returns the error detail.
func (b Bridge) WantTaken(t *testing.T, method, path, body string) string {
	t.Helper()
	detail := b.Refused(t, http.StatusConflict, method, path, body)
	if !strings.Contains(detail, "externalId") || !strings.Contains(detail, "[external-id-taken]") {
		t.Errorf("%s %s has the detail %q, want the externalId named", method, path, detail)
	}
	return detail
}

// Joined is a list of n parts; # in a part is replaced by its number.
func Joined(n int, part string) string {
	return strings.Join(Numbered(n, strings.ReplaceAll(part, "#", "%06[1]d")), ",")
}

// ListUsers is the route that lists users.
func ListUsers() server.Route { return server.Route{Method: http.MethodGet, Path: "/Users"} }

// People makes n users with bulk requests and returns their ids.
func (b Bridge) People(t *testing.T, n int, prefix string) []string {
	t.Helper()
	var ids []string
	for begin := 0; begin < n; begin += 1000 {
		var operations []string
		for i := begin; i < min(n, begin+1000); i++ {
			operations = append(operations, BulkPost("/Users", fmt.Sprint(i), fmt.Sprintf(`{"userName":"%s%05d"}`, prefix, i)))
		}
		for _, result := range b.Bulk(t, "", operations...) {
			ids = append(ids, IDOf(t, result))
		}
	}
	return ids
}

// MemberList is a JSON array of members.
func MemberList(ids []string) string {
	return `[{"value":"` + strings.Join(ids, `"},{"value":"`) + `"}]`
}

// CreateUsers creates the users from user0000 to user{n-1} that do not exist yet.
func CreateUsers(t *testing.T, b Bridge, n int) {
	t.Helper()
	have := b.Must(t, http.MethodGet, "/Users?count=0", "")
	first, err := strconv.Atoi(fmt.Sprint(have["totalResults"]))
	if err != nil {
		t.Fatal(err)
	}
	var g errgroup.Group
	g.SetLimit(16)
	for i := first; i < n; i++ {
		g.Go(func() error {
			_, err := b.Send(t, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":"user%04d","title":"T%d"}`, i, i%7))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// GetFrom sends a GET with a token, and returns the status and the body.
func GetFrom(t *testing.T, url, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	status, _, body := Exchange(t, req)
	return status, body
}

// Written removes the attributes that the service provider adds to a resource.
func Written(object map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range object {
		if name != "id" && name != "meta" && name != "schemas" {
			out[name] = value
		}
	}
	return out
}

// CoreUser is the member schemas of a user in a request body.
const CoreUser = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`

// PatchOp is the member schemas of a PATCH.
const PatchOp = `"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]`

// Numbered is a list of n texts, made with a format that takes a number.
func Numbered(n int, format string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(format, i)
	}
	return out
}

// Quoted is a text as a JSON string.
func Quoted(t *testing.T, text string) string {
	t.Helper()
	data, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// AbsentID is an id that no resource has.
const AbsentID = "00000000-0000-4000-8000-000000000000"

// Request is a request of a test. $ID represents an id that the test chooses. $OWN (a user of acme) or $GROUP
// is a resource that the request would change before it reaches $ID.
type Request struct{ Method, Path, Body string }

// PatchBody is the body of a PATCH with operations.
func PatchBody(ops string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + ops + `]}`
}
