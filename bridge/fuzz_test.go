package bridge_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/bulk"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/growth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// manyMapping has a rule of each kind that handles several values.
const manyMapping = `version: 1
schemas:
  urn:acme:hr: { resource: User, attributes: { badges: { multiValued: true, keycloak: badges }, level: { type: integer, keycloak: level }, labels: { multiValued: true, keycloak: labels, transform: [{ join: "|" }] } } }
users:
  attributes:
    title: { keycloak: titles, transform: [{ split: "," }] }
    roles.value: { keycloak: roles }
    'phoneNumbers[type eq "work"].value': { keycloak: phone }
    displayName: { value: 'resource.name.givenName + " " + resource.emails.map(e, e.value).join(" ")' }
  unmapped: drop
`

func mappings(tb testing.TB) []*mapping.Mapping {
	tb.Helper()
	file, source := config.ParseMapping("mapping.yaml", []byte(manyMapping))
	many, problems := mapping.Compile(file, source, scim.Tolerant)
	if len(problems) > 0 {
		tb.Fatal(problems)
	}
	return []*mapping.Mapping{mapping.Default(scim.Tolerant), many}
}

// ways are the kinds of bodies. Each does with a body what the bridge does without Keycloak, and ends where the body is
// refused.
func ways() []func(ctx context.Context, m *mapping.Mapping, object map[string]any) error {
	return []func(context.Context, *mapping.Mapping, map[string]any) error{user, group, patchOfUser, patchOfGroup, bulkOf, search}
}

func document(rt *scim.ResourceType, object map[string]any) (scim.Document, error) {
	doc, err := rt.Canonical(object)
	if err != nil {
		return nil, err
	}
	if err := rt.Validate(doc); err != nil {
		return nil, err
	}
	return doc, nil
}

func user(_ context.Context, m *mapping.Mapping, object map[string]any) error {
	doc, err := document(m.User, object)
	if err != nil {
		return err
	}
	return stored(m, doc)
}

// stored plans a user and reads the resulting account with twice as many values.
func stored(m *mapping.Mapping, doc scim.Document) error {
	owner := mapping.Owner{Key: "realm"}
	state, err := m.UserState(owner, doc)
	if err != nil {
		return err
	}
	_, after := plan.ForNewUser(owner, state, plan.Joining{}, nil, time.UnixMilli(0))
	resource, err := m.UserResource(owner, after)
	if err != nil {
		return err
	}
	_, err = scim.Encode(m.User.Project(m.User.Object(resource, ""), scim.Projection{}))
	return err
}

func group(_ context.Context, m *mapping.Mapping, object map[string]any) error {
	doc, err := document(m.Group, object)
	if err != nil {
		return err
	}
	ids, err := patch.MemberIDs(doc[scim.AttrMembers])
	if err != nil {
		return err
	}
	if _, err := m.GroupState(doc); err != nil {
		return err
	}
	return steps(patch.Distinct(ids), nil)
}

func steps(add, remove []string) error {
	id, err := keycloak.ParseGroupID("g")
	_ = plan.ForMembers(id, keycloak.ParseUserIDs(add), keycloak.ParseUserIDs(remove))
	return err
}

func patchOfUser(ctx context.Context, m *mapping.Mapping, object map[string]any) error {
	ops, err := patch.Decode(m.User, object)
	if err != nil {
		return err
	}
	result, err := patch.Apply(ctx, m.User, scim.Document{scim.AttrUserName: "user"}, ops)
	if err != nil {
		return err
	}
	return stored(m, result.Document)
}

func patchOfGroup(ctx context.Context, m *mapping.Mapping, object map[string]any) error {
	ops, err := patch.Decode(m.Group, object)
	if err != nil {
		return err
	}
	members, ok, err := patch.OnlyMembers(ctx, m.Group, ops)
	if err != nil || !ok {
		return err
	}
	return steps(members.Add, members.Remove)
}

// bulkOf carries out a bulk request. Its operations do what they do without Keycloak.
func bulkOf(ctx context.Context, m *mapping.Mapping, object map[string]any) error {
	const operations = 1000
	request, err := bulk.Decode(scim.Tolerant, object, operations)
	if err != nil {
		return err
	}
	answer := request.Run(ctx, 1, func(ctx context.Context, op bulk.Operation) bulk.Result {
		err := error(op.Refused)
		switch {
		case op.Refused != nil:
		case op.Method == http.MethodPatch:
			err = patchOfUser(ctx, m, op.Data)
		case op.Endpoint == m.Group.Endpoint:
			err = group(ctx, m, op.Data)
		case op.Data != nil:
			err = user(ctx, m, op.Data)
		default:
			err = nil
		}
		if err != nil {
			return bulk.Result{Err: scim.BadRequest(scim.CodeValue, scim.InvalidValue, "%.100s", err)}
		}
		return bulk.Result{ID: op.BulkID + op.ID}
	})
	_, err = scim.Encode(answer)
	return err
}

