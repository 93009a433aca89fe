// Package scimtest is a conformance suite for any SCIM 2.0 service provider, and the
// engine that replays recorded requests of identity providers.
//
//	checks/*.txt --Checks--> Check --Run--> Result
//	recorded JSON --> Sequence --Replayer--> failures
//
// A check is a sequence of requests with assertions; it names the items of the
// checklist (Items) that it covers. The suite ships in the binary, so the package does
// not import testing. It knows the wire alone and nothing of the bridge.
package scimtest
