package cluster

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ScratchImage writes an image that holds only one static program, as an archive in Docker's format, and returns the
// file.
func ScratchImage(tb testing.TB, file, name, program string) string {
	tb.Helper()
	data, err := os.ReadFile(program)
	if err != nil {
		tb.Fatal(err)
	}
	base := filepath.Base(program)
	layer := archive(tb, map[string][]byte{base: data}, 0o755)
	sum := sha256.Sum256(layer)
	config := encode(tb, map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{"Entrypoint": []string{"/" + base}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
	})
	manifest := encode(tb, []any{map[string]any{"Config": "config.json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"}}})
	if err := os.WriteFile(file, archive(tb, map[string][]byte{"config.json": config, "layer.tar": layer, "manifest.json": manifest}, 0o644), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

func encode(tb testing.TB, value any) []byte {
	tb.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func archive(tb testing.TB, files map[string][]byte, mode int64) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, data := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(data))}); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// BuildImage builds the Dockerfile of the repository with buildah, and returns an archive of the image with that name.
// The Dockerfile takes the image with the compiler from a registry. As there may be no registry, BuildImage makes that
// image from the compiler of this machine.
func BuildImage(tb testing.TB, name, version string) string {
	tb.Helper()
	dir := shortDir(tb)
	b := builder{tb, dir}
	b.compiler("docker.io/library/golang:1.26-alpine")
	file := filepath.Join(dir, "image.tar")
	b.buildah("bud", "--pull-never", "--timestamp", "0", "--format", "docker", "--build-arg", "VERSION="+version,
		"--volume", goEnv(tb, "GOMODCACHE")+":"+modulesInImage, "--volume", goEnv(tb, "GOCACHE")+":"+buildsInImage,
		"--tag", name, module("."))
	b.buildah("push", name, "docker-archive:"+file+":"+name)
	return file
}

// The paths of this machine's caches in the image with the compiler.
const (
	modulesInImage = "/cache/modules"
	buildsInImage  = "/cache/builds"
)

// builder runs buildah with its own storage.
type builder struct {
	tb  testing.TB
	dir string
}

func (b builder) buildah(args ...string) string {
	b.tb.Helper()
	global := []string{"--root", filepath.Join(b.dir, "storage"), "--runroot", filepath.Join(b.dir, "run"), "--storage-driver", "overlay"}
	cmd := exec.CommandContext(b.tb.Context(), "buildah", append(global, args...)...)
	cmd.Env = append(os.Environ(), "BUILDAH_ISOLATION=chroot")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		b.tb.Fatalf("buildah %s: %v\n%s%s", args[0], err, out, stderr.Bytes())
	}
	return strings.TrimSpace(string(out))
}

// compiler makes an image with this machine's Go, a shell and the certificates.
func (b builder) compiler(name string) {
	b.tb.Helper()
	container := b.buildah("from", "scratch")
	for from, to := range map[string]string{
		b.tb.TempDir(): "/tmp", "/bin/busybox": "/bin/sh", goEnv(b.tb, "GOROOT"): "/usr/local/go", "/etc/ssl/certs/ca-certificates.crt": "/etc/ssl/certs/ca-certificates.crt",
	} {
		b.buildah("copy", container, from, to)
	}
	b.buildah("config", "--env", "PATH=/usr/local/go/bin:/bin", "--env", "GOTOOLCHAIN=local", "--env", "GOMODCACHE="+modulesInImage, "--env", "GOCACHE="+buildsInImage, container)
	b.buildah("commit", "--quiet", container, name)
}

func goEnv(tb testing.TB, name string) string {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), "go", "env", name).Output()
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
