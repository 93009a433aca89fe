package keycloaktest

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

var versionText = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)

// cacheDir is the directory of distributions: SCIM_BRIDGE_CACHE, else the user's cache.
func cacheDir() (string, error) {
	dir := os.Getenv("SCIM_BRIDGE_CACHE")
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find a cache directory (set SCIM_BRIDGE_CACHE): %w", err)
		}
		dir = filepath.Join(user, "scim-bridge")
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// lock locks the cache against other processes until unlock is called.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // closing releases the lock
}

// needed checks for the tools. Its error is one line that says what to install.
func needed() error {
	for tool, packages := range map[string]string{"java": "openjdk-17-jre-headless", "mvn": "maven"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is needed to run a real Keycloak or directory (on Debian: apt-get install %s)", tool, packages)
		}
	}
	return nil
}

// fetch makes sure that the distribution is unpacked and returns its directory. flavour separates the files of servers
// that were started with different options.
func fetch(ctx context.Context, version, flavour string) (string, error) {
	if !versionText.MatchString(version) {
		return "", fmt.Errorf("KEYCLOAK_VERSION is %q; it must look like %s", version, Versions()[0])
	}
	if err := needed(); err != nil {
		return "", err
	}
	return Cached("keycloak-"+version+"-"+flavour, func(dir string) error {
		archive, err := download(ctx, filepath.Dir(dir), "org.keycloak", "keycloak-quarkus-dist", version, "zip")
		if err != nil {
			return err
		}
		return unpackAs(archive, dir)
	})
}

// Cached is a directory of the cache, which outlives test runs. build fills it when it does not exist yet. When build
// fails, the directory is removed.
func Cached(name string, build func(dir string) error) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, name)
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := build(dir); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

// download makes Maven fetch an artifact of a group into the cache. Maven also keeps it in its own repository.
func download(ctx context.Context, cache, group, artifact, version, extension string) (string, error) {
	name := artifact + "-" + version + "." + extension
	archive := filepath.Join(cache, name)
	if _, err := os.Stat(archive); err == nil {
		return archive, nil
	}
	partial, err := os.MkdirTemp(cache, "download-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(partial) //nolint:errcheck // a left-over costs space and nothing else
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy",
		"-Dartifact="+group+":"+artifact+":"+version+":"+extension, "-DoutputDirectory="+partial)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch %s %s with Maven: %w\n%s", artifact, version, err, out)
	}
	return archive, os.Rename(filepath.Join(partial, name), archive)
}

// unpackAs unpacks the single directory of the archive as dir, or leaves nothing.
func unpackAs(archive, dir string) error {
	partial, err := os.MkdirTemp(filepath.Dir(dir), "unpack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(partial) //nolint:errcheck // a left-over costs space and nothing else
	r, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	defer r.Close() //nolint:errcheck // it was read only
	for _, f := range r.File {
		if err := unpackOne(f, partial); err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}
	}
	tops, err := os.ReadDir(partial)
	if err != nil || len(tops) != 1 {
		return fmt.Errorf("%s has %d directories, not one: %w", archive, len(tops), err)
	}
	return os.Rename(filepath.Join(partial, tops[0].Name()), dir)
}

func unpackOne(f *zip.File, dir string) error {
	if !filepath.IsLocal(f.Name) {
		return fmt.Errorf("%q leads out of the directory", f.Name)
	}
	path := filepath.Join(dir, f.Name)
	if strings.HasSuffix(f.Name, "/") {
		return os.MkdirAll(path, 0o755)
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it is read only
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, f.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
