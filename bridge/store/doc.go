// Package store is what the bridge must remember, as interfaces and types: the journal of changes, the proof that
// nobody altered it, and the work of its keeper. It knows no SQL and no cipher. Package sqlstore implements Store, and
// package storetest has the tests that every implementation passes.
package store
