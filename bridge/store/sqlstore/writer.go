package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// writer is the one goroutine that writes to the database. It joins what many callers write at the same time into one
// commit, because a commit costs as much for one change as for a hundred.
type writer struct {
	s    *Store
	db   *sql.DB
	conn *sql.Conn

	statements map[string]*sql.Stmt

	jobs chan *job
	kick chan struct{} // settlements wait
	quit chan struct{}
	done chan struct{}

	mu      sync.Mutex
	waiting []*settlement // settled changes that wait for a commit, oldest first
	notes   []note        // what the next commit writes too; see note
	flushed []flusher     // who waits until all that waited before is written
	put     int64         // how many settlements and notes have waited
	taken   int64         // how many of them are written
	broken  error         // why the last commit failed; nil after a commit

	queue *queue // the rows of requests that wait for a commit

	closing bool  // only the goroutine uses it
	commits int64 // for tests; only the goroutine changes it while the store is open
}

// job is something to write.
type job struct {
	ctx context.Context //nolint:containedctx // the job is dropped when its caller gives up
	// run executes statements in the transaction of the batch.
	run func(ctx context.Context, w *writer) error
	// committed is called after the commit, before the caller gets the answer; may be nil.
	committed func()
	// outside says that run is executed outside a transaction.
	outside bool
	// certain says that the caller waits for the end of a commit that has begun, even if the caller gives up meanwhile.
	certain bool
	taken   atomic.Bool // of a certain job: by the commit, or by the caller that gives up
	done    chan error
}

// begin reports whether a commit has to write the job. If not, its caller has given up.
func (j *job) begin() bool {
	return j.ctx.Err() == nil && (!j.certain || j.taken.CompareAndSwap(false, true))
}

// drop reports whether the caller can give up now: no commit writes a certain job afterwards.
func (j *job) drop() bool { return !j.certain || j.taken.CompareAndSwap(false, true) }

// flusher waits until the settlements and notes that waited before it are written, and until the first rows of the queue
// no longer wait. It does not wait for what comes later.
type flusher struct {
	done   chan error
	first  int64
	target int64
}

// Bounds of a batch and of what waits.
const (
	maxBatch   = 256
	maxWaiting = 10_000
	// company is how long settlements wait for a job that is committed anyway: the commit of the next intent.
	company = 5 * time.Millisecond
	// again is the time until the next attempt after a commit that failed.
	again = 250 * time.Millisecond
)

// errClosed says that the store was closed.
var errClosed = errors.New("the store is closed")

func newWriter(s *Store, db *sql.DB) *writer {
	return &writer{
		s: s, db: db, statements: map[string]*sql.Stmt{}, jobs: make(chan *job, maxBatch), kick: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		queue: newQueue(),
	}
}

// start begins to write.
func (w *writer) start(ctx context.Context) error {
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	w.conn = conn
	go w.loop()
	return nil
}

// stop ends the goroutine after a last batch, and closes the connection.
func (w *writer) stop() error {
	if w.conn == nil {
		return w.db.Close()
	}
	close(w.quit)
	<-w.done
	var err error
	for _, statement := range w.statements {
		err = errors.Join(err, statement.Close())
	}
	return errors.Join(err, w.conn.Close(), w.db.Close())
}

// write executes statements, and returns when they are committed.
func (w *writer) write(ctx context.Context, run func(ctx context.Context, w *writer) error) error {
	return w.send(&job{ctx: ctx, run: run, done: make(chan error, 1)})
}

// writeCertainly is write for what must not hold after an error. While the disk hangs, it waits also for a caller that
// gives up.
func (w *writer) writeCertainly(ctx context.Context, run func(ctx context.Context, w *writer) error) error {
	return w.send(&job{ctx: ctx, run: run, certain: true, done: make(chan error, 1)})
}

// writeOutside executes statements that cannot be a part of a transaction.
func (w *writer) writeOutside(ctx context.Context, run func(ctx context.Context, w *writer) error) error {
	return w.send(&job{ctx: ctx, run: run, outside: true, done: make(chan error, 1)})
}

// writeAlone executes statements in a commit that writes no job and no settlement besides. A new key is written so: what
// the same commit wrote after it would be linked and signed with the key before.
func (w *writer) writeAlone(ctx context.Context, run func(ctx context.Context, w *writer) error, committed func()) error {
	return w.writeOutside(ctx, func(_ context.Context, w *writer) error {
		err, _ := w.transaction([]part{{run: run}})
		if err == nil {
			committed()
			w.release(nil) // who waited for the notes
		}
		return err
	})
}

// send hands a job to the goroutine, and returns when it is committed. When the caller gives up while the job is being
// committed, it is not known whether it was, unless the job is certain.
func (w *writer) send(j *job) error { return w.s.away(w.sent(j)) }

