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

// ErrInUse says that another bridge answers on the socket.
var ErrInUse = errors.New("another bridge answers there; one alone may write to a realm")

// Listen opens the socket for the user of this process alone, from the first moment on. A file
// that a bridge left there which does not run any more is replaced; one that answers is ErrInUse.
// A directory that is not there is made, for that user alone too.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	dir := filepath.Dir(path)
	if err := private(dir); err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return nil, fmt.Errorf("%s is there and no socket", path)
		}
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err == nil {
			return nil, errors.Join(ErrInUse, conn.Close())
		}
	}
	// Until its mode is set, the socket is where nobody else can reach it.
	nobodys, err := os.MkdirTemp(dir, ".")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(nobodys) //nolint:errcheck // it is empty by then
	made, err := new(net.ListenConfig).Listen(ctx, "unix", filepath.Join(nobodys, "s"))
	if err != nil {
		return nil, err
	}
	listener := &socket{Listener: made, path: path}
	if unix, ok := made.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false) // it moves
	}
	if err = os.Chmod(filepath.Join(nobodys, "s"), 0o600); err == nil {
		err = os.Rename(filepath.Join(nobodys, "s"), path)
	}
	if err != nil {
		return nil, errors.Join(err, made.Close())
	}
	return listener, nil
}

// private makes a directory or refuses one in which anybody may put a socket in the place of the
// bridge's.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err == nil && info.Mode().Perm()&0o002 != 0 {
		err = fmt.Errorf("everybody may write into %s, and so put another socket there: name one in a directory of its own, which the bridge makes", dir)
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
