package apptest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// Wrote holds what the bridges of all tests wrote where other people can read it, and the secrets that these bridges
// used. At the end, Main checks whether the text contains a secret.
var Wrote Recorder //nolint:gochecknoglobals // it outlives every test

// Recorder keeps the text in a file: the text has some hundred megabytes, and some tests measure memory.
type Recorder struct {
	mu      sync.Mutex
	file    *os.File // without a name; nil before the first text
	lines   int
	secrets map[string]bool
}

// minSecret is the minimum length of a secret to search for, in bytes. A shorter text would be found by chance.
const minSecret = 8

func (r *Recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		file, err := os.CreateTemp("", "scim-bridge-wrote-")
		if err == nil {
			err = os.Remove(file.Name())
		}
		if err != nil {
			return 0, err
		}
		r.file = file
	}
	r.lines += bytes.Count(p, []byte("\n"))
	return r.file.Write(p)
}

// Secret adds secrets that Main searches for.
func (r *Recorder) Secret(texts ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.secrets == nil {
		r.secrets = map[string]bool{}
	}
	for _, text := range texts {
		if len(text) >= minSecret {
			r.secrets[text] = true
		}
	}
}

// found returns the secrets in the written text, each with the text around it.
func (r *Recorder) found() ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil, nil
	}
	var out []string
	text, err := io.ReadAll(io.NewSectionReader(r.file, 0, math.MaxInt64))
	if err != nil {
		return nil, err
	}
	show := func(at, length int) {
		out = append(out, string(text[max(0, at-200):min(len(text), at+length+20)]))
	}
	for _, at := range regexp.MustCompile(auth.TokenPattern+`|eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}`).FindAllIndex(text, -1) {
		show(at[0], at[1]-at[0])
	}
	// One pass searches for all secrets, by their first eight bytes.
	begins := map[uint64][]string{}
	var maybe [1 << 16]bool // by the last two of the eight bytes: a map is too slow for every byte
	for secret := range r.secrets {
		begin := binary.BigEndian.Uint64([]byte(secret[:minSecret]))
		begins[begin] = append(begins[begin], secret)
		maybe[uint16(begin)] = true
	}
	shown := map[string]bool{}
	var last uint64
	for end, b := range text {
		last = last<<8 | uint64(b)
		if !maybe[uint16(last)] {
			continue
		}
		for _, secret := range begins[last] {
			at := end + 1 - minSecret
			if !shown[secret] && at >= 0 && bytes.HasPrefix(text[at:], []byte(secret)) {
				shown[secret] = true
				show(at, len(secret))
			}
		}
	}
	return out, nil
}

// Main runs the tests of a package. Then it searches for every token, client secret and password that the bridges
// used. It searches the log down to level debug, the body and headers of every error, the metrics and /statusz. A run
// of all tests of the package fails when there are fewer secrets or lines than the arguments say: then something does
// not write what it should. The arguments are half of what a run without Keycloak has.
func Main(m *testing.M, secrets, lines int) {
	code := m.Run()
	found, err := Wrote.found()
	if err != nil {
		fmt.Fprintln(os.Stderr, "the written text cannot be read:", err)
		code = 1
	}
	for _, text := range found {
		fmt.Fprintf(os.Stderr, "a secret was written: …%s…\n", text)
	}
	if len(found) > 0 {
		code = 1
	}
	all := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" && flag.Lookup("test.list").Value.String() == ""
	if fuzz := flag.Lookup("test.fuzzworker"); all && fuzz.Value.String() == "false" && flag.Lookup("test.fuzz").Value.String() == "" {
		fmt.Fprintf(os.Stderr, "searched for %d secrets in %d lines\n", len(Wrote.secrets), Wrote.lines)
		if Wrote.lines < lines || len(Wrote.secrets) < secrets {
			fmt.Fprintf(os.Stderr, "a full run has at least %d secrets and %d lines: something does not write what it should\n", secrets, lines)
			code = 1
		}
	}
	os.Exit(code)
}

// recordingLog is a log that writes to Wrote.
func recordingLog() *zap.Logger {
	return zap.New(observe.Bound(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.Lock(zapcore.AddSync(&Wrote)), zap.DebugLevel)))
}

// NewTestApp makes a bridge with limits that no test reaches. Main checks what it writes. Its indexes are always too
// old, so every query sees changes by other programs and people and makes the same calls.
func NewTestApp(t *testing.T, c config.Config, logs ...zapcore.Core) *app.App {
	t.Helper()
	return newTestAppOf(t, c, appOptions{}, logs...)
}

// appOptions are the options of an app for tests, which sets the log, the version and the clock.
type appOptions struct {
	app.Options

	sqlite bool // whether the app has the store that the configuration describes
}

