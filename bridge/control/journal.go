package control

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
)

// The requests about the journal. Each line of a list is an item, except the last line: it is the end, which shows the
// client that the list is complete, or a failure.
const (
	changesPath = "/changes" // GET the parameters of a filter: a list of entries
	changePath  = "/change"  // GET id: the entry of a change
	historyPath = "/history" // GET person: a list of the entries about a person
	verifyPath  = "/verify"  // POST head, any number of times: check the journal
	forgetPath  = "/forget"  // POST person: erase a person
	backupPath  = "/backup"  // POST file: write a backup
	rekeyPath   = "/rekey"   // POST: seal with the newest key
	storePath   = "/store"   // GET: the size of the store
)

// erased is the answer about a person who was forgotten.
type erased struct {
	Entries int `json:"entries"`
}

// warned is the answer about a backup.
type warned struct {
	Warning string `json:"warning,omitempty"`
}

// journal adds the requests about the journal.
func journal(mux *http.ServeMux, a *admin.Admin) {
	mux.HandleFunc("GET "+changesPath, func(w http.ResponseWriter, r *http.Request) {
		stream(w, r, func(ctx context.Context, p *parameters, each func(admin.Entry) error) (any, error) {
			f := p.filter()
			if p.err != nil {
				return nil, p.err
			}
			return a.Changes(ctx, f, each)
		})
	})
	mux.HandleFunc("GET "+historyPath, func(w http.ResponseWriter, r *http.Request) {
		stream(w, r, func(ctx context.Context, p *parameters, each func(admin.Entry) error) (any, error) {
			return a.History(ctx, p.values.Get("person"), each)
		})
	})
	for pattern, of := range map[string]func(context.Context, *parameters) (any, error){
		"GET " + changePath: func(ctx context.Context, p *parameters) (any, error) { return a.Change(ctx, p.values.Get("id")) },
		"GET " + storePath:  func(ctx context.Context, _ *parameters) (any, error) { return a.StoreStats(ctx) },
		"POST " + verifyPath: func(ctx context.Context, p *parameters) (any, error) {
			heads := p.heads()
			if p.err != nil {
				return nil, p.err
			}
			return a.Verify(ctx, heads...)
		},
		"POST " + forgetPath: func(ctx context.Context, p *parameters) (any, error) {
			n, err := a.Forget(ctx, p.values.Get("person"))
			return erased{n}, err
		},
		"POST " + backupPath: func(ctx context.Context, p *parameters) (any, error) {
			warning, err := a.Backup(ctx, p.values.Get("file"))
			return warned{warning}, err
		},
		"POST " + rekeyPath: func(ctx context.Context, _ *parameters) (any, error) { return struct{}{}, a.Rekey(ctx) },
	} {
		serveJournal(mux, pattern, of)
	}
	activity(mux, a)
}

// serveJournal answers a request about the store, which can take any time.
func serveJournal(mux *http.ServeMux, pattern string, of func(context.Context, *parameters) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		p, err := parametersOf(r)
		if err == nil {
			err = unlimited(w) // the duration depends on the size of the journal
		}
		var out any
		if err == nil {
			out, err = of(r.Context(), p)
		}
		answer(w, out, err)
	})
}

// unlimited lets an answer take any time.
func unlimited(w http.ResponseWriter) error {
	return http.NewResponseController(w).SetWriteDeadline(time.Time{})
}

// item is a line of a list.
type item[T any] struct {
	Item *T `json:"item,omitempty"`
}

// end is the last line of a complete list.
type end[E any] struct {
	End *E `json:"end,omitempty"`
}

// stream answers with a list, whose items are sent while others are found.
func stream[T any](w http.ResponseWriter, r *http.Request, list func(ctx context.Context, p *parameters, each func(T) error) (any, error)) {
	p, err := parametersOf(r)
	if err == nil {
		err = unlimited(w)
	}
	if err != nil {
		answer(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	begun := false
	last, err := list(r.Context(), p, func(one T) error {
		begun = true
		_, err := w.Write(line(item[T]{&one}))
		return err
	})
	switch {
	case err == nil:
		_, _ = w.Write(line(end[any]{&last}))
	case begun:
		_, _ = w.Write(line(failureOf(err)))
	default:
		answer(w, nil, err)
	}
}

// parameters reads the parameters of a request. The first one that cannot be read is err.
type parameters struct {
	values url.Values
	err    error
}

func parametersOf(r *http.Request) (*parameters, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, admin.InputError{Text: "the query of the request cannot be read: " + err.Error()}
	}
	return &parameters{values: values}, nil
}

// The names of a filter's parameters.
const (
	tenantName   = "tenant"
	resourceName = "resource"
	userName     = "user"
	opName       = "op"
	outcomeName  = "outcome"
	sinceName    = "since"
	untilName    = "until"
	newestName   = "newest"
	limitName    = "limit"
	afterName    = "after"
)

// queryOf writes a filter as parameters. A parameter that selects all is left out.
func queryOf(f admin.Filter) url.Values {
	out := url.Values{}
	for name, text := range map[string]string{
		tenantName: f.Tenant, resourceName: f.Resource, userName: f.User, opName: f.Op, outcomeName: f.Outcome, sinceName: timeText(f.Since), untilName: timeText(f.Until),
		newestName: strconv.FormatBool(f.Newest), limitName: strconv.Itoa(f.Limit), afterName: strconv.FormatInt(f.After, 10),
	} {
		if text != "" {
			out.Set(name, text)
		}
	}
	return out
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

// filter reads the parameters of a filter.
func (p *parameters) filter() admin.Filter {
	v := p.values
	return admin.Filter{
		Tenant: v.Get(tenantName), Resource: v.Get(resourceName), User: v.Get(userName), Op: v.Get(opName), Outcome: v.Get(outcomeName),
		Since: p.time(sinceName), Until: p.time(untilName), Newest: p.bool(newestName), Limit: int(p.number(limitName, strconv.IntSize)), After: p.number(afterName, 64), //nolint:mnd // bits
	}
}

// wrong keeps the first error.
func (p *parameters) wrong(name, want string) {
	if p.err == nil {
		p.err = admin.InputError{Text: name + " is not " + want}
	}
}

func (p *parameters) bool(name string) bool {
	text := p.values.Get(name)
	if text != "" && text != "true" && text != "false" {
		p.wrong(name, "true or false")
	}
	return text == "true"
}

func (p *parameters) number(name string, bits int) int64 {
	text := p.values.Get(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, bits)
	if err != nil || n < 0 {
		p.wrong(name, "a whole number from 0")
	}
	return n
}

func (p *parameters) time(name string) time.Time {
	text := p.values.Get(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		p.wrong(name, "a time such as 2030-01-31T08:30:00Z")
	}
	return t
}

func (p *parameters) heads() []admin.Head {
	var out []admin.Head
	for _, text := range p.values["head"] {
		head, err := admin.ParseHead(text)
		if err != nil && p.err == nil {
			p.err = err
		}
		out = append(out, head)
	}
	return out
}
