package app_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// This program embeds the bridge. Until an interrupt, the bridge answers on the listeners of its configuration, and
// applies changed files.
func ExampleNew() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c, problems := config.Load("acme/config.yaml")
	for _, p := range problems {
		fmt.Println(p)
	}
	if len(problems) > 0 {
		return
	}
	bridge, err := app.New(c, app.Options{Log: zap.NewExample(), Version: "1.0.0"})
	if err == nil {
		err = bridge.Serve(ctx)
	}
	if err != nil {
		fmt.Println(err)
	}
}
