package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"testing"
)

// writeKeys writes ca.pem, client.pem, client.key and signing.key into dir.
func writeKeys(t *testing.T, dir string) {
	t.Helper()
	key := newECKey(t, elliptic.P256())
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "ca.pem"), encode("CERTIFICATE", cert), 0o644)
	write(t, filepath.Join(dir, "outbound.pem"), encode("CERTIFICATE", cert), 0o644)
	write(t, filepath.Join(dir, "client.pem"), encode("CERTIFICATE", cert), 0o644)
	write(t, filepath.Join(dir, "client.key"), pkcs8(t, key), 0o600)
	write(t, filepath.Join(dir, "signing.key"), pkcs8(t, key), 0o440)
}

func newECKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(t *testing.T, key crypto.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return encode("PRIVATE KEY", der)
}
