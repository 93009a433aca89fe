package sqlstore

import (
	"bytes"
	"sync"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// queue holds the rows of requests, and the counts of requests without a row, until a commit takes them. Nobody waits
// for it.
type queue struct {
	wake    chan struct{} // something waits that did not wait before
	leisure time.Duration // see leisurely; tests change it

	mu      sync.Mutex
	rows    []*act // oldest first
	size    int64  // of the rows
	of      map[string]held
	counts  map[tally]int64
	noted   time.Time // when the counts were last written
	asked   bool      // somebody waits for the counts, see due
	paused  time.Time // until then nothing is written, after a failure
	pushed  int64     // the number of rows that ever waited
	popped  int64     // the number of rows that no longer wait
	dropped int64
	closed  bool
}

// held is what the rows of one tenant use of the queue.
type held struct{ rows, size int64 }

// Bounds of the queue. Its rows are those of two seconds of the fastest bridge.
const (
	maxQueued      = 8192
	maxQueuedBytes = 16 << 20
	maxCounts      = 10_000
	// leisurely is how long a row waits for a commit of something else.
	leisurely = 200 * time.Millisecond
	// Counts are written with a commit of something else after countsMay, and by themselves after countsMust.
	countsMay  = 10 * time.Second
	countsMust = time.Minute
	// pause is how long no row is written after a failure: meanwhile each batch would be written part by part.
	pause = time.Second
	// maxNamed is the most identifiers that one commit writes: others wait for the commit.
	maxNamed = 1000
)

// act is a row that waits.
type act struct {
	store.Activity

	id, of, change []byte
	text           []byte // the compressed document, not sealed; nil for none
	named          []store.Identifier
	at             time.Time // when it began to wait
}

// sizeOf is about what a row uses in memory.
func (a *act) sizeOf() int64 { return store.RowSize + int64(len(a.text)) }

// newAct prepares a row. It compresses the document, so that the writer need not.
func newAct(a store.Activity) (*act, error) {
	bounded, text, named := a.Bounded()
	out := &act{Activity: bounded, named: named, at: time.Now()}
	out.Document, out.Detail = nil, ""
	var err error
	if out.id, err = idBytes(change.ID(a.ID)); err != nil {
		return nil, err
	}
	if a.Of != "" {
		if out.of, err = idBytes(change.ID(a.Of)); err != nil {
			return nil, err
		}
	}
	if a.Change != "" {
		if out.change, err = idBytes(a.Change); err != nil {
			return nil, err
		}
	}
	if text != nil {
		var b bytes.Buffer
		err = compress(&b, text)
		out.text = b.Bytes()
	}
	return out, err
}

func newQueue() *queue {
	return &queue{wake: make(chan struct{}, 1), leisure: leisurely, of: map[string]held{}, counts: map[tally]int64{}, noted: time.Now()}
}

// push adds a row, or drops it. A tenant may use as much of the queue as is free: when only one tenant has rows, it gets half of the queue, and
// there is always room for another one.
func (q *queue) push(a *act) {
	q.mu.Lock()
	defer q.mu.Unlock()
	own, size := q.of[a.Tenant], a.sizeOf()
	if q.closed || own.rows >= maxQueued-int64(len(q.rows)) || own.size+size > maxQueuedBytes-q.size {
		q.dropped++
		return
	}
	q.rows, q.size = append(q.rows, a), q.size+size
	q.of[a.Tenant] = held{own.rows + 1, own.size + size}
	q.pushed++
	if len(q.rows) == 1 {
		q.tell()
	}
}

// drop counts a row that cannot be written.
func (q *queue) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped++
}

func (q *queue) tell() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// count counts a request without a row.
func (q *queue) count(t tally) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, known := q.counts[t]
	if q.closed || !known && len(q.counts) >= maxCounts {
		q.dropped++
		return
	}
	q.counts[t] = n + 1
	if len(q.counts) == 1 {
		q.tell()
	}
}

// take returns what the next commit may write: rows, which stay in the queue until pop, and counts, which do not. all
// says that the counts are written whatever their age.
func (q *queue) take(now time.Time, all bool) (rows []*act, counts map[tally]int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Before(q.paused) && !all {
		return nil, nil
	}
	n, named := 0, 0
	for n < len(q.rows) && n < maxBatch && named < maxNamed {
		named += len(q.rows[n].named)
		n++
	}
	if len(q.counts) > 0 && (all || q.asked || now.Sub(q.noted) >= countsMay) {
		counts, q.counts = q.counts, map[tally]int64{}
	}
	q.asked = false
	return q.rows[:n:n], counts
}

// ended says how the commit of what take returned ended. lost says that the rows are at fault, so that they are dropped.
func (q *queue) ended(n int, counts map[tally]int64, now time.Time, err error, lost bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case err == nil:
		if counts != nil {
			q.noted = now
		}
	case lost:
		q.dropped += int64(n + len(counts))
		q.paused = now.Add(pause)
	default:
		q.paused = now.Add(pause)
		for t, n := range counts {
			q.counts[t] += n
		}
		return
	}
	for i, a := range q.rows[:n] {
		own, size := q.of[a.Tenant], a.sizeOf()
		q.size -= size
		if own = (held{own.rows - 1, own.size - size}); own.rows == 0 {
			delete(q.of, a.Tenant)
		} else {
			q.of[a.Tenant] = own
		}
		q.rows[i] = nil // for the garbage collector
	}
	q.rows = q.rows[n:]
	q.popped += int64(n)
}

// wait is how long what waits may wait for a commit of something else; ok is false when nothing waits. urgent says that
// somebody waits for the rows.
func (q *queue) wait(now time.Time, urgent bool) (d time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.rows) > 0 && urgent:
	case len(q.rows) > 0:
		d = q.rows[0].at.Add(q.leisure).Sub(now)
	case len(q.counts) > 0:
		d = q.noted.Add(countsMust).Sub(now)
	default:
		return 0, false
	}
	return max(0, d, q.paused.Sub(now)), true
}

// due makes the counts due for the next commit.
func (q *queue) due() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked = true
}

// waits reports how much waits, and the number of rows that ever waited.
func (q *queue) waits() (n int, pushed int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.rows) + len(q.counts), q.pushed
}

// done reports whether the first rows no longer wait.
func (q *queue) done(first int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.popped >= first
}

// close refuses further rows.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

func (q *queue) losses() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
