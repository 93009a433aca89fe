package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

func newServe() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "serve", Short: "Answer SCIM requests until SIGTERM", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd, file)
			if err != nil {
				return err
			}
			log, err := observe.NewLog(string(c.Log.Level))
			if err != nil {
				return err
			}
			return serve(cmd.Context(), c, log)
		},
	}
	configFlag(cmd, &file)
	return cmd
}

// serve runs both listeners until the context ends, then lets requests finish.
func serve(ctx context.Context, c config.Config, log *zap.Logger) error {
	app, err := newApp(c, log, time.Now)
	if err != nil {
		return err
	}
	var listenConfig net.ListenConfig
	scimListener, err := listenConfig.Listen(ctx, "tcp", string(c.Server.Listen))
	if err != nil {
		return fmt.Errorf("server.listen: %w", err)
	}
	adminListener, err := listenConfig.Listen(ctx, "tcp", string(c.Admin.Listen))
	if err != nil {
		return errors.Join(fmt.Errorf("admin.listen: %w", err), scimListener.Close())
	}
	var socket net.Listener
	if c.Admin.Socket != "" {
		if socket, err = control.Listen(ctx, c.Admin.Socket); err != nil {
			return errors.Join(fmt.Errorf("admin.socket: %w", err), scimListener.Close(), adminListener.Close())
		}
	}
	app.watcher.Look(ctx)
	log.Info("ready", zap.String("version", buildVersion()),
		zap.Stringer("scim", scimListener.Addr()), zap.Stringer("admin", adminListener.Addr()))
	g, gctx := errgroup.WithContext(ctx)
	scimServer := newServer(app.handler, time.Duration(c.Server.RequestTimeout))
	adminServer := newServer(app.health.Handler(), time.Minute)
	g.Go(func() error { return listen(scimServer, scimListener) })
	g.Go(func() error { return listen(adminServer, adminListener) })
	servers := []*http.Server{scimServer, adminServer}
	if socket != nil {
		controlServer := newServer(app.control(), max(time.Minute, time.Duration(c.Server.RequestTimeout)))
		servers = append(servers, controlServer)
		g.Go(func() error { return listen(controlServer, socket) })
	}
	g.Go(func() error { app.watcher.Run(gctx); return nil })
	g.Go(func() error { app.watcher.Follow(gctx); return nil })
	g.Go(func() error { return app.watchFiles(gctx) })
	g.Go(func() error { app.warnOfExpiry(gctx); return nil })
	g.Go(func() error { app.service.KeepIndexes(gctx, app.watcher.Tenants, c.Index.Warm); return nil })
	g.Go(func() error {
		<-gctx.Done()
		app.health.Drain()
		log.Info("draining")
		defer app.stopTracing(context.WithoutCancel(ctx))
		return drain(context.WithoutCancel(ctx), time.Duration(c.Server.DrainTimeout), servers...)
	})
	return g.Wait()
}

// stopTracing sends the last spans. A collector that does not take them is no reason to fail.
func (a *app) stopTracing(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := a.tracer.Stop(ctx); err != nil {
		a.log.Warn("the last traces are lost", zap.Error(err))
	}
}

// control is what the commands of an operator reach.
func (a *app) control() http.Handler {
	return control.Handler(a.watcher.Tenants, a.watcher.Wake, a.adopt, audited{a.service.Brake(), a.log}, a.revoke, a.operator)
}

// revoke takes a token of an organization back, and has the next look, which voids it, begin at
// once.
func (a *app) revoke(ctx context.Context, name, revocation string) error {
	client := a.watcher.Realms.Client(name)
	if client == nil {
		return fmt.Errorf("the bridge that runs here serves no realm %q", name)
	}
	if err := realm.Revoke(ctx, client, revocation, time.Now()); err != nil {
		return err
	}
	organization, keyID := realm.DescribeRevocation(revocation)
	a.log.Warn("the operator revoked a token of an organization", zap.String("realm", name), zap.String("organization", organization), zap.String("key_id", keyID))
	a.watcher.Wake()
	return nil
}

// audited is a brake that the log tells of when an operator lifts it.
type audited struct {
	control.Brake

	log *zap.Logger
}

// Lift implements control.Brake.
func (b audited) Lift(t *tenant.Tenant) {
	b.Brake.Lift(t)
	b.log.Warn("the operator lifted the removal brake", zap.String("tenant", t.Path), zap.String("brake", b.State(t)))
}

// maxHeader takes a filter that is too long, so that it gets a SCIM error.
const maxHeader = 256 << 10

// newServer makes a server with every timeout set: net/http has none.
func newServer(h http.Handler, timeout time.Duration) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       timeout,
		WriteTimeout:      timeout + 10*time.Second, // the answer of a request that took its whole time
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
	}
}

func listen(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// drain waits for requests in flight, the SCIM ones first: health is told to the
// last.
func drain(ctx context.Context, limit time.Duration, servers ...*http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var err error
	for _, s := range servers {
		err = errors.Join(err, s.Shutdown(ctx))
	}
	return err
}
