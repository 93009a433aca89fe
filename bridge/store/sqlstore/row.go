package sqlstore

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// row is a row of the table entry.
type row struct {
	number         int64
	id             []byte
	epoch          int64
	begun, settled int64 // microseconds

	public // the further columns that anybody with the database can read

	commitment, link []byte
	generation       int64
	content          []byte // sealed; nil when nothing is left of it
	erased           bool   // whether a forgotten person was erased from it

	odd bool // somebody wrote something else than 0 and 1 for a bool
}

// truth is a bool of a row that is read. It takes every number, so that Verify can name the row.
type truth struct{ is, odd *bool }

// Scan implements sql.Scanner.
func (f truth) Scan(value any) error {
	n, is := value.(int64)
	*f.is = n != 0
	*f.odd = *f.odd || !is || n != 0 && n != 1
	return nil
}

// public are the columns of a change that are not personal.
type public struct {
	tenant, realm, organization, alias string
	actorKind, actor, keyID            string
	origin, op, kind, resource         string
	outcome                            string
	done                               int64
	recovered                          bool
}

// columns are the columns of the table entry, in the order of values.
const columns = "number, id, epoch, begun, settled, tenant, realm, organization, alias, actor_kind, actor, key_id, origin, op, type, resource, outcome, done, recovered, commitment, link, generation, content, erased"

func (r *row) values() []any {
	p := &r.public
	return []any{
		r.number, r.id, r.epoch, r.begun, r.settled, p.tenant, p.realm, p.organization, p.alias, p.actorKind, p.actor, p.keyID, p.origin, p.op, p.kind, p.resource, p.outcome, p.done, p.recovered,
		r.commitment, r.link, r.generation, r.content, r.erased,
	}
}

func (r *row) places() []any {
	p := &r.public
	return []any{
		&r.number, &r.id, &r.epoch, &r.begun, &r.settled, &p.tenant, &p.realm, &p.organization, &p.alias, &p.actorKind, &p.actor, &p.keyID, &p.origin, &p.op, &p.kind, &p.resource, &p.outcome, &p.done,
		truth{&p.recovered, &r.odd},
		&r.commitment, &r.link, &r.generation, &r.content,
		truth{&r.erased, &r.odd},
	}
}

func publicOf(c change.Change) public {
	return public{
		tenant: c.Tenant, realm: c.Realm, organization: c.Organization.ID, alias: c.Organization.Alias, actorKind: c.Actor.Kind, actor: c.Actor.Name, keyID: c.Actor.KeyID,
		origin: string(c.Origin), op: string(c.Op), kind: c.Resource.Type, resource: c.Resource.ID, outcome: string(c.Outcome), done: int64(c.Done), recovered: c.Recovered,
	}
}

// restore puts the public part into a change.
func (p public) restore(c *change.Change) {
	c.Tenant, c.Realm, c.Organization = p.tenant, p.realm, change.Organization{ID: p.organization, Alias: p.alias}
	c.Actor = change.Actor{Kind: p.actorKind, Name: p.actor, KeyID: p.keyID}
	c.Origin, c.Op, c.Resource = change.Origin(p.origin), change.Op(p.op), change.Resource{Type: p.kind, ID: p.resource}
	c.Outcome, c.Done, c.Recovered = change.Outcome(p.outcome), int(p.done), p.recovered
}

// appendTo appends the columns in a form that no other columns have.
func (p public) appendTo(b []byte) []byte {
	for _, text := range []string{p.tenant, p.realm, p.organization, p.alias, p.actorKind, p.actor, p.keyID, p.origin, p.op, p.kind, p.resource, p.outcome} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	b = binary.AppendVarint(b, p.done)
	if p.recovered {
		return append(b, 1)
	}
	return append(b, 0)
}

// linked is the public part of an entry as the chain links it. It contains no byte that a later change of the content,
// such as an erasure or a new key, changes.
func (r *row) linked() []byte {
	b := make([]byte, 0, 512)
	for _, n := range []int64{r.number, r.epoch, r.begun, r.settled} {
		b = binary.AppendVarint(b, n)
	}
	b = append(b, r.id...)
	return r.appendTo(b)
}

// entry is a row as an Entry, with the private part of its content.
func (r *row) entry(p private) store.Entry {
	e := store.Entry{Position: store.Position{Epoch: r.epoch, Number: r.number}, Settled: timeOf(r.settled), Erased: r.erased}
	e.ID, e.Begun = idText(r.id), timeOf(r.begun)
	r.restore(&e.Change)
	p.restore(&e.Change)
	return e
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// idBytes are the bytes of the id of a change.
func idBytes(id change.ID) ([]byte, error) {
	u, err := uuid.Parse(string(id))
	if err != nil {
		return nil, err
	}
	return u[:], nil
}

func idText(b []byte) change.ID {
	u, err := uuid.FromBytes(b)
	if err != nil {
		return ""
	}
	return change.ID(u.String())
}

// The places that contents are sealed for.
func entryPlace(id []byte) string  { return "entry " + string(id) }
func intentPlace(id []byte) string { return "intent " + string(id) }

// sum is a slice as a hash; ok is false when it has another length.
func sum(b []byte) (out [sha256.Size]byte, ok bool) {
	if len(b) != sha256.Size {
		return out, false
	}
	return [sha256.Size]byte(b), true
}

// commit is the commitment to a content.
func commit(c *seal.Chain, content []byte) [sha256.Size]byte {
	salt, rest := salted(content)
	return c.Commit(salt, rest)
}
