package apptest

import (
	"slices"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// CallBridge is a bridge that uses a fake. The fake records its calls.
type CallBridge struct {
	Bridge
	Fake *keycloaktest.Fake
}

// NewCallBridge makes a bridge that uses a fake.
func NewCallBridge(t *testing.T) CallBridge {
	t.Helper()
	fake := keycloaktest.NewFake(t)
	return CallBridge{Bridge: NewBridgeOn(t, fake.Server(), nil), Fake: fake}
}

// Calls returns the calls to Keycloak that work makes, sorted and without requests for tokens.
func (b CallBridge) Calls(work func()) []string {
	b.Fake.ResetCalls()
	work()
	got := slices.DeleteFunc(b.Fake.Calls(), func(c string) bool { return c == "POST /token" })
	slices.Sort(got)
	return got
}

// CreateJane is the body of a request that creates a user.
const CreateJane = `{"userName":"jane","title":"t"}`
