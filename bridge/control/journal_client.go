package control

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
)

// Changes calls each with every entry that a filter selects.
func (c Client) Changes(ctx context.Context, f admin.Filter, each func(admin.Entry) error) (admin.Answer, error) {
	return list[admin.Answer](ctx, c, changesPath, queryOf(f), each)
}

// Change returns the entry of a change, with its differences.
func (c Client) Change(ctx context.Context, id string) (out admin.Entry, err error) {
	err = c.ask(ctx, http.MethodGet, changePath, url.Values{"id": {id}}, &out)
	return out, err
}

// History calls each with everything that the journal has about a person, oldest first.
func (c Client) History(ctx context.Context, text string, each func(admin.Entry) error) (admin.Found, error) {
	return list[admin.Found](ctx, c, historyPath, url.Values{"person": {text}}, each)
}

// Verify checks that nobody altered the journal, and that heads are links of it.
func (c Client) Verify(ctx context.Context, heads ...admin.Head) (out admin.Verified, err error) {
	query := url.Values{}
	for _, head := range heads {
		query.Add("head", head.String())
	}
	err = c.ask(ctx, http.MethodPost, verifyPath, query, &out)
	return out, err
}

// Forget erases a person from the journal, and returns the number of entries that it erased.
func (c Client) Forget(ctx context.Context, text string) (int, error) {
	var out erased
	err := c.ask(ctx, http.MethodPost, forgetPath, url.Values{"person": {text}}, &out)
	return out.Entries, err
}

// Backup writes a copy of the store to a new file of the bridge's machine. The path begins at the root.
func (c Client) Backup(ctx context.Context, file string) (warning string, err error) {
	var out warned
	err = c.ask(ctx, http.MethodPost, backupPath, url.Values{"file": {file}}, &out)
	return out.Warning, err
}

// Rekey seals everything that is sealed with an older key again, with the newest key.
func (c Client) Rekey(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, rekeyPath, nil, &struct{}{})
}

// StoreStats returns the size of the store.
func (c Client) StoreStats(ctx context.Context) (out admin.Stats, err error) {
	err = c.ask(ctx, http.MethodGet, storePath, nil, &out)
	return out, err
}

// list calls each with every item of a list, and returns the end of the list.
func list[E, T any](ctx context.Context, c Client, path string, query url.Values, each func(T) error) (out E, err error) {
	body, err := c.open(ctx, http.MethodGet, path, query)
	if err != nil {
		return out, err
	}
	defer body.Close() //nolint:errcheck // after reading, Close loses nothing
	for lines := decoder(body); ; {
		var line struct {
			item[T]
			end[E]
			failure
		}
		if err := lines.Decode(&line); err != nil { // also when the list has no end
			return out, fmt.Errorf("the answer of the bridge ended too early: %w", err)
		}
		switch {
		case line.Error != "":
			return out, line.err()
		case line.End != nil:
			return *line.End, nil
		case line.Item != nil:
			if err := each(*line.Item); err != nil {
				return out, err
			}
		}
	}
}

// decoder decodes JSON and keeps every number as it is written.
func decoder(r io.Reader) *json.Decoder {
	out := json.NewDecoder(r)
	out.UseNumber()
	return out
}
