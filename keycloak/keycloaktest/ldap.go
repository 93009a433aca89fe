package keycloaktest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The directory server comes from UnboundID's LDAP SDK: one jar without dependencies, with an in-memory server and
// tools to query and change it. It needs the Java and the Maven that Keycloak needs, and starts in a second.
const (
	ldapGroup    = "com.unboundid"
	ldapArtifact = "unboundid-ldapsdk"
	ldapVersion  = "7.0.2"

	ldapServer = "com.unboundid.ldap.listener.InMemoryDirectoryServerTool"
	ldapSearch = "com.unboundid.ldap.sdk.unboundidds.tools.LDAPSearch"
	ldapModify = "com.unboundid.ldap.sdk.unboundidds.tools.LDAPModify"
)

// The location of the entries, and the account that may change them.
const (
	ldapBase     = "dc=example,dc=org"
	ldapPeople   = "ou=people," + ldapBase
	ldapGroups   = "ou=groups," + ldapBase
	ldapManager  = "cn=manager"
	ldapPassword = "manager"
)

// LDAP is a directory server on loopback that belongs to one test, with people and groups.
type LDAP struct {
	URL string

	dir    string // with the log
	jar    string
	port   string
	cancel context.CancelFunc
	done   chan struct{}
}

// Person is an entry of an LDAP.
type Person struct{ UID, GivenName, Surname, Mail, Department string }

func (p Person) dn() string { return "uid=" + escapeDN(p.UID) + "," + ldapPeople }

// escapeDN escapes a value in the name of an entry (RFC 4514 section 2.4).
func escapeDN(value string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `+`, `\+`, `"`, `\"`, `<`, `\<`, `>`, `\>`, `;`, `\;`, `#`, `\#`).Replace(value)
}

// entry is the person in LDIF.
func (p Person) entry() string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	line("dn", p.dn())
	line("objectClass", "inetOrgPerson")
	line("uid", p.UID)
	line("cn", strings.TrimSpace(p.GivenName+" "+p.Surname))
	line("givenName", p.GivenName)
	line("sn", p.Surname)
	line("mail", p.Mail)
	line("departmentNumber", p.Department)
	line("userPassword", LDAPUserPassword)
	return b.String() + "\n"
}

// LDAPUserPassword is the password of every person of an LDAP.
const LDAPUserPassword = "Of-the-directory-1"

// StartLDAP starts a directory with people and groups. groups has the uids of the members by the name of the group. The
// directory ends with the test.
func StartLDAP(tb testing.TB, people []Person, groups map[string][]string) *LDAP {
	tb.Helper()
	l := &LDAP{dir: tb.TempDir()}
	if err := l.boot(tb.Context(), ldif(people, groups)); err != nil {
		tb.Fatalf("start a directory: %v", err)
	}
	tb.Cleanup(l.Stop)
	return l
}

// ldif is the first content of the directory.
func ldif(people []Person, groups map[string][]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "dn: %s\nobjectClass: domain\ndc: example\n\n", ldapBase)
	for _, unit := range []string{"people", "groups"} {
		fmt.Fprintf(&b, "dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n", unit, ldapBase, unit)
	}
	for _, p := range people {
		b.WriteString(p.entry())
	}
	for name, members := range groups {
		fmt.Fprintf(&b, "dn: cn=%s,%s\nobjectClass: groupOfNames\ncn: %s\n", name, ldapGroups, name)
		for _, uid := range members {
			fmt.Fprintf(&b, "member: %s\n", Person{UID: uid}.dn())
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (l *LDAP) boot(ctx context.Context, content string) error {
	err := needed()
	if err == nil {
		l.jar, err = ldapJar(ctx)
	}
	if err != nil {
		return err
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	l.port = ports[0]
	l.URL = "ldap://127.0.0.1:" + l.port
	file := filepath.Join(l.dir, "content.ldif")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		return err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel, l.done = cancel, make(chan struct{})
	cmd := exec.CommandContext(life, "java", "-Xmx256m", "-cp", l.jar, ldapServer,
		"--baseDN", ldapBase, "--port", l.port, "--ldifFile", file, "--useDefaultSchema",
		"--additionalBindDN", ldapManager, "--additionalBindPassword", ldapPassword,
		"--equalityIndex", "uid", "--equalityIndex", "entryUUID", "--equalityIndex", "mail")
	log, err := os.Create(filepath.Join(l.dir, "server.log"))
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	started := make(chan error, 1)
	go superviseProcess(cmd, started, l.done)
	if err := <-started; err != nil {
		return err
	}
	return l.await(ctx)
}

// await waits until the directory accepts connections.
func (l *LDAP) await(ctx context.Context) error {
	err := awaitStart(ctx, l.done, func(ctx context.Context) bool {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+l.port)
		return err == nil && conn.Close() == nil
	})
	if err != nil {
		l.Stop()
		log, _ := os.ReadFile(filepath.Join(l.dir, "server.log"))
		return fmt.Errorf("start the directory: %w\n%s", err, log)
	}
	return nil
}

// Stop ends the directory by its pid.
func (l *LDAP) Stop() {
	l.cancel()
	<-l.done
}

// ldapJar is the path of the jar in the cache.
func ldapJar(ctx context.Context) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, ldapArtifact+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	return download(ctx, cache, ldapGroup, ldapArtifact, ldapVersion, "jar")
}

// Holds reports whether the entry of a person has a value now.
func (l *LDAP) Holds(tb testing.TB, attribute, value string) bool {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), "java", "-cp", l.jar, ldapSearch,
		"--hostname", "127.0.0.1", "--port", l.port, "--bindDN", ldapManager, "--bindPassword", ldapPassword,
		"--baseDN", ldapPeople, "("+attribute+"="+value+")", "1.1").Output()
	if err != nil {
		tb.Fatalf("search the directory: %v", err)
	}
	return strings.Contains(string(out), "dn: ")
}

// Replace replaces an attribute of a person.
func (l *LDAP) Replace(tb testing.TB, uid, attribute, value string) {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "change.ldif")
	text := fmt.Sprintf("dn: %s\nchangetype: modify\nreplace: %s\n%s: %s\n", Person{UID: uid}.dn(), attribute, attribute, value)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	out, err := exec.CommandContext(tb.Context(), "java", "-cp", l.jar, ldapModify,
		"--hostname", "127.0.0.1", "--port", l.port, "--bindDN", ldapManager, "--bindPassword", ldapPassword, "--ldifFile", file).CombinedOutput()
	if err != nil {
		tb.Fatalf("change the directory: %v\n%s", err, out)
	}
}
