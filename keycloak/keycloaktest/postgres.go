package keycloaktest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// postgres is a PostgreSQL from Debian that belongs to one Keycloak.
type postgres struct {
	dir    string
	port   string
	cancel context.CancelFunc
	done   chan struct{}
}

func (*postgres) flavour() string { return "postgres" }

func (p *postgres) args() []string {
	return []string{
		"--db=postgres", "--db-url=jdbc:postgresql://127.0.0.1:" + p.port + "/postgres",
		"--db-username=keycloak", "--db-password=keycloak",
	}
}

// stop ends the server and removes its data.
func (p *postgres) stop() error {
	p.cancel()
	<-p.done
	return os.RemoveAll(p.dir)
}

func startPostgres(ctx context.Context) (*postgres, error) {
	initdb, err := postgresTool("initdb")
	if err != nil {
		return nil, err
	}
	server, err := postgresTool("postgres")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "keycloak-postgres-")
	if err != nil {
		return nil, err
	}
	p := &postgres{dir: dir, port: ports[0], done: make(chan struct{})}
	account, err := unprivileged(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	create := exec.CommandContext(ctx, initdb, "-D", data, "-U", "keycloak", "-A", "trust", "-E", "UTF8",
		"--locale=C.UTF-8", "--no-sync") // the order of names must not depend on the machine
	create.Dir, create.SysProcAttr = dir, account
	if out, err := create.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return p, p.run(ctx, server, data, account)
}

func (p *postgres) run(ctx context.Context, server, data string, account *syscall.SysProcAttr) error {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	cmd := exec.CommandContext(life, server, "-D", data, "-h", "127.0.0.1", "-p", p.port, "-k", p.dir,
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")
	cmd.Dir, cmd.SysProcAttr = p.dir, account
	started := make(chan error, 1)
	go superviseProcess(cmd, started, p.done)
	if err := <-started; err != nil {
		return err
	}
	return p.await(ctx)
}

// await waits for the socket, which appears when the server accepts connections.
func (p *postgres) await(ctx context.Context) error {
	err := awaitStart(ctx, p.done, func(context.Context) bool {
		_, err := os.Stat(filepath.Join(p.dir, ".s.PGSQL."+p.port))
		return err == nil
	})
	if err != nil {
		return errors.Join(fmt.Errorf("start PostgreSQL: %w", err), p.stop())
	}
	return nil
}

// postgresTool finds a program of the newest PostgreSQL. Debian does not put it in PATH.
func postgresTool(name string) (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err == nil && len(found) > 0 {
		slices.Sort(found)
		return found[len(found)-1], nil
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return "", errors.New("KEYCLOAK_DB=postgres needs PostgreSQL (on Debian: apt-get install postgresql)")
}

// unprivileged gives the directory to the user postgres when we are root, because PostgreSQL refuses to run as root.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	account, err := osuser.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("root cannot run PostgreSQL: %w", err)
	}
	uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr, os.Chown(dir, int(uid), int(gid))); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}
