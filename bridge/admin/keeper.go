package admin

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// Head is a link of the journal that somebody kept, such as in the log.
type Head = store.Head

// ParseHead reads a head from hostile text.
func ParseHead(text string) (Head, error) {
	out, err := store.ParseHead(text)
	if err != nil {
		err = InputError{err.Error()}
	}
	return out, err
}

// BrokenError says where the journal was altered.
type BrokenError = store.BrokenError

// Verified says what was checked when nothing was altered.
type Verified struct {
	store.Proof

	// Warning says that the newest changes were not checked, and why; "" when all were checked.
	Warning string `json:"warning,omitempty"`
}

// Verify checks that nobody altered the journal, and that heads are links of it. The error is a *BrokenError when
// somebody did.
func (a *Admin) Verify(ctx context.Context, heads ...Head) (Verified, error) {
	warning, err := a.fresh(ctx)
	if err != nil {
		return Verified{}, err
	}
	proof, err := a.o.Store.Verify(ctx, heads...)
	if broken, is := errors.AsType[*BrokenError](err); is {
		a.o.Log.Error("the journal was altered", zap.Int64("entry", broken.Number), zap.String("what", broken.What))
	}
	return Verified{proof, warning}, err
}

// Stats is the size of the store.
type Stats struct {
	Entries int64  `json:"entries"`
	Bytes   int64  `json:"bytes"`
	Open    int64  `json:"open"`              // changes that have not ended
	Oldest  int64  `json:"oldestMillis"`      // the age of the oldest open change, in milliseconds
	Waiting int64  `json:"waiting"`           // changes that have ended, and whose end is only in the memory of the bridge
	Head    string `json:"head"`              // the text of the last link
	Warning string `json:"warning,omitempty"` // why changes wait; "" when none waits

	Requests int64 `json:"requests"` // in the activity
	Dropped  int64 `json:"dropped"`  // requests that could not be written, since the start
}

// StoreStats returns the size of the store.
func (a *Admin) StoreStats(ctx context.Context) (Stats, error) {
	warning, err := a.fresh(ctx)
	if err != nil {
		return Stats{}, err
	}
	late := a.o.Bridge.Late()
	s, err := a.o.Store.Stats(ctx)
	if err != nil && late > 0 {
		err = fmt.Errorf("%w; %s", err, waitTexts(late))
	}
	if err != nil {
		return Stats{}, err
	}
	head, err := a.o.Store.Head(ctx)
	return Stats{s.Entries, s.Bytes, s.Open, s.Oldest.Milliseconds(), s.Waiting + int64(late), head.String(), warning, s.Activities, s.Dropped}, err
}

// Backup writes a copy of the store to a new file of the machine on which the bridge runs. The warning says that the
// newest changes are missing in it, and is otherwise "".
func (a *Admin) Backup(ctx context.Context, file string) (warning string, err error) {
	if warning, err = a.fresh(ctx); err != nil {
		return "", err
	}
	if !filepath.IsAbs(file) {
		return "", InputError{"the bridge has another working directory than the command, so the file of a backup needs a path from the root"}
	}
	if err := a.o.Store.Backup(ctx, file); err != nil {
		return "", err
	}
	a.did("wrote a backup of the store", zap.String("file", file))
	return warning, nil
}

// Rekey seals everything that is sealed with an older key again, with the newest key of the key file. It reads the file
// first: otherwise an operator could remove the older key before the newest key is used.
func (a *Admin) Rekey(ctx context.Context) error {
	if a.o.Store == nil {
		return ErrNoStore
	}
	if err := a.o.Bridge.ReadKeys(); err != nil {
		return fmt.Errorf("the newest key cannot be used, so nothing is sealed again: %w", err)
	}
	if err := a.o.Store.Rekey(ctx); err != nil {
		return err
	}
	a.did("sealed the store with its newest key")
	return nil
}
