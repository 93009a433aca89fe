package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// Run serves a configuration until the context ends, with the log level of the configuration. version is the
// program's version.
func Run(ctx context.Context, c config.Config, version string) error {
	log, err := observe.NewLog(string(c.Log.Level))
	if err != nil {
		return err
	}
	a, err := New(c, Options{Log: log, Version: version})
	if err != nil {
		return err
	}
	return a.Serve(ctx)
}

// Serve answers on the listeners of the configuration until the context ends, then lets running requests finish. Call
// it only once: it also ends what New began, even when it fails.
func (a *App) Serve(ctx context.Context) error {
	defer a.stopTracing(context.WithoutCancel(ctx))
	defer a.Close(context.WithoutCancel(ctx))
	c, log := a.inForce(), a.log
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
	a.Watcher.Check(ctx)
	if a.keeper != nil {
		a.keeper.start(ctx, time.Duration(c.Keycloak.ResponseTimeout))
	}
	log.Info("ready", zap.String("version", a.options.Version),
		zap.Stringer("scim", scimListener.Addr()), zap.Stringer("admin", adminListener.Addr()))
	g, gctx := errgroup.WithContext(ctx)
	scimServer := NewServer(a.Handler, time.Duration(c.Server.RequestTimeout))
	adminServer := NewServer(a.Health.Handler(), time.Minute)
	g.Go(func() error { return listen(scimServer, scimListener) })
	g.Go(func() error { return listen(adminServer, adminListener) })
	servers := []*http.Server{scimServer, adminServer}
	if socket != nil {
		controlServer := NewServer(a.Control(), max(time.Minute, time.Duration(c.Server.RequestTimeout)))
		servers = append(servers, controlServer)
		g.Go(func() error { return listen(controlServer, socket) })
	}
	g.Go(func() error { a.Watcher.Run(gctx); return nil })
	g.Go(func() error { a.Watcher.Follow(gctx); return nil })
	g.Go(func() error { return a.WatchFiles(gctx) })
	g.Go(func() error { a.warnOfExpiry(gctx); return nil })
	if a.keeper != nil {
		g.Go(func() error { a.keeper.run(gctx); return nil })
		g.Go(func() error { a.keeper.runPrune(gctx); return nil })
		g.Go(func() error { every(gctx, time.Minute, func() { a.saveIndexes(gctx, snapshotEvery) }); return nil })
		g.Go(func() error { a.runOthers(gctx); return nil })
	}
	g.Go(func() error { a.Service.MaintainIndexes(gctx, a.Watcher.Tenants, c.Index.Warm); return nil })
	g.Go(func() error {
		<-gctx.Done()
		a.Health.Drain()
		log.Info("draining")
		return drain(context.WithoutCancel(ctx), time.Duration(c.Server.DrainTimeout), servers...)
	})
	return g.Wait()
}

// stopTracing sends the last spans. A collector that does not accept them is no reason to fail.
func (a *App) stopTracing(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := a.Tracer.Stop(ctx); err != nil {
		a.log.Warn("the last traces are lost", zap.Error(err))
	}
}

// Control is the handler for the control socket, which an operator's commands use.
func (a *App) Control() http.Handler { return control.Handler(a.Admin, a.Operator) }

// MaxHeader is the maximum size of a request's headers, in bytes. A filter that is too long still fits, so its client
// gets a SCIM error.
const MaxHeader = 256 << 10

// NewServer makes a server with every timeout set: net/http sets no timeouts.
func NewServer(h http.Handler, timeout time.Duration) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       timeout,
		WriteTimeout:      timeout + 10*time.Second, // for the answer of a request that used all of its time
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    MaxHeader,
	}
}

func listen(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// drain waits for running requests. The SCIM server ends first, so that the health endpoint answers until the end.
func drain(ctx context.Context, limit time.Duration, servers ...*http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var err error
	for _, s := range servers {
		err = errors.Join(err, s.Shutdown(ctx))
	}
	return err
}