// search shows a user with the requested attributes.
func search(_ context.Context, m *mapping.Mapping, object map[string]any) error {
	r, err := scim.DecodeSearch(scim.Tolerant, object)
	if err != nil {
		return err
	}
	projection, err := m.User.NewProjection(r.Attributes, r.Excluded)
	if err != nil {
		return err
	}
	doc := scim.Document{scim.AttrUserName: "user"}
	for _, name := range append(r.Attributes, r.Excluded...) {
		doc[name] = map[string]any{"x": "y"}
	}
	_ = m.User.Project(m.User.Object(scim.Resource{ID: "1", Document: doc}, ""), projection)
	return nil
}

// template makes bodies of any size: each of the two parts is repeated, and # becomes its number.
type template struct {
	way                       uint8
	head, one, mid, two, tail string
}

func (t template) body(n int) []byte {
	var b strings.Builder
	b.WriteString(t.head)
	repeat(&b, t.one, n)
	b.WriteString(t.mid)
	repeat(&b, t.two, n)
	b.WriteString(t.tail)
	return []byte(b.String())
}

func repeat(b *strings.Builder, part string, n int) {
	if part == "" {
		return
	}
	parts := strings.Split(part, "#")
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strings.Join(parts, fmt.Sprintf("%06d", i)))
	}
}

// size is the size of a body.
func (t template) size(n int) int {
	const digits = 5 // of a number, in place of its #
	part := func(text string) int { return len(text) + digits*strings.Count(text, "#") + 1 }
	return len(t.head) + len(t.mid) + len(t.tail) + n*(part(t.one)+part(t.two))
}

const (
	mostBytes = 2 << 20 // of a body; a bulk request has twice as many. All work on such a body takes a second, and the fuzzer gives up after ten
	mostHeap  = 64 << 20
	// bounded is more processor time than the bounds allow for any body. Below it, a bounded product looks like the
	// square that it would be without its bound. The squares that were found took minutes.
	bounded = 250 * time.Millisecond
)

// valuesOf counts the JSON values in a value, including itself.
func valuesOf(value any) int {
	n := 1
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			n += valuesOf(element)
		}
	case map[string]any:
		for _, member := range v {
			n += valuesOf(member)
		}
	}
	return n
}

// FuzzGrowth sends bodies of a template through decode, canonical, validate, map and patch. It fails when the work for
// twice as many parts is much more than twice as much. It also fails when the memory taken from the heap for one body
// is more than it may hold, however often the garbage collector runs.
//
// The seeds are in testdata/fuzz/FuzzGrowth. Each is named after what grew.
//
// The time is the processor time of this process, and the least of several tries counts: see the package growth.
// Counted steps would show only the steps that somebody thought of.
func FuzzGrowth(f *testing.F) {
	all, both := ways(), mappings(f)
	f.Fuzz(func(t *testing.T, way uint8, head, one, mid, two, tail string) {
		of := template{way, head, one, mid, two, tail}
		do, m := all[int(way)%len(all)], both[int(way)/len(all)%len(both)]
		most := mostBytes
		if int(way)%len(all) == 4 {
			most *= 2
		}
		run := func(body []byte) error {
			object, err := scim.Decode(body)
			if err != nil {
				return err
			}
			return do(t.Context(), m, object)
		}
		const few = 3
		object, err := scim.Decode(of.body(few))
		if err != nil {
			return // nothing grows
		}
		for _, n := range []int{400, 1500, 12_000} {
			if of.size(2*n) > most {
				break
			}
			if grew := growth.Superlinear(n, bounded, func(n int) func() {
				body := of.body(n)
				return func() { _ = run(body) }
			}); grew != "" {
				t.Fatalf("the work grows faster than the body: %s", grew)
			}
		}
		bytes := most / max(1, of.size(1)-of.size(0))
		parts := (scim.MaxBodyValues - 2*valuesOf(object)) / max(1, (valuesOf(object)-1)/few) // slightly fewer than the bound
		for _, n := range []int{bytes, min(bytes, parts), min(bytes, scim.MaxValues-few)} {
			body := of.body(n)
			var err error
			if took := growth.Allocated(func() { err = run(body) }); took > mostHeap {
				t.Fatalf("a body of %d bytes and %d parts takes %d MiB: %v", len(body), n, took>>20, err)
			}
		}
	})
}
