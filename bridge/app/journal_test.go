package app_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// errDisk is why a store fails.
var errDisk = errors.New("the disk is full")

// storedBridge is a bridge with a store that the test can break. jane and joe are users, and team is a group of jane.
type storedBridge struct {
	apptest.Bridge

	fake            *keycloaktest.Fake
	memory          *storetest.Memory
	store           *brokenStore
	read            *reader
	jane, joe, team string
	created         int // the number of entries for jane, joe and team
}

// brokenStore is a store whose calls a test can replace.
type brokenStore struct {
	store.Store

	mu             sync.Mutex
	intend, settle func(ctx context.Context, c change.Change) error // nil for the calls of the store
	closed         bool
}

func (b *brokenStore) Intend(ctx context.Context, c change.Change) error {
	b.mu.Lock()
	intend := b.intend
	b.mu.Unlock()
	if intend != nil {
		return intend(ctx, c)
	}
	return b.Store.Intend(ctx, c)
}

func (b *brokenStore) Settle(ctx context.Context, c change.Change) error {
	b.mu.Lock()
	settle := b.settle
	b.mu.Unlock()
	if settle != nil {
		return settle(ctx, c)
	}
	return b.Store.Settle(ctx, c)
}

// Close closes nothing, so that a test can look into the store.
func (b *brokenStore) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

func (b *brokenStore) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// breaks replaces calls of the store.
func (b *brokenStore) breaks(intend, settle func(ctx context.Context, c change.Change) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.intend, b.settle = intend, settle
}

// reader reads nothing in Keycloak: it says what a test expects.
type reader struct {
	mu        sync.Mutex
	recovered []change.Change // that it was asked for
	observed  []string        // tenant, group and members that it was asked for
	fails     func(change.Change) error
}

func (r *reader) Recover(_ context.Context, c change.Change) (change.Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recovered = append(r.recovered, c)
	if r.fails != nil {
		if err := r.fails(c); err != nil {
			return change.Change{}, err
		}
	}
	c.Outcome, c.Done, c.Recovered = change.Done, len(c.Steps), true
	return c, nil
}

func (r *reader) Observe(_ context.Context, tenantPath, group string, members []string) (change.Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observed = append(r.observed, tenantPath+" "+group+" "+strings.Join(members, ","))
	if r.fails != nil {
		if err := r.fails(change.Change{Tenant: tenantPath}); err != nil {
			return change.Change{}, err
		}
	}
	return change.Change{
		ID: change.NewID(), Begun: time.Now(), Actor: change.Actor{Kind: "system"}, Tenant: tenantPath, Op: change.Observed, Resource: change.Resource{Type: "Group", ID: group}, MembersAdded: members, Outcome: change.Done,
	}, nil
}

// asked are the resources of the changes that were recovered.
func (r *reader) asked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, c := range r.recovered {
		out = append(out, c.Resource.ID)
	}
	return out
}

func newStoredBridge(t *testing.T) *storedBridge {
	t.Helper()
	return newStoredBridgeThat(t, config.OnFailureRefuse)
}

// newStoredBridgeThat makes a bridge with store.onFailure, and further settings.
func newStoredBridgeThat(t *testing.T, onFailure config.OnFailure, more ...func(*config.Config)) *storedBridge {
	t.Helper()
	b := &storedBridge{fake: keycloaktest.NewFake(t), memory: storetest.NewMemory(nil), read: &reader{}}
	b.store = &brokenStore{Store: b.memory}
	b.Bridge = apptest.NewStoredBridge(t, b.fake.Server(), b.store, func(c *config.Config) {
		c.Store.OnFailure = onFailure
		for _, edit := range more {
			edit(c)
		}
	})
	b.App.ReadWith(b.read)
	b.jane = b.Create(t, "/Users", `{"userName":"jane","title":"Boss"}`)
	b.joe = b.Create(t, "/Users", `{"userName":"joe"}`)
	b.team = b.Create(t, "/Groups", `{"displayName":"team","members":[{"value":"`+b.jane+`"}]}`)
	b.created = len(b.entries(t))
	return b
}

// entries are the entries of the journal, oldest first.
func (b *storedBridge) entries(t *testing.T) []store.Entry {
	t.Helper()
	return entriesOf(t, b.memory)
}

