package sqlstore

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// away checks that an error says that the store is away, and what to do.
func away(t *testing.T, what string, err error, want string) {
	t.Helper()
	if !errors.Is(err, store.ErrAway) || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: the error is %v, want %q", what, err, want)
	}
}

// TestAFormerProcessCannotWrite after another process has taken the store, whatever it writes. It can still read.
func TestAFormerProcessCannotWrite(t *testing.T) {
	t.Parallel()
	p, key := onSchema(t), ring(t, seal.NewKey())
	former := opened(t, Options{Postgres: p, Ring: key})
	first, second := userChange("first"), userChange("second")
	for _, c := range []change.Change{first, second} {
		noError(t, former.Intend(t.Context(), c))
	}
	latter := opened(t, Options{Postgres: p, Ring: key})
	const want = "another bridge uses this store since then"
	for range 2 { // it stays so
		away(t, "an intent", former.Intend(t.Context(), userChange("third")), want)
		away(t, "a token", former.AddToken(t.Context(), keptToken("t")), want)
		_, err := former.Prune(t.Context(), store.Retention{Changes: time.Nanosecond})
		away(t, "pruning", err, want)
	}
	first.Outcome = change.Done
	noError(t, former.Settle(t.Context(), first)) // it waits
	away(t, "a flush", former.Flush(t.Context()), want)
	if open, err := former.Open(t.Context()); err != nil || len(open) != 1 {
		t.Errorf("the former process reads %d open changes, %v", len(open), err)
	}
	if open, err := latter.Open(t.Context()); err != nil || len(open) != 2 {
		t.Errorf("the latter process reads %d open changes, %v", len(open), err)
	}
	for _, c := range []change.Change{first, second} {
		c.Outcome = change.Done
		noError(t, latter.Settle(t.Context(), c))
	}
	flushed(t, latter)
	if proof, err := latter.Verify(t.Context()); err != nil || proof.Entries != 2 {
		t.Errorf("the journal proves %+v, %v", proof, err)
	}
}

// TestProcessesThatStartAtOnceMakeOneStore. The one that starts last writes.
func TestProcessesThatStartAtOnceMakeOneStore(t *testing.T) {
	t.Parallel()
	p, key := onSchema(t), ring(t, seal.NewKey())
	const processes = 6
	type result struct {
		s   *Store
		err error
	}
	results := make(chan result, processes)
	for range processes {
		go func() {
			s, err := Open(t.Context(), Options{Postgres: p, Ring: key})
			results <- result{s, err}
		}()
	}
	var ids []string
	for range processes {
		one := <-results
		if one.err != nil {
			t.Error(one.err)
			continue
		}
		defer one.s.Close()
		ids = append(ids, one.s.id)
	}
	if slices.Sort(ids); len(ids) != processes || len(slices.Compact(ids)) != 1 {
		t.Errorf("the stores are %v", ids)
	}
}

// TestAProcessThatIsAheadOfItsDatabaseStops: a standby took the place of a server that had acknowledged more.
func TestAProcessThatIsAheadOfItsDatabaseStops(t *testing.T) {
	t.Parallel()
	p := onSchema(t)
	s := opened(t, Options{Postgres: p, Ring: ring(t, seal.NewKey())})
	made(t, s, userChange("ada"))
	flushed(t, s)
	inDatabase(t, "CREATE TABLE "+p.Schema+".former AS SELECT * FROM "+p.Schema+".head")
	made(t, s, userChange("bob"))
	flushed(t, s)
	inDatabase(t, "DELETE FROM "+p.Schema+".entry WHERE number = 2", "DELETE FROM "+p.Schema+".head", "INSERT INTO "+p.Schema+".head SELECT * FROM "+p.Schema+".former")
	for range 2 {
		away(t, "an intent", s.Intend(t.Context(), userChange("kim")), "the database has an older state than it acknowledged")
	}
}

