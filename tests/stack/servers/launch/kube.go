package main

import (
	"context"
	"crypto/x509/pkix"
	"os"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// kubeReady is where the control plane is.
type kubeReady struct {
	Server string `json:"server"`
	// Kubeconfigs of the users, by name. That of "certificate" authenticates with a client certificate, as an admin.
	Kubeconfigs map[string]string `json:"kubeconfigs"`
	// Audit is the log of every request that a user made: one event of audit.k8s.io/v1 a line.
	Audit string `json:"audit"`
}

// auditPolicy logs who asked for what, twice: when a request arrives, which is before its answer, and when it was
// answered. Events of a request that was answered are thus never missing.
const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: None, users: ["` + servers + `", "system:apiserver"]}
- {level: Metadata}
`

// kube runs etcd, kube-apiserver, kube-controller-manager, and a node that pretends.
func kube(s *session) (any, error) {
	at, err := addresses(5)
	if err != nil {
		return nil, err
	}
	etcd, peer, server := "http://"+at[0], "http://"+at[1], "https://"+at[2]

	if err := s.start(s.command("etcd", "--data-dir="+s.path("etcd"), "--log-level=error", "--unsafe-no-fsync",
		"--listen-client-urls="+etcd, "--advertise-client-urls="+etcd,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer,
	)); err != nil {
		return nil, err
	}

	ca, err := newAuthority(s)
	if err != nil {
		return nil, err
	}
	for name, subject := range map[string]pkix.Name{
		"server":           {CommonName: "kube-apiserver"},
		"certificate":      {CommonName: "certificate", Organization: []string{"system:masters"}},
		"service-accounts": {CommonName: "service-accounts"},
	} {
		if err := ca.issue(s, name, subject); err != nil {
			return nil, err
		}
	}
	configs, err := writeTokens(s, server)
	if err != nil {
		return nil, err
	}
	configs["certificate"], err = writeKubeconfig(s, server, "certificate", map[string]string{
		"client-certificate": s.path("certificate.crt"), "client-key": s.path("certificate.key"),
	})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.path("audit.yaml"), []byte(auditPolicy), 0o600); err != nil {
		return nil, err
	}

	if err := s.start(s.command("kube-apiserver", "--etcd-servers="+etcd,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+port(at[2]),
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/16", "--cert-dir="+s.dir,
		"--tls-cert-file="+s.path("server.crt"), "--tls-private-key-file="+s.path("server.key"),
		"--client-ca-file="+s.path("ca.crt"), "--token-auth-file="+s.path("tokens.csv"),
		"--service-account-issuer="+server, "--service-account-key-file="+s.path("service-accounts.key"),
		"--service-account-signing-key-file="+s.path("service-accounts.key"),
		"--authorization-mode=RBAC", "--allow-privileged", "--enable-priority-and-fairness=false", "--profiling=false",
		"--audit-policy-file="+s.path("audit.yaml"), "--audit-log-path="+s.path("audit.log"),
	)); err != nil {
		return nil, err
	}
	config, err := loadConfig(configs[servers])
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	if err := s.until("kube-apiserver", func() bool {
		return client.RESTClient().Get().AbsPath("/readyz").Do(s.ctx).Error() == nil
	}); err != nil {
		return nil, err
	}
	for group, role := range map[string]string{"stack:editors": "edit", "stack:viewers": "view"} {
		if err := bind(s.ctx, client, group, role); err != nil {
			return nil, err
		}
	}

	if err := s.start(s.command("kube-controller-manager", "--kubeconfig="+configs[servers],
		"--bind-address=127.0.0.1", "--secure-port="+port(at[3]), "--cert-dir="+s.dir,
		"--leader-elect=false", "--use-service-account-credentials=false", "--profiling=false",
		"--service-account-private-key-file="+s.path("service-accounts.key"), "--root-ca-file="+s.path("ca.crt"),
		// What looks after nodes and their disks would find that ours has neither.
		"--controllers=*,-node-lifecycle-controller,-node-ipam-controller,-cloud-node-lifecycle-controller,"+
			"-persistentvolume-attach-detach-controller",
		"--kube-api-qps=200", "--kube-api-burst=400",
	)); err != nil {
		return nil, err
	}
	if err := startNode(s, client, at[4]); err != nil {
		return nil, err
	}
	// The controllers make the default service account, without which there are no pods, and the rules of "view".
	if err := s.until("kube-controller-manager", func() bool {
		_, err := client.CoreV1().ServiceAccounts("default").Get(s.ctx, "default", metav1.GetOptions{})
		view, missing := client.RbacV1().ClusterRoles().Get(s.ctx, "view", metav1.GetOptions{})
		return err == nil && missing == nil && len(view.Rules) > 0
	}); err != nil {
		return nil, err
	}
	return kubeReady{Server: server, Kubeconfigs: configs, Audit: s.path("audit.log")}, nil
}

func loadConfig(kubeconfig string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err == nil {
		config.QPS, config.Burst = 200, 400
	}
	return config, err
}

// bind gives a group a role in the whole cluster.
func bind(ctx context.Context, client kubernetes.Interface, group, role string) error {
	_, err := client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: group},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: group}},
	}, metav1.CreateOptions{})
	return err
}
