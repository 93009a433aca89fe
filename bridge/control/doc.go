// Package control is the local control socket of a running bridge. It serves bridge/admin over HTTP on a Unix socket,
// and has the client for the commands. Only the user of the bridge's process can open the socket. The package decides
// nothing.
package control
