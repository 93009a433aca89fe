package keycloaktest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Postgres is a PostgreSQL from Debian that belongs to a Keycloak or to a test. It runs on loopback.
type Postgres struct {
	Dir  string // belongs to the user that the server runs as
	Port string

	settings []string
	account  *syscall.SysProcAttr
	process  *os.Process
	cancel   context.CancelFunc
	done     chan struct{}
}

func (*Postgres) flavour() string { return "postgres" }

func (p *Postgres) args() []string {
	return []string{
		"--db=postgres", "--db-url=jdbc:postgresql://127.0.0.1:" + p.Port + "/postgres",
		"--db-username=keycloak", "--db-password=keycloak",
	}
}

func (p *Postgres) stop() error { return p.Stop() }

// Stop ends the server and removes its data.
func (p *Postgres) Stop() error {
	p.cancel()
	<-p.done
	return os.RemoveAll(p.Dir)
}

// Account is the user that the server runs as, for other programs that refuse to run as root.
func (p *Postgres) Account() *syscall.SysProcAttr {
	account := *p.account
	return &account
}

func startPostgres(ctx context.Context) (*Postgres, error) {
	return StartPostgres(ctx, "fsync=off", "full_page_writes=off", "synchronous_commit=off")
}

// StartPostgres starts a server with settings such as "fsync=off". Its superuser is keycloak, and it believes everybody
// who they are.
func StartPostgres(ctx context.Context, settings ...string) (*Postgres, error) {
	initdb, err := postgresTool("initdb")
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
	p := &Postgres{Dir: dir, Port: ports[0], settings: settings}
	if p.account, err = unprivileged(dir); err != nil {
		return nil, err
	}
	create := exec.CommandContext(ctx, initdb, "-D", p.data(), "-U", "keycloak", "-A", "trust", "-E", "UTF8",
		"--locale=C.UTF-8", "--no-sync") // the order of names must not depend on the machine
	create.Dir, create.SysProcAttr = dir, p.Account()
	if out, err := create.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return p, p.Start(ctx)
}

func (p *Postgres) data() string { return filepath.Join(p.Dir, "data") }

// Start starts the server again after Kill.
func (p *Postgres) Start(ctx context.Context) error {
	server, err := postgresTool("postgres")
	if err != nil {
		return err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel, p.done = cancel, make(chan struct{})
	args := []string{"-D", p.data(), "-h", "127.0.0.1", "-p", p.Port, "-k", p.Dir}
	for _, setting := range p.settings {
		args = append(args, "-c", setting)
	}
	cmd := exec.CommandContext(life, server, args...)
	cmd.Dir, cmd.SysProcAttr = p.Dir, p.Account()
	started := make(chan error, 1)
	go superviseProcess(cmd, started, p.done)
	if err := <-started; err != nil {
		return err
	}
	p.process = cmd.Process
	return p.await(ctx)
}

// Kill kills the server with all its processes, as a crash does. It returns when they have ended.
func (p *Postgres) Kill(ctx context.Context) error {
	pids, err := p.signal(syscall.SIGKILL)
	if err != nil {
		return err
	}
	<-p.done
	err = awaitStart(ctx, nil, func(context.Context) bool { return !slices.ContainsFunc(pids, alive) })
	return errors.Join(err, os.Remove(p.socket()))
}

// alive reports whether a process has not ended yet. One that has ended can wait for its parent as a zombie.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// Pause stops every process of the server until Continue: it answers nothing, and its connections stay.
func (p *Postgres) Pause() error {
	_, err := p.signal(syscall.SIGSTOP)
	return err
}

// Continue ends a Pause.
func (p *Postgres) Continue() error {
	_, err := p.signal(syscall.SIGCONT)
	return err
}

// signal sends a signal to the server and to each of its children, which have process groups of their own. It returns
// their ids.
func (p *Postgres) signal(s syscall.Signal) ([]int, error) {
	if s != syscall.SIGCONT { // so that it makes no further children
		if err := syscall.Kill(p.process.Pid, syscall.SIGSTOP); err != nil {
			return nil, err
		}
	}
	pids := append(children(p.process.Pid), p.process.Pid)
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			return nil, err
		}
	}
	return pids, nil
}

