// Package client is a small SCIM client, for the simulated identity providers, the
// demo, commands and tests. It sends what it is given, once; Repeat sends it again.
package client
