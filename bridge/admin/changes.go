package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// ErrNoStore means that the bridge remembers no changes.
var ErrNoStore = errors.New("this bridge has no store, so it does not remember what it changed. Add store with sqlite.file and keyFile to the configuration, and start the bridge again. scim-bridge store newkey makes the content of the key file")

// InputError means that a view or a verb cannot use its parameters. The text says what to write instead.
type InputError struct{ Text string }

// Error implements error.
func (e InputError) Error() string { return e.Text }

// NoChangeError means that the journal has no such change.
type NoChangeError struct{ Text string }

// Error implements error.
func (e NoChangeError) Error() string { return e.Text }

// Entry is the operator's view of an entry of the journal: a change that has ended. It has personal data.
type Entry struct {
	ID           string         `json:"id"`
	Position     store.Position `json:"position"`
	Begun        time.Time      `json:"begun"`   // when the change was made
	Settled      time.Time      `json:"settled"` // when its end was recorded: later for a change that waited for the store, or that a crash left open
	Tenant       string         `json:"tenant"`  // its path
	Realm        string         `json:"realm"`
	Organization *Organization  `json:"organization,omitempty"`
	Actor        Actor          `json:"actor"`
	Origin       string         `json:"origin,omitempty"` // a value of change.Origin
	Op           string         `json:"op"`               // a value of change.Op
	Resource     Resource       `json:"resource"`
	Outcome      string         `json:"outcome"` // a value of change.Outcome
	Reason       string         `json:"reason,omitempty"`
	// Recovered says that the bridge ended before the change did, and read its end in Keycloak later.
	Recovered bool `json:"recovered,omitempty"`
	// Erased says that a person was forgotten, so that values or members are missing.
	Erased bool     `json:"erased,omitempty"`
	Steps  []string `json:"steps,omitempty"`
	Done   int      `json:"done"` // the steps that were carried out and stay
	Unseen []string `json:"unseen,omitempty"`

	Before map[string]any `json:"before,omitempty"`
	After  map[string]any `json:"after,omitempty"`
	// BeforeUnknown says that Before is absent because nobody knows it: somebody else made the change.
	BeforeUnknown  bool     `json:"beforeUnknown,omitempty"`
	MembersAdded   []string `json:"membersAdded,omitempty"`
	MembersRemoved []string `json:"membersRemoved,omitempty"`
	// Differences are only part of the answers about one change and about one person.
	Differences []Difference `json:"differences,omitempty"`
}

// Organization is the organization of a changed resource.
type Organization struct {
	ID    string `json:"id"`
	Alias string `json:"alias"`
}

// Actor is the client, the operator or the person that made a change.
type Actor struct {
	// Kind is a value of tenant.ActorKind; "" when nobody knows who made the change.
	Kind  string `json:"kind"`
	Name  string `json:"name"`            // of an administrator: the id of the user in Keycloak
	KeyID string `json:"keyID,omitempty"` // of an administrator: the id of the client in Keycloak
}

// Resource is a changed resource.
type Resource struct {
	Type string `json:"type"`           // "User" or "Group"; "Organization" or "Realm" when others changed them
	ID   string `json:"id"`             // "" when it was not created, and when it is not known
	Name string `json:"name,omitempty"` // the userName or displayName, when the entry has one
}

func viewOf(e store.Entry) Entry {
	out := Entry{
		ID: string(e.ID), Position: e.Position, Begun: inUTC(e.Begun), Settled: inUTC(e.Settled), Tenant: e.Tenant, Realm: e.Realm,
		Actor: Actor(e.Actor), Origin: string(e.Origin), Op: string(e.Op), Resource: Resource{e.Resource.Type, e.Resource.ID, nameIn(e)},
		Outcome: string(e.Outcome), Reason: e.Reason, Recovered: e.Recovered, Erased: e.Erased, Steps: e.Steps, Done: e.Done,
		Before: e.Before, After: e.After, MembersAdded: e.MembersAdded, MembersRemoved: e.MembersRemoved,
	}
	if e.Begun.IsZero() {
		out.Begun = out.Settled
	}
	if e.Organization != (change.Organization{}) {
		out.Organization = new(Organization(e.Organization))
	}
	out.BeforeUnknown = beforeUnknown(e)
	for _, part := range e.Unseen {
		out.Unseen = append(out.Unseen, string(part))
	}
	return out
}

// beforeUnknown reports whether an entry of a change by others lacks the state before the change, and there was one.
func beforeUnknown(e store.Entry) bool {
	isNew := e.Op == change.Created || e.Op == change.Joined || e.Op == change.Adopted
	shows := e.After != nil || e.Op == change.Deleted || e.Op == change.Left
	return e.Origin == change.Observation && e.Before == nil && shows && !isNew && !e.Erased
}

