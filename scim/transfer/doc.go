// Package transfer moves users and groups between files and a SCIM endpoint: JSON lines and CSV in, JSON lines out. A
// repeated import continues where the last one stopped. Requests that fail for a reason that may pass are sent again.
// The package knows only SCIM, so it can fill any endpoint with bulk requests.
package transfer