// TestTheBridgeNeedsNoRightToChangeTheSchema: another user migrates. Without that, the error says what to do.
func TestTheBridgeNeedsNoRightToChangeTheSchema(t *testing.T) {
	t.Parallel()
	p, owner, user := onSchema(t), userOf(t, "LOGIN"), userOf(t, "LOGIN")
	inDatabase(t, "GRANT CREATE ON DATABASE postgres TO "+owner)
	of := func(name string) func(context.Context) (string, error) {
		return always(strings.Replace(urlOf(server(t)), "keycloak@", name+"@", 1))
	}
	p.URL = of(user)
	key := ring(t, seal.NewKey())
	_, err := Open(t.Context(), Options{Postgres: p, Ring: key})
	if err == nil || !strings.Contains(err.Error(), "run scim-bridge store migrate") {
		t.Errorf("without a schema the error is %v", err)
	}
	migrating := *p
	migrating.URL = of(owner)
	for range 2 { // the second time there is nothing to do
		noError(t, Migrate(t.Context(), migrating, user))
	}
	s := opened(t, Options{Postgres: p, Ring: key})
	for _, name := range []string{"ada", "bob"} {
		made(t, s, userChange(name))
	}
	s.Act(refused("acme", "ada"))
	noError(t, s.AddToken(t.Context(), keptToken("t")))
	flushed(t, s)
	if n, err := s.Forget(t.Context(), store.Person{UserName: "ada"}); err != nil || n != 2 {
		t.Errorf("%d are forgotten, %v", n, err)
	}
	noError(t, s.UseRing(key))
	noError(t, s.Rekey(t.Context()))
	if _, err := s.Prune(t.Context(), store.Retention{Changes: time.Nanosecond}); err != nil {
		t.Error(err)
	}
	if _, err := s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.db.ExecContext(t.Context(), "CREATE TABLE "+p.Schema+".more (one BIGINT)"); err == nil {
		t.Error("the user of the bridge can make a table")
	}
}

// TestASchemaOfANewerProgramIsRefused, and that of an older program with a further migration is not.
func TestASchemaOfANewerProgramIsRefused(t *testing.T) {
	t.Parallel()
	p, key := onSchema(t), ring(t, seal.NewKey())
	noError(t, opened(t, Options{Postgres: p, Ring: key}).Close())
	inDatabase(t, "ALTER TABLE "+p.Schema+".meta ADD COLUMN later BIGINT NOT NULL DEFAULT 0", "INSERT INTO "+p.Schema+".goose_db_version (version_id, is_applied) VALUES (99, true)")
	noError(t, opened(t, Options{Postgres: p, Ring: key}).Close())
	inDatabase(t, "UPDATE "+p.Schema+".meta SET needs = 1000")
	_, err := Open(t.Context(), Options{Postgres: p, Ring: key})
	if err == nil || !strings.Contains(err.Error(), "a newer version of this program wrote the store: run that version") {
		t.Errorf("the error is %v", err)
	}
}

// TestARestoredDumpIsAdopted: until then it is a copy, which is not opened. A new epoch begins.
func TestARestoredDumpIsAdopted(t *testing.T) {
	t.Parallel()
	p, key := onSchema(t), ring(t, seal.NewKey())
	s := opened(t, Options{Postgres: p, Ring: key})
	for _, name := range []string{"ada", "bob"} {
		made(t, s, userChange(name))
	}
	noError(t, s.AddToken(t.Context(), keptToken("old")))
	flushed(t, s)
	head, err := s.Head(t.Context())
	noError(t, err)
	err = s.Backup(t.Context(), filepath.Join(t.TempDir(), "backup"))
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "run pg_dump") {
		t.Errorf("a backup: %v", err)
	}
	database := "d_" + p.Schema
	inDatabase(t, "CREATE DATABASE "+database)
	noError(t, server(t).Copy(t.Context(), p.Schema, database))
	restored := *p
	restored.URL = always(strings.Replace(urlOf(server(t)), "/postgres?", "/"+database+"?", 1))
	_, err = Open(t.Context(), Options{Postgres: &restored, Ring: key})
	if err == nil || !strings.Contains(err.Error(), "is a copy of another store, such as a restored dump") {
		t.Errorf("a restored dump: %v", err)
	}
	noError(t, Adopt(t.Context(), restored, key))
	adopted := opened(t, Options{Postgres: &restored, Ring: key})
	made(t, adopted, userChange("kim"))
	flushed(t, adopted)
	if _, err := adopted.Verify(t.Context(), head); err != nil {
		t.Error(err)
	}
	if now, err := adopted.Head(t.Context()); err != nil || now.Position != (store.Position{Epoch: 2, Number: 3}) {
		t.Errorf("the head is %v, %v", now, err)
	}
	if tokens, err := adopted.Tokens(t.Context()); err != nil || len(tokens.Tokens) != 1 || !tokens.Tokens[0].Suspended {
		t.Errorf("the tokens are %+v, %v", tokens.Tokens, err)
	}
	intend(t, s) // the first store is as it was
}

