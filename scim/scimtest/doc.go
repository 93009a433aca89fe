// Package scimtest is a conformance suite for any SCIM 2.0 service provider. It also replays recorded requests of
// identity providers.
//
//	checks/*.txt --Checks--> Check --Run--> Result
//	recorded JSON --> Sequence --Replayer--> failures
//
// A check is a sequence of requests with assertions, and names the items of the checklist (Items) that it covers. The
// suite is part of the binary, so the package does not import testing. It knows only the protocol and nothing of the
// bridge.
package scimtest
