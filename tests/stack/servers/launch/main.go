// Command launch runs one part of the servers that gitopsy is tested on: kube, flux, argo or gitea.
//
// When the part is ready, one line of JSON on standard output says where everything is. It runs until standard input
// ends, as it does when the test process dies, and leaves nothing behind: no process, no file. The programs it starts
// are found on PATH.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func init() {
	// The kernel kills a child when the thread that started it ends, so children are started from a thread that does not.
	runtime.LockOSThread()
}

func main() {
	if err := launch(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "launch:", err)
		os.Exit(1)
	}
}

func launch(args []string) error {
	parts := map[string]func(*session) (any, error){"kube": kube, "flux": flux, "argo": argo, "gitea": gitea}
	flags := flag.NewFlagSet("launch", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "the `file` to reach the API server with (flux, argo)")
	if len(args) == 0 || parts[args[0]] == nil {
		return fmt.Errorf("usage: launch kube|gitea|flux|argo [--kubeconfig FILE]")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}

	dir, err := os.MkdirTemp("", "gitopsy-"+args[0]+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	s := &session{ctx: ctx, dir: dir, kubeconfig: *kubeconfig, ended: make(chan error)}
	defer func() { stop(); s.children.Wait() }()
	go func() { io.Copy(io.Discard, os.Stdin); stop() }()

	ready, err := parts[args[0]](s)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.ended:
		return err
	}
}
