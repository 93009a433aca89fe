package keycloaktest

import (
	"os/exec"
	"runtime"
	"syscall"
)

// superviseProcess starts a command, reports that, waits for its end and closes
// done. The kernel kills the process when the thread that started it ends, so this
// goroutine keeps its thread: a server never outlives a test run, however that ends.
func superviseProcess(cmd *exec.Cmd, started chan<- error, done chan<- struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(done)
	attributes := syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
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
