package store

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Store is the memory of a bridge. It is safe for concurrent use. Every method can return an error that wraps ErrAway,
// and every method except Close does so after Close. Close can be called again. A method whose context has ended does
// nothing, and returns the error of the context. A store shares no documents and no lists with its callers. Times are
// kept in UTC, at least to the microsecond.
type Store interface {
	Journal
	Activities
	Prover
	Keeper
	Tokens
	Ledger
	Snapshots
	Places
	io.Closer
}

// Errors of a Store.
var (
	// ErrAway says that the store cannot be read or written now: its disk is full, or the database does not answer.
	ErrAway = errors.New("the store does not answer")
	// ErrNotFound says that the store has no such change, document or snapshot.
	ErrNotFound = errors.New("the store has no such entry")
	// ErrNotOpen says that a change is settled that was not begun, or that is settled already.
	ErrNotOpen = errors.New("the change is not open")
	// ErrKnown says that a change has the ID of a change that is open or that is an entry.
	ErrKnown = errors.New("the journal has a change with this id already")
	// ErrNobody says that a person has no identifier.
	ErrNobody = errors.New("a person without an identifier cannot be forgotten: name an id, userName, address or externalId")
	// ErrAmbiguous says that the identifiers of a person name several users.
	ErrAmbiguous = errors.New("the identifiers name more than one user")
	// ErrBusy says that a person cannot be forgotten while a change of the person is open.
	ErrBusy = errors.New("a change of the person is open")
)

// Journal records changes. A change is open between Intend and Settle. A settled change is an Entry with a position;
// what is not settled has no position, and no reader of entries sees it.
type Journal interface {
	// Intend records a change before it is made. When it returns nil, a crash of the machine cannot lose the record.
	// The change needs an ID that no open change and no entry has; otherwise the error wraps ErrKnown.
	Intend(ctx context.Context, c change.Change) error
	// Settle records how an open change ended. The entry is c, and nothing else of the intended change is kept. Entries
	// of settlements that follow each other are in that order. Settle returns when the change waits for the next group
	// commit, which may still fail: the store tries again until the commit succeeds or the store is closed. The change
	// is no longer open meanwhile. A change whose settlement was lost is open after the next start. Settle returns
	// ErrNotOpen for a change that is not open.
	Settle(ctx context.Context, c change.Change) error
	// Withdraw ends an open change that was never begun: nothing is kept of it. It returns when that waits for the next
	// group commit. A crash before leaves the change open. Withdraw returns ErrNotOpen for a change that is not open.
	Withdraw(ctx context.Context, id change.ID) error
	// Flush waits until every change that was settled before is an Entry that every Query finds, and until every row of
	// Act before is written or dropped. It returns an error while something cannot be committed.
	Flush(ctx context.Context) error

	// Record adds the entry of a change that was never open, because somebody else made it. The change has an outcome, and
	// an ID that no open change and no entry has; otherwise the error wraps ErrKnown, and nothing is added. When Record
	// returns nil, a crash of the machine cannot lose the entry. The entry leaves no document of Applied, and it drops the
	// document when the change ends the resource. A change that began before Record and is settled afterwards can overlap
	// with the entry.
	Record(ctx context.Context, c change.Change) error

	// Open returns the open changes in the order of their Intend. They are as they were intended.
	Open(ctx context.Context) ([]change.Change, error)
	// Entries returns the entries that a query selects, in the order of the query. It stops at the first error, which
	// comes with an empty entry. The loop may use the store.
	Entries(ctx context.Context, q Query) iter.Seq2[Entry, error]
	// Entry returns the entry of a change. It returns ErrNotFound for an open change too.
	Entry(ctx context.Context, id change.ID) (Entry, error)

	// Applied returns the document of a resource that a client last sent successfully, as the tenant then showed it,
	// without members. It is kept as long as the tenant has the resource. It returns ErrNotFound for a resource without
	// a document.
	Applied(ctx context.Context, tenant, resource string) (scim.Document, error)

	// Overlaps returns the memberships that two changes changed at the same time, in the order of the entries. Nobody
	// knows which of the two calls Keycloak carried out last. Two changes of one group overlap when each was intended
	// before the other was settled, however they ended, and whatever the clock said. A change has at most one overlap,
	// of the members that changes settled before it changed too. Observations overlap with nothing. An overlap is
	// returned until Observed is called for it, or until Prune removes the entry of its change.
	Overlaps(ctx context.Context) ([]Overlap, error)
	// Observed records what Keycloak has of an overlap's memberships, and ends the overlap, which the ID of its change
	// names. c is a change with the operation change.Observed, an outcome, and an ID of its own. It is never open: it is
	// an Entry after the next Flush. Observed returns ErrNotFound for an overlap that has ended.
	Observed(ctx context.Context, o Overlap, c change.Change) error
}

// Entry is a settled change.
type Entry struct {
	change.Change

	Position Position
	Settled  time.Time // when Settle was called; a clock that jumps back makes it earlier than that of an entry before
	// Erased says that a person was forgotten. In a change of the person's user, the documents, the members, the steps
	// and the reason are gone. In a change of a group, only the forgotten members and the steps that named them are.
	Erased bool
}

