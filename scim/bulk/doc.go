// Package bulk is a bulk request (RFC 7644 section 3.7) as a graph of operations: what it says,
// in which order it may be carried out, and what is answered. It carries nothing out itself.
package bulk
