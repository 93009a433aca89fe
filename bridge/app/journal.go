package app

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// retryStore is when a client may repeat a request that the journal could not record, in seconds.
const retryStore = 10

// maxLate bounds the memory for late changes. A change of many members counts as several changes; see sizeOf.
const maxLate = 10_000

// journal is a Recorder that keeps every change in a store. At its end a change also gets the audit record that it gets
// without a store.
type journal struct {
	audit    audit
	log      *zap.Logger
	metrics  *observe.Metrics
	store    store.Store
	goesOn   bool          // every change is made while the store is away, not only a change that ends access
	patience time.Duration // the longest wait for one call of the store
	maxLate  int

	catching *semaphore.Weighted // held by the one caller that journals late changes

	mu     sync.Mutex
	others map[string]bool        // by realm: a second program writes with the account of the bridge
	lostAt time.Time              // when a change was made last that the journal will never have
	begun  map[change.ID]struct{} // the changes that this process makes now, and the late changes
	closed map[change.ID]struct{} // settled since the last sweep; the store may still call them open
	late   []lateChange           // oldest end first
	// running are the late changes that have not ended, as they were intended.
	running map[change.ID]lateChange
	size    int // of late and running
	// unwritten says that the last change could not be recorded, and unkept that the last work on the store failed. Each
	// is repaired by its own success, because a full disk can still be read.
	unwritten, unkept bool
}

// lateChange is a change whose end the store does not have, and perhaps not its beginning either.
type lateChange struct {
	change.Change

	reason string // why it was made while the store did not answer; "" if only its end is late
	size   int
	open   bool // the store has its intent
}

// intent is a change that was begun.
type intent struct {
	*journal

	late string // why it is made although the store does not have it; "" if the store has it
	size int    // of a late change: what it may use of the journal's memory; 0 when there was no memory left
}

func newJournal(s store.Store, goesOn bool, log *zap.Logger, metrics *observe.Metrics) *journal {
	metrics.Journal()
	return &journal{
		audit: audit{log}, log: log, metrics: metrics, store: s, goesOn: goesOn, patience: patience, maxLate: maxLate, catching: semaphore.NewWeighted(1),
		others: map[string]bool{}, begun: map[change.ID]struct{}{}, closed: map[change.ID]struct{}{}, running: map[change.ID]lateChange{},
	}
}

// Intend implements bridge.Recorder. A store that does not answer refuses the change, unless the change ends access or
// the configuration lets every change continue.
func (j *journal) Intend(ctx context.Context, c change.Change) (bridge.Intent, error) {
	if j.hasSecond(c.Realm) && !c.Op.EndsAccess() {
		return nil, secondWriter()
	}
	out := &intent{journal: j}
	j.begin(c.ID) // before the store has it, so that no sweep takes it for a lost change
	began := time.Now()
	err := j.call(ctx, func(ctx context.Context) error {
		if j.unknown() > 0 { // what was made before is in the journal before
			if err := j.catchUp(ctx, nil); err != nil && j.unknown() > 0 {
				return err
			}
		}
		return j.store.Intend(ctx, c)
	})
	j.metrics.Intended(time.Since(began))
	if err == nil || isAway(err) && ctx.Err() == nil {
		j.tell(&j.unwritten, err)
	}
	reason := j.despite(c)
	switch {
	case err == nil:
		changed(ctx, c)
		return out, nil
	case errors.Is(ctx.Err(), context.Canceled): // the client has gone
		j.end(c.ID)
		return nil, err
	case ctx.Err() != nil || reason == "": // a request without time left changes nothing
		j.end(c.ID) // a sweep settles it, if the store has it all the same
		return nil, storeAway(err)
	}
	out.late, out.size = reason, j.reserve(sizeOf(c))
	kept := out.size > 0
	if kept {
		j.run(lateChange{Change: c, reason: reason, size: out.size})
	} else {
		j.end(c.ID)
		j.loses()
	}
	j.metrics.Unjournalled(reason, kept)
	told := "the store does not answer: a change is made before it is in the journal"
	if !kept {
		told = "the store does not answer: a change is made that the journal will never have, because too many changes wait already"
	}
	j.log.Warn(told, zap.String("tenant", c.Tenant), zap.String("change", string(c.ID)), zap.String("operation", string(c.Op)),
		zap.String("resource", c.Resource.Type), zap.String("id", c.Resource.ID), zap.Error(err))
	changed(ctx, c)
	return out, nil
}

// changed tells the request of the context, if there is one, which change it makes.
func changed(ctx context.Context, c change.Change) {
	if r := observe.FromContext(ctx); r != nil {
		r.Changed(string(c.ID), c.Resource.ID)
	}
}