// TestTheURLIsReadAgainWhenThePasswordIsRefused, once for each attempt, while the bridge writes.
func TestTheURLIsReadAgainWhenThePasswordIsRefused(t *testing.T) {
	t.Parallel()
	p := onSchema(t)
	user := userOf(t, "LOGIN SUPERUSER IN ROLE with_password PASSWORD 'first-secret'")
	var url atomic.Pointer[string]
	var reads atomic.Int64
	use := func(password string) {
		text := strings.Replace(urlOf(server(t)), "keycloak@", user+":"+password+"@", 1)
		url.Store(&text)
	}
	p.URL = func(context.Context) (string, error) {
		reads.Add(1)
		return *url.Load(), nil
	}
	use("first-secret")
	s := opened(t, Options{Postgres: p, Ring: ring(t, seal.NewKey())})
	made(t, s, userChange("ada"))
	flushed(t, s)
	cut := "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '" + user + "'"
	inDatabase(t, "ALTER ROLE "+user+" PASSWORD 'second-secret'", cut)
	err := s.Intend(t.Context(), userChange("bob"))
	away(t, "with the former password", err, "refuses the user or the password of the store: correct the URL of the store")
	if strings.Contains(err.Error(), "first-secret") {
		t.Errorf("the error shows the password: %v", err)
	}
	use("second-secret")
	before := reads.Load()
	noError(t, s.Intend(t.Context(), userChange("cid")))
	if n := reads.Load() - before; n != 1 {
		t.Errorf("the URL was read %d times", n)
	}
	inDatabase(t, "ALTER ROLE "+user+" PASSWORD 'third-secret'") // what is connected stays so
	intend(t, s)
	use("third-secret")
	inDatabase(t, cut)
	intend(t, s)
	if _, err := s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestADatabaseThatCannotBeUsedSaysWhy, and what to do, without the password.
func TestADatabaseThatCannotBeUsedSaysWhy(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-that-nobody-may-see"
	host := "127.0.0.1:" + server(t).Port
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	free := silent.Addr().String()
	noError(t, silent.Close())
	full, standby, latin := userOf(t, "LOGIN CONNECTION LIMIT 0"), userOf(t, "LOGIN"), "l_"+strings.ToLower(rand.Text())
	inDatabase(t, "ALTER ROLE "+standby+" SET default_transaction_read_only = on", "CREATE DATABASE "+latin+" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	with := userOf(t, "LOGIN IN ROLE with_password PASSWORD 'other'")
	for name, c := range map[string]struct {
		p    Postgres
		want string
	}{
		"nothing listens":        {Postgres{URL: always("postgres://a:" + secret + "@" + free + "/postgres")}, "nothing listens where the store is said to be: start PostgreSQL"},
		"a wrong password":       {Postgres{URL: always("postgres://" + with + ":" + secret + "@" + host + "/postgres?sslmode=disable")}, "refuses the user or the password"},
		"no such user":           {Postgres{URL: always("postgres://nobody:" + secret + "@" + host + "/postgres?sslmode=disable")}, "refuses the user or the password"},
		"no such database":       {Postgres{URL: always("postgres://keycloak:" + secret + "@" + host + "/missing?sslmode=disable")}, "the database of the store does not exist"},
		"too many connections":   {Postgres{URL: always("postgres://" + full + ":" + secret + "@" + host + "/postgres?sslmode=disable")}, "has no connection left for the store: lower the most connections of the store"},
		"a standby":              {Postgres{URL: always("postgres://" + standby + ":" + secret + "@" + host + "/postgres?sslmode=disable")}, "accepts no writes: it is a standby"},
		"another encoding":       {Postgres{URL: always("postgres://keycloak:" + secret + "@" + host + "/" + latin + "?sslmode=disable")}, "has the encoding LATIN1, and the store needs UTF8"},
		"no URL":                 {Postgres{URL: always("postgres://keycloak:" + secret + "@" + host + ":x:y/postgres")}, "the URL of the store is not valid"},
		"a parameter":            {Postgres{URL: always("postgres://keycloak:" + secret + "@" + host + "/postgres?search_path=other")}, `sets "search_path", which a pooler does not keep`},
		"a schema like no other": {Postgres{URL: always(""), Schema: "a-b"}, "has a character that it cannot have"},
		"one connection":         {Postgres{URL: always(""), MaxConnections: 1}, "give it at least 2"},
		"no URL can be read":     {Postgres{URL: func(context.Context) (string, error) { return "", os.ErrNotExist }}, "the URL of the store cannot be read"},
		"two modes of TLS":       {Postgres{URL: always("postgres://a:" + secret + "@" + host + "/postgres?sslmode=disable"), CAFile: "ca.pem"}, "says sslmode=disable, and a file of authorities needs sslmode=verify-full"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), Options{Postgres: &c.p, Ring: ring(t, seal.NewKey())})
			if err == nil {
				t.Fatalf("it is opened, %v", s.Close())
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("the error is %q, want %q", err, c.want)
			}
		})
	}
}

