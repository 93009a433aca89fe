package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// writer is the one goroutine that writes to the database. It joins what many callers write at the same time into one
// commit, because a commit costs as much for one change as for a hundred.
type writer struct {
	session // of the batch that is being written

	s    *Store
	load *load // what the statements of a job add to their commit

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

	started bool
	closing bool     // only the goroutine uses it
	unsure  *attempt // the last commit, while it is not known whether it happened; only the goroutine uses it
	commits int64    // for tests; only the goroutine changes it while the store is open
}

// job is something to write.
type job struct {
	ctx context.Context //nolint:containedctx // the job is dropped when its caller gives up
	// add adds rows to the load of the next commit. A job with add shares the commit of changes. It can run again for
	// another commit.
	add func(l *load) error
	// run executes statements in a transaction of its own, when add is nil.
	run func(ctx context.Context, w *writer) error
	// refused is called after the commit; may be nil. Its error says that the rows were not written.
	refused func() error
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

func newWriter(s *Store) *writer {
	return &writer{s: s, jobs: make(chan *job, maxBatch), kick: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}), queue: newQueue()}
}

// start begins to write.
func (w *writer) start(ctx context.Context) error {
	if err := w.s.engine.begin(ctx); err != nil {
		return err
	}
	w.session, w.started = w.s.engine.session(), true
	go w.loop()
	return nil
}

// stop ends the goroutine after a last batch.
func (w *writer) stop() {
	if w.started {
		close(w.quit)
		<-w.done
	}
}

// write executes statements, and returns when they are committed.
func (w *writer) write(ctx context.Context, run func(ctx context.Context, w *writer) error) error {
	return w.send(&job{ctx: ctx, run: run, done: make(chan error, 1)})
}

// addCertainly adds to the next commit what must not hold after an error, and returns when it is committed. While the
// disk hangs, it waits also for a caller that gives up.
func (w *writer) addCertainly(ctx context.Context, add func(l *load) error) error {
	return w.send(&job{ctx: ctx, add: add, certain: true, done: make(chan error, 1)})
}

// writeOutside executes statements that cannot be a part of a transaction.
func (w *writer) writeOutside(ctx context.Context, run func(ctx context.Context, w *writer) error) error {
	return w.send(&job{ctx: ctx, run: run, outside: true, done: make(chan error, 1)})
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
		} else {
			late.Stop() // else it would soon write the next row by itself
		}
	}
}

// more reports whether something waits that a batch did not write, whether that is because a commit failed, and whether
// somebody waits for it.
func (w *writer) more() (more, broken, urgent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting) > 0 || w.unsure != nil, w.broken != nil || w.unsure != nil, len(w.flushed) > 0
}

