package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// errPurged says why a snapshot is not kept.
var errPurged = errors.New("all snapshots were removed while the snapshot was written")

// SaveSnapshot implements store.Snapshots.
func (m *Memory) SaveSnapshot(ctx context.Context, name string, write func(io.Writer) error) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	purges := m.purges
	m.mutex.Unlock()
	m.saving.Lock()
	defer m.saving.Unlock()
	var text bytes.Buffer
	if err := write(&text); err != nil {
		return err
	}
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mutex.Unlock()
	if purges != m.purges {
		return errPurged
	}
	m.snapshots[name] = text.Bytes()
	return nil
}

// ReadSnapshot implements store.Snapshots.
func (m *Memory) ReadSnapshot(ctx context.Context, name string, read func(io.Reader) error) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	text, is := m.snapshots[name]
	m.mutex.Unlock()
	if !is {
		return store.ErrNotFound
	}
	return read(bytes.NewReader(text))
}

// purge removes all snapshots. The caller holds the mutex.
func (m *Memory) purge() {
	m.purges++
	clear(m.snapshots)
}

// saves saves a snapshot.
func (w *world) saves(name, text string) {
	w.Helper()
	w.must(w.store.SaveSnapshot(w.Context(), name, writes(text)))
}

// writes writes a text in pieces.
func writes(text string) func(io.Writer) error {
	return func(to io.Writer) error {
		for rest := text; rest != ""; {
			const piece = 1000
			n, err := io.WriteString(to, rest[:min(piece, len(rest))])
			if err != nil {
				return err
			}
			rest = rest[n:]
		}
		return nil
	}
}

// kept checks a snapshot.
func (w *world) kept(name, want string) {
	w.Helper()
	var got []byte
	w.must(w.store.ReadSnapshot(w.Context(), name, func(from io.Reader) (err error) {
		got, err = io.ReadAll(from)
		return err
	}))
	if string(got) != want {
		w.Errorf("the snapshot %s has %d bytes and is not the one of %d bytes that was saved", name, len(got), len(want))
	}
}

// absent checks that there is no snapshot with a name.
func (w *world) absent(name string) {
	w.Helper()
	w.fails("the snapshot "+name, w.store.ReadSnapshot(w.Context(), name, func(io.Reader) error {
		w.Errorf("a snapshot that is not there is read")
		return nil
	}), store.ErrNotFound)
}

func snapshots() []behaviour {
	const some = 300_000 // several parts
	return []behaviour{
		{"a snapshot is read as it was saved, by its name", func(w *world) {
			w.absent("acme")
			w.saves("acme", strings.Repeat("acme", some))
			w.saves("globex", "")
			w.saves("a'; DROP TABLE entry; --", "x")
			w.kept("acme", strings.Repeat("acme", some))
			w.kept("globex", "")
			w.kept("a'; DROP TABLE entry; --", "x")
			w.absent("")
			w.absent("ACME")
		}},
		{"a snapshot replaces the former one", func(w *world) {
			for _, text := range []string{strings.Repeat("one", some), "two", "", strings.Repeat("four", some)} {
				w.saves("acme", text)
				w.kept("acme", text)
			}
		}},
		{"after an error the former snapshot stays", func(w *world) {
			w.saves("acme", "former")
			fault := errors.New("no table")
			w.fails("the save", w.store.SaveSnapshot(w.Context(), "acme", func(to io.Writer) error {
				return errors.Join(writes(strings.Repeat("torn", some))(to), fault)
			}), fault)
			w.kept("acme", "former")
			ctx, cancel := context.WithCancel(w.Context())
			w.fails("the save", w.store.SaveSnapshot(ctx, "acme", func(to io.Writer) error {
				defer cancel()
				return writes("torn")(to)
			}), context.Canceled)
			w.kept("acme", "former")
			w.saves("acme", "next")
			w.kept("acme", "next")
		}},
		{"the error of the reader is returned", func(w *world) {
			w.saves("acme", "text")
			fault := errors.New("no index")
			w.fails("the read", w.store.ReadSnapshot(w.Context(), "acme", func(io.Reader) error { return fault }), fault)
		}},
		{"snapshots with the same name are saved one after the other", func(w *world) {
			var all sync.WaitGroup
			for _, letter := range []string{"a", "b", "c"} {
				all.Go(func() {
					if err := w.store.SaveSnapshot(w.Context(), "acme", writes(strings.Repeat(letter, some))); err != nil {
						w.Errorf("%v", err)
					}
				})
			}
			all.Wait()
			var got []byte
			w.must(w.store.ReadSnapshot(w.Context(), "acme", func(from io.Reader) (err error) {
				got, err = io.ReadAll(from)
				return err
			}))
			if len(got) != some || strings.Trim(string(got), string(got[:1])) != "" {
				w.Errorf("the snapshot is mixed")
			}
		}},
		{"no snapshot outlives a person who is forgotten, or a key", func(w *world) {
			for name, purge := range map[string]func() error{
				"forget": func() error { return second(w.store.Forget(w.Context(), store.Person{ID: anna})) },
				"rekey":  func() error { return w.store.Rekey(w.Context()) },
			} {
				w.made(w.user(change.Created, anna, nil, person("anna", "")))
				w.saves("acme", "anna")
				w.saves("globex", strings.Repeat("anna", some))
				w.must(purge())
				w.absent("acme")
				w.absent("globex")
				err := w.store.SaveSnapshot(w.Context(), "acme", func(to io.Writer) error { return errors.Join(purge(), writes("anna")(to)) })
				if err == nil {
					w.Errorf("%s: what was read before is kept", name)
				}
				w.absent("acme")
			}
		}},
	}
}