// TestAServerThatBecomesAStandbyIsLeft: writes are refused, reads work, and when the server accepts writes again, they
// work again.
func TestAServerThatBecomesAStandbyIsLeft(t *testing.T) {
	t.Parallel()
	p, err := keycloaktest.StartPostgres(t.Context(), "fsync=off")
	noError(t, err)
	t.Cleanup(func() { noError(t, p.Stop()) })
	s := opened(t, Options{Postgres: &Postgres{URL: always(urlOf(p))}, Ring: ring(t, seal.NewKey())})
	made(t, s, userChange("ada"))
	flushed(t, s)
	setting := func(value string) {
		t.Helper()
		executed(t, urlOf(p), "ALTER SYSTEM SET default_transaction_read_only = "+value, "SELECT pg_reload_conf()")
		for got := ""; got != value; { // the reload takes a moment
			noError(t, s.db.QueryRowContext(t.Context(), "SHOW default_transaction_read_only").Scan(&got))
		}
	}
	setting("on")
	for range 3 {
		away(t, "an intent", s.Intend(t.Context(), userChange("bob")), "accepts no writes: it is a standby, or became one")
		if _, err := s.Applied(t.Context(), "acme", "id-ada"); err != nil {
			t.Errorf("a read: %v", err)
		}
	}
	setting("off")
	made(t, s, userChange("cid"))
	flushed(t, s)
	if proof, err := s.Verify(t.Context()); err != nil || proof.Entries != 2 {
		t.Errorf("the journal proves %+v, %v", proof, err)
	}
}

// TestPostgreSQLAlwaysWaitsForTheDisk: the durability normal is refused.
func TestPostgreSQLAlwaysWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	if s, err := Open(t.Context(), Options{Postgres: onSchema(t), Ring: ring(t, seal.NewKey()), Normal: true}); err == nil {
		t.Errorf("it is opened, %v", s.Close())
	}
}

// authority makes a certificate for the names of a server. It returns the files of the authority, the certificate and its key.
func authority(t *testing.T, dir string, names ...string) (ca, certificate, key string) {
	t.Helper()
	write := func(name, kind string, data []byte) string {
		file := filepath.Join(dir, name)
		noError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600))
		return file
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	noError(t, err)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	rootData, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	noError(t, err)
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	noError(t, err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), DNSNames: names}
	leafData, err := x509.CreateCertificate(rand.Reader, leaf, root, leafKey.Public(), rootKey)
	noError(t, err)
	keyData, err := x509.MarshalPKCS8PrivateKey(leafKey)
	noError(t, err)
	return write("ca.pem", "CERTIFICATE", rootData), write("server.crt", "CERTIFICATE", leafData), write("server.key", "PRIVATE KEY", keyData)
}

