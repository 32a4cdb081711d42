package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

var (
	gitRepositories = schema.GroupVersionResource{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: "gitrepositories"}
	secrets         = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
)

// requested is the annotation by which flux reconcile asks, and finds in the status that it was heard.
const requested = "reconcile.fluxcd.io/requestedAt"

// gitSource does what Flux's source-controller does for a GitRepository: it packs the branch's newest commit, serves the
// archive, and publishes it in the object's status. The real one cannot be built from modules.
type gitSource struct {
	session *session
	client  dynamic.Interface
	url     string // where dir is served
	dir     string
}

func startGitSource(s *session) error {
	config, err := loadConfig(s.kubeconfig)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	g := &gitSource{session: s, client: client, url: "http://" + listener.Addr().String(), dir: s.path("artifacts")}
	go http.Serve(listener, http.FileServer(http.Dir(g.dir)))
	go g.run()
	return nil
}

// run looks at all repositories four times a second, whatever interval they ask for: tests wait for it.
func (g *gitSource) run() {
	for ticks := time.NewTicker(250 * time.Millisecond); ; {
		select {
		case <-g.session.ctx.Done():
			return
		case <-ticks.C:
		}
		list, err := g.client.Resource(gitRepositories).List(g.session.ctx, metav1.ListOptions{})
		if err != nil {
			continue
		}
		for i := range list.Items {
			g.reconcile(&list.Items[i])
		}
	}
}

func (g *gitSource) reconcile(o *unstructured.Unstructured) {
	if suspended, _, _ := unstructured.NestedBool(o.Object, "spec", "suspend"); suspended {
		return
	}
	status := map[string]any{"observedGeneration": o.GetGeneration()}
	revision, archive, err := g.fetch(o)
	if err != nil {
		if message(o) == err.Error() {
			return
		}
		status["conditions"] = conditions(o, "False", "GitOperationFailed", err.Error())
	} else {
		said := "stored artifact for revision '" + revision + "'"
		heard, _, _ := unstructured.NestedString(o.Object, "status", "lastHandledReconcileAt")
		seen, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
		if message(o) == said && seen == o.GetGeneration() && heard == o.GetAnnotations()[requested] {
			return
		}
		status["artifact"] = archive
		status["conditions"] = conditions(o, "True", "Succeeded", said)
	}
	if at, ok := o.GetAnnotations()[requested]; ok {
		status["lastHandledReconcileAt"] = at
	}
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return
	}
	g.client.Resource(gitRepositories).Namespace(o.GetNamespace()).
		Patch(g.session.ctx, o.GetName(), types.MergePatchType, patch, metav1.PatchOptions{}, "status")
}

func conditions(o *unstructured.Unstructured, status, reason, message string) []any {
	return []any{map[string]any{
		"type": "Ready", "status": status, "reason": reason, "message": message,
		"observedGeneration": o.GetGeneration(), "lastTransitionTime": time.Now().UTC().Format(time.RFC3339),
	}}
}

// message is what the object's only condition says.
func message(o *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	if len(conditions) == 0 {
		return ""
	}
	condition, _ := conditions[0].(map[string]any)
	message, _, _ := unstructured.NestedString(condition, "message")
	return message
}

// fetch packs the newest commit of the branch, unless it is packed already. It answers the revision and the status's
// artifact.
func (g *gitSource) fetch(o *unstructured.Unstructured) (string, map[string]any, error) {
	ctx, cancel := context.WithTimeout(g.session.ctx, 30*time.Second)
	defer cancel()
	branch := field(o, "spec", "ref", "branch")
	if branch == "" {
		branch = "master" // as source-controller has it
	}
	remote, err := g.remote(ctx, o)
	if err != nil {
		return "", nil, err
	}
	git := func(args ...string) (string, error) {
		out, err := g.session.output(g.session.command("git", args...))
		if err != nil { // the password is in the URL, and the message in everybody's sight
			err = fmt.Errorf("%s", strings.ReplaceAll(err.Error(), remote, field(o, "spec", "url")))
		}
		return strings.TrimSpace(out), err
	}
	head, err := git("ls-remote", remote, "refs/heads/"+branch)
	if err != nil {
		return "", nil, err
	}
	commit, _, found := strings.Cut(head, "\t")
	if !found {
		return "", nil, fmt.Errorf("couldn't find remote ref \"refs/heads/%s\"", branch)
	}

	name := string(o.GetUID()) + "/" + commit + ".tar.gz"
	archive := filepath.Join(g.dir, name)
	if _, err := os.Stat(archive); err != nil {
		clone := g.session.path(string(o.GetUID()) + ".git")
		if err := os.MkdirAll(filepath.Dir(archive), 0o700); err != nil {
			return "", nil, err
		}
		for _, args := range [][]string{
			{"init", "--quiet", "--bare", clone},
			{"-C", clone, "fetch", "--quiet", "--depth=1", remote, commit},
			{"-C", clone, "archive", "--format=tar.gz", "--output=" + archive, commit + "^{tree}"},
		} {
			if _, err := git(args...); err != nil {
				return "", nil, err
			}
		}
	}
	content, err := os.ReadFile(archive)
	if err != nil {
		return "", nil, err
	}
	revision := branch + "@sha1:" + commit
	return revision, map[string]any{
		"revision": revision, "path": name, "url": g.url + "/" + name, "size": len(content),
		"digest":         fmt.Sprintf("sha256:%x", sha256.Sum256(content)),
		"lastUpdateTime": time.Now().UTC().Format(time.RFC3339),
	}, nil
}

// remote is the repository's URL with the user and password of its secret.
func (g *gitSource) remote(ctx context.Context, o *unstructured.Unstructured) (string, error) {
	remote, err := url.Parse(field(o, "spec", "url"))
	if err != nil {
		return "", err
	}
	name := field(o, "spec", "secretRef", "name")
	if name == "" {
		return remote.String(), nil
	}
	secret, err := g.client.Resource(secrets).Namespace(o.GetNamespace()).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	user, _ := base64.StdEncoding.DecodeString(field(secret, "data", "username"))
	password, _ := base64.StdEncoding.DecodeString(field(secret, "data", "password"))
	remote.User = url.UserPassword(string(user), string(password))
	return remote.String(), nil
}

func field(o *unstructured.Unstructured, path ...string) string {
	value, _, _ := unstructured.NestedString(o.Object, path...)
	return value
}
