package directory

import (
	"context"
	"hash/maphash"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

const (
	// scanPage is what one call of a scan reads.
	scanPage = 50
	// overlap is how much of it the call before has read too.
	overlap = 5
	// scanTries bounds how often a scan begins again because Keycloak counts more.
	scanTries = 2
	// scanTime bounds a scan.
	scanTime = 2 * time.Hour
)

// scan reads everything into an index.
type scan struct {
	done        chan struct{}
	err         error // once it is done
	read, total atomic.Int64
}

// newScan begins one, which goes on when the request that asked for it has ended. x.mu is held.
func newScan(x *shelf, s search) *scan {
	sc := &scan{done: make(chan struct{})}
	began, table := x.d.options.Now(), x.table
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), scanTime)
		defer cancel()
		err := sc.run(ctx, x, s)
		x.mu.Lock()
		switch {
		case x.table != table: // dropped meanwhile
		case err == nil:
			x.scannedAt = began
		case tooMany(err):
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

func (sc *scan) run(ctx context.Context, x *shelf, s search) error {
	var seen seen
	for range scanTries {
		var err error
		if seen, err = sc.walk(ctx, x, s); err != nil {
			return err
		}
		if len(seen.hashes) < scanPage {
			break // one call read all
		}
		total, err := s.count(ctx)
		if err != nil {
			return err
		}
		if total <= len(seen.hashes) {
			break
		}
	}
	var unseen []string
	for _, id := range x.table.IDs() {
		if !seen.has(id) {
			unseen = append(unseen, id)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, id := range unseen {
		x.dirty[id] = true // gone, or new, or renamed meanwhile
	}
	return nil
}

// seen are the ids that a scan has read.
type seen struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
}

func (s seen) has(id string) bool {
	_, ok := s.hashes[maphash.String(s.seed, id)]
	return ok
}

func (s seen) add(items []item) {
	for _, i := range items {
		s.hashes[maphash.String(s.seed, i.resource.ID)] = struct{}{}
	}
}

func (s seen) hasAny(items []item) bool {
	return slices.ContainsFunc(items, func(i item) bool { return s.has(i.resource.ID) })
}

// walk reads all pages in Keycloak's order. Each must hold something of those before it, else
// others were deleted there and it would skip what moved up: then it steps back.
func (sc *scan) walk(ctx context.Context, x *shelf, s search) (seen, error) {
	const steps, each = 20, 4 // of each page, which may move a few times
	out, total := seen{maphash.MakeSeed(), map[uint64]struct{}{}}, scanPage
	for step, first := 0, 0; step < steps+each*total/scanPage; step++ {
		parts, err := x.readParts(ctx, s, first, total-first)
		if err != nil {
			return out, err
		}
		next, done := out.join(parts, first)
		sc.read.Store(int64(len(out.hashes)))
		if done {
			return out, nil
		}
		first = next
		if total == scanPage {
			if total, err = s.count(ctx); err != nil {
				return out, err
			}
			sc.total.Store(int64(total))
		}
	}
	return out, &scim.Error{
		Status: http.StatusServiceUnavailable, RetryAfter: 1,
		Detail: "resources were deleted faster than they could be searched; try again",
	}
}

// join takes pages that begin at an offset, and says where to go on, or that all were read.
func (s seen) join(parts [][]item, first int) (next int, done bool) {
	for _, part := range parts {
		if first > 0 && !s.hasAny(part) {
			return max(0, first-scanPage), false
		}
		s.add(part)
		if len(part) < scanPage {
			return 0, true
		}
		first += scanPage - overlap
	}
	return first, false
}

// readParts reads a page at an offset, and those behind it when somebody waits for them and
// about so many are left, and stores what they hold.
func (x *shelf) readParts(ctx context.Context, s search, first, left int) ([][]item, error) {
	x.mu.Lock()
	width := 1
	if x.waiting > 0 {
		width = min(parallel, max(1, (left+scanPage-overlap-1)/(scanPage-overlap)))
	}
	x.mu.Unlock()
	parts := make([][]item, width)
	began := x.begin()
	g, ctx := errgroup.WithContext(ctx)
	for i := range parts {
		g.Go(func() (err error) {
			parts[i], err = s.read(ctx, first+i*(scanPage-overlap), scanPage)
			return err
		})
	}
	err := g.Wait()
	if err != nil {
		x.abandon()
		return nil, err
	}
	x.put(began, nil, slices.Concat(parts...))
	if x.d.used.Load() > x.d.options.MaxMemory {
		return nil, s.refuse()
	}
	return parts, nil
}
