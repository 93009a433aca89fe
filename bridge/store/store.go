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

// Store is the memory of a bridge. It is safe for concurrent use. Every method can return an error that wraps ErrAway.
type Store interface {
	Journal
	Prover
	Keeper
	Tokens
	Ledger
	io.Closer
}

// Errors of a Store.
var (
	// ErrAway says that the store cannot be read or written now: its disk is full, or the database does not answer.
	ErrAway = errors.New("the store does not answer")
	// ErrNotFound says that the store has no such change.
	ErrNotFound = errors.New("the journal has no such change")
	// ErrNotOpen says that a change is settled that was not begun, or that is settled already.
	ErrNotOpen = errors.New("the change is not open")
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
	// The change needs an ID.
	Intend(ctx context.Context, c change.Change) error
	// Settle records how an open change ended. It returns when the change waits for the next group commit, which may
	// still fail: the store tries again until the commit succeeds or the store is closed. A change whose settlement
	// was lost is open after the next start. It returns ErrNotOpen for a change that is not open.
	Settle(ctx context.Context, c change.Change) error
	// Flush waits until every change that was settled before is an Entry that every Query finds. It returns an error
	// while a settlement cannot be committed.
	Flush(ctx context.Context) error

	// Open returns the open changes in the order in which they began. Documents are as they were intended.
	Open(ctx context.Context) ([]change.Change, error)
	// Entries returns the entries that a query selects, in the order of the query. It stops at the first error.
	Entries(ctx context.Context, q Query) iter.Seq2[Entry, error]
	// Entry returns the entry of a change, or ErrNotFound.
	Entry(ctx context.Context, id change.ID) (Entry, error)

	// Applied returns the document of a resource that a client last sent successfully, as the tenant then showed it,
	// without members. It is kept as long as the tenant has the resource. It returns ErrNotFound for a resource without
	// a document.
	Applied(ctx context.Context, tenant, resource string) (scim.Document, error)

	// Overlaps returns the memberships that two changes changed at the same time. Nobody knows which of the two calls
	// Keycloak carried out last. An overlap is returned until Observed is called for it.
	Overlaps(ctx context.Context) ([]Overlap, error)
	// Observed records what Keycloak has of an overlap's memberships, and ends the overlap. c is a change with the
	// operation change.Observed.
	Observed(ctx context.Context, o Overlap, c change.Change) error
}

// Entry is a settled change.
type Entry struct {
	change.Change

	Position Position
	Settled  time.Time // when the change was settled
	// Erased says that a person was forgotten: the documents, the members, the steps and the reason are gone, or the
	// forgotten members are no longer among the members.
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
	// Person selects the changes about a person: those with one of the person's identifiers, and those of every user
	// that such a change names. Nil for all.
	Person  *Person
	Op      change.Op      // "" for all
	Outcome change.Outcome // "" for all
	// Since and Until bound the time of the settlement: Since is included, Until is not. The zero time is no bound.
	Since, Until time.Time
	After        int64 // the number of the last entry that was read; entries behind it in the order follow
	Newest       bool  // newest first
	Limit        int   // the most entries; 0 for all
}

// Prover proves that nobody altered the journal: every entry is linked to the entry before it with a key that is not in
// the database.
type Prover interface {
	// Head returns the last link.
	Head(ctx context.Context) (Head, error)
	// Verify checks every entry and every link. heads are heads that somebody kept elsewhere, such as in the log. The
	// error is a *BrokenError when the journal was altered.
	Verify(ctx context.Context, heads ...Head) (Proof, error)
}

// Proof is what Verify checked.
type Proof struct {
	Head    Head  `json:"head"`
	Entries int64 `json:"entries"`
	Erased  int64 `json:"erased"` // the entries that are about a forgotten person
	Pruned  int64 `json:"pruned"` // the entries that are gone after their time of retention
}

// BrokenError says where the journal was altered.
type BrokenError struct {
	Number int64  // of the first entry that is not as it was written; 0 when the fault is not in an entry
	What   string // such as "the entry was changed"
}

// Keeper does the work of the store's operator.
type Keeper interface {
	// Forget erases a person: everything that is sealed or searchable in each entry about the person. The journal
	// still verifies. It returns the number of entries that it erased.
	Forget(ctx context.Context, p Person) (int, error)
	// Prune removes the oldest entries, in small steps between the commits of changes. It returns their number.
	Prune(ctx context.Context, r Retention) (int64, error)
	// Rekey seals everything that is sealed with an older key again, with the newest key. Afterwards the older keys
	// are not needed.
	Rekey(ctx context.Context) error
	// Backup writes a copy of the store to a new file, while changes continue. The volume needs room for the copy.
	Backup(ctx context.Context, file string) error
	// Stats returns the size of the store.
	Stats(ctx context.Context) (Stats, error)
}

// Retention says which entries are kept.
type Retention struct {
	Changes  time.Duration // how long an entry is kept after its settlement; 0 for always
	MaxBytes int64         // how large the store may be; 0 for any size
}

// Stats is the size of a store.
type Stats struct {
	Entries int64         `json:"entries"`
	Bytes   int64         `json:"bytes"`
	Open    int64         `json:"open"` // changes that are not settled
	Oldest  time.Duration `json:"-"`    // the age of the oldest open change; 0 when no change is open
	Waiting int64         `json:"-"`    // settled changes that wait for a commit
}
