package directory

import (
	"encoding/binary"
	"hash/fnv"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Difference says that a resource differs from what an index had, and that neither an event of the feed
// nor a write of the bridge explains this. So somebody changed it in a way that no event tells, or
// the feed was not read since.
type Difference struct {
	Tenant   string // the path
	Realm    string
	Type, ID string // of the resource
	Version  uint64 // VersionOf the document that was read; 0 when the resource is gone
	// Since is a time at which the resource did not differ from the index. It is zero when the index
	// had nothing to compare with, as in the first scan after the start: then the resource may not have
	// changed at all.
	Since time.Time
	Until time.Time // when the resource was read
}

// VersionOf tells documents of one resource apart. It is never 0.
func VersionOf(doc scim.Document) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(scim.Resource{Document: doc}.Version())) // never fails
	return max(1, binary.BigEndian.Uint64(h.Sum(nil)))
}

// differ reports what a read found different from what the index had. found are the ids of resources
// that are new or that differ, and gone those that the index had. The caller holds x.mu.
func (x *keptIndex) differ(items []item, found, gone []string) (out []Difference) {
	one := Difference{Tenant: x.tenant, Realm: x.realm, Type: x.rt.Name, Since: x.baseline, Until: x.d.options.Now()}
	add := func(id string, version uint64) {
		if !x.stale[id] { // else a write or an event explains it
			one.ID, one.Version = id, version
			out = append(out, one)
		}
	}
	differs := make(map[string]bool, len(found))
	for _, id := range found {
		differs[id] = true
	}
	for _, i := range items {
		if id := i.resource.ID; differs[id] {
			add(id, VersionOf(i.resource.Document))
			delete(differs, id)
		}
	}
	for _, id := range gone {
		if !x.baseline.IsZero() {
			add(id, 0)
		}
	}
	return out
}
