package tenant_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// TestTheLastErrorOutlivesALaterSuccess, and requests that end out of order do not hide a later
// one.
func TestTheLastErrorOutlivesALaterSuccess(t *testing.T) {
	t.Parallel()
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	request := func(second, status int, code string) tenant.Request {
		return tenant.Request{At: at.Add(time.Duration(second) * time.Second), Client: "idp", Method: "GET", Route: "/Users", Status: status, Code: code}
	}
	var a tenant.Activity
	if last, failed := a.Last("acme"); last != nil || failed != nil {
		t.Errorf("before any request the last are %v and %v", last, failed)
	}
	a.Answered("other", request(9, 500, "internal"))
	a.Answered("acme", request(1, 200, ""))
	if last, failed := a.Last("acme"); last == nil || failed != nil {
		t.Errorf("after a success the last are %v and %v", last, failed)
	}
	for _, r := range []tenant.Request{request(3, 409, "value-taken"), request(5, 200, ""), request(2, 400, "filter-malformed"), request(4, 201, "")} {
		a.Answered("acme", r)
	}
	last, failed := a.Last("acme")
	if diff := cmp.Diff([]*tenant.Request{new(request(5, 200, "")), new(request(3, 409, "value-taken"))}, []*tenant.Request{last, failed}); diff != "" {
		t.Errorf("the last request and the last error (-want +got):\n%s", diff)
	}
	a.Forget("acme")
	if last, failed := a.Last("acme"); last != nil || failed != nil {
		t.Errorf("of a tenant that is gone the last are %v and %v", last, failed)
	}
}
