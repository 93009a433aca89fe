// Package observe is what an operator sees of the bridge: logs, metrics, traces and health. It imports no other package
// of the bridge; the other packages call it.
//
// It must not write personal data or secrets: a log line names ids and routes, and a label has a limited set of values.
package observe
