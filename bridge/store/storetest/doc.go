// Package storetest has the tests that every store.Store passes, and a store in memory that they and other tests use.
package storetest