// inUTC keeps the zero time as it is, so that JSON omits it.
func inUTC(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// nameIn returns the name that the resource of an entry had after the change; "" when the entry has no name.
func nameIn(e store.Entry) string {
	docs := []scim.Document{e.After, e.Before}
	if e.Outcome != change.Done { // it may have its former name
		slices.Reverse(docs)
	}
	for _, doc := range docs {
		if name := cmp.Or(doc.String(scim.AttrUserName), doc.String(scim.AttrDisplayName)); name != "" {
			return name
		}
	}
	return ""
}

// Filter selects entries. The zero value selects all, oldest first.
type Filter struct {
	Tenant       string // the path of a tenant; "" for all
	Resource     string // the id of a resource; "" for all
	User         string // a text that identifies a person, as for History; "" for all
	Op           string // one of Ops; "" for all
	Outcome      string // one of Outcomes; "" for all
	Since, Until time.Time
	Newest       bool  // newest first
	Limit        int   // the most entries; 0 for all
	After        int64 // the number of the last entry that was read; entries behind it in the order follow
}

// Ops returns the operations that a Filter can select.
func Ops() []string {
	return []string{string(change.Created), string(change.Updated), string(change.Deactivated), string(change.Reactivated), string(change.Deleted), string(change.Joined), string(change.Left), string(change.Adopted), string(change.Observed), string(change.Erased)}
}

// Outcomes returns the outcomes that a Filter can select.
func Outcomes() []string {
	return []string{string(change.Done), string(change.Failed), string(change.Refused), string(change.Unknown)}
}

// check refuses what selects nothing by mistake.
func (f Filter) check() error {
	for what, c := range map[string]struct {
		word  string
		words []string
	}{"operation": {f.Op, Ops()}, "outcome": {f.Outcome, Outcomes()}} {
		if c.word != "" && !slices.Contains(c.words, c.word) {
			return InputError{fmt.Sprintf("%.40q is not the %s of a change: use one of %v", c.word, what, c.words)}
		}
	}
	switch {
	case f.Limit < 0:
		return InputError{"the limit is below 0; use 0 for all entries"}
	case f.After < 0:
		return InputError{"no entry has a number below 0"}
	case !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until):
		return InputError{"since is not before until, so that no entry is between them"}
	}
	return nil
}

// Answer is what a view says about all its entries.
type Answer struct {
	Entries int `json:"entries"`
	// Warning says that the newest changes are missing, and why; "" when nothing is missing.
	Warning string `json:"warning,omitempty"`
}

// Changes calls each with every entry that a filter selects.
func (a *Admin) Changes(ctx context.Context, f Filter, each func(Entry) error) (Answer, error) {
	var out Answer
	err := f.check()
	if err == nil {
		out.Warning, err = a.fresh(ctx)
	}
	if err != nil {
		return out, err
	}
	q := store.Query{
		Tenant: f.Tenant, Resource: f.Resource, Op: change.Op(f.Op), Outcome: change.Outcome(f.Outcome),
		Since: f.Since, Until: f.Until, After: f.After, Newest: f.Newest, Limit: f.Limit,
	}
	if f.User != "" {
		if q.Person, err = a.person(ctx, f.User); err != nil {
			return out, err
		}
	}
	for e, err := range a.o.Store.Entries(ctx, q) {
		if err != nil {
			return out, err
		}
		if err := each(viewOf(e)); err != nil {
			return out, err
		}
		out.Entries++
	}
	if out.Entries == 0 && f.Tenant != "" { // a tenant that was removed from the configuration still has entries
		_, err = a.endpoint(f.Tenant)
	}
	return out, err
}

// Change returns the entry of a change, with its differences.
func (a *Admin) Change(ctx context.Context, id string) (Entry, error) {
	parsed, err := change.ParseID(id)
	if err != nil {
		return Entry{}, InputError{err.Error()}
	}
	warning, err := a.fresh(ctx)
	if err != nil {
		return Entry{}, err
	}
	e, err := a.o.Store.Entry(ctx, parsed)
	if errors.Is(err, store.ErrNotFound) {
		why := "it may be older than store.retention, or it has not ended yet"
		return Entry{}, NoChangeError{"the journal has no change " + id + ": " + cmp.Or(warning, why)}
	}
	if err != nil {
		return Entry{}, err
	}
	out := viewOf(e)
	out.compare()
	return out, nil
}

// compare fills in the differences. Without a state before there is nothing to compare.
func (e *Entry) compare() {
	if !e.BeforeUnknown {
		e.Differences = Differences(e.Before, e.After)
	}
}

// patience is how long a view waits for the store to write the newest changes.
const patience = 10 * time.Second

// fresh waits until the journal has what was just done. The warning says that changes are missing, and is otherwise "".
func (a *Admin) fresh(ctx context.Context) (warning string, err error) {
	if a.o.Store == nil {
		return "", ErrNoStore
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = a.o.Store.Flush(limited)
	late := a.o.Bridge.Late()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil && late > 0:
		return "the newest changes are missing: " + waitTexts(late), nil
	case err == nil:
		return "", nil
	}
	a.o.Log.Warn("the journal lacks the newest changes", zap.Error(err))
	return "the newest changes are missing, because the store could not write them: " + err.Error(), nil
}

// waitTexts says how many changes wait in memory.
func waitTexts(n int) string {
	if n == 1 {
		return "1 change waits in the memory of the bridge until the store takes it, and is lost when the bridge ends before"
	}
	return fmt.Sprintf("%d changes wait in the memory of the bridge until the store takes them, and are lost when the bridge ends before", n)
}