func (w *writer) sent(j *job) error {
	select {
	case w.jobs <- j:
	case <-j.ctx.Done():
		return j.ctx.Err()
	case <-w.quit:
		return errClosed
	}
	select {
	case err := <-j.done:
		return err
	case <-j.ctx.Done():
		if j.drop() {
			return j.ctx.Err()
		}
	case <-w.done:
	}
	select {
	case err := <-j.done:
		return err
	case <-w.done:
	}
	select { // the goroutine may have answered before its end
	case err := <-j.done:
		return err
	default:
		return errClosed
	}
}

// settle adds a settlement to the next batch.
func (w *writer) settle(one *settlement) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.quit:
		return errClosed
	default:
	}
	if len(w.waiting) >= maxWaiting {
		return errors.Join(fmt.Errorf("%d settled changes wait already", len(w.waiting)), w.broken)
	}
	w.waiting = append(w.waiting, one)
	w.put++
	w.wake()
	return nil
}

func (w *writer) wake() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// flush waits until every settlement, every note and every row that waits now is committed. It fails when a commit fails.
func (w *writer) flush(ctx context.Context) error {
	_, first := w.queue.waits()
	w.mu.Lock()
	target := w.put
	if w.taken >= target && w.queue.done(first) {
		w.mu.Unlock()
		return nil
	}
	done := make(chan error, 1)
	w.flushed = append(w.flushed, flusher{done, first, target})
	w.mu.Unlock()
	w.wake()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-w.done:
		select {
		case err := <-done:
			return err
		default:
			return errClosed
		}
	}
}

func (w *writer) loop() {
	defer close(w.done)
	timer, late := time.NewTimer(time.Hour), time.NewTimer(time.Hour)
	defer timer.Stop()
	defer late.Stop()
	for {
		select {
		case j := <-w.jobs:
			w.batch(j)
		case <-w.kick:
			w.company(timer)
		case <-timer.C: // after a commit that failed
			w.batch(nil)
		case <-w.queue.wake: // the rows of requests wait for a commit of something else
		case <-late.C: // there was no such commit
			w.batch(nil)
		case <-w.quit:
			w.end()
			return
		}
		more, broken, urgent := w.more()
		switch {
		case more && broken:
			timer.Reset(again)
		case more:
			w.wake()
		}
		if wait, waits := w.queue.wait(time.Now(), urgent); waits {
			late.Reset(wait)
		}
	}
}

// more reports whether something waits that a batch did not write, whether that is because a commit failed, and whether
// somebody waits for it.
func (w *writer) more() (more, broken, urgent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting) > 0, w.broken != nil, len(w.flushed) > 0
}

// company lets settlements wait for a job, unless somebody waits for them.
func (w *writer) company(timer *time.Timer) {
	w.mu.Lock()
	urgent := len(w.flushed) > 0 || len(w.waiting) >= maxBatch
	w.mu.Unlock()
	if urgent {
		w.batch(nil)
		return
	}
	timer.Reset(company)
	for {
		select {
		case j := <-w.jobs:
			w.batch(j)
			return
		case <-timer.C:
			w.batch(nil)
			return
		case <-w.kick:
			w.mu.Lock()
			urgent := len(w.flushed) > 0 || len(w.waiting) >= maxBatch
			w.mu.Unlock()
			if urgent {
				w.batch(nil)
				return
			}
		case <-w.quit:
			return // the loop ends the same way
		}
	}
}

// end writes what waits, and answers everybody else.
func (w *writer) end() {
	w.queue.close()
	for before := w.left() + 1; before > w.left(); {
		before = w.left()
		w.closing = true
		w.batch(nil)
	}
	for {
		select {
		case j := <-w.jobs:
			j.done <- errClosed
			continue
		default:
		}
		break
	}
	w.release(errClosed)
}

// left is how much waits.
func (w *writer) left() int {
	n, _ := w.queue.waits()
	w.mu.Lock()
	defer w.mu.Unlock()
	return n + len(w.waiting)
}

// batch writes one job, the jobs and settlements that wait, and commits them together.
func (w *writer) batch(first *job) {
	var jobs []*job
	if first != nil {
		if first.outside {
			first.done <- first.run(context.Background(), w)
			return
		}
		jobs = append(jobs, first)
	}
	var outside *job
	for len(jobs) < maxBatch && outside == nil {
		select {
		case j := <-w.jobs:
			if j.outside {
				outside = j
			} else {
				jobs = append(jobs, j)
			}
			continue
		default:
		}
		break
	}
	w.mu.Lock()
	settled := w.waiting[:min(len(w.waiting), maxBatch)]
	w.mu.Unlock()
	w.commit(jobs, settled)
	if outside != nil {
		outside.done <- outside.run(context.Background(), w)
	}
}

