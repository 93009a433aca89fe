package patch

import (
	"context"
	"strconv"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// Result is a document after a PATCH.
type Result struct {
	Document scim.Document
	Members  Members // for a type with members
}

// Apply carries out the operations in order on a copy of the document. It checks that the result still has the required
// attributes. After an error the document is unchanged (RFC 7644 section 3.5.2). The error is a *scim.Error that names
// the failed operation, or the error of the context, which is checked before each operation.
func Apply(ctx context.Context, rt *scim.ResourceType, doc scim.Document, ops []Operation) (Result, error) {
	w := newWork(ctx, rt, doc.Clone())
	for i, op := range ops {
		if err := w.operation(op); err != nil {
			return Result{}, located(err, i)
		}
	}
	if err := rt.Validate(w.doc); err != nil {
		err.Type = scim.MutabilityErr // the operations removed the attribute (RFC 7644 section 3.5.2.2)
		return Result{}, err
	}
	if err := rt.CheckImmutable(doc, w.doc); err != nil {
		return Result{}, err
	}
	return Result{Document: w.doc, Members: w.members.result()}, nil
}

func located(err error, i int) error {
	if e, ok := err.(*scim.Error); ok { //nolint:errorlint // made by us, never wrapped
		e.Detail = "Operations[" + strconv.Itoa(i) + "]: " + e.Detail
	}
	return err
}

func (w *work) operation(op Operation) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if op.Path == "" {
		return w.pathless(op)
	}
	if object, ok := op.Value.(map[string]any); ok && op.Op != Remove && w.isBase(op.Path) {
		return w.eachMember(op.Op, object)
	}
	path, err := w.parse(op.Path, op.Value)
	if err != nil {
		return err
	}
	return w.at(op, path)
}

// pathless carries out an operation without a path. Its value is an object, whose member names can be paths. RFC 7644
// has names of attributes only; Entra with aadOptscim062020 sends "name.givenName", URNs and value paths. Read-only
// attributes are ignored, as in a PUT, because Okta repeats the id.
func (w *work) pathless(op Operation) error {
	if op.Op == Remove {
		return scim.BadRequest(scim.CodePatch, scim.NoTarget, "remove needs a path")
	}
	object, ok := w.attributes(op.Value)
	if !ok {
		return scim.BadRequest(scim.CodePatch, scim.InvalidValue, "%s without a path needs an object of attributes as its value", op.Op)
	}
	return w.eachMember(op.Op, object)
}

func (w *work) eachMember(op Op, object map[string]any) error {
	for _, name := range scim.SortedNames(object) {
		if err := w.member(op, name, object[name]); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) member(op Op, name string, value any) error {
	if object, ok := value.(map[string]any); ok && w.isBase(name) {
		return w.eachMember(op, object)
	}
	path, err := w.parseMember(name, value)
	switch {
	case err != nil && strings.ContainsRune(name, '['):
		return err
	case err != nil: // the name is not a path
		return w.literal(Operation{Op: op, Value: value, HasValue: true}, "", name)
	case w.intoNothing(path), !path.Attr.Known() && !path.Attr.Open && w.holds("", name): // here too, although the name reads like a path
		return w.literal(Operation{Op: op, Value: value, HasValue: true}, "", name)
	}
	if leaf := path.Attr.Attr; leaf != nil && leaf.Mutability == scim.ReadOnly {
		return nil
	}
	return w.at(Operation{Op: op, Path: name, Value: value, HasValue: true}, path)
}

// at carries out an operation with a path.
func (w *work) at(op Operation, path filter.Path) error {
	if op.Op != Remove && !op.HasValue {
		return scim.BadRequest(scim.CodePatch, scim.InvalidValue, "%s needs a value", op.Op)
	}
	p := path.Attr
	if p.Name == "" {
		return w.extension(op, p)
	}
	w.supersede(op.Path)
	if p.Attr == nil || p.Attr.Open {
		return w.unknown(op, path)
	}
	if p.Attr.Mutability == scim.ReadOnly {
		return scim.BadRequest(scim.CodeReadOnly, scim.MutabilityErr, "%s is read-only; leave it out", p)
	}
	if w.hasMembers(p) {
		return w.members.apply(op, path)
	}
	return w.inContainer(p.URN, func(container map[string]any) error {
		t := target{work: w, profile: w.rt.Profile, attr: p.Attr, path: path, container: container}
		return t.apply(op)
	})
}

// inContainer runs change on the object that has the attribute: the document or the extension. The extension is created
// when absent, and removed when it is empty afterwards.
func (w *work) inContainer(urn string, change func(map[string]any) error) error {
	if urn == "" {
		return change(w.doc)
	}
	ext := w.doc.Object(urn)
	if ext == nil {
		ext = map[string]any{}
	}
	if err := change(ext); err != nil {
		return err
	}
	if len(ext) == 0 {
		w.drop(urn)
	} else {
		w.doc[urn] = ext
		if names, ok := w.names[""]; ok {
			names[scim.FoldName(urn)] = urn
		}
	}
	return nil
}

// extension carries out an operation on the URN of an extension. Its value is an object of attributes.
func (w *work) extension(op Operation, p scim.AttrPath) error {
	switch {
	case op.clears():
		w.drop(p.URN)
		return nil
	case scim.IsEmpty(op.Value):
		return nil // nothing to add
	}
	object, ok := op.Value.(map[string]any)
	if !ok {
		return scim.BadRequest(scim.CodeValue, scim.InvalidValue, "%s must be an object of attributes", p.URN)
	}
	for _, name := range scim.SortedNames(object) {
		if strings.EqualFold(name, scim.AttrSchemas) && scim.IsListOfSchemas(object[name]) {
			continue // scim2-models repeats the schemas in every object with a schema
		}
		if err := w.extensionMember(op.Op, p.URN, name, object[name]); err != nil {
			return err
		}
	}
	return nil
}

// OnlyMembers is for operations that change only members, so that the group itself need not be read. It reports what
// they do to members; ok is false when they change something else.
func OnlyMembers(ctx context.Context, rt *scim.ResourceType, ops []Operation) (members Members, ok bool, err error) {
	w := newWork(ctx, rt, scim.Document{})
	for i, op := range ops {
		if !w.touchesMembersOnly(op) {
			return Members{}, false, nil
		}
		if err := w.operation(op); err != nil {
			return Members{}, true, located(err, i)
		}
	}
	return w.members.result(), true, nil
}

func (w *work) touchesMembersOnly(op Operation) bool {
	if op.Path != "" {
		return w.isMembers(op.Path)
	}
	object, ok := op.Value.(map[string]any)
	if !ok || op.Op == Remove {
		return false
	}
	for name := range object {
		a := w.rt.Attribute(name)
		if !w.isMembers(name) && (a == nil || a.Mutability != scim.ReadOnly) {
			return false
		}
	}
	return true
}

func (w *work) isMembers(text string) bool {
	path, err := filter.ParsePath(text, w.rt)
	return err == nil && w.hasMembers(path.Attr)
}

// hasMembers reports whether a path names the members of a group.
func (w *work) hasMembers(p scim.AttrPath) bool {
	return p.Attr != nil && p.Attr.Name == scim.AttrMembers && p.Attr == w.rt.Schema.Attribute(scim.AttrMembers)
}
