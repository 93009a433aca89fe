// Package bulk reads a bulk request (RFC 7644 section 3.7) into a graph of operations. It decides the order of the
// operations and writes the answer. The caller carries the operations out.
package bulk
