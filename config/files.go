package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"unicode"
)

// maxSecretBytes bounds every file that the configuration names.
const maxSecretBytes = 1 << 20

// credentials checks one service account and reads its secret or key.
func (k checker) credentials(path string, c *Credentials) {
	k.missing(path, "clientID", "Write the id of the bridge's client, which scim-bridge setup created")
	if c.ClientID != "" {
		if f := identifier(c.ClientID); f != nil {
			k.add(path+".clientID", f.text, f.hint)
		}
	}
	k.oneSource(path)
	if k.given(path+".keyID") && !k.given(path+".privateKeyFile") {
		k.add(path+".keyID", "has no effect without privateKeyFile", "Remove it, or name the key")
	}
	if c.ClientSecretFile != "" {
		c.Secret = k.secretFile(path+".clientSecretFile", &c.ClientSecretFile)
	}
	if c.ClientSecretEnv != "" {
		c.Secret = k.secretEnv(path+".clientSecretEnv", c.ClientSecretEnv)
	}
	if c.PrivateKeyFile != "" {
		c.PrivateKey = k.privateKey(path+".privateKeyFile", &c.PrivateKeyFile)
	}
}

// oneSource reports credentials that do not have exactly one source of the secret.
func (k checker) oneSource(path string) {
	const hint = "Give exactly one of clientSecretFile, clientSecretEnv and privateKeyFile"
	var given []string
	for _, key := range []string{"clientSecretFile", "clientSecretEnv", "privateKeyFile"} {
		if k.given(join(path, key)) || k.meant[join(path, key)] {
			given = append(given, key)
		}
	}
	switch {
	case k.inBroken(path):
	case len(given) == 0:
		k.add(path, "has no secret and no key", hint)
	case len(given) > 1:
		k.add(path, "has "+strings.Join(given, " and "), hint)
	}
}

func (k checker) secretFile(path string, name *File) Secret {
	data, ok := k.read(path, name, true)
	if !ok {
		return Secret{}
	}
	text := strings.TrimRight(string(data), "\r\n")
	switch {
	case strings.TrimSpace(text) == "":
		k.add(path, quoted(*name)+" is empty", "Write the client secret into it")
	case !oneLine(text):
		k.add(path, quoted(*name)+" has more than one line of text, or blanks around the text", "Write the client secret and nothing else into it")
	default:
		return NewSecret(text)
	}
	return Secret{}
}

// secretEnv never quotes the name: it could be the secret itself.
func (k checker) secretEnv(path, name string) Secret {
	if !only(name, "_") || '0' <= name[0] && name[0] <= '9' {
		k.add(path, "is not the name of an environment variable", "Write the variable's name, not its value")
		return Secret{}
	}
	value, set := k.env(name)
	switch {
	case !set:
		k.add(path, "names an environment variable that is not set", "Set it where scim-bridge is started")
	case strings.TrimSpace(value) == "":
		k.add(path, "names an environment variable that is empty", "Set it to the client secret")
	case !oneLine(value):
		k.add(path, "names an environment variable with more than one line of text, or blanks around the text", "Set it to the client secret and nothing else")
	default:
		return NewSecret(value)
	}
	return Secret{}
}

func oneLine(s string) bool {
	return strings.TrimSpace(s) == s && !strings.ContainsFunc(s, unicode.IsControl)
}

// privateKey reads a signing key of a kind that Keycloak accepts for private_key_jwt.
func (k checker) privateKey(path string, name *File) PrivateKey {
	data, ok := k.read(path, name, true)
	if !ok {
		return PrivateKey{}
	}
	signer, f := parseKey(data)
	if f != nil {
		k.add(path, quoted(*name)+" "+f.text, f.hint)
		return PrivateKey{}
	}
	return PrivateKey{signer: signer}
}

func parseKey(data []byte) (crypto.Signer, *fault) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, &fault{"is encrypted with a passphrase", "Decrypt it with: openssl pkey -in FILE -out NEWFILE"}
		}
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		default: // parameters or certificates before the key
			continue
		}
		if err != nil {
			return nil, &fault{"has a private key that cannot be read", "Make one with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048"}
		}
		return usable(key)
	}
	return nil, &fault{"has no private key in PEM form", `It begins with "-----BEGIN PRIVATE KEY-----"`}
}