// commit writes jobs and settlements. When a part of the batch fails, each part is written by itself, so that only the
// part fails.
func (w *writer) commit(jobs []*job, settled []*settlement) {
	all := make([]part, 0, len(jobs)+len(settled)+1)
	for _, one := range settled {
		all = append(all, part{run: one.write})
	}
	for _, j := range jobs {
		if !j.begin() {
			j.done <- j.ctx.Err()
			continue
		}
		all = append(all, part{run: j.run, committed: j.committed, done: j.done})
	}
	if acted := w.acted(w.closing); acted != nil { // the last part, see each
		all = append(all, part{run: acted.write, acted: acted})
	}
	if len(all) == 0 && !w.hasNotes() {
		return
	}
	err, failed := w.transaction(all)
	switch {
	case err == nil:
		w.settled(len(settled), nil)
		for _, p := range all {
			p.answer(w, nil, true)
		}
	case failed && len(all) > 1:
		w.each(all, len(settled))
	default:
		w.settled(0, err)
		for _, p := range all {
			p.answer(w, err, false)
		}
	}
}

// part is one part of a batch.
type part struct {
	run       func(ctx context.Context, w *writer) error
	committed func()     // may be nil
	done      chan error // nil for a settlement
	acted     *acted     // nil for the others
}

// answer tells how the commit of the part ended. others says that another part of the batch was committed.
func (p part) answer(w *writer, err error, others bool) {
	if p.acted != nil {
		p.acted.ended(w, err, others)
		return
	}
	if err == nil && p.committed != nil {
		p.committed()
	}
	if p.done != nil {
		p.done <- err
	}
}

// each commits the parts of a batch one by one. The first settled parts are settlements: after one that fails, the
// others wait too, because their order is their order in the journal.
func (w *writer) each(all []part, settled int) {
	n, committed := 0, false
	var broken, last error
	for i, p := range all {
		if i < settled && broken != nil {
			continue
		}
		err, _ := w.transaction([]part{p})
		last, committed = err, committed || err == nil
		if i < settled {
			if broken = err; err == nil {
				n++
			}
		}
		if p.acted == nil {
			p.answer(w, err, committed)
		}
	}
	if !committed && broken == nil && w.hasNotes() {
		broken = last // who waits for the notes must not think that they are committed
	}
	w.settled(n, broken)
	if p := all[len(all)-1]; p.acted != nil {
		p.answer(w, last, committed)
	}
}

// transaction writes parts in one transaction. failed reports that a part failed, and not the commit.
func (w *writer) transaction(all []part) (err error, failed bool) { //nolint:revive // the error is the result
	ctx := context.Background()
	before := w.s.state
	if err := w.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err, false
	}
	noted, err := w.writeNotes(ctx)
	for i := 0; i < len(all) && err == nil; i++ {
		err = all[i].run(ctx, w)
		failed = err != nil
	}
	if err == nil && w.s.state != before {
		k := w.s.keys.Load()
		err = w.s.writeHead(ctx, w, k.sealer(), k.newest, w.s.state)
	}
	if err == nil {
		if err = w.exec(ctx, "COMMIT"); err == nil {
			w.commits++
			w.dropNotes(noted)
			return nil, false
		}
	}
	w.s.state = before
	_ = w.exec(ctx, "ROLLBACK") // SQLite may have rolled back already
	return err, failed
}

// settled drops the settlements that are committed, and answers who waits for them.
func (w *writer) settled(n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = append(w.waiting[:0:0], w.waiting[n:]...)
	w.taken += int64(n)
	w.broken = err
	w.releaseLocked(err)
}

// release answers who waits for nothing any more. After an error it answers everybody.
func (w *writer) release(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.releaseLocked(err)
}

func (w *writer) releaseLocked(err error) {
	var still []flusher
	for _, f := range w.flushed {
		if err == nil && (w.taken < f.target || !w.queue.done(f.first)) {
			still = append(still, f)
			continue
		}
		f.done <- err
	}
	w.flushed = still
}

// exec executes a statement without arguments.
func (w *writer) exec(ctx context.Context, query string) error {
	_, err := w.ExecContext(ctx, query)
	return err
}

// ExecContext implements execer. It prepares each statement once.
func (w *writer) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	statement, err := w.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(ctx, args...)
}

func (w *writer) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if statement := w.statements[query]; statement != nil {
		return statement, nil
	}
	statement, err := w.conn.PrepareContext(ctx, query)
	if err == nil {
		w.statements[query] = statement
	}
	return statement, err
}

// rows reads rows of the table entry in the transaction of the batch.
func (w *writer) rows(ctx context.Context, query string, args ...any) ([]row, error) {
	rows, err := w.query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	var out []row
	for rows.Next() {
		var r row
		if err := rows.Scan(r.places()...); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// number reads a number in the transaction of the batch.
func (w *writer) number(ctx context.Context, query string, args ...any) (out int64, err error) {
	statement, err := w.prepare(ctx, query)
	if err != nil {
		return 0, err
	}
	err = statement.QueryRowContext(ctx, args...).Scan(&out)
	return out, err
}

// text reads a text in the transaction of the batch; "" when there is no row.
func (w *writer) text(ctx context.Context, query string, args ...any) (out string, err error) {
	statement, err := w.prepare(ctx, query)
	if err != nil {
		return "", err
	}
	err = statement.QueryRowContext(ctx, args...).Scan(&out)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return out, err
}

// query reads rows in the transaction of the batch.
func (w *writer) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := w.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

var _ execer = (*writer)(nil)
