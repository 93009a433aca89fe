package scim

// Code names a kind of error, in lower case with hyphens, as "attribute-required". It ends the
// detail of an error in brackets, and docs/reference/errors.md has its cause and remedy. Codes are
// never renamed: people search for them. Each package has those of its own beside what answers
// them; here are those of this package and those that several need.
type Code string

// What is wrong with a request as such.
const (
	CodeBody       Code = "body-malformed"
	CodeBodyValues Code = "body-too-many-values"
	CodeQuery      Code = "query-malformed"
	CodeSchemas    Code = "schemas-wrong"
	CodePath       Code = "path-wrong"
	CodeInternal   Code = "internal"
)

// What does not exist.
const (
	CodeNotFound   Code = "not-found"
	CodeNoEndpoint Code = "no-endpoint"
)

// What is wrong with an attribute.
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

// What is wrong with a query.
const (
	CodeSort              Code = "sort-wrong"
	CodeFilterUnsupported Code = "filter-unsupported"
	CodeFilterTooWide     Code = "filter-too-wide"
)