// despite is why a change is made while the store does not answer; "" when the change is refused.
func (j *journal) despite(c change.Change) string {
	switch {
	case c.Op.EndsAccess():
		return observe.EndsAccess
	case j.goesOn:
		return observe.Continues
	}
	return ""
}

// storeAway is the error for the client of a change that cannot be recorded.
func storeAway(cause error) error {
	return &scim.Error{
		Code: code.StoreAway, Status: http.StatusServiceUnavailable, RetryAfter: retryStore, Cause: cause,
		Detail: "the bridge cannot record changes now, so this change was not made; repeat the request later",
	}
}

// Settle implements bridge.Intent. A change that the store cannot settle now waits until the store answers again.
func (i *intent) Settle(ctx context.Context, c change.Change, failure error) error {
	changed(ctx, c)
	if err := i.audit.Settle(ctx, c, failure); err != nil {
		return err
	}
	switch {
	case i.late != "" && i.size == 0:
		return nil
	case i.late != "":
		i.keep(lateChange{Change: c, reason: i.late, size: i.size})
		return nil
	}
	err := i.call(ctx, func(ctx context.Context) error {
		if err := i.intendUnknown(ctx); err != nil {
			return err
		}
		return i.store.Settle(ctx, c)
	})
	switch {
	case err == nil:
		i.settled(c.ID)
		return nil
	case errors.Is(err, store.ErrNotOpen):
		i.end(c.ID)
		return err
	}
	i.tell(&i.unwritten, err)
	size := i.reserve(sizeOf(c))
	if size == 0 { // a sweep reads in Keycloak how it ended
		i.end(c.ID)
		return err
	}
	i.keep(lateChange{Change: c, size: size, open: true})
	return nil
}

// Withdraw implements bridge.Intent. When the store does not answer, a sweep finds the change open, and finds nothing of it
// in Keycloak.
func (i *intent) Withdraw(ctx context.Context, c change.Change) error {
	if r := observe.FromContext(ctx); r != nil {
		r.Changed("", "")
	}
	defer i.end(c.ID)
	if i.late != "" && !i.drop(c.ID) {
		return nil
	}
	return i.call(ctx, func(ctx context.Context) error { return i.store.Withdraw(ctx, c.ID) })
}

// call calls the store, and waits at most as long as the journal's patience.
func (j *journal) call(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, j.patience)
	defer cancel()
	return f(ctx)
}

// isAway reports whether a call of the store failed in a way that passes.
func isAway(err error) bool {
	return errors.Is(err, store.ErrAway) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// tell sets one of the two states of the store. The log tells when the store stops to answer, and when it answers again.
func (j *journal) tell(state *bool, err error) {
	j.mu.Lock()
	before := j.away()
	*state = err != nil
	now := j.away()
	j.mu.Unlock()
	switch {
	case now && !before:
		j.log.Error("the store does not answer: check the disk and the file of the store", zap.Error(err))
	case before && !now:
		j.log.Info("the store answers again")
	}
}

// away reports whether the store does not answer. The caller holds mu.
func (j *journal) away() bool { return j.unwritten || j.unkept }

func (j *journal) begin(id change.ID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.begun[id] = struct{}{}
}

// end forgets a change. If it is open in the store, the next sweep settles it.
func (j *journal) end(id change.ID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.begun, id)
}

// settled remembers a change until the store has committed its settlement.
func (j *journal) settled(id change.ID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.begun, id)
	j.closed[id] = struct{}{}
}

// reserve takes memory for a late change, and returns how much it took: nothing when there is not enough.
func (j *journal) reserve(size int) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.size+size > j.maxLate {
		return 0
	}
	j.size += size
	return size
}

// run notes a late change that begins.
func (j *journal) run(l lateChange) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running[l.ID] = l
}

// drop forgets a late change that was not begun after all. It reports whether the store has its intent.
func (j *journal) drop(id change.ID) (open bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	l := j.running[id]
	delete(j.running, id)
	j.size -= l.size
	return l.open
}

// keep notes a late change that has ended.
func (j *journal) keep(l lateChange) {
	j.mu.Lock()
	defer j.mu.Unlock()
	l.open = l.open || j.running[l.ID].open
	delete(j.running, l.ID)
	j.late = append(j.late, l)
}

// membersPerSize is how many members need about as much memory as the rest of a change.
const membersPerSize = 50

// sizeOf is how much of maxLate a change uses.
func sizeOf(c change.Change) int {
	return 1 + (len(c.MembersAdded)+len(c.MembersRemoved)+len(c.Steps))/membersPerSize
}