func entriesOf(t *testing.T, s store.Store) (out []store.Entry) {
	t.Helper()
	for e, err := range s.Entries(t.Context(), store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// since are the entries since the bridge was made, as "operation outcome".
func (b *storedBridge) since(t *testing.T) []string {
	t.Helper()
	out := []string{}
	for _, e := range b.entries(t)[b.created:] {
		out = append(out, string(e.Op)+" "+string(e.Outcome))
	}
	return out
}

// open is the number of open changes.
func (b *storedBridge) open(t *testing.T) int {
	t.Helper()
	open, err := b.memory.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// written are the calls that changed something in Keycloak since the last call of written.
func (b *storedBridge) written() []string {
	out := slices.DeleteFunc(b.fake.Calls(), func(op string) bool { return strings.HasPrefix(op, "GET ") || op == "POST /token" })
	b.fake.ResetCalls()
	return out
}

// audited is the number of audit records.
func (b *storedBridge) audited() int { return b.Lines.FilterMessage("write").Len() }

// logged is the number of lines whose message begins with a text.
func (b *storedBridge) logged(begin string) (n int) {
	for _, line := range b.Lines.All() {
		if strings.HasPrefix(line.Message, begin) {
			n++
		}
	}
	return n
}

// writes are requests that change something, and end the access of no user.
func (b *storedBridge) writes() []apptest.BadRequest {
	return []apptest.BadRequest{
		{Method: http.MethodPost, Path: "/Users", Body: `{"userName":"new"}`},
		{Method: http.MethodPut, Path: "/Users/" + b.jane, Body: `{"userName":"jane","title":"Clerk"}`},
		{Method: http.MethodPatch, Path: "/Users/" + b.jane, Body: apptest.PatchBody(`{"op":"replace","path":"title","value":"Clerk"}`)},
		{Method: http.MethodPost, Path: "/Groups", Body: `{"displayName":"other","members":[{"value":"` + b.jane + `"}]}`},
		{Method: http.MethodPatch, Path: "/Groups/" + b.team, Body: apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"` + b.joe + `"}]}`)},
		{Method: http.MethodPatch, Path: "/Groups/" + b.team, Body: apptest.PatchBody(`{"op":"remove","path":"members[value eq \"` + b.jane + `\"]"}`)},
	}
}

// ends are requests that end access, by what they do.
func (b *storedBridge) ends() map[string]apptest.BadRequest {
	return map[string]apptest.BadRequest{
		"deactivated by PATCH": {Method: http.MethodPatch, Path: "/Users/" + b.jane, Body: apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)},
		"deactivated by PUT":   {Method: http.MethodPut, Path: "/Users/" + b.jane, Body: `{"userName":"jane","active":false}`},
		"deleted, a user":      {Method: http.MethodDelete, Path: "/Users/" + b.jane},
		"deleted, a group":     {Method: http.MethodDelete, Path: "/Groups/" + b.team},
	}
}

func (b *storedBridge) send(t *testing.T, r apptest.BadRequest) (int, http.Header, string) {
	t.Helper()
	return b.Raw(t, r, strings.NewReplacer())
}

// wantRefused fails the test unless a request is refused because the store is away.
func (b *storedBridge) wantRefused(t *testing.T, r apptest.BadRequest) {
	t.Helper()
	status, header, body := b.send(t, r)
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(body, "[store-away]") {
		t.Errorf("%s %s is %d, Retry-After %q, %s", r.Method, r.Path, status, header.Get("Retry-After"), body)
	}
}

// wantMade fails the test unless a request succeeds.
func (b *storedBridge) wantMade(t *testing.T, r apptest.BadRequest) {
	t.Helper()
	if status, _, body := b.send(t, r); status >= http.StatusMultipleChoices {
		t.Errorf("%s %s is %d %s", r.Method, r.Path, status, body)
	}
}

// TestAChangeThatCannotBeRecordedIsRefused: with onFailure: refuse nothing is sent to Keycloak, and the client can
// repeat the request when the store answers.
func TestAChangeThatCannotBeRecordedIsRefused(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	b.written()
	b.memory.Fail(errDisk)
	for _, r := range b.writes() {
		b.wantRefused(t, r)
	}
	results := b.Bulk(t, "", apptest.BulkPost("/Users", "a", `{"userName":"new"}`))
	if got := fmt.Sprint(results); !strings.Contains(got, "[store-away]") || !strings.Contains(got, "503") {
		t.Errorf("the operation of a bulk request is %v", results)
	}
	if calls := b.written(); len(calls) > 0 {
		t.Errorf("Keycloak was told %v", calls)
	}
	if n := b.logged("the store does not answer"); n != 1 {
		t.Errorf("the log tells %d times that the store is away", n)
	}
	b.memory.Fail(nil)
	for _, r := range b.writes() {
		b.wantMade(t, r)
	}
	if diff := cmp.Diff([]string{"created done", "updated done", "updated done", "created done", "updated done", "updated done"}, b.since(t)); diff != "" {
		t.Errorf("the journal (-want +got):\n%s", diff)
	}
	if b.logged("the store answers again") != 1 {
		t.Error("the log does not tell that the store answers again")
	}
}

// TestReadsGoOnWithoutTheStore, whatever the configuration says.
func TestReadsGoOnWithoutTheStore(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	b.memory.Fail(errDisk)
	b.Must(t, http.MethodGet, "/Users/"+b.jane, "")
	b.Must(t, http.MethodGet, "/Groups/"+b.team, "")
	apptest.WantNames(t, "the users", b.Names(t, "/Users"), "jane", "joe")
	b.Must(t, http.MethodPost, "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName eq \"jane\""}`)
	b.Must(t, http.MethodGet, "/ServiceProviderConfig", "")
}

// TestWhatEndsAccessGoesOnWithoutTheStore, also with onFailure: refuse. The log tells it without personal data, it is
// counted, and when the store answers again the journal gets it once, with the time when it began.
func TestWhatEndsAccessGoesOnWithoutTheStore(t *testing.T) {
	t.Parallel()
	for name := range newStoredBridge(t).ends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newStoredBridge(t)
			audited := b.audited()
			b.memory.Fail(errDisk)
			b.wantMade(t, b.ends()[name])
			b.App.KeepStore(t.Context(), time.Now())
			answers := change.NewID()
			b.memory.Fail(nil)
			if got := b.since(t); len(got) > 0 || b.audited() != audited+1 {
				t.Errorf("before the store answers, it has %v; there are %d audit records, want one", got, b.audited()-audited)
			}
			for range 2 {
				b.App.KeepStore(t.Context(), time.Now())
			}
			op, _, _ := strings.Cut(name, " ")
			if diff := cmp.Diff([]string{strings.TrimSuffix(op, ",") + " done"}, b.since(t)); diff != "" {
				t.Fatalf("the journal (-want +got):\n%s", diff)
			}
			if e := b.entries(t)[b.created]; e.ID > answers || e.Begun.IsZero() || e.Recovered || e.Resource.ID == "" || len(e.Steps) == 0 || e.Done != len(e.Steps) || e.Before == nil {
				t.Errorf("the entry is %+v", e)
			}
			if b.audited() != audited+1 || b.open(t) > 0 || len(b.read.asked()) > 0 {
				t.Errorf("%d audit records, %d open changes, recovered %v", b.audited()-audited, b.open(t), b.read.asked())
			}
			if got := b.Metric(t, `scim_bridge_store_unjournalled_changes_total{outcome="late",reason="ends_access"}`); !strings.HasSuffix(got, " 1") {
				t.Errorf("it is counted as %q", got)
			}
			told := b.Lines.FilterMessageSnippet("a change is made before it is in the journal").All()
			if len(told) != 1 || told[0].Level.String() != "warn" || strings.Contains(fmt.Sprint(told[0].ContextMap()), "jane") {
				t.Errorf("the log tells %v", told)
			}
		})
	}
}

