package main

import "strings"

// inCluster is where the parts that live in the cluster are, for Flux and Argo CD.
type inCluster struct {
	Namespace string `json:"namespace"`
}

// flux runs Flux's kustomize-controller, and our git source instead of its source-controller.
func flux(s *session) (any, error) {
	const namespace = "flux-system"
	definitions, err := beside("kustomize-controller", "crds")
	if err != nil {
		return nil, err
	}
	if err := s.define(namespace, "--filename="+definitions); err != nil {
		return nil, err
	}
	if err := startGitSource(s); err != nil {
		return nil, err
	}
	at, err := addresses(1)
	if err != nil {
		return nil, err
	}
	c := s.command("kustomize-controller", "--watch-all-namespaces", "--enable-leader-election=false",
		"--metrics-addr=0", "--health-addr="+at[0], "--requeue-dependency=1s", "--log-level=info")
	c.Env = append(c.Env, "RUNTIME_NAMESPACE="+namespace)
	if err := s.start(c); err != nil {
		return nil, err
	}
	return inCluster{namespace}, s.listens("kustomize-controller", at[0])
}

// define makes a namespace and applies custom resource definitions; where they are is an argument of kubectl's.
func (s *session) define(namespace, definitions string) error {
	if err := s.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + namespace + "}\n"); err != nil {
		return err
	}
	names, err := s.output(s.command("kubectl", "apply", "--server-side", "--output=name", definitions))
	if err != nil {
		return err
	}
	// A definition without any condition yet is an error to kubectl, not something to wait for.
	wait := append([]string{"wait", "--for=condition=Established", "--timeout=1s"}, strings.Fields(names)...)
	return s.until("what is defined in "+namespace, func() bool {
		_, err := s.output(s.command("kubectl", wait...))
		return err == nil
	})
}

// apply applies manifests given as text.
func (s *session) apply(manifests string, args ...string) error {
	c := s.command("kubectl", append([]string{"apply", "--server-side", "--filename=-"}, args...)...)
	c.Stdin = strings.NewReader(manifests)
	_, err := s.output(c)
	return err
}
