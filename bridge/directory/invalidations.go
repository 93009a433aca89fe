package directory

import "sync"

// Written are users and groups of a realm that a tenant wrote, maybe in vain, by their ids. An id may stand there twice.
type Written struct {
	Realm, Tenant string // the name of the realm, the path of the tenant
	Users, Groups []string
}

// Invalidations pass on what was written to every directory that has an index of the realm. All bridges that write to
// one realm need the same Invalidations, where the realm has no feed of admin events.
type Invalidations interface {
	// Tell passes on what was written, before the client that wrote it is answered.
	Tell(w Written)
	// Hear registers a directory: from now on hear is called with everything that is told, also with what the directory
	// told itself, by many goroutines at a time. A directory registers once, when it is made, and for good.
	Hear(hear func(Written))
}

// MemoryInvalidations are those of one process. The zero value is ready.
type MemoryInvalidations struct {
	mu   sync.RWMutex
	hear []func(Written)
}

// Tell implements Invalidations.
func (m *MemoryInvalidations) Tell(w Written) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, hear := range m.hear {
		hear(w)
	}
}

// Hear implements Invalidations.
func (m *MemoryInvalidations) Hear(hear func(Written)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hear = append(m.hear, hear)
}
