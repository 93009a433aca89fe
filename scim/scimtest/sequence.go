package scimtest

import "encoding/json"

// Sequence is a list of requests with the answers that are expected. Its JSON is the format of recorded traffic of
// identity providers.
type Sequence struct {
	Name  string `json:"name"`
	Steps []Step `json:"steps"`
}

// Step is one request. Every text may contain ${name}, which is replaced by the variable of that name.
type Step struct {
	Request Request           `json:"request"`
	Expect  Expect            `json:"expect"`
	Save    map[string]string `json:"save"` // variable to target, in a successful answer
}

// Request is the request of a step.
type Request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`  // below the service root
	Query   string            `json:"query"` // sent as it is, unless Readable
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`

	// Readable says that the values of Query are not percent-encoded yet.
	Readable bool `json:"-"`
}

// Expect is the expected answer.
type Expect struct {
	Status []int       `json:"status"` // the expected statuses
	Assert []Assertion `json:"assert"`
}

// Assertion is a statement about the answer: the value that Target finds has the relation Op to Value. Target is
// header:Name or a JSONPath of names, indexes, [*] and [?(@.name=='text')]. A Value that is a text beginning with "$."
// is a target too. Ops: eq ne eqi starts_with ends_with contains not_contains len gte type, and without a Value present
// absent nonempty absent_or_empty.
type Assertion struct {
	Target string          `json:"target"`
	Op     string          `json:"op"`
	Value  json.RawMessage `json:"value"`
}