// company lets settlements wait for a job, unless somebody waits for them.
func (w *writer) company(timer *time.Timer) {
	w.mu.Lock()
	urgent := len(w.flushed) > 0 || len(w.waiting) >= maxBatch
	done := len(w.flushed)+len(w.waiting) == 0 // another batch was faster
	w.mu.Unlock()
	if done {
		return
	}
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
	if w.unsure != nil {
		w.unsure.fail(w)
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
	var outside *job
	take := func(j *job) {
		if j.outside {
			outside = j
		} else {
			jobs = append(jobs, j)
		}
	}
	if first != nil {
		take(first)
	}
	for len(jobs) < maxBatch && outside == nil {
		select {
		case j := <-w.jobs:
			take(j)
			continue
		default:
		}
		break
	}
	if err := w.settleDoubt(); err != nil {
		for _, j := range append(jobs, outside) {
			if j != nil {
				j.done <- err
			}
		}
		w.settled(0, err)
		return
	}
	w.mu.Lock()
	settled := w.waiting[:min(len(w.waiting), maxBatch)]
	w.mu.Unlock()
	w.commit(jobs, settled)
	if outside != nil {
		outside.done <- outside.run(context.Background(), w)
	}
}

// commit writes jobs and settlements. What only adds rows is one commit. The statements of each other job are a commit of
// their own, which comes afterwards.
func (w *writer) commit(jobs []*job, settled []*settlement) {
	rows, statements := make([]part, 0, len(jobs)+len(settled)+1), []part(nil)
	for _, one := range settled {
		rows = append(rows, part{settlement: one, add: func(l *load) error { return l.settle(one) }})
	}
	for _, j := range jobs {
		p := part{job: j, add: j.add}
		switch {
		case !j.begin():
			j.done <- j.ctx.Err()
		case j.add != nil:
			rows = append(rows, p)
		default:
			statements = append(statements, p)
		}
	}
	if acted := w.acted(w.closing); acted != nil { // the last part, see each
		rows = append(rows, part{acted: acted, add: acted.add})
	}
	err := w.commitRows(rows, len(settled))
	for _, p := range statements {
		if err == nil {
			err = w.commitStatements(p)
		} else {
			p.answer(w, err, false)
		}
	}
}

// part is one part of a batch: a settlement, a job or requests.
type part struct {
	add        func(l *load) error // nil for a job with statements
	settlement *settlement
	job        *job
	acted      *acted
	refused    error // why the load does not have the part
	told       bool  // whether the caller has an answer
}

// answer tells how the commit of the part ended. others says that another part of the batch was committed.
func (p *part) answer(w *writer, err error, others bool) {
	if p.acted != nil && !p.told {
		p.acted.ended(w, err, others)
	}
	if p.job != nil {
		if err == nil && p.job.refused != nil {
			p.refused = cmp.Or(p.refused, p.job.refused())
		}
		if err = cmp.Or(err, p.refused); err == nil && p.job.committed != nil {
			p.job.committed()
		}
		if !p.told {
			p.job.done <- err
		}
	}
	p.told = true
}

// attempt is a commit.
type attempt struct {
	l       *load
	parts   []part
	settled int // how many parts are settlements, the first ones
	err     error
}

// finish remembers what is committed, and answers.
func (a *attempt) finish(w *writer) {
	w.commits++
	w.s.state = a.l.state
	w.dropNotes(a.l.notes)
	w.settled(a.settled, nil)
	for i := range a.parts {
		a.parts[i].answer(w, nil, true)
	}
}

// fail answers those that wait for the end of a commit that did not happen.
func (a *attempt) fail(w *writer) {
	for i := range a.parts {
		if p := &a.parts[i]; !p.told {
			p.answer(w, a.err, false)
		}
	}
}

// doubt remembers a commit that may have happened. Its callers get an error, except those that must know.
func (a *attempt) doubt(w *writer, err error) {
	a.err, w.unsure = err, a
	w.settled(0, err)
	for i := range a.parts {
		if p := &a.parts[i]; p.job != nil && !p.job.certain && !p.told {
			p.told = true
			p.job.done <- err
		}
	}
}

// settleDoubt finds out whether the last commit happened, if that is not known.
func (w *writer) settleDoubt() error {
	a := w.unsure
	if a == nil {
		return nil
	}
	committed, err := w.s.engine.resolve(context.Background())
	if err != nil {
		return err
	}
	w.unsure = nil
	if committed {
		a.finish(w)
	} else {
		a.fail(w)
	}
	return nil
}

// sure finds out whether a commit happened that ended with errUnsure. known is false when the database does not tell.
func (w *writer) sure(a *attempt, err error) (committed, known bool) {
	if !errors.Is(err, errUnsure) {
		return false, true
	}
	committed, failure := w.s.engine.resolve(context.Background())
	if failure != nil {
		a.doubt(w, failure) // why the database does not tell is why it does not answer
		return false, false
	}
	if committed {
		a.finish(w)
	}
	return committed, true
}

// commitRows commits what only adds rows. When a part fails, each part is written by itself, so that only the part fails.
// It returns the error of the whole commit.
func (w *writer) commitRows(all []part, settled int) error {
	if len(all) == 0 && !w.hasNotes() {
		return nil
	}
	err := w.rows(all, settled)
	var row *rowError
	switch {
	case err == nil || w.unsure != nil:
		return err
	case errors.As(err, &row) && len(all) > 1:
		return w.each(all, settled)
	}
	w.settled(0, err)
	for i := range all {
		all[i].answer(w, err, false)
	}
	return err
}

// each commits the parts of a batch one by one. The first settled parts are settlements: after one that fails, the
// others wait too, because their order is their order in the journal. The last part may be dropped, if it is requests.
func (w *writer) each(all []part, settled int) error {
	committed := false
	var broken, last, away error
	for i := range all {
		p := &all[i]
		if i < settled && broken != nil {
			continue
		}
		if away != nil {
			p.answer(w, away, false)
			continue
		}
		n := 0
		if i < settled {
			n = 1
		}
		last = w.rows(all[i:i+1], n)
		committed = committed || last == nil
		if last != nil && w.unsure == nil {
			p.answer(w, last, committed)
		}
		var row *rowError
		if last != nil && !errors.As(last, &row) {
			away = last
		}
		if i < settled {
			broken = last
		}
	}
	if w.unsure != nil {
		return away
	}
	if !committed && broken == nil && w.hasNotes() {
		broken = last // who waits for the notes must not think that they are committed
	}
	if broken != nil {
		w.settled(0, broken)
	}
	return away
}

// rows writes parts in one commit, and answers them when it is committed or in doubt.
func (w *writer) rows(all []part, settled int) error {
	ctx := context.Background()
	for retry := false; ; retry = true {
		l := w.s.newLoad()
		err := w.fill(ctx, l, all)
		if err == nil {
			err = w.s.engine.write(ctx, l)
		}
		a := &attempt{l: l, parts: all, settled: settled}
		if err == nil {
			a.finish(w)
			return nil
		}
		switch committed, known := w.sure(a, err); {
		case committed:
			return nil
		case !known || retry || !errors.Is(err, errUnsure):
			return err
		}
	}
}

// fill fills a load.
func (w *writer) fill(ctx context.Context, l *load, all []part) error {
	w.addNotes(l)
	var settled []*settlement
	for i := range all {
		if all[i].settlement != nil {
			settled = append(settled, all[i].settlement)
		}
	}
	if err := l.readGroups(ctx, w, settled); err != nil {
		return err
	}
	for i := range all {
		p := &all[i]
		p.refused = nil
		err := p.add(l)
		if errors.Is(err, store.ErrKnown) {
			p.refused, err = err, nil
		}
		if err == nil && p.acted != nil {
			err = p.acted.keepShares(ctx, w, l)
		}
		if err != nil {
			return w.s.engine.fault(err)
		}
	}
	return nil
}

// commitStatements commits the statements of a job. It returns the error if the database is at fault.
func (w *writer) commitStatements(p part) error {
	a := &attempt{l: w.s.newLoad(), parts: []part{p}}
	w.load = a.l
	err := w.s.engine.run(context.Background(), w, a.l, p.job.run)
	w.load = nil
	if err == nil {
		a.finish(w)
		return nil
	}
	var row *rowError
	switch committed, known := w.sure(a, err); {
	case committed:
		return nil
	case !known:
		return err
	case errors.As(err, &row):
		p.answer(w, row.err, false)
		return nil
	}
	p.answer(w, err, false)
	return err
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

// entries reads rows of the table entry.
func (w *writer) entries(ctx context.Context, query string, args ...any) ([]row, error) {
	var out []row
	err := each(ctx, w, query, func(rows *sql.Rows) error {
		var r row
		err := rows.Scan(r.places()...)
		out = append(out, r)
		return err
	}, args...)
	return out, err
}

// number reads a number.
func (w *writer) number(ctx context.Context, query string, args ...any) (out int64, err error) {
	err = w.QueryRowContext(ctx, query, args...).Scan(&out)
	return out, err
}

// text reads a text; "" when there is no row.
func (w *writer) text(ctx context.Context, query string, args ...any) (out string, err error) {
	err = w.QueryRowContext(ctx, query, args...).Scan(&out)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return out, err
}
