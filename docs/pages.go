package docs

import (
	"errors"
	"io/fs"
	"path"
	"strings"
)

// Pages returns the texts of all Markdown files below the root of the repository, by their paths. Tests use it.
func Pages(root fs.FS) (map[string]string, error) {
	out := map[string]string{}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return fs.SkipDir
		case path.Ext(name) != ".md":
			return nil
		}
		data, err := fs.ReadFile(root, name)
		out[name] = string(data)
		return err
	})
	const fewest = 10
	if err == nil && len(out) < fewest {
		err = errors.New("fewer than 10 pages were found: is this the root of the repository?")
	}
	return out, err
}
