// Package client is a small SCIM client for the simulated identity providers, the demo and tests. It sends requests as
// they are, once; Repeat sends them again.
package client
