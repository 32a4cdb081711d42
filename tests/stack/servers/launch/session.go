package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// session is one part while it runs: its directory, and the programs it started.
type session struct {
	ctx        context.Context
	dir        string
	kubeconfig string
	ended      chan error // why a program that should be running is not
	children   sync.WaitGroup
}

func (s *session) path(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}

// command is a program with the environment of a machine that has nothing but PATH, and the session's directory as home.
func (s *session) command(name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(s.ctx, name, args...)
	c.Dir = s.dir
	c.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "TMPDIR=" + s.dir, "LC_ALL=C", "KUBECONFIG=" + s.kubeconfig,
		// Not /dev/null, as elsewhere: what a server writes with `git config --global` replaces the file.
		"GIT_CONFIG_GLOBAL=" + s.path("gitconfig"), "GIT_CONFIG_SYSTEM=" + s.path("gitconfig-system"),
		"GIT_TERMINAL_PROMPT=0",
	}
	return c
}

// output runs a program to its end.
func (s *session) output(c *exec.Cmd) (string, error) {
	out, err := c.Output()
	if failed, ok := err.(*exec.ExitError); ok {
		return "", fmt.Errorf("%s %s: %w: %s%s", filepath.Base(c.Path), c.Args[1], err, out, failed.Stderr)
	}
	return string(out), err
}

// start runs a server until the session ends. If this process dies without a chance to say so, the kernel kills it.
func (s *session) start(c *exec.Cmd) error {
	name := filepath.Base(c.Args[0])
	log, err := os.Create(s.path(name + ".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	if err := c.Start(); err != nil {
		return err
	}
	s.children.Add(1)
	go func() {
		defer s.children.Done()
		err := c.Wait()
		select {
		case s.ended <- fmt.Errorf("%s ended: %v\n%s", name, err, tail(log.Name())):
		case <-s.ctx.Done():
		}
	}()
	return nil
}

// until waits for ok, which is asked often; name says what for.
func (s *session) until(name string, ok func() bool) error {
	deadline := time.After(2 * time.Minute)
	for !ok() {
		select {
		case err := <-s.ended:
			return err
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-deadline:
			return fmt.Errorf("%s is not ready after two minutes\n%s", name, tail(s.path(name+".log")))
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// listens waits until the server called name accepts connections.
func (s *session) listens(name, address string) error {
	return s.until(name, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// tail is the end of a log, for an error: the log itself goes with the session's directory.
func tail(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// addresses are n free ports of the loopback interface, as host:port.
func addresses(n int) ([]string, error) {
	var found []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all are held until the last is found, so they differ
		found = append(found, l.Addr().String())
	}
	return found, nil
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// beside is a file that was put next to a program when it was built.
func beside(program, file string) (string, error) {
	path, err := exec.LookPath(program)
	return filepath.Join(filepath.Dir(path), file), err
}
