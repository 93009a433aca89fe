package directory

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// scanPage is how many resources one call of a scan reads.
	scanPage = 50
	// scanTries limits how often a scan begins again because Keycloak counts more resources.
	scanTries = 2
	// scanTime limits a scan.
	scanTime = 2 * time.Hour
)

// scan reads everything into an index.
type scan struct {
	done        chan struct{}
	err         error // set when the scan is done
	read, total atomic.Int64
}

// newScan begins a scan. It continues when the request that asked for it has ended. The caller
// holds x.mu.
func newScan(x *keptIndex, s search) *scan {
	sc := &scan{done: make(chan struct{})}
	began, table, outdated := x.d.options.Now(), x.table, x.outdated
	x.searches = 0
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), scanTime)
		defer cancel()
		err := sc.run(ctx, x, s)
		x.mu.Lock()
		if x.table == table {
			x.read(s.view.Fitness.Protected)
		}
		switch {
		case x.table != table: // dropped meanwhile
		case err == nil && x.outdated == outdated:
			x.scannedAt, x.baseline = began, began
		case err == nil: // what was read may be older than writes that were not reported
		case errors.Is(err, ErrIndexFull):
			x.refusedAt = began
			x.empty()
		}
		x.scan, sc.err = nil, err
		x.mu.Unlock()
		x.d.options.ObserveScan(x.tenant, x.rt.Name, x.d.options.Now().Sub(began), err)
		close(sc.done)
	}()
	return sc
}

func (sc *scan) run(ctx context.Context, x *keptIndex, s search) error {
	var w *walk
	for range scanTries {
		var err error
		if w, err = sc.walk(ctx, x, s); err != nil {
			return err
		}
		if w.len() < scanPage {
			break // one call read all resources
		}
		total, err := s.count(ctx)
		if err != nil {
			return err
		}
		if total <= w.len() {
			break
		}
	}
	var unseen []string
	for _, id := range x.table.IDs() {
		if !w.seen(id) {
			unseen = append(unseen, id)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, id := range unseen {
		if !x.stale[id] { // gone, new or renamed meanwhile
			x.stale[id] = false
		}
	}
	return nil
}

// walk reads all pages in Keycloak's order.
func (sc *scan) walk(ctx context.Context, x *keptIndex, s search) (*walk, error) {
	w, total := newWalk(scanPage), 0
	for w.steady(total) {
		parts, err := x.readParts(ctx, s, w, total)
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			before := w.first
			if w.join(part.all, len(part.all) < scanPage) {
				return w, nil
			}
			if w.first < before {
				break
			}
		}
		sc.read.Store(int64(w.len()))
		if total == 0 {
			if total, err = s.count(ctx); err != nil {
				return nil, err
			}
		}
		sc.total.Store(int64(max(total, w.len()))) // Keycloak's count lacks users of a directory that it does not copy
	}
	return nil, UnsteadyError{"resources were deleted faster than they could be searched"}
}

func idsOf(items []item) []string {
	out := make([]string, len(items))
	for i := range items {
		out[i] = items[i].resource.ID
	}
	return out
}

// readParts reads the next page of a walk and stores what it holds. When a request waits and enough
// pages follow, it reads several pages.
func (x *keptIndex) readParts(ctx context.Context, s search, w *walk, total int) ([]part, error) {
	step := w.page - w.overlap
	x.mu.Lock()
	if x.dropped {
		x.mu.Unlock()
		return nil, UnsteadyError{"the configuration of the endpoint changed during the search"}
	}
	width := 1
	if x.waiting > 0 {
		width = min(parallel, max(1, (total-w.first+step-1)/step))
	}
	x.mu.Unlock()
	parts := make([]part, width)
	began := x.begin()
	g, ctx := errgroup.WithContext(ctx)
	for i := range parts {
		g.Go(func() (err error) {
			parts[i], err = s.read(ctx, w.first+i*step, w.page)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		x.abandon()
		return nil, err
	}
	var items []item
	for _, p := range parts {
		items = append(items, p.items...)
	}
	x.put(began, nil, items)
	if x.d.used.Load() > x.d.options.MaxMemory {
		return nil, ErrIndexFull
	}
	return parts, nil
}
