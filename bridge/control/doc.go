// Package control is the local control socket of a running bridge: bridge/admin over HTTP on a Unix
// socket that the bridge's own user alone may open, and the client for commands. It decides
// nothing.
package control
