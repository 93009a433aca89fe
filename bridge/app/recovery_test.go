package app_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	logtest "go.uber.org/zap/zaptest/observer"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// interrupted is a change of a user that an earlier process left open.
func interrupted(tenant, id string, before time.Duration) change.Change {
	begun := time.Now().Add(-before)
	made := change.NewID()
	made = change.ID(fmt.Sprintf("%08x-%04x", begun.UnixMilli()>>16, begun.UnixMilli()&0xffff)) + made[len("01938c2e-7b1a"):]
	return change.Change{
		ID: made, Begun: begun, Actor: change.Actor{Kind: "client", Name: "entra"}, Origin: change.Request, Tenant: tenant, Realm: "realm",
		Op: change.Updated, Resource: change.Resource{Type: "User", ID: id}, Steps: []string{"update_user " + id},
	}
}

func intend(t *testing.T, s store.Store, list ...change.Change) {
	t.Helper()
	for _, c := range list {
		if err := s.Intend(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWhatACrashLeftOpenIsSettled by what Keycloak has, oldest first and once, with an audit record.
func TestWhatACrashLeftOpenIsSettled(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	audited := b.audited()
	intend(t, b.memory, interrupted("acme", "1", 3*time.Hour), interrupted("acme", "2", 2*time.Hour), interrupted("globex", "1", time.Hour))
	for range 2 {
		b.App.KeepStore(t.Context(), time.Now())
	}
	if diff := cmp.Diff([]string{"1", "2", "1"}, b.read.asked()); diff != "" {
		t.Errorf("recovered (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"updated done", "updated done", "updated done"}, b.since(t)); diff != "" || b.open(t) > 0 {
		t.Errorf("%d are open, the journal (-want +got):\n%s", b.open(t), diff)
	}
	records := b.Lines.FilterMessage("write").All()[audited:]
	if len(records) != 3 || records[0].ContextMap()["recovered"] != true || records[0].ContextMap()["result"] != "done" {
		t.Errorf("the audit records are %v", records)
	}
}

// TestAChangeThatCannotBeReadStaysOpen: the log tells an outage or an unfit tenant once a minute. Later changes of the same
// resource wait, because they must be settled in their order. Other resources do not wait.
func TestAChangeThatCannotBeReadStaysOpen(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	b.read.fails = func(c change.Change) error {
		if c.Resource.ID == "1" {
			return errors.New("Keycloak does not answer")
		}
		return nil
	}
	intend(t, b.memory, interrupted("acme", "1", 4*time.Hour), interrupted("acme", "1", 3*time.Hour), interrupted("acme", "2", 2*time.Hour), interrupted("globex", "1", time.Hour))
	at := time.Now()
	for _, later := range []time.Duration{0, 59 * time.Second, time.Minute} {
		b.App.KeepStore(t.Context(), at.Add(later))
	}
	if diff := cmp.Diff([]string{"1", "2", "1", "1"}, b.read.asked()); diff != "" || b.open(t) != 3 {
		t.Errorf("%d are open, tried (-want +got):\n%s", b.open(t), diff)
	}
	told := map[string]int{}
	for _, line := range b.Lines.FilterMessageSnippet("cannot read in Keycloak how a change ended").All() {
		told[fmt.Sprint(line.ContextMap()["tenant"])]++
	}
	if diff := cmp.Diff(map[string]int{"acme": 2}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	b.read.fails = nil
	b.App.KeepStore(t.Context(), at.Add(time.Minute))
	if b.open(t) > 0 || len(b.since(t)) != 4 {
		t.Errorf("%d are open, the journal has %v", b.open(t), b.since(t))
	}
}

// TestAChangeThatRunsIsNotRecovered: the process that makes it knows how it ends.
func TestAChangeThatRunsIsNotRecovered(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	c := interrupted("acme", "1", 0)
	intent, err := b.App.Journal().Intend(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	b.App.KeepStore(t.Context(), time.Now())
	c.Outcome = change.Failed
	if err := intent.Settle(t.Context(), c, errDisk); err != nil {
		t.Fatal(err)
	}
	b.App.KeepStore(t.Context(), time.Now())
	if diff := cmp.Diff([]string{"updated failed"}, b.since(t)); diff != "" || len(b.read.asked()) > 0 {
		t.Errorf("recovered %v, the journal (-want +got):\n%s", b.read.asked(), diff)
	}
}

// slowStore commits settlements only when it is flushed, as a store with group commits does.
type slowStore struct {
	store.Store

	waiting []change.Change
}

func (s *slowStore) Settle(_ context.Context, c change.Change) error {
	s.waiting = append(s.waiting, c)
	return nil
}

func (s *slowStore) Flush(ctx context.Context) error {
	for _, c := range s.waiting {
		if err := s.Store.Settle(ctx, c); err != nil {
			return err
		}
	}
	s.waiting = nil
	return s.Store.Flush(ctx)
}

// TestASettlementThatWaitsForItsCommitIsNotRecovered.
func TestASettlementThatWaitsForItsCommitIsNotRecovered(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	b.store.Store = &slowStore{Store: b.memory}
	b.wantMade(t, b.writes()[1])
	b.memory.Fail(errDisk)
	b.App.KeepStore(t.Context(), time.Now())
	b.memory.Fail(nil)
	for range 2 {
		b.App.KeepStore(t.Context(), time.Now())
	}
	if diff := cmp.Diff([]string{"updated done"}, b.since(t)); diff != "" || len(b.read.asked()) > 0 {
		t.Errorf("recovered %v, the journal (-want +got):\n%s", b.read.asked(), diff)
	}
}

// TestMembershipsThatWereChangedTwiceAtTheSameTimeAreRead, until that succeeds, and journalled once.
func TestMembershipsThatWereChangedTwiceAtTheSameTimeAreRead(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	both := []change.Change{interrupted("acme", "g", 0), interrupted("acme", "g", 0)}
	for i := range both {
		both[i].Resource.Type, both[i].MembersAdded = "Group", []string{"u"}
	}
	intend(t, b.memory, both...)
	for _, c := range both {
		c.Outcome = change.Done
		if err := b.memory.Settle(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	b.read.fails = func(change.Change) error { return errors.New("Keycloak does not answer") }
	b.App.KeepStore(t.Context(), time.Now())
	if got := b.since(t); len(got) != len(both) || b.logged("the bridge cannot read in Keycloak which of several changes") != 1 {
		t.Errorf("the journal has %v", got)
	}
	b.read.fails = nil
	for range 2 {
		b.App.KeepStore(t.Context(), time.Now())
	}
	if diff := cmp.Diff([]string{"updated done", "updated done", "observed done"}, b.since(t)); diff != "" {
		t.Errorf("the journal (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"acme g u", "acme g u"}, b.read.observed); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

// TestALateMembershipOverlapsWithAnEarlierOne: one change was begun before the store was away and is settled after it,
// and the other was made meanwhile, or still runs when the first is settled.
func TestALateMembershipOverlapsWithAnEarlierOne(t *testing.T) {
	t.Parallel()
	for name, runs := range map[string]bool{"it has ended": false, "it still runs": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newStoredBridgeThat(t, config.OnFailureContinue)
			begin := func() (bridge.Intent, change.Change) {
				t.Helper()
				c := interrupted("acme", "g", 0)
				c.ID, c.Resource.Type, c.MembersAdded = change.NewID(), "Group", []string{"u"}
				in, err := b.App.Journal().Intend(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				c.Outcome = change.Done
				return in, c
			}
			settle := func(in bridge.Intent, c change.Change) {
				t.Helper()
				if err := in.Settle(t.Context(), c, nil); err != nil {
					t.Error(err)
				}
			}
			early, first := begin()
			b.memory.Fail(errDisk)
			late, second := begin()
			if !runs {
				settle(late, second)
			}
			b.memory.Fail(nil)
			settle(early, first)
			if runs {
				settle(late, second)
			}
			for range 2 {
				b.App.KeepStore(t.Context(), time.Now())
			}
			if diff := cmp.Diff([]string{"updated done", "updated done", "observed done"}, b.since(t)); diff != "" {
				t.Errorf("the journal (-want +got):\n%s", diff)
			}
			if n := b.open(t); n != 0 {
				t.Errorf("%d changes are open", n)
			}
		})
	}
}

// TestTheHeadOfTheJournalIsInTheLog: at the start, every five minutes, and at the end.
func TestTheHeadOfTheJournalIsInTheLog(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	at := time.Now()
	for _, later := range []time.Duration{0, 4 * time.Minute, 5 * time.Minute, 6 * time.Minute, 11 * time.Minute} {
		b.App.KeepStore(t.Context(), at.Add(later))
	}
	b.memory.Fail(errDisk)
	b.App.KeepStore(t.Context(), at.Add(17*time.Minute)) // is tried again
	b.memory.Fail(nil)
	b.App.KeepStore(t.Context(), at.Add(18*time.Minute))
	lines := b.Lines.FilterMessage("head of the journal").All()
	if len(lines) != 4 {
		t.Fatalf("the log has %d heads", len(lines))
	}
	b.Create(t, "/Users", `{"userName":"last"}`)
	want, err := b.memory.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.App.Close(t.Context())
	lines = b.Lines.FilterMessage("head of the journal").All()
	last := lines[len(lines)-1]
	if got, err := store.ParseHead(fmt.Sprint(last.ContextMap()["head"])); err != nil || got != want || last.Level != zapcore.InfoLevel || len(lines) != 5 {
		t.Errorf("at the end the log has %v, %v, want %v", last, err, want)
	}
}

// TestOldEntriesAreRemoved after the time of retention.
func TestOldEntriesAreRemoved(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	b.App.Prune(t.Context())
	if got := len(b.entries(t)); got != b.created {
		t.Errorf("without a retention %d entries are left", got)
	}
	b.App.Retain(store.Retention{Changes: time.Nanosecond})
	b.App.Prune(t.Context())
	if got := b.entries(t); len(got) > 0 || b.logged("old changes and requests are removed") != 1 {
		t.Errorf("%d entries are left", len(got))
	}
	b.memory.Fail(errDisk)
	b.App.Prune(t.Context())
	if b.logged("old changes and requests cannot be removed") != 1 {
		t.Error("a failure is not told")
	}
}

// TestNothingIsRemovedWhileTheClockIsWrong: a clock that jumped ahead would make young entries old.
func TestNothingIsRemovedWhileTheClockIsWrong(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	b.App.Retain(store.Retention{Changes: time.Nanosecond})
	for ahead, removes := range map[time.Duration]bool{
		0: true, 59 * time.Minute: true, -59 * time.Minute: true, 61 * time.Minute: false, -61 * time.Minute: false, 1000 * 24 * time.Hour: false,
	} {
		b.Create(t, "/Groups", `{"displayName":"`+fmt.Sprint(ahead)+`"}`)
		warnings := b.logged("old changes and requests are not removed")
		b.App.PruneSince(func() (wall, steady time.Duration) { return 90*time.Minute + ahead, 90 * time.Minute })
		b.App.Prune(t.Context())
		if left := len(b.entries(t)); (left == 0) != removes {
			t.Errorf("when the clock is %s ahead, %d entries are left", ahead, left)
		}
		if told := b.logged("old changes and requests are not removed") > warnings; told == removes {
			t.Errorf("when the clock is %s ahead, the log tells: %t", ahead, told)
		}
	}
}

// TestABridgeThatOftenRestartsRemovesOldEntriesToo: the first removal is soon after the start, and the others each hour.
func TestABridgeThatOftenRestartsRemovesOldEntriesToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := storetest.NewMemory(nil)
		var running sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		running.Go(func() { app.RunPrune(ctx, memory, store.Retention{Changes: time.Minute}) })
		for _, after := range []time.Duration{5 * time.Minute, time.Hour, time.Hour} {
			c := interrupted("acme", "u", 0)
			intend(t, memory, c)
			c.Outcome = change.Done
			if err := memory.Settle(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			<-time.After(after) // by the clock of the test
			synctest.Wait()
			if left := len(entriesOf(t, memory)); left != 0 {
				t.Errorf("after %s %d entries are left", after, left)
			}
		}
		cancel()
		running.Wait()
	})
}

// TestTheMetricsShowTheStore, and no value that could not be read.
func TestTheMetricsShowTheStore(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	intend(t, b.memory, interrupted("acme", "1", time.Hour))
	b.read.fails = func(change.Change) error { return errDisk }
	shown := func() (out []string) {
		for _, name := range []string{"away", "entries", "open_changes", "bytes", "oldest_open_change_seconds", "intent_seconds_count"} {
			name, value, _ := strings.Cut(b.Metric(t, "scim_bridge_store_"+name+" "), " ")
			if strings.HasSuffix(name, "bytes") || strings.HasSuffix(name, "change_seconds") {
				value = fmt.Sprint(len(value) > 1)
			}
			out = append(out, name[len("scim_bridge_store_"):]+" "+value)
		}
		return out
	}
	b.App.KeepStore(t.Context(), time.Now())
	if diff := cmp.Diff([]string{"away 0", fmt.Sprint("entries ", b.created), "open_changes 1", "bytes true", "oldest_open_change_seconds true", fmt.Sprint("intent_seconds_count ", b.created)}, shown()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.memory.Fail(errDisk)
	b.App.KeepStore(t.Context(), time.Now())
	if got, none := b.Metric(t, "scim_bridge_store_away "), b.Metric(t, "scim_bridge_store_entries"); got != "scim_bridge_store_away 1" || none != "" {
		t.Errorf("while the store is away: %q, %q", got, none)
	}
}

// TestABridgeThatEndsGivesTheStoreWhatWaits, and tells what it cannot give.
func TestABridgeThatEndsGivesTheStoreWhatWaits(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]bool{"the store answers again": true, "the store is away": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newStoredBridge(t)
			b.memory.Fail(errDisk)
			b.wantMade(t, b.ends()["deleted, a user"])
			if back {
				b.memory.Fail(nil)
			}
			b.App.Close(t.Context())
			b.memory.Fail(nil)
			lost := b.logged("the bridge ends before the store answers: changes that were made are not in the journal")
			if got := b.since(t); back != (len(got) == 1) || back != (lost == 0) || !b.store.isClosed() {
				t.Errorf("the journal has %v, %d lines tell of a loss; the store is closed: %t", got, lost, b.store.isClosed())
			}
		})
	}
}

// TestTheJournalServes from the first request to the last: what a crash left open is settled before the bridge is ready,
// and at the end the store is flushed and closed.
func TestTheJournalServes(t *testing.T) {
	t.Parallel()
	c := tracedConfig(t)
	c.Server.Listen, c.Tracing.Endpoint = "127.0.0.1:0", ""
	memory := storetest.NewMemory(nil)
	intend(t, memory, interrupted("acme", "1", time.Hour))
	core, lines := logtest.New(zap.InfoLevel)
	a, err := app.New(c, app.Options{Log: zap.New(core), Store: memory})
	if err != nil {
		t.Fatal(err)
	}
	a.ReadWith(&reader{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx) }()
	for lines.FilterMessage("ready").Len() == 0 {
		select {
		case err := <-ended:
			t.Fatalf("the bridge ends before it answers: %v", err)
		default:
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	var order []string
	for _, line := range lines.All() {
		if slices.Contains([]string{"head of the journal", "write", "ready", "draining"}, line.Message) {
			order = append(order, line.Message)
		}
	}
	if diff := cmp.Diff([]string{"head of the journal", "write", "ready", "draining", "head of the journal"}, order); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
	if _, err := memory.Head(t.Context()); !errors.Is(err, store.ErrAway) {
		t.Errorf("the store is not closed: %v", err)
	}
}

// TestARequestThatRunsWhenTheBridgeEndsIsInTheJournal: the store is closed after the last request, and has its change.
func TestARequestThatRunsWhenTheBridgeEndsIsInTheJournal(t *testing.T) {
	t.Parallel()
	fake, memory := keycloaktest.NewFake(t), storetest.NewMemory(nil)
	realm, _ := apptest.NewEmptyRealm(t, fake.Server())
	made := apptest.RunSetup(t, fake.Server(), realm)
	c, problems := config.Load(made.Config)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	c.Server.Listen, c.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	core, lines := logtest.New(zap.InfoLevel)
	broken := &brokenStore{Store: memory}
	a, err := app.New(c, app.Options{Log: zap.New(core), Store: broken})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended, answered := make(chan error, 1), make(chan error, 1)
	go func() { ended <- a.Serve(ctx) }()
	await := func(message string) map[string]any {
		for lines.FilterMessage(message).Len() == 0 {
			if len(ended) > 0 {
				t.Fatalf("the bridge ends before it is %s: %v", message, <-ended)
			}
			runtime.Gosched()
		}
		return lines.FilterMessage(message).All()[0].ContextMap()
	}
	b := apptest.Bridge{Client: &client.Client{Base: fmt.Sprint("http://", await("ready")["scim"], "/realms/", realm, "/scim/v2"), Token: made.Token, HTTP: http.DefaultClient}}
	held := make(chan struct{})
	reached := fake.Inject(keycloaktest.Fault{Op: "POST /users", Hold: held})
	go func() {
		_, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"jane"}`)
		answered <- err
	}()
	<-reached
	cancel()
	await("draining")
	if broken.isClosed() {
		t.Error("the store is closed while a request runs")
	}
	close(held)
	if err := errors.Join(<-answered, <-ended); err != nil {
		t.Error(err)
	}
	if got := entriesOf(t, memory); len(got) != 1 || got[0].Outcome != change.Done || !broken.isClosed() {
		t.Errorf("the journal has %+v; the store is closed: %t", got, broken.isClosed())
	}
}
