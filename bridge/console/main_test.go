package console_test

import (
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m, 1, 250) }
