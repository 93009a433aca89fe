package sqlstore

import (
	"strings"
	"syscall"
)

// networkFileSystem is the name of the network file system that a directory is on; "" for a local one.
func networkFileSystem(dir string) (string, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return "", err
	}
	var name strings.Builder
	for _, c := range s.Fstypename {
		if c == 0 {
			break
		}
		_ = name.WriteByte(byte(c)) // it never fails
	}
	switch name.String() {
	case "nfs", "smbfs", "afpfs", "webdav", "macfuse", "osxfuse":
		return name.String(), nil
	}
	return "", nil
}

// free is the number of bytes that a user may still write to the file system of a directory.
func free(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:gosec // no disk is that large
}