// children are the processes that a process started.
func children(pid int) []int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var out []int
	for field := range strings.FieldsSeq(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			out = append(out, child)
		}
	}
	return out
}

// Ask makes the server ask the members of a role for their passwords, from the next reload of its configuration on.
func (p *Postgres) Ask(role string) error {
	file := filepath.Join(p.data(), "pg_hba.conf")
	rest, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, append([]byte("host all +"+role+" all scram-sha-256\n"), rest...), 0o600)
}

// Put copies a file into the directory of the data, for the user of the server.
func (p *Postgres) Put(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	to := filepath.Join(p.data(), filepath.Base(file))
	if err := os.WriteFile(to, text, 0o600); err != nil || p.account.Credential == nil {
		return err
	}
	return os.Chown(to, int(p.account.Credential.Uid), int(p.account.Credential.Gid))
}

// Copy copies a schema into another database, with a dump.
func (p *Postgres) Copy(ctx context.Context, schema, database string) error {
	dump, err := postgresTool("pg_dump")
	if err != nil {
		return err
	}
	restore, err := postgresTool("pg_restore")
	if err != nil {
		return err
	}
	file := filepath.Join(p.Dir, database+".dump")
	for _, args := range [][]string{
		{dump, "--format=custom", "--schema=" + schema, "--file=" + file, "postgres"},
		{restore, "--exit-on-error", "--dbname=" + database, file},
	} {
		cmd := exec.CommandContext(ctx, args[0], append([]string{"-h", "127.0.0.1", "-p", p.Port, "-U", "keycloak"}, args[1:]...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", filepath.Base(args[0]), err, out)
		}
	}
	return nil
}

func (p *Postgres) socket() string { return filepath.Join(p.Dir, ".s.PGSQL."+p.Port) }

// await waits until the server accepts connections.
func (p *Postgres) await(ctx context.Context) error {
	ready, err := postgresTool("pg_isready")
	if err == nil {
		err = awaitStart(ctx, p.done, func(ctx context.Context) bool {
			return exec.CommandContext(ctx, ready, "-q", "-h", "127.0.0.1", "-p", p.Port).Run() == nil
		})
	}
	if err != nil {
		return errors.Join(fmt.Errorf("start PostgreSQL: %w", err), p.Stop())
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
	return "", fmt.Errorf("%s is missing: install PostgreSQL (on Debian: apt-get install postgresql)", name)
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

// Pooler is a PgBouncer from Debian in transaction mode, in front of a Postgres.
type Pooler struct {
	Port   string
	cancel context.CancelFunc
	done   chan struct{}
}

// StartPooler starts a PgBouncer with a few connections to the server. It knows the user keycloak only.
func (p *Postgres) StartPooler(ctx context.Context) (*Pooler, error) {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; !exists(program) {
			return nil, errors.New("pgbouncer is missing: install PgBouncer (on Debian: apt-get install pgbouncer)")
		}
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(p.Dir, "pooler-"+ports[0])
	users, config := filepath.Join(dir, "users.txt"), filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = 8
max_client_conn = 1000
server_idle_timeout = 1
`, p.Port, ports[0], users)
	err = os.Mkdir(dir, 0o700)
	for file, content := range map[string]string{users: "\"keycloak\" \"\"\n", config: text} {
		err = errors.Join(err, os.WriteFile(file, []byte(content), 0o600))
	}
	if p.account.Credential != nil {
		for _, file := range []string{dir, users, config} {
			err = errors.Join(err, os.Chown(file, int(p.account.Credential.Uid), int(p.account.Credential.Gid)))
		}
	}
	if err != nil {
		return nil, err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	out := &Pooler{Port: ports[0], cancel: cancel, done: make(chan struct{})}
	cmd := exec.CommandContext(life, program, "-q", config)
	cmd.Dir, cmd.SysProcAttr = dir, p.Account()
	started := make(chan error, 1)
	go superviseProcess(cmd, started, out.done)
	if err := <-started; err != nil {
		return nil, err
	}
	err = awaitStart(ctx, out.done, func(ctx context.Context) bool {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", "127.0.0.1:"+out.Port)
		return err == nil && conn.Close() == nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start PgBouncer: %w", err), out.Stop())
	}
	return out, nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// Stop ends the pooler.
func (p *Pooler) Stop() error {
	p.cancel()
	<-p.done
	return nil
}