// TestTheServerProvesWhoItIs: with a CA file its certificate must be of the authority and for its name.
func TestTheServerProvesWhoItIs(t *testing.T) {
	t.Parallel()
	p, err := keycloaktest.StartPostgres(t.Context(), "fsync=off")
	noError(t, err)
	t.Cleanup(func() { noError(t, p.Stop()) })
	ca, certificate, key := authority(t, t.TempDir(), "localhost")
	other, _, _ := authority(t, t.TempDir(), "localhost")
	for _, file := range []string{certificate, key} {
		noError(t, p.Put(file))
	}
	executed(t, urlOf(p), "ALTER SYSTEM SET ssl_cert_file = 'server.crt'", "ALTER SYSTEM SET ssl_key_file = 'server.key'", "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
	address := "localhost:" + p.Port + "/postgres"
	for encrypted := false; !encrypted; { // the reload takes a moment
		s, err := Open(t.Context(), Options{Postgres: &Postgres{URL: always("postgres://keycloak@" + address + "?sslmode=prefer")}, Ring: ring(t, seal.NewKey())})
		if err == nil {
			noError(t, s.db.QueryRowContext(t.Context(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&encrypted))
			noError(t, s.Close())
		}
		executed(t, urlOf(p), "DROP SCHEMA "+DefaultSchema+" CASCADE")
	}
	for name, c := range map[string]struct {
		host, ca string
		opens    bool
	}{"the authority and the name": {"localhost", ca, true}, "another authority": {"localhost", other, false}, "another name": {"127.0.0.1", ca, false}} {
		s, err := Open(t.Context(), Options{Postgres: &Postgres{URL: always("postgres://keycloak@" + c.host + ":" + p.Port + "/postgres"), CAFile: c.ca, Schema: "tls"}, Ring: ring(t, seal.NewKey())})
		if (err == nil) != c.opens {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			noError(t, s.Close())
		} else if !strings.Contains(err.Error(), "correct the URL of the store, its certificates or the network") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

// TestSeveralHostsHaveOneAuthority: the URL can name them with a CA file too.
func TestSeveralHostsHaveOneAuthority(t *testing.T) {
	t.Parallel()
	ca, _, _ := authority(t, t.TempDir(), "localhost")
	p := &Postgres{URL: always("postgres://bridge:a%2Bb@one.test:5432,two.test:5433/db?application_name=x"), CAFile: ca}
	config, err := p.configuration(t.Context())
	noError(t, err)
	if len(config.Fallbacks) != 1 || config.Password != "a+b" || config.TLSConfig.ServerName != "one.test" || config.Fallbacks[0].TLSConfig.ServerName != "two.test" || config.TLSConfig.InsecureSkipVerify {
		t.Errorf("the configuration has the hosts %s and %v", config.Host, config.Fallbacks)
	}
}

// TestAHostileIDCostsNoOtherRow: it is cut, because a long text does not fit into an index.
func TestAHostileIDCostsNoOtherRow(t *testing.T) {
	t.Parallel()
	s := opened(t, Options{Postgres: onSchema(t), Ring: ring(t, seal.NewKey())})
	long := make([]byte, 100_000)
	_, _ = rand.Read(long)
	hostile, usual := refused("acme", "x"), refused("acme", "y")
	hostile.Resource.ID = string(long)
	s.Act(hostile)
	s.Act(usual)
	intend(t, s)
	flushed(t, s)
	if got := activities(t, s, store.ActivityQuery{}); len(got) != 2 {
		t.Errorf("%d rows are kept, %d dropped", len(got), storeStats(t, s).Dropped)
	}
	kept, err := s.Activity(t.Context(), hostile.ID)
	if err != nil || len(kept.Resource.ID) > store.MaxResource+10 {
		t.Errorf("the id has %d bytes, %v", len(kept.Resource.ID), err)
	}
}

// TestAnyTextCanBeStored, and the order of texts stays.
func TestAnyTextCanBeStored(t *testing.T) {
	t.Parallel()
	texts := []string{"", "a", "Ä", "\x00", "\x00\x00", "\x01", "\x01\x01", "\x02", "a\x00b", "\xff", "a\xf0\x28b", "\xed\xa0\x80", "\u01ff", "東京", `DOMAIN\user`, "\x01\u01ff", "\ufffd"}
	for _, a := range texts {
		stored := toStored(a)
		if got := fromStored(stored); got != a || strings.Contains(stored, "\x00") || strings.ToValidUTF8(stored, "") != stored {
			t.Errorf("%q is stored as %q and read as %q", a, stored, got)
		}
		for _, b := range texts {
			if valid := strings.ToValidUTF8(a+b, "") == a+b; valid && strings.Compare(a, b) != strings.Compare(toStored(a), toStored(b)) {
				t.Errorf("the order of %q and %q changes", a, b)
			}
		}
	}
	p := onSchema(t)
	s := opened(t, Options{Postgres: p, Ring: ring(t, seal.NewKey())})
	for i, text := range texts {
		a := refused("acme", "x")
		a.Resource.ID, a.Actor.Name = "r"+text, text
		s.Act(a)
		flushed(t, s)
		for got, err := range s.Activities(t.Context(), store.ActivityQuery{Resource: "r" + text}) {
			if err != nil || got.Actor.Name != text || got.Resource.ID != "r"+text {
				t.Errorf("%d: %q is %+v, %v", i, text, got, err)
			}
		}
		if got := activities(t, s, store.ActivityQuery{Resource: "r" + text}); len(got) != 1 {
			t.Errorf("%q is found in %v", text, got)
		}
	}
}
