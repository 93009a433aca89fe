//go:build !linux

package keycloaktest

import (
	"os/exec"
	"syscall"
)

// superviseProcess starts a command, reports that, waits for its end and closes
// done.
func superviseProcess(cmd *exec.Cmd, started chan<- error, done chan<- struct{}) {
	defer close(done)
	attributes := syscall.SysProcAttr{Setpgid: true}
	if cmd.SysProcAttr != nil {
		attributes.Credential = cmd.SysProcAttr.Credential
	}
	cmd.SysProcAttr = &attributes
	endGently(cmd)
	err := cmd.Start()
	started <- err
	if err == nil {
		_ = cmd.Wait() // how it ended is in its log
	}
}
