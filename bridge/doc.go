// Package bridge is the one pipeline from a SCIM request to what it comes to, for every
// type of resource and every way in.
//
//	        Create        Get/List      Replace/Patch        Delete
//	permit    x             x               x                  x     what the principal of the Call may do: access, scopes
//	fit?      x             x               x                  x     the realm offers what the tenant needs
//	lock                                    x                  x     one writer a resource
//	read                    x               x                  x     directory, guard: found and visible, else 404
//	merge   Canonical                   Canonical | patch            the document as it shall be
//	check   Validate                    Validate                     required attributes
//	plan      x                             x                  x     bridge/plan; an empty plan makes no call
//	apply     x                             x                  x     recorded, bridge/apply, settled
//	render    x             x               x                        scim.Project
//
// A type of resource plugs in as a kind (users.go, groups.go); no kind can leave a
// stage out. What a request came to is a Result, and every change a change.Change
// that a Recorder keeps. The package knows no HTTP server; an error has the status that the protocol gives it.
//
// Files call only what stands below them, which a test keeps (arrows_test.go):
//
//	adoption, keys                            what an operator has done for a whole tenant
//	bulk, list, discovery, service            the verbs, and what each passes through
//	users, groups and what begins with these  the kinds; adopt, rehire, owner, roles, members, linked, unique
//	federation, carry, record                 what is refused late, carried out, recorded
//	result, conditional, look, locks          parts of a request
//	errors, named, refused, outage, request   what is told, and what everybody knows
package bridge