// TestChangesThatWaitAreCountedAndMissed: the operator learns how many changes wait in memory, no view pretends to have
// them, and nobody is forgotten while a change of the person may wait.
func TestChangesThatWaitAreCountedAndMissed(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	b.memory.Fail(errDisk)
	b.wantMade(t, apptest.BadRequest{Method: http.MethodDelete, Path: "/Users/" + b.jane})
	const waits = "1 change waits in the memory of the bridge"
	if _, err := b.App.Admin.StoreStats(t.Context()); err == nil || !strings.Contains(err.Error(), waits) {
		t.Errorf("StoreStats() of a store that does not answer = %v", err)
	}
	b.memory.Fail(nil)
	if stats, err := b.App.Admin.StoreStats(t.Context()); err != nil || stats.Waiting != 1 || !strings.Contains(stats.Warning, waits) {
		t.Errorf("StoreStats() = %+v, %v", stats, err)
	}
	if answer, err := b.App.Admin.Changes(t.Context(), admin.Filter{}, func(admin.Entry) error { return nil }); err != nil || !strings.Contains(answer.Warning, waits) {
		t.Errorf("Changes() = %+v, %v", answer, err)
	}
	if n, err := b.App.Admin.Forget(t.Context(), b.jane); err == nil || n > 0 || !strings.Contains(err.Error(), waits) {
		t.Errorf("Forget() = %d, %v", n, err)
	}
	b.App.KeepStore(t.Context(), time.Now())
	if stats, err := b.App.Admin.StoreStats(t.Context()); err != nil || stats.Waiting != 0 || stats.Warning != "" {
		t.Errorf("StoreStats() after the store took the change = %+v, %v", stats, err)
	}
}

