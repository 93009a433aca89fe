package scim

import (
	"maps"
	"net/url"
	"sort"
	"time"
)

// Resource is a document with the attributes that the service provider adds (RFC 7643 section 3.1).
type Resource struct {
	ID       string
	Document Document
	Created  time.Time // zero when unknown
	Modified time.Time // zero when unknown

	// Derived has the read-only attributes that are not part of a document: a user's groups.
	Derived map[string]any
	// Linked is the part of the version for a group's members or a user's groups, see LinkedVersion. It is "" when they
	// were not read; the version then leaves them out.
	Linked string
}

// timeFormat is xsd:dateTime in UTC with milliseconds, Keycloak's resolution.
const timeFormat = "2006-01-02T15:04:05.000Z"

// Object is the resource as a JSON object with all its attributes. base is the URL of the service root without a
// trailing slash.
func (rt *ResourceType) Object(r Resource, base string) map[string]any {
	out := make(map[string]any, len(r.Document)+4)
	maps.Copy(out, r.Document)
	maps.Copy(out, r.Derived)
	out[AttrSchemas] = rt.schemasOf(r.Document)
	out[AttrID] = r.ID
	out[AttrMeta] = rt.meta(r, base)
	return out
}

// schemasOf lists the base schema and the extensions that the document uses, published or not
// (RFC 7643 section 3).
func (rt *ResourceType) schemasOf(doc Document) []any {
	schemas := []any{rt.Schema.ID}
	for _, ext := range rt.Extensions {
		if len(doc.Object(ext.ID)) > 0 {
			schemas = append(schemas, ext.ID)
		}
	}
	for _, urn := range rt.openExtensions(doc) {
		schemas = append(schemas, urn)
	}
	return schemas
}

func (rt *ResourceType) meta(r Resource, base string) map[string]any {
	meta := map[string]any{AttrResourceType: rt.Name, "location": rt.Location(base, r.ID), AttrVersion: r.Version()}
	if !r.Created.IsZero() {
		meta["created"] = r.Created.UTC().Format(timeFormat)
	}
	if !r.Modified.IsZero() {
		meta["lastModified"] = r.Modified.UTC().Format(timeFormat)
	}
	return meta
}

// Location is the URI of the resource with that id.
func (rt *ResourceType) Location(base, id string) string {
	return base + rt.Endpoint + "/" + url.PathEscape(id)
}

// List is a ListResponse (RFC 7644 section 3.4.2).
type List struct {
	Total      int // of all pages
	StartIndex int // of the first resource, from 1; 0 on a page by cursor
	Resources  []map[string]any
	NextCursor string // of the next page by cursor (RFC 9865 section 2); "" when there is no next page
}

// Object is the list as a JSON object. Resources is always an array.
func (l List) Object() map[string]any {
	resources := l.Resources
	if resources == nil {
		resources = []map[string]any{}
	}
	out := map[string]any{
		AttrSchemas:    []string{ListResponseURN},
		"totalResults": l.Total,
		"itemsPerPage": len(resources),
		"Resources":    resources,
	}
	if l.StartIndex > 0 {
		out["startIndex"] = l.StartIndex
	}
	if l.NextCursor != "" {
		out["nextCursor"] = l.NextCursor
	}
	return out
}

// SortedNames are the names of an object in a stable order.
func SortedNames[V any](object map[string]V) []string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
