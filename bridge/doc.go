// Package bridge is the one pipeline from a SCIM request to its result, for every type of resource and every entry
// point.
//
//	        Create        Get/List      Replace/Patch        Delete
//	permit    x             x               x                  x     what the principal of the Call may do: access, scopes
//	fit?      x             x               x                  x     the realm offers what the tenant needs
//	lock                                    x                  x     one writer for each resource
//	read                    x               x                  x     directory, guard: found and visible, else 404
//	merge   Canonical                   Canonical | patch            the new document
//	check   Validate                    Validate                     required attributes
//	plan      x                             x                  x     bridge/plan; an empty plan makes no call
//	apply     x                             x                  x     recorded, bridge/apply, settled
//	render    x             x               x                        scim.Project
//
// A type of resource plugs in as a kind (users.go, groups.go), and no kind can leave a stage out. The result of a
// request is a Result. A Recorder keeps every change as a change.Change; Recover settles a change that a crash left open. The package knows no HTTP server, but an
// error has the status that the protocol gives it.
//
// A file calls only files below it, as a test checks (arrows_test.go):
//
//	adoption, keys                            changes that an operator makes for a whole tenant
//	observation, recover                      what became of changes: after a crash, and of those that ran together
//	bulk, list, discovery, service            the verbs, and the stages of each
//	users, groups and files named after them  the kinds; adopt, rehire, owner, roles, members, linked, unique
//	federation, apply_plan, record            late refusals, carrying out, recording
//	result, conditional, rights_early, locks  parts of a request
//	errors, named, refused, outage, request   errors for clients, and types that all files use
package bridge
