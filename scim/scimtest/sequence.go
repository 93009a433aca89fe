package scimtest

import "encoding/json"

// Sequence is a list of requests with what their answers must be. Its JSON is the
// format of recorded traffic of identity providers.
type Sequence struct {
	Name  string `json:"name"`
	Steps []Step `json:"steps"`
}

// Step is one request. Every text may hold ${name}, which stands for a variable.
type Step struct {
	Request Request           `json:"request"`
	Expect  Expect            `json:"expect"`
	Save    map[string]string `json:"save"` // variable to target, of an answer that is a success
}

// Request is what is sent.
type Request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`  // below the service root
	Query   string            `json:"query"` // as it is sent, unless Readable
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`

	// Readable says that the values of Query are not percent-encoded yet.
	Readable bool `json:"-"`
}

// Expect is what the answer must be.
type Expect struct {
	Status []int       `json:"status"` // one of them
	Assert []Assertion `json:"assert"`
}

// Assertion is a statement about the answer: that what Target finds is in the relation
// Op to Value. Target is a JSONPath of names, indexes, [*] and [?(@.name=='text')], or
// header:Name. A Value that is a text beginning with "$." is a target too. Ops: eq ne
// eqi starts_with ends_with contains not_contains len gte type, and without a Value
// present absent nonempty absent_or_empty.
type Assertion struct {
	Target string          `json:"target"`
	Op     string          `json:"op"`
	Value  json.RawMessage `json:"value"`
}
