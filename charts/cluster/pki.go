package cluster

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// pki are the certificates of a cluster, in its directory.
type pki struct {
	tb  testing.TB
	dir string
	ca  *x509.Certificate
	key crypto.Signer
}

func newPKI(tb testing.TB, dir string) *pki {
	tb.Helper()
	p := &pki{tb: tb, dir: dir}
	p.issue("ca", &x509.Certificate{
		Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	})
	// The server uses its certificate also as a client of kubelet, hence the group.
	p.issue("apiserver", &x509.Certificate{
		Subject:     pkix.Name{CommonName: "apiserver", Organization: []string{"system:masters"}},
		DNSNames:    []string{"kubernetes.default.svc"},
		IPAddresses: []net.IP{net.ParseIP(NodeIP), net.ParseIP(serviceIP)},
	})
	p.issue("accounts", &x509.Certificate{Subject: pkix.Name{CommonName: "accounts"}})
	p.user("admin", pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}})
	p.user("kubelet", pkix.Name{CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}})
	p.user("proxy", pkix.Name{CommonName: "system:kube-proxy"})
	return p
}

// issue writes a key and a certificate. The authority signs it; the authority's own certificate signs itself.
func (p *pki) issue(name string, template *x509.Certificate) {
	p.tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.tb.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	if !template.IsCA {
		template.KeyUsage = x509.KeyUsageDigitalSignature
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	parent, signer := p.ca, p.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		p.tb.Fatal(err)
	}
	if p.ca == nil {
		p.key = key
		if p.ca, err = x509.ParseCertificate(der); err != nil {
			p.tb.Fatal(err)
		}
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		p.tb.Fatal(err)
	}
	p.write(name+".crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	p.write(name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})))
}

// user writes a certificate and a kubeconfig with it.
func (p *pki) user(name string, subject pkix.Name) {
	p.tb.Helper()
	p.issue(name, &x509.Certificate{Subject: subject})
	p.write(name+".conf", fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{ name: test, cluster: { server: "https://%s", certificate-authority: "%s" } }]
users: [{ name: test, user: { client-certificate: "%s", client-key: "%s" } }]
contexts: [{ name: test, context: { cluster: test, user: test } }]
current-context: test
`, apiAddress, p.path("ca.crt"), p.path(name+".crt"), p.path(name+".key")))
}

func (p *pki) path(name string) string { return filepath.Join(p.dir, name) }

func (p *pki) write(name, text string) {
	p.tb.Helper()
	if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
		p.tb.Fatal(err)
	}
}
