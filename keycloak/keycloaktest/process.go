package keycloaktest

import (
	"os/exec"
	"syscall"
)

// endGently asks a process to end when its context does, and kills it when it does
// not in time.
func endGently(cmd *exec.Cmd) {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTime
}
