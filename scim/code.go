package scim

// Code names a kind of error, in lower case with hyphens, such as "attribute-required". It ends the detail of an error,
// in brackets. docs/reference/errors.md has its cause and remedy. A code is never renamed, because people search for
// it. These are the codes of the protocol.
type Code string

// Errors in the form of a request.
const (
	CodeBody       Code = "body-malformed"
	CodeBodyValues Code = "body-too-many-values"
	CodeQuery      Code = "query-malformed"
	CodeSchemas    Code = "schemas-wrong"
	CodePath       Code = "path-wrong"
	CodeInternal   Code = "internal"
)

// Absent resources and endpoints.
const (
	CodeNotFound   Code = "not-found"
	CodeNoEndpoint Code = "no-endpoint"
)

// Errors in an attribute.
const (
	CodeUnknownAttribute Code = "attribute-unknown"
	CodeRequired         Code = "attribute-required"
	CodeNotEmptied       Code = "attribute-not-removable"
	CodeImmutable        Code = "attribute-immutable"
	CodeReadOnly         Code = "attribute-read-only"
	CodeValue            Code = "value-wrong"
	CodeTooLong          Code = "value-too-long"
	CodePrimary          Code = "primary-twice"
	CodeTooManyValues    Code = "value-too-many"
)

// Errors in a query.
const (
	CodeSort              Code = "sort-wrong"
	CodeFilterUnsupported Code = "filter-unsupported"
	CodeFilterTooWide     Code = "filter-too-wide"
)

// Errors in a filter or a path.
const (
	CodeFilter          Code = "filter-malformed"
	CodeFilterTooLong   Code = "filter-too-long"
	CodeFilterAttribute Code = "filter-attribute"
	CodeFilterValue     Code = "filter-value"
)

// Errors in a PATCH.
const (
	CodePatch              Code = "patch-malformed"
	CodePatchTooLarge      Code = "patch-too-large"
	CodePatchNoTarget      Code = "patch-no-target"
	CodePatchContradiction Code = "patch-contradiction"
	CodePatchMembers       Code = "patch-of-members"
)

// Errors in a bulk request.
const (
	CodeBulkOperation Code = "bulk-operation-malformed"
	CodeBulkID        Code = "bulk-id"
	CodeBulkTooLarge  Code = "bulk-too-large"
	CodeBulkNotMade   Code = "bulk-reference-not-made"
)
