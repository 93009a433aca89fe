package keycloaktest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Serve starts a server, prints its environment and an empty line, and stops it when
// the context ends.
func Serve(ctx context.Context, out io.Writer) error {
	p, err := Start(ctx, Version())
	if err != nil {
		return err
	}
	fmt.Fprintln(out, strings.Join(p.Environ(), "\n")+"\n")
	select {
	case <-ctx.Done():
	case <-p.Done():
	}
	return p.Stop()
}

// Up starts a server that outlives this process, and prints how to reach it.
func Up(ctx context.Context, out io.Writer) error {
	file, err := pidFile()
	if err != nil {
		return err
	}
	if pid, ok := running(file); ok {
		return fmt.Errorf("a server is already running, as process %d; make keycloak-down stops it", pid)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// go run deletes its program when it ends, so the server gets a copy.
	program, err := copyProgram(self, file+".bin")
	if err != nil {
		return err
	}
	cmd := exec.Command(program, "-serve")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	answer, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
		return err
	}
	return relay(ctx, answer, out)
}

// relay prints the environment that a server reports, up to the empty line.
func relay(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() && ctx.Err() == nil {
		if lines.Text() == "" {
			return nil
		}
		fmt.Fprintln(out, "export "+lines.Text())
	}
	return errors.Join(errors.New("the server did not start"), lines.Err(), ctx.Err())
}

// Down stops the server that Up started.
func Down(out io.Writer) error {
	file, err := pidFile()
	if err != nil {
		return err
	}
	pid, ok := running(file)
	if !ok {
		fmt.Fprintln(out, "no server is running")
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	fmt.Fprintln(out, "stopped")
	return os.Remove(file)
}

func pidFile() (string, error) {
	cache, err := cacheDir()
	return filepath.Join(cache, "keycloak-up.pid"), err
}

// running reads a pid file. ok says that the process exists and is ours.
func running(file string) (pid int, ok bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(data))); err != nil || syscall.Kill(pid, 0) != nil {
		return 0, false
	}
	command, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return pid, err != nil || strings.Contains(string(command), "-serve")
}

func copyProgram(from, to string) (string, error) {
	data, err := os.ReadFile(from)
	if err == nil {
		_ = os.Remove(to) // the file of a running program cannot be written, but it can be replaced
		err = os.WriteFile(to, data, 0o755)
	}
	return to, err
}
