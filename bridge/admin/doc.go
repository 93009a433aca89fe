// Package admin is what an operator sees of a running bridge, and what an operator can have it do.
// Each view and each verb is here once; bridge/control, bridge/console and the metrics show the
// same values.
//
// It knows no transport: neither HTTP nor a command line. What it needs of the running bridge are
// the interfaces of Options, which bridge/app implements.
package admin
