package keycloaktest

import (
	"archive/zip"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// archive writes a zip file. Names that end in ".sh" are programs.
func archive(t *testing.T, names ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dist.zip")
	file, err := os.Create(path)
	if err != nil {
		t.Fatalf("Create() = %v", err)
	}
	defer file.Close()
	w := zip.NewWriter(file)
	for _, name := range names {
		header := &zip.FileHeader{Name: name}
		header.SetMode(0o644)
		if strings.HasSuffix(name, ".sh") {
			header.SetMode(0o755)
		}
		entry, err := w.CreateHeader(header)
		if err != nil {
			t.Fatalf("CreateHeader(%q) = %v", name, err)
		}
		if _, err := io.WriteString(entry, name); err != nil {
			t.Fatalf("write %q: %v", name, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatalf("Close() = %v", err)
	}
	return path
}

func TestUnpackKeepsContentsAndModes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keycloak")
	if err := unpackAs(archive(t, "kc-1/bin/kc.sh", "kc-1/conf/kc.conf"), dir); err != nil {
		t.Fatalf("unpackAs() = %v", err)
	}
	for name, mode := range map[string]os.FileMode{"bin/kc.sh": 0o755, "conf/kc.conf": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatalf("Stat() = %v", err)
		}
		if info.Mode().Perm()&0o100 != mode&0o100 {
			t.Errorf("mode of %s = %v, want %v", name, info.Mode(), mode)
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if diff := cmp.Diff("kc-1/"+name, string(data)); err != nil || diff != "" {
			t.Errorf("contents of %s (-want +got):\n%s (%v)", name, diff, err)
		}
	}
}

func TestUnpackOfABadArchiveLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]string{
		"a path that leads out":  {"kc-1/bin/kc.sh", "../evil"},
		"an absolute path":       {"/evil"},
		"two directories":        {"kc-1/a", "kc-2/a"},
		"a file that is no path": {"kc-1/a", "kc-1/a/b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			if err := unpackAs(archive(t, entries...), filepath.Join(parent, "keycloak")); err == nil {
				t.Errorf("unpackAs() = nil, want an error")
			}
			left, err := os.ReadDir(parent)
			if err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v, want nothing", left, err)
			}
		})
	}
}

func TestFetchRefusesATextThatIsNotAVersion(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"", "../../x", "26.7.4;x", "latest"} {
		if _, err := fetch(t.Context(), version, "dev-mem"); err == nil {
			t.Errorf("fetch(%q) = nil, want an error", version)
		}
	}
}

func TestMissingToolsAreNamedInOneLine(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := needed()
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("needed() = %v, want one line with a remedy", err)
	}
}

// TestTheWholeGroupEnds has a grandchild that ignores signals, like a Java that hangs. The grandchild holds the pipe;
// the end of the pipe shows that no process is left.
func TestTheWholeGroupEnds(t *testing.T) {
	t.Parallel()
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatalf("Pipe() = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `sh -c 'trap "" TERM; echo up; exec sleep 600' & wait`)
	cmd.Stdout = theirs
	started, done := make(chan error, 1), make(chan struct{})
	go superviseProcess(cmd, started, done)
	if err := <-started; err != nil {
		t.Fatalf("superviseProcess() = %v", err)
	}
	theirs.Close()
	if _, err := io.ReadFull(ours, make([]byte, len("up\n"))); err != nil {
		t.Fatalf("the grandchild does not come up: %v", err)
	}
	cancel()
	<-done
	if rest, err := io.ReadAll(ours); err != nil || len(rest) != 0 {
		t.Errorf("ReadAll() = %q, %v, want the end", rest, err)
	}
}

func TestACommandThatIsNotThereEndsAtOnce(t *testing.T) {
	t.Parallel()
	started, done := make(chan error, 1), make(chan struct{})
	go superviseProcess(exec.CommandContext(t.Context(), "/nonexistent"), started, done)
	<-started
	<-done
}
