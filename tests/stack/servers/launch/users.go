package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"strings"
	"time"
)

// identity is someone the API server knows by a bearer token.
type identity struct{ name, group string }

// users are from all rights down to none. Who has rights in one namespace only is a service account of the test's.
var users = []identity{
	{"admin", "system:masters"},
	{"editor", "stack:editors"},
	{"viewer", "stack:viewers"},
	{"nobody", "stack:none"},
	{servers, "system:masters"},
}

// servers is who controllers and the node are, so that the audit log can leave them out.
const servers = "stack:servers"

// writeTokens gives each user a token, in the API server's file of tokens and in a kubeconfig. It answers the kubeconfigs.
func writeTokens(s *session, server string) (map[string]string, error) {
	var rows strings.Builder
	configs := map[string]string{}
	for _, u := range users {
		random := make([]byte, 16)
		rand.Read(random)
		token := hex.EncodeToString(random)
		rows.WriteString(token + "," + u.name + "," + u.name + "," + u.group + "\n")
		config, err := writeKubeconfig(s, server, u.name, map[string]string{"token": token})
		if err != nil {
			return nil, err
		}
		configs[u.name] = config
	}
	return configs, os.WriteFile(s.path("tokens.csv"), []byte(rows.String()), 0o600)
}

func writeKubeconfig(s *session, server, name string, credentials map[string]string) (string, error) {
	type named map[string]any
	// JSON is YAML, and needs no quoting of ours.
	text, err := json.Marshal(named{
		"apiVersion": "v1", "kind": "Config", "current-context": "stack",
		"clusters": []named{{"name": "stack", "cluster": named{"server": server, "certificate-authority": s.path("ca.crt")}}},
		"users":    []named{{"name": name, "user": credentials}},
		"contexts": []named{{"name": "stack", "context": named{"cluster": "stack", "user": name}}},
	})
	if err != nil {
		return "", err
	}
	file := s.path(strings.ReplaceAll(name, ":", "-") + ".kubeconfig")
	return file, os.WriteFile(file, text, 0o600)
}

// authority signs the certificates of one session.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func newAuthority(s *session) (*authority, error) {
	a := &authority{}
	t := template(pkix.Name{CommonName: "stack"})
	t.IsCA, t.KeyUsage = true, x509.KeyUsageCertSign
	var err error
	a.certificate, a.key, err = a.sign(s, "ca", t)
	return a, err
}

// issue writes NAME.crt and NAME.key for a server on loopback or a client.
func (a *authority) issue(s *session, name string, subject pkix.Name) error {
	t := template(subject)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	t.DNSNames = []string{"localhost", "kubernetes.default.svc"}
	t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	_, _, err := a.sign(s, name, t)
	return err
}

func template(subject pkix.Name) *x509.Certificate {
	return &x509.Certificate{
		Subject: subject, KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
}

// sign writes a certificate and its key; the first one signs itself.
func (a *authority) sign(s *session, name string, t *x509.Certificate) (*x509.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t.SerialNumber, _ = rand.Int(rand.Reader, big.NewInt(1<<62))
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = t, key
	}
	certificate, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	for ending, block := range map[string]*pem.Block{
		".crt": {Type: "CERTIFICATE", Bytes: certificate},
		".key": {Type: "EC PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(s.path(name+ending), pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, nil, err
		}
	}
	parsed, err := x509.ParseCertificate(certificate)
	return parsed, key, err
}
