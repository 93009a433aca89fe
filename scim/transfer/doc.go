// Package transfer moves users and groups between files and a SCIM endpoint: JSON lines and CSV in, JSON lines
// out. An import goes on where it was when it is repeated; requests that fail for a reason that may pass are sent
// again. It knows SCIM alone, so that any endpoint with bulk requests can be filled.
package transfer
