//go:build unix

package config

import "syscall"

// writable returns why this process may not make files in a directory, or nil.
func writable(dir string) error {
	const write, search = 2, 1 // W_OK and X_OK of access(2)
	return syscall.Access(dir, write|search)
}
