package apptest

import (
	"slices"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// CallBridge is a bridge over a fake that counts calls.
type CallBridge struct {
	Bridge
	Fake *keycloaktest.Fake
}

// NewCallBridge is a bridge over a fake that counts calls.
func NewCallBridge(t *testing.T) CallBridge {
	t.Helper()
	fake := keycloaktest.NewFake(t)
	return CallBridge{Bridge: NewBridgeOn(t, fake.Server(), nil), Fake: fake}
}

// Calls are the calls of Keycloak that work makes, sorted, tokens aside.
func (b CallBridge) Calls(work func()) []string {
	b.Fake.ResetCalls()
	work()
	got := slices.DeleteFunc(b.Fake.Calls(), func(c string) bool { return c == "POST /token" })
	slices.Sort(got)
	return got
}

// CreateJane is the body of a user.
const CreateJane = `{"userName":"jane","title":"t"}`
