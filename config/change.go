package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// ErrLink is the error for a file that is a link: another program makes the file.
var ErrLink = errors.New("the file is a link, as in a mounted Secret, and a change would replace the link")

// ChangeTokens replaces a file of tokens by a changed one, in one step. For a link it returns
// ErrLink.
func ChangeTokens(file string, change func([]Token) []Token) error {
	return replaceFile(file, func(out *os.File) error { return writeTokens(out, file, change) })
}

// replaceFile replaces a file in one step: write fills a new file and closes it, and the new file is
// renamed at the end. While the new file exists, no other command can change the old file.
func replaceFile(file string, write func(out *os.File) error) error {
	if info, err := os.Lstat(file); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return ErrLink
	}
	next := file + ".new"
	out, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists: another command \"scim-bridge tokens\" is changing the file; remove %[1]s if no such command runs", next)
	}
	if err != nil {
		return err
	}
	err = write(out)
	if err == nil {
		err = os.Rename(next, file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return nil
}

// changeConfig changes the text of a configuration file. It compares the realm before and after:
// same removes the intended change from the two, and no other difference may remain.
func changeConfig(file, realmName string, change func([]byte) ([]byte, error), same func(before, after *Realm)) error {
	return replaceFile(file, func(out *os.File) error {
		data, err := os.ReadFile(file) //nolint:gosec // the operator names the file
		if err == nil {
			data, err = change(data)
		}
		if err != nil {
			return errors.Join(err, out.Close())
		}
		if err := errors.Join(keepMode(out, file), writeAll(out, data)); err != nil {
			return err
		}
		return differs(file, out.Name(), realmName, same)
	})
}

// differs returns an error when two files differ in more than the change that same removes.
func differs(before, after, realmName string, same func(before, after *Realm)) error {
	loaded := map[string]Config{}
	for _, file := range []string{before, after} {
		c, problems := Load(file)
		if len(problems) > 0 {
			return fmt.Errorf("with this change the configuration has a problem: %s", strings.ReplaceAll(problems[0].String(), after, before))
		}
		loaded[file] = c
	}
	old, now := loaded[before].Realms[realmName], loaded[after].Realms[realmName]
	same(&old, &now)
	loaded[before].Realms[realmName], loaded[after].Realms[realmName] = old, now
	a, err := json.Marshal(loaded[before])
	if err != nil {
		return err
	}
	b, err := json.Marshal(loaded[after])
	if err == nil && !bytes.Equal(a, b) {
		err = ErrByHand
	}
	return err
}

// keepMode gives a file the mode of another file.
func keepMode(out *os.File, file string) error {
	info, err := os.Stat(file)
	if err == nil {
		err = out.Chmod(info.Mode().Perm())
	}
	return err
}

// writeAll writes a file to the disk, and closes it.
func writeAll(out *os.File, data []byte) error {
	_, err := out.Write(data)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

func writeTokens(out *os.File, file string, change func([]Token) []Token) error {
	list, problems := LoadTokens(file)
	if len(problems) > 0 {
		return errors.Join(errors.New(problems[0].String()), out.Close())
	}
	list.Tokens = change(list.Tokens)
	return errors.Join(keepMode(out, file), writeAll(out, []byte(list.Render())))
}

// AddAccessToken writes an entry into accessTokens of a tenant of a configuration file. When it
// cannot change the file, the file stays as it is, and the error says why: ErrLink, ErrByHand or a
// problem of the file.
func AddAccessToken(file string, at TenantEntry, entry AccessToken) error {
	return changeConfig(file, at.Realm, func(data []byte) ([]byte, error) { return WithAccessToken(data, at, entry) }, func(before, after *Realm) {
		if list := accessTokensAt(before, at); list != nil {
			if i := indexOf(*accessTokensAt(after, at), entry); i >= 0 && i <= len(*list) {
				*list = slices.Insert(slices.Clone(*list), i, entry)
			}
			return
		}
		after.Organizations.Overrides = slices.DeleteFunc(slices.Clone(after.Organizations.Overrides), func(o Override) bool {
			return o.OrganizationID == at.OrganizationID && o.Organization == at.Organization && len(o.AccessTokens) == 1 && indexOf(o.AccessTokens, entry) == 0
		})
	})
}

// indexOf returns the index of an entry in a list, or -1.
func indexOf(list []AccessToken, entry AccessToken) int {
	return slices.IndexFunc(list, func(a AccessToken) bool { return a.Render() == entry.Render() })
}

// accessTokensAt returns the list of a tenant, or nil when the tenant has no entry in the
// configuration.
func accessTokensAt(r *Realm, at TenantEntry) *[]AccessToken {
	switch {
	case at.Index < 0:
		return nil
	case at.Override:
		return &r.Organizations.Overrides[at.Index].AccessTokens
	}
	return &r.Tenants[at.Index].AccessTokens
}

// RemoveAccessToken removes an entry from accessTokens of a tenant of a configuration file. Its
// errors are as for AddAccessToken.
func RemoveAccessToken(file string, at TenantEntry, entry AccessToken) error {
	return changeConfig(file, at.Realm, func(data []byte) ([]byte, error) { return WithoutAccessToken(data, at, entry.Name) }, func(before, after *Realm) {
		if at.Override && len(after.Organizations.Overrides) == len(before.Organizations.Overrides)-1 { // the override had no other settings
			before.Organizations.Overrides = slices.Delete(slices.Clone(before.Organizations.Overrides), at.Index, at.Index+1)
			return
		}
		if list := accessTokensAt(before, at); list != nil {
			*list = slices.DeleteFunc(slices.Clone(*list), func(a AccessToken) bool { return a.Name == entry.Name })
		}
	})
}