// newTestAppOf is NewTestApp with options. Without a store in them the app has no store, because a database on disk
// makes every test slower.
func newTestAppOf(t *testing.T, c config.Config, o appOptions, logs ...zapcore.Core) *app.App {
	t.Helper()
	for i, core := range logs {
		logs[i] = observe.Bound(core)
	}
	if o.File == nil {
		o.File = new(c)
	}
	if !o.sqlite { // the kept part is for a store in the options
		c.Store = config.Store{OnFailure: c.Store.OnFailure, Retention: c.Store.Retention}
	}
	unlimited(&c)
	log := recordingLog().WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return zapcore.NewTee(append(logs, core)...) }))
	clock := &testClock{time: time.Now(), step: time.Hour}
	o.Log, o.Version, o.Now = log, "test", clock.now
	a, err := app.New(c, o.Options)
	if err != nil {
		t.Fatal(err)
	}
	if o.sqlite {
		t.Cleanup(func() { a.Close(context.WithoutCancel(t.Context())) })
	}
	clocks.Store(a, clock)
	checkAgain(t, a)
	for _, r := range c.Realms {
		Wrote.Secret(r.Credentials.Secret.Reveal(), r.CredentialKey.Reveal())
	}
	t.Cleanup(func() {
		for _, page := range []string{"/metrics", "/statusz"} {
			w := httptest.NewRecorder()
			a.Health.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+page, nil))
			_, _ = Wrote.Write(w.Body.Bytes())
		}
	})
	return a
}

// checkAgain checks the realms of an app every ten minutes until the test ends, as an app that serves does. The
// parallel parts of a test can wait longer than a check is valid (15 minutes).
func checkAgain(t *testing.T, a *app.App) {
	t.Helper()
	ticker, ended := time.NewTicker(10*time.Minute), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ticker.C:
				a.Watcher.Check(t.Context())
			case <-t.Context().Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		ticker.Stop()
		<-ended
	})
}

// testClock is the clock of an app's indexes. Each call of now advances it.
type testClock struct {
	mu   sync.Mutex
	time time.Time
	step time.Duration
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = c.time.Add(c.step)
	return c.time
}

// clocks are the clocks of all apps, by app.
var clocks sync.Map //nolint:gochecknoglobals // a test finds its own

// Pass sets how much time passes from now on between two readings of the clock. With an hour every index is too old,
// with a millisecond no index is.
func (b Bridge) Pass(step time.Duration) { b.PassFrom(0, step) }

// PassFrom is Pass, but first moves the clock by later.
func (b Bridge) PassFrom(later, step time.Duration) {
	clock, _ := clocks.Load(b.App)
	c := clock.(*testClock) //nolint:forcetypeassert // newTestApp stored it
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time, c.step = time.Now().Add(later), step
}

// unlimited raises the limits of tenants so far that no test reaches them. A tenant with limits of its own keeps them.
func unlimited(c *config.Config) {
	c.Keycloak.BreakerDelay = config.Duration(time.Millisecond) // after the end of an outage, a test continues at once
	if c.Server.FailuresPerMinute == config.Default().Server.FailuresPerMinute {
		c.Server.FailuresPerMinute = 1_000_000
	}
	plenty := config.Limits{RequestsPerSecond: 100_000, InFlight: 1000}
	usual := config.Limits{RequestsPerSecond: 250, InFlight: 64}
	brake := config.RemovalBrake{Max: 20, Window: config.Duration(time.Hour), Floor: 3}
	realms := map[string]config.Realm{}
	for name, r := range c.Realms {
		r.Tenants = append([]config.Tenant(nil), r.Tenants...)
		for i := range r.Tenants {
			if l := r.Tenants[i].Limits; l == usual || l == (config.Limits{}) {
				r.Tenants[i].Limits = plenty
			}
			if r.Tenants[i].RemovalBrake == brake { // with a test's clock every user counts as old
				r.Tenants[i].RemovalBrake = config.RemovalBrake{}
			}
		}
		r.Organizations.Limits, r.Organizations.RemovalBrake = plenty, config.RemovalBrake{}
		realms[name] = r
	}
	c.Realms = realms
}

var password = regexp.MustCompile(`"password"\s*:\s*"((?:[^"\\]|\\.)*)"`)

// recording is a handler that records its errors for Main, and the secrets of its requests.
func recording(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, header := range r.Header.Values("Authorization") {
			credential := header[strings.LastIndexByte(header, ' ')+1:]
			Wrote.Secret(credential)
			if pair, err := base64.StdEncoding.DecodeString(credential); err == nil { // of HTTP Basic
				_, password, _ := strings.Cut(string(pair), ":")
				Wrote.Secret(password)
			}
		}
		body := &passwords{ReadCloser: r.Body}
		r.Body = body
		h.ServeHTTP(&errorRecorder{ResponseWriter: w}, r)
		for _, match := range password.FindAllSubmatch(body.head.Bytes(), -1) {
			Wrote.Secret(string(match[1]))
		}
	})
}

// passwords keeps the beginning of a body.
type passwords struct {
	io.ReadCloser

	head bytes.Buffer
}

func (p *passwords) Read(to []byte) (int, error) {
	n, err := p.ReadCloser.Read(to)
	const most = 1 << 16
	p.head.Write(to[:min(n, max(0, most-p.head.Len()))])
	return n, err
}

// errorRecorder also writes error answers to Wrote.
type errorRecorder struct {
	http.ResponseWriter

	failed bool
}

func (e *errorRecorder) WriteHeader(status int) {
	if e.failed = status >= http.StatusBadRequest; e.failed {
		fmt.Fprintln(&Wrote, status, e.Header())
	}
	e.ResponseWriter.WriteHeader(status)
}

func (e *errorRecorder) Write(p []byte) (int, error) {
	if e.failed {
		_, _ = Wrote.Write(append(slices.Clip(p), '\n'))
	}
	return e.ResponseWriter.Write(p)
}

// Unwrap gives http.ResponseController the original writer.
func (e *errorRecorder) Unwrap() http.ResponseWriter { return e.ResponseWriter }
