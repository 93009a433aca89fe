package app

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestTheAuditRecordOfAChange compares the record byte for byte. It is written after the change has ended, and
// contains no value.
func TestTheAuditRecordOfAChange(t *testing.T) {
	t.Parallel()
	c := change.Change{
		Actor: change.Actor{Kind: "client", Name: "entra", KeyID: "k7QdM2xP"}, Origin: change.Request, Tenant: "acme", Realm: "acme", Op: change.Deactivated,
		Resource: change.Resource{Type: "User", ID: "5d0f"}, Before: scim.Document{"userName": "jane"}, After: scim.Document{"userName": "jane"},
		MembersAdded: []string{"x"}, Steps: []string{"update_user 5d0f [enabled attributes]", "end_sessions 5d0f"}, Done: 2, Outcome: change.Done,
	}
	failed, empty, namesake := c, c, c
	namesake.Actor.Name = "operator" // a credential with the name "operator"
	failed.Done, failed.Outcome, failed.Reason = 1, change.Failed, "end_sessions: unknown"
	empty.Actor, empty.Resource.ID, empty.Steps, empty.Done = change.Actor{Kind: "operator", Name: "operator"}, "", []string{}, 0
	for want, one := range map[string]change.Change{
		`{"level":"info","logger":"audit","msg":"write","req_id":"f2c9","tenant":"acme","actor":"client","client":"entra","key_id":"k7QdM2xP","resource":"User","id":"5d0f","plan":["update_user 5d0f [enabled attributes]","end_sessions 5d0f"],"done":2,"result":"done","trace_id":"4bf9"}`:                                    c,
		`{"level":"info","logger":"audit","msg":"write","req_id":"f2c9","tenant":"acme","actor":"client","client":"entra","key_id":"k7QdM2xP","resource":"User","id":"5d0f","plan":["update_user 5d0f [enabled attributes]","end_sessions 5d0f"],"done":1,"result":"failed","reason":"end_sessions: unknown","trace_id":"4bf9"}`: failed,
		`{"level":"info","logger":"audit","msg":"write","req_id":"f2c9","tenant":"acme","actor":"client","client":"operator","key_id":"k7QdM2xP","resource":"User","id":"5d0f","plan":["update_user 5d0f [enabled attributes]","end_sessions 5d0f"],"done":2,"result":"done","trace_id":"4bf9"}`:                                 namesake,
		`{"level":"info","logger":"audit","msg":"write","req_id":"f2c9","tenant":"acme","actor":"operator","client":"operator","key_id":"","resource":"User","id":"","plan":[],"done":0,"result":"done","trace_id":"4bf9"}`:                                                                                                      empty,
	} {
		var out strings.Builder
		encoder := zap.NewProductionEncoderConfig()
		encoder.TimeKey = ""
		a := audit{zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.AddSync(&out), zap.InfoLevel))}
		ctx := observe.WithRequest(context.Background(), &observe.Request{ID: "f2c9", TraceID: "4bf9"})
		intent, err := a.Intend(ctx, one)
		if err != nil || out.Len() > 0 {
			t.Fatalf("before it is made: %v, %s", err, out.String())
		}
		if err := intent.Settle(ctx, one, errors.New("for the log of the request")); err != nil || strings.TrimSpace(out.String()) != want {
			t.Errorf("%v\n%s, want\n%s", err, out.String(), want)
		}
	}
}
