package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// journaled returns a store with changes of two users. Names have characters that a query and JSON must escape.
func journaled(t *testing.T) *storetest.Memory {
	t.Helper()
	s := storetest.NewMemory(nil)
	doc := func(name string) scim.Document {
		return scim.Document{"userName": name, "active": true, "n": json.Number("12345678901234567890")}
	}
	for id, name := range map[string]string{"u1": "jane&limit=-1#%zz \"\n\u202e<script>", "u2": "joe"} {
		for _, op := range []change.Op{change.Created, change.Updated} {
			c := change.Change{
				ID: change.NewID(), Begun: time.Now(), Actor: change.Actor{Kind: "client", Name: "okta"}, Origin: change.Request, Tenant: "saas", Realm: "saas",
				Op: op, Resource: change.Resource{Type: "User", ID: id}, After: doc(name), Outcome: change.Done,
			}
			if err := errors.Join(s.Intend(t.Context(), c), s.Settle(t.Context(), c)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

// gather collects the entries of a view.
func gather(view func(each func(admin.Entry) error) error) ([]admin.Entry, error) {
	var out []admin.Entry
	err := view(func(e admin.Entry) error { out = append(out, e); return nil })
	return out, err
}

// TestTheSocketHasTheViewsOfTheJournal: the client returns what the bridge has, with every number and character.
func TestTheSocketHasTheViewsOfTheJournal(t *testing.T) {
	t.Parallel()
	c, _, a := servedWith(t, journaled(t))
	for _, f := range []admin.Filter{
		{},
		{Newest: true, Limit: 2},
		{Tenant: "saas", Resource: "u1", Op: "updated", Outcome: "done"},
		{After: 3},
		{Since: time.Unix(0, 1)},
		{Until: time.Unix(0, 1)},
		{User: "jane&limit=-1#%zz \"\n\u202e<script>"},
		{Since: time.Now().Add(-time.Hour).In(time.FixedZone("", 3600)), Until: time.Now().Add(time.Hour)},
		{Limit: 1 << 62},
	} {
		var wantAnswer, answer admin.Answer
		want, err := gather(func(each func(admin.Entry) error) (err error) {
			wantAnswer, err = a.Changes(t.Context(), f, each)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := gather(func(each func(admin.Entry) error) (err error) {
			answer, err = c.Changes(t.Context(), f, each)
			return err
		})
		if diff := cmp.Diff(want, got); diff != "" || err != nil || answer != wantAnswer {
			t.Errorf("Changes(%+v) = %+v, %v (-want +got):\n%s", f, answer, err, diff)
		}
	}
	for _, text := range []string{"u1", "joe", "jane&limit=-1#%zz \"\n\u202e<script>", "nobody", "u1&person=u2"} {
		var wantFound, found admin.Found
		want, err := gather(func(each func(admin.Entry) error) (err error) {
			wantFound, err = a.History(t.Context(), text, each)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := gather(func(each func(admin.Entry) error) (err error) {
			found, err = c.History(t.Context(), text, each)
			return err
		})
		if diff := cmp.Diff(want, got) + cmp.Diff(wantFound, found); diff != "" || err != nil {
			t.Errorf("History(%q) = %v (-want +got):\n%s", text, err, diff)
		}
		for _, e := range got {
			want, err := a.Change(t.Context(), e.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := c.Change(t.Context(), e.ID); err != nil || cmp.Diff(want, got) != "" {
				t.Errorf("Change() = %v (-want +got):\n%s", err, cmp.Diff(want, got))
			}
		}
	}
	wantStats, err := a.StoreStats(t.Context())
	stats, err2 := c.StoreStats(t.Context())
	if wantStats.Entries = 4; err != nil || err2 != nil || stats != wantStats {
		t.Errorf("StoreStats() = %+v, %v, want %+v, %v", stats, err2, wantStats, err)
	}
	stop := errors.New("enough")
	if _, err := c.Changes(t.Context(), admin.Filter{}, func(admin.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Changes() for a reader that stops = %v", err)
	}
}

// keeper is a store whose backup and rekey succeed, and which fails in the middle of a list.
type keeper struct {
	store.Store

	file   string
	rekeys int
	verify error
}

func (k *keeper) Backup(_ context.Context, file string) error { k.file = file; return nil }

func (k *keeper) Rekey(context.Context) error { k.rekeys++; return nil }

func (k *keeper) Verify(ctx context.Context, heads ...store.Head) (store.Proof, error) {
	if k.verify != nil {
		return store.Proof{}, k.verify
	}
	return k.Store.Verify(ctx, heads...)
}

// Entries fails after an entry, except for the look-up of a person.
func (k *keeper) Entries(ctx context.Context, q store.Query) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for e, err := range k.Store.Entries(ctx, q) {
			if !yield(e, err) {
				return
			}
			if q.Person == nil {
				yield(store.Entry{}, errors.New("the disk is gone"))
				return
			}
		}
	}
}

// TestTheSocketHasTheVerbsOfTheStore, and the client gets the errors of the bridge with their types.
func TestTheSocketHasTheVerbsOfTheStore(t *testing.T) {
	t.Parallel()
	k := &keeper{Store: journaled(t)}
	c, _, _ := servedWith(t, k)
	each := func(admin.Entry) error { return nil }
	head, err := k.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.Verify(t.Context(), head, head); err != nil || v.Entries != 4 || v.Head != head {
		t.Errorf("Verify() = %+v, %v", v, err)
	}
	k.verify = &store.BrokenError{Number: 3, What: "the entry was changed"}
	_, err = c.Verify(t.Context())
	if broken, is := errors.AsType[*admin.BrokenError](err); !is || broken.Number != 3 || broken.What != "the entry was changed" {
		t.Errorf("Verify() of an altered journal = %v", err)
	}
	if warning, err := c.Backup(t.Context(), "/a&b c"); err != nil || warning != "" || k.file != "/a&b c" {
		t.Errorf("Backup() to %q = %q, %v", k.file, warning, err)
	}
	if err := c.Rekey(t.Context()); err != nil || k.rekeys != 1 {
		t.Errorf("Rekey() = %v, %d times", err, k.rekeys)
	}
	if n, err := c.Forget(t.Context(), "joe"); err != nil || n != 2 {
		t.Errorf("Forget() = %d, %v", n, err)
	}
	if got, err := gather(func(each func(admin.Entry) error) error {
		_, err := c.Changes(t.Context(), admin.Filter{}, each)
		return err
	}); len(got) != 1 || err == nil || err.Error() != "the disk is gone" {
		t.Errorf("Changes() that failed in the middle = %d entries, %v", len(got), err)
	}
	_, err = c.Backup(t.Context(), "backup")
	wantType[admin.InputError](t, "Backup() without a directory", err)
	_, err = c.Change(t.Context(), "nope")
	wantType[admin.InputError](t, "Change() of a text", err)
	_, err = c.Change(t.Context(), string(change.NewID()))
	wantType[admin.NoChangeError](t, "Change() of another", err)
	_, err = c.History(t.Context(), "", each)
	wantType[admin.InputError](t, "History() of nobody", err)
	_, err = c.Changes(t.Context(), admin.Filter{Tenant: "nope", Resource: "nope"}, each)
	wantType[admin.NoTenantError](t, "Changes() of a tenant that does not exist", err)
	none, _, _ := served(t)
	for name, call := range map[string]func() error{
		"Changes":    func() error { _, err := none.Changes(t.Context(), admin.Filter{}, each); return err },
		"Change":     func() error { _, err := none.Change(t.Context(), string(change.NewID())); return err },
		"History":    func() error { _, err := none.History(t.Context(), "x", each); return err },
		"Verify":     func() error { _, err := none.Verify(t.Context()); return err },
		"Forget":     func() error { _, err := none.Forget(t.Context(), "x"); return err },
		"Backup":     func() error { _, err := none.Backup(t.Context(), "/x"); return err },
		"Rekey":      func() error { return none.Rekey(t.Context()) },
		"StoreStats": func() error { _, err := none.StoreStats(t.Context()); return err },
	} {
		if err := call(); !errors.Is(err, admin.ErrNoStore) {
			t.Errorf("%s without a store = %v", name, err)
		}
	}
}

func wantType[T error](t *testing.T, what string, err error) {
	t.Helper()
	if _, is := errors.AsType[T](err); !is {
		t.Errorf("%s = %T %v", what, err, err)
	}
}

// TestHostileParametersAreRefused with 400 and a text, and nothing else of them is used.
func TestHostileParametersAreRefused(t *testing.T) {
	t.Parallel()
	c, _, _ := servedWith(t, journaled(t))
	for request, want := range map[string]string{
		"GET /changes?limit=-1":                            "limit is not a whole number from 0",
		"GET /changes?limit=9223372036854775808":           "limit is not a whole number from 0",
		"GET /changes?limit=1e3":                           "limit is not a whole number from 0",
		"GET /changes?after=x":                             "after is not a whole number from 0",
		"GET /changes?newest=yes":                          "newest is not true or false",
		"GET /changes?since=yesterday":                     "since is not a time such as 2030-01-31T08:30:00Z",
		"GET /changes?until=2030-02-30T00:00:00Z":          "until is not a time such as",
		"GET /changes?op=created'--":                       "is not the operation of a change",
		"GET /changes?outcome=%00":                         "is not the outcome of a change",
		"GET /changes?since=%zz":                           "the query of the request cannot be read",
		"GET /changes?a;b":                                 "the query of the request cannot be read",
		"GET /history":                                     "name the user by an id",
		"GET /history?person=%20":                          "name the user by an id",
		"GET /change":                                      "is not the id of a change",
		"GET /change?id=../../etc":                         "is not the id of a change",
		"POST /verify?head=x":                              "is not the head of a journal",
		"POST /verify?head=a/1-1/00":                       "is not the head of a journal",
		"POST /verify?head=" + strings.Repeat("a", 10_000): "is not the head of a journal",
		"POST /forget":                                     "name the user by an id",
		"POST /backup?file=store.db":                       "needs a path from the root",
		"POST /backup":                                     "needs a path from the root",
	} {
		method, path, _ := strings.Cut(request, " ")
		req, err := http.NewRequestWithContext(t.Context(), method, "http://bridge"+strings.ReplaceAll(path, "%zz", "%25zz"), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.URL.RawQuery = strings.ReplaceAll(req.URL.RawQuery, "%25zz", "%zz")
		res, err := c.HTTP().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		var got struct{ Error, Kind string }
		if err := json.Unmarshal(body, &got); err != nil || res.StatusCode != http.StatusBadRequest || got.Kind != "input" || !strings.Contains(got.Error, want) || len(body) > 500 {
			t.Errorf("%.80s = %d, %s, want %s", request, res.StatusCode, body, want)
		}
	}
	for _, wrong := range []string{"POST /changes", "GET /forget", "GET /verify", "GET /backup", "GET /rekey", "POST /store", "POST /history", "POST /change"} {
		method, path, _ := strings.Cut(wrong, " ")
		req, err := http.NewRequestWithContext(t.Context(), method, "http://bridge"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.HTTP().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _ = res.Body.Close(); res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s = %d", wrong, res.StatusCode)
		}
	}
}

// TestAListThatEndsTooEarlyIsAnError: the client never takes a part of a list for the list.
func TestAListThatEndsTooEarlyIsAnError(t *testing.T) {
	t.Parallel()
	each := func(admin.Entry) error { return nil }
	for name, answer := range map[string]string{
		"no line":       "",
		"no end":        `{"item":{"id":"1"}}` + "\n",
		"half a line":   `{"item":{"id":"1"}}` + "\n" + `{"end":{"ent`,
		"an empty end":  `{"end":null}`,
		"another line":  `{"hello":1}`,
		"a wrong entry": `{"item":{"position":"nope"}}`,
	} {
		path := filepath.Join(t.TempDir(), "control.sock")
		listener, err := control.Listen(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }), ReadHeaderTimeout: time.Second}
		go func(l net.Listener) { _ = server.Serve(l) }(listener)
		if _, err := (control.Client{Socket: path}).Changes(t.Context(), admin.Filter{}, each); err == nil || !strings.Contains(err.Error(), "ended too early") {
			t.Errorf("Changes() of a list with %s = %v", name, err)
		}
		_ = server.Close()
	}
}

// deadlines is a response that records its deadlines.
type deadlines struct {
	*httptest.ResponseRecorder

	write []time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = append(d.write, t); return nil }

// TestLongRequestsHaveNoTimeLimit: a journal can take long to read.
func TestLongRequestsHaveNoTimeLimit(t *testing.T) {
	t.Parallel()
	_, _, a := servedWith(t, &keeper{Store: journaled(t)})
	h := control.Handler(a, http.NotFoundHandler())
	for _, request := range []string{
		"GET /changes", "GET /history?person=joe", "POST /verify", "POST /forget?person=nobody", "POST /backup?file=/x", "POST /rekey", "GET /store", "POST /adopt?tenant=saas",
	} {
		method, path, _ := strings.Cut(request, " ")
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
		if none := []time.Time{{}}; w.Code != http.StatusOK || !slices.Equal(w.write, none) {
			t.Errorf("%s = %d with the deadlines %v: %s", request, w.Code, w.write, w.Body)
		}
	}
}

// FuzzChangesOfAnyQuery: every query is answered with a list or a refusal.
func FuzzChangesOfAnyQuery(f *testing.F) {
	f.Add("limit=1&newest=true&since=2030-01-31T08:30:00Z")
	f.Add("op=created&outcome=done&after=1&user=%00&tenant=saas&resource=x")
	f.Add("until=-1&limit=99999999999999999999&%zz;")
	registry := servedRegistry(f)
	s := storetest.NewMemory(nil)
	h := control.Handler(admin.New(admin.Options{Now: time.Now, Tenants: registry, Store: s, Bridge: &bridgeOf{}}), http.NotFoundHandler())
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"/changes", "/history", "/change"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
			r.URL.RawQuery = query
			w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			h.ServeHTTP(w, r)
			var last struct{ End, Error any }
			if err := json.Unmarshal(w.Body.Bytes(), &last); err != nil || last.End == nil && last.Error == nil || w.Code != 200 && w.Code != 400 && w.Code != 404 {
				t.Errorf("%s?%q = %d %s", path, query, w.Code, fmt.Sprint(w.Body))
			}
		}
	})
}
