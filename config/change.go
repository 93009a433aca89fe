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

// ErrLink says that a file is made by something else.
var ErrLink = errors.New("the file is a link, as of a mounted Secret, and would be another one if it was written")

// ChangeTokens writes a file of tokens anew, all at once. A link is ErrLink.
func ChangeTokens(file string, change func([]Token) []Token) error {
	return replaceFile(file, func(out *os.File) error { return writeTokens(out, file, change) })
}

// replaceFile writes a file anew, all at once and alone, and closes it. The file that is put in its place is the
// lock too.
func replaceFile(file string, write func(out *os.File) error) error {
	if info, err := os.Lstat(file); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return ErrLink
	}
	next := file + ".new"
	out, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there: another scim-bridge tokens is changing the file; remove it if none is", next)
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

// changeConfig changes the text of a configuration file. What the file says of a realm then is compared with what it
// said: same makes the two alike when they differ in what shall be changed alone.
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

// differs is an error when two files differ in more than same makes alike.
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

// keepMode gives a file the mode of another one.
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

// AddAccessToken writes an entry into accessTokens of a tenant of a configuration file. Where the file cannot be
// changed from here it stays as it is, and the error says why: ErrLink, ErrByHand or a problem of the file.
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

// indexOf is where an entry stands in a list, -1 for nowhere.
func indexOf(list []AccessToken, entry AccessToken) int {
	return slices.IndexFunc(list, func(a AccessToken) bool { return a.Render() == entry.Render() })
}

// accessTokensAt is the list of a tenant, nil for one that has no entry in the configuration.
func accessTokensAt(r *Realm, at TenantEntry) *[]AccessToken {
	switch {
	case at.Index < 0:
		return nil
	case at.Override:
		return &r.Organizations.Overrides[at.Index].AccessTokens
	}
	return &r.Tenants[at.Index].AccessTokens
}

// RemoveAccessToken takes an entry out of accessTokens of a tenant of a configuration file, as AddAccessToken.
func RemoveAccessToken(file string, at TenantEntry, entry AccessToken) error {
	return changeConfig(file, at.Realm, func(data []byte) ([]byte, error) { return WithoutAccessToken(data, at, entry.Name) }, func(before, after *Realm) {
		if at.Override && len(after.Organizations.Overrides) == len(before.Organizations.Overrides)-1 { // it said nothing more
			before.Organizations.Overrides = slices.Delete(slices.Clone(before.Organizations.Overrides), at.Index, at.Index+1)
			return
		}
		if list := accessTokensAt(before, at); list != nil {
			*list = slices.DeleteFunc(slices.Clone(*list), func(a AccessToken) bool { return a.Name == entry.Name })
		}
	})
}
