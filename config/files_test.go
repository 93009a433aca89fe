package config

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecretFilesAreClosedToOtherUsers(t *testing.T) {
	t.Parallel()
	for mode, ok := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o440: true, 0o640: true,
		0o604: false, 0o644: false, 0o666: false, 0o602: false, 0o444: false,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			path := newDir(t, readGood(t, "minimal.yaml"))
			if err := os.Chmod(filepath.Join(filepath.Dir(path), "secret"), mode); err != nil {
				t.Fatal(err)
			}
			_, problems := load(path, noEnv)
			if (len(problems) == 0) != ok {
				t.Errorf("load with mode %v = %q, want ok %v", mode, texts(problems), ok)
			}
		})
	}
}

// The mode of the file behind a link counts, as Kubernetes mounts it.
func TestSecretFileMayBeALink(t *testing.T) {
	t.Parallel()
	path := newDir(t, readGood(t, "minimal.yaml"))
	secret := filepath.Join(filepath.Dir(path), "secret")
	if err := os.Rename(secret, secret+".real"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("secret.real", secret); err != nil {
		t.Fatal(err)
	}
	if _, problems := load(path, noEnv); len(problems) > 0 {
		t.Errorf("load = %q, want no problem", texts(problems))
	}
}

func TestFileNamesMayBeAbsolute(t *testing.T) {
	t.Parallel()
	other := filepath.Join(t.TempDir(), "elsewhere")
	write(t, other, "absolute\r\n", 0o600)
	text := strings.Replace(readGood(t, "minimal.yaml"), "File: secret", "File: "+other, 1)
	c, problems := load(newDir(t, text), noEnv)
	if got := c.Realms["acme"].Credentials.Secret.Reveal(); len(problems) > 0 || got != "absolute" {
		t.Errorf("load = secret %q, %q, want absolute without its line break", got, texts(problems))
	}
}

func TestFilesAreBounded(t *testing.T) {
	t.Parallel()
	path := newDir(t, readGood(t, "minimal.yaml"))
	write(t, filepath.Join(filepath.Dir(path), "secret"), strings.Repeat("x", 1<<20+1), 0o600)
	_, problems := load(path, noEnv)
	if len(problems) != 1 || !strings.HasSuffix(problems[0].Text, "is larger than 1 MiB") {
		t.Errorf("load = %q, want one problem about the size", texts(problems))
	}
}

func TestUnusedTLSFilesAreProblems(t *testing.T) {
	t.Parallel()
	text := strings.Replace(readGood(t, "minimal.yaml"), `8080/"`, `8080/", caFile: ca.pem, clientCertFile: client.pem, clientKeyFile: client.key`, 1)
	path := newDir(t, text)
	writeKeys(t, filepath.Dir(path))
	_, problems := load(path, noEnv)
	if len(problems) != 3 {
		t.Fatalf("load = %q, want a problem for each of the three files", texts(problems))
	}
	for _, p := range problems {
		if p.Text != "has no effect, because keycloak.url is http" {
			t.Errorf("problem = %q", p)
		}
	}
}

func TestParseKeyAcceptsTheKeysThatKeycloakAccepts(t *testing.T) {
	t.Parallel()
	ec := newECKey(t, elliptic.P384())
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ pem, fault string }{
		"EC, PKCS #8":      {pkcs8(t, ec), ""},
		"EC, SEC 1":        {encode("EC PARAMETERS", []byte{6, 1, 1}) + encode("EC PRIVATE KEY", sec1), ""},
		"RSA, PKCS #8":     {pkcs8(t, big), ""},
		"RSA, PKCS #1":     {encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(big)), ""},
		"P-224":            {pkcs8(t, newECKey(t, elliptic.P224())), "has a key of a kind that is not supported"},
		"Ed25519":          {pkcs8(t, ed), "has a key of a kind that is not supported"},
		"passphrase":       {encode("ENCRYPTED PRIVATE KEY", []byte("x")), "is encrypted with a passphrase"},
		"old passphrase":   {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n", "is encrypted with a passphrase"},
		"torn":             {encode("PRIVATE KEY", []byte("x")), "has a private key that cannot be read"},
		"certificate only": {encode("CERTIFICATE", []byte("x")), "has no private key in PEM form"},
		"nothing":          {"", "has no private key in PEM form"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signer, f := parseKey([]byte(tt.pem))
			switch {
			case tt.fault == "" && (f != nil || signer == nil):
				t.Errorf("parseKey = %v, %v, want a key", signer, f)
			case tt.fault != "" && (f == nil || f.text != tt.fault):
				t.Errorf("parseKey = %v, want %q", f, tt.fault)
			}
		})
	}
	if signer, _ := parseKey([]byte(pkcs8(t, ec))); !signer.(*ecdsa.PrivateKey).Equal(ec) {
		t.Error("parseKey returned another key")
	}
}

func TestUsableRefusesShortRSAKeys(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this Go makes no RSA keys so short:", err)
	}
	if _, f := usable(key); f == nil || f.text != "has an RSA key of 1024 bits" {
		t.Errorf("usable(RSA 1024) = %v, want it refused", f)
	}
}