// Overlap names memberships of one group that changes changed at the same time.
type Overlap struct {
	Change  change.Change // the change that was settled last, without documents
	Members []string      // the ids of the users, sorted
}

// Query selects entries. The zero value selects all, oldest first.
type Query struct {
	Tenant   string // the path of the tenant; "" for all
	Resource string // the id of the changed resource; "" for all
	// Person selects the changes about a person: those with one of the person's identifiers (IdentifiersOf), and those
	// with the id of every user that such an entry changed, also as a member. The other members of a group are other
	// people. A person without identifiers has no changes. Nil for all.
	Person  *Person
	Op      change.Op      // "" for all
	Outcome change.Outcome // "" for all
	// Since and Until bound the time of the settlement: Since is included, Until is not. The zero time is no bound.
	Since, Until time.Time
	After        int64 // the number of the last entry that was read, which may be gone; the entries behind it in the order follow; 0 for all
	Newest       bool  // newest first
	Limit        int   // the most entries; 0 for all
}

// Places remember up to where a reader has read, such as the reader of a realm's events.
type Places interface {
	// Place returns the place of a reader, to the microsecond; the zero time for a reader without a place.
	Place(ctx context.Context, reader string) (time.Time, error)
	// SetPlace sets the place of a reader; the zero time removes it. The place may wait for the next commit: a crash can
	// bring back the place before, but no place that is later than what Record returned before SetPlace was called.
	SetPlace(ctx context.Context, reader string, at time.Time) error
}

// Prover proves that nobody altered the journal: every entry is linked to the entry before it with a key that is not in
// the database.
type Prover interface {
	// Head returns the last link. The head of an empty store has the number 0.
	Head(ctx context.Context) (Head, error)
	// Verify checks every entry and every link. heads are heads that somebody kept elsewhere, such as in the log; those
	// before the last entry that was pruned cannot be checked. The error is a *BrokenError when the journal was altered,
	// or when a head is of another store, or behind the end of the journal, or has another link.
	Verify(ctx context.Context, heads ...Head) (Proof, error)
}

// Proof is what Verify checked.
type Proof struct {
	Head    Head  `json:"head"`
	Entries int64 `json:"entries"`
	Erased  int64 `json:"erased"` // the entries of which a person was erased
	Pruned  int64 `json:"pruned"` // the entries that are gone after their time of retention
}

// BrokenError says where the journal was altered.
type BrokenError struct {
	Number int64  // of the first entry that is not as it was written; 0 when the fault is not in an entry
	What   string // such as "the entry was changed"
}

// Keeper does the work of the store's operator.
type Keeper interface {
	// Forget erases a person: everything that is sealed or searchable in each entry about the person, and the documents
	// of Applied. It also erases the document of each request that names the person or is about the person's user. It returns the
	// number of entries and requests that it erased. The journal still verifies. An entry with the operation
	// change.Erased, or several for many entries, says so: with the id of the user, and with the tenant of the last entry
	// that was erased. There is no such entry when no entry was erased. The id of the user finds the entries afterwards,
	// and no other identifier does.
	//
	// The identifiers name the user that an entry or an open change with one of them changed. An ID may also be of a
	// member of groups. With several users Forget returns ErrAmbiguous, and ErrNobody without an identifier. While a
	// change of the person is open it returns ErrBusy. Then nothing is erased. Entries of a user that was not made are
	// erased too, when they have one of the person's identifiers. When every entry of the user was pruned, only the ID
	// finds the documents of Applied.
	Forget(ctx context.Context, p Person) (int, error)
	// Prune removes the oldest entries and the oldest rows of requests, in small steps between the commits of changes.
	// It returns their number. It ends at the first entry that is to be kept, so what remains has no gap, although a
	// clock jumped back. Open changes and the documents of Applied stay.
	Prune(ctx context.Context, r Retention) (int64, error)
	// Rekey seals everything that is sealed with an older key again, with the newest key. Afterwards the older keys
	// are not needed.
	Rekey(ctx context.Context) error
	// Backup writes a copy of the store to a new file, while changes continue. The volume needs room for the copy.
	Backup(ctx context.Context, file string) error
	// Stats returns the size of the store.
	Stats(ctx context.Context) (Stats, error)
}

// Retention says which entries and rows are kept.
type Retention struct {
	Changes  time.Duration // how long an entry is kept after its settlement, at least; 0 for always
	Activity time.Duration // how long the row of a request and the counts are kept; 0 for always
	// MaxBytes is how large the store may be: Bytes of Stats; 0 for any size. Rows of requests get a quarter of it. What
	// they use beyond is removed before the first entry.
	MaxBytes int64
}

// Stats is the size of a store.
type Stats struct {
	Entries int64         `json:"entries"`
	Bytes   int64         `json:"bytes"` // of the database, without its write-ahead log
	Open    int64         `json:"open"`  // changes that are not settled
	Oldest  time.Duration `json:"-"`     // the age of the oldest open change; 0 when no change is open
	Waiting int64         `json:"-"`     // settled changes that wait for a commit

	Activities int64 `json:"activities"` // rows of requests
	Dropped    int64 `json:"dropped"`    // rows of requests that could not be written, since the start
}
