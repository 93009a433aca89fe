// Package client is a small SCIM client, for the simulated identity providers, the
// demo and tests. It sends what it is given and does not retry.
package client
