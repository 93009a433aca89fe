// Package control is the local control socket of a running bridge: what an operator on the
// same machine asks it, over HTTP on a Unix socket that the bridge's own user alone may open.
package control