// own reports whether the journal still knows how an open change ends, so that a sweep must not settle it.
func (j *journal) own(id change.ID) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, begun := j.begun[id]
	_, closed := j.closed[id]
	return begun || closed
}

// flush waits until the store has committed what was settled before.
func (j *journal) flush(ctx context.Context) error {
	j.mu.Lock()
	before := make([]change.ID, 0, len(j.closed))
	for id := range j.closed {
		before = append(before, id)
	}
	j.mu.Unlock()
	if err := j.call(ctx, j.store.Flush); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, id := range before {
		delete(j.closed, id)
	}
	return nil
}

// oldest is the late change that ended first.
func (j *journal) oldest() (lateChange, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.late) == 0 {
		return lateChange{}, false
	}
	return j.late[0], true
}

// waits counts the late changes.
func (j *journal) waits() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.late)
}

// unknown counts the late changes that have ended, and of which the store has nothing.
func (j *journal) unknown() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, l := range j.late {
		if !l.open {
			n++
		}
	}
	return n
}

// unintended are the late changes of which the store has nothing, as they were intended, oldest first.
func (j *journal) unintended() []change.Change {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []change.Change
	for _, l := range j.late {
		if !l.open {
			l.Outcome, l.Done, l.Reason = "", 0, ""
			out = append(out, l.Change)
		}
	}
	for _, l := range j.running {
		if !l.open {
			out = append(out, l.Change)
		}
	}
	slices.SortFunc(out, func(a, b change.Change) int { return cmp.Compare(a.ID, b.ID) }) // an id begins with its time
	return out
}

// intended notes that the store has the beginning of a late change.
func (j *journal) intended(id change.ID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if l, is := j.running[id]; is {
		l.open = true
		j.running[id] = l
	}
	for i := range j.late {
		if j.late[i].ID == id {
			j.late[i].open = true
		}
	}
}

// done forgets the oldest late change.
func (j *journal) done(l lateChange) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.late[0] = lateChange{} // for the garbage collector
	j.late, j.size = j.late[1:], j.size-l.size
	delete(j.begun, l.ID)
	j.closed[l.ID] = struct{}{}
}

// catchUp gives the store the late changes, until one fails. open are the ids of the changes that are open in the store.
func (j *journal) catchUp(ctx context.Context, open map[change.ID]struct{}) error {
	if err := j.catching.Acquire(ctx, 1); err != nil {
		return err
	}
	defer j.catching.Release(1)
	if err := j.intendLate(ctx, open); err != nil {
		return err
	}
	n := 0
	for {
		l, more := j.oldest()
		if !more {
			break
		}
		switch err := j.settleLate(ctx, l); {
		case isAway(err):
			return err
		case err != nil:
			if l.reason != "" {
				j.metrics.Unjournalled(l.reason, false)
			}
			j.log.Error("a change that was made is not in the journal", zap.String("tenant", l.Tenant), zap.String("change", string(l.ID)), zap.Error(err))
		default:
			n++
		}
		j.done(l)
	}
	if n > 0 {
		j.log.Info("changes that were made while the store did not answer are in the journal now", zap.Int("changes", n))
	}
	return nil
}

// intendUnknown gives the store the beginnings that it lacks. A change that is settled before would not overlap with
// them, although they ran at the same time.
func (j *journal) intendUnknown(ctx context.Context) error {
	if len(j.unintended()) == 0 {
		return nil
	}
	if err := j.catching.Acquire(ctx, 1); err != nil {
		return err
	}
	defer j.catching.Release(1)
	return j.intendLate(ctx, nil)
}

// intendLate gives the store the beginnings of all late changes before the end of any: they ran at the same time, and
// their memberships may overlap. The caller holds catching.
func (j *journal) intendLate(ctx context.Context, open map[change.ID]struct{}) error {
	for _, c := range j.unintended() {
		if _, is := open[c.ID]; !is {
			// The store can have it all the same, because it can fail after its commit. Settle finds that out.
			if err := j.call(ctx, func(ctx context.Context) error { return j.store.Intend(ctx, c) }); isAway(err) {
				return err
			}
			j.tell(&j.unwritten, nil)
		}
		j.intended(c.ID)
	}
	return nil
}

// settleLate gives the store the end of a late change.
func (j *journal) settleLate(ctx context.Context, l lateChange) error {
	err := j.call(ctx, func(ctx context.Context) error { return j.store.Settle(ctx, l.Change) })
	if errors.Is(err, store.ErrNotOpen) { // an earlier attempt succeeded, and its answer was lost
		return j.call(ctx, func(ctx context.Context) error {
			_, err := j.store.Entry(ctx, l.ID)
			return err
		})
	}
	return err
}
