package sqlstore

import "syscall"

// networkFileSystem is the name of the network file system that a directory is on; "" for a local one. SQLite needs
// locks and a shared memory that such file systems do not have (sqlite.org/useovernet.html).
func networkFileSystem(dir string) (string, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return "", err
	}
	return networkName(int64(s.Type)), nil //nolint:unconvert // the type differs between architectures
}

// networkName is the name of a network file system by its number (linux/magic.h); "" for another one.
func networkName(magic int64) string {
	switch uint32(magic) { //nolint:gosec // the numbers have 32 bits
	case 0x6969:
		return "NFS"
	case 0x517B, 0xFF534D42, 0xFE534D42:
		return "SMB"
	case 0x65735546:
		return "FUSE"
	case 0x01021997:
		return "9P"
	case 0x00C36400:
		return "Ceph"
	case 0x5346414F:
		return "AFS"
	}
	return ""
}

// free is the number of bytes that a user may still write to the file system of a directory.
func free(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:gosec,unconvert // no disk is that large; the types differ between architectures
}