// TestEveryChangeGoesOnIfTheConfigurationSaysSo: with onFailure: continue every request is answered as if the store
// answered, and the journal gets every change later, in its order.
func TestEveryChangeGoesOnIfTheConfigurationSaysSo(t *testing.T) {
	t.Parallel()
	b := newStoredBridgeThat(t, config.OnFailureContinue)
	b.memory.Fail(errDisk)
	for _, r := range b.writes() {
		b.wantMade(t, r)
	}
	b.memory.Fail(nil)
	b.App.KeepStore(t.Context(), time.Now())
	if diff := cmp.Diff([]string{"created done", "updated done", "updated done", "created done", "updated done", "updated done"}, b.since(t)); diff != "" {
		t.Errorf("the journal (-want +got):\n%s", diff)
	}
	if got := b.Metric(t, `scim_bridge_store_unjournalled_changes_total{outcome="late",reason="continue"}`); !strings.HasSuffix(got, " 6") {
		t.Errorf("they are counted as %q", got)
	}
	if b.logged("changes that were made while the store did not answer are in the journal now") != 1 {
		t.Error("the log does not tell that the journal is complete")
	}
}

// TestAnAnswerStandsWhenTheStoreFailsAfterIt: the change is open until the store answers, and then it ends as it did.
func TestAnAnswerStandsWhenTheStoreFailsAfterIt(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	b.memory.FailSettle(errDisk)
	for _, r := range b.writes() {
		b.wantMade(t, r)
	}
	b.App.KeepStore(t.Context(), time.Now())
	if got := b.since(t); len(got) > 0 || b.open(t) != len(b.writes()) {
		t.Errorf("the store has the entries %v, and %d open changes", got, b.open(t))
	}
	b.memory.FailSettle(nil)
	for range 2 {
		b.App.KeepStore(t.Context(), time.Now())
	}
	if diff := cmp.Diff([]string{"created done", "updated done", "updated done", "created done", "updated done", "updated done"}, b.since(t)); diff != "" || b.open(t) > 0 || len(b.read.asked()) > 0 {
		t.Errorf("%d are open, recovered %v, the journal (-want +got):\n%s", b.open(t), b.read.asked(), diff)
	}
}

// TestTheMemoryForLateChangesIsBounded: beyond the bound access still ends. The loss is logged and counted. A change
// whose end the store did not take is read in Keycloak.
func TestTheMemoryForLateChangesIsBounded(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	b.App.Narrow(1)
	b.memory.Fail(errDisk)
	for _, id := range []string{b.jane, b.joe} {
		b.wantMade(t, apptest.BadRequest{Method: http.MethodDelete, Path: "/Users/" + id})
	}
	b.memory.Fail(nil)
	b.App.KeepStore(t.Context(), time.Now())
	if got := b.entries(t)[b.created:]; len(got) != 1 || got[0].Resource.ID != b.jane {
		t.Errorf("the journal has %v", got)
	}
	if got := b.Metric(t, `scim_bridge_store_unjournalled_changes_total{outcome="lost",reason="ends_access"}`); !strings.HasSuffix(got, " 1") || b.logged("the store does not answer: a change is made that the journal will never have") != 1 {
		t.Errorf("the loss is counted as %q", got)
	}

	b.App.Narrow(0)
	b.memory.FailSettle(errDisk)
	b.Create(t, "/Users", `{"userName":"new"}`)
	b.memory.FailSettle(nil)
	audited := b.audited()
	b.App.KeepStore(t.Context(), time.Now())
	if got := b.since(t); len(got) != 2 || b.audited() != audited {
		t.Errorf("the journal has %v, and there are %d audit records more", got, b.audited()-audited)
	}
}

