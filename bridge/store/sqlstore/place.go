package sqlstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// prepare makes the directory of a database ready, and takes the lock that only one program can hold.
func prepare(file string) (*os.File, error) {
	dir := filepath.Dir(file)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the directory of the store %s does not exist: create it, or correct store.sqlite.file", dir)
	case err != nil:
		return nil, fmt.Errorf("the directory of the store cannot be read: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is not a directory: correct store.sqlite.file", dir)
	}
	network, err := networkFileSystem(dir)
	if err != nil {
		return nil, fmt.Errorf("the file system of the store cannot be examined: %w", err)
	}
	if network != "" {
		return nil, fmt.Errorf("the store %s is on a network file system (%s), which does not keep a database safe: put store.sqlite.file on a local disk or a block volume", file, network)
	}
	lock, err := os.OpenFile(file+".lock", os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return nil, fmt.Errorf("the bridge may not write into %s: %w; make the directory writable for the user of the bridge", dir, err)
	}
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another program uses the store %s: stop it first, because only one bridge may write to a store", file), lock.Close())
	}
	return lock, nil
}

// release gives the lock of a database back, and closes its file. A process that is just being started has the file too,
// for a moment, so closing it is not enough.
func release(lock *os.File) error {
	return errors.Join(syscall.Flock(int(lock.Fd()), syscall.LOCK_UN), lock.Close())
}

// ownOnly refuses a database that other users of the machine can read. It is made with mode 0600.
func ownOnly(file string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		made, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
		if err != nil {
			return fmt.Errorf("the store cannot be made: %w", err)
		}
		return made.Close()
	case err != nil:
		return fmt.Errorf("the store cannot be read: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file: correct store.sqlite.file", file)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("other users of this machine can read the store %s: run chmod 600 %s", file, file)
	}
	if system, is := info.Sys().(*syscall.Stat_t); is && system.Nlink > 1 { // the lock and the log are beside one of the names
		return fmt.Errorf("the store %s has another name too, a hard link, by which another bridge could damage it: remove the other name", file)
	}
	return nil
}

// inode is the number of a file in its file system. It stays the same when the volume moves to another machine, and
// differs for a copy of the file.
func inode(file string) (int64, error) {
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	system, is := info.Sys().(*syscall.Stat_t)
	if !is {
		return 0, fmt.Errorf("the system does not tell the inode of %s", file)
	}
	return int64(system.Ino), nil //nolint:gosec // only compared
}

// hostile reports whether SQLite would read a path as something else than a path.
func hostile(file string) bool { return strings.ContainsAny(file, "?#%") }