func usable(key any) (crypto.Signer, *fault) {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() >= 2048 {
			return key, nil
		}
		return nil, &fault{fmt.Sprintf("has an RSA key of %d bits", key.N.BitLen()), "Make one of 2048 bits or more"}
	case *ecdsa.PrivateKey:
		if key.Curve.Params().BitSize >= 256 {
			return key, nil
		}
	}
	return nil, &fault{"has a key of a kind that is not supported", "Use RSA, or EC on P-256, P-384 or P-521"}
}

// certificates reads what TLS to Keycloak needs.
func (k checker) certificates(c *Keycloak) {
	c.RootCAs = k.authorities("keycloak.caFile", &c.CAFile, x509.NewCertPool)
	if k.given("keycloak.clientCertFile") != k.given("keycloak.clientKeyFile") {
		k.missing("keycloak", "clientCertFile", "A client certificate needs both clientCertFile and clientKeyFile")
		k.missing("keycloak", "clientKeyFile", "A client certificate needs both clientCertFile and clientKeyFile")
	}
	k.clientCertificate(c)
}

// authorities returns the certificates of a file together with those of a pool, and nil without a
// file.
func (k checker) authorities(key string, file *File, beside func() *x509.CertPool) *x509.CertPool {
	if *file == "" {
		return nil
	}
	data, ok := k.read(key, file, false)
	if !ok {
		return nil
	}
	pool := beside()
	if !pool.AppendCertsFromPEM(data) {
		k.add(key, quoted(*file)+" has no certificate in PEM form", `It begins with "-----BEGIN CERTIFICATE-----"`)
	}
	return pool
}

// systemAuthorities returns the certificates that the system trusts.
func systemAuthorities() *x509.CertPool {
	if pool, err := x509.SystemCertPool(); err == nil {
		return pool
	}
	return x509.NewCertPool() // the system has no certificates
}

func (k checker) clientCertificate(c *Keycloak) {
	var cert, key []byte
	haveCert, haveKey := false, false
	if c.ClientCertFile != "" {
		cert, haveCert = k.read("keycloak.clientCertFile", &c.ClientCertFile, false)
	}
	if c.ClientKeyFile != "" {
		key, haveKey = k.read("keycloak.clientKeyFile", &c.ClientKeyFile, true)
	}
	if !haveCert || !haveKey {
		return
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		k.add("keycloak.clientCertFile", "the certificate and the key of clientKeyFile do not belong together, or are not in PEM form", "Name the certificate chain here and its unencrypted key there")
		return
	}
	c.ClientCertificate = &pair
}

// read reads a file that the configuration names. It changes a relative name to the name of the
// file beside the configuration file. Only the owner and the group may have access to a private
// file.
func (k checker) read(path string, name *File, private bool) ([]byte, bool) {
	file := string(*name)
	if !filepath.IsAbs(file) {
		file = filepath.Join(k.dir, file)
	}
	*name = File(file)
	const hint = "Names are relative to the configuration file's directory"
	k.files[file] = Digest{}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		k.add(path, quoted(file)+" does not exist", hint)
		return nil, false
	}
	if err != nil {
		k.unreadable(path, file, err)
		return nil, false
	}
	if !info.Mode().IsRegular() { // to open a pipe would wait for its writer
		k.add(path, quoted(file)+" is not a regular file", "Name the file itself")
		return nil, false
	}
	if mode := info.Mode().Perm(); private && mode&0o007 != 0 && runtime.GOOS != "windows" {
		k.add(path, fmt.Sprintf("%s is open to every user of the machine (mode %04o)", quoted(file), mode),
			"Run chmod 600 on it; in Kubernetes set defaultMode 0440 on the volume and fsGroup on the pod")
	}
	return k.content(path, file)
}

func (k checker) content(path, name string) ([]byte, bool) {
	f, err := os.Open(name) //nolint:gosec // the operator names the file
	if err != nil {
		k.unreadable(path, name, err)
		return nil, false
	}
	defer f.Close() //nolint:errcheck // the file was only read
	data, err := io.ReadAll(io.LimitReader(f, maxSecretBytes+1))
	if err != nil {
		k.unreadable(path, name, err)
		return nil, false
	}
	if len(data) > maxSecretBytes {
		k.add(path, quoted(name)+" is larger than 1 MiB", "Check that it is the right file")
		return nil, false
	}
	k.files[name] = sha256.Sum256(data)
	return data, true
}

func (k checker) unreadable(path, name string, err error) {
	k.add(path, quoted(name)+" cannot be read: "+cause(err), "Check who owns the file, its mode and its directories")
}

func quoted[T ~string](name T) string { return strconv.Quote(string(name)) }