// TestAStoreThatHangsIsAway: a request does not wait until its own end.
func TestAStoreThatHangsIsAway(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	b.App.Hurry(time.Millisecond)
	hangs := func(ctx context.Context, _ change.Change) error { <-ctx.Done(); return ctx.Err() }
	b.store.breaks(hangs, hangs)
	b.wantRefused(t, b.writes()[0])
	b.wantMade(t, b.ends()["deactivated by PATCH"])
	b.store.breaks(nil, hangs)
	b.App.Hurry(time.Minute)
	b.store.breaks(nil, nil)
	b.App.KeepStore(t.Context(), time.Now())
	if diff := cmp.Diff([]string{"deactivated done"}, b.since(t)); diff != "" {
		t.Errorf("the journal (-want +got):\n%s", diff)
	}
}

// TestAStoreThatFailsAfterItsCommitDoublesNothing: a change that was refused is settled by what Keycloak has, and a
// change that was made is in the journal once.
func TestAStoreThatFailsAfterItsCommitDoublesNothing(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	after := func(call func(context.Context, change.Change) error) func(context.Context, change.Change) error {
		return func(ctx context.Context, c change.Change) error {
			return errors.Join(store.ErrAway, errDisk, call(ctx, c))
		}
	}
	b.store.breaks(after(b.memory.Intend), nil)
	b.wantRefused(t, b.writes()[2])
	b.wantMade(t, b.ends()["deactivated by PATCH"])
	b.store.breaks(nil, after(b.memory.Settle))
	b.wantMade(t, b.writes()[4])
	b.store.breaks(nil, nil)
	for range 2 {
		b.App.KeepStore(t.Context(), time.Now())
	}
	got := b.since(t)
	slices.Sort(got)
	if diff := cmp.Diff([]string{"deactivated done", "updated done", "updated done"}, got); diff != "" || b.open(t) > 0 {
		t.Errorf("%d are open, the journal (-want +got):\n%s", b.open(t), diff)
	}
	if diff := cmp.Diff([]string{b.jane}, b.read.asked()); diff != "" {
		t.Errorf("recovered (-want +got):\n%s", diff)
	}
}

// TestARequestThatEndedChangesNothing: when the client has gone or the request has no time left, the store is not to blame and no
// change is made, also no change that ends access.
func TestARequestThatEndedChangesNothing(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, op := range []change.Op{change.Updated, change.Deactivated} {
		_, err := b.App.Journal().Intend(ctx, change.Change{ID: change.NewID(), Op: op})
		if told, is := errors.AsType[*scim.Error](err); !errors.Is(err, context.Canceled) || is {
			t.Errorf("%s ends with %v, %v", op, err, told)
		}
	}
	ctx, cancel = context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	if _, err := b.App.Journal().Intend(ctx, change.Change{ID: change.NewID(), Op: change.Deactivated}); err == nil {
		t.Error("a change without time is begun")
	}
	if b.logged("the store does not answer") > 0 {
		t.Error("the log says that the store is away")
	}
}

// TestALateChangeDoesNotPassALaterOne: what was made while the store was away is in the journal before what is made
// afterwards.
func TestALateChangeDoesNotPassALaterOne(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	b.memory.Fail(errDisk)
	b.wantMade(t, b.ends()["deactivated by PATCH"])
	b.memory.Fail(nil)
	b.Must(t, http.MethodPatch, "/Users/"+b.jane, apptest.PatchBody(`{"op":"replace","path":"active","value":true}`))
	if diff := cmp.Diff([]string{"deactivated done", "reactivated done"}, b.since(t)); diff != "" {
		t.Errorf("the journal (-want +got):\n%s", diff)
	}
	doc, err := b.memory.Applied(t.Context(), b.entries(t)[0].Tenant, b.jane)
	if err != nil || doc["active"] != true {
		t.Errorf("the last document is %v, %v", doc, err)
	}
}
