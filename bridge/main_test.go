package bridge_test

import (
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m, 160, 51_000) }
