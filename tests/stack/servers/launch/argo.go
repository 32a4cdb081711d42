package main

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/alicebob/miniredis/v2"
)

// defaultProject is what Argo CD's API server, which is not run, would make.
const defaultProject = `
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default}
spec: {sourceRepos: ['*'], destinations: [{namespace: '*', server: '*'}], clusterResourceWhitelist: [{group: '*', kind: '*'}]}
---
apiVersion: v1
kind: Secret
metadata: {name: argocd-secret}
stringData: {server.secretkey: none}
`

// argo runs Argo CD's application controller and repo server, on a Redis in this process. Reconciliation is asked for
// with the annotation argocd.argoproj.io/refresh: left alone, the repo server remembers a branch for some time.
func argo(s *session) (any, error) {
	const namespace = "argocd"
	program, err := exec.LookPath("argocd")
	if err != nil {
		return nil, err
	}
	home := filepath.Dir(program)
	if err := s.define(namespace, "--kustomize="+filepath.Join(home, "crds")); err != nil {
		return nil, err
	}
	config := s.command("kubectl", "apply", "--server-side", "-n", namespace, "-k", filepath.Join(home, "config"))
	if _, err := s.output(config); err != nil {
		return nil, err
	}
	if err := s.apply(defaultProject, "-n", namespace, "--force-conflicts"); err != nil {
		return nil, err
	}

	redis := miniredis.NewMiniRedis()
	if err := redis.Start(); err != nil {
		return nil, err
	}
	at, err := addresses(3)
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{"tls", "ssh", "gnupg", "keys", "plugins"} {
		if err := os.Mkdir(s.path(dir), 0o700); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(s.path("ssh", "ssh_known_hosts"), nil, 0o600); err != nil {
		return nil, err
	}
	// One program is all of Argo CD's; the name it is called by says which.
	server := func(name string, args ...string) error {
		c := s.command(program, append(args, "--redis="+redis.Addr())...)
		c.Args[0] = name
		c.Env = append(c.Env, "ARGOCD_BINARY_NAME="+name, "ARGOCD_FAKE_IN_CLUSTER=true", "ARGOCD_GPG_ENABLED=false",
			"ARGOCD_TLS_DATA_PATH="+s.path("tls"), "ARGOCD_SSH_DATA_PATH="+s.path("ssh"),
			"ARGOCD_GNUPGHOME="+s.path("gnupg"), "ARGOCD_GPG_DATA_PATH="+s.path("keys"),
			"ARGOCD_PLUGINSOCKFILEPATH="+s.path("plugins"), "ARGOCD_ENABLE_DYNAMIC_CLUSTER_DISTRIBUTION=false",
			"ARGOCD_RECONCILIATION_TIMEOUT=2s", "ARGOCD_RECONCILIATION_JITTER=0s")
		return s.start(c)
	}
	if err := server("argocd-repo-server", "--address=127.0.0.1", "--port="+port(at[0]),
		"--metrics-address=127.0.0.1", "--metrics-port="+port(at[1]), "--disable-tls", "--client-ca-path=",
		"--revision-cache-expiration=1s",
	); err != nil {
		return nil, err
	}
	if err := s.listens("argocd-repo-server", at[0]); err != nil {
		return nil, err
	}
	if err := server("argocd-application-controller", "--namespace="+namespace,
		"--repo-server="+at[0], "--repo-server-plaintext", "--metrics-port="+port(at[2]),
		"--app-resync=2", "--self-heal-timeout-seconds=1", "--status-processors=2", "--operation-processors=2",
	); err != nil {
		return nil, err
	}
	return inCluster{namespace}, s.listens("argocd-application-controller", at[2])
}
