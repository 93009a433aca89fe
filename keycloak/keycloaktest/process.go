package keycloaktest

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// watched runs its arguments as a process group together with a watcher. The watcher reads from a pipe that we hold.
// The pipe ends when we end, also by kill -9, and then the watcher kills the group. A death signal for kc.sh would not
// be enough, because its child Java would outlive it.
const watched = `trap '' TERM INT HUP
(cat <&3 >/dev/null; kill -s KILL 0) &
trap - TERM INT HUP
exec "$@" 3<&-`

// superviseProcess starts a command, reports that, waits for its end and closes done. When the command's context ends,
// its whole group is asked to end, and killed when that takes too long. So a server never outlives a test run.
func superviseProcess(cmd *exec.Cmd, started chan<- error, done chan<- struct{}) {
	defer close(done)
	ours, err := watch(cmd)
	if err == nil {
		if err = cmd.Start(); err != nil {
			err = errors.Join(err, ours.Close())
		}
		err = errors.Join(err, cmd.ExtraFiles[0].Close())
	}
	started <- err
	if err != nil {
		return
	}
	_ = cmd.Wait() // the log says how it ended
	_ = ours.Close()
}

// watch turns a command into a watched one and returns our end of the pipe.
func watch(cmd *exec.Cmd) (ours *os.File, err error) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Args = append([]string{"sh", "-c", watched, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.ExtraFiles = []*os.File{theirs}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = stopTime
	return ours, nil
}
