package directory

import "sync"

// Written names users and groups of a realm that a tenant wrote, by their ids, whether or not the
// write succeeded. An id may occur twice.
type Written struct {
	Realm, Tenant string // the name of the realm, the path of the tenant
	Users, Groups []string
}

// Invalidations tell every directory that has an index of a realm what was written. When the realm
// has no feed of admin events, all bridges that write to the realm must share one Invalidations.
type Invalidations interface {
	// Tell reports a write. It is called before the client that wrote gets its answer.
	Tell(w Written)
	// Hear registers a directory. From then on hear is called with every reported write, also with
	// writes that the directory itself reported, by many goroutines at a time. A directory
	// registers once, when it is made, and stays registered.
	Hear(hear func(Written))
}

// MemoryInvalidations work within one process. The zero value is ready.
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
