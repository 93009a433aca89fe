package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// ErrInUse means that another bridge answers on the socket.
var ErrInUse = errors.New("another bridge uses this socket; only one bridge may write to a realm")

// Listen opens the socket. Other users can never open it, not even for a moment. Listen replaces a file that a bridge
// left when it ended; if a bridge still answers, Listen returns ErrInUse. It creates a missing directory, which only
// this user can open.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	dir := filepath.Dir(path)
	if err := private(dir); err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return nil, fmt.Errorf("%s exists and is not a socket", path)
		}
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err == nil {
			return nil, errors.Join(ErrInUse, conn.Close())
		}
	}
	// Until its mode is set, the socket is in a directory that no other user can open.
	nobodys, err := os.MkdirTemp(dir, ".")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(nobodys) //nolint:errcheck // the directory is empty then
	made, err := new(net.ListenConfig).Listen(ctx, "unix", filepath.Join(nobodys, "s"))
	if err != nil {
		return nil, err
	}
	listener := &socket{Listener: made, path: path}
	if unix, ok := made.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false) // the file is renamed below
	}
	if err = os.Chmod(filepath.Join(nobodys, "s"), 0o600); err == nil {
		err = os.Rename(filepath.Join(nobodys, "s"), path)
	}
	if err != nil {
		return nil, errors.Join(err, made.Close())
	}
	return listener, nil
}

// private creates a directory. It refuses an existing directory in which every user could replace the socket.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err == nil && info.Mode().Perm()&0o002 != 0 {
		err = fmt.Errorf("every user of this machine may write into %s and could replace the socket: choose a path in a new directory, which the bridge creates", dir)
	}
	return err
}

// socket removes its file when it is closed.
type socket struct {
	net.Listener

	path string
}

// Close implements net.Listener.
func (s *socket) Close() error { return errors.Join(s.Listener.Close(), os.Remove(s.path)) }
