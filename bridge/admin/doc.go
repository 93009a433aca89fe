// Package admin is what an operator can see and do with a running bridge. Each view and each verb exists only here;
// bridge/control, bridge/console and the metrics show the same values.
//
// It does not know HTTP or the command line. It reaches the running bridge through the interfaces of Options, which
// bridge/app implements.
package admin
