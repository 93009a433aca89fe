// Package observe is what an operator sees of the bridge: logs, metrics and
// health. It imports nothing of ours; who has something to tell calls it.
//
// Nothing here may hold personal data or a secret: a log line names ids and
// routes, a label has a bounded set of values.
package observe
