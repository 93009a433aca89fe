package scim

// Features are the optional features of a service provider (RFC 7644).
type Features struct {
	MaxResults     int   // most resources on a page
	DefaultResults int   // resources on a page without a count
	ChangePassword bool  // whether a password can be changed
	Basic          bool  // whether clients may send a token as the password of Basic
	BulkOperations int   // most operations of one bulk request
	BulkPayload    int64 // most bytes of one bulk request
	// CursorTimeout is how long a cursor is valid, in seconds. 0 leaves out the attribute pagination, which is newer
	// than RFC 7643 (RFC 9865 section 4).
	CursorTimeout int
}

// ServiceProviderConfig is the object of RFC 7643 section 5. PATCH, bulk requests, filters, sorting and versions are
// always supported.
func ServiceProviderConfig(base string, f Features) map[string]any {
	yes := map[string]any{"supported": true}
	out := map[string]any{
		AttrSchemas:      []string{ServiceProviderConfigURN},
		"patch":          yes,
		"bulk":           map[string]any{"supported": true, "maxOperations": f.BulkOperations, "maxPayloadSize": f.BulkPayload},
		"filter":         map[string]any{"supported": true, "maxResults": f.MaxResults},
		"changePassword": map[string]any{"supported": f.ChangePassword}, "sort": yes, "etag": yes,
		"authenticationSchemes": authenticationSchemes(f),
		AttrMeta: map[string]any{
			"resourceType": "ServiceProviderConfig", "location": base + "/ServiceProviderConfig",
		},
	}
	if f.CursorTimeout > 0 {
		out["pagination"] = map[string]any{
			"cursor": true, "index": true, "defaultPaginationMethod": "index",
			"defaultPageSize": f.DefaultResults, "maxPageSize": f.MaxResults, "cursorTimeout": f.CursorTimeout,
		}
	}
	return out
}

// authenticationSchemes are the ways in which a client may authenticate.
func authenticationSchemes(f Features) []map[string]any {
	out := []map[string]any{{
		"type": "oauthbearertoken", "name": "Bearer token", "primary": true,
		"description": "A token of the tenant, sent as Authorization: Bearer.",
		"specUri":     "https://www.rfc-editor.org/rfc/rfc6750",
	}}
	if f.Basic {
		out = append(out, map[string]any{
			"type": "httpbasic", "name": "HTTP Basic",
			"description": "A token of the tenant as the password, with any user name; for clients that cannot send a bearer token.",
			"specUri":     "https://www.rfc-editor.org/rfc/rfc7617",
		})
	}
	return out
}

// Discovery is the resource type as an object of /ResourceTypes (RFC 7643
// section 6).
func (rt *ResourceType) Discovery(base string) map[string]any {
	extensions := make([]map[string]any, len(rt.Extensions))
	for i, s := range rt.Extensions {
		extensions[i] = map[string]any{"schema": s.ID, "required": false}
	}
	return map[string]any{
		AttrSchemas: []string{ResourceTypeURN},
		AttrID:      rt.Name, "name": rt.Name, "description": rt.Description,
		"endpoint": rt.Endpoint, "schema": rt.Schema.ID, "schemaExtensions": extensions,
		AttrMeta: map[string]any{
			"resourceType": "ResourceType", "location": base + "/ResourceTypes/" + rt.Name,
		},
	}
}

// Discovery is the schema as an object of /Schemas (RFC 7643 section 7).
func (s *Schema) Discovery(base string) map[string]any {
	return map[string]any{
		AttrSchemas: []string{SchemaURN},
		AttrID:      s.ID, "name": s.Name, "description": s.Description,
		"attributes": describe(s.Attributes),
		AttrMeta: map[string]any{
			"resourceType": "Schema", "location": base + "/Schemas/" + s.ID,
		},
	}
}

func describe(attributes []*Attribute) []map[string]any {
	out := make([]map[string]any, 0, len(attributes))
	for _, a := range attributes {
		if !a.Unpublished {
			out = append(out, a.describe())
		}
	}
	return out
}

func (a *Attribute) describe() map[string]any {
	out := map[string]any{
		"name": a.Name, "type": string(a.Type), "multiValued": a.MultiValued,
		"description": a.Description, "required": a.Required, "caseExact": a.CaseExact,
		"mutability": string(a.Mutability), "returned": string(a.Returned), "uniqueness": string(a.Uniqueness),
	}
	if len(a.CanonicalValues) > 0 {
		out["canonicalValues"] = a.CanonicalValues
	}
	if len(a.ReferenceTypes) > 0 {
		out["referenceTypes"] = a.ReferenceTypes
	}
	if len(a.SubAttributes) > 0 {
		out["subAttributes"] = describe(a.SubAttributes)
	}
	return out
}
