package keycloaktest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// RealmOptions are the options for the realm of a test. The zero value is a realm as Keycloak creates it, with a
// service account that may do what the bridge does.
type RealmOptions struct {
	Roles           []string // of the service account; default manage-users and view-realm
	UnmanagedPolicy string   // "", "ENABLED", "ADMIN_EDIT" or "ADMIN_VIEW"
	Attributes      []keycloak.ProfileAttribute
	EditUsername    bool // user names may change
}

// Realm is a realm that belongs to one test.
type Realm struct {
	Server   Server
	Name     keycloak.Realm
	Admin    *keycloak.Client // the server's administrator, for preparation
	Client   *keycloak.Client // the service account of the bridge
	ClientID string
	Secret   string
}

// NewRealm creates a realm with a service account, on a real server or on a fake, and deletes it when the test ends.
// Its Admin is the administrator of all realms.
func NewRealm(tb testing.TB, s Server, o RealmOptions) *Realm {
	tb.Helper()
	s = s.WithAllRealms()
	name, err := keycloak.ParseRealm(RandomRealm())
	if err != nil {
		tb.Fatalf("ParseRealm() = %v", err)
	}
	r := &Realm{Server: s, Name: name, ClientID: "scim-bridge"}
	r.Admin = s.AdminClient(tb, name)
	ctx := tb.Context()
	if err := CreateRealm(ctx, r.Admin); err != nil {
		tb.Fatalf("CreateRealm() = %v", err)
	}
	tb.Cleanup(func() { RemoveRealm(tb, r.Admin) })
	if err := r.configure(ctx, o); err != nil {
		tb.Fatalf("configure the realm: %v", err)
	}
	if len(o.Roles) == 0 {
		o.Roles = []string{"manage-users", "view-realm"}
	}
	if r.Secret, err = r.AddClient(ctx, r.ClientID, o.Roles); err != nil {
		tb.Fatalf("create the service account: %v", err)
	}
	r.Client = r.As(tb, keycloak.ClientSecret(r.ClientID, r.Secret))
	return r
}

// CreateRealm creates the realm of an administrator's client. The realms of a test run sign their tokens with the same
// key.
func CreateRealm(ctx context.Context, admin *keycloak.Client) error {
	key, err := signingKey()
	if err != nil {
		return err
	}
	return admin.CreateRealmWithKey(ctx, key)
}

//nolint:gochecknoglobals // one key serves all realms of a run
var signingKey = sync.OnceValues(func() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), err
})

// AdminClient is a client of the server's administrator for a realm, which need not
// exist yet.
func (s Server) AdminClient(tb testing.TB, realm keycloak.Realm) *keycloak.Client {
	tb.Helper()
	master, err := keycloak.ParseRealm(masterRealm)
	if err != nil {
		tb.Fatalf("ParseRealm() = %v", err)
	}
	return s.client(tb, keycloak.Config{Realm: realm, TokenRealm: master, Credentials: keycloak.Password(s.Admin, s.Password)})
}

// As is a client of the realm with other credentials.
func (r *Realm) As(tb testing.TB, credentials keycloak.Credentials) *keycloak.Client {
	tb.Helper()
	return r.Server.client(tb, keycloak.Config{Realm: r.Name, Credentials: credentials})
}

func (s Server) client(tb testing.TB, config keycloak.Config) *keycloak.Client {
	tb.Helper()
	transport, err := keycloak.NewTransport(keycloak.TransportConfig{ResponseTimeout: time.Minute})
	if err != nil {
		tb.Fatalf("NewTransport() = %v", err)
	}
	tb.Cleanup(transport.CloseIdleConnections)
	config.BaseURL, config.Transport = s.URL, http.RoundTripper(transport)
	c, err := keycloak.New(config)
	if err != nil {
		tb.Fatalf("New() = %v", err)
	}
	return c
}

// RemoveRealm deletes the realm when the test ends, with its administrator's client. It does nothing when the server
// ends with the test run, because deleting a realm slows down or breaks the calls of other tests in Keycloak's
// database.
func RemoveRealm(tb testing.TB, admin *keycloak.Client) {
	tb.Helper()
	if os.Getenv(EnvEphemeral) != "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := admin.DeleteRealm(ctx); err != nil && keycloak.KindOf(err) != keycloak.NotFound {
		tb.Errorf("DeleteRealm() = %v", err)
	}
}

func (r *Realm) configure(ctx context.Context, o RealmOptions) error {
	if o.EditUsername {
		if err := r.Admin.AllowEditUsername(ctx); err != nil {
			return err
		}
	}
	if o.UnmanagedPolicy == "" && len(o.Attributes) == 0 {
		return nil
	}
	p, err := r.Admin.UserProfile(ctx)
	if err != nil {
		return err
	}
	p.UnmanagedPolicy = o.UnmanagedPolicy
	p.Attributes = append(p.Attributes, o.Attributes...)
	return r.Admin.UpdateUserProfile(ctx, p)
}

// AddClient creates a confidential client whose service account has roles of realm-management, and returns its secret.
func (r *Realm) AddClient(ctx context.Context, clientID string, roles []string) (secret string, err error) {
	id, err := r.Admin.CreateClient(ctx, clientID, "made by a test")
	if err != nil {
		return "", err
	}
	account, err := r.Admin.ServiceAccount(ctx, id)
	if err != nil {
		return "", err
	}
	all, _, err := r.Admin.ManagementRoles(ctx, account)
	if err != nil {
		return "", err
	}
	var granted []keycloak.Role
	for _, role := range all {
		for _, name := range roles {
			if role.Name == name {
				granted = append(granted, role)
			}
		}
	}
	if err := r.Admin.GrantRoles(ctx, account, granted); err != nil {
		return "", err
	}
	return r.Admin.ClientSecret(ctx, id)
}
